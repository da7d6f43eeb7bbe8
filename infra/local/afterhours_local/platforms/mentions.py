"""A listening tool that posts what others say elsewhere, signed as Standard Webhooks says. It takes no calls."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from afterhours_local.platforms.fake import FakeAccount, FakePlatform, Said
from afterhours_local.platforms.faults import Reply, as_json


class FakeMentions(FakePlatform):
    NAME = "mentions"

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply | None:
        return as_json(404, b'{"error":"a listening tool has no API of ours"}')

    def say(
        self,
        channel: str,
        account: str,
        contact: str,
        text: str,
        *,
        name: str | None = None,
        network: str = "reddit",
        link: str | None = None,
    ) -> Said:
        """Somebody writes about the account's owner on a network."""
        number = self.next_number()
        moment = datetime.fromtimestamp(self._now_ms() / 1000, UTC)
        mention = {
            "id": str(number),
            "network": network,
            "author": {"name": name or contact, "url": f"https://{network}.example/u/{contact}"},
            "text": text,
            "url": link or f"https://{network}.example/posts/{number}",
            "posted_at": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "language": "en",
        }
        return Said(str(number), *self.deliver(account, {"mentions": [mention]}))

    def deliver(self, account: str, body: dict[str, Any]) -> tuple[int, bytes]:
        """Post a body, signed; what the webhook answered."""
        known, raw = self.account(self.NAME, account), json.dumps(body).encode()
        headers = {"content-type": "application/json", **self.signed(known, raw)}
        answer = self._deliver("POST", known.webhook_url, headers, raw)
        return answer.status, answer.body

    def signed(self, account: FakeAccount, raw: bytes) -> dict[str, str]:
        key = base64.b64decode(account.secret.removeprefix("whsec_"))
        message_id, timestamp = f"msg_{self.next_number()}", str(self._now_ms() // 1000)
        digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + raw, hashlib.sha256).digest()
        signature = "v1," + base64.b64encode(digest).decode()
        return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": signature}


FAKE = FakeMentions

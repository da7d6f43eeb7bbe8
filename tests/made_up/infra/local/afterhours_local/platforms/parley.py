"""A strict fake of Parley."""

import hashlib
import hmac
import json
from collections.abc import Mapping

from afterhours_local.platforms.fake import FakePlatform, Said, Sent
from afterhours_local.platforms.faults import Reply, as_json


class FakeParley(FakePlatform):
    NAME = "parley"

    def say(self, channel: str, account: str, contact: str, text: str, *, name: str | None = None) -> Said:
        known, number = self.account(channel, account), f"m{self.next_number()}"
        body = json.dumps({"id": number, "from": contact, "text": text, "at": self._now_ms()}).encode()
        digest = hmac.new(known.secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {"content-type": "application/json", "x-parley-signature": digest}
        return Said(number, *self._deliver("POST", known.webhook_url, headers, body))

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply | None:
        asked = json.loads(body)
        account = next((one for one in self.accounts() if headers.get("authorization") == f"Bearer {one.token}"), None)
        if account is None or (method, path) != ("POST", "/messages"):
            return as_json(401, b"{}")
        number = f"m{self.next_number()}"
        self.keep(Sent("parley", account.id, asked["to"], asked["text"], self._now_ms(), number))
        return as_json(201, json.dumps({"id": number}).encode())


FAKE = FakeParley

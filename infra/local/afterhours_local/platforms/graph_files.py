"""Files that customers sent, as Meta hands them out: WhatsApp's by media id and token, the others by a signed address.

The addresses name the real hosts, whose place the fake takes in the local stack, and open their file for a while only.
"""

import base64
import hashlib
import itertools
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, urlsplit

from afterhours_local.platforms import faults
from afterhours_local.platforms.faults import Reply
from afterhours_local.platforms.graph_requests import GraphError

DAY_MS = 86_400_000
MEDIA_ID_MS = 7 * DAY_MS  # ids in webhooks, as documented
MEDIA_URL_MS = 5 * 60_000
FILE_URL_MS = 7 * DAY_MS  # not documented; some days are seen
PATHS = ("/whatsapp_business/attachments/", "/ig_messaging_cdn/", "/v/")


class File(NamedTuple):
    """What a customer attaches. `type` is image, video, audio, sticker or file."""

    type: str
    body: bytes
    mime_type: str = "application/octet-stream"
    name: str | None = None


class Kept(NamedTuple):
    file: File
    account: tuple[str, str]  # channel and id
    until_ms: int


class Files:
    """Not safe under threads: the platform holds its lock."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._numbers = itertools.count(1)
        self._kept: dict[str, Kept] = {}

    def keep(self, channel: str, account: str, file: File) -> dict[str, Any]:
        """Take a file in; how it stands in the webhook."""
        until = self._now_ms() + (MEDIA_ID_MS if channel == "whatsapp" else FILE_URL_MS)
        number = f"{self._now_ms()}{next(self._numbers):03d}"
        self._kept[number] = Kept(file, (channel, account), until)
        if channel == "whatsapp":
            digest = base64.b64encode(hashlib.sha256(file.body).digest()).decode()
            media = {"mime_type": file.mime_type, "sha256": digest, "id": number}
            return {**media, "filename": file.name} if file.name else media
        return {"type": file.type, "payload": {"url": _address(channel, number, file, until)}}

    def describe(self, number: str, accounts: list[tuple[str, str]]) -> Reply:
        """`GET /{media-id}` of somebody who may act for these accounts. Raises GraphError."""
        kept = self._kept.get(number)
        known = [account for account in accounts if account[0] == "whatsapp"]
        if kept is None or kept.account not in known or self._is_over(kept.until_ms):
            message = f"Unsupported get request. Object with ID '{number}' does not exist"
            raise GraphError(100, message, subcode=33)
        until = self._now_ms() + MEDIA_URL_MS
        query = f"mid={number}&source=getMedia&ext={until // 1000}&hash={_signature(number, until // 1000)}"
        answer = {
            "messaging_product": "whatsapp",
            "url": f"https://lookaside.fbsbx.com/whatsapp_business/attachments/?{query}",
            "mime_type": kept.file.mime_type,
            "sha256": hashlib.sha256(kept.file.body).hexdigest(),
            "file_size": len(kept.file.body),
            "id": number,
        }
        return faults.as_json(200, json.dumps(answer).encode())

    def media(self, target: str, accounts: list[tuple[str, str]]) -> Reply:
        """The bytes behind an address of `describe`, which wants the token once more."""
        query = _query(target)
        number, until = query.get("mid", ""), query.get("ext", "")
        kept = self._kept.get(number)
        if kept is None or kept.account not in accounts or query.get("hash") != _signature(number, until):
            return Reply(404, b"", {})
        return Reply(404, b"", {}) if self._is_over(int(until) * 1000) else _bytes(kept.file)

    def download(self, target: str, headers: Mapping[str, str]) -> Reply:
        """The bytes behind an address of a webhook. Stricter than the platform: a token has no business here."""
        if "authorization" in headers:
            return Reply(400, b"No token is wanted here", {})
        query, path = _query(target), urlsplit(target).path
        named = query.get("asset_id") or next(iter(re.findall(r"[0-9]{16,}", path)), "")
        kept = self._kept.get(named)
        if kept is None or kept.account[0] == "whatsapp":
            return Reply(404, b"", {})
        if query.get("signature", query.get("oh")) != _signature(named, kept.until_ms):
            return Reply(403, b"URL signature mismatch", {})
        return Reply(403, b"URL signature expired", {}) if self._is_over(kept.until_ms) else _bytes(kept.file)

    def _is_over(self, until_ms: int) -> bool:
        return self._now_ms() > until_ms


def _address(channel: str, number: str, file: File, until_ms: int) -> str:
    signature = _signature(number, until_ms)
    if channel == "instagram":
        return f"https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id={number}&signature={signature}"
    signed = f"oh={signature}&oe={until_ms // 1000:X}"
    if file.type == "file":
        return f"https://cdn.fbsbx.com/v/t59.2708-21/{number}_n.bin/{quote(file.name or 'file')}?_nc_cat=1&{signed}"
    return f"https://scontent.xx.fbcdn.net/v/t1.15752-9/{number}_n.jpg?_nc_cat=1&{signed}"


def _signature(number: str, until: object) -> str:
    return hashlib.sha256(f"signed by the fake {number} {until}".encode()).hexdigest()[:32]


def _query(target: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}


def _bytes(file: File) -> Reply:
    return Reply(200, file.body, {"Content-Type": file.mime_type})

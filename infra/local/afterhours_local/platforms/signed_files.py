"""Files behind addresses of a fake platform's that are signed and open them for a while."""

import hashlib
from collections.abc import Callable
from urllib.parse import parse_qsl

from afterhours_local.platforms.faults import Reply


class SignedFiles:
    """By name. Not safe under threads: the platform holds its lock."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._kept: dict[str, bytes] = {}

    def keep(self, name: str, data: bytes) -> None:
        self._kept[name] = data

    def query(self, name: str, lives_ms: int) -> str:
        """What opens the file as long as it lives."""
        until = self._now_ms() + lives_ms
        return f"expires={until}&signature={_signature(name, until)}"

    def open(self, name: str, query: str) -> Reply:
        signed = dict(parse_qsl(query))
        until = int(signed.get("expires", "0"))
        if name not in self._kept:
            return Reply(404, b"", {})
        if signed.get("signature") != _signature(name, until) or self._now_ms() > until:
            return Reply(403, b"AccessDenied", {"Content-Type": "application/xml"})
        return Reply(200, self._kept[name], {"Content-Type": "image/jpeg"})


def _signature(name: str, until: int) -> str:
    return hashlib.sha256(f"signed by the fake {name} {until}".encode()).hexdigest()[:32]

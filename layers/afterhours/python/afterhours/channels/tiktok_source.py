"""The source of TikTok's webhooks: one app carries direct messages and comments of many accounts, one event a delivery.

Runs in the webhook function: stdlib only. Contract: platforms/tiktok.md, sections 1 to 4. The signature covers a time
that may be five minutes from ours; what is older is refused, and TikTok delivers it again.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from afterhours import settings
from afterhours.channels import signature, untrusted
from afterhours.channels.contract import Answer, MalformedPayload, Piece, Request

HEADER = "tiktok-signature"
FRESH_S = 300
COMMENT = "comment.update"

_CHALLENGE = re.compile(r"[0-9A-Za-z_-]{1,128}")  # echoed: nothing that a browser could take for markup
_SECONDS = re.compile(r"[0-9]{10}")  # ASCII only: int() takes full-width digits, signs, blanks and "_" as well
_DIGEST = re.compile(r"[0-9a-f]{64}")


def handshake(request: Request, credentials: Mapping[str, Any]) -> Answer:
    """None is documented; a challenge that is asked for all the same is given back. It signs nothing."""
    challenge = request.query.get("challenge", "")
    return Answer(200, challenge if _CHALLENGE.fullmatch(challenge) else "ok")


def verify(request: Request, secrets: Sequence[str]) -> bool:
    parts = _parts(request.headers.get(HEADER))
    if parts is None or abs(settings.now_ms() - int(parts["t"]) * 1000) > FRESH_S * 1000:
        return False
    return signature.verify(parts["t"].encode("ascii") + b"." + request.body, parts["s"], secrets)


def _parts(header: str | None) -> dict[str, str] | None:
    """The header's two parts, in either order; None where one is missing, twice there or not as it is documented."""
    pairs = [part.partition("=") for part in header.split(",", 2)] if isinstance(header, str) else []
    parts = {name: value for name, _, value in pairs}
    if len(pairs) != 2 or parts.keys() != {"t", "s"}:
        return None
    return parts if _SECONDS.fullmatch(parts["t"]) and _DIGEST.fullmatch(parts["s"]) else None


def sign(body: bytes, secret: str) -> dict[str, str]:
    moment = str(settings.now_ms() // 1000)
    return {HEADER: f"t={moment},s={signature.sign(moment.encode('ascii') + b'.' + body, secret)}"}


def split(body: bytes) -> list[Piece]:
    """The delivery itself; its `content` stays the text that it is."""
    delivery = untrusted.loads(body)
    if not isinstance(delivery, dict) or not isinstance(delivery.get("event"), str):
        raise MalformedPayload("no event")
    return [delivery]


def channel_of(piece: Piece) -> str:
    return "tiktok_comments" if piece.get("event") == COMMENT else "tiktok"


def content_of(piece: Piece) -> dict[str, Any]:
    """What stands in `content`, a JSON text in which ids are numbers beyond what a float holds."""
    content = piece.get("content")
    if isinstance(content, dict):
        return content
    if not isinstance(content, str):
        return {}
    inner = untrusted.loads(content.encode("utf-8", "surrogatepass"))
    if not isinstance(inner, dict):
        raise MalformedPayload("no content")
    return inner

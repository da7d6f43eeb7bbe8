"""The source of mentions from elsewhere: a listening tool posts them, signed as Standard Webhooks says.

Runs in the webhook function: stdlib only. Headers `webhook-id`, `webhook-timestamp` and `webhook-signature` (of the
form `v1,<base64>`, several parted by blanks); the secret is `whsec_` and base64. mentions.py describes the body.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Any

from afterhours import settings
from afterhours.channels import untrusted
from afterhours.channels.contract import Answer, MalformedPayload, Piece, Request

TOLERANCE_S = 300
MOST_SIGNATURES = 20  # of one header that are looked at
MOST_MENTIONS = 1_000
PREFIX = "whsec_"

# No dot: it parts what is signed, and "a.1" at "2" would be "a" at "1.2".
_ID = re.compile(r"[!-\-/-~]{1,256}")
_TIMESTAMP = re.compile(r"[0-9]{10}")


def handshake(request: Request, credentials: Mapping[str, Any]) -> Answer:
    """There is none."""
    return Answer(405, "method not allowed")


def verify(request: Request, secrets: Sequence[str]) -> bool:
    message_id, timestamp, given = (request.headers.get(f"webhook-{name}") for name in ("id", "timestamp", "signature"))
    if not (isinstance(message_id, str) and _ID.fullmatch(message_id) and isinstance(given, str)):
        return False
    if not (isinstance(timestamp, str) and _TIMESTAMP.fullmatch(timestamp)):
        return False
    if isinstance(secrets, str) or not isinstance(secrets, Sequence) or not isinstance(request.body, bytes):
        return False
    signed = f"{message_id}.{timestamp}.".encode("ascii") + request.body
    expected = [_digest(signed, key) for secret in secrets if (key := _key(secret))]
    matched = False
    for one in given.split(" ", MOST_SIGNATURES)[:MOST_SIGNATURES]:  # all, so that time does not tell which matched
        version, _, digest = one.partition(",")
        for right in expected:
            same = hmac.compare_digest(right, digest.encode("utf-8", "surrogatepass"))
            matched |= same and version == "v1"
    age_s = settings.now_ms() // 1000 - int(timestamp)
    return matched and -TOLERANCE_S <= age_s <= TOLERANCE_S


def sign(body: bytes, secret: str) -> dict[str, str]:
    key = _key(secret)
    if key is None:
        raise ValueError("not a secret of Standard Webhooks")
    message_id = "msg_" + hashlib.sha256(body).hexdigest()[:24]
    timestamp = str(settings.now_ms() // 1000)
    digest = _digest(f"{message_id}.{timestamp}.".encode("ascii") + body, key)
    signature = f"v1,{digest.decode('ascii')}"
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": signature}


def _digest(signed: bytes, key: bytes) -> bytes:
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256))


def _key(secret: object) -> bytes | None:
    """None for what is no secret: nothing is ever signed with it."""
    if not isinstance(secret, str) or not secret.startswith(PREFIX):
        return None
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key or None


def split(body: bytes) -> list[Piece]:
    """One piece a mention."""
    mentions = untrusted.mapping(untrusted.loads(body)).get("mentions")
    if not isinstance(mentions, list) or len(mentions) > MOST_MENTIONS:
        raise MalformedPayload("no list of mentions")
    return [{"mentions": [one]} for one in mentions]


def channel_of(piece: Piece) -> str:
    return "mentions"

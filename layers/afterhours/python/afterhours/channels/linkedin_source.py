"""The source of LinkedIn's webhooks: one app carries what happens on the pages of many organizations.

Runs in the webhook function: stdlib only. Contract: platforms/linkedin.md, sections 1 to 4. The challenge is asked for
again every two hours. What is signed begins with a word that no challenge can begin with, so an answered one signs no
body.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from afterhours.channels import signature, untrusted
from afterhours.channels.contract import Answer, MalformedPayload, Piece, Request

HEADER = "x-li-signature"
PREFIX = "hmacsha256="
NOTIFICATIONS = "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS"

_CHALLENGE = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def handshake(request: Request, credentials: Mapping[str, Any]) -> Answer:
    """Answer LinkedIn's GET with the challenge and its HMAC under the current secret."""
    secrets = credentials.get("secrets")
    secret = secrets[0] if isinstance(secrets, list) and secrets else None
    if not isinstance(secret, str) or not secret:
        return Answer(503, "not configured")
    challenge = request.query.get("challengeCode", "")
    if not _CHALLENGE.fullmatch(challenge):
        return Answer(400, "bad challenge")
    answer = {"challengeCode": challenge, "challengeResponse": signature.sign(challenge.encode("ascii"), secret)}
    return Answer(200, json.dumps(answer, separators=(",", ":")), "application/json; charset=utf-8")


def verify(request: Request, secrets: Sequence[str]) -> bool:
    """The word is a part of what is signed; before the digest itself it may stand or not, as sources have both."""
    given = request.headers.get(HEADER)
    digest = given.removeprefix(PREFIX) if isinstance(given, str) else None
    return signature.verify(PREFIX.encode("ascii") + request.body, digest, secrets)


def sign(body: bytes, secret: str) -> dict[str, str]:
    return {HEADER: signature.sign(PREFIX.encode("ascii") + body, secret)}


def split(body: bytes) -> list[Piece]:
    """One piece a notification; LinkedIn delivers up to ten together. One that comes alone is put into the envelope."""
    delivery = untrusted.loads(body)
    if isinstance(delivery, dict) and "type" not in delivery and untrusted.identifier(delivery.get("notificationId")):
        delivery = {"type": NOTIFICATIONS, "notifications": [delivery]}
    if not isinstance(delivery, dict) or not isinstance(delivery.get("type"), str):
        raise MalformedPayload("no type")
    if delivery["type"] != NOTIFICATIONS:
        return [delivery]
    if not isinstance(delivery.get("notifications"), list):
        raise MalformedPayload("no notifications")
    return [{"type": NOTIFICATIONS, "notifications": [one]} for one in delivery["notifications"]]


def channel_of(piece: Piece) -> str:
    return "linkedin"

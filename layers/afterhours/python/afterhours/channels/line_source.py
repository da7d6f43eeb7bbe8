"""The source of LINE's webhooks: one official account an app, several events of several people a delivery.

Runs in the webhook function: stdlib only. Contract: platforms/line.md, sections 1 to 3. "Verify" in LINE's console
delivers no event at all.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from afterhours.channels import signature, untrusted
from afterhours.channels.contract import Answer, MalformedPayload, Piece, Request

HEADER = "x-line-signature"


def handshake(request: Request, credentials: Mapping[str, Any]) -> Answer:
    """There is none."""
    return Answer(405, "method not allowed")


def verify(request: Request, secrets: Sequence[str]) -> bool:
    header = request.headers.get(HEADER)
    return signature.verify(request.body, header, secrets, signed=signature.sign_base64)


def sign(body: bytes, secret: str) -> dict[str, str]:
    return {HEADER: signature.sign_base64(body, secret)}


def split(body: bytes) -> list[Piece]:
    """One piece an event; what has a surprising shape stays in a piece of its own."""
    delivery = untrusted.loads(body)
    if not isinstance(delivery, dict) or not isinstance(delivery.get("events"), list):
        raise MalformedPayload("no events")
    destination = untrusted.identifier(delivery.get("destination"))
    head = {"destination": destination} if destination else {}
    return [{**head, "events": [event]} for event in delivery["events"]]


def channel_of(piece: Piece) -> str:
    return "line"

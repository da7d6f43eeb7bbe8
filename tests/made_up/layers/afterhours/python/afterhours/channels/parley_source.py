"""The source of Parley's webhooks: one app an account, one message or a list of them a delivery."""

from collections.abc import Mapping, Sequence
from typing import Any

from afterhours.channels import signature, untrusted
from afterhours.channels.contract import Answer, MalformedPayload, Piece, Request

HEADER = "x-parley-signature"


def handshake(request: Request, credentials: Mapping[str, Any]) -> Answer:
    """There is none."""
    return Answer(405, "method not allowed")


def verify(request: Request, secrets: Sequence[str]) -> bool:
    return signature.verify(request.body, request.headers.get(HEADER), secrets)


def sign(body: bytes, secret: str) -> dict[str, str]:
    return {HEADER: signature.sign(body, secret)}


def split(body: bytes) -> list[Piece]:
    delivery = untrusted.loads(body)
    pieces = [delivery] if isinstance(delivery, dict) and delivery else untrusted.items(delivery)
    if not all(isinstance(each, dict) and "id" in each for each in pieces):
        raise MalformedPayload("no message")
    return pieces


def channel_of(piece: Piece) -> str:
    return "parley"

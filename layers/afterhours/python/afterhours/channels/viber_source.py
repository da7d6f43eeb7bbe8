"""The source of Viber's webhooks: one bot an app, one event a delivery.

Runs in the answer function: stdlib only. Contract: platforms/viber.md, sections 1 to 4. A welcome can only be said in
the answer to conversation_started, for who has not subscribed cannot be written to.
"""

import html
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from afterhours.channels import signature, untrusted
from afterhours.channels.contract import Answer, MalformedPayload, Piece, Request, Said

HEADER = "x-viber-content-signature"
NEUTRAL = Answer(200, "")
NAME_LIMIT = 28
_MAX_BUTTONS = 24
_MAX_ACTION = 250

Button = dict[str, Any]


def handshake(request: Request, credentials: Mapping[str, Any]) -> Answer:
    """There is none: set_webhook is a call of ours, during which Viber posts a signed event."""
    return Answer(405, "method not allowed")


def verify(request: Request, secrets: Sequence[str]) -> bool:
    """The header only: older notes put the same value in the query."""
    return signature.verify(request.body, request.headers.get(HEADER), secrets)


def sign(body: bytes, secret: str) -> dict[str, str]:
    return {HEADER: signature.sign(body, secret)}


def split(body: bytes) -> list[Piece]:
    """The event itself; the check of the URL is none."""
    delivery = untrusted.loads(body)
    if not isinstance(delivery, dict) or not isinstance(delivery.get("event"), str):
        raise MalformedPayload("no event")
    return [] if delivery["event"] == "webhook" else [delivery]


def channel_of(piece: Piece) -> str:
    return "viber"


def asked_s(request: Request) -> int | None:
    """Viber signs no time."""
    return None


def opened(request: Request, credentials: Mapping[str, Any]) -> bytes:
    return request.body


def may_answer(piece: Piece) -> bool:
    """Who has subscribed has been welcomed."""
    return piece.get("event") == "conversation_started" and piece.get("subscribed") is not True


def answer(piece: Piece, said: Said, credentials: Mapping[str, Any]) -> Answer:
    """A message as send_message takes it, to whom is not said."""
    body = json.dumps(message(said.text, said.name, [(each.id, each.title) for each in said.quick_replies]))
    return Answer(200, body, "application/json; charset=utf-8")


def message(text: str, name: str, choices: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """A text from us, with a keyboard of choices (id, title)."""
    sender = name.strip()[:NAME_LIMIT].strip()
    content: dict[str, Any] = {"min_api_version": 1, "type": "text", "text": text, "sender": {"name": sender or "-"}}
    buttons = [_button(*choice) for choice in choices if len(choice[0]) <= _MAX_ACTION][:_MAX_BUTTONS]
    if buttons:
        content["keyboard"] = {"Type": "keyboard", "DefaultHeight": False, "Buttons": buttons}
    return content


def _button(action: str, title: str) -> Button:
    """What it says is HTML to Viber."""
    shown = html.escape(re.sub(r"\s+", " ", title))
    return {"Columns": 6, "Rows": 1, "ActionType": "reply", "ActionBody": action, "Text": shown}

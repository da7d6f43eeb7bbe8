"""The source of X's webhooks: challenge, signature, split. One app carries direct messages and posts of many accounts.

Runs in the webhook function: stdlib only. Contract: platforms/x.md, sections 2, 3 and 5. Both envelopes are read: that
of the X Activity API (`data`), and that of the older Account Activity API (`<kind>_events`).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from afterhours.channels import signature, untrusted
from afterhours.channels.contract import Answer, MalformedPayload, Piece, Request

HEADER = "x-twitter-webhooks-signature"
PREFIX = "sha256="
DIRECT_MESSAGES = "direct_message_events"
POSTS = "tweet_create_events"
DELETED_POSTS = "tweet_delete_events"
LIKES = "favorite_events"

# The challenge's answer is the same HMAC as a body's signature: whoever may choose any challenge may sign any body.
# What is made of these characters alone is no JSON object, and nothing else becomes an event.
_TOKEN = re.compile(r"[A-Za-z0-9_=+/-]{1,200}")
_OF_POSTS = ("tweet_", "favorite_")
_EVENTS = "_events"


def handshake(request: Request, credentials: Mapping[str, Any]) -> Answer:
    """Answer X's challenge, at any time, with the current secret."""
    secrets = credentials.get("secrets")
    secret = secrets[0] if isinstance(secrets, list) and secrets else None
    if not isinstance(secret, str) or not secret:
        return Answer(503, "not configured")
    token = request.query.get("crc_token", "")
    if not _TOKEN.fullmatch(token):  # the gateway joins two of them with a comma
        return Answer(400, "bad challenge")
    answer = {"response_token": PREFIX + signature.sign_base64(token.encode("ascii"), secret)}
    return Answer(200, json.dumps(answer, separators=(",", ":")), "application/json; charset=utf-8")


def verify(request: Request, secrets: Sequence[str]) -> bool:
    signed = signature.sign_base64
    return signature.verify(request.body, request.headers.get(HEADER), secrets, prefix=PREFIX, signed=signed)


def sign(body: bytes, secret: str) -> dict[str, str]:
    return {HEADER: PREFIX + signature.sign_base64(body, secret)}


def split(body: bytes) -> list[Piece]:
    """One piece an event, each with the people it names and no others."""
    delivery = untrusted.loads(body)
    if not isinstance(delivery, dict):
        raise MalformedPayload("no object")
    if isinstance(delivery.get("data"), dict):
        return list(_activities(delivery["data"]))
    if isinstance(delivery.get("user_event"), dict):
        return [{"user_event": delivery["user_event"]}]
    arrays = [key for key in delivery if key.endswith(_EVENTS) and isinstance(delivery[key], list)]
    if not arrays and delivery.keys() - {"for_user_id", "users", "apps"}:
        raise MalformedPayload("no events")
    head = _scalars(delivery, "for_user_id", "user_has_blocked")
    return [{**head, key: [item], **_people(delivery, item)} for key in arrays for item in delivery[key]]


def _activities(data: dict[str, Any]) -> Iterator[Piece]:
    """An event of the X Activity API; several messages in one are several."""
    if not isinstance(data.get("event_type"), str):
        raise MalformedPayload("no event type")
    payload = untrusted.mapping(data.get("payload"))
    messages = payload.get(DIRECT_MESSAGES)
    if not isinstance(messages, list):
        yield {"data": data}
        return
    for message in messages:
        yield {"data": {**data, "payload": {DIRECT_MESSAGES: [message], **_people(payload, message)}}}


def _people(source: Mapping[str, Any], item: Any) -> dict[str, Any]:
    """Of the map of users those whom the event names."""
    users = untrusted.mapping(source.get("users"))
    message = untrusted.mapping(untrusted.mapping(item).get("message_create"))
    places = (untrusted.mapping(item), message)
    named = [place.get("sender_id") for place in places]
    named += [untrusted.mapping(place.get("target")).get("recipient_id") for place in places]
    known = {one: _person(users[one]) for one in named if isinstance(one, str) and one in users}
    return {"users": known} if known else {}


def _person(user: Any) -> dict[str, Any]:
    """What we read of a user, in the shape that it came in."""
    inner = untrusted.mapping(user).get("data")
    if isinstance(inner, dict):
        return {"data": _scalars(inner, "id", "name", "username")}
    return _scalars(untrusted.mapping(user), "id", "name", "screen_name")


def _scalars(source: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """What every piece repeats, and therefore must be small."""
    found = {key: source.get(key) for key in keys}
    return {
        key: one
        for key, one in found.items()
        if isinstance(one, bool | int) or (isinstance(one, str) and len(one) <= 256)
    }


def channel_of(piece: Piece) -> str:
    """Everything is `x`, but what is about posts."""
    name = untrusted.text(untrusted.mapping(piece.get("data")).get("event_type"))
    if name is not None:
        return "x_posts" if name.startswith(("post.", "like.")) else "x"
    return "x_posts" if any(key.startswith(_OF_POSTS) for key in piece) else "x"

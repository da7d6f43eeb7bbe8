"""Direct messages on X, and what its webhooks say of the account: one piece in, an event out; a text in, a request out.

Contract: platforms/x.md. Encrypted messages (XChat) have no text for us and go to a person. Both envelopes carry the
same message object, so the same message is the same event whichever came.
"""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from afterhours.channels import graph, untrusted, x_api
from afterhours.channels.contract import MalformedPayload, Piece
from afterhours.channels.http import LIMITS, Limits
from afterhours.channels.x_source import DIRECT_MESSAGES
from afterhours.models import Account, Attachment, Event, Kind, Outcome, Outgoing, Result, event_key

ONE_ACCOUNT = False
CHANNEL = "x"
TEXT_LIMIT = 10_000
TEXT_UNIT = "code_points"
WINDOW: timedelta | None = None  # whoever wrote once may be written to; more than that the rules for automation forbid
HUMAN_WINDOW: timedelta | None = None
CAPABILITIES = frozenset({"receipts", "renews"})

_TYPING, _READ = "direct_message_indicate_typing_events", "direct_message_mark_read_events"
_TYPES = {"photo": "image", "animated_gif": "video"}

Fields = dict[str, Any]  # arguments of Event

health = x_api.health
renew = x_api.renew


def normalise(piece: Piece) -> Event:
    """Read one piece. Raises MalformedPayload where there is no event in it."""
    if isinstance(piece.get("user_event"), dict):
        return _revoked_formerly(piece["user_event"])
    data = untrusted.mapping(piece.get("data"))
    if data:
        return _activity(data)
    account = untrusted.identifier(piece.get("for_user_id"))
    name = next((key for key in piece if key.endswith("_events")), "")
    item = untrusted.mapping(next(iter(untrusted.items(piece.get(name))), None))
    if not name:
        raise MalformedPayload("no event")
    if name == DIRECT_MESSAGES:
        return _message(account, item, untrusted.mapping(piece.get("users")))
    if name == _READ:
        return _read(account, item, untrusted.mapping(piece.get("users")))
    subkind = "typing" if name == _TYPING else untrusted.identifier(item.get("type")) or name.removesuffix("_events")
    source, target = untrusted.mapping(item.get("source")), untrusted.mapping(item.get("target"))
    fields: Fields = {
        "sender_id": untrusted.identifier(item.get("sender_id")) or untrusted.identifier(source.get("id")),
        "recipient_id": untrusted.identifier(target.get("recipient_id")) or untrusted.identifier(target.get("id")),
        "timestamp_ms": untrusted.time_ms(item.get("created_timestamp")),
    }
    return _event(account, Kind.IGNORED, subkind, piece, **fields)


def _activity(data: dict[str, Any]) -> Event:
    """One event of the X Activity API."""
    name, payload = untrusted.identifier(data.get("event_type")) or "", untrusted.mapping(data.get("payload"))
    account = untrusted.identifier(untrusted.mapping(data.get("filter")).get("user_id"))
    messages, users = untrusted.items(payload.get(DIRECT_MESSAGES)), untrusted.mapping(payload.get("users"))
    if messages:
        return _message(account, untrusted.mapping(messages[0]), users)
    if name in ("dm.received", "dm.sent") and untrusted.identifier(payload.get("sender_id")):
        return _message(account, _as_formerly(payload, account), users)
    if name == "chat.received":
        return _encrypted(account, payload)
    if name == "oauth.revoke":
        user = untrusted.identifier(payload.get("user_id"))
        at = untrusted.time_ms(payload.get("date_time"))
        return _event(user, Kind.ACCOUNT, "oauth_revoked", data, sender_id=user, timestamp_ms=at)
    if name == "dm.read":
        marks = untrusted.items(payload.get(_READ)) or [payload]
        return _read(account, untrusted.mapping(marks[0]), users)
    source, target = (
        untrusted.mapping(untrusted.mapping(payload.get(key)).get("data")) for key in ("source", "target")
    )
    known = name.startswith(("dm.", "chat.", "follow.", "mute.", "block.", "profile.", "spaces.", "news."))
    return _event(
        account,
        Kind.IGNORED if known else Kind.UNKNOWN,
        name or None,
        data,
        sender_id=untrusted.identifier(source.get("id")),
        recipient_id=untrusted.identifier(target.get("id")),
    )


def _as_formerly(event: dict[str, Any], account: str | None) -> dict[str, Any]:
    """A message in the form that the API's own calls have, in that of deliveries."""
    received = untrusted.identifier(event.get("sender_id")) != account
    return {
        "id": event.get("id"),
        "created_timestamp": event.get("created_at"),
        "message_create": {
            "sender_id": event.get("sender_id"),
            "target": {"recipient_id": account} if received else {},
            "message_data": {"text": event.get("text")},
        },
    }


def _message(account: str | None, message: dict[str, Any], users: dict[str, Any]) -> Event:
    created = untrusted.mapping(message.get("message_create"))
    body = untrusted.mapping(created.get("message_data"))
    sender = untrusted.identifier(created.get("sender_id"))
    recipient = untrusted.identifier(untrusted.mapping(created.get("target")).get("recipient_id"))
    is_echo = sender is not None and sender == account
    contact = recipient if is_echo else sender
    text, attachments = _content(body)
    message_id = untrusted.identifier(message.get("id"))
    return _event(
        account,
        Kind.ECHO if is_echo else Kind.MESSAGE,
        "text" if not attachments else attachments[0].type,
        message,
        *(("dm", message_id) if message_id else ()),
        is_echo=is_echo,
        sender_id=sender,
        recipient_id=recipient,
        contact_ids=(contact,) if contact and contact != account else (),
        contact_name=_name(users, contact),
        text=text,
        attachments=attachments,
        message_id=message_id,
        timestamp_ms=untrusted.time_ms(message.get("created_timestamp")),
    )


def _content(body: dict[str, Any]) -> tuple[str | None, tuple[Attachment, ...]]:
    """What was written, without the link to a picture that X appends to it."""
    text = untrusted.text(body.get("text"))
    attachment = untrusted.mapping(body.get("attachment"))
    media = untrusted.mapping(attachment.get("media"))
    if not attachment:
        return text, ()
    kind = untrusted.identifier(media.get("type")) or untrusted.identifier(attachment.get("type")) or "file"
    link = untrusted.text(media.get("url"))
    if text and link and text.endswith(link):
        text = text.removesuffix(link).rstrip()
    address = untrusted.text(media.get("media_url_https")) or link
    return text or None, (
        Attachment(type=_TYPES.get(kind, kind), id=untrusted.identifier(media.get("id")), url=address),
    )


def _encrypted(account: str | None, payload: dict[str, Any]) -> Event:
    """There is no key for it here: a person has to read it in X's own app."""
    sender, message_id = untrusted.identifier(payload.get("sender_id")), untrusted.identifier(payload.get("id"))
    is_echo = sender is not None and sender == account
    return _event(
        account,
        Kind.ECHO if is_echo else Kind.MESSAGE,
        "encrypted",
        payload,
        *(("chat", message_id) if message_id else ()),
        is_echo=is_echo,
        sender_id=sender,
        recipient_id=account,
        contact_ids=(sender,) if sender and not is_echo else (),
        for_person=not is_echo,
        unanswered=None if is_echo else "encrypted",
        message_id=message_id,
        timestamp_ms=untrusted.time_ms(payload.get("created_at_msec")),
    )


def _read(account: str | None, mark: dict[str, Any], users: dict[str, Any]) -> Event:
    sender = untrusted.identifier(mark.get("sender_id"))
    at = untrusted.time_ms(mark.get("created_timestamp"))
    return _event(
        account,
        Kind.READ,
        None,
        mark,
        sender_id=sender,
        recipient_id=untrusted.identifier(untrusted.mapping(mark.get("target")).get("recipient_id")),
        contact_ids=(sender,) if sender and sender != account else (),
        contact_name=_name(users, sender),
        timestamp_ms=at,
        watermark_ms=at,
    )


def _revoked_formerly(event: dict[str, Any]) -> Event:
    revoked = untrusted.mapping(event.get("revoke"))
    user = untrusted.identifier(untrusted.mapping(revoked.get("source")).get("user_id"))
    kind, subkind = (Kind.ACCOUNT, "oauth_revoked") if revoked else (Kind.UNKNOWN, next(iter(event), None))
    at = untrusted.time_ms(revoked.get("date_time"))
    return _event(user, kind, subkind, event, sender_id=user, timestamp_ms=at)


def _name(users: dict[str, Any], user_id: str | None) -> str | None:
    """As the map beside the message calls them; its two envelopes differ."""
    user = untrusted.mapping(users.get(user_id or ""))
    user = untrusted.mapping(user.get("data")) or user
    return next(
        (found for key in ("name", "username", "screen_name") if (found := untrusted.text(user.get(key)))), None
    )


def _event(
    account: str | None, kind: Kind, subkind: str | None, whole: dict[str, Any], *identity: str, **fields: Any
) -> Event:
    """`identity` tells it from every other of the account; without one all that it says does."""
    key = event_key(CHANNEL, account or "", *(identity or (json.dumps(whole, sort_keys=True),)))
    return Event(channel=CHANNEL, account_id=account, kind=kind, subkind=subkind, event_id=key, **fields)


def text_units(text: str) -> int:
    return len(text)


def send(account: Account, token: str, outgoing: Outgoing, *, limits: Limits = LIMITS) -> Outcome:
    """Post once. There is nothing to choose from: quick replies are not to be had here."""
    if refused := graph.refusal(outgoing.text, text_units(outgoing.text), TEXT_LIMIT):
        return refused
    if not x_api.USER_ID.fullmatch(outgoing.to):
        return Outcome(result=Result.REFUSED, reason="contact_unknown")
    path = f"/2/dm_conversations/with/{quote(outgoing.to, safe='')}/messages"
    answer = x_api.post(account, token, path, {"text": outgoing.text}, limits)
    if isinstance(answer, Outcome):
        return answer
    return x_api.outcome_of(answer, "dm_event_id", forbidden="contact_unavailable")

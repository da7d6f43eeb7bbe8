"""Direct messages to a TikTok business account: one piece in, an event out; a text in, a request out.

Contract: platforms/tiktok.md, sections 3, 5 and 7. TikTok answers a conversation, not a person, and names it in
every event: it is the contact of the thread and the event's handle.
"""

import json
from datetime import timedelta
from typing import Any

from afterhours.channels import files, graph, tiktok_api, untrusted
from afterhours.channels.contract import Missing, NotFetched, Piece
from afterhours.channels.http import LIMITS, Limits
from afterhours.channels.tiktok_source import content_of
from afterhours.models import Account, Attachment, Event, Kind, Outcome, Outgoing, QuickReply, Result, event_key

ONE_ACCOUNT = False
CHANNEL = "tiktok"
TEXT_LIMIT = 6000
TEXT_UNIT = "code_points"
WINDOW: timedelta | None = timedelta(hours=48)
HUMAN_WINDOW: timedelta | None = timedelta(hours=48)
CAPABILITIES = frozenset({"quick_replies", "receipts", "attachments", "taps_as_text", "renews"})

_MAX_CHOICES = 3
_MAX_CARD_TEXT = 40
_MAX_BUTTON = 20  # on a card of buttons; on one of links as long as its text
_MAX_ID = 40

# Inferred: the contract says that a file's address wants the token, not whose hosts such addresses are on.
_FILE_DOMAINS = (".tiktok.com", ".tiktokcdn.com", ".tiktokcdn-us.com", ".tiktokcdn-eu.com")
_FILES = {"image": "IMAGE", "video": "VIDEO"}
_MEDIA = {"image": "image", "video": "video", "sticker": "sticker", "share_post": "link"}
_RECEIVED = ("im_receive_msg", "im_receive_msg_eu")
_ECHO = "im_send_msg"
_READ = "im_mark_read_msg"
_REFERRAL = "im_referral_msg"
_REMOVED = "authorization.removed"

Fields = dict[str, Any]  # arguments of Event

health = tiktok_api.health
app_health = tiktok_api.app_health
renew = tiktok_api.renew


def normalise(piece: Piece) -> Event:
    """Read one piece. Raises MalformedPayload where its content is no object."""
    name = untrusted.identifier(piece.get("event")) or ""
    account, content = untrusted.identifier(piece.get("user_openid")), content_of(piece)
    at = untrusted.time_ms(content.get("timestamp")) or untrusted.time_ms(piece.get("create_time"))
    if name == _REMOVED:
        return _event(account, Kind.ACCOUNT, at, name, at, content, subkind="revoked", sender_id=account)
    if not name.startswith("im_"):  # posts and videos, ours
        return _event(account, Kind.IGNORED, at, name, at, content, subkind=name)
    fields = _people(content)
    message_id = untrusted.identifier(content.get("message_id"))
    identity = ("message", message_id) if message_id else (name, at, content)
    if name == _READ and _role(content) == "business_account":
        return _event(account, Kind.IGNORED, at, *identity, **fields, subkind=name)  # by us, or in the app
    if name == _ECHO or _role(content) == "business_account":
        said = fields | _said(content) | {"is_echo": True, "handle": None}
        return _event(account, Kind.ECHO, at, *identity, **said)
    if name == _READ:
        last = untrusted.time_ms(untrusted.mapping(content.get("read")).get("last_read_timestamp"))
        return _event(account, Kind.READ, at, *identity, **fields, watermark_ms=last or at)
    if name in _RECEIVED:
        return _event(account, Kind.MESSAGE, at, *identity, **fields | _said(content))
    if name == _REFERRAL:
        return _event(account, Kind.REFERRAL, at, *identity, **fields, has_referral=True)
    return _event(account, Kind.UNKNOWN, at, *identity, **fields, subkind=name)


def _event(account: str | None, kind: Kind, at: int | None, /, *identity: object, **fields: Any) -> Event:
    told = json.dumps(identity, sort_keys=True)
    key = event_key(CHANNEL, account or "", told)
    return Event(channel=CHANNEL, account_id=account, kind=kind, event_id=key, timestamp_ms=at, **fields)


def _people(content: dict[str, Any]) -> Fields:
    """Who, and in which conversation; `from` and `to` are names that people change."""
    sender, receiver = (untrusted.mapping(content.get(key)) for key in ("from_user", "to_user"))
    sender_name, receiver_name = (untrusted.text(content.get(key)) for key in ("from", "to"))
    ours = _role(content) == "business_account"
    conversation = untrusted.identifier(content.get("conversation_id"))
    return {
        "sender_id": untrusted.identifier(sender.get("id")) or sender_name,
        "recipient_id": untrusted.identifier(receiver.get("id")) or receiver_name,
        "contact_ids": (conversation,) if conversation else (),
        "contact_name": None if ours else sender_name,
        "handle": conversation,
    }


def _role(content: dict[str, Any]) -> str:
    return (untrusted.text(untrusted.mapping(content.get("from_user")).get("role")) or "").lower()


def _said(content: dict[str, Any]) -> Fields:
    """What a message says; of people in the EU perhaps nothing."""
    kind = (untrusted.identifier(content.get("type")) or "unsupported").lower()
    body = untrusted.mapping(content.get(kind))
    plain = content.get("content") if kind in ("text", "emoji", "unsupported") else None
    places = (untrusted.mapping(content.get("text")).get("body"), content.get("text"), plain)
    referenced = untrusted.mapping(content.get("referenced_message_info"))
    fields: Fields = {
        "subkind": kind,
        "text": next((text for one in places if (text := untrusted.text(one)) is not None), None),
        "message_id": untrusted.identifier(content.get("message_id")),
        "reply_to_id": untrusted.identifier(referenced.get("referenced_message_id")),
    }
    if kind in _MEDIA:
        url = untrusted.text(body.get("embed_url"))
        fields["attachments"] = (Attachment(type=_MEDIA[kind], id=_file_id(content, body), url=url),)
    return fields


def _file_id(content: dict[str, Any], body: dict[str, Any]) -> str | None:
    """All that TikTok asks for when it is to give the file."""
    places = ((content, "conversation_id"), (content, "message_id"), (body, "media_id"))
    ids = [found for place, name in places if (found := untrusted.identifier(place.get(name)))]
    return " ".join(ids) if len(ids) == len(places) else None


def text_units(text: str) -> int:
    return len(text)


def send(account: Account, token: str, outgoing: Outgoing, *, limits: Limits = LIMITS) -> Outcome:
    """Post once."""
    if refused := graph.refusal(outgoing.text, text_units(outgoing.text), TEXT_LIMIT):
        return refused
    if outgoing.outside_window:
        return Outcome(result=Result.REFUSED, reason="window_closed")
    request = {
        "business_id": account.id,
        "recipient_type": "CONVERSATION",
        "recipient": outgoing.handle or outgoing.to,
        **_content(outgoing),
    }
    said = tiktok_api.call(account, token, "business/message/send", request, limits)
    if isinstance(said, Outcome):
        return said
    message = untrusted.mapping(said.data.get("message"))
    return tiktok_api.outcome_of(said, untrusted.identifier(message.get("message_id")))


def _content(outgoing: Outgoing) -> dict[str, Any]:
    """A card with buttons where the text fits on one, else the text, and below it what could be answered."""
    choices = outgoing.quick_replies[:_MAX_CHOICES]
    if choices and len(outgoing.text) <= _MAX_CARD_TEXT and all(len(one.id) <= _MAX_ID for one in choices):
        return {"message_type": "TEMPLATE", "template": _card(outgoing.text, choices)}
    listed = "\n".join([outgoing.text, *(f"• {choice.title}" for choice in choices)])
    body = listed if text_units(listed) <= TEXT_LIMIT else outgoing.text
    return {"message_type": "TEXT", "text": {"body": body}}


def _card(text: str, choices: tuple[QuickReply, ...]) -> dict[str, Any]:
    short = all(len(choice.title) <= _MAX_BUTTON for choice in choices)
    longest = _MAX_BUTTON if short else _MAX_CARD_TEXT
    buttons = [{"type": "REPLY", "title": choice.title[:longest], "id": choice.id} for choice in choices]
    return {"type": "QA_BUTTON_CARD" if short else "QA_LINK_CARD", "title": text, "buttons": buttons}


def fetch(account: Account, token: str, attachment: Attachment, *, limits: Limits = files.LIMITS) -> bytes | NotFetched:
    """The ids lead to an address that is good for a day; both want the token."""
    ids = (attachment.id or "").split(" ")
    if len(ids) != 3 or attachment.type not in _FILES:
        return NotFetched(Missing.NO_FILE, "no_media_id")
    named = dict(zip(("conversation_id", "message_id", "media_id"), ids, strict=True))
    request = {"business_id": account.id, **named, "media_type": _FILES[attachment.type]}
    said = tiktok_api.call(account, token, "business/message/media/download", request, limits)
    if isinstance(said, Outcome):
        return NotFetched(Missing.UNAVAILABLE, said.reason or "unreadable_answer")
    url = untrusted.text(said.data.get("download_url"))
    if said.code or not url:
        missing = Missing.GONE if said.code == tiktok_api.BAD_PARAMETER else Missing.UNAVAILABLE
        return NotFetched(missing, str(said.code) if said.code else "unreadable_answer")
    return files.of_one_host(account, url, _is_file_host, {"x-user": token}, limits)


def _is_file_host(host: str) -> bool:
    return host.endswith(_FILE_DOMAINS)

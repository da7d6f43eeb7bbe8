"""Telegram bots, also those connected to a business account: one update in, an event out; a text in, a request out.

Contract: platforms/telegram.md. Texts are literal: no parse_mode. Answers in a business chat name its connection, the
event's handle. Groups, channels and other bots are never answered.
"""

import json
import re
from datetime import timedelta
from typing import Any

from afterhours.channels import graph, telegram_api, untrusted
from afterhours.channels.contract import MalformedPayload, Piece
from afterhours.channels.http import LIMITS, Limits
from afterhours.channels.sending import LONGEST_WAIT_S
from afterhours.channels.telegram_source import DELETED, is_update
from afterhours.models import Account, Attachment, Event, Kind, Outcome, Outgoing, QuickReply, Result, event_key

ONE_ACCOUNT = True
CHANNEL = "telegram"
TEXT_LIMIT = 4096
TEXT_UNIT = "code_points"
WINDOW: timedelta | None = None  # who has started the bot may be written to until they block it
HUMAN_WINDOW: timedelta | None = None
CAPABILITIES = frozenset({"quick_replies", "attachments", "acknowledge"})

# How a contact is called in a chat of the connected account: who also talks to the bot itself has two chats there.
IN_BUSINESS = "business:"
ACKNOWLEDGE_LIMITS = Limits(connect_s=1.0, total_s=2.0, answer_bytes=4_096)

_MAX_CALLBACK_BYTES = 64
_CHAT_ID = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_START = re.compile(r"/start(?:@\w+)?(?: ([A-Za-z0-9_-]{1,64}))?", re.ASCII)

_MEDIA = ("photo", "document", "voice", "audio", "video", "video_note", "sticker", "animation", "location", "contact")
_TYPES = {"photo": "image", "voice": "audio", "document": "file", "video_note": "video", "animation": "video"}
_SERVICE = {
    *("new_chat_members", "left_chat_member", "new_chat_title", "new_chat_photo", "delete_chat_photo"),
    *("group_chat_created", "supergroup_chat_created", "channel_chat_created", "pinned_message", "boost_added"),
    *("message_auto_delete_timer_changed", "write_access_allowed", "chat_background_set", "chat_shared"),
    *("users_shared", "migrate_to_chat_id", "migrate_from_chat_id", "video_chat_started", "video_chat_ended"),
    *("forum_topic_created", "forum_topic_edited", "forum_topic_closed", "forum_topic_reopened"),
}
_BUSINESS = ("business_message", "edited_business_message", DELETED)
_GONE = {"kicked", "left"}

Fields = dict[str, Any]  # arguments of Event

fetch = telegram_api.fetch
health = telegram_api.health


def normalise(piece: Piece) -> Event:
    """Read one update. Raises MalformedPayload where it is none."""
    if not is_update(piece):
        raise MalformedPayload("no update")
    number = untrusted.identifier(piece.get("update_id")) or json.dumps(piece, sort_keys=True)
    name = next((key for key in _READERS if isinstance(piece.get(key), dict)), None)
    fields: Fields
    if name is not None:
        fields = _READERS[name](piece[name])
    else:
        fields = {"kind": Kind.UNKNOWN, "subkind": next((key for key in piece if key != "update_id"), None)}
    if fields.pop("is_bot", False):
        fields["kind"] = Kind.IGNORED  # answering one would go on for ever
    if name in _BUSINESS or fields.get("handle"):
        fields["contact_ids"] = tuple(f"{IN_BUSINESS}{contact}" for contact in fields.get("contact_ids", ()))
    identity = (name or "", fields.get("message_id") or fields.get("target_id") or "")
    # Numbers start anew after a quiet week, so one alone is no key.
    return Event(channel=CHANNEL, event_id=event_key(CHANNEL, number, *identity), **fields)


def _message(message: dict[str, Any]) -> Fields:
    chat, sender = _chat_and_sender(message)
    fields = {
        **_content(message),
        **_place(chat, sender),
        "message_id": untrusted.identifier(message.get("message_id")),
        "timestamp_ms": untrusted.time_ms(message.get("date")),
        "reply_to_id": untrusted.identifier(untrusted.mapping(message.get("reply_to_message")).get("message_id")),
        "handle": untrusted.identifier(message.get("business_connection_id")),
    }
    moved = [untrusted.identifier(message.get(key)) for key in ("migrate_to_chat_id", "migrate_from_chat_id")]
    fields["contact_ids"] = tuple(dict.fromkeys((*fields["contact_ids"], *(one for one in moved if one))))
    return fields


def _business_message(message: dict[str, Any]) -> Fields:
    """In a chat of the connected account, whose owner writes as well: to the customer whom the chat is called after."""
    fields = _message(message)
    if fields["sender_id"] == fields["recipient_id"]:
        return fields
    echo = {"kind": Kind.ECHO, "is_echo": True, "is_bot": False, "locale": None, "handle": None}
    return {**fields, **echo, "contact_name": _name(untrusted.mapping(message.get("chat")))}


def _edited(message: dict[str, Any]) -> Fields:
    fields = _message(message)
    edited = untrusted.time_ms(message.get("edit_date")) or fields["timestamp_ms"]
    return {**fields, "kind": Kind.MESSAGE_EDIT, "target_id": fields["message_id"], "timestamp_ms": edited}


def _deleted(deleted: dict[str, Any]) -> Fields:
    ids = untrusted.items(deleted.get("message_ids"))
    target = untrusted.identifier(ids[0]) if ids else None
    chat = untrusted.mapping(deleted.get("chat"))
    gone = {"kind": Kind.MESSAGE_DELETED, "message_id": target, "target_id": target}
    return {**_place(chat, chat), **gone, "sender_id": None}


def _callback(query: dict[str, Any]) -> Fields:
    """A button of ours was pressed, now; `message` is the one that it hangs on, with that one's time."""
    message, sender = untrusted.mapping(query.get("message")), untrusted.mapping(query.get("from"))
    data = untrusted.text(query.get("data"))
    return {
        **_place(untrusted.mapping(message.get("chat")), sender),
        "kind": Kind.POSTBACK,
        "subkind": "callback_query",
        "text": _title(message, data),
        "payload": data,
        "message_id": untrusted.identifier(query.get("id")),
        "reply_to_id": untrusted.identifier(message.get("message_id")),
        "handle": untrusted.identifier(message.get("business_connection_id")),
    }


def _title(message: dict[str, Any], data: str | None) -> str | None:
    """What stands on the button with this data."""
    rows = untrusted.items(untrusted.mapping(message.get("reply_markup")).get("inline_keyboard"))
    buttons = [untrusted.mapping(button) for row in rows for button in untrusted.items(row)]
    return next((untrusted.text(one.get("text")) for one in buttons if data and one.get("callback_data") == data), None)


def _reaction(reaction: dict[str, Any]) -> Fields:
    new = [untrusted.mapping(one).get("emoji") for one in untrusted.items(reaction.get("new_reaction"))]
    emoji = next((found for one in new if (found := untrusted.text(one))), None)
    return {
        **_place(untrusted.mapping(reaction.get("chat")), untrusted.mapping(reaction.get("user"))),
        "kind": Kind.REACTION,
        "subkind": "react" if new else "unreact",
        "emoji": emoji,
        "target_id": untrusted.identifier(reaction.get("message_id")),
        "timestamp_ms": untrusted.time_ms(reaction.get("date")),
    }


def _our_membership(change: dict[str, Any]) -> Fields:
    """In a private chat: the contact has blocked the bot, or lets it write again."""
    chat, sender = _chat_and_sender(change)
    fields = _place(chat, sender)
    status = untrusted.text(untrusted.mapping(change.get("new_chat_member")).get("status"))
    kind = Kind.SYSTEM if fields["group_id"] else Kind.UNFOLLOW if status in _GONE else Kind.FOLLOW
    return {**fields, "kind": kind, "subkind": status, "timestamp_ms": untrusted.time_ms(change.get("date"))}


def _connection(connection: dict[str, Any]) -> Fields:
    return {
        "kind": Kind.ACCOUNT,
        "subkind": "business_connection",
        "handle": untrusted.identifier(connection.get("id")),
        "timestamp_ms": untrusted.time_ms(connection.get("date")),
    }


def _ignored(update: dict[str, Any]) -> Fields:
    """Nothing to us, be it said in a search; whose it is, for the record."""
    chat, sender = _chat_and_sender(update)
    return {
        "kind": Kind.IGNORED,
        "sender_id": untrusted.identifier(sender.get("id")),
        "recipient_id": untrusted.identifier(chat.get("id")),
        "text": untrusted.text(update.get("query")),
        "timestamp_ms": untrusted.time_ms(update.get("date")),
    }


_READERS = {
    "message": _message,
    "edited_message": _edited,
    "channel_post": _message,
    "edited_channel_post": _edited,
    "business_message": _business_message,
    "edited_business_message": _edited,
    DELETED: _deleted,
    "callback_query": _callback,
    "message_reaction": _reaction,
    "my_chat_member": _our_membership,
    "business_connection": _connection,
    **dict.fromkeys(("chat_member", "chat_join_request", "inline_query", "chosen_inline_result", "poll"), _ignored),
    **dict.fromkeys(("poll_answer", "message_reaction_count", "chat_boost", "removed_chat_boost"), _ignored),
}


def _chat_and_sender(source: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    return untrusted.mapping(source.get("chat")), untrusted.mapping(source.get("from"))


def _place(chat: dict[str, Any], sender: dict[str, Any]) -> Fields:
    """Who, and in which chat: a private one is called after the customer, every other is a thread of its own."""
    chat_id, sender_id = untrusted.identifier(chat.get("id")), untrusted.identifier(sender.get("id"))
    is_private = chat.get("type") == "private" or ("type" not in chat and chat_id == sender_id)
    in_group = chat_id is not None and not is_private
    # A message without a sender is nobody's, and nobody is answered.
    contact = chat_id if in_group or sender_id else None
    return {
        "sender_id": sender_id,
        "recipient_id": chat_id,
        "contact_ids": (contact or sender_id,) if contact or sender_id else (),
        "contact_name": _name(chat if in_group else sender),
        "group_id": chat_id if in_group else None,
        "locale": None if in_group else untrusted.text(sender.get("language_code")),
        "is_bot": sender.get("is_bot") is True,
    }


def _name(of: dict[str, Any]) -> str | None:
    parts = [untrusted.text(of.get(key)) for key in ("first_name", "last_name")]
    return " ".join(part for part in parts if part) or untrusted.text(of.get("title"))


def _content(message: dict[str, Any]) -> Fields:
    text = untrusted.text(message.get("text"))
    if text is not None:
        start = _START.fullmatch(text)
        if start:
            return {"kind": Kind.MESSAGE, "subkind": "start", "text": text, "payload": start[1]}
        return {"kind": Kind.MESSAGE, "subkind": "text", "text": text}
    if isinstance(message.get("web_app_data"), dict):
        data = message["web_app_data"]
        pressed, value = untrusted.text(data.get("button_text")), untrusted.text(data.get("data"))
        return {"kind": Kind.POSTBACK, "subkind": "web_app_data", "text": pressed, "payload": value}
    if service := next((key for key in message if key in _SERVICE), None):
        return {"kind": Kind.SYSTEM, "subkind": service}
    # An animation also comes as a document, a venue also as a location.
    name = next((key for key in ("animation", *_MEDIA) if message.get(key)), None)
    title = untrusted.text(untrusted.mapping(message.get("venue")).get("title"))
    text = untrusted.text(message.get("caption")) or title
    if name is None:
        return {"kind": Kind.MESSAGE, "subkind": "unsupported", "text": text}
    return {"kind": Kind.MESSAGE, "subkind": name, "text": text, "attachments": (_attachment(name, message),)}


def _attachment(name: str, message: dict[str, Any]) -> Attachment:
    given = message[name]
    file = untrusted.mapping(given[-1] if isinstance(given, list) else given)  # the last size of a photo is the largest
    kind = _TYPES.get(name, name)
    if name == "location":
        venue = untrusted.mapping(message.get("venue"))
        words = [venue.get("title"), venue.get("address"), file.get("latitude"), file.get("longitude")]
        return Attachment(type=kind, name=", ".join(str(one) for one in words if isinstance(one, str | int | float)))
    if name == "contact":
        words = [_name(file), untrusted.text(file.get("phone_number"))]
        return Attachment(type="contacts", name=", ".join(one for one in words if one) or None)
    return Attachment(
        type=kind,
        id=untrusted.identifier(file.get("file_id")),
        name=untrusted.text(file.get("file_name")),
        mime_type=untrusted.text(file.get("mime_type")),
    )


def text_units(text: str) -> int:
    return len(text)


def send(account: Account, token: str, outgoing: Outgoing, *, limits: Limits = LIMITS) -> Outcome:
    """Post once; once more to the id that a refusal names, where a group has become a supergroup."""
    if refused := graph.refusal(outgoing.text, text_units(outgoing.text), TEXT_LIMIT):
        return refused
    if not _CHAT_ID.fullmatch(outgoing.to.removeprefix(IN_BUSINESS)):
        return Outcome(result=Result.REFUSED, reason="contact_unknown")
    request = _request(outgoing)
    said = telegram_api.call(account, token, "sendMessage", request, limits)
    if isinstance(said, telegram_api.Said) and said.moved_to is not None:
        said = telegram_api.call(account, token, "sendMessage", {**request, "chat_id": said.moved_to}, limits)
    return said if isinstance(said, Outcome) else _outcome_of(said)


def _request(outgoing: Outgoing) -> dict[str, Any]:
    request: dict[str, Any] = {
        "chat_id": int(outgoing.to.removeprefix(IN_BUSINESS)),
        "text": outgoing.text,
        "link_preview_options": {"is_disabled": True},
    }
    if outgoing.handle:
        request["business_connection_id"] = outgoing.handle
    if outgoing.reply_to_id and outgoing.reply_to_id.isdecimal():
        request["reply_parameters"] = {"message_id": int(outgoing.reply_to_id), "allow_sending_without_reply": True}
    if rows := [[button] for choice in outgoing.quick_replies if (button := _button(choice))]:
        request["reply_markup"] = {"inline_keyboard": rows}
    return request


def _button(choice: QuickReply) -> dict[str, str] | None:
    """None where the id does not fit: half of one would mean something else."""
    if len(choice.id.encode()) > _MAX_CALLBACK_BYTES:
        return None
    return {"text": choice.title, "callback_data": choice.id}


def acknowledge(account: Account, token: str, event: Event) -> None:
    """The button that was pressed stops spinning. Best effort: it also stops by itself, after a while."""
    if event.message_id:
        payload = {"callback_query_id": event.message_id}
        telegram_api.call(account, token, "answerCallbackQuery", payload, ACKNOWLEDGE_LIMITS)


def _outcome_of(said: telegram_api.Said) -> Outcome:
    if said.error is None:
        platform_id = untrusted.identifier(said.result.get("message_id"))
        if platform_id is None or not 200 <= said.status < 300:
            return Outcome(result=Result.UNKNOWN, reason="no_message_id", code=str(said.status))
        return Outcome(result=Result.SENT, platform_id=platform_id)
    code = str(said.error)
    if said.status < 400 or said.status >= 500 or said.error >= 500:
        return Outcome(result=Result.UNKNOWN, reason="temporary", code=code)
    if said.error == 429:
        wait_s = min(untrusted.integer(said.parameters.get("retry_after")) or telegram_api.WAIT_S, LONGEST_WAIT_S)
        return Outcome(result=Result.NOT_SENT, reason="rate_limited", code=code, retry_after_s=max(wait_s, 1))
    reason, account_problem = _refusal(said.error, said.description)
    return Outcome(result=Result.REFUSED, reason=reason, code=code, account_problem=account_problem)


def _refusal(error: int, description: str) -> tuple[str, bool]:
    """Our word for it, and whether the account is the trouble."""
    if error in (401, 404):  # a token that is wrong is no path at all
        return "token_invalid", True
    if "peer_usage" in description:  # in a business chat the customer has to have written within 24 hours
        return "window_closed", False
    if "business" in description:
        return "permission_missing", True
    if error == 403:
        return "contact_unavailable", False
    if "chat not found" in description or "user not found" in description:
        return "contact_unknown", False
    return ("too_long" if "too long" in description else "bad_request"), False

"""WhatsApp Cloud API: one piece in, an event out; a text in, a request out.

Contract: platforms/meta.md, section 6. Customers may hide their phone number behind a business-scoped user
id (BSUID, `CC.<letters and digits>`); whichever ids come are listed, the phone number first.
"""

import json
import re
from datetime import timedelta
from typing import Any

from afterhours.channels import graph, graph_health, graph_media, untrusted
from afterhours.channels.calling_codes import language_of
from afterhours.channels.contract import Health, MalformedPayload, Piece
from afterhours.channels.http import LIMITS, Limits
from afterhours.channels.meta_source import ECHO_FIELDS, WHATSAPP_FIELDS, has_whatsapp_events, part_of
from afterhours.models import Account, Attachment, Event, Kind, Outcome, Outgoing, QuickReply, event_key

ONE_ACCOUNT = False
CHANNEL = "whatsapp"
TEXT_LIMIT = 4096
TEXT_UNIT = "code_points"
WINDOW: timedelta | None = timedelta(hours=24)
HUMAN_WINDOW: timedelta | None = timedelta(hours=24)  # no tag for people here: templates only
CAPABILITIES = frozenset({"quick_replies", "receipts", "correlator", "attachments"})

_BSUID = re.compile(r"[A-Z]{2}\.\S+")
_MEDIA = ("image", "video", "audio", "voice", "document", "sticker")
_MAX_BUTTONS = 3
_MAX_BUTTON_TITLE = 20
_MAX_ROWS = 10
_MAX_ROW_TITLE = 24
_MAX_TEXT_WITH_BUTTONS = 1024

Fields = dict[str, Any]  # arguments of Event

fetch = graph_media.fetch_by_id


def normalise(piece: Piece) -> Event:
    """Read one piece. Raises MalformedPayload where no change stands in it."""
    part = part_of(piece)
    if part.place != "changes":
        raise MalformedPayload("no change")
    field = untrusted.identifier(part.item.get("field"))
    value = untrusted.mapping(part.item.get("value"))
    number_id = untrusted.identifier(untrusted.mapping(value.get("metadata")).get("phone_number_id"))
    contact = _contact(value)
    fields: Fields | None = None
    for key, reader in _READERS.items():
        if isinstance(value.get(key), list) and value[key] and has_whatsapp_events(part.item):
            # What such a field carries is ours, whatever it calls the list: a customer's would be answered.
            read = _echo if key == "messages" and field in ECHO_FIELDS else reader
            fields = read(untrusted.mapping(value[key][0]), number_id, contact)
            break
    if fields is None:
        named = field is not None and field not in WHATSAPP_FIELDS
        fields = {
            "kind": Kind.ACCOUNT if named else Kind.UNKNOWN,
            "subkind": field,
            "recipient_id": untrusted.identifier(part.entry.get("id")),
            "timestamp_ms": untrusted.time_ms(part.entry.get("time")),
        }
    if field == "calls" and fields["kind"] is Kind.STATUS:
        fields["kind"] = Kind.CALL
    identity = _identity(fields) or (json.dumps([part.item, fields.get("timestamp_ms")], sort_keys=True),)
    key = event_key(CHANNEL, number_id or "", *(str(one) for one in identity))
    locale = language_of(next(iter(fields.get("contact_ids", ())), None))
    return Event(channel=CHANNEL, account_id=number_id, event_id=key, locale=locale, **fields)


def _identity(fields: Fields) -> tuple[object, ...]:
    """What tells an event from every other of the account; empty where the platform names nothing."""
    if fields.get("message_id") is None:
        return ()
    if fields["kind"] in (Kind.STATUS, Kind.CALL):
        return (fields["kind"], fields["message_id"], fields["subkind"], *fields["contact_ids"])
    return ("message", fields["message_id"])


def _contact(value: dict[str, Any]) -> dict[str, Any]:
    """The contact that the split left beside the event."""
    contacts = untrusted.items(value.get("contacts"))
    return untrusted.mapping(contacts[0]) if contacts else {}


def _contact_name(contact: dict[str, Any]) -> str | None:
    return untrusted.text(untrusted.mapping(contact.get("profile")).get("name"))


def _contact_ids(contact: dict[str, Any], *named: object) -> tuple[str, ...]:
    """The ids an event names, and those of the contact beside it if it is the same person for certain."""
    ids = [found for one in named if (found := untrusted.identifier(one))]
    beside = [found for key in ("wa_id", "user_id") if (found := untrusted.identifier(contact.get(key)))]
    if not ids or any(one in ids for one in beside):
        ids += beside
    return tuple(dict.fromkeys(ids))


def _message(message: dict[str, Any], number_id: str | None, contact: dict[str, Any]) -> Fields:
    system = untrusted.mapping(message.get("system"))
    renamed = [system.get(key) for key in ("wa_id", "new_wa_id", "user_id")]
    named = (message.get("from"), message.get("from_user_id"))
    sender = next(iter(_contact_ids(contact, *named)), None)
    return {
        **_content(message),
        "sender_id": sender,
        "recipient_id": number_id,
        "contact_ids": _contact_ids(contact, *named, *renamed),
        "contact_name": _contact_name(contact),
        "message_id": untrusted.identifier(message.get("id")),
        "timestamp_ms": untrusted.time_ms(message.get("timestamp")),
        "reply_to_id": untrusted.identifier(untrusted.mapping(message.get("context")).get("id")),
        "group_id": untrusted.identifier(message.get("group_id")),
        "has_referral": isinstance(message.get("referral"), dict),
        "error_codes": _error_codes(message.get("errors")),
    }


def _echo(message: dict[str, Any], number_id: str | None, contact: dict[str, Any]) -> Fields:
    """Sent by a person of ours from the phone app."""
    content = _content(message)
    if content["kind"] is not Kind.MESSAGE:
        content["subkind"] = untrusted.identifier(message.get("type"))
    named = (message.get("to"), message.get("to_user_id"))
    ids = _contact_ids(contact, *named)
    return {
        **content,
        "kind": Kind.ECHO,
        "is_echo": True,
        "sender_id": untrusted.identifier(message.get("from")) or number_id,
        "recipient_id": next(iter(ids), None),
        "contact_ids": ids,
        "contact_name": _contact_name(contact),
        "message_id": untrusted.identifier(message.get("id")),
        "timestamp_ms": untrusted.time_ms(message.get("timestamp")),
        "reply_to_id": untrusted.identifier(untrusted.mapping(message.get("context")).get("id")),
    }


def _content(message: dict[str, Any]) -> Fields:
    """Kind, subkind, text and what hangs on them, by the message's type."""
    kind = untrusted.identifier(message.get("type"))
    body = untrusted.mapping(message.get(kind or ""))
    match kind:
        case None:
            return {"kind": Kind.UNKNOWN}
        case "text":
            return {"kind": Kind.MESSAGE, "subkind": kind, "text": untrusted.text(body.get("body"))}
        case "button":
            return _pressed(kind, body.get("text"), body.get("payload"))
        case "interactive":
            return _interactive(body)
        case "order":
            return {"kind": Kind.MESSAGE, "subkind": kind, "text": untrusted.text(body.get("text"))}
        case "reaction":
            emoji = untrusted.text(body.get("emoji")) or None
            subkind = "react" if emoji else "unreact"
            target = untrusted.identifier(body.get("message_id"))
            return {"kind": Kind.REACTION, "subkind": subkind, "emoji": emoji, "target_id": target}
        case "system":
            subkind_ = untrusted.identifier(body.get("type"))
            return {"kind": Kind.SYSTEM, "subkind": subkind_, "text": untrusted.text(body.get("body"))}
        case "edit":
            edited = _content(untrusted.mapping(body.get("message")))
            return {**edited, "kind": Kind.MESSAGE_EDIT, "target_id": _original(body)}
        case "revoke":
            return {"kind": Kind.MESSAGE_DELETED, "target_id": _original(body)}
        case "unsupported" | "unknown":
            return {"kind": Kind.MESSAGE, "subkind": "unsupported"}
    attachments = _attachments(kind, message)
    text = untrusted.text(body.get("caption"))
    return {"kind": Kind.MESSAGE, "subkind": kind, "text": text, "attachments": attachments}


def _pressed(subkind: str, title: object, payload: object) -> Fields:
    return {
        "kind": Kind.MESSAGE,
        "subkind": subkind,
        "text": untrusted.text(title),
        "payload": untrusted.text(payload),
    }


def _interactive(body: dict[str, Any]) -> Fields:
    kind = untrusted.identifier(body.get("type")) or "interactive"
    reply = untrusted.mapping(body.get(kind))
    if kind == "call_permission_reply":
        return {"kind": Kind.CALL, "subkind": "permission_reply"}
    if kind == "nfm_reply":  # a filled-in form: its answers are a JSON text
        return _pressed(kind, reply.get("body"), reply.get("response_json"))
    return _pressed(kind, reply.get("title"), reply.get("id"))


def _original(body: dict[str, Any]) -> str | None:
    return untrusted.identifier(body.get("original_message_id"))


def _attachments(kind: str, message: dict[str, Any]) -> tuple[Attachment, ...]:
    if kind == "contacts":
        names = [untrusted.mapping(untrusted.mapping(one).get("name")) for one in untrusted.items(message.get(kind))]
        return tuple(Attachment(type=kind, name=untrusted.text(name.get("formatted_name"))) for name in names)
    body = untrusted.mapping(message.get(kind))
    if kind == "location":
        place = [body.get(key) for key in ("name", "address", "latitude", "longitude")]
        words = [str(one) for one in place if isinstance(one, str | int | float)]
        return (Attachment(type=kind, url=untrusted.text(body.get("url")), name=", ".join(words) or None),)
    if kind not in _MEDIA:
        return ()
    return (
        Attachment(
            type=kind,
            url=untrusted.text(body.get("url")),
            id=untrusted.identifier(body.get("id")),
            name=untrusted.text(body.get("filename")),
            mime_type=untrusted.text(body.get("mime_type")),
        ),
    )


def _error_codes(errors: object) -> tuple[int, ...]:
    codes = [untrusted.integer(untrusted.mapping(error).get("code")) for error in untrusted.items(errors)]
    return tuple(code for code in codes if code is not None)


def _status(status: dict[str, Any], number_id: str | None, contact: dict[str, Any]) -> Fields:
    """A receipt; of a message in a group, one for each member."""
    in_group = status.get("recipient_type") == "group"
    keys = ("recipient_participant_id", "recipient_participant_user_id") if in_group else _RECIPIENT_KEYS
    recipients = [untrusted.identifier(status.get(key)) for key in _RECIPIENT_KEYS]
    recipient = next((one for one in recipients if one), None)
    return {
        "kind": Kind.STATUS,
        "subkind": untrusted.identifier(status.get("status")),
        "sender_id": number_id,
        "recipient_id": recipient,
        "contact_ids": _contact_ids(contact, *(status.get(key) for key in keys)),
        "contact_name": _contact_name(contact),
        "message_id": untrusted.identifier(status.get("id")),
        "timestamp_ms": untrusted.time_ms(status.get("timestamp")),
        "group_id": recipient if in_group else None,
        "correlator": untrusted.text(status.get("biz_opaque_callback_data")),
        "error_codes": _error_codes(status.get("errors")),
    }


def _call(call: dict[str, Any], number_id: str | None, contact: dict[str, Any]) -> Fields:
    ours_first = call.get("direction") == "BUSINESS_INITIATED"
    return {
        "kind": Kind.CALL,
        "subkind": untrusted.identifier(call.get("event")),
        "sender_id": untrusted.identifier(call.get("from")),
        "recipient_id": untrusted.identifier(call.get("to")) or number_id,
        "contact_ids": _contact_ids(contact, call.get("to" if ours_first else "from")),
        "contact_name": _contact_name(contact),
        "message_id": untrusted.identifier(call.get("id")),
        "timestamp_ms": untrusted.time_ms(call.get("timestamp")),
        "correlator": untrusted.text(call.get("biz_opaque_callback_data")),
    }


def _error(error: dict[str, Any], number_id: str | None, contact: dict[str, Any]) -> Fields:
    codes = _error_codes([error])
    subkind = str(codes[0]) if codes else None
    return {"kind": Kind.ERROR, "subkind": subkind, "recipient_id": number_id, "error_codes": codes}


_RECIPIENT_KEYS = ("recipient_id", "recipient_user_id")
_READERS = {"messages": _message, "statuses": _status, "message_echoes": _echo, "calls": _call, "errors": _error}


def text_units(text: str) -> int:
    return len(text)


def send(account: Account, token: str, outgoing: Outgoing, *, limits: Limits = LIMITS) -> Outcome:
    """Post once. A 200 only means accepted: what goes wrong later comes as a status `failed`."""
    return graph.refusal(outgoing.text, text_units(outgoing.text), TEXT_LIMIT) or graph.post_message(
        account, token, host=graph.FACEBOOK, node=account.id, payload=_request(outgoing), limits=limits
    )


def _request(outgoing: Outgoing) -> dict[str, Any]:
    addressee = "recipient" if _BSUID.fullmatch(outgoing.to) else "to"
    request: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        addressee: outgoing.to,
        "biz_opaque_callback_data": outgoing.correlator,
    }
    if outgoing.reply_to_id:
        request["context"] = {"message_id": outgoing.reply_to_id}
    if outgoing.quick_replies and len(outgoing.text) <= _MAX_TEXT_WITH_BUTTONS:
        choice = _buttons if len(outgoing.quick_replies) <= _MAX_BUTTONS else _list
        interactive = {"body": {"text": outgoing.text}, **choice(outgoing.quick_replies)}
        return {**request, "type": "interactive", "interactive": interactive}
    return {**request, "type": "text", "text": {"body": outgoing.text, "preview_url": False}}


def _buttons(choices: tuple[QuickReply, ...]) -> dict[str, Any]:
    buttons = [
        {"type": "reply", "reply": {"id": choice.id, "title": choice.title[:_MAX_BUTTON_TITLE]}} for choice in choices
    ]
    return {"type": "button", "action": {"buttons": buttons}}


def _list(choices: tuple[QuickReply, ...]) -> dict[str, Any]:
    """More than fit beside a text, behind one button; from the first to the last says in any language what it opens."""
    rows = [{"id": choice.id, "title": choice.title[:_MAX_ROW_TITLE]} for choice in choices[:_MAX_ROWS]]
    opens = f"{rows[0]['title'][:8]} – {rows[-1]['title'][:8]}"
    return {"type": "list", "action": {"button": opens, "sections": [{"rows": rows}]}}


def health(account: Account, token: str) -> Health:
    return graph_health.of_number(account, token)

"""What Messenger and Instagram have in common: reading `messaging[]` and `standby[]`, and the message they send."""

import json
from typing import Any

from afterhours.channels import untrusted
from afterhours.channels.contract import MalformedPayload, Piece
from afterhours.channels.meta_source import Part, part_of
from afterhours.models import Attachment, Event, Kind, Outgoing, event_key

_HANDOVERS = {
    "pass_thread_control": "pass",
    "take_thread_control": "take",
    "request_thread_control": "request",
    "app_roles": "app_roles",
}
_COMMERCE = ("payment", "checkout_update", "pre_checkout")
_RETIRED = ("game_play", "branded_camera")
_ENVELOPE = frozenset({"sender", "recipient", "timestamp", "prior_message"})
_MAX_QUICK_REPLIES = 13
_MAX_TITLE = 20

Fields = dict[str, Any]  # arguments of Event


def read(channel: str, piece: Piece) -> Event:
    """Read one piece. Raises MalformedPayload where nothing of a message stands in it."""
    part = part_of(piece)
    if part.place not in ("messaging", "standby"):
        raise MalformedPayload("no message")
    item = part.item
    sender = _party(item.get("sender"))
    recipient = _party(item.get("recipient"))
    is_echo = untrusted.mapping(item.get("message")).get("is_echo") is True
    if is_echo:
        sender = sender or untrusted.identifier(part.entry.get("id"))
    else:
        recipient = recipient or untrusted.identifier(part.entry.get("id"))
    account, contact = _account_and_contact(part, sender, recipient, is_echo=is_echo)
    moment = untrusted.time_ms(item.get("timestamp"))
    fields = _content(item)
    identity = _identity(fields, sender, moment) or (json.dumps(item, sort_keys=True),)
    return Event(
        channel=channel,
        account_id=account,
        event_id=event_key(channel, account or "", *(str(one) for one in identity)),
        sender_id=sender,
        recipient_id=recipient,
        contact_ids=(contact,) if contact else (),
        # Said by ourselves and not marked as an echo, to oneself or otherwise: not a customer's.
        from_page_itself=account is not None and sender == account and not is_echo,
        timestamp_ms=moment,
        is_echo=is_echo,
        standby=part.place == "standby",
        **fields,
    )


def _identity(fields: Fields, sender: str | None, moment: int | None) -> tuple[object, ...]:
    """What tells an event from every other of the account; empty where the platform names nothing.

    The same message under `messaging` and under `standby` is one event.
    """
    kind, message_id = fields["kind"], fields.get("message_id")
    match kind:
        case Kind.MESSAGE | Kind.ECHO | Kind.POSTBACK | Kind.MESSAGE_DELETED if message_id:
            return ("deleted" if kind is Kind.MESSAGE_DELETED else "message", message_id)
        case Kind.MESSAGE_EDIT if message_id:
            return (kind, message_id, fields["num_edit"])
        case Kind.POSTBACK:
            return (kind, sender, moment, fields["payload"])
        case Kind.REACTION:
            return (kind, sender, moment, fields["target_id"], fields["subkind"], fields["emoji"])
        case Kind.READ:
            return (kind, sender, fields["target_id"], fields["watermark_ms"])
        case Kind.DELIVERY:
            return (kind, sender, fields["watermark_ms"], *fields["mids"])
    return ()


def _party(value: object) -> str | None:
    """Who; a guest of the old chat plug-in has only a `user_ref`."""
    party = untrusted.mapping(value)
    return untrusted.identifier(party.get("id")) or untrusted.identifier(party.get("user_ref"))


def _account_and_contact(
    part: Part, sender: str | None, recipient: str | None, *, is_echo: bool
) -> tuple[str | None, str | None]:
    """Which of the two is ours: the one that the entry is about; where neither is, by the direction."""
    ours, theirs = (sender, recipient) if is_echo else (recipient, sender)
    if theirs is not None and theirs == untrusted.identifier(part.entry.get("id")):
        ours, theirs = theirs, ours
    return ours, None if theirs == ours else theirs


def _content(item: dict[str, Any]) -> Fields:
    """Kind and content."""
    for key, reader in _READERS.items():
        if isinstance(item.get(key), dict):
            return reader(item[key])
    for key, subkind in _HANDOVERS.items():
        if key in item:
            return {"kind": Kind.HANDOVER, "subkind": subkind}
    for key in _COMMERCE:
        if key in item:
            return {"kind": Kind.COMMERCE, "subkind": key}
    for key in _RETIRED:
        if key in item:
            return {"kind": Kind.IGNORED, "subkind": key}
    unknown = next((key for key in item if key not in _ENVELOPE), None)
    return {"kind": Kind.UNKNOWN, "subkind": untrusted.identifier(unknown)}


def _message(message: dict[str, Any]) -> Fields:
    mid = untrusted.identifier(message.get("mid"))
    if message.get("is_deleted") is True:
        return {"kind": Kind.MESSAGE_DELETED, "message_id": mid, "target_id": mid}
    attachments = tuple(_attachment(value) for value in untrusted.items(message.get("attachments")))
    reply_to = untrusted.mapping(message.get("reply_to"))
    return {
        "kind": Kind.ECHO if message.get("is_echo") is True else Kind.MESSAGE,
        "subkind": _message_subkind(message, attachments),
        "text": untrusted.text(message.get("text")),
        "message_id": mid,
        "attachments": attachments,
        "reply_to_id": untrusted.identifier(reply_to.get("mid")),
        "payload": untrusted.identifier(untrusted.mapping(message.get("quick_reply")).get("payload")),
        "app_id": untrusted.identifier(message.get("app_id")),
        "correlator": untrusted.text(message.get("metadata")),
        "has_referral": isinstance(message.get("referral"), dict),
    }


def _message_subkind(message: dict[str, Any], attachments: tuple[Attachment, ...]) -> str:
    first = attachments[0].type if attachments else None
    reply_to = untrusted.mapping(message.get("reply_to"))
    if message.get("is_unsupported") is True or first == "unsupported_type":
        return "unsupported"
    if isinstance(message.get("quick_reply"), dict):
        return "quick_reply"
    if isinstance(reply_to.get("story"), dict):
        return "story_reply"
    if untrusted.identifier(reply_to.get("mid")):
        return "reply"
    if _is_sticker(message):
        return "sticker"
    if first:
        return first
    return "text" if untrusted.text(message.get("text")) is not None else "unsupported"


def _is_sticker(message: dict[str, Any]) -> bool:
    """Meta has moved stickers from `sticker_id` to an image with one, and on to a type of their own."""
    if untrusted.identifier(message.get("sticker_id")):
        return True
    values = [untrusted.mapping(value) for value in untrusted.items(message.get("attachments"))]
    return any(
        value.get("type") == "sticker"
        or untrusted.identifier(untrusted.mapping(value.get("payload")).get("sticker_id"))
        for value in values
    )


def _attachment(value: object) -> Attachment:
    attachment = untrusted.mapping(value)
    payload = untrusted.mapping(attachment.get("payload"))
    coordinates = untrusted.mapping(payload.get("coordinates"))
    place = ", ".join(str(coordinates[key]) for key in ("lat", "long") if isinstance(coordinates.get(key), int | float))
    return Attachment(
        type=untrusted.identifier(attachment.get("type")) or "unknown",
        url=untrusted.text(payload.get("url")) or untrusted.text(attachment.get("url")),
        name=untrusted.text(payload.get("title")) or untrusted.text(attachment.get("title")) or place or None,
    )


def _postback(postback: dict[str, Any]) -> Fields:
    mid = untrusted.identifier(postback.get("mid"))
    payload = untrusted.text(postback.get("payload"))
    is_referral = isinstance(postback.get("referral"), dict)
    return {
        "kind": Kind.POSTBACK,
        "subkind": "referral" if is_referral else None,
        "text": untrusted.text(postback.get("title")) or None,
        "message_id": mid,
        "payload": payload,
        "has_referral": is_referral,
    }


def _message_edit(edit: dict[str, Any]) -> Fields:
    mid = untrusted.identifier(edit.get("mid"))
    number = untrusted.identifier(edit.get("num_edit"))
    return {
        "kind": Kind.MESSAGE_EDIT,
        "text": untrusted.text(edit.get("text")),
        "message_id": mid,
        "target_id": mid,
        "num_edit": number,
    }


def _reaction(reaction: dict[str, Any]) -> Fields:
    return {
        "kind": Kind.REACTION,
        "subkind": untrusted.identifier(reaction.get("action")),
        "target_id": untrusted.identifier(reaction.get("mid")),
        "emoji": untrusted.text(reaction.get("emoji")),
    }


def _read(read: dict[str, Any]) -> Fields:
    """Messenger tells up to when, Instagram which message."""
    watermark = untrusted.time_ms(read.get("watermark"))
    target = untrusted.identifier(read.get("mid"))
    return {"kind": Kind.READ, "target_id": target, "watermark_ms": watermark}


def _delivery(delivery: dict[str, Any]) -> Fields:
    watermark = untrusted.time_ms(delivery.get("watermark"))
    mids = tuple(mid for value in untrusted.items(delivery.get("mids")) if (mid := untrusted.identifier(value)))
    return {"kind": Kind.DELIVERY, "mids": mids, "watermark_ms": watermark}


def _referral(referral: dict[str, Any]) -> Fields:
    return {"kind": Kind.REFERRAL, "subkind": untrusted.identifier(referral.get("source")), "has_referral": True}


def _optin(optin: dict[str, Any]) -> Fields:
    is_guest = untrusted.identifier(optin.get("user_ref")) is not None
    return {
        "kind": Kind.OPTIN,
        "subkind": "user_ref" if is_guest else untrusted.identifier(optin.get("type")) or "ref",
    }


def _policy(policy: dict[str, Any]) -> Fields:
    return {"kind": Kind.POLICY, "subkind": untrusted.identifier(policy.get("action"))}


def _account_linking(linking: dict[str, Any]) -> Fields:
    return {"kind": Kind.ACCOUNT_LINKING, "subkind": untrusted.identifier(linking.get("status"))}


_READERS = {
    "message": _message,
    "postback": _postback,
    "message_edit": _message_edit,
    "reaction": _reaction,
    "read": _read,
    "delivery": _delivery,
    "referral": _referral,
    "optin": _optin,
    "policy_enforcement": _policy,
    "policy-enforcement": _policy,  # both spellings are on the wire
    "account_linking": _account_linking,
}


def message(outgoing: Outgoing) -> Fields:
    """The `message` of a request."""
    said: Fields = {"text": outgoing.text}
    if outgoing.quick_replies:
        said["quick_replies"] = [
            {"content_type": "text", "title": quick.title[:_MAX_TITLE], "payload": quick.id}
            for quick in outgoing.quick_replies[:_MAX_QUICK_REPLIES]
        ]
    return said


def human_agent_tag(outgoing: Outgoing) -> Fields:
    """Opens seven days instead of one, for what a person wrote and for nothing else."""
    if outgoing.by_human and outgoing.outside_window:
        return {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}
    return {}

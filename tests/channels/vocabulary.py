"""The words of the public samples' indexes (platforms/payload-index-conventions.md) in ours, one table for all."""

from typing import Any, NamedTuple

from afterhours.channels import untrusted
from afterhours.models import Event, Kind


class Read(NamedTuple):
    """What an event of that kind is to us, and the type of what hangs on it."""

    kinds: tuple[Kind, ...]
    attachment: str | None = None


_MESSAGE = (Kind.MESSAGE,)
KINDS: dict[str, Read] = {
    "text": Read(_MESSAGE),
    "link": Read(_MESSAGE),
    "reply": Read((Kind.MESSAGE, Kind.COMMENT, Kind.MENTION)),
    "quote": Read((Kind.MESSAGE, Kind.COMMENT, Kind.MENTION)),
    **{name: Read(_MESSAGE, name) for name in ("image", "video", "audio", "file", "sticker", "location")},
    "contact": Read(_MESSAGE, "contacts"),
    "postback": Read((Kind.POSTBACK, Kind.MESSAGE)),
    "welcome_opportunity": Read((Kind.POSTBACK, Kind.REFERRAL, Kind.OPTIN, Kind.FOLLOW)),
    "follow": Read((Kind.FOLLOW, Kind.IGNORED)),  # on X it lets nobody write to anybody
    "unfollow": Read((Kind.UNFOLLOW,)),
    "join": Read((Kind.SYSTEM,)),
    "leave": Read((Kind.SYSTEM,)),
    "scan": Read((Kind.REFERRAL, Kind.FOLLOW)),
    "read": Read((Kind.READ,)),
    "delivery": Read((Kind.DELIVERY, Kind.STATUS)),
    "delivery_failed": Read((Kind.STATUS,)),
    "typing": Read((Kind.IGNORED,)),
    "echo": Read((Kind.ECHO,)),
    "mention": Read((Kind.MENTION, Kind.COMMENT)),
    "comment": Read((Kind.COMMENT,)),
    "comment_delete": Read((Kind.COMMENT, Kind.MESSAGE_DELETED)),
    "edit": Read((Kind.MESSAGE_EDIT,)),
    "delete": Read((Kind.MESSAGE_DELETED,)),
    "like": Read((Kind.REACTION, Kind.FEED_REACTION, Kind.IGNORED)),  # our own is nothing to us
    "encrypted": Read(_MESSAGE),
    "auth_revoked": Read((Kind.ACCOUNT,)),
    "beacon": Read((Kind.IGNORED,)),
    "account_link": Read((Kind.ACCOUNT_LINKING,)),
    "unsupported": Read((Kind.UNKNOWN, Kind.IGNORED, Kind.MESSAGE)),
}
# Names of the index for fields of ours; what is not here is checked by the platform's own tests.
FIELDS = {
    "sender_id": "sender_id",
    "recipient_id": "recipient_id",
    "message_id": "message_id",
    "timestamp_ms": "timestamp_ms",
    "business_connection_id": "handle",
    "reply_token": "handle",
}


def fits(kind: str, event: Event) -> bool:
    """Whether the event is what the index calls `kind`."""
    read = KINDS[kind]
    return event.kind in read.kinds and (read.attachment is None or read.attachment in _types(event))


def _types(event: Event) -> set[str]:
    return {attachment.type for attachment in event.attachments}


def _ours(event: Event, field: str) -> Any:
    """The index knows LinkedIn's events by the number of their notification, we by what they are about."""
    if field == "message_id" and event.channel == "linkedin":
        return event.mids[0] if event.mids else None
    return getattr(event, field)


def differences(expect: dict[str, Any], event: Event) -> dict[str, tuple[Any, Any]]:
    """Where our reading of an event is not the index's: field -> (theirs, ours)."""
    if untrusted.time_ms(expect.get("timestamp_ms")) is None:  # of a sample that stands for any time
        expect = {**expect, "timestamp_ms": None}
    found = {
        name: (expect[name], _ours(event, ours))
        for name, ours in FIELDS.items()
        if name in expect and expect[name] != _ours(event, ours)
    }
    said = event.payload if expect["kind"] == "postback" else event.text
    if expect.get("text") != said:
        found["text"] = (expect.get("text"), said)
    if not fits(expect["kind"], event):
        found["kind"] = (expect["kind"], (event.kind, _types(event)))
    return found

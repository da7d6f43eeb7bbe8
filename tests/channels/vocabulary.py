"""The words of the public samples' indexes (platforms/payload-index-conventions.md) in ours, one table for all."""

from typing import Any, NamedTuple

from afterhours.channels import untrusted
from afterhours.models import Event, Kind


class Read(NamedTuple):
    """What an event of that kind is to us, and the type of what hangs on it. `says` is where its words stand with us:
    None where nothing of them is read."""

    kinds: tuple[Kind, ...]
    attachment: str | None = None
    says: str | None = "text"


_MESSAGE = (Kind.MESSAGE,)
KINDS: dict[str, Read] = {
    "text": Read(_MESSAGE),
    "link": Read(_MESSAGE),
    "reply": Read((Kind.MESSAGE, Kind.COMMENT, Kind.MENTION)),
    "quote": Read((Kind.MESSAGE, Kind.COMMENT, Kind.MENTION)),
    **{name: Read(_MESSAGE, name) for name in ("image", "video", "audio", "file", "sticker", "location")},
    "contact": Read(_MESSAGE, "contacts"),
    "postback": Read((Kind.POSTBACK, Kind.MESSAGE), says="payload"),
    "welcome_opportunity": Read((Kind.POSTBACK, Kind.REFERRAL, Kind.OPTIN, Kind.FOLLOW)),
    "follow": Read((Kind.FOLLOW, Kind.IGNORED)),  # on X it lets nobody write to anybody
    "unfollow": Read((Kind.UNFOLLOW,)),
    "join": Read((Kind.SYSTEM,)),
    "leave": Read((Kind.SYSTEM,)),
    "scan": Read((Kind.REFERRAL, Kind.FOLLOW), says="payload"),  # the code's scene, which nobody wrote
    "read": Read((Kind.READ,)),
    "delivery": Read((Kind.DELIVERY, Kind.STATUS)),
    "delivery_failed": Read((Kind.STATUS,)),
    "typing": Read((Kind.IGNORED,)),
    "echo": Read((Kind.ECHO,)),
    "mention": Read((Kind.MENTION, Kind.COMMENT)),
    "comment": Read((Kind.COMMENT,)),
    "comment_delete": Read((Kind.COMMENT, Kind.MESSAGE_DELETED), says=None),  # words that were taken back
    "edit": Read((Kind.MESSAGE_EDIT,)),
    "delete": Read((Kind.MESSAGE_DELETED,), says=None),
    "like": Read((Kind.REACTION, Kind.FEED_REACTION, Kind.IGNORED)),  # our own is nothing to us
    "encrypted": Read(_MESSAGE),
    "auth_revoked": Read((Kind.ACCOUNT,)),
    "beacon": Read((Kind.IGNORED,)),
    "account_link": Read((Kind.ACCOUNT_LINKING,)),
    "unsupported": Read((Kind.UNKNOWN, Kind.IGNORED, Kind.MESSAGE)),
    "email": Read(_MESSAGE),
    "auto_reply": Read(_MESSAGE),
    "bounce": Read((Kind.STATUS, Kind.MESSAGE)),
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
# Where the index calls something that somebody says what nobody says: channel and subkind, ignored by us -> why.
NOBODY_SAID = {
    ("wechat", "location"): "where a phone is, reported by itself: nobody sent a place",
    ("wechat", "view"): "a link of the menu was opened: it opens no window, and no answer to it is shown",
}


def fits(kind: str, event: Event) -> bool:
    """Whether the event is what the index calls `kind`."""
    read = KINDS[kind]
    if (event.channel, event.subkind) in NOBODY_SAID and event.kind is Kind.IGNORED:
        return not event.attachments and event.text is None
    return event.kind in read.kinds and (read.attachment is None or read.attachment in types(event))


def types(event: Event) -> set[str]:
    return {attachment.type for attachment in event.attachments}


def differences(expect: dict[str, Any], event: Event) -> dict[str, tuple[Any, Any]]:
    """Where our reading of an event is not the index's: field -> (theirs, ours)."""
    found = {
        name: (expect[name], getattr(event, ours))
        for name, ours in FIELDS.items()
        if name in expect and not _same(name, expect[name], ours, event)
    }
    says = KINDS[expect["kind"]].says
    said, ours = (expect.get("text"), getattr(event, says)) if says else (None, event.text)
    if "text" in expect and not _says(said, ours, event):
        found["text"] = (said, ours)
    if not fits(expect["kind"], event):
        found["kind"] = (expect["kind"], (event.kind, types(event)))
    return found


def _same(name: str, theirs: Any, ours: str, event: Event) -> bool:
    if name == "timestamp_ms" and untrusted.time_ms(theirs) is None:  # of a sample that stands for any time
        # A mail still has its Date.
        return event.timestamp_ms is None or event.channel == "email"
    if name == "message_id" and event.channel == "email" and theirs is None:
        return not (event.message_id or "").startswith("<")  # the id that SES gave the mail
    if name == "message_id" and event.channel == "linkedin":
        # The index knows LinkedIn's events by the number of their notification, we by what they are about.
        return theirs == (event.mids[0] if event.mids else None)
    return bool(theirs == getattr(event, ours))


def _says(theirs: str | None, ours: str | None, event: Event) -> bool:
    """Of a mail the index does not give the subject, which stands before its text, or alone."""
    if event.channel == "email" and ours is not None:
        return ours.rpartition("\n\n")[2] == theirs or (theirs is None and "\n" not in ours)
    return theirs == ours

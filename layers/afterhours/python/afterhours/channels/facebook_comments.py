"""Facebook Page comments, posts, reactions, mentions and ratings: what a Page's `changes[]` say.

Contract: platforms/meta.md, section 3. Answering them is not built.
"""

from typing import Any

from afterhours.channels import untrusted
from afterhours.channels.contract import Piece
from afterhours.channels.meta_comments import Change, change_of
from afterhours.models import Attachment, Event, Kind

SOURCE = "meta"
ONE_ACCOUNT = False
CHANNEL = "facebook_comments"


def normalise(piece: Piece) -> Event:
    """Read one piece. Raises MalformedPayload where no change stands in it."""
    change = change_of(piece)
    if change.object_name != "page":
        return change.foreign(CHANNEL)
    item = untrusted.identifier(change.value.get("item"))
    if change.field == "feed" and item == "comment":
        return _comment(change)
    if change.field == "feed" and item in ("like", "reaction"):
        return _on_post(change, Kind.FEED_REACTION, item)
    if change.field == "feed" and item:
        return _on_post(change, Kind.FEED_POST, item, text=untrusted.text(change.value.get("message")))
    if change.field == "mention" and item:
        return _on_post(change, Kind.MENTION, item, text=untrusted.text(change.value.get("message")))
    if change.field == "ratings" and item:
        return _rating(change, item)
    return change.event(CHANNEL, Kind.UNKNOWN, subkind=change.field, **_author(change.value))


def _comment(change: Change) -> Event:
    value = change.value
    comment_id = untrusted.identifier(value.get("comment_id"))
    verb = untrusted.identifier(value.get("verb"))
    text = untrusted.text(value.get("message"))
    identity: tuple[object, ...] = ("comment", comment_id, verb) if comment_id else ()
    if comment_id and verb != "add":  # may happen again: the text and the time tell
        identity = (*identity, text, change.time_ms)
    media = [(kind, untrusted.text(value.get(kind))) for kind in ("photo", "video")]
    return change.event(
        CHANNEL,
        Kind.COMMENT,
        *identity,
        subkind=verb,
        text=text,
        message_id=comment_id,
        post_id=untrusted.identifier(value.get("post_id")),
        parent_id=untrusted.identifier(value.get("parent_id")),
        attachments=tuple(Attachment(type=kind, url=url) for kind, url in media if url),
        **_author(value),
    )


def _on_post(change: Change, kind: Kind, item: str, *, text: str | None = None) -> Event:
    value = change.value
    comment_id, post_id = (untrusted.identifier(value.get(key)) for key in ("comment_id", "post_id"))
    about = comment_id if kind in (Kind.MENTION, Kind.FEED_REACTION) else None
    return change.event(
        CHANNEL,
        kind,
        subkind=_subkind(item, value),
        text=text,
        message_id=about or post_id,
        post_id=post_id,
        parent_id=untrusted.identifier(value.get("parent_id")),
        **_author(value),
    )


def _rating(change: Change, item: str) -> Event:
    value = change.value
    return change.event(
        CHANNEL,
        Kind.RATING,
        subkind=_subkind(item, value),
        text=untrusted.text(value.get("review_text")) or untrusted.text(value.get("message")),
        message_id=untrusted.identifier(value.get("comment_id"))
        or untrusted.identifier(value.get("open_graph_story_id")),
        post_id=untrusted.identifier(value.get("post_id")),
        **_author(value),
    )


def _subkind(item: str, value: dict[str, Any]) -> str:
    verb = untrusted.identifier(value.get("verb"))
    return f"{item}.{verb}" if verb else item


def _author(value: dict[str, Any]) -> dict[str, Any]:
    """Who; `from` today, `sender_id` before v2.11, others for ratings and likes of the Page."""
    author = untrusted.mapping(value.get("from"))
    ids = (author.get("id"), value.get("sender_id"), value.get("user_id"), value.get("reviewer_id"))
    names = (author.get("name"), value.get("sender_name"), value.get("reviewer_name"))
    return {
        "sender": next((found for one in ids if (found := untrusted.identifier(one))), None),
        "contact_name": next((found for one in names if (found := untrusted.text(one))), None),
    }

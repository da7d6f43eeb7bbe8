"""Facebook Page comments, posts, reactions, mentions and ratings: what a Page's `changes[]` say.

A comment is answered in private (once) or beneath it, for all to read. Contract: platforms/meta.md, section 3.
"""

from datetime import timedelta
from typing import Any

from afterhours.channels import graph, graph_health, meta_comments, untrusted
from afterhours.channels.contract import Health, Piece
from afterhours.channels.http import LIMITS, Limits
from afterhours.channels.meta_comments import Change, change_of
from afterhours.models import Account, Attachment, Event, Kind, Outcome, Outgoing

ONE_ACCOUNT = False
CHANNEL = "facebook_comments"
TEXT_LIMIT = 2000  # of a private reply; none is documented for what stands in public
TEXT_UNIT = "code_points"
WINDOW: timedelta | None = None
HUMAN_WINDOW: timedelta | None = None
CAPABILITIES = frozenset({"public", "private_reply", "quick_replies"})

# What is done to a comment that is there already.
_CHANGES = {
    "edit": Kind.MESSAGE_EDIT,
    "edited": Kind.MESSAGE_EDIT,
    "hide": Kind.MESSAGE_EDIT,
    "unhide": Kind.MESSAGE_EDIT,
    "remove": Kind.MESSAGE_DELETED,
    "delete": Kind.MESSAGE_DELETED,
}


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
    if change.field == "mention" and (change.value.keys() & {"item", "comment_id", "post_id"}):
        where = item or ("comment" if change.value.get("comment_id") else "post")
        return _on_post(change, Kind.MENTION, where, text=untrusted.text(change.value.get("message")))
    if change.field == "ratings" and item:
        return _rating(change, item)
    return change.event(CHANNEL, Kind.UNKNOWN, subkind=change.field, **_author(change.value))


def _comment(change: Change) -> Event:
    value = change.value
    comment_id, post_id, parent_id, verb = (
        untrusted.identifier(value.get(key)) for key in ("comment_id", "post_id", "parent_id", "verb")
    )
    text, author = untrusted.text(value.get("message")), _author(value)
    own = change.is_own(author["sender"])
    identity: tuple[object, ...] = ("comment", comment_id, verb) if comment_id else ()
    if comment_id and verb != "add":  # may happen again: the text and the time tell
        identity = (*identity, text, change.time_ms)
    media = [(kind, untrusted.text(value.get(kind))) for kind in ("photo", "video")]
    answered = parent_id if parent_id != post_id else None
    # Who changes a comment may be its author or whoever moderates: it is the comment that tells whose thread it is.
    fields: dict[str, Any] = {"kind": _CHANGES.get(verb or "", Kind.UNKNOWN), "target_id": comment_id}
    fields["contacts"] = (comment_id, answered) if own else (comment_id,)
    if verb == "add" and own:
        fields = {"kind": Kind.ECHO, "contacts": (answered,)}
    elif verb == "add":
        fields = {"kind": Kind.COMMENT, "contacts": (author["sender"], comment_id), "handle": comment_id}
        fields |= {"private_reply": comment_id is not None, "timeless": comment_id is not None}
    return change.event(
        CHANNEL,
        fields.pop("kind"),
        *identity,
        subkind=verb,
        text=text,
        message_id=comment_id,
        post_id=post_id,
        parent_id=parent_id,
        attachments=tuple(Attachment(type=kind, url=url) for kind, url in media if url),
        **author,
        **fields,
    )


def _on_post(change: Change, kind: Kind, item: str, *, text: str | None = None) -> Event:
    value = change.value
    comment_id, post_id = (untrusted.identifier(value.get(key)) for key in ("comment_id", "post_id"))
    about = comment_id if kind in (Kind.MENTION, Kind.FEED_REACTION) else None
    author = _author(value)
    mention: dict[str, Any] = {}
    if kind is Kind.MENTION and not change.is_own(author["sender"]):
        named = about or post_id
        mention = {"contacts": (author["sender"], named), "handle": named, "for_person": True}
    return change.event(
        CHANNEL,
        kind,
        subkind=_subkind(item, value),
        text=text,
        message_id=about or post_id,
        post_id=post_id,
        parent_id=untrusted.identifier(value.get("parent_id")),
        **mention,
        **author,
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


def text_units(text: str) -> int:
    return len(text)


def send(account: Account, token: str, outgoing: Outgoing, *, limits: Limits = LIMITS) -> Outcome:
    """Post once. `metadata` comes back in the echo of a private reply."""
    if refused := graph.refusal(outgoing.text, text_units(outgoing.text), TEXT_LIMIT):
        return refused
    if not outgoing.private_reply:
        return meta_comments.answer_below(account, token, outgoing, host=graph.FACEBOOK, edge="comments", limits=limits)
    payload = meta_comments.private_message(outgoing)
    payload["message"]["metadata"] = outgoing.correlator
    return graph.post_message(account, token, host=graph.FACEBOOK, node=account.id, payload=payload, limits=limits)


def health(account: Account, token: str) -> Health:
    return graph_health.of_page(account, token, "feed")

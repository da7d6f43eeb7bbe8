"""Instagram comments, live comments and mentions: what an Instagram account's `changes[]` say.

A comment is answered in private (once) or beneath it, for all to read; a mention, which comes as ids alone, in
Instagram's app. Contract: platforms/meta.md, section 5.
"""

from datetime import timedelta
from typing import Any

from afterhours.channels import graph, graph_health, meta_comments, untrusted
from afterhours.channels.contract import Health, Piece
from afterhours.channels.http import LIMITS, Limits
from afterhours.channels.meta_comments import Change, change_of
from afterhours.models import Account, Event, Kind, Outcome, Outgoing, Result

ONE_ACCOUNT = False
CHANNEL = "instagram_comments"
TEXT_LIMIT = 1000  # of a private reply; none is documented for what stands in public
TEXT_UNIT = "bytes"
WINDOW: timedelta | None = None
HUMAN_WINDOW: timedelta | None = None
CAPABILITIES = frozenset({"public", "private_reply", "quick_replies"})

_COMMENT_FIELDS = {"comments": "add", "live_comments": "live"}


def normalise(piece: Piece) -> Event:
    """Read one piece. Raises MalformedPayload where no change stands in it."""
    change = change_of(piece)
    if change.object_name != "instagram":
        return change.foreign(CHANNEL)
    if change.field in _COMMENT_FIELDS:
        return _comment(change, _COMMENT_FIELDS[change.field])
    if change.field == "mentions":
        comment_id, media_id = (untrusted.identifier(change.value.get(key)) for key in ("comment_id", "media_id"))
        return change.event(
            CHANNEL,
            Kind.MENTION,
            *(("mention", media_id, comment_id) if comment_id or media_id else ()),
            subkind="comment" if comment_id else "media",
            message_id=comment_id or media_id,
            post_id=media_id,
            contacts=(comment_id or media_id,),
            for_person=True,
        )
    kind = Kind.IGNORED if change.field == "story_insights" else Kind.UNKNOWN
    return change.event(CHANNEL, kind, subkind=change.field)


def _comment(change: Change, subkind: str) -> Event:
    """Meta writes the id as `id` and documents it as `comment_id`; a comment on a boosted post may come twice."""
    value = change.value
    comment_id = untrusted.identifier(value.get("id")) or untrusted.identifier(value.get("comment_id"))
    author = untrusted.mapping(value.get("from"))
    sender, parent_id = untrusted.identifier(author.get("id")), untrusted.identifier(value.get("parent_id"))
    # The mark of the account's own comment, whose `id` may be in another scope than the account's.
    own = change.is_own(sender) or author.get("self_ig_scoped_id") is not None
    named = comment_id is not None
    answering: dict[str, Any] = {"handle": comment_id, "private_reply": named, "timeless": named}
    return change.event(
        CHANNEL,
        Kind.ECHO if own else Kind.COMMENT,
        *(("comment", comment_id) if comment_id else ()),
        contacts=(parent_id,) if own else (sender, comment_id),
        subkind=subkind,
        sender=sender,
        own=own,
        contact_name=untrusted.text(author.get("username")),
        text=untrusted.text(value.get("text")),
        message_id=comment_id,
        post_id=untrusted.identifier(untrusted.mapping(value.get("media")).get("id")),
        parent_id=parent_id,
        **({} if own else answering),
    )


def text_units(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def send(account: Account, token: str, outgoing: Outgoing, *, limits: Limits = LIMITS) -> Outcome:
    """Post once."""
    if refused := graph.refusal(outgoing.text, text_units(outgoing.text), TEXT_LIMIT):
        return refused
    by_page = account.login != "instagram"
    host = graph.FACEBOOK if by_page else graph.INSTAGRAM
    if not outgoing.private_reply:
        return meta_comments.answer_below(account, token, outgoing, host=host, edge="replies", limits=limits)
    node = account.page_id if by_page else account.id
    if not node:
        return Outcome(result=Result.REFUSED, reason="account_without_page", account_problem=True)
    payload = meta_comments.private_message(outgoing)
    return graph.post_message(account, token, host=host, node=node, payload=payload, limits=limits)


def health(account: Account, token: str) -> Health:
    return graph_health.of_instagram(account, token, "comments")

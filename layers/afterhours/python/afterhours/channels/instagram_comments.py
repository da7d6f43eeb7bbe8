"""Instagram comments, live comments and mentions: what an Instagram account's `changes[]` say.

Contract: platforms/meta.md, section 5. Answering them is not built.
"""

from afterhours.channels import untrusted
from afterhours.channels.contract import Piece
from afterhours.channels.meta_comments import Change, change_of
from afterhours.models import Event, Kind

SOURCE = "meta"
ONE_ACCOUNT = False
CHANNEL = "instagram_comments"

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
        )
    kind = Kind.IGNORED if change.field == "story_insights" else Kind.UNKNOWN
    return change.event(CHANNEL, kind, subkind=change.field)


def _comment(change: Change, subkind: str) -> Event:
    """Meta writes the id as `id` and documents it as `comment_id`; a comment on a boosted post may come twice."""
    value = change.value
    comment_id = untrusted.identifier(value.get("id")) or untrusted.identifier(value.get("comment_id"))
    author = untrusted.mapping(value.get("from"))
    return change.event(
        CHANNEL,
        Kind.COMMENT,
        *(("comment", comment_id) if comment_id else ()),
        subkind=subkind,
        sender=untrusted.identifier(author.get("id")),
        # The mark of the account's own comment, whose `id` may be in another scope than the account's.
        own=author.get("self_ig_scoped_id") is not None,
        contact_name=untrusted.text(author.get("username")),
        text=untrusted.text(value.get("text")),
        message_id=comment_id,
        post_id=untrusted.identifier(untrusted.mapping(value.get("media")).get("id")),
        parent_id=untrusted.identifier(value.get("parent_id")),
    )

"""Posts on X that mention, answer or quote the account: one piece in, an event out; an answer under the newest of them.

Contract: platforms/x.md, sections 5, 6 and 8. All of it is public. A post that mentions and answers at once comes
twice and is one event; X takes an answer of an app's only to those who mentioned or quoted the account.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from afterhours.channels import graph, untrusted, x_api, x_text
from afterhours.channels.contract import MalformedPayload, Piece
from afterhours.channels.http import LIMITS, Limits
from afterhours.channels.x_source import DELETED_POSTS, LIKES, POSTS
from afterhours.models import Account, Attachment, Event, Kind, Outcome, Outgoing, Result, event_key

ONE_ACCOUNT = False
CHANNEL = "x_posts"
TEXT_LIMIT = 280
TEXT_UNIT = "weighted"
WINDOW: timedelta | None = None
HUMAN_WINDOW: timedelta | None = None
CAPABILITIES = frozenset({"public", "renews"})

_ADDRESSED = {"post.mention.create": "mention", "post.reply.create": "reply", "post.quote.create": "quote"}
_TYPES = {"photo": "image", "animated_gif": "video"}

Fields = dict[str, Any]  # arguments of Event

text_units = x_text.weight
health = x_api.health
renew = x_api.renew


def normalise(piece: Piece) -> Event:
    """Read one piece. Raises MalformedPayload where there is no event in it."""
    data = untrusted.mapping(piece.get("data"))
    if data:
        return _activity(data)
    account = untrusted.identifier(piece.get("for_user_id"))
    name = next((key for key in piece if key.endswith("_events")), "")
    item = untrusted.mapping(next(iter(untrusted.items(piece.get(name))), None))
    if not name:
        raise MalformedPayload("no event")
    if name == POSTS:
        return _formerly_created(account, item, blocked=piece.get("user_has_blocked") in (True, "true"))
    if name == DELETED_POSTS:
        return _deleted(account, untrusted.mapping(item.get("status")), untrusted.time_ms(item.get("timestamp_ms")))
    if name == LIKES:
        status, user = untrusted.mapping(item.get("favorited_status")), untrusted.mapping(item.get("user"))
        return _liked(account, item, _id(user), _id(status), _id(untrusted.mapping(status.get("user"))))
    return _event(account, Kind.UNKNOWN, name.removesuffix("_events"), piece)


def _activity(data: dict[str, Any]) -> Event:
    """One event of the X Activity API."""
    name, post = untrusted.identifier(data.get("event_type")) or "", untrusted.mapping(data.get("payload"))
    account = untrusted.identifier(untrusted.mapping(data.get("filter")).get("user_id"))
    includes = untrusted.mapping(data.get("includes"))
    if name == "like.create":
        liked, author = (untrusted.identifier(post.get(f"liked_tweet_{key}")) for key in ("id", "author_id"))
        own = untrusted.mapping(data.get("filter")).get("direction") == "outbound"
        users = [untrusted.mapping(user) for user in untrusted.items(includes.get("users"))]
        liker = next((found for user in users if (found := _id(user)) not in (None, author)), None)
        return _liked(account, post, account if own else liker, liked, author)
    if name == "post.delete":
        return _deleted(account, post, None)
    subkind = _ADDRESSED.get(name)
    author = untrusted.identifier(post.get("author_id"))
    if subkind is None and not (name == "post.create" and author == account):
        return _event(account, Kind.IGNORED if name.startswith("post.") else Kind.UNKNOWN, name or None, data)
    known = [untrusted.mapping(user) for user in untrusted.items(includes.get("users"))]
    name_of = next((user for user in known if author and _id(user) == author), {})
    return _post(
        account,
        post,
        subkind,
        author=author,
        contact_name=untrusted.text(name_of.get("name")) or untrusted.text(name_of.get("username")),
        text=untrusted.text(untrusted.mapping(post.get("note_tweet")).get("text")) or untrusted.text(post.get("text")),
        answered=_referenced(post, "replied_to"),
        answered_author=untrusted.identifier(post.get("in_reply_to_user_id")),
        quoted=_referenced(post, "quoted"),
        conversation=untrusted.identifier(post.get("conversation_id")),
        attachments=_media(includes.get("media")) if isinstance(post.get("attachments"), dict) else (),
    )


def _formerly_created(account: str | None, post: dict[str, Any], *, blocked: bool) -> Event:
    """One of the Account Activity API's, which does not say why it comes."""
    user, author = untrusted.mapping(post.get("user")), _id(untrusted.mapping(post.get("user")))
    quoted = untrusted.mapping(post.get("quoted_status"))
    extended = untrusted.mapping(post.get("extended_tweet"))
    if isinstance(post.get("retweeted_status"), dict) or blocked:
        subkind = "blocked" if blocked else "repost"
        told: Fields = {"sender_id": author, "recipient_id": account, "message_id": _id(post)}
        return _event(account, Kind.IGNORED, subkind, post, **told, timestamp_ms=_time_ms(post))
    answered_author = untrusted.identifier(post.get("in_reply_to_user_id_str"))
    quotes_us = _id(untrusted.mapping(quoted.get("user"))) == account
    subkind = "quote" if quotes_us else "reply" if answered_author == account else "mention"
    whole = untrusted.text(extended.get("full_text")) if post.get("truncated") is True else None
    entities = untrusted.mapping(extended.get("extended_entities")) or untrusted.mapping(post.get("extended_entities"))
    return _post(
        account,
        {**post, "id": _id(post)},
        subkind,
        author=author,
        contact_name=untrusted.text(user.get("name")) or untrusted.text(user.get("screen_name")),
        text=whole or untrusted.text(post.get("full_text")) or untrusted.text(post.get("text")),
        answered=untrusted.identifier(post.get("in_reply_to_status_id_str")),
        answered_author=answered_author,
        quoted=_id(quoted),
        conversation=None,
        attachments=_media(entities.get("media")),
    )


def _post(
    account: str | None,
    post: Mapping[str, Any],
    subkind: str | None,
    *,
    author: str | None,
    answered: str | None,
    answered_author: str | None,
    quoted: str | None,
    conversation: str | None,
    **said: Any,
) -> Event:
    post_id = untrusted.identifier(post.get("id"))
    own = author is not None and author == account
    contact = answered_author if own else author
    fields: Fields = {"kind": Kind.COMMENT, "handle": post_id}
    edits = [untrusted.identifier(one) for one in untrusted.items(post.get("edit_history_tweet_ids"))]
    if own:
        fields = {"kind": Kind.ECHO, "is_echo": True, "from_page_itself": True}
        said["contact_name"] = None
    elif len(edits) > 1 and edits[0] != post_id:
        fields = {
            "kind": Kind.MESSAGE_EDIT,
            "target_id": edits[edits.index(post_id) - 1] if post_id in edits else edits[0],
        }
    return _event(
        account,
        fields.pop("kind"),
        "post" if own else subkind,
        dict(post),
        *(("post", post_id) if post_id else ()),
        sender_id=author,
        recipient_id=None if own else account,
        contact_ids=(contact,) if contact and contact != account else (),
        message_id=post_id,
        post_id=conversation,
        parent_id=answered,
        reply_to_id=answered or quoted,
        timestamp_ms=_time_ms(post),
        to_the_second=True,  # the newer envelope knows no milliseconds
        **fields,
        **said,
    )


def _time_ms(post: Mapping[str, Any]) -> int | None:
    """As exact as the envelope is."""
    written = untrusted.text(post.get("created_at")) or ""
    found = untrusted.time_ms(post.get("timestamp_ms")) or untrusted.time_ms(written)
    if found is None:
        try:  # Wed Oct 10 20:19:24 +0000 2018
            moment = datetime.strptime(written, "%a %b %d %H:%M:%S %z %Y")
            found = untrusted.time_ms(int(moment.timestamp()))
        except (ValueError, OverflowError):
            return None
    return found


def _referenced(post: Mapping[str, Any], kind: str) -> str | None:
    """The id of the post that this one answers or quotes."""
    references = [untrusted.mapping(one) for one in untrusted.items(post.get("referenced_tweets"))]
    return next((untrusted.identifier(one.get("id")) for one in references if one.get("type") == kind), None)


def _media(media: object) -> tuple[Attachment, ...]:
    found = []
    for one in map(untrusted.mapping, untrusted.items(media)):
        kind = untrusted.identifier(one.get("type")) or "file"
        addresses = (untrusted.text(one.get(key)) for key in ("media_url_https", "url", "preview_image_url"))
        found.append(Attachment(type=_TYPES.get(kind, kind), url=next((each for each in addresses if each), None)))
    return tuple(found)


def _deleted(account: str | None, status: dict[str, Any], at: int | None) -> Event:
    author = untrusted.identifier(status.get("user_id")) or untrusted.identifier(status.get("author_id"))
    post_id = _id(status)
    return _event(
        account,
        Kind.MESSAGE_DELETED,
        "deleted",
        status,
        *(("deleted", post_id) if post_id else ()),
        sender_id=author,
        recipient_id=account,
        contact_ids=(author,) if author and author != account else (),
        message_id=post_id,
        target_id=post_id,
        timestamp_ms=at,
    )


def _liked(
    account: str | None, like: dict[str, Any], liker: str | None, post_id: str | None, author: str | None
) -> Event:
    """Of a post of ours, by somebody else; what the account itself likes is nothing to us."""
    by_others = liker is not None and liker != account
    return _event(
        account,
        Kind.FEED_REACTION if by_others else Kind.IGNORED,
        "like",
        like,
        sender_id=liker,
        recipient_id=author,
        contact_ids=(liker,) if liker and by_others else (),
        message_id=untrusted.identifier(like.get("id")),
        target_id=post_id,
        timestamp_ms=untrusted.time_ms(like.get("timestamp_ms")),
    )


def _id(source: Mapping[str, Any]) -> str | None:
    """As text, where both are there: the number may have gone through hands that cannot hold it."""
    return untrusted.identifier(source.get("id_str")) or untrusted.identifier(source.get("id"))


def _event(
    account: str | None, kind: Kind, subkind: str | None, whole: dict[str, Any], *identity: str, **fields: Any
) -> Event:
    """`identity` tells it from every other of the account; without one all that it says does."""
    key = event_key(CHANNEL, account or "", *(identity or (json.dumps(whole, sort_keys=True),)))
    return Event(channel=CHANNEL, account_id=account, kind=kind, subkind=subkind, event_id=key, **fields)


def send(account: Account, token: str, outgoing: Outgoing, *, limits: Limits = LIMITS) -> Outcome:
    """Answer once under the post that the handle names: without one it would be a post to all the world."""
    if refused := graph.refusal(outgoing.text, text_units(outgoing.text), TEXT_LIMIT):
        return refused
    if not outgoing.handle or not x_api.USER_ID.fullmatch(outgoing.handle):
        return Outcome(result=Result.REFUSED, reason="nothing_to_answer")
    payload = {"text": outgoing.text, "reply": {"in_reply_to_tweet_id": outgoing.handle}}
    answer = x_api.post(account, token, "/2/tweets", payload, limits)
    if isinstance(answer, Outcome):
        return answer
    return x_api.outcome_of(answer, "id", forbidden="reply_not_permitted")

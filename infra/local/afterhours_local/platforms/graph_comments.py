"""The comments on a Page's or an Instagram account's posts, as the platform keeps them: who said what, what was done
to it, and whether its author had the one private reply. And the webhooks that tell of them, as Meta writes them."""

import json
from dataclasses import dataclass, replace
from typing import Any

from afterhours_local.platforms.graph_requests import GraphError

PRIVATE_REPLY_MS = 7 * 24 * 3_600_000
EDGES = {"facebook_comments": "comments", "instagram_comments": "replies"}
DIRECT = {"facebook_comments": "messenger", "instagram_comments": "instagram"}


@dataclass(frozen=True)
class Comment:
    channel: str
    account: str
    id: str
    author: str
    name: str
    text: str
    at_ms: int
    post: str
    parent: str | None = None
    live: bool = False
    hidden: bool = False
    removed: bool = False
    answered: bool = False  # in private, which can be done once

    @property
    def own(self) -> bool:
        return self.author == self.account


class Comments:
    """All comments by their id. The caller holds the lock."""

    def __init__(self) -> None:
        self._all: dict[str, Comment] = {}

    def add(self, comment: Comment) -> Comment:
        self._all[comment.id] = comment
        return comment

    def change(self, comment_id: str, **changes: Any) -> Comment:
        self._all[comment_id] = replace(self._all[comment_id], **changes)
        return self._all[comment_id]

    def beneath(self, comment_id: str, channel: str, account: str) -> Comment:
        """The comment that may be answered there for all to read; a reply to a reply lands under the root. Raises
        GraphError."""
        comment = self._there(comment_id, channel, account)
        if comment is None:
            detail = f"Unsupported post request. Object with ID '{comment_id}' does not exist"
            raise GraphError(100, detail, subcode=33)
        if comment.hidden or comment.live:
            raise GraphError(100, "Comments of this kind cannot be replied to.")
        root = self._all.get(comment.parent or "")
        return root if root and channel == "instagram_comments" else comment

    def privately(self, comment_id: str, channel: str, account: str, now_ms: int) -> Comment:
        """The comment whose author may be answered in private. Raises GraphError."""
        comment = self._there(comment_id, channel, account)
        if comment is None:
            raise GraphError(100, "Param recipient[comment_id] must be a comment that can be replied to.")
        if comment.own:
            raise GraphError(100, "A comment of one's own cannot be replied to privately.")
        if comment.answered:
            raise GraphError(100, "This comment has been replied to privately already.")
        if now_ms - comment.at_ms > PRIVATE_REPLY_MS:
            raise GraphError(100, "The comment is too old to be replied to privately.")
        return comment

    def _there(self, comment_id: str, channel: str, account: str) -> Comment | None:
        comment = self._all.get(comment_id)
        if comment is None or comment.removed or (comment.channel, comment.account) != (channel, account):
            return None
        return comment


def comment_id(channel: str, post: str, number: int) -> str:
    return (
        f"{post.rpartition('_')[2]}_{number}"
        if channel == "facebook_comments"
        else str(18_055_000_000_000_000 + number)
    )


def post_id(channel: str, account: str) -> str:
    """The one post of each account."""
    return f"{account}_611884420017733" if channel == "facebook_comments" else "17960003321144550"


def webhook(comment: Comment, verb: str, now_ms: int) -> bytes:
    """What tells of a comment: Instagram knows of new ones only."""
    value = _feed(comment, verb) if comment.channel == "facebook_comments" else _comment(comment)
    field = "feed" if comment.channel == "facebook_comments" else "live_comments" if comment.live else "comments"
    entry = {"id": comment.account, "time": now_ms // 1000, "changes": [{"value": value, "field": field}]}
    name = "page" if comment.channel == "facebook_comments" else "instagram"
    return json.dumps({"entry": [entry], "object": name}).encode()


def _feed(comment: Comment, verb: str) -> dict[str, Any]:
    value: dict[str, Any] = {
        "from": {"id": comment.author, "name": comment.name},
        "post": {"status_type": "added_photos", "is_published": True, "id": comment.post},
        "message": comment.text,
        "post_id": comment.post,
        "comment_id": comment.id,
        "created_time": comment.at_ms // 1000,
        "item": "comment",
        "parent_id": comment.parent or comment.post,
        "verb": verb,
    }
    if verb in ("hide", "unhide"):
        value["from"] = {"id": comment.account, "name": "The Page"}
    if verb == "remove":
        del value["message"], value["created_time"]
    return value


def _comment(comment: Comment) -> dict[str, Any]:
    value: dict[str, Any] = {
        "from": {"id": comment.author, "username": comment.name},
        "media": {"id": comment.post, "media_product_type": "LIVE" if comment.live else "FEED"},
        "id": comment.id,
        "text": comment.text,
    }
    return {**value, "parent_id": comment.parent} if comment.parent else value

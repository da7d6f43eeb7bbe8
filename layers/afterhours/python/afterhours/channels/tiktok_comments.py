"""Comments on the videos of a TikTok business account, all of them public: one piece in, an event out; an answer below.

Contract: platforms/tiktok.md, sections 3 and 5. A comment names its author by `unique_identifier` alone, so the account
has to know its own (`page_id`) to know its own comments again. The answer by direct message that some countries have is
not built.
"""

import json
import re
from datetime import timedelta
from typing import Any

from afterhours.channels import graph, tiktok_api, untrusted
from afterhours.channels.contract import Piece
from afterhours.channels.http import LIMITS, Limits
from afterhours.channels.tiktok_source import content_of
from afterhours.models import Account, Event, Kind, Outcome, Outgoing, Result, event_key

ONE_ACCOUNT = False
CHANNEL = "tiktok_comments"
TEXT_LIMIT = 1200  # older pages say 150
TEXT_UNIT = "code_points"
WINDOW: timedelta | None = None
HUMAN_WINDOW: timedelta | None = None
CAPABILITIES = frozenset({"public", "renews"})

_HANDLE = re.compile(r"([^/]+)/([^/]+)")  # the video's id and the comment's
# Who may read it: what friends alone may is hidden from the others.
_VISIBILITY = {"set_to_hidden": "hide", "set_to_friends_only": "hide", "set_to_public": "unhide"}

health = tiktok_api.health
app_health = tiktok_api.app_health
renew = tiktok_api.renew


def normalise(piece: Piece) -> Event:
    """Read one piece. Raises MalformedPayload where its content is no object."""
    account, content = untrusted.identifier(piece.get("user_openid")), content_of(piece)
    at = untrusted.time_ms(content.get("timestamp")) or untrusted.time_ms(piece.get("create_time"))
    action = (untrusted.identifier(content.get("comment_action")) or "").lower()
    comment, video, parent = (
        untrusted.identifier(content.get(key)) for key in ("comment_id", "video_id", "parent_comment_id")
    )
    sender = untrusted.identifier(content.get("unique_identifier"))
    own = content.get("owner") is True or (sender is not None and sender == account)
    fields: dict[str, Any] = {"kind": Kind.UNKNOWN, "subkind": action or None}
    if own:
        fields |= {"kind": Kind.ECHO, "is_echo": True, "from_page_itself": True}
    elif action == "insert":
        handle = f"{video}/{comment}" if video and comment else None
        fields |= {"kind": Kind.COMMENT, "subkind": "add", "handle": handle}
    elif action == "delete":
        fields |= {"kind": Kind.MESSAGE_DELETED, "target_id": comment}
    elif action in _VISIBILITY:
        fields |= {"kind": Kind.MESSAGE_EDIT, "subkind": _VISIBILITY[action], "target_id": comment}
    told = [comment, action, at] if comment else [at, content]
    return Event(
        channel=CHANNEL,
        account_id=account,
        event_id=event_key(CHANNEL, account or "", json.dumps(told, sort_keys=True)),
        sender_id=sender,
        recipient_id=account,
        contact_ids=(sender,) if sender and not own else (),
        contact_name=None if own else sender,
        text=untrusted.text(content.get("text")) if action == "insert" else None,  # nothing of what was taken back
        message_id=comment,
        post_id=video,
        parent_id=parent,
        timestamp_ms=at,
        **fields,
    )


def text_units(text: str) -> int:
    return len(text)


def send(account: Account, token: str, outgoing: Outgoing, *, limits: Limits = LIMITS) -> Outcome:
    """Answer below the comment, once, for all to read."""
    if refused := graph.refusal(outgoing.text, text_units(outgoing.text), TEXT_LIMIT):
        return refused
    found = _HANDLE.fullmatch(outgoing.handle or "")
    if found is None:
        return Outcome(result=Result.REFUSED, reason="comment_unknown")
    # As texts: they are numbers beyond what a float holds.
    request = {"business_id": account.id, "video_id": found[1], "comment_id": found[2], "text": outgoing.text}
    said = tiktok_api.call(account, token, "business/comment/reply/create", request, limits)
    if isinstance(said, Outcome):
        return said
    return tiktok_api.outcome_of(said, untrusted.identifier(said.data.get("comment_id")))

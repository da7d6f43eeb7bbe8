"""The models that travel between channels, policy, stores and handlers.

Frozen pydantic models, changed by copy. Times are epoch milliseconds (UTC) where they are stored or
compared, aware UTC datetimes where they are reasoned about. Ids are strings.
"""

import base64
import hashlib
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    # Errors end in logs, and what does not fit a model is mostly a customer's.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Kind(StrEnum):
    """What a platform's event is; one vocabulary for all channels."""

    MESSAGE = "message"
    ECHO = "echo"
    POSTBACK = "postback"
    REACTION = "reaction"
    READ = "read"
    DELIVERY = "delivery"
    STATUS = "status"
    MESSAGE_EDIT = "message_edit"
    MESSAGE_DELETED = "message_deleted"
    REFERRAL = "referral"
    OPTIN = "optin"
    FOLLOW = "follow"  # the contact lets us write, again
    UNFOLLOW = "unfollow"  # the contact blocked us: nothing that we send arrives
    HANDOVER = "handover"
    POLICY = "policy"
    ACCOUNT_LINKING = "account_linking"
    COMMERCE = "commerce"
    COMMENT = "comment"
    FEED_POST = "feed_post"
    FEED_REACTION = "feed_reaction"
    MENTION = "mention"
    RATING = "rating"
    SYSTEM = "system"
    CALL = "call"
    ACCOUNT = "account"
    ERROR = "error"
    IGNORED = "ignored"
    UNKNOWN = "unknown"


class Attachment(Frozen):
    """Something that is not text. `url` is the platform's (it may expire), `id` what its channel has it by."""

    type: str
    url: str | None = None
    id: str | None = None
    name: str | None = None
    mime_type: str | None = None
    size: int | None = None  # bytes, where the channel knows


class Event(Frozen):
    """One thing that a platform said, read by its channel.

    `contact_ids` names the customer, the id to key the thread by first; empty where the event has no
    customer. `event_id` is the key to deduplicate by, never shown. `timestamp_ms` is the event's own time
    in the signed body, None where the body has none that is a plausible absolute time.
    """

    channel: str
    account_id: str | None = None
    kind: Kind
    subkind: str | None = None
    event_id: str
    sender_id: str | None = None
    recipient_id: str | None = None
    contact_ids: tuple[str, ...] = ()
    contact_name: str | None = None
    text: str | None = None
    message_id: str | None = None
    timestamp_ms: int | None = None
    is_echo: bool = False
    standby: bool = False
    attachments: tuple[Attachment, ...] = ()
    target_id: str | None = None
    reply_to_id: str | None = None
    payload: str | None = None
    emoji: str | None = None
    locale: str | None = None
    app_id: str | None = None
    correlator: str | None = None
    group_id: str | None = None
    post_id: str | None = None
    parent_id: str | None = None
    from_page_itself: bool = False
    handle: str | None = None  # what an answer must name, as a reply token or the post answered to
    private_reply: bool = False  # said in public, and the platform lets us answer its author in private, once
    timeless: bool = False  # copies of it may bear another time: none is part of its key
    to_the_second: bool = False  # copies of it agree on the time no further: only that is part of its key
    unanswered: str | None = None  # why nothing automatic may answer it, whatever it says
    for_person: bool = False  # a person has to see it, although nothing answers it
    mids: tuple[str, ...] = ()
    watermark_ms: int | None = None
    error_codes: tuple[int, ...] = ()
    num_edit: str | None = None
    has_referral: bool = False
    mail_key: str | None = None  # where the mail lies, as it came

    @property
    def key_ms(self) -> int | None:
        """The time in the event's key."""
        if self.timeless or self.timestamp_ms is None:
            return None
        return self.timestamp_ms // 1000 * 1000 if self.to_the_second else self.timestamp_ms


def event_key(*parts: str) -> str:
    """The id of an event, the same for every copy of it, out of what the platform says it is."""
    digest = hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).digest()
    return base64.b32encode(digest)[:26].decode().lower()


class SendState(StrEnum):
    """Where the sending of one reply stands. `held` waits for a second person's approval, `planned` may be sent,
    `claimed` is being sent by one worker; the rest is settled. `unknown` is never sent again."""

    NONE = "none"
    HELD = "held"
    PLANNED = "planned"
    CLAIMED = "claimed"
    SENT = "sent"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    DROPPED = "dropped"

    @property
    def settled(self) -> bool:
        return self not in (SendState.HELD, SendState.PLANNED, SendState.CLAIMED)


class Result(StrEnum):
    """How one call of `send` ended (DESIGN 3.2). Only `not_sent` may be tried again."""

    SENT = "sent"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    NOT_SENT = "not_sent"


class Outcome(Frozen):
    """What a channel's `send` reports. `reason` is a word of ours (`window_closed`, `rate_limited`,
    `token_invalid`, `timeout`, …), `code` the platform's own; neither holds text of strangers."""

    result: Result
    platform_id: str | None = None
    reason: str | None = None
    code: str | None = None
    retry_after_s: int | None = None
    account_problem: bool = False


class QuickReply(Frozen):
    id: str
    title: str


class Outgoing(Frozen):
    """One text on its way to a platform. `correlator` comes back in receipts or echoes where the platform
    can; `by_human` is true only for what a person composed."""

    to: str
    text: str
    correlator: str
    by_human: bool = False
    outside_window: bool = False
    reply_to_id: str | None = None
    handle: str | None = None  # of the contact's last event, see Event
    private_reply: bool = False  # to the author alone of the comment that the handle names
    quick_replies: tuple[QuickReply, ...] = ()


class Account(Frozen):
    """One number, page or bot of ours. `api_base` replaces the platform's host and is honoured only
    where the settings of the local stack allow it."""

    channel: str
    id: str
    app: str
    source: str
    inbox: str
    name: str = ""
    enabled: bool = True
    login: str = "page"  # instagram: "page" (Facebook Login) or "instagram" (Instagram Login)
    page_id: str | None = None
    app_id: str | None = None
    api_version: str = "v25.0"
    customer_service: bool = False  # wechat: may also be written to later, from a fixed address
    api_base: str | None = None


class Notices(Frozen):
    """How a team hears that something waits: on the topic, and on Slack where it has a webhook. `slack_base` replaces
    Slack's host and is honoured only where the settings of the local stack allow it."""

    every_s: int = 300
    slack: bool = False
    page: str | None = None  # where agents open the inbox
    slack_base: str | None = None


class Inbox(Frozen):
    """A team's accounts: one playbook, one human queue. Without `notices` nobody is told that something waits."""

    id: str
    playbook: str
    queue_url: str
    shards: int = Field(default=1, ge=1, le=64)
    notices: Notices | None = None


class Agent(Frozen):
    """A person who answers. `id` is the user's `sub` in the user pool."""

    id: str
    email: str
    inboxes: dict[str, str]  # inbox -> agent | lead | admin


class ThreadStatus(StrEnum):
    AUTOMATED = "automated"
    OPEN = "open"
    WAITING = "waiting"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"


class ThreadHead(Frozen):
    """The one item that is read before a decision. `version` moves with everything `decide` reads."""

    version: int = 0
    status: ThreadStatus = ThreadStatus.AUTOMATED
    inbox: str
    contact_id: str
    contact_name: str | None = None
    aliases: tuple[str, ...] = ()  # thread ids that lead here
    language: str | None = None  # the one answered in last
    explicit_language: str | None = None  # the one the contact asked for
    running: dict[str, int] = Field(default_factory=dict)  # what the contact's texts say of the language so far
    asked: tuple[str, ...] = ()  # the contact's last texts, cut short
    opted_out_at: int = 0  # since when the contact wants nothing automatic; 0: never said so
    owner: str | None = None
    lease_until: int = 0
    fence: int = 0
    kept_for: str | None = None  # the last owner, asked first when the thread reopens
    kept_until: int = 0
    last_inbound: str | None = None  # sk of the inbound, or failed reply, stored last
    last_outbound: str | None = None  # sk of the agents' reply composed last
    last_in_at: int = 0
    handle: str | None = None  # see Event; of the newest that had one
    last_out_at: int = 0
    human_at: int = 0  # when a person of ours last wrote
    instant_at: int = 0
    away_at: int = 0
    away_period: str | None = None  # the closed period that has had its away reply
    handoff_notice_at: int = 0
    suggested_at: int = 0
    disclosed_at: int = 0  # when automation last said that it is automation
    incident_told: str | None = None
    auto_times: tuple[int, ...] = ()  # the last automated replies, newest last, at most 8
    inbound_count: int = 0
    window_until: int = 0
    handoff_reasons: tuple[str, ...] = ()
    episode: int = 0  # how often the thread has been handed to people; with the thread's id the ticket's number
    tags: tuple[str, ...] = ()
    episode_at: int = 0  # since when this episode is with people; `opened_at` moves with each time that it reopens
    opened_at: int = 0
    due_at: int = 0
    urgent_at: int = 0  # the place in the queue: `due_at`, or sooner for what presses
    warn_at: int = 0  # when to warn that it will soon be due
    sla_stage: int = 0  # 0 in time, 1 warned, 2 overdue, 3 and more: escalated so often beyond that
    snoozed_until: int = 0
    resolved_at: int = 0
    csat_until: int = 0  # until when a number rates the last resolution; 0: nobody was asked, or has answered
    delivered_until: int = 0
    read_until: int = 0
    erased_at: int = 0  # what was said until then was erased, and is not stored again

    @property
    def answered(self) -> bool:
        """Whether a person of ours has written in this episode."""
        return self.human_at > 0 and self.human_at >= (self.episode_at or self.opened_at)


class Grounded(Frozen):
    """An answer that a model put together out of entries of the FAQ, checked by `grounding`. No braces or square
    brackets: it is never read as a template."""

    entry_ids: tuple[str, ...] = Field(min_length=1)
    text: str = Field(min_length=1, pattern=r"^[^{}\[\]]+$")


class RatingQuestion(Frozen):
    """What a customer is asked when a thread is resolved; a number answers it `until` then (epoch ms)."""

    text: str
    quick_replies: tuple[QuickReply, ...] = ()
    until: int
    discloses: bool = False  # it says that it is automatic


class Disposition(Frozen):
    """What was decided for an event, and why: exactly one per event.

    `rule` is the row of the policy table that hit, `reason` says in one word why. `reply_text` is None
    where nothing is to be sent. `stamps` are the changes to the thread head that the decision asks for, to be
    committed with it. `rating` is the customer's, of the thread's last episode. `why` lists every row looked at with
    its verdict, in order. `private_reply`: the text is for the author of a public comment alone; `public_note` is what
    all may read beneath the comment then.
    """

    rule: str
    reason: str
    reply_text: str | None = None
    quick_replies: tuple[QuickReply, ...] = ()
    private_reply: bool = False
    public_note: str | None = None
    language: str | None = None
    not_before: int = 0
    handoff: tuple[str, ...] = ()
    due_at: int = 0
    warn_at: int = 0
    stamps: dict[str, Any] = Field(default_factory=dict)
    rating: int | None = None
    why: tuple[tuple[str, str], ...] = ()

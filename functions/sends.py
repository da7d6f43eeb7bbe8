"""The one way out: automatic replies and composed messages, claimed first, posted once, outcome recorded.

Part of the worker. A text whose outcome is unknown is never posted again.
"""

import contextlib
import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import NamedTuple, cast

from afterhours import channels, settings
from afterhours.breaker import Breaker
from afterhours.channels.contract import Acknowledging
from afterhours.counts import count
from afterhours.models import (
    Account,
    Event,
    Inbox,
    Kind,
    Outcome,
    Outgoing,
    QuickReply,
    Result,
    SendState,
    ThreadHead,
    ThreadStatus,
)
from afterhours.playbook import Playbook
from afterhours.stores import config, private_replies, queues, ratings, secrets, tokens
from afterhours.stores.dynamo import Item
from afterhours.stores.sending import CLAIM_LEASE_MS, Sending
from afterhours.stores.threads import Threads, Tombstone, thread_name
from aws_lambda_powertools import Logger

logger = Logger(service="worker")

BACKOFF_S = (6, 900)
AFTER_WAIT_S = 5
RENEWAL_S = 60  # until the sweeper has been round
LAST_WAIT_BY_VISIBILITY = 7  # of the queue's ten; after that the sweeper brings a composed message back
COMPOSED_STALE_MS = 24 * 3_600_000


class RetryLater(Exception):
    """Not now: make the message visible again after so many seconds."""

    def __init__(self, seconds: float, reason: str) -> None:
        super().__init__(reason)
        self.seconds = max(1, int(seconds + 0.999))


Say = Callable[[Item], Outcome]  # says a reply within the platform's own request


class Place(NamedTuple):
    """Where an event belongs: the account it came to, its inbox and the inbox's playbook; and when it was said, as far
    as that is known."""

    threads: Threads
    account: Account
    inbox: Inbox
    playbook: Playbook
    pepper: bytes
    said_ms: int | None


def correlator(pk: str, sk: str) -> str:
    """Comes back in receipts and echoes; tells nobody anything."""
    return f"{pk.rsplit('#', 1)[1]}/{sk}"


def send_reply(item: Item, place: Place, attempt: str, receives: int, *, rung: bool, say: Say | None = None) -> None:
    """Post, or say, the automatic reply of an inbound item that this attempt has claimed. Raises RetryLater if not
    taken."""
    if breaker().lets_through(settings.now_ms()):
        outcome = say(item) if say else _post(place.account, item, by_human=False, outside_window=False)
    else:
        outcome = Outcome(result=Result.NOT_SENT, reason="breaker_open", retry_after_s=60)
        count("worker", "BreakerOpen")
    now_ms = settings.now_ms()
    wait_s = _wait_s(outcome, receives)
    recorded = Sending(place.threads).record(item, attempt, outcome, now_ms, now_ms + wait_s * 1000, rung=rung)
    if not recorded and rung:
        place.threads.update(item["pk"], item["sk"], "SET #ring = :rung", when="attribute_exists(#pk)", rung="rung")
    if outcome.result is Result.NOT_SENT:
        raise RetryLater(wait_s, outcome.reason or "not sent")
    if outcome.result is Result.SENT and item.get("note"):
        _enqueue(item["pk"], item["note"])


def _enqueue(pk: str, sk: str) -> None:
    with contextlib.suppress(queues.NotEnqueued):  # the sweeper finds it as well
        queues.enqueue_outbound(pk, sk)


@cache
def breaker() -> Breaker:
    """One for the life of this worker."""
    return Breaker(settings.load().auto_replies_per_minute)


def send_composed(pk: str, sk: str, receives: int) -> None:
    """Send what was composed, after the agents' reply composed before it. Raises RetryLater."""
    try:
        _send_composed(pk, sk, receives)
    except RetryLater:
        if receives < LAST_WAIT_BY_VISIBILITY:
            raise


def _send_composed(pk: str, sk: str, receives: int) -> None:
    threads = Threads(settings.load().threads_table)
    item = threads.get(pk, sk)
    if item and SendState(item["reply"]).settled:
        return
    head = threads.head_or_tombstone(pk)
    if isinstance(head, Tombstone) or (item is None and head and head.erased_at):
        logger.info("erased", extra={"thread_id": thread_name(pk), "event": sk})
        count("worker", "Erased")
        return
    inbox = config.inbox(head.inbox) if head else None
    if item is None or head is None or inbox is None:
        raise LookupError("an outbound key without its item, thread or inbox")
    Composing(threads, item, head, inbox, receives).run()


class Composing:
    """The way of one composed text that is not settled: claimed, posted, recorded. An agent's reply that fails is news;
    the question for a rating and the note to a private reply, which are automation's, are only left out."""

    def __init__(self, threads: Threads, item: Item, head: ThreadHead, inbox: Inbox, receives: int) -> None:
        self.threads, self.item, self.head, self.inbox, self.receives = threads, item, head, inbox, receives
        self.sending = Sending(threads)
        self.now_ms = settings.now_ms()
        self.asks = item["via"] == ratings.VIA
        self.notes = item["via"] == private_replies.VIA
        self.by_human = not (self.asks or self.notes)

    def run(self) -> None:
        _, channel, account_id, _ = self.item["pk"].split("#")
        if self.item["reply"] == SendState.CLAIMED:
            self._expire()
            return
        reason = self._may_not_ask() if self.asks else None
        if reason is None:
            self._wait_for_its_turn()
        if self.notes:
            reason = self._may_not_note()
        account = config.account(channel, account_id)
        if account is None:
            self._fail(SendState.DROPPED, "account_gone", None)
        elif reason := reason or self._may_not():
            self._fail(SendState.DROPPED, reason, None)
        else:
            self._send(account)

    def _expire(self) -> None:
        left = self.item["attempt_at"] + CLAIM_LEASE_MS - self.now_ms
        if left > 0:
            raise RetryLater(left / 1000, "another attempt sends")
        self._fail(SendState.UNKNOWN, "claim_expired", self.item["attempt"])

    def _wait_for_its_turn(self) -> None:
        if (wait := self.item.get("not_before", 0) - self.now_ms) > 0:
            raise RetryLater(wait / 1000, "reply not due")
        before = self.threads.get(self.item["pk"], self.item["after"]) if self.item.get("after") else None
        # One that is held may never leave: what a lead writes meanwhile does not wait for it.
        if before and not SendState(before["reply"]).settled and before["reply"] != SendState.HELD:
            raise RetryLater(AFTER_WAIT_S, "an earlier reply is on its way")

    def _may_not_ask(self) -> str | None:
        """Why the customer must not be asked any more."""
        head = self.head
        if self.item["at"] <= config.epoch():
            return "restored"
        if head.status is not ThreadStatus.RESOLVED or head.resolved_at != self.item["at"]:
            return "reopened"
        if head.csat_until != self.item["until"]:
            return "answered"
        if head.opted_out_at:
            return "opted_out"
        if self.now_ms > self.item["until"]:
            return "stale"
        window = channels.channel(self.item["pk"].split("#")[1]).WINDOW
        return "window_closed" if window is not None and self.now_ms > head.window_until else None

    def _may_not_note(self) -> str | None:
        """Why the public must not read that we answered in private."""
        comment = self.threads.get(self.item["pk"], self.item["after"])
        if comment is None or comment["reply"] != SendState.SENT:
            return "not_answered_in_private"
        if "deleted_at" in comment or "hidden_at" in comment:
            return "comment_gone"
        return "opted_out" if self.head.opted_out_at else None

    def _may_not(self) -> str | None:
        """Why it must not leave any more. An opted-out contact who wrote again may be answered."""
        head, channel = self.head, channels.channel(self.item["pk"].split("#")[1])
        if self.item["at"] <= config.epoch():
            return "restored"  # who knows what became of it after the copy was made
        if head.opted_out_at and head.last_in_at <= head.opted_out_at:
            return "opted_out"
        if channel.WINDOW is not None and channel.HUMAN_WINDOW is not None:
            longer = channel.HUMAN_WINDOW - channel.WINDOW
            if self.now_ms > head.window_until + longer // timedelta(milliseconds=1):
                return "window_closed"
        if self.now_ms - self.item["at"] > COMPOSED_STALE_MS:
            return "stale"
        return None

    def _send(self, account: Account) -> None:
        attempt = uuid.uuid4().hex
        if account.channel in channels.DIRECT:  # it comes back as a comment: before that is known to be ours
            replies = private_replies.PrivateReplies(self.threads)
            replies.mark(account.channel, account.id, self.item["reply_text"], self.now_ms)
        if not self.sending.claim(self.item, attempt, self.now_ms):
            raise RetryLater(1, "another attempt was faster")
        late = self.by_human and self.now_ms > self.head.window_until
        item = {**self.item, "handle": self.item.get("handle") or self.head.handle}
        outcome = _post(account, item, by_human=self.by_human, outside_window=late)
        self.now_ms = settings.now_ms()
        later = self.item.get("later")
        if outcome.result is Result.SENT and (later or not self.by_human):
            self.sending.record_sent(self.item, attempt, outcome, self.now_ms)
            if later:
                _enqueue(self.item["pk"], later[0])
        elif outcome.result is Result.SENT:
            self.sending.record_answered(self.item, attempt, outcome, self.now_ms)
        elif outcome.result is Result.NOT_SENT:
            wait_s = _wait_s(outcome, self.receives)
            self.sending.record_retry(self.item, attempt, outcome, self.now_ms, self.now_ms + wait_s * 1000)
            raise RetryLater(wait_s, outcome.reason or "not sent")
        else:
            how = SendState.REFUSED if outcome.result is Result.REFUSED else SendState.UNKNOWN
            self._fail(how, outcome.reason or outcome.code or how, attempt)

    def _fail(self, how: SendState, reason: str, attempt: str | None) -> None:
        if not self.by_human:
            self._leave_out(how, reason, attempt)
            return
        inbox = self.sending.record_failed(self.item, attempt, how, reason, self.now_ms)
        if inbox is None:
            return
        thread = thread_name(self.item["pk"])
        logger.warning("reply failed", extra={"thread_id": thread, "state": how, "reason": reason})
        count("worker", "AgentReplyFailed")
        queues.ring(inbox.queue_url, inbox.id, self.item["pk"])

    def _leave_out(self, how: SendState, reason: str, attempt: str | None) -> None:
        told = {"thread_id": thread_name(self.item["pk"]), "state": how, "reason": reason}
        if self.notes:
            replies = private_replies.PrivateReplies(self.threads)
            if replies.not_noted(self.item, attempt, how, reason, self.now_ms):
                logger.info("note left out", extra=told)
        elif ratings.Ratings(self.threads).not_asked(self.item, attempt, how, reason, self.now_ms):
            logger.info("rating not asked", extra=told)


def _post(account: Account, item: Item, *, by_human: bool, outside_window: bool) -> Outcome:
    """Post once, whatever comes of it; the platform's trouble is an outcome, not an exception."""
    channel, holder = channels.channel(account.channel), channels.token_holder(account.channel)
    try:
        needs_one = channels.sends_with_a_token(account.channel) and not channels.only_at_once(account)
        token = secrets.token(holder, account.id) if needs_one else ""
    except secrets.SecretsUnavailable:
        return Outcome(result=Result.NOT_SENT, reason="secrets_unavailable")
    if token is None:
        outcome = Outcome(result=Result.REFUSED, reason="token_missing", account_problem=True)
    else:
        outcome = channel.send(
            account,
            token,
            Outgoing(
                to=item["contact_id"],
                text=item["reply_text"],
                correlator=correlator(item["pk"], item["sk"]),
                handle=item.get("handle"),
                private_reply=bool(item.get("private_reply")),
                by_human=by_human,
                outside_window=outside_window,
                quick_replies=tuple(QuickReply(**each) for each in item.get("quick_replies") or ()),
            ),
        )
    if outcome.reason == "token_expired":
        outcome = _after_expiry(account, str(token), outcome)
    logger.info(
        "posted",
        extra={
            "thread_id": thread_name(item["pk"]),
            "event": item["sk"],
            "result": outcome.result,
            "reason": outcome.reason,
            "code": outcome.code,
            "by_human": by_human,
        },
    )
    count("worker", {"sent": "Sent", "refused": "Refused", "unknown": "Unknown", "not_sent": "NotSent"}[outcome.result])
    if outcome.account_problem:
        count("worker", "TokenInvalid")
    return outcome


def _after_expiry(account: Account, token: str, outcome: Outcome) -> Outcome:
    """The platform did not take the token, so it did not take the text: again with the new one, be it there or on its
    way. One that will not be renewed is as good as none."""
    holder = channels.token_holder(account.channel)
    if secrets.token_anew(holder, account.id):
        return outcome.model_copy(update={"retry_after_s": 1})
    if tokens.will_be_renewed(holder, account.id, token, settings.now_ms()):
        return outcome.model_copy(update={"retry_after_s": RENEWAL_S})
    return outcome.model_copy(update={"result": Result.REFUSED, "reason": "token_invalid", "account_problem": True})


def acknowledge(event: Event, account: Account) -> None:
    """Tell the platform that a tap has arrived, where its button waits for that. Nothing else hangs on it."""
    channel = channels.channel(event.channel)
    if event.kind is not Kind.POSTBACK or "acknowledge" not in channel.CAPABILITIES:
        return
    try:
        token = secrets.token(account.channel, account.id)
    except secrets.SecretsUnavailable:
        return
    if token is not None:
        cast(Acknowledging, channel).acknowledge(account, token, event)


def _wait_s(outcome: Outcome, receives: int) -> int:
    """Twice as long each time, and not shorter than the platform asks for: a reply is stale before the queue's ten
    receives are used up."""
    first, longest = BACKOFF_S
    return min(max(outcome.retry_after_s or 0, first << max(0, receives - 1)), longest)

"""The way of one event of a customer: decided and committed once, rung, answered, or taken up again where it was left.

Part of the worker, which posts to the platform, and of answer, which answers within the platform's own request.
"""

import random
import time
import uuid
from typing import Any

import merging
import sends
from afterhours import channels, policy, private_details, settings
from afterhours.case import TAPPED
from afterhours.channels.contract import MalformedPayload, Piece
from afterhours.counts import count
from afterhours.models import Disposition, Event, Inbox, Kind, SendState, ThreadHead, ThreadStatus
from afterhours.stores import config, queues, search, secrets, unmatched
from afterhours.stores.dynamo import Item
from afterhours.stores.erasure import is_behind
from afterhours.stores.private_replies import PrivateReplies, note_key
from afterhours.stores.ratings import Ratings
from afterhours.stores.sending import CLAIM_LEASE_MS, Sending
from afterhours.stores.threads import HeadMoved, Threads, expiry, open_keys, thread_name
from assisting import Deciding
from aws_lambda_powertools import Logger
from sends import Place, RetryLater, Say

logger = Logger(service="worker")

TRIES = 8
RING_AGAIN_S = 6  # whoever committed has rung by then, or never will
REVOKED = "revoked"  # the owner of an account took its token back
IN_ANSWER = "answer-"  # how the attempts begin that answer within the platform's request


class Unplaced(Exception):
    """No thread of ours is meant; the reason is its only argument."""


def placed(message: dict[str, Any]) -> tuple[Event, Place]:
    """The event that a queue message or a delivery carries, and where it belongs. Raises Unplaced."""
    piece: Piece = message["piece"]
    try:
        name = _channel_of(message["source"], piece)
        event = channels.channel(name).normalise(piece) if name else None
    except MalformedPayload:
        event = None
    if event is None:
        raise Unplaced("not_understood")
    if event.kind in merging.ADMINISTRATIVE:
        if event.kind is Kind.ACCOUNT and event.subkind == REVOKED:
            count("worker", "TokenInvalid")
        raise Unplaced(f"kind_{event.kind}")
    if event.account_id is None and channels.channel(event.channel).ONE_ACCOUNT:
        event = event.model_copy(update={"account_id": message["app"]})
    account = config.account(event.channel, event.account_id) if event.account_id else None
    if account is None or account.source != message["source"] or account.app != message["app"]:
        raise Unplaced("unknown_account")
    if event.kind is Kind.COMMENT and event.sender_id is not None and event.sender_id == account.page_id:
        own = {"kind": Kind.ECHO, "is_echo": True, "from_page_itself": True, "contact_ids": (), "contact_name": None}
        event = event.model_copy(update=own)
    inbox = config.known_inbox(account.inbox)
    playbook = config.known_playbook(inbox)
    threads, said_ms = Threads(settings.load().threads_table), event.timestamp_ms
    if said_ms is None and message["source"] not in channels.SOURCES:
        said_ms = message["received_ms"]  # nobody but the page itself delivers it again
    return event, Place(threads, account, inbox, playbook, secrets.pepper(), said_ms)


def _channel_of(source: str, piece: Piece) -> str:
    """Which channel reads the piece; our own webchat is source and channel in one. "" where none does."""
    return channels.source(source).channel_of(piece) if source in channels.SOURCES else source


class Answering:
    """One commit that decides, then what it asks for. With `say` the reply is said within the platform's own request:
    at once, and the same again to every repetition of the request."""

    def __init__(self, event: Event, place: Place, receives: int, *, say: Say | None = None) -> None:
        self.event, self.place, self.receives, self.say = event, place, receives, say
        self.now_ms = settings.now_ms()
        self.attempt = (IN_ANSWER if say else "") + uuid.uuid4().hex
        restored = is_behind(config.epoch(), place.said_ms, self.now_ms)
        self.deciding = Deciding(event, place, self.now_ms, restored=restored, assisted=say is None)

    def run(self) -> None:
        for _ in range(TRIES):
            found = merging.find(self.event, self.place)
            pk, head = found.pk, found.head
            disposition = self.deciding.decide(pk, head)
            item = self._item(pk, head, disposition)
            try:
                changes = self._changes(item, head, disposition) | found.aliases
                also = [*self._rated(pk, head, disposition), *self._search_rows(pk, head, changes)]
                also += self._private_reply(item, disposition)
                known = self.place.threads.commit(item, found.as_read, changes, also)
            except HeadMoved:
                time.sleep(random.uniform(0, 0.05))
                continue
            if known is None:
                self._log(item, disposition)
                sends.acknowledge(self.event, self.place.account)
                self._act_and_list(item, disposition)
            else:
                self._resume(known)
            return
        raise RetryLater(2, "thread is busy")

    def _item(self, pk: str, head: ThreadHead | None, disposition: Disposition) -> Item:
        replies = disposition.reply_text is not None
        opens = bool(disposition.handoff) and not (head and head.status is ThreadStatus.OPEN)
        held = head is not None and head.owner is not None and head.lease_until >= self.now_ms
        not_before = 0 if self.say else disposition.not_before
        return {
            **merging.stored(self.event, pk, self.now_ms),
            "type": "inbound",
            "inbox": head.inbox if head else self.place.inbox.id,
            "attempt": self.attempt,
            "attempt_at": self.now_ms,
            "decided_at": self.now_ms,
            "fence": head.fence if head else 0,
            "rule": disposition.rule,
            "reason": disposition.reason,
            "handoff": list(disposition.handoff) or None,
            "language": disposition.language,
            "reply": SendState.NONE if not replies else SendState.PLANNED if not_before else SendState.CLAIMED,
            "reply_text": disposition.reply_text,
            "quick_replies": [each.model_dump() for each in disposition.quick_replies] or None,
            "private_reply": disposition.private_reply or None,
            "note": note_key(pk, self.event.message_id or "") if disposition.public_note else None,
            "not_before": not_before or None,
            "ring": "pending" if opens and not held else "none",
        }

    def _changes(self, item: Item, head: ThreadHead | None, disposition: Disposition) -> dict[str, Any]:
        channel = channels.channel(self.event.channel)
        inbox = self.place.inbox
        changes = policy.advance(
            self.event, head, disposition, sk=item["sk"], at_ms=item["at"], now_ms=self.now_ms, inbox=inbox.id,
            window=channel.WINDOW, priority=self.place.playbook.priority,
        )  # fmt: skip
        changes["ttl"] = expiry(self.now_ms)
        if self.event.channel in channels.KEPT_DAYS:  # the head outlives what was said
            changes = {name: value for name, value in changes.items() if name not in ("asked", "contact_name")}
        if "due_at" in changes:
            home = self._home(changes["inbox"])
            changes |= open_keys(item["pk"], home.id, home.shards, changes["urgent_at"], changes["opened_at"])
            if head and head.status is ThreadStatus.RESOLVED:
                changes |= {"agenda_pk": None, "agenda_sk": None}
        return changes

    def _rated(self, pk: str, head: ThreadHead | None, disposition: Disposition) -> list[Item]:
        """A rating is kept with the resolution that it is for."""
        if head is None or disposition.rating is None:
            return []
        return [Ratings(self.place.threads).answer(pk, head.episode, disposition.rating, self.now_ms)]

    def _private_reply(self, item: Item, disposition: Disposition) -> list[Item]:
        """The note to a private reply. What answers a comment is marked before, to be known when it comes back."""
        channel, account, text = self.event.channel, self.place.account.id, disposition.reply_text
        if channel not in channels.DIRECT or text is None:
            return []
        replies, note = PrivateReplies(self.place.threads), disposition.public_note
        replies.mark(channels.DIRECT[channel] if disposition.private_reply else channel, account, text, self.now_ms)
        return [replies.note(item, self.place.inbox.id, note, self.now_ms)] if note else []

    def _search_rows(self, pk: str, head: ThreadHead | None, changes: dict[str, Any]) -> list[Item]:
        """What the thread is found by, from when it is handed to people; a name as soon as it is known."""
        before = head.contact_name if head else None
        name = changes.get("contact_name", before)
        inbox, pepper = changes["inbox"], self.place.pepper
        if "episode" in changes and changes["episode"] != (head.episode if head else 0):
            writer = search.Writer(pepper, inbox, pk, changes["opened_at"], self.now_ms)
            return writer.opened(name, head.tags if head else ())
        if head is None or head.episode == 0 or name == before:
            return []
        return search.Writer(pepper, inbox, pk, search.began(head), self.now_ms).named(name, before)

    def _act_and_list(self, item: Item, disposition: Disposition) -> None:
        """The list comes after what the customer waits for, also where that has to come back."""
        try:
            self._act(item)
        except RetryLater:
            self._list(item, disposition)
            raise
        self._list(item, disposition)

    def _list(self, item: Item, disposition: Disposition) -> None:
        """What the FAQ has no answer for, and which suggestion was meant."""
        threads, inbox, said = self.place.threads, self.place.inbox.id, self.event.text or ""
        if not self.place.playbook.faq or self.event.channel in channels.KEPT_DAYS:
            return
        if disposition.rule == "faq" and (self.event.payload or "").startswith(TAPPED):
            unmatched.keep(threads, inbox, item, tapped=disposition.reason)
            return
        left = disposition.rule == "assistant" or policy.leaves_unanswered(self.event, disposition)
        if left and not private_details.found(said, disposition.language):  # those make no example
            suggested = [button.id.removeprefix(TAPPED) for button in disposition.quick_replies]
            unmatched.keep(threads, inbox, item, suggested=suggested)

    def _act(self, item: Item) -> None:
        """Ring and send as the owner of the commit; a bell that failed does not hold the reply up."""
        rung = self._ring(item)
        replied = item["reply"] == SendState.CLAIMED
        if replied:
            sends.send_reply(item, self.place, self.attempt, self.receives, rung=rung, say=self.say)
        elif rung:
            self._mark_rung(item)
        if item["ring"] == "pending" and not rung:
            raise RetryLater(RING_AGAIN_S, "bell not rung")
        if item["reply"] == SendState.PLANNED:
            raise RetryLater((item["not_before"] - self.now_ms) / 1000, "reply not due")

    def _resume(self, item: Item) -> None:
        """The event is known: take up what is left of it, and only that."""
        sending = Sending(self.place.threads)
        if self.say and item["attempt"].startswith(IN_ANSWER):
            self._say_again(item, sending, self.say)
        if item["ring"] == "pending":
            if (left := item["attempt_at"] + RING_AGAIN_S * 1000 - self.now_ms) > 0:
                raise RetryLater(left / 1000, "another attempt rings")
            if not self._ring(item):
                raise RetryLater(RING_AGAIN_S, "bell not rung")
            self._mark_rung(item)
        if item["reply"] == SendState.CLAIMED and item["attempt"] != self.attempt:
            left = item["attempt_at"] + CLAIM_LEASE_MS - self.now_ms
            if left > 0:
                raise RetryLater(left / 1000, "another attempt sends")
            if sending.expire(item):
                logger.warning("reply unknown", extra={"thread_id": thread_name(item["pk"]), "event": item["sk"]})
                count("worker", "Unknown")
        elif item["reply"] == SendState.PLANNED and self.say:
            raise RetryLater(1, "the worker has it")
        elif item["reply"] == SendState.PLANNED:
            self._resume_planned(item, sending)

    def _say_again(self, item: Item, sending: Sending, say: Say) -> None:
        """The request came again, so its first answer was lost: the same words, under this attempt's claim where nobody
        recorded the first."""
        if item["reply"] == SendState.CLAIMED:
            if not sending.take_over(item, self.attempt, self.now_ms):
                raise RetryLater(1, "another attempt was faster")
            item["attempt"] = self.attempt
            sends.send_reply(item, self.place, self.attempt, self.receives, rung=False, say=say)
        elif item["reply"] in (SendState.SENT, SendState.UNKNOWN):
            say(item)

    def _resume_planned(self, item: Item, sending: Sending) -> None:
        if (wait := item["not_before"] - self.now_ms) > 0:
            raise RetryLater(wait / 1000, "reply not due")
        head = self.place.threads.head(item["pk"])
        if head is None:
            raise RetryLater(1, "the thread was erased")  # the next look drops the event
        stale = policy.gone_stale(head, item["fence"], item["decided_at"], self.now_ms)
        stale = "taken_back" if item.get("deleted_at") else stale
        if reason := "restored" if item["decided_at"] <= config.epoch() else stale:
            sending.drop(item, reason)
            logger.info("reply dropped", extra={"thread_id": thread_name(item["pk"]), "reason": reason})
            return
        if not sending.reclaim(item, head, self.attempt, self.now_ms):
            raise RetryLater(1, "another attempt was faster")  # it may crash: come back and see how it ended
        sends.send_reply(item, self.place, self.attempt, self.receives, rung=False)

    def _ring(self, item: Item) -> bool:
        if item["ring"] != "pending":
            return False
        try:
            home = self._home(item.get("inbox", self.place.inbox.id))
            queues.ring(home.queue_url, home.id, item["pk"])
        except queues.NotEnqueued:
            return False
        return True

    def _home(self, inbox_id: str) -> Inbox:
        """The inbox of the thread, which may have been given to another than the account's."""
        return self.place.inbox if inbox_id == self.place.inbox.id else config.known_inbox(inbox_id)

    def _mark_rung(self, item: Item) -> None:
        self.place.threads.update(
            item["pk"], item["sk"], "SET #ring = :rung", when="#ring = :pending", rung="rung", pending="pending"
        )

    def _log(self, item: Item, disposition: Disposition) -> None:
        logger.info(
            "decided",
            extra={
                "thread_id": thread_name(item["pk"]),
                "event": item["sk"],
                "kind": self.event.kind,
                "rule": disposition.rule,
                "reason": disposition.reason,
                "replies": disposition.reply_text is not None,
                "handoff": list(disposition.handoff),
            },
        )
        if item["ring"] == "pending":
            count("worker", "HandedOff")

"""One message of the inbound queue per invocation: normalise, decide, commit, ring, send, record (DESIGN 3.2).

Everything may arrive twice and out of order; the table decides. What cannot go on now raises RetryLater and
comes back through the message's visibility, never by being sent again to our own queue. `merging` holds what is
stored without an answer, `sends` what leaves.
"""

import json
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
from afterhours.models import Disposition, Event, SendState, ThreadHead, ThreadStatus
from afterhours.stores import config, queues, search, secrets, unmatched
from afterhours.stores.dynamo import Item
from afterhours.stores.erasure import is_behind
from afterhours.stores.ratings import Ratings
from afterhours.stores.sending import CLAIM_LEASE_MS, Sending
from afterhours.stores.threads import HeadMoved, Threads, expiry, inbound_key, open_keys, thread_name
from assisting import Deciding
from aws_lambda_powertools import Logger
from sends import Place, RetryLater

logger = Logger(service="worker")

TRIES = 8
RING_AGAIN_S = 6  # whoever committed has rung by then, or never will


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    failures = []
    for record in event["Records"]:
        try:
            handle(json.loads(record["body"]), int(record["attributes"]["ApproximateReceiveCount"]))
        except (RetryLater, HeadMoved) as busy:
            later = busy if isinstance(busy, RetryLater) else RetryLater(1, "thread is busy")
            logger.info("waits", extra={"reason": str(later), "seconds": later.seconds})
            queues.delay(settings.load().inbound_queue_url, record["receiptHandle"], later.seconds)
            failures.append({"itemIdentifier": record["messageId"]})
        except Exception:
            logger.exception("failed")  # whatever it was, the message comes back, in the end to the DLQ
            count("worker", "Failed")
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def handle(message: dict[str, Any], receives: int) -> None:
    """One queue message. Raises RetryLater when it has to come back."""
    if message.get("v") != 1:
        raise ValueError(f"queue message of version {message.get('v')!r}")
    if message["type"] == "overflow":
        message = {**json.loads(queues.get_overflow(message["key"])), "key": message["key"]}
    if message["type"] == "outbound":
        sends.send_composed(message["pk"], message["sk"], receives)
    elif message["type"] == "raw":
        merging.quarantine(message, "not_understood")
    else:
        _receive(message, receives)


def _receive(message: dict[str, Any], receives: int) -> None:
    piece: Piece = message["piece"]
    try:
        name = _channel_of(message["source"], piece)
        event = channels.channel(name).normalise(piece) if name else None
    except MalformedPayload:
        event = None
    if event is None:
        merging.quarantine(message, "not_understood")
        return
    if event.kind in merging.ADMINISTRATIVE:
        merging.quarantine(message, f"kind_{event.kind}")
        return
    if event.account_id is None and channels.channel(event.channel).ONE_ACCOUNT:
        event = event.model_copy(update={"account_id": message["app"]})
    account = config.account(event.channel, event.account_id) if event.account_id else None
    if account is None or account.source != message["source"] or account.app != message["app"]:
        merging.quarantine(message, "unknown_account")
        return
    inbox = config.inbox(account.inbox)
    playbook = config.playbook(inbox.playbook) if inbox else None
    if inbox is None or playbook is None:
        raise LookupError(f"inbox {account.inbox} or its playbook is not configured")
    threads, said_ms = Threads(settings.load().threads_table), event.timestamp_ms
    if said_ms is None and message["source"] not in channels.SOURCES:
        said_ms = message["received_ms"]  # nobody but the page itself delivers it again
    place = Place(threads, account, inbox, playbook, secrets.pepper(), said_ms)
    try:
        if event.kind in merging.MERGED or event.standby:
            merging.merge(event, place)
        elif not event.contact_ids:
            merging.quarantine(message, "no_contact")
        else:
            Answering(event, place, receives).run()
    except merging.Erased as erased:
        sk = inbound_key(event.timestamp_ms, event.event_id)
        logger.info("erased", extra={"thread_id": thread_name(str(erased)), "event": sk})
        count("worker", "Erased")


def _channel_of(source: str, piece: Piece) -> str:
    """Which channel reads the piece; our own webchat is source and channel in one. "" where none does."""
    return channels.source(source).channel_of(piece) if source in channels.SOURCES else source


class Answering:
    """The way of one event of a customer: one commit that decides, then what it asks for."""

    def __init__(self, event: Event, place: Place, receives: int) -> None:
        self.event, self.place, self.receives = event, place, receives
        self.now_ms = settings.now_ms()
        self.attempt = uuid.uuid4().hex
        restored = is_behind(config.epoch(), place.said_ms, self.now_ms)
        self.deciding = Deciding(event, place, self.now_ms, restored=restored)

    def run(self) -> None:
        for _ in range(TRIES):
            found = merging.find(self.event, self.place)
            pk, head = found.pk, found.head
            disposition = self.deciding.decide(pk, head)
            item = self._item(pk, head, disposition)
            try:
                changes = self._changes(item, head, disposition) | found.aliases
                also = [*self._rated(pk, head, disposition), *self._search_rows(pk, head, changes)]
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
        return {
            **merging.stored(self.event, pk, self.now_ms),
            "type": "inbound",
            "attempt": self.attempt,
            "attempt_at": self.now_ms,
            "decided_at": self.now_ms,
            "fence": head.fence if head else 0,
            "rule": disposition.rule,
            "reason": disposition.reason,
            "handoff": list(disposition.handoff) or None,
            "language": disposition.language,
            "reply": SendState.NONE
            if not replies
            else SendState.PLANNED
            if disposition.not_before
            else SendState.CLAIMED,
            "reply_text": disposition.reply_text,
            "quick_replies": [each.model_dump() for each in disposition.quick_replies] or None,
            "not_before": disposition.not_before or None,
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
        if "due_at" in changes:
            changes |= open_keys(item["pk"], changes["inbox"], inbox.shards, changes["urgent_at"], changes["opened_at"])
            if head and head.status is ThreadStatus.RESOLVED:
                changes |= {"agenda_pk": None, "agenda_sk": None}
        return changes

    def _rated(self, pk: str, head: ThreadHead | None, disposition: Disposition) -> list[Item]:
        """A rating is kept with the resolution that it is for."""
        if head is None or disposition.rating is None:
            return []
        return [Ratings(self.place.threads).answer(pk, head.episode, disposition.rating, self.now_ms)]

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
        if not self.place.playbook.faq:
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
            sends.send_reply(item, self.place, self.attempt, self.receives, rung=rung)
        elif rung:
            self._mark_rung(item)
        if item["ring"] == "pending" and not rung:
            raise RetryLater(RING_AGAIN_S, "bell not rung")
        if item["reply"] == SendState.PLANNED:
            raise RetryLater((item["not_before"] - self.now_ms) / 1000, "reply not due")

    def _resume(self, item: Item) -> None:
        """The event is known: take up what is left of it, and only that."""
        sending = Sending(self.place.threads)
        if item["ring"] == "pending":
            if (left := item["attempt_at"] + RING_AGAIN_S * 1000 - self.now_ms) > 0:
                raise RetryLater(left / 1000, "another attempt rings")
            if not self._ring(item):
                raise RetryLater(RING_AGAIN_S, "bell not rung")
            self._mark_rung(item)
        if item["reply"] == SendState.CLAIMED:
            left = item["attempt_at"] + CLAIM_LEASE_MS - self.now_ms
            if left > 0:
                raise RetryLater(left / 1000, "another attempt sends")
            if sending.expire(item):
                logger.warning("reply unknown", extra={"thread_id": thread_name(item["pk"]), "event": item["sk"]})
                count("worker", "Unknown")
        elif item["reply"] == SendState.PLANNED:
            self._resume_planned(item, sending)

    def _resume_planned(self, item: Item, sending: Sending) -> None:
        if (wait := item["not_before"] - self.now_ms) > 0:
            raise RetryLater(wait / 1000, "reply not due")
        head = self.place.threads.head(item["pk"])
        if head is None:
            raise RetryLater(1, "the thread was erased")  # the next look drops the event
        stale = policy.gone_stale(head, item["fence"], item["decided_at"], self.now_ms)
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
            queues.ring(self.place.inbox.queue_url, self.place.inbox.id, item["pk"])
        except queues.NotEnqueued:
            return False
        return True

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

"""The state of a text on its way out: the reply on an inbound item, or an outbound item itself.

`planned` -> `claimed` by one attempt -> settled. Whoever holds the claim sends, nobody else; an expired claim
becomes `unknown` and is not sent again. `not_before` (epoch ms) says when a planned one is due.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from afterhours.models import Inbox, Outcome, Result, SendState, ThreadHead
from afterhours.stores import config
from afterhours.stores.dynamo import Item, assignments, expression, to_item
from afterhours.stores.threads import HEAD, HeadMoved, Threads, open_keys

CLAIM_LEASE_MS = 60_000
STATE_OF = {
    Result.SENT: SendState.SENT,
    Result.REFUSED: SendState.REFUSED,
    Result.UNKNOWN: SendState.UNKNOWN,
    Result.NOT_SENT: SendState.PLANNED,
}
UNSETTLED = "UNSETTLED"
FIRST_CHECK_MS = 60_000
FAILED_RANK = 9
TRIES = 8
_MINE = "#attempt = :attempt AND #reply IN (:claimed, :unknown, :sent)"
_MINE_AND_OPEN = "#attempt = :attempt AND #reply = :claimed"
_FAIL = "SET #delivery = :failed, #reply = :refused, #reply_reason = :reason REMOVE #work_pk, #work_sk"
_NOT_FAILED = "attribute_exists(#pk) AND (attribute_not_exists(#delivery) OR #delivery < :failed)"
_CLAIM = "SET #reply = :claimed, #attempt = :attempt, #attempt_at = :now"
# The second half is our own claim whose answer was lost on the way: the SDK has asked again.
_CLAIMABLE = "(#reply = :planned OR (#reply = :claimed AND #attempt = :attempt))"


@dataclass(frozen=True)
class Sending:
    threads: Threads

    def claim(self, item: Item, attempt: str, now_ms: int) -> bool:
        """Take a planned outbound item; its fence was checked when it was composed."""
        planned = self.threads.update(
            item["pk"], item["sk"], _CLAIM, when=_CLAIMABLE,
            claimed=SendState.CLAIMED, planned=SendState.PLANNED, attempt=attempt, now=now_ms,
        )  # fmt: skip
        return planned is not None

    def reclaim(self, item: Item, head: ThreadHead, attempt: str, now_ms: int) -> bool:
        """Take a planned automatic reply, only while the head is the one just read. Raises HeadMoved."""
        head_as_read = expression(values={"version": head.version}, ConditionExpression="#version = :version")
        codes = self.threads.transact(
            self.threads.writing(
                item["pk"], item["sk"], _CLAIM, when=_CLAIMABLE,
                claimed=SendState.CLAIMED, planned=SendState.PLANNED, attempt=attempt, now=now_ms,
            ),
            {"ConditionCheck": {"Key": to_item({"pk": item["pk"], "sk": HEAD}), **head_as_read}},
        )  # fmt: skip
        if codes and codes[0] != "ConditionalCheckFailed":
            raise HeadMoved
        return codes is None

    def take_over(self, item: Item, attempt: str, now_ms: int) -> bool:
        """Take a claim from an attempt that answers within a request which has come again; it records nothing then."""
        taken = self.threads.update(
            item["pk"], item["sk"], "SET #attempt = :attempt, #attempt_at = :now", when="#attempt = :before",
            attempt=attempt, now=now_ms, before=item["attempt"],
        )  # fmt: skip
        return taken is not None

    def expire(self, item: Item) -> bool:
        """A claim whose lease is over and whose outcome nobody recorded: unknown, for ever."""
        expired = self.threads.update(
            item["pk"], item["sk"], "SET #reply = :unknown, #reply_reason = :reason", when=_MINE_AND_OPEN,
            unknown=SendState.UNKNOWN, reason="claim_expired", claimed=SendState.CLAIMED, attempt=item["attempt"],
        )  # fmt: skip
        return expired is not None

    def drop(self, item: Item, reason: str) -> bool:
        dropped = self.threads.update(
            item["pk"], item["sk"], "SET #reply = :dropped, #reply_reason = :reason", when="#reply = :planned",
            dropped=SendState.DROPPED, reason=reason, planned=SendState.PLANNED,
        )  # fmt: skip
        return dropped is not None

    def record(self, item: Item, attempt: str, outcome: Outcome, now_ms: int, not_before: int, *, rung: bool) -> bool:
        """Write down how the sending of an automatic reply ended, and that the bell was rung.

        False when the claim is no longer ours and there was nothing to add.
        """
        change, when, values = _outcome(attempt, outcome, now_ms, not_before)
        if rung:
            change, values["rung"] = change + ", #ring = :rung", "rung"
        return self.threads.update(item["pk"], item["sk"], change, when=when, **values) is not None

    def record_answered(self, item: Item, attempt: str, outcome: Outcome, now_ms: int) -> bool:
        """An agents' reply was sent: the thread waits for the customer, if nothing came in between.

        Returns whether the claim was still ours.
        """
        change, when, values = _outcome(attempt, outcome, now_ms, 0)
        write = self.threads.writing(item["pk"], item["sk"], change + " REMOVE #work_pk, #work_sk", when=when, **values)
        nothing_new = "#status = :open AND #owner = :owner AND #fence = :fence AND #last_inbound = :seen"
        waiting = self.threads.writing(
            item["pk"],
            HEAD,
            "SET #status = :waiting, #last_out_at = :now, #version = #version + :one REMOVE #work_pk, #work_sk",
            when=nothing_new,
            open="open",
            waiting="waiting",
            owner=item["owner"],
            fence=item["fence"],
            seen=item["seen"],
            now=now_ms,
            one=1,
        )
        codes = self._settle(write, waiting)
        if codes and codes[0] != "ConditionalCheckFailed":
            codes = self._settle(write)
        return codes is None

    def record_sent(self, item: Item, attempt: str, outcome: Outcome, now_ms: int) -> bool:
        """What was sent changes nothing for the thread: a question for a rating, a note, a part that others follow."""
        change, when, values = _outcome(attempt, outcome, now_ms, 0)
        sent = self.threads.update(item["pk"], item["sk"], change + " REMOVE #work_pk, #work_sk", when=when, **values)
        return sent is not None

    def record_retry(self, item: Item, attempt: str, outcome: Outcome, now_ms: int, not_before: int) -> bool:
        """A composed text was not taken: planned again, watched by the sweeper from then on."""
        change, when, values = _outcome(attempt, outcome, now_ms, not_before)
        change += ", #work_pk = :unsettled, #work_sk = :next"
        values |= unsettled_values(item, not_before)
        return self.threads.update(item["pk"], item["sk"], change, when=when, **values) is not None

    def record_failed(
        self, item: Item, attempt: str | None, state: SendState, reason: str, now_ms: int
    ) -> Inbox | None:
        """An agents' reply that did not get through is news like an inbound: the thread is open again.

        `attempt` is None for a reply that nobody claims (dropped, or failed by a late receipt). Parts that were to
        follow it do not leave alone. The inbox to ring for it; None where there was nothing to record any more.
        """
        write = self.failure(item, attempt, state, reason, now_ms)
        rest = [
            self.failure({"pk": item["pk"], "sk": sk}, None, SendState.DROPPED, "earlier_part_failed", now_ms)
            for sk in item.get("later", ())
        ]
        return self._as_news(item["pk"], item["sk"], write, now_ms, rest)

    def failure(self, item: Item, attempt: str | None, state: SendState, reason: str, now_ms: int) -> Item:
        """The write that records on a composed text that it did not get through."""
        if attempt is None:
            unsettled = "#reply IN (:planned, :held)"
        elif state is SendState.UNKNOWN:
            unsettled = _MINE_AND_OPEN
        else:
            unsettled = "#attempt = :attempt AND #reply IN (:claimed, :unknown)"
        values = {
            "claimed": SendState.CLAIMED,
            "unknown": SendState.UNKNOWN,
            "attempt": attempt,
            "planned": SendState.PLANNED,
            "held": SendState.HELD,
        }
        return self.threads.writing(
            item["pk"], item["sk"],
            "SET #reply = :state, #reply_reason = :reason, #reply_at = :now REMOVE #work_pk, #work_sk",
            when=unsettled, state=state, reason=reason, now=now_ms,
            **{name: value for name, value in values.items() if f":{name}" in unsettled},
        )  # fmt: skip

    def merge_receipt(self, pk: str, sk: str, rank: int, platform_id: str | None) -> bool:
        """A receipt with our correlator: delivery moves only forward, and the platform has it, so it was sent."""
        merged = self.threads.update(
            pk, sk,
            "SET #delivery = :rank, #reply = :sent, #platform_id = :platform_id REMOVE #work_pk, #work_sk",
            when="attribute_exists(#pk) AND (attribute_not_exists(#delivery) OR #delivery < :rank)",
            rank=rank, sent=SendState.SENT, platform_id=platform_id or "",
        )  # fmt: skip
        return merged is not None

    def merge_failure(self, pk: str, sk: str, code: str) -> bool:
        """The platform took a text of automation and could not deliver it; failed sticks."""
        when = f"{_NOT_FAILED} AND (attribute_not_exists(#via) OR #via <> :agent)"
        return self.threads.update(pk, sk, _FAIL, when=when, **_failed(code)) is not None

    def merge_failure_of_agents(self, pk: str, sk: str, code: str, now_ms: int) -> Inbox | None:
        """The same of an agent's text, which is news: the inbox to ring for it."""
        write = self.threads.writing(pk, sk, _FAIL, when=f"{_NOT_FAILED} AND #via = :agent", **_failed(code))
        return self._as_news(pk, sk, write, now_ms)

    def _as_news(self, pk: str, sk: str, write: Item, now_ms: int, also: Sequence[Item] = ()) -> Inbox | None:
        """One transaction: what happened to the reply, and the thread open with it as its newest event."""
        for _ in range(TRIES):
            head = self.threads.head(pk)
            if head is None:
                self._settle(write)
                return None  # erased meanwhile: there is no thread to open
            inbox = config.known_inbox(head.inbox)
            change = "SET #status = :open, #last_inbound = :sk, #version = :next"
            values = {"open": "open", "sk": sk, "version": head.version, "next": head.version + 1}
            if head.status != "open":
                keys = open_keys(pk, inbox.id, inbox.shards, head.urgent_at or now_ms, now_ms)
                change += ", #work_pk = :work_pk, #work_sk = :work_sk, #opened_at = :now"
                change += ", #due_at = if_not_exists(#due_at, :now), #urgent_at = if_not_exists(#urgent_at, :now)"
                values |= {**keys, "now": now_ms}
            if head.status == "resolved":
                change += " REMOVE #agenda_pk, #agenda_sk"
            news = self.threads.writing(pk, HEAD, change, when="#version = :version", **values)
            codes = self.threads.transact(write, news, *also)
            if codes is None or codes[0] == "ConditionalCheckFailed":
                return inbox if codes is None else None
        raise HeadMoved

    def _settle(self, *writes: Item) -> list[str] | None:
        """Transact until a condition decides; a mere conflict with another transaction does not."""
        for _ in range(TRIES):
            codes = self.threads.transact(*writes)
            if codes is None or "ConditionalCheckFailed" in codes:
                return codes
        raise HeadMoved


def _failed(code: str) -> Item:
    return {"failed": FAILED_RANK, "refused": SendState.REFUSED, "reason": code, "agent": "agent"}


def unsettled_values(item: Item, next_check: int) -> Item:
    return {"unsettled": UNSETTLED, "next": f"{next_check:013d}#{item['sk']}"}


def _outcome(attempt: str, outcome: Outcome, now_ms: int, not_before: int) -> tuple[str, str, Item]:
    """The update of one outcome: what is known for sure may replace an `unknown`, a guess may not."""
    state = STATE_OF[outcome.result]
    known = {"reply_reason": outcome.reason, "platform_id": outcome.platform_id}
    told: Item = {"reply": state, "reply_at": now_ms, **{name: value for name, value in known.items() if value}}
    if state is SendState.PLANNED:
        told["not_before"] = not_before
    change, values = assignments(told)
    values |= {"attempt": attempt, "claimed": SendState.CLAIMED}
    if state in (SendState.SENT, SendState.REFUSED):
        return change, _MINE, {**values, "unknown": SendState.UNKNOWN, "sent": SendState.SENT}
    return change, _MINE_AND_OPEN, values

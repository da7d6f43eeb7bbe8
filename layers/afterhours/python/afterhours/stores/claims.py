"""What agents do to a thread: claim, heartbeat, reply, release, resolve. One conditional write each.

A claim is a fenced lease: `owner`, `lease_until` (epoch ms), `fence`. A reply composed under an older fence is
refused; the lease itself is not asked for once the text is written (DESIGN 3.3).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from afterhours.models import RatingQuestion, SendState, ThreadHead, ThreadStatus
from afterhours.stores.dynamo import Item, assignments, expression, to_item
from afterhours.stores.ratings import Ratings
from afterhours.stores.sending import FIRST_CHECK_MS, TRIES, unsettled_values
from afterhours.stores.threads import HEAD, HeadMoved, Threads, expiry, head_of, later_ulid, outbound_key

LEASE_MS = 120_000
_THERE = "#inbox = :inbox"  # a thread that was transferred is another inbox's
_FREE = "(attribute_not_exists(#owner) OR #lease_until < :now)"
_KEPT_FOR_ME = (
    "(attribute_not_exists(#kept_for) OR #kept_for = :agent OR attribute_not_exists(#kept_until) OR #kept_until < :now)"
)
_TAKEABLE = "#status IN (:open, :waiting, :snoozed)"
_TAKEABLE_STATES = {"open": "open", "waiting": "waiting", "snoozed": "snoozed"}
_MINE = "#owner = :agent AND #fence = :fence"
_TAKE = (
    "#owner = :agent, #lease_until = :lease, #kept_for = :agent, #kept_until = :zero, "
    "#agenda_pk = :mine, #agenda_sk = :since, #version = #version + :one"
)
_LET_GO = "REMOVE #owner, #lease_until, #agenda_pk, #agenda_sk"


class StaleFence(Exception):
    """The claim is not this agent's any more, or the thread has had another claim since."""


class NewMessage(Exception):
    """Something reached the thread that this agent has not seen."""


@dataclass(frozen=True)
class Claims:
    threads: Threads

    def pull(self, pk: str, inbox: str, agent: str, now_ms: int) -> ThreadHead | None:
        """Claim an open thread that nobody holds or is being kept for; None when another was faster."""
        taken = self.threads.update(
            pk, HEAD,
            f"SET {_TAKE}, #fence = if_not_exists(#fence, :zero) + :one",
            when=f"{_THERE} AND #status = :open AND {_FREE} AND {_KEPT_FOR_ME}",
            returning=True, inbox=inbox, open="open", one=1, **_taking(pk, agent, now_ms),
        )  # fmt: skip
        return head_of(taken) if taken else None

    def claim(self, pk: str, inbox: str, agent: str, now_ms: int) -> ThreadHead | None:
        """Claim a thread by name, whoever it was kept for; re-entering one's own live claim keeps the fence."""
        taken = self.threads.update(
            pk, HEAD,
            f"SET {_TAKE}, #fence = if_not_exists(#fence, :zero) + :one",
            when=f"{_THERE} AND {_TAKEABLE} AND {_FREE}",
            returning=True, inbox=inbox, one=1, **_TAKEABLE_STATES, **_taking(pk, agent, now_ms),
        )  # fmt: skip
        if taken is None:
            taken = self.threads.update(
                pk, HEAD,
                f"SET {_TAKE}",
                when=f"{_THERE} AND {_TAKEABLE} AND #owner = :agent AND #lease_until >= :now",
                returning=True, inbox=inbox, one=1, **_TAKEABLE_STATES, **_taking(pk, agent, now_ms),
            )  # fmt: skip
        return head_of(taken) if taken else None

    def heartbeat(self, pk: str, agent: str, fence: int, now_ms: int) -> int | None:
        """Lengthen a lease that is still running; its new end, or None."""
        lease = now_ms + LEASE_MS
        kept = self.threads.update(
            pk, HEAD, "SET #lease_until = :lease", when=f"{_MINE} AND #lease_until >= :now",
            agent=agent, fence=fence, lease=lease, now=now_ms,
        )  # fmt: skip
        return None if kept is None else lease

    def release(self, pk: str, agent: str, fence: int) -> ThreadHead:
        """Give the thread back for anybody to take. Raises StaleFence."""
        released = self.threads.update(
            pk, HEAD, f"SET #version = #version + :one {_LET_GO}, #kept_for, #kept_until", when=_MINE,
            returning=True, agent=agent, fence=fence, one=1,
        )  # fmt: skip
        if released is None:
            raise StaleFence
        return head_of(released)

    def resolve(
        self,
        pk: str,
        agent: str,
        fence: int,
        seen: str | None,
        now_ms: int,
        rating: RatingQuestion | str = "switched_off",
    ) -> ThreadHead:
        """Close the thread, if the agent has seen all that reached it, and keep the resolution with the question how
        it was, or why that is not asked. Raises StaleFence, NewMessage, HeadMoved."""
        asks: RatingQuestion | str | None = rating
        for _ in range(TRIES):
            head = self.threads.head(pk)
            if head and (head.status, head.fence, head.resolved_at) == (ThreadStatus.RESOLVED, fence, now_ms):
                return head  # by this very write, of which only the answer was lost
            if head is None or (head.owner, head.fence) != (agent, fence) or head.status not in _TAKEABLE_STATES:
                raise StaleFence
            if (head.last_inbound or None) != (seen or None):
                raise NewMessage
            changes = _resolved(pk, head, asks, now_ms)
            update, values = assignments(changes)
            codes = self.threads.transact(
                self.threads.writing(pk, HEAD, update, when="#version = :read", read=head.version, **values),
                *Ratings(self.threads).resolution(pk, head, agent, now_ms, asks),
            )
            if codes is None:
                as_stored = {**head.model_dump(), **changes}
                return head_of({name: value for name, value in as_stored.items() if value is not None})
            if codes[1] == "ConditionalCheckFailed":
                asks = None
        raise HeadMoved

    def compose(
        self,
        pk: str,
        agent: str,
        fence: int,
        ulid: str,
        parts: Sequence[str],
        seen: str | None,
        now_ms: int,
        *,
        held: bool = False,
    ) -> Item:
        """Store an agent's reply as `planned`, after the one composed before it; `held` where somebody has to approve
        it first. A text in several `parts` is several items, each after the one before; the first names the `later`
        ones. Gives the first. Raises StaleFence, HeadMoved.

        A key that is stored already gives back its item, whatever became of the claim.
        """
        keys = [outbound_key(later_ulid(ulid, step)) for step in range(len(parts))]
        for _ in range(TRIES):
            if stored := self.threads.get(pk, keys[0]):
                return stored
            head = self.threads.head(pk)
            if head is None or (head.owner, head.fence) != (agent, fence):
                raise StaleFence
            common = {"pk": pk, "inbox": head.inbox, "contact_id": head.contact_id, "owner": agent, "fence": fence}
            common |= {"seen": seen or "", "at": now_ms, "reply": SendState.HELD if held else SendState.PLANNED}
            items = _items(common, head.last_outbound, dict(zip(keys, parts, strict=True)))
            last_as_read = "#last_outbound = :after" if head.last_outbound else "attribute_not_exists(#last_outbound)"
            codes = self.threads.transact(
                *(_new(item) for item in items),
                self.threads.writing(
                    pk, HEAD,
                    "SET #last_outbound = :sk, #human_at = :now, #version = #version + :one",
                    when=f"{_MINE} AND {last_as_read}",
                    sk=keys[-1], now=now_ms, one=1, agent=agent, fence=fence,
                    **({"after": head.last_outbound} if head.last_outbound else {}),
                ),
            )  # fmt: skip
            if codes is None:
                return items[0]
        raise HeadMoved


def _items(common: Item, before: str | None, parts: Mapping[str, str]) -> list[Item]:
    """The outbound items of one composed text, by their keys: each after the one before it. What is held waits in its
    lead's list once, by the first."""
    keys, at = list(parts), common["at"]
    items = []
    for number, (sk, text) in enumerate(parts.items()):
        item = {
            **common,
            "sk": sk,
            "type": "outbound",
            "kind": "message",
            "via": "agent",
            "after": keys[number - 1] if number else before,
            "later": keys[number + 1 :] or None,
            "part_of": keys[0] if number else None,
            "reply_text": text,
            "check_ms": FIRST_CHECK_MS,
            "ttl": expiry(at),
        }
        index = unsettled_values(item, at + FIRST_CHECK_MS)
        if common["reply"] == SendState.HELD:
            index = {"unsettled": f"HELD#{common['inbox']}", "next": f"{at:013d}#{sk}"} if number == 0 else {}
        items.append({**item, "work_pk": index.get("unsettled"), "work_sk": index.get("next")})
    return items


def _new(item: Item) -> Item:
    return {"Put": {"Item": to_item(item), **expression(values={}, ConditionExpression="attribute_not_exists(#pk)")}}


def _taking(pk: str, agent: str, now_ms: int) -> Item:
    return {
        "agent": agent, "now": now_ms, "lease": now_ms + LEASE_MS, "zero": 0,
        "mine": f"MINE#{agent}", "since": f"{now_ms:013d}#{pk}",
    }  # fmt: skip


def _resolved(pk: str, head: ThreadHead, asks: RatingQuestion | str | None, now_ms: int) -> Item:
    """The changes of the head."""
    day = datetime.fromtimestamp(now_ms / 1000, UTC).date().isoformat()
    changes: Item = {
        "status": ThreadStatus.RESOLVED,
        "resolved_at": now_ms,
        "version": head.version + 1,
        "agenda_pk": f"RESOLVED#{head.inbox}#{day}",
        "agenda_sk": f"{now_ms:013d}#{pk}",
        **dict.fromkeys(("owner", "lease_until", "work_pk", "work_sk", "due_at", "urgent_at", "warn_at", "sla_stage")),
    }
    if isinstance(asks, RatingQuestion):
        changes["csat_until"] = asks.until
        if asks.discloses:
            changes["disclosed_at"] = now_ms
    return changes

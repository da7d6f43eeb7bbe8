"""What else agents do to a thread: tag, snooze, assign, transfer, reopen, approve. One conditional write each.

None of them needs a live lease; who gives a fence must hold the claim under it. What moves a thread in the queue is
written against the head's version as it was read.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from afterhours.models import SendState, ThreadHead, ThreadStatus
from afterhours.stores.claims import NewMessage, StaleFence
from afterhours.stores.dynamo import Item, assignments
from afterhours.stores.sending import FIRST_CHECK_MS, unsettled_values
from afterhours.stores.threads import HEAD, HeadMoved, Threads, head_of, open_keys, shard

NOT_RESOLVED = (ThreadStatus.OPEN, ThreadStatus.WAITING, ThreadStatus.SNOOZED)
_LET_GO: dict[str, None] = {"owner": None, "lease_until": None}


@dataclass(frozen=True)
class Desk:
    threads: Threads

    def tag(self, pk: str, head: ThreadHead, changes: Mapping[str, Any], also: Iterable[Item] = ()) -> ThreadHead:
        """Replace the tags as they were read, and what follows from them. Raises HeadMoved."""
        tags_as_read = "#tags = :tags_read" if head.tags else "(attribute_not_exists(#tags) OR #tags = :tags_read)"
        as_read = f"{tags_as_read} AND #status = :status_read AND #inbox = :inbox_read"
        update, values = assignments(dict(changes))
        values |= {"tags_read": list(head.tags), "status_read": head.status, "inbox_read": head.inbox}
        if "work_pk" in changes:  # its place in the queue is made of these
            as_read += " AND #urgent_at = :urgent_read AND #opened_at = :opened_read"
            values |= {"urgent_read": head.urgent_at, "opened_read": head.opened_at}
        codes = self.threads.transact(self.threads.writing(pk, HEAD, update, when=as_read, **values), *also)
        if codes is not None:
            raise HeadMoved
        return head.model_copy(update={name: value for name, value in changes.items() if hasattr(head, name)})

    def snooze(
        self, pk: str, agent: str, fence: int, seen: str | None, until: int, due: Mapping[str, int], shards: int
    ) -> ThreadHead:
        """Put the thread aside until then, with these deadlines. Raises StaleFence, NewMessage, HeadMoved."""
        head = self._mine(pk, agent, fence)
        if head.last_inbound != seen:
            raise NewMessage
        changes: dict[str, Any] = {
            "status": ThreadStatus.SNOOZED,
            "snoozed_until": until,
            "sla_stage": 0,
            **due,
            "work_pk": f"SNOOZED#{head.inbox}#{shard(pk, shards)}",
            "work_sk": f"{until:013d}#{pk}",
            **_LET_GO,
        }
        try:
            return self._move(pk, head, changes)
        except HeadMoved:
            now = self._mine(pk, agent, fence)
            if now.last_inbound != seen:
                raise NewMessage from None
            raise

    def assign(self, pk: str, head: ThreadHead, agent: str, now_ms: int, until: int) -> ThreadHead:
        """Keep the thread for somebody until then; whoever had it loses it. Raises HeadMoved."""
        return self._move(
            pk,
            head,
            {
                "kept_for": agent,
                "kept_until": until,
                "fence": head.fence + 1,
                "agenda_pk": f"MINE#{agent}",
                "agenda_sk": f"{now_ms:013d}#{pk}",
                **_LET_GO,
            },
        )

    def transfer(self, pk: str, head: ThreadHead, inbox: str, shards: int, also: Iterable[Item] = ()) -> ThreadHead:
        """Give the thread to another inbox, where it stands by the same urgency, with what is `also` to be written.
        Raises HeadMoved."""
        keys: dict[str, str] = {}
        if head.status is ThreadStatus.OPEN:
            keys = open_keys(pk, inbox, shards, head.urgent_at, head.opened_at)
        elif head.status is ThreadStatus.SNOOZED:
            keys = {"work_pk": f"SNOOZED#{inbox}#{shard(pk, shards)}", "work_sk": f"{head.snoozed_until:013d}#{pk}"}
        changes = {
            "inbox": inbox,
            "fence": head.fence + 1,
            **dict.fromkeys(("kept_for", "kept_until", "agenda_pk", "agenda_sk")),
            **keys,
            **_LET_GO,
        }
        return self._move(pk, head, changes, also)

    def reopen(
        self, pk: str, head: ThreadHead, agent: str, due: Mapping[str, int], now_ms: int, until: int, shards: int
    ) -> ThreadHead:
        """A resolved thread waits for a person again, until then for this one only. Raises HeadMoved."""
        return self._move(
            pk,
            head,
            {
                "status": ThreadStatus.OPEN,
                "opened_at": now_ms,
                "sla_stage": 0,
                **due,
                **open_keys(pk, head.inbox, shards, due["urgent_at"], now_ms),
                "kept_for": agent,
                "kept_until": until,
                "agenda_pk": f"MINE#{agent}",
                "agenda_sk": f"{now_ms:013d}#{pk}",
                **dict.fromkeys(("resolved_at", "csat_until")),
            },
        )

    def approve(self, item: Item, by: str, now_ms: int) -> bool:
        """A held reply may be sent, with all its parts; False when it is not held any more. Raises HeadMoved."""
        writes = [
            self.threads.writing(
                item["pk"], sk,
                "SET #reply = :planned, #approved_by = :by, #at = :now, #work_pk = :unsettled, #work_sk = :next",
                when="#reply = :held OR (#reply = :planned AND #approved_by = :by AND #at = :now)",
                planned=SendState.PLANNED, held=SendState.HELD, by=by, now=now_ms,
                **unsettled_values({"sk": sk}, now_ms + FIRST_CHECK_MS),
            )
            for sk in (item["sk"], *item.get("later", ()))
        ]  # fmt: skip
        codes = self.threads.transact(*writes)
        if codes and "ConditionalCheckFailed" not in codes:
            raise HeadMoved
        return codes is None

    def _mine(self, pk: str, agent: str, fence: int) -> ThreadHead:
        head = self.threads.head(pk)
        if head is None or (head.owner, head.fence) != (agent, fence) or head.status not in NOT_RESOLVED:
            raise StaleFence
        return head

    def _move(self, pk: str, head: ThreadHead, changes: Mapping[str, Any], also: Iterable[Item] = ()) -> ThreadHead:
        """Change the head as it was read, with its version. A lost answer of our own write counts as done."""
        after = head.version + 1
        update, values = assignments({**changes, "version": after})
        as_read = "#version = :version_read"
        if also:
            write = self.threads.writing(pk, HEAD, update, when=as_read, **values, version_read=head.version)
            if self.threads.transact(write, *also) is None:
                moved = {**head.model_dump(), **changes, "version": after}
                return head_of({name: value for name, value in moved.items() if value is not None})
        else:
            stored = self.threads.update(
                pk, HEAD, update, when=as_read, returning=True, **values, version_read=head.version
            )  # fmt: skip
            if stored is not None:
                return head_of(stored)
        now = self.threads.head(pk)
        if now and now.version == after and all(_equal(now, name, value) for name, value in changes.items()):
            return now
        raise HeadMoved


def _equal(head: ThreadHead, name: str, value: Any) -> bool:
    field = ThreadHead.model_fields.get(name)
    return field is None or getattr(head, name) == (field.default if value is None else value)

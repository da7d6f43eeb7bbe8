"""Raises an alarm for what nobody has answered in time: warned, overdue, escalated (DESIGN 3.3). Part of sweeper.

Each stage is raised once, by a conditional update of the head; after an outage the last stage reached, and no other.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from afterhours.counts import count
from afterhours.deadlines import escalated_urgent_at, sla_stage
from afterhours.models import Inbox, ThreadHead, ThreadStatus
from afterhours.playbook import Playbook
from afterhours.stores import config, queues
from afterhours.stores.dynamo import Item, to_item
from afterhours.stores.records import audited
from afterhours.stores.threads import HEAD, Threads, thread_name
from afterhours.timeline import ticket_number
from aws_lambda_powertools import Logger

logger = Logger(service="sweeper")

AT_ONCE = 200  # threads of an inbox in one minute; the next goes on
VERBS = ("sla_warned", "sla_breached", "sla_escalated")


class Alarm(NamedTuple):
    """One thread that has come to a later stage."""

    number: str  # what people call it by
    stage: int
    due_at: int
    claimed: bool


def raise_alarms(threads: Threads, inbox: Inbox, entries: Iterable[Item], now_ms: int) -> Iterator[Alarm]:
    """Of the open threads, the most urgent first; each is recorded before it is yielded, and rung for after."""
    raised = 0
    for entry in entries:
        if raised == AT_ONCE:
            return
        playbook = _playbook_if_late(inbox, entry, now_ms)
        alarm = _raise(threads, inbox, entry, playbook, now_ms) if playbook else None
        if alarm:
            raised += 1
            yield alarm
            if not alarm.claimed:
                queues.ring(inbox.queue_url, inbox.id, entry["pk"])


def _playbook_if_late(inbox: Inbox, entry: Item, now_ms: int) -> Playbook | None:
    """The inbox's playbook, if the index shows a thread that has come to a later stage."""
    due_at, warn_at = entry.get("due_at", 0), entry.get("warn_at", 0)
    if not due_at or now_ms < (warn_at or due_at):
        return None
    playbook = config.playbook(inbox.playbook)
    if playbook and sla_stage(playbook, due_at, warn_at, now_ms) > entry.get("sla_stage", 0):
        return playbook
    return None


def _raise(threads: Threads, inbox: Inbox, entry: Item, playbook: Playbook, now_ms: int) -> Alarm | None:
    """None where the index lags behind, or somebody was faster: if it is still late, the next minute sees it."""
    pk, place = entry["pk"], entry["work_sk"]
    head = threads.head(pk)
    if head is None or head.status is not ThreadStatus.OPEN or head.inbox != inbox.id:
        return None
    stage = sla_stage(playbook, head.due_at, head.warn_at, now_ms)
    if stage <= head.sla_stage:
        return None
    claimed = head.owner is not None and head.lease_until >= now_ms
    verb = VERBS[min(stage, 3) - 1]
    change, values = "SET #sla_stage = :stage", {}
    if stage > 1:
        change += ", #urgent_at = :urgent_at, #work_sk = :place"
        urgent_at = escalated_urgent_at(head.urgent_at, playbook.priority, before=head.sla_stage, stage=stage)
        values = {"urgent_at": urgent_at, "place": f"{urgent_at:013d}{place[13:]}"}
    still_open = "#status = :open AND #due_at = :due_at AND #work_sk = :place_read"
    not_raised = "(attribute_not_exists(#sla_stage) OR #sla_stage < :stage)"
    codes = threads.transact(
        threads.writing(
            pk, HEAD, change, when=f"{still_open} AND {not_raised}",
            stage=stage, open=ThreadStatus.OPEN, due_at=head.due_at, place_read=place, **values,
        ),
        {"Put": {"Item": to_item(audited(pk, verb, "sweeper", now_ms, stage=stage, due_at=head.due_at))}},
    )  # fmt: skip
    if codes is not None:
        return None
    _record(pk, inbox, verb, head, stage)
    return Alarm(ticket_number(pk.rpartition("#")[2], head.episode), stage, head.due_at, claimed)


def _record(pk: str, inbox: Inbox, verb: str, head: ThreadHead, stage: int) -> None:
    logger.info(verb, extra={"thread_id": thread_name(pk), "inbox": inbox.id, "stage": stage, "due_at": head.due_at})
    if stage == 1:
        count("sweeper", "SlaWarned")
    if head.sla_stage < 2 <= stage:  # also where an outage has hidden the moment
        count("sweeper", "SlaBreached")
    if stage > 2:
        count("sweeper", "SlaEscalated")

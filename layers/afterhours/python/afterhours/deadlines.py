"""When an open thread is due, when to warn of it, and where it stands in the queue. Pure.

The queue goes by one moment a thread, fixed when it opens: whoever waits longer than the lead that priority gives comes
before all that opened later, so that nothing starves.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from afterhours import hours
from afterhours.playbook import Playbook, Priority
from afterhours.signals import Signal

PRESSING = {Signal.SAFETY.value, Signal.LEGAL.value}


class Deadlines(NamedTuple):
    """In epoch milliseconds."""

    due_at: int
    warn_at: int


def deadlines(
    playbook: Playbook, channel: str, since: datetime, *, tags: tuple[str, ...] = (), reasons: Collection[str] = ()
) -> Deadlines:
    """When a person's answer to what came in at `since` (aware UTC) is due, on the business clock; at once where
    somebody is in danger."""
    if Signal.SAFETY.value in reasons:
        return Deadlines(_ms(since), _ms(since))
    level = playbook.service_level(channel, tags)
    early = max(0, level.first_reply - level.warn_before)
    return Deadlines(
        _ms(_business_time_after(playbook, since, level.first_reply)), _ms(_business_time_after(playbook, since, early))
    )


def urgent_at(
    due_at: int, priority: Priority, *, tags: tuple[str, ...], reasons: Collection[str], window_until: int
) -> int:
    """The moment by which the queue is sorted. `window_until` is 0 where the platform sets no limit."""
    ahead = priority.ahead * 1000 if PRESSING.intersection(reasons) or set(tags).intersection(priority.tags) else 0
    closing = window_until - priority.before_window_closes * 1000 if window_until else due_at
    return max(0, min(due_at - ahead, closing))


def sla_stage(playbook: Playbook, due_at: int, warn_at: int, now_ms: int) -> int:
    """How late the answer is: 0 in time, 1 to be warned of, 2 overdue, then one more for each time of `escalation` that
    has passed in business time since it was due."""
    if now_ms <= due_at:
        return 1 if 0 < warn_at <= now_ms else 0
    stage = 2
    for seconds in playbook.escalation:
        # Business time passes no faster than time: most need no calendar.
        if now_ms - due_at <= seconds * 1000 or now_ms <= _ms(_business_time_after(playbook, _moment(due_at), seconds)):
            break
        stage += 1
    return stage


def escalated_urgent_at(urgent_at: int, priority: Priority, *, before: int, stage: int) -> int:
    """The place in the queue of a thread that comes from one stage to a later one: sooner by the lead of priority for
    being overdue, and again for each escalation."""
    steps = max(stage, 1) - max(before, 1)
    return max(0, urgent_at - steps * priority.ahead * 1000)


def _business_time_after(playbook: Playbook, since: datetime, seconds: int) -> datetime:
    try:
        return hours.add_business_time(playbook.hours, since, seconds / 60)
    except hours.NeverOpens:
        return since + timedelta(seconds=seconds)


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)

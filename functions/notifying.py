"""Tells a team that something waits or is late, on the topic and on Slack. Part of sweeper.

At most once: what is told is written down before it is sent, so a crash in between tells nobody; the doorbell and the
index are what people work from. Counts, ticket numbers and times only, never anything of a customer's.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from afterhours import settings
from afterhours.channels import slack
from afterhours.counts import count
from afterhours.models import Inbox, Notices, Outcome, Result
from afterhours.stores import config, notices, secrets
from afterhours.stores.dynamo import Item
from afterhours.stores.threads import Threads
from aws_lambda_powertools import Logger
from escalating import Alarm

logger = Logger(service="sweeper")

LINES = 10  # alarms that a notice names; the others are counted
MOST_PENDING = 50
MOST_MARKED = 5_000  # waiting threads of which is remembered that they were told of: 20 KB
STAGES = ("soon due", "overdue", "escalated")


@dataclass
class Found:
    """What a sweep found in an inbox."""

    open: list[Item] = field(default_factory=list)  # entries of the index, the most urgent first
    waiting: list[Item] = field(default_factory=list)  # those that nobody holds
    more: bool = False  # there are more threads than were read
    alarms: list[Alarm] = field(default_factory=list)


def tell(threads: Threads, inbox: Inbox, found: Found, now_ms: int) -> int:
    """How many notices went out. Raises what the tables raise; what becomes of a notice is only logged and counted."""
    told = 0
    if inbox.notices and found.open:
        for way in ("topic", "slack") if inbox.notices.slack else ("topic",):
            told += _tell(threads, inbox, inbox.notices, way, found, now_ms)
    return told


def _tell(threads: Threads, inbox: Inbox, wanted: Notices, way: str, found: Found, now_ms: int) -> int:
    state = notices.told(threads, inbox.id, way)
    lines = [*state.get("pending", ()), *_alarm_lines(inbox, found.alarms)]
    if now_ms < state.get("not_before", 0):
        if found.alarms:
            notices.move(threads, state, now_ms, pending=lines[-MOST_PENDING:])
        return 0
    marks = notices.marks(found.waiting[:MOST_MARKED])
    is_time = now_ms - state.get("at", 0) >= wanted.every_s * 1000
    if not (is_time and marks - notices.unpacked(state.get("told", b""))):
        marks = set()  # none waits anew, or it is not yet time to say so
    if not (lines or marks):
        return 0
    changes = {"at": now_ms, "told": b"".join(sorted(marks))} if marks else {}
    waiting = [_waiting_line(inbox, found)] if marks else []
    text = "\n".join([*lines, *waiting, *([wanted.page] if wanted.page else [])])
    mine = notices.move(threads, state, now_ms, pending=None, not_before=None, **changes)
    if mine is None:
        return 0  # another sweep is telling it
    outcome = _send(inbox, wanted, way, text)
    _record(inbox, way, outcome)
    if outcome.result is Result.NOT_SENT:
        until = now_ms + (outcome.retry_after_s or 60) * 1000
        before = {name: state.get(name) for name in ("at", "told")}
        notices.move(threads, mine, now_ms, not_before=until, pending=lines[-MOST_PENDING:] or None, **before)
    return 1 if outcome.result is Result.SENT else 0


def _send(inbox: Inbox, wanted: Notices, way: str, text: str) -> Outcome:
    if way == "topic":
        return notices.publish(f"Afterhours: {inbox.id}", text)
    try:
        url = secrets.slack_webhook(inbox.id)
    except secrets.SecretsUnavailable:
        return Outcome(result=Result.NOT_SENT, reason="secret_unavailable")
    return slack.post(url or "", text, base=wanted.slack_base)


def _record(inbox: Inbox, way: str, outcome: Outcome) -> None:
    said = {"inbox": inbox.id, "way": way, "reason": outcome.reason, "code": outcome.code}
    match outcome.result:
        case Result.SENT:
            logger.info("notified", extra=said)
            count("sweeper", "Notified")
        case Result.NOT_SENT:
            logger.warning("notice delayed", extra=said)
            count("sweeper", "NoticeDelayed")
        case Result.REFUSED:  # somebody has to look: most of what Slack refuses it will go on refusing
            logger.warning("notice refused", extra=said)
            count("sweeper", "NoticeRefused")
        case Result.UNKNOWN:
            logger.warning("notice perhaps lost", extra=said)
            count("sweeper", "NoticeUnknown")


def _alarm_lines(inbox: Inbox, alarms: list[Alarm]) -> Iterator[str]:
    if not alarms:
        return
    of_stage = Counter(STAGES[min(alarm.stage, 3) - 1] for alarm in alarms)
    yield f"{inbox.id}: " + ", ".join(f"{of_stage[stage]} {stage}" for stage in STAGES if of_stage[stage])
    for alarm in sorted(alarms, key=lambda alarm: (-alarm.stage, alarm.due_at))[:LINES]:
        due = f"{'is' if alarm.stage == 1 else 'was'} due at {_clock(inbox, alarm.due_at)}"
        yield f"{alarm.number} {due}, {'claimed' if alarm.claimed else 'waiting'}"
    if len(alarms) > LINES:
        yield f"and {len(alarms) - LINES} more"


def _waiting_line(inbox: Inbox, found: Found) -> str:
    number, first = len(found.waiting), found.waiting[0]
    due = f"due at {_clock(inbox, first['due_at'])}" if first.get("due_at") else "due now"
    if number == 1:
        return f"1 thread waits in {inbox.id}, {due}"
    return f"{'At least ' if found.more else ''}{number} threads wait in {inbox.id}, the most urgent {due}"


def _clock(inbox: Inbox, at_ms: int) -> str:
    """As a clock of the team's shows it; with the day where that is another one."""
    playbook = config.playbook(inbox.playbook)
    zone = ZoneInfo(playbook.zone if playbook else "UTC")
    at, today = datetime.fromtimestamp(at_ms / 1000, zone), settings.now().astimezone(zone).date()
    return f"{at:%H:%M}{'' if at.date() == today else f' on {at:%Y-%m-%d}'} {zone.key}"

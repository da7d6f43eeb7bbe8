"""A playbook played through: the same situations for everyone, Monday morning to the night of a clock change."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import cycle, zip_longest
from typing import NamedTuple
from zoneinfo import ZoneInfo

from afterhours import policy
from afterhours.models import Disposition, Event, Kind, ThreadHead
from afterhours.playbook import Playbook
from afterhours.schedule import WEEK, Day

from afterhours_local import public_holidays

_BETWEEN_MESSAGES = timedelta(minutes=4)
_YEAR = 366

_WEEKLY = (
    ("Monday morning", Day.MON, time(9, 30)),
    ("lunch", Day.WED, time(12, 30)),
    ("evening", Day.THU, time(18, 15)),
    ("Friday night", Day.FRI, time(23, 0)),
    ("Saturday", Day.SAT, time(11, 0)),
    ("Sunday night", Day.SUN, time(3, 30)),
)


class Line(NamedTuple):
    """One message of a situation, and what was decided."""

    situation: str
    at: datetime
    text: str
    disposition: Disposition


def rehearse(playbook: Playbook, now: datetime, channel: str = "whatsapp") -> Iterator[Line]:
    """Each situation has its own contact, who greets and asks; at some of them the contact then wants a person."""
    dated = public_holidays.on_dates(playbook, (now.year - 1, now.year, now.year + 1))
    by_turns = zip_longest(*(entry.examples for entry in playbook.faq))
    examples = [example for turn in by_turns for example in turn if example]
    questions = cycle(examples or ["Can you help me?"])
    for number, (situation, at) in enumerate(situations(dated, now)):
        said = ["Hello!", next(questions)]
        if situation in ("Monday morning", "Friday night"):
            said.append(playbook.replies.handoff.phrases[0])
        if situation == "Saturday":
            said.append(playbook.opt_out[0])
        yield from _thread(dated, situation, f"contact-{number}", at, said, channel)


def situations(dated: Playbook, now: datetime) -> list[tuple[str, datetime]]:
    """What to play, each at its next time after `now`, in the wall time of the playbook."""
    zone = ZoneInfo(dated.zone)
    today = now.astimezone(zone).date()
    monday = today + timedelta(days=(7 - today.weekday()) % 7 or 7)
    found = [(name, datetime.combine(monday + timedelta(days=WEEK.index(day)), at, zone)) for name, day, at in _WEEKLY]
    holidays = [holiday for holiday in dated.hours[0].holiday_dates if holiday.date > today]
    if holidays:
        first = min(holidays, key=lambda holiday: holiday.date)
        found.append((f"holiday: {first.name or first.date}", datetime.combine(first.date, time(10), zone)))
    days = [today + timedelta(days=count) for count in range(1, _YEAR)]
    special = next(
        (day for day in days if any(rule.covers(day.isoformat()) for rule in dated.hours[0].exceptions)), None
    )
    if special:
        found.append(("exception", datetime.combine(special, time(12, 30), zone)))
    if change := next((day for day in days if _clock_changes(day, zone)), None):
        found.append(("the clock changes", datetime.combine(change, time(2, 30), zone)))
    return [(name, at.astimezone(UTC)) for name, at in found]


def _clock_changes(day: date, zone: ZoneInfo) -> bool:
    offsets = {datetime.combine(day, at, zone).utcoffset() for at in (time(0, 1), time(23, 59))}
    return len(offsets) > 1


def _thread(
    playbook: Playbook, situation: str, contact: str, at: datetime, said: list[str], channel: str
) -> Iterator[Line]:
    head: ThreadHead | None = None
    for number, text in enumerate(said):
        at_ms = int(at.timestamp() * 1000)
        event = Event(
            channel=channel,
            kind=Kind.MESSAGE,
            event_id=f"{contact}-{number}",
            contact_ids=(contact,),
            contact_name="Marija",
            text=text,
            timestamp_ms=at_ms,
        )
        disposition = policy.decide(event, head, playbook, at)
        yield Line(situation, at, text, disposition)
        changes = policy.advance(
            event, head, disposition, sk=event.event_id, at_ms=at_ms, now_ms=at_ms, inbox="rehearsal", window=None,
            priority=playbook.priority,
        )  # fmt: skip
        head = ThreadHead.model_validate({**(head.model_dump() if head else {}), **changes})
        at += _BETWEEN_MESSAGES

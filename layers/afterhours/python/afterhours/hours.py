"""The business calendar: open or closed, the next change, and arithmetic on business time. Pure.

Wall time is turned into instants once, when the intervals of a window of dates are listed as merged UTC
periods; everything else counts in UTC. Where the clock jumps, a team is open from the first moment whose wall
time has reached the opening to the last moment whose wall time has not reached the closing. So a time that is
skipped is the moment of the jump; of a time that comes twice the opening takes the first and the closing the
second, except a closing to which the clock is set back (02:00 of 03:00 -> 02:00): that has passed for good once.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from afterhours.schedule import WEEK, Calendar, Hours, HoursException, span

Period = tuple[datetime, datetime]  # opening, closing

HORIZON = timedelta(days=366)
_MONTH = timedelta(days=31)
_SOON = timedelta(days=2)
_SPANS = (_SOON, timedelta(days=8), HORIZON)  # a day costs: most answers lie near
_MOMENT = timedelta(microseconds=1)


class NeverOpens(Exception):
    """The calendar does not open within 366 days."""


def is_open(calendar: Calendar, at: datetime) -> bool:
    return bool(open_periods(calendar, at, at + _MOMENT))


def next_opening(calendar: Calendar, at: datetime) -> datetime | None:
    """The next change from closed to open after `at`; None where there is none within 366 days."""
    for horizon in _SPANS:
        for opens, _ in open_periods(calendar, at, at + horizon):
            if opens > at:
                return opens
    return None


def next_closing(calendar: Calendar, at: datetime) -> datetime | None:
    """The next change from open to closed after `at`; None where there is none within 366 days."""
    for horizon in _SPANS:
        for _, closes in open_periods(calendar, at, at + horizon):
            if closes < at + horizon:
                return closes
    return None


def closed_period(calendar: Calendar, at: datetime) -> str | None:
    """A name for the closed period around `at`, the same for all its moments; None while open."""
    if is_open(calendar, at):
        return None
    for horizon in _SPANS:
        if before := open_periods(calendar, at - horizon, at):
            return before[-1][1].isoformat()
    opens = next_opening(calendar, at)
    return f"until {opens.isoformat()}" if opens else "always"


def add_business_time(calendar: Calendar, at: datetime, minutes: float) -> datetime:
    """The moment at which so much business time has passed since `at`; for no time at all `at` itself or,
    while closed, the next opening. Raises NeverOpens."""
    if minutes < 0:
        raise ValueError("business time is only added")
    left = timedelta(minutes=minutes)
    start, step, give_up = at, _SOON, at + HORIZON
    while start < give_up:
        end = min(start + step, give_up)
        for opens, closes in open_periods(calendar, start, end):
            if opens + left <= closes:
                return opens + left
            left -= closes - opens
            give_up = closes + HORIZON
        start, step = end, _MONTH
    raise NeverOpens


def business_time_between(calendar: Calendar, a: datetime, b: datetime) -> float:
    """Minutes of business time from `a` to `b`; negative where `b` is before `a`."""
    if b < a:
        return -business_time_between(calendar, b, a)
    passed = sum((closes - opens for opens, closes in open_periods(calendar, a, b)), timedelta())
    return passed / timedelta(minutes=1)


def open_periods(calendar: Calendar, start: datetime, end: datetime) -> list[Period]:
    """When any team is open between `start` and `end`: UTC, in order, apart from each other, cut to the window."""
    if start.tzinfo is None or end.tzinfo is None:
        raise ValueError("the calendar needs aware times")
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    merged = _merge([period for hours in calendar for period in _team_periods(hours, start, end)])
    return [(max(opens, start), min(closes, end)) for opens, closes in merged if opens < end and closes > start]


def _team_periods(hours: Hours, start: datetime, end: datetime) -> list[Period]:
    zone = ZoneInfo(hours.zone)
    # A day more on both sides than an overnight interval needs: a clock set back at midnight repeats a date.
    first = start.astimezone(zone).date() - timedelta(days=2)
    last = end.astimezone(zone).date() + timedelta(days=1)
    holidays = {holiday.date for holiday in hours.holiday_dates}
    exceptions = [rule for rule in hours.exceptions if rule.may_cover(first.isoformat(), last.isoformat())]
    opened: list[Period] = []
    closed: list[Period] = []
    for day in (first + timedelta(days=count) for count in range((last - first).days + 1)):
        name = day.isoformat()
        rules = [rule for rule in exceptions if rule.covers(name)]
        usual = () if day in holidays else hours.week.get(WEEK[day.weekday()], ())
        opened += _instants(_opening_hours(rules, usual), day, zone)
        closed += _instants([part for rule in rules for part in rule.closed], day, zone)
    return _subtract(_merge(opened), _merge(closed))


def _opening_hours(rules: list[HoursException], usual: tuple[str, ...]) -> tuple[str, ...]:
    """The intervals that begin on a day: the most special exception's, else the usual ones."""
    special = [rule for rule in rules if rule.open is not None]
    return (min(special, key=lambda rule: rule.rank).open or ()) if special else usual


def _instants(intervals: Iterable[str], day: date, zone: ZoneInfo) -> Iterator[Period]:
    midnight = datetime.combine(day, time())
    for interval in intervals:
        opens, closes = span(interval)
        period = (
            _opening(midnight + timedelta(minutes=opens), zone),
            _closing(midnight + timedelta(minutes=closes), zone),
        )
        if period[0] < period[1]:
            yield period


def _opening(wall: datetime, zone: ZoneInfo) -> datetime:
    first, second = _occurrences(wall, zone)
    return first if first <= second else _jump(second, first, zone)


def _closing(wall: datetime, zone: ZoneInfo) -> datetime:
    first, second = _occurrences(wall, zone)
    if first > second:
        return _jump(second, first, zone)
    return first if first < second == _jump(first, second, zone) else second


def _occurrences(wall: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The instants of a wall time under the offset before and after a jump: equal without a jump, the first
    earlier where the time comes twice, later where it is skipped."""
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    second = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return first, second


def _jump(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The moment of the one change of offset in (low, high], to the second."""
    after = high.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == after:
            high = middle
        else:
            low = middle
    return high


def _merge(periods: list[Period]) -> list[Period]:
    merged: list[Period] = []
    for opens, closes in sorted(periods):
        if merged and opens <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(closes, merged[-1][1])
        else:
            merged.append((opens, closes))
    return merged


def _subtract(opened: list[Period], closed: list[Period]) -> list[Period]:
    left = opened
    for shuts, reopens in closed:
        left = [
            part
            for opens, closes in left
            for part in ((opens, min(closes, shuts)), (max(opens, reopens), closes))
            if part[0] < part[1]
        ]
    return left

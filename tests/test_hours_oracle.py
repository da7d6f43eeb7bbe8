"""Our hours against another implementation, opening-hours-py, which is installed by hand and run with `-m oracle -n 0`.

In UTC: what a change of the clock means is compared elsewhere.
"""

import random
from datetime import UTC, datetime, timedelta

import pytest
from afterhours import hours
from afterhours.schedule import WEEK, Hours

opening_hours = pytest.importorskip("opening_hours", reason="opening-hours-py is not installed")

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
OSM_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")


def plan(chance: random.Random) -> dict[str, list[str]]:
    """A week of up to three intervals a day, the last of them perhaps over midnight."""
    week = {}
    for day in WEEK:
        times = sorted(chance.sample(range(8 * 4, 24 * 4), 2 * chance.randint(0, 3)))
        spans = [f"{_clock(a)}-{_clock(b)}" for a, b in zip(times[::2], times[1::2], strict=True)]
        if times and chance.random() < 0.4:
            spans[-1] = f"{_clock(times[-2])}-{_clock(chance.randint(1, 7 * 4))}"
        week[day.value] = spans
    return week


def _clock(quarter: int) -> str:
    return f"{quarter // 4:02}:{quarter % 4 * 15:02}"


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(60))
def test_a_week_is_open_when_the_other_implementation_says_so(seed: int) -> None:
    week = plan(random.Random(seed))
    calendar = (Hours.model_validate({"zone": "UTC", "week": {day: spans or "closed" for day, spans in week.items()}}),)
    rules = [f"{osm} {','.join(week[day.value])}" for osm, day in zip(OSM_DAYS, WEEK, strict=True) if week[day.value]]
    if not rules:
        assert hours.next_opening(calendar, MONDAY) is None
        return
    other = opening_hours.OpeningHours(", ".join(rules))  # commas add up; a semicolon would cut last night's shift off
    for step in range(2 * 7 * 24 * 4):
        at = MONDAY + timedelta(minutes=15 * step + seed % 15)
        assert hours.is_open(calendar, at) == other.is_open(at.replace(tzinfo=None)), (week, at)

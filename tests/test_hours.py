"""The business calendar: a table of hard days, and generated calendars against a scan of every minute.

The scan knows nothing of instants: it lists the wall time of every UTC minute of a week. A minute is open if and
only if its wall time falls in an interval. Where the clock is set back a wall time comes twice; there the opening
counts as reached once the clock has shown it, the closing as not yet passed while the clock will show an earlier time.
"""

import os
import random
from array import array
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from itertools import accumulate
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from afterhours import hours
from afterhours.schedule import Calendar, Hours
from hypothesis import assume, given, seed, settings
from hypothesis import strategies as st
from slices import sweep

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
OFFICE = {"mon-fri": ["08:00-20:00"], "sat": ["09:00-13:00", "17:00-02:00"], "sun": "closed"}
ALWAYS = {"mon-sun": ["00:00-24:00"]}


def team(week: dict[str, Any], zone: str = "Europe/Zagreb", **more: Any) -> Hours:
    return Hours.model_validate({"zone": zone, "week": week, **more})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str, zone: str = "Europe/Zagreb") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


# --- tables ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "open_"),
    [
        ("2026-10-12T07:59:59.999999", False),
        ("2026-10-12T08:00", True),
        ("2026-10-12T19:59:59.999999", True),
        ("2026-10-12T20:00", False),
        ("2026-10-17T14:00", False),
        ("2026-10-17T23:40", True),
        ("2026-10-18T01:59", True),
        ("2026-10-18T02:00", False),
        ("2026-10-18T12:00", False),
    ],
)
def test_intervals_are_half_open_and_a_night_belongs_to_the_day_it_begins_on(at: str, open_: bool) -> None:
    assert hours.is_open((team(OFFICE),), local(at)) is open_


def test_the_next_opening_and_closing_are_changes_after_the_moment() -> None:
    calendar = (team(OFFICE),)
    saturday_night = local("2026-10-17T23:40")
    assert hours.next_closing(calendar, saturday_night) == local("2026-10-18T02:00")
    assert hours.next_opening(calendar, saturday_night) == local("2026-10-19T08:00")
    assert hours.next_opening(calendar, local("2026-10-19T08:00")) == local("2026-10-20T08:00")
    assert hours.next_closing(calendar, local("2026-10-18T02:00")) == local("2026-10-19T20:00")


def test_a_closed_period_has_one_name_from_its_first_to_its_last_moment_also_over_midnight() -> None:
    calendar = (team(OFFICE),)
    names = {
        hours.closed_period(calendar, local(at))
        for at in ("2026-10-12T20:00", "2026-10-12T23:59", "2026-10-13T00:00", "2026-10-13T07:59:59")
    }
    assert names == {"2026-10-12T18:00:00+00:00"}
    assert hours.closed_period(calendar, local("2026-10-13T08:00")) is None
    assert hours.closed_period(calendar, local("2026-10-13T20:00")) not in names


def test_a_closed_period_is_named_even_if_it_has_no_beginning() -> None:
    before = (team({}, exceptions=[{"date": "2026-12-01", "open": ["10:00-11:00"]}]),)
    assert hours.closed_period(before, utc("2026-10-12T10:00")) == "until 2026-12-01T09:00:00+00:00"
    assert hours.closed_period(before, utc("2026-11-12T10:00")) == "until 2026-12-01T09:00:00+00:00"
    assert hours.closed_period((team({}),), utc("2026-10-12T10:00")) == "always"


def test_open_day_and_night_has_no_hole_and_never_changes() -> None:
    calendar = (team(ALWAYS),)
    start, end = utc("2026-01-01T00:00"), utc("2027-01-01T00:00")
    assert hours.open_periods(calendar, start, end) == [(start, end)]
    assert hours.next_closing(calendar, start) is None
    assert hours.next_opening(calendar, start) is None
    assert hours.closed_period(calendar, start) is None


def test_nights_that_meet_the_morning_are_one_period() -> None:
    calendar = (team({"mon": ["08:00-20:00", "20:00-00:00"], "tue": ["00:00-06:00"]}),)
    assert hours.next_closing(calendar, local("2026-10-12T09:00")) == local("2026-10-13T06:00")


def test_a_calendar_that_never_opens_says_so() -> None:
    calendar = (team({"mon-sun": "closed"}, exceptions=[{"date": "2025-01-01", "open": ["10:00-11:00"]}]),)
    at = utc("2026-10-12T10:00")
    assert hours.next_opening(calendar, at) is None
    assert not hours.is_open(calendar, at)
    assert hours.business_time_between(calendar, at, at + timedelta(days=900)) == 0
    with pytest.raises(hours.NeverOpens):
        hours.add_business_time(calendar, at, 1)


def test_an_opening_is_found_up_to_366_days_ahead_and_not_beyond() -> None:
    calendar = (team({}, zone="UTC", exceptions=[{"date": "2028-03-01", "open": ["10:00-11:00"]}]),)
    opening = utc("2028-03-01T10:00")
    assert hours.next_opening(calendar, opening - timedelta(days=365, hours=23)) == opening
    assert hours.next_opening(calendar, opening - timedelta(days=366, hours=1)) is None


@pytest.mark.parametrize(
    ("exceptions", "at", "open_"),
    [
        ([{"date": "2026-12-24", "open": ["08:00-12:00"]}], "2026-12-24T11:59", True),
        ([{"date": "2026-12-24", "open": ["08:00-12:00"]}], "2026-12-24T12:00", False),
        ([{"date": "2026-12-24", "open": "closed"}], "2026-12-24T10:00", False),
        ([{"date": "2026-12-24", "closed": True}], "2026-12-24T10:00", False),
        ([{"date": "--12-24", "closed": True}], "2031-12-24T10:00", False),
        ([{"date": "2026-10-14", "closed": ["12:00-15:00"]}], "2026-10-14T11:59", True),
        ([{"date": "2026-10-14", "closed": ["12:00-15:00"]}], "2026-10-14T12:00", False),
        ([{"date": "2026-10-14", "closed": ["12:00-15:00"]}], "2026-10-14T15:00", True),
        ([{"date": "2026-10-18", "open": ["10:00-14:00"]}], "2026-10-18T11:00", True),
        ([{"from": "2026-08-01", "until": "2026-08-15", "closed": True}], "2026-08-03T10:00", False),
        ([{"from": "2026-08-01", "until": "2026-08-14", "closed": True}], "2026-08-14T10:00", False),
        ([{"from": "2026-08-01", "until": "2026-08-13", "closed": True}], "2026-08-14T10:00", True),
        ([{"from": "--12-24", "until": "--01-02", "closed": True}], "2027-12-31T10:00", False),
        ([{"from": "--12-24", "until": "--01-02", "closed": True}], "2027-01-01T10:00", False),
        ([{"from": "--12-24", "until": "--01-02", "closed": True}], "2027-01-04T10:00", True),
        ([{"date": "--02-29", "closed": True}], "2028-02-29T10:00", False),
    ],
)
def test_exceptions_change_the_hours_of_their_dates(exceptions: list[Any], at: str, open_: bool) -> None:
    assert hours.is_open((team(OFFICE, exceptions=exceptions),), local(at)) is open_


def test_the_more_special_exception_wins_whatever_their_order() -> None:
    rules = [
        {"date": "2026-12-24", "open": ["08:00-09:00"]},
        {"from": "2026-12-20", "until": "2026-12-26", "open": ["10:00-11:00"]},
        {"date": "--12-23", "open": ["12:00-13:00"]},
        {"from": "--12-01", "until": "--12-31", "open": ["14:00-15:00"]},
    ]
    for ordered in (rules, rules[::-1]):
        calendar = (team(OFFICE, exceptions=ordered),)
        assert hours.is_open(calendar, local("2026-12-24T08:30"))
        assert not hours.is_open(calendar, local("2026-12-24T10:30"))
        assert hours.is_open(calendar, local("2026-12-23T10:30"))
        assert hours.is_open(calendar, local("2027-12-23T12:30"))
        assert hours.is_open(calendar, local("2027-12-24T14:30"))


def test_a_public_holiday_is_closed_unless_an_exception_says_otherwise() -> None:
    holidays = [{"date": "2026-11-18", "name": "Dan sjećanja"}, {"date": "2026-12-25", "name": "Božić"}]
    calendar = (team(OFFICE, holiday_dates=holidays, exceptions=[{"date": "2026-12-25", "open": ["10:00-12:00"]}]),)
    assert not hours.is_open(calendar, local("2026-11-18T10:00"))
    assert hours.is_open(calendar, local("2026-11-19T10:00"))
    assert hours.is_open(calendar, local("2026-12-25T10:00"))


def test_a_night_goes_on_into_a_holiday_and_a_closure_cuts_it() -> None:
    night_into_sunday = local("2026-10-18T01:00")
    holiday = [{"date": "2026-10-18"}]
    assert hours.is_open((team(OFFICE, holiday_dates=holiday),), night_into_sunday)
    cut = [{"date": "2026-10-18", "closed": ["00:30-08:00"]}]
    assert not hours.is_open((team(OFFICE, exceptions=cut),), night_into_sunday)
    assert hours.is_open((team(OFFICE, exceptions=cut),), local("2026-10-18T00:29"))


def test_teams_that_follow_the_sun_are_one_calendar() -> None:
    calendar = tuple(
        team({"mon-sun": ["08:00-16:00"]}, zone=zone) for zone in ("Asia/Tokyo", "Europe/Zagreb", "America/New_York")
    )
    assert hours.is_open(calendar, utc("2026-10-12T23:30"))  # Tokyo 08:30
    assert hours.is_open(calendar, utc("2026-10-12T19:59"))  # New York 15:59
    assert hours.next_closing(calendar, utc("2026-10-12T06:30")) == utc("2026-10-12T20:00")
    assert hours.next_opening(calendar, utc("2026-10-12T20:00")) == utc("2026-10-12T23:00")
    assert hours.business_time_between(calendar, utc("2026-10-12T00:00"), utc("2026-10-13T00:00")) == 21 * 60


def test_a_closure_of_one_team_leaves_the_other_open() -> None:
    closed = team(ALWAYS, exceptions=[{"date": "2026-10-12", "closed": ["10:00-12:00"]}])
    assert not hours.is_open((closed,), local("2026-10-12T11:00"))
    assert hours.is_open((closed, team(OFFICE)), local("2026-10-12T11:00"))


@pytest.mark.parametrize(
    ("zone", "day", "interval", "opens", "closes"),
    [
        # Skipped: the clock goes from 02:00 to 03:00 at 01:00 UTC.
        ("Europe/Zagreb", "2026-03-29", "02:30-05:00", "2026-03-29T01:00", "2026-03-29T03:00"),
        ("Europe/Zagreb", "2026-03-29", "01:00-02:30", "2026-03-29T00:00", "2026-03-29T01:00"),
        # Twice: the clock goes from 03:00 to 02:00 at 01:00 UTC.
        ("Europe/Zagreb", "2026-10-25", "02:30-05:00", "2026-10-25T00:30", "2026-10-25T04:00"),
        ("Europe/Zagreb", "2026-10-25", "01:00-02:30", "2026-10-24T23:00", "2026-10-25T01:30"),
        ("Europe/Zagreb", "2026-10-25", "02:15-02:45", "2026-10-25T00:15", "2026-10-25T01:45"),
        ("Europe/Zagreb", "2026-10-25", "01:00-02:00", "2026-10-24T23:00", "2026-10-25T00:00"),
        ("Europe/Zagreb", "2026-10-25", "01:00-03:00", "2026-10-24T23:00", "2026-10-25T02:00"),
        # A night over the change of the clock is an hour longer or shorter.
        ("Europe/Zagreb", "2026-10-24", "22:00-06:00", "2026-10-24T20:00", "2026-10-25T05:00"),
        ("Europe/Zagreb", "2026-03-28", "22:00-06:00", "2026-03-28T21:00", "2026-03-29T04:00"),
        # Half an hour.
        ("Australia/Lord_Howe", "2026-10-04", "02:15-05:00", "2026-10-03T15:30", "2026-10-03T18:00"),
        ("Australia/Lord_Howe", "2026-04-05", "01:45-05:00", "2026-04-04T14:45", "2026-04-04T18:30"),
        # Midnight itself is skipped, or comes an hour late.
        ("America/Santiago", "2026-09-06", "00:00-08:00", "2026-09-06T04:00", "2026-09-06T11:00"),
        ("America/Santiago", "2026-04-04", "20:00-24:00", "2026-04-04T23:00", "2026-04-05T04:00"),
        # Before Ramadan the clock goes back, after it forward.
        ("Africa/Casablanca", "2026-02-15", "02:30-04:00", "2026-02-15T01:30", "2026-02-15T04:00"),
        ("Africa/Casablanca", "2026-03-22", "02:30-04:00", "2026-03-22T02:00", "2026-03-22T03:00"),
        # Offsets of 45 minutes.
        ("Asia/Kathmandu", "2026-10-12", "08:00-20:00", "2026-10-12T02:15", "2026-10-12T14:15"),
        ("Pacific/Chatham", "2026-09-27", "02:50-05:00", "2026-09-26T14:00", "2026-09-26T15:15"),
    ],
)
def test_wall_times_around_a_change_of_the_clock(zone: str, day: str, interval: str, opens: str, closes: str) -> None:
    calendar = (team({}, zone=zone, exceptions=[{"date": day, "open": [interval]}]),)
    start = utc(opens) - timedelta(days=3)
    assert hours.open_periods(calendar, start, start + timedelta(days=6)) == [(utc(opens), utc(closes))]


@pytest.mark.parametrize("interval", ["02:15-02:45", "02:00-03:00"])
def test_an_interval_that_is_skipped_altogether_does_not_open(interval: str) -> None:
    calendar = (team({"sun": [interval]}),)
    assert hours.next_opening(calendar, local("2026-03-28T12:00")).date() == date(2026, 4, 5)


def test_a_date_that_a_zone_skipped_has_no_hours_and_makes_no_hole() -> None:
    start, end = utc("2011-12-29T00:00"), utc("2012-01-02T00:00")
    assert hours.open_periods((team(ALWAYS, "Pacific/Apia"),), start, end) == [(start, end)]
    only = team({}, "Pacific/Apia", exceptions=[{"date": "2011-12-30", "open": ["08:00-20:00"]}])
    assert hours.open_periods((only,), start, end) == []


def test_a_clock_set_back_over_midnight_reopens_nothing() -> None:
    # St. John's went from 00:01 on Sunday back to 23:01 on Saturday.
    evening = (team({"sat": ["20:00-24:00"]}, "America/St_Johns"),)
    start = utc("2010-11-06T12:00")
    expected = [(utc("2010-11-06T22:30"), utc("2010-11-07T03:30"))]
    assert hours.open_periods(evening, start, start + timedelta(days=2)) == expected


@pytest.mark.parametrize(
    ("week", "at"),
    [
        ({"sun": ["00:00-10:00"]}, "2010-11-07T03:00"),  # Saturday 23:30 for the second time: it has been Sunday
        ({"fri": ["23:45-23:30"]}, "2010-11-07T02:30:30"),  # Sunday 00:00:30: Saturday 23:30 is still to come
    ],
)
def test_a_moment_in_the_wrong_date_is_found_open(week: dict[str, Any], at: str) -> None:
    assert hours.is_open((team(week, "America/St_Johns"),), utc(at))


@pytest.mark.parametrize(
    ("at", "minutes", "due"),
    [
        ("2026-10-12T10:00", 60, "2026-10-12T11:00"),
        ("2026-10-12T19:30", 30, "2026-10-12T20:00"),
        ("2026-10-12T19:30", 60, "2026-10-13T08:30"),
        ("2026-10-12T21:00", 0, "2026-10-13T08:00"),
        ("2026-10-12T10:00", 0, "2026-10-12T10:00"),
        ("2026-10-17T23:40", 60, "2026-10-18T00:40"),
        ("2026-10-18T03:00", 60, "2026-10-19T09:00"),
        ("2026-10-12T08:00", 73 * 60, "2026-10-18T02:00"),  # a whole week, to its last closing
        ("2026-10-12T10:00", 1.5, "2026-10-12T10:01:30"),
    ],
)
def test_business_time_is_added_on_open_hours_only(at: str, minutes: float, due: str) -> None:
    assert hours.add_business_time((team(OFFICE),), local(at), minutes) == local(due)


def test_business_time_is_real_time_over_a_change_of_the_clock() -> None:
    calendar = (team(ALWAYS),)
    assert hours.business_time_between(calendar, local("2026-10-25T00:00"), local("2026-10-26T00:00")) == 25 * 60
    assert hours.business_time_between(calendar, local("2026-03-29T00:00"), local("2026-03-30T00:00")) == 23 * 60
    assert hours.add_business_time(calendar, local("2026-10-25T00:00"), 600) == local("2026-10-25T09:00")


def test_years_of_business_time_can_be_added() -> None:
    calendar = (team({"mon": ["10:00-11:00"]}, zone="UTC"),)
    assert hours.add_business_time(calendar, utc("2026-10-12T10:00"), 60 * 260) == utc("2031-09-29T11:00")


def test_business_time_counts_backwards_as_negative_and_cannot_be_taken_away() -> None:
    calendar = (team(OFFICE),)
    a, b = local("2026-10-12T19:00"), local("2026-10-13T09:00")
    assert hours.business_time_between(calendar, a, b) == 120
    assert hours.business_time_between(calendar, b, a) == -120
    with pytest.raises(ValueError, match="only added"):
        hours.add_business_time(calendar, a, -1)


def test_naive_times_are_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        hours.is_open((team(OFFICE),), datetime(2026, 10, 12))  # noqa: DTZ001 - the point of the test


# --- generated calendars against a scan of every minute --------------------------------------------------

ZONES = (
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Havana",
    "America/Santiago",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Kathmandu",
    "Asia/Yerevan",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "Europe/Zagreb",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
)
MINUTE = timedelta(minutes=1)
DAY = 24 * 60
MARGIN = 2  # days that are scanned on both sides of a week, for the nights and repeated hours at its ends


class Scan(NamedTuple):
    """Of every minute of a week and its margins: the latest wall time the clock has shown up to it, and the earliest
    it will show from it on. Without a clock set back both are the wall time of the minute."""

    reached: array[int]
    ahead: array[int]


@lru_cache(maxsize=64)
def scan(zone: str, week: datetime) -> Scan:
    start, info = week - timedelta(days=MARGIN), ZoneInfo(zone)
    first = int(start.timestamp())
    walls = (datetime.fromtimestamp(first + 60 * number, info) for number in range((7 + 2 * MARGIN) * DAY))
    shown = array("q", (wall.toordinal() * DAY + wall.hour * 60 + wall.minute for wall in walls))
    reached = array("q", accumulate(shown, max))
    ahead = array("q", accumulate(reversed(shown), min))
    ahead.reverse()
    return Scan(reached, ahead)


def minutes_in(seen: Scan, day: date, interval: str) -> Iterator[int]:
    """The minutes whose wall time falls in an interval of `day`, one by one."""
    times = [int(part[:2]) * 60 + int(part[3:]) for part in interval.split("-")]
    midnight = day.toordinal() * DAY
    opens, closes = midnight + times[0], midnight + times[1] + (DAY if times[1] <= times[0] else 0)
    near = opens - seen.reached[0]  # where it would be without any change of the clock
    first, last = max(0, near - 3 * 60), near + closes - opens + 3 * 60
    for number, wall in enumerate(seen.reached[first:last], first):
        if wall >= opens and seen.ahead[number] < closes:
            yield number


def scanned(plan: "Plan", zone: str, week: datetime) -> bytearray:
    """1 for every open minute of the week and its margins."""
    seen = scan(zone, week)
    open_ = bytearray(len(seen.reached))
    first = date.fromordinal(seen.reached[0] // DAY)
    days_around = [first + timedelta(days=count - 1) for count in range(7 + 2 * MARGIN + 3)]
    for mark, chosen in ((1, plan.intervals_of), (0, plan.cuts_of)):
        for day in days_around:
            for interval in chosen(day):
                for number in minutes_in(seen, day, interval):
                    open_[number] = mark
    return open_


class Plan(NamedTuple):
    """A generated calendar in the simplest words: what opens on a weekday, and what is special by the day of the
    month, so that every week meets some of it."""

    week: tuple[tuple[str, ...], ...]
    special: tuple[tuple[str, ...] | None, ...]  # by day of the month modulo its length; None: as usual
    holidays: tuple[int, ...]  # days of the month
    cuts: tuple[tuple[int, str], ...]  # day of the month, interval taken out

    def intervals_of(self, day: date) -> tuple[str, ...]:
        special = self.special[day.day % len(self.special)]
        if special is not None:
            return special
        return () if day.day in self.holidays else self.week[day.weekday()]

    def cuts_of(self, day: date) -> tuple[str, ...]:
        return tuple(interval for number, interval in self.cuts if number == day.day)

    def calendar(self, zone: str, week: datetime) -> Calendar:
        """The same as the product would read it, spelled out for the dates around the week."""
        dates = [week.date() + timedelta(days=count) for count in range(-MARGIN - 3, 7 + MARGIN + 3)]
        exceptions: list[dict[str, Any]] = []
        for day in dates:
            special = self.special[day.day % len(self.special)]
            if special is not None:
                exceptions.append({"date": day if day.day % 2 else f"--{day:%m-%d}", "open": list(special)})
        exceptions += [{"date": day, "closed": list(self.cuts_of(day))} for day in dates if self.cuts_of(day)]
        holidays = [{"date": day, "name": "a holiday"} for day in dates if day.day in self.holidays]
        named = dict(zip(WEEK, self.week, strict=True))
        return (team(named, zone, exceptions=exceptions, holiday_dates=holidays),)


# Times around which clocks change come often.
TIMES = st.one_of(
    st.sampled_from([0, 1, 30, 60, 75, 90, 119, 120, 121, 135, 150, 165, 180, 195, 225, 1380, 1410, 1439, 1440]),
    st.integers(0, 1440),
)


def written(opens: int, closes: int) -> str:
    return f"{opens // 60:02}:{opens % 60:02}-{closes // 60:02}:{closes % 60:02}"


@st.composite
def days(draw: st.DrawFn) -> tuple[str, ...]:
    """Up to three intervals of a day that do not overlap, the last one sometimes over midnight."""
    times = sorted(draw(st.lists(TIMES, max_size=6, unique=True)))
    night = len(times) % 2 == 1 and times[-1] < 1440 and len(times) > 1
    intervals = [written(*times[number : number + 2]) for number in range(0, len(times) - 1, 2)]
    if night:  # ends before the first opening, which is earlier than any overlap with itself
        intervals.append(written(times[-1], draw(st.integers(0, min(times[0], 300)))))
    return tuple(intervals)


def without_nights_into(following: tuple[str, ...], day: tuple[str, ...]) -> tuple[str, ...]:
    """A night that would run into the first interval of the next day ends at midnight."""
    if day and following and day[-1][6:] <= day[-1][:5] and day[-1][6:] > following[0][:5]:
        return (*day[:-1], f"{day[-1][:5]}-24:00")
    return day


DAYS = days()
WEEKDAYS = st.tuples(*[st.one_of(st.just(("00:00-24:00",)), DAYS) for _ in WEEK])
SPECIAL = st.lists(st.one_of(st.none(), DAYS), min_size=3, max_size=5)
HOLIDAYS = st.lists(st.integers(1, 31), max_size=4)
CUT = st.tuples(st.integers(1, 28), DAYS.filter(len).map(lambda intervals: intervals[0]))
CUTS = st.lists(CUT, max_size=4, unique_by=lambda cut: cut[0])


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    week = draw(WEEKDAYS)
    nights_end = (without_nights_into(week[(number + 1) % 7], day) for number, day in enumerate(week))
    return Plan(tuple(nights_end), tuple(draw(SPECIAL)), tuple(draw(HOLIDAYS)), tuple(draw(CUTS)))


PLANS = plans()


def agree(plan: Plan, zone: str, week: datetime, chance: random.Random) -> None:
    """Everything that `hours` says of a week is what the scan says."""
    calendar, seen = plan.calendar(zone, week), scanned(plan, zone, week)
    offset = MARGIN * DAY
    of_week = seen[offset : offset + 7 * DAY]

    found = bytearray(7 * DAY)
    for opens, closes in hours.open_periods(calendar, week, week + timedelta(days=7)):
        first, last = (opens - week) // MINUTE, (closes - week) // MINUTE
        assert (opens - week) % MINUTE == (closes - week) % MINUTE == timedelta()
        found[first:last] = b"\1" * (last - first)
    assert found == of_week

    changes = [number for number in range(1, 7 * DAY) if of_week[number] != of_week[number - 1]]
    asked = {number + step for number in changes[:8] for step in (-1, 0)} | {
        chance.randrange(7 * DAY) for _ in range(4)
    }
    for number in asked:
        at = week + MINUTE * number
        assert hours.is_open(calendar, at) == bool(of_week[number])
        later = [change for change in changes if change > number]
        if len(later) > 1:  # both changes are within the scan
            sooner, then = (week + MINUTE * change for change in later[:2])
            expected = (then, sooner) if of_week[number] else (sooner, then)
            assert (hours.next_opening(calendar, at), hours.next_closing(calendar, at)) == expected
        earlier = [change for change in changes if change <= number]
        if of_week[number]:
            assert hours.closed_period(calendar, at) is None
        elif earlier:
            assert hours.closed_period(calendar, at) == (week + MINUTE * earlier[-1]).isoformat()

    a, b = sorted(chance.sample(range(7 * DAY), 2))
    worked = sum(of_week[a:b])
    assert hours.business_time_between(calendar, week + MINUTE * a, week + MINUTE * b) == worked
    if worked:
        due = (hours.add_business_time(calendar, week + MINUTE * a, worked) - week) // MINUTE
        assert due <= b
        assert sum(of_week[a:due]) == worked
        assert of_week[due - 1]


def changes_of_the_clock(zone: str, years: range) -> list[datetime]:
    """The days (00:00 UTC) after which the offset is another."""
    info, found = ZoneInfo(zone), []
    day = datetime(years.start, 1, 1, tzinfo=UTC)
    while day.year < years.stop:
        following = day + timedelta(days=1)
        if day.astimezone(info).utcoffset() != following.astimezone(info).utcoffset():
            found.append(day)
        day = following
    return found


@cache
def weeks(zone: str) -> tuple[datetime, ...]:
    """The week around every change of the clock in two years, and 20 more of any year."""
    chance = random.Random(zone)
    around = [day - timedelta(days=3) for day in changes_of_the_clock(zone, range(2026, 2028))]
    some = [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=chance.randrange(4_000)) for _ in range(20)]
    return (*around, *some)


def agree_on_generated_plans(zone: str, week: datetime, chance: random.Random, *, examples: int) -> None:
    @seed(chance.randrange(1_000_000))
    @settings(max_examples=examples, deadline=None, database=None)
    @given(plan=PLANS)
    def agree_in_the_week(plan: Plan) -> None:
        assume(len(set(plan.week)) > 1)  # hypothesis begins with the dullest one
        agree(plan, zone, week, chance)

    agree_in_the_week()


@pytest.mark.parametrize("zone", ZONES)
@sweep(every=3)
def test_generated_calendars_equal_a_scan_of_every_minute(zone: str, every: int) -> None:
    chance = random.Random(zone)
    for week in weeks(zone)[::every]:
        agree_on_generated_plans(zone, week, chance, examples=1)


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(plan=PLANS, other=PLANS, zones=st.tuples(st.sampled_from(ZONES), st.sampled_from(ZONES)))
def test_several_teams_are_open_when_any_of_them_is(plan: Plan, other: Plan, zones: tuple[str, str]) -> None:
    week = datetime(2026, 10, 22, tzinfo=UTC)
    one, two = plan.calendar(zones[0], week), other.calendar(zones[1], week)
    for number in range(0, 7 * DAY, 211):
        at = week + MINUTE * number
        assert hours.is_open((*one, *two), at) == (hours.is_open(one, at) or hours.is_open(two, at))


@pytest.mark.proof
@pytest.mark.parametrize("zone", ZONES)
def test_years_of_generated_calendars_equal_a_scan_of_every_minute(
    zone: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One year and one plan a week; AFTERHOURS_YEARS=5 compares five years with four plans each (8 minutes)."""
    years = int(os.environ.get("AFTERHOURS_YEARS", "1"))
    chance, weeks_compared, examples = random.Random(zone), years * 365 // 7 + 1, 4 if years > 1 else 1
    for number in range(weeks_compared):
        week = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=7 * number)
        agree_on_generated_plans(zone, week, chance, examples=examples)
    minutes, changes = weeks_compared * examples * 7 * DAY, len(changes_of_the_clock(zone, range(2026, 2026 + years)))
    with capsys.disabled():
        print(f"\n{zone}: {minutes:,} minutes of {years} years compared, {changes} changes of the clock among them")

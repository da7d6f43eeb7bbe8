"""The business hours of a playbook file: a week, public holidays and exceptions in the wall time of a zone."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from difflib import get_close_matches
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from afterhours.section import Section, misplaced

_INTERVAL = re.compile(r"(\d{1,2}):(\d\d)\s*[-–]\s*(\d{1,2}):(\d\d)", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,4})?", re.ASCII)
_ZONE = re.compile(r"[A-Z][\w+-]*(/[\w+-]+)*", re.ASCII)
_DAY_MINUTES = 24 * 60


class Day(StrEnum):
    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


WEEK = tuple(Day)


def span(interval: str) -> tuple[int, int]:
    """Opening and closing of a canonical "HH:MM-HH:MM" in minutes from the day's 00:00; over midnight the
    closing is beyond 1,440."""
    opens = int(interval[:2]) * 60 + int(interval[3:5])
    closes = int(interval[6:8]) * 60 + int(interval[9:])
    return opens, closes if closes > opens else closes + _DAY_MINUTES


def _interval(value: object) -> str:
    match = _INTERVAL.fullmatch(value.strip()) if isinstance(value, str) else None
    if not match:
        raise ValueError(f'{str(value)[:40]!r} is not an interval; write "08:00-20:00"')
    hour, minute, end_hour, end_minute = (int(part) for part in match.groups())
    opens, closes = hour * 60 + minute, end_hour * 60 + end_minute
    if max(minute, end_minute) > 59 or opens >= _DAY_MINUTES or closes > _DAY_MINUTES:
        raise ValueError(f'"{value}" has a time that does not exist; times go from 00:00 to 23:59, a closing to 24:00')
    if opens == closes:
        raise ValueError(f'"{value}" is empty; the whole day is "00:00-24:00"')
    return f"{hour:02}:{minute:02}-{end_hour:02}:{end_minute:02}"


def _intervals(value: object) -> object:
    """`closed`, one interval or a list of them."""
    if value == "closed":
        return ()
    return (value,) if isinstance(value, str) else value


def _in_order(intervals: tuple[str, ...]) -> tuple[str, ...]:
    ordered = tuple(sorted(intervals, key=span))
    for before, after in pairwise(ordered):
        if span(before)[1] > span(after)[0]:
            raise ValueError(f'"{before}" and "{after}" overlap{_overnight_hint(before)}; join them or move one')
    return ordered


def _overnight_hint(interval: str) -> str:
    """A closing before the opening is an overnight interval; whoever meant the day is told so."""
    if span(interval)[1] <= _DAY_MINUTES:
        return ""
    turned = f"{interval[6:]}-{interval[:5]}"
    return f' ("{interval}" goes on over midnight until {interval[6:]} of the next day; was "{turned}" meant?)'


Interval = Annotated[str, BeforeValidator(_interval, json_schema_input_type=str)]
Intervals = Annotated[
    tuple[Interval, ...],
    BeforeValidator(_intervals, json_schema_input_type=list[str] | str),
    AfterValidator(_in_order),
]


def _calendar_date(value: object) -> str:
    """A date as "2026-12-24", or "--12-24" for every year."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    text = str(value)
    try:
        # A leap year, so that --02-29 is a date.
        date.fromisoformat(text.replace("--", "2028-", 1) if text.startswith("--") else text)
    except ValueError:
        text = ""
    if len(text) not in (7, 10):
        raise ValueError(f'{str(value)[:40]!r} is not a date; write 2026-12-24, or "--12-24" for every year')
    return text


CalendarDate = Annotated[str, BeforeValidator(_calendar_date, json_schema_input_type=str)]


class Holiday(Section):
    """A public holiday, resolved when the playbook is pushed."""

    date: date
    name: str = ""


class HoursException(Section):
    """Other hours on a date, on a range of dates (both ends included) or on such dates every year.

    `open` replaces the hours that begin on those dates (`closed`: none begins). `closed` takes parts out of
    those dates and leaves the rest as it is; `closed: true` is the same as `open: closed`.
    """

    date: CalendarDate | None = None
    from_: CalendarDate | None = Field(default=None, alias="from")
    until: CalendarDate | None = None
    open: Intervals | None = None
    closed: Intervals = ()

    @model_validator(mode="before")
    @classmethod
    def _closed_all_day(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or data.get("closed") is not True:
            return data
        if "open" in data:
            raise ValueError("give either `open` or `closed: true`, not both")
        return {**{key: value for key, value in data.items() if key != "closed"}, "open": "closed"}

    @model_validator(mode="after")
    def _says_when_and_what(self) -> Self:
        ranged = self.from_ is not None and self.until is not None
        if (self.date is not None) == ranged or (self.from_ is None) != (self.until is None):
            raise ValueError("give either `date`, or `from` and `until`")
        if self.from_ and self.until and self.from_.startswith("--") != self.until.startswith("--"):
            raise ValueError('`from` and `until` are both full dates or both of every year ("--12-24")')
        if self.from_ and self.until and not self.yearly and self.from_ > self.until:
            raise ValueError(f"the range ends before it begins; write from: {self.until}, until: {self.from_}")
        if (self.open is None) == (not self.closed):
            raise ValueError("give either `open` (the hours of that date) or `closed` (true, or the parts taken out)")
        return self

    @property
    def first(self) -> str:
        return self.date or self.from_ or ""

    @property
    def last(self) -> str:
        return self.date or self.until or ""

    @property
    def yearly(self) -> bool:
        return self.first.startswith("--")

    @property
    def rank(self) -> tuple[bool, bool]:
        """The smaller one wins: a date, a range of dates, a date of every year, a range of every year."""
        return self.yearly, self.date is None

    def may_cover(self, first: str, last: str) -> bool:
        """Whether it could speak of a date from `first` to `last`; cheap, and never wrong when it says no."""
        return self.yearly or (self.first <= last and self.last >= first)

    def covers(self, day: str) -> bool:
        """Whether it speaks of the ISO date `day`."""
        if not self.yearly:
            return self.first <= day <= self.last
        day = "--" + day[5:]
        if self.first <= self.last:
            return self.first <= day <= self.last
        return day >= self.first or day <= self.last


class Hours(Section):
    """The business hours of one team: in the wall time of `zone`, an interval belongs to the day it begins on.

    An exception goes before a public holiday (closed), a holiday before the week; days that the week does not
    name are closed.
    """

    zone: str
    week: dict[Day, Intervals]
    holidays: tuple[str, ...] = ()
    holiday_dates: tuple[Holiday, ...] = ()
    exceptions: tuple[HoursException, ...] = ()

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        try:
            if _ZONE.fullmatch(zone):
                return ZoneInfo(zone).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
        raise ValueError(f'there is no time zone "{zone[:60]}"; {_zone_hint(zone)}')

    @field_validator("week", mode="before")
    @classmethod
    def _spread_days(cls, week: Any) -> Any:
        """`mon-fri` stands for five days; the result names every day once."""
        if not isinstance(week, Mapping):
            return week
        given_by: dict[Day, object] = {}
        for key in week:
            try:
                named = list(days(key))
            except ValueError as error:
                raise misplaced(str(error), str(key)) from error
            for day in named:
                if day in given_by:
                    raise misplaced(f'{day} is given twice, by "{given_by[day]}" and by "{key}"; keep one', str(key))
                given_by[day] = key
        return {day: week[given_by[day]] for day in WEEK if day in given_by}

    @field_validator("week")
    @classmethod
    def _nights_end_before_the_next_opening(cls, week: dict[Day, Intervals]) -> dict[Day, Intervals]:
        for number, day in enumerate(WEEK):
            following = WEEK[(number + 1) % 7]
            night, morning = week.get(day, ())[-1:], week.get(following, ())[:1]
            if night and morning and span(night[0])[1] - _DAY_MINUTES > span(morning[0])[0]:
                raise misplaced(
                    f'{day} "{night[0]}" runs into {following} "{morning[0]}"{_overnight_hint(night[0])}; '
                    "end the one where the other begins",
                    day.value,
                )
        return week

    @field_validator("holidays")
    @classmethod
    def _countries(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        for code in codes:
            if not _COUNTRY.fullmatch(code):
                raise ValueError(f'"{code[:40]}" is not a country; write HR, or DE-BY for a region')
        return codes

    @model_validator(mode="after")
    def _one_exception_a_day(self) -> Self:
        replacing = [(number, rule) for number, rule in enumerate(self.exceptions) if rule.open is not None]
        for number, one in replacing:
            for earlier, other in replacing:
                if earlier >= number or one.rank != other.rank:
                    continue
                if one.covers(_some_day(other)) or other.covers(_some_day(one)):
                    raise misplaced(
                        f"two exceptions speak of {max(one.first, other.first)}; join them into one with all its hours",
                        "exceptions",
                        number,
                    )
        return self


def _some_day(exception: HoursException) -> str:
    return exception.first.replace("--", "2028-", 1) if exception.yearly else exception.first


def days(key: object) -> Iterator[Day]:
    """The days that a key of the week stands for: "mon" or "mon-fri". Raises ValueError."""
    first, dash, last = str(key).partition("-")
    known: list[str] = list(WEEK)
    for name in (first, last) if dash else (first,):
        if name not in known:
            raise ValueError(f'"{str(key)[:40]}" is no day or range of days; write {", ".join(known)} or mon-fri')
    start = known.index(first)
    length = (known.index(last) - start) % 7 + 1 if dash else 1
    return (WEEK[(start + step) % 7] for step in range(length))


def _zone_hint(zone: str) -> str:
    known = sorted(name for name in available_timezones() if not name.startswith(("Etc/", "SystemV/")))
    wanted = zone.strip().replace(" ", "_").lower()
    same_city = [name for name in known if wanted and name.lower().rsplit("/", 1)[-1] == wanted.rsplit("/", 1)[-1]]
    folded = {name.lower(): name for name in known}
    close = same_city[:1] or [folded[name] for name in get_close_matches(wanted, folded, n=1, cutoff=0.5)]
    return f'did you mean "{close[0]}"?' if close else 'write a name such as "Europe/Zagreb"'


def _several_teams(value: object) -> object:
    return (value,) if isinstance(value, Mapping) else value


# Open when any of the teams is: follow the sun. One mapping in the file is a calendar of one.
Calendar = Annotated[
    tuple[Hours, ...],
    Field(min_length=1),
    BeforeValidator(_several_teams, json_schema_input_type=Hours | list[Hours]),
]

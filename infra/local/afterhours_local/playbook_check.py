"""What the model of a playbook cannot tell: words that only the rest of the product knows, rules, texts, examples.

A mistake is a place in the file and what would be right; a hint is something right that may not be meant.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo

from afterhours import hours, rules
from afterhours.playbook import Playbook
from afterhours.wording import words

from afterhours_local import playbook_texts, public_holidays
from afterhours_local.playbook_texts import CHANNELS, Mistake

_WEEK = timedelta(days=7)


def mistakes(playbook: Playbook, used_on: Collection[str]) -> Iterator[Mistake]:
    """All that is wrong with a playbook that the model has accepted, where it answers on these channels."""
    yield from _holidays(playbook)
    yield from _channels(playbook)
    yield from playbook_texts.missing(playbook)
    yield from playbook_texts.too_long(playbook, used_on)
    yield from _rules(playbook)
    yield from _examples(playbook)


def hints(playbook: Playbook, now: datetime) -> Iterator[str]:
    """What a person should look at; nothing of it keeps the playbook from working."""
    if not hours.is_open(playbook.hours, now) and hours.next_opening(playbook.hours, now) is None:
        yield "hours: does not open within 366 days; every customer gets the away text"
    for entry in playbook.faq:
        if missing := [code for code in playbook.languages if code not in entry.answer]:
            yield f"faq {entry.id}: has no answer in {', '.join(missing)}"
        if missing := [code for code in playbook.languages if code not in entry.title]:
            yield f"faq {entry.id}: has no title in {', '.join(missing)}; it stands on a button"
        if not entry.examples:
            yield f"faq {entry.id}: has no examples; questions are found by how much they are like one"
    if playbook.incident and (missing := [code for code in playbook.languages if code not in playbook.incident.text]):
        yield f"incident: has no text in {', '.join(missing)}"


def summary(playbook: Playbook, now: datetime) -> dict[str, Any]:
    """What a playbook holds, in figures; `playbook` with the dates of its holidays."""
    today = now.astimezone(ZoneInfo(playbook.zone)).date()
    coming = [day for team in playbook.hours for day in team.holiday_dates if day.date >= today]
    holiday = min(coming, key=lambda day: day.date, default=None)
    return {
        "languages": list(playbook.languages),
        "own_texts": sum(len(kinds) for kinds in playbook.texts.values()),
        "faq": len(playbook.faq),
        "hours_a_week": hours_a_week(playbook, now),
        "next_holiday": {"date": holiday.date.isoformat(), "name": holiday.name} if holiday else None,
        "hints": list(hints(playbook, now)),
    }


def hours_a_week(playbook: Playbook, now: datetime) -> float:
    """Of a usual week: without holidays, exceptions and changes of the clock."""
    usual = tuple(team.model_copy(update={"holiday_dates": (), "exceptions": ()}) for team in playbook.hours)
    zones = [ZoneInfo(team.zone) for team in usual]
    start = now
    while any((start + _WEEK).astimezone(zone).utcoffset() != start.astimezone(zone).utcoffset() for zone in zones):
        start += _WEEK
    return round(hours.business_time_between(usual, start, start + _WEEK) / 60, 2)


def _holidays(playbook: Playbook) -> Iterator[Mistake]:
    for index, team in enumerate(playbook.hours):
        for number, code in enumerate(team.holidays):
            try:
                public_holidays.dates(code, ())
            except public_holidays.UnknownCalendar as error:
                yield ("hours", index, "holidays", number), str(error)


def _channels(playbook: Playbook) -> Iterator[Mistake]:
    named: list[Mistake] = [(("channels", name), name) for name in playbook.channels]
    named += [(("service_levels", n, "channel"), level.channel) for n, level in enumerate(playbook.service_levels)]
    for place, name in named:
        if name not in CHANNELS and not (name == "*" and place[0] == "service_levels"):
            close = get_close_matches(name, CHANNELS, n=1)
            hint = f'did you mean "{close[0]}"?' if close else f"known are {', '.join(CHANNELS)}"
            yield place, f'there is no channel "{name[:60]}"; {hint}'


def _rules(playbook: Playbook) -> Iterator[Mistake]:
    for number, entry in enumerate(playbook.faq):
        try:
            if entry.when is not None:
                rules.parse(entry.when)
        except rules.WrongRule as error:
            yield ("faq", number, "when"), str(error)


def _examples(playbook: Playbook) -> Iterator[Mistake]:
    """The same example twice, whatever its case, accents and script: it could be answered in two ways."""
    first: dict[tuple[str, ...], str] = {}
    for number, entry in enumerate(playbook.faq):
        for index, example in enumerate(entry.examples):
            place, folded = ("faq", number, "examples", index), words(example)
            if not folded:
                yield place, "holds no word; write a question as a customer would"
            elif folded in first:
                yield place, f'"{example[:60]}" is an example of "{first[folded]}" already; keep one'
            else:
                first[folded] = entry.id

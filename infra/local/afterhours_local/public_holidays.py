"""Public holidays as dates, looked up when a playbook is pushed: the functions carry no calendar of the world."""

from collections.abc import Iterable

import holidays
from afterhours.playbook import Playbook
from afterhours.schedule import Holiday, Hours


class UnknownCalendar(ValueError):
    """The library has no such country or region."""


def on_dates(playbook: Playbook, years: Iterable[int]) -> Playbook:
    """The playbook with the dates of its holidays in the years; dates written by hand stay. Raises UnknownCalendar."""
    return playbook.model_copy(update={"hours": tuple(_dated(hours, list(years)) for hours in playbook.hours)})


def dates(code: str, years: Iterable[int]) -> list[Holiday]:
    """The days off of a country ("HR") or region ("DE-BY"). Raises UnknownCalendar."""
    country, _, region = code.partition("-")
    try:
        found = holidays.country_holidays(country, subdiv=region or None, years=list(years))
    except NotImplementedError as error:
        regions = holidays.list_supported_countries().get(country)
        hint = "write the two letters of a country such as HR, or its holidays as `exceptions`"
        if regions is not None:
            hint = (
                f"known are {', '.join(f'{country}-{each}' for each in regions)}" if regions else f'write "{country}"'
            )
        raise UnknownCalendar(f'no public holidays are known for "{code}"; {hint}') from error
    return [Holiday(date=day, name=name) for day, name in sorted(found.items())]


def _dated(hours: Hours, years: list[int]) -> Hours:
    found = {holiday.date: holiday for code in hours.holidays for holiday in dates(code, years)}
    found |= {holiday.date: holiday for holiday in hours.holiday_dates}
    return hours.model_copy(update={"holiday_dates": tuple(found[day] for day in sorted(found))})

"""Moments as people give them to a command and get them back: wall time of a zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from afterhours_local import output

_YEARS = range(2000, 2101)


def parse(option: str, text: str, zone: str) -> datetime:
    """The moment in UTC, or the end of the command. Without an offset it is wall time of the zone."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        output.stop(f"{option} {output.plain(text[:60])}: is not a time; write for example 2026-11-14T23:40")
    if at.year not in _YEARS:
        output.stop(f"{option} {text}: must be a year from {_YEARS[0]} to {_YEARS[-1]}")
    return at.replace(tzinfo=at.tzinfo or ZoneInfo(zone)).astimezone(UTC)


def local(at: datetime, zone: str) -> str:
    """ISO, with the offset of the zone."""
    return at.astimezone(ZoneInfo(zone)).isoformat(timespec="seconds")

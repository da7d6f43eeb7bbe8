"""A playbook as people read it: one canonical YAML, the page of everything in force, the schema for editors."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from difflib import unified_diff
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from afterhours import hours
from afterhours.phrasebook import phrasebook, when
from afterhours.playbook import Playbook
from afterhours.schedule import WEEK
from afterhours.texts import TextKind

from afterhours_local import playbook_texts, public_holidays

_PAGE_WIDTH = 110
_ONE_LINE = 90


def canonical(playbook: Playbook) -> str:
    """What the playbook says of itself, always in the same order and form; what is left to the defaults is left out."""
    return _as_yaml(playbook.model_dump(mode="json", exclude_defaults=True), width=10_000)


def difference(before: Playbook, after: Playbook, *, names: tuple[str, str]) -> str:
    """A unified diff; empty where they say the same."""
    old, new = (canonical(each).splitlines(keepends=True) for each in (before, after))
    return "".join(unified_diff(old, new, *names))


def effective(playbook: Playbook, now: datetime) -> dict[str, Any]:
    """Everything in force: defaults filled in, the texts of every language, holidays as dates of the next 12 months."""
    dated = public_holidays.on_dates(playbook, (now.year, now.year + 1))
    document = dated.model_dump(mode="json", exclude_none=True)
    first, last = (at.astimezone(ZoneInfo(playbook.zone)).date().isoformat() for at in (now, now + timedelta(days=365)))
    for team in document["hours"]:
        team["week"] = {day.value: team["week"].get(day.value, []) for day in WEEK}
        team["holiday_dates"] = [day for day in team["holiday_dates"] if first <= day["date"] <= last]
    document["texts"] = {
        language: {
            kind.value: text
            for kind in TextKind
            if (text := playbook.texts.get(language, {}).get(kind) or playbook_texts.default(kind, language))
        }
        for language in playbook.languages
    }
    return document


def page(playbook: Playbook, now: datetime) -> str:
    """The effective playbook as YAML, below a line on where its hours stand."""
    return f"# {standing(playbook, now)}\n{_as_yaml(effective(playbook, now), width=_PAGE_WIDTH)}"


def standing(playbook: Playbook, now: datetime) -> str:
    """ "closed now, opens on Monday at 08:00 (Europe/Zagreb)" """
    dated = public_holidays.on_dates(playbook, (now.year - 1, now.year, now.year + 1))
    is_open = hours.is_open(dated.hours, now)
    change = (hours.next_closing if is_open else hours.next_opening)(dated.hours, now)
    state, verb = ("open", "closes") if is_open else ("closed", "opens")
    moment = when(change, now, playbook.zone, phrasebook("en")) if change else "not within 366 days"
    return f"{state} now, {verb} {moment} ({playbook.zone})"


def schema() -> dict[str, Any]:
    """JSON Schema for editors: what a file may hold, in its own forms."""
    found = Playbook.model_json_schema()
    days = "|".join(WEEK)
    found["$defs"]["Hours"]["properties"]["week"]["propertyNames"] = {"pattern": f"^({days})(-({days}))?$"}
    found["$defs"]["HoursException"]["properties"]["closed"]["anyOf"].append({"const": True})
    found["$defs"].pop("Day", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "title": "Afterhours playbook"}


# --- YAML ------------------------------------------------------------------------------------------------


def _as_yaml(document: Mapping[str, Any], *, width: int) -> str:
    return yaml.dump(_in_ranges(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=width)


class _Dumper(yaml.SafeDumper):
    """Lists of words on one line, of parts one below the other, each on one line where it is short; no anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def represent_sequence(
        self, tag: str, sequence: Iterable[Any], flow_style: bool | None = None
    ) -> yaml.SequenceNode:
        items = [_Short(item) if _is_short(item) else item for item in sequence]
        return super().represent_sequence(tag, items, flow_style=not any(isinstance(item, dict) for item in items))

    def represent_text(self, text: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


class _Short(dict[str, Any]):
    """A part that fits on one line."""


def _is_short(item: object) -> bool:
    return isinstance(item, dict) and len(str(item)) < _ONE_LINE


_Dumper.add_representer(str, _Dumper.represent_text)
_Dumper.add_representer(
    _Short, lambda dumper, item: dumper.represent_mapping("tag:yaml.org,2002:map", item, flow_style=True)
)


def _in_ranges(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with `mon-fri` for days of the same hours, one team without a list."""
    teams = [{**team, "week": dict(_runs(team["week"]))} for team in document["hours"]]
    return {**document, "hours": teams if len(teams) > 1 else teams[0]}


def _runs(week: Mapping[str, list[str]]) -> Iterator[tuple[str, list[str] | str]]:
    days = [day.value for day in WEEK]
    first = 0
    for number, day in enumerate(days):
        intervals = week.get(day, [])
        if number == len(days) - 1 or week.get(days[number + 1], []) != intervals:
            yield (day if first == number else f"{days[first]}-{day}"), intervals or "closed"
            first = number + 1

"""What every part of a playbook file has in common: all keys known, messages that say what would be right,
durations as seconds here and as "12h" in the file."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError, model_validator
from pydantic_core import PydanticCustomError

_DURATION = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,7})s)?", re.ASCII)


class Section(BaseModel):
    """A part of the file: frozen, every key known."""

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)

    @model_validator(mode="before")
    @classmethod
    def _keys_are_known(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        known = [field.alias or name for name, field in cls.model_fields.items()]
        for key in data:
            if key not in known:
                raise unknown("key", key, known)
        return data


def unknown(what: str, word: object, known: list[str]) -> PydanticCustomError:
    """The error for a word that is none of those known, with the closest one."""
    close = get_close_matches(str(word), known, n=1)
    hint = f'did you mean "{close[0]}"?' if close else f"known here: {', '.join(known)}"
    context = {"what": what, "key": str(word)[:60], "hint": hint}
    return PydanticCustomError("unknown_key", 'unknown {what} "{key}"; {hint}', context)


def misplaced(message: str, *place: int | str) -> PydanticCustomError:
    """The error of a validator that looks at several parts, at the part that would have to change."""
    return PydanticCustomError("misplaced", "{message}", {"message": message, "place": place})


def seconds(text: object) -> int:
    """ "12h", "1h30m", "90s", "2d" in seconds."""
    match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) and text.strip() else None
    if not match:
        raise ValueError(f'{str(text)[:40]!r} is not a duration; write for example "90s", "15m", "12h" or "2d"')
    days, hours, minutes, rest = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def duration_text(value: int) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if value and value % size == 0:
            return f"{value // size}{unit}"
    return f"{value}s"


_AS_TEXT = PlainSerializer(duration_text, return_type=str)
Seconds = Annotated[int, BeforeValidator(seconds, json_schema_input_type=str), _AS_TEXT]


def problems(error: ValidationError) -> list[tuple[tuple[int | str, ...], str]]:
    """What is wrong, as (place in the file, message); the place of an unknown key ends with that key."""
    found = []
    items = error.errors(include_url=False, include_input=False)
    for item in items:
        place = item["loc"]
        # A list is also called too short when its only item is wrong: the item's own message is enough.
        if item["type"] == "too_short" and any(other["loc"][: len(place)] == place != other["loc"] for other in items):
            continue
        if item["type"] == "unknown_key":
            place += (item["ctx"]["key"],)
        elif item["type"] == "misplaced":
            place += item["ctx"]["place"]
        found.append((place, item["msg"].removeprefix("Value error, ")))
    return found

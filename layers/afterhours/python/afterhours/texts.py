"""Texts that go to customers: which one, in which language, with its placeholders filled. Pure.

`{name}` is a placeholder out of a closed set; a `[[segment]]` is dropped whole when a placeholder in it has no
value; nothing else is syntax. Outside a segment a placeholder without a value takes the space or comma before it along
("Hi {first_name}!" becomes "Hi!"). Values are cleaned, cut to 200 characters and never read as syntax.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache

from pydantic import Field

from afterhours.graphemes import clusters
from afterhours.models import Frozen
from afterhours.phrasebook import (
    NAMES,
    can_read,
    names,
    phrasebook,
    relatives,
    reply_by,
    spoken,
    stems,
    week_line,
    when,
)
from afterhours.phrasebook import TextKind as TextKind
from afterhours.schedule import Day

VALUE_LIMIT = 200
BRAND_LIMIT = 80
NAME_LIMIT = 40
OTHER_LANGUAGES_LIMIT = 80
Overrides = Mapping[str, Mapping[TextKind, str]]


class Placeholder(StrEnum):
    BRAND = "brand"
    FIRST_NAME = "first_name"
    NEXT_OPENING = "next_opening"  # with its preposition: "on Monday at 08:00"
    EXPECTED_REPLY_BY = "expected_reply_by"  # with its preposition: "by 09:00 on Monday"
    HOURS = "hours"
    WAYS = "ways"
    LANGUAGES = "languages"
    OTHER_LANGUAGES = "other_languages"  # without that of the text
    HUMAN_WORD = "human_word"
    START_WORD = "start_word"
    STOP_WORD = "stop_word"
    EMERGENCY_NUMBER = "emergency_number"
    DISCLOSURE = "disclosure"


class Values(Frozen):
    """What a text may speak of. Moments are put into words in the language of the text, in the wall time of `zone`."""

    now: datetime
    zone: str
    brand: str = ""
    contact_name: str | None = None
    next_opening: datetime | None = None
    expected_reply_by: datetime | None = None
    week: dict[Day, tuple[str, ...]] = Field(default_factory=dict)
    ways: str = ""
    languages: tuple[str, ...] = ()
    human_word: str = ""  # empty: the language's own
    start_word: str = "start"
    stop_word: str = "stop"
    emergency_number: str = "112"
    disclose: bool = True  # whether the text must say that it is automatic


# These do not say so: they speak of automatic messages, are part of another text, or stand beside a person's answer.
_NOT_DISCLOSED = {TextKind.OPT_OUT_CONFIRM, TextKind.OPT_IN_CONFIRM, TextKind.DISCLOSURE, TextKind.PRIVATE_NOTE}


# --- templates -------------------------------------------------------------------------------------------


class TextError(ValueError):
    """A text that is no template; the message says what to write instead."""


_TOKEN = re.compile(r"\[\[|\]\]|\{([^{}]{0,60})\}|[{}]")

_Part = str | Placeholder
_Segment = tuple[_Part, ...]


@lru_cache(maxsize=512)
def _parse(text: str) -> tuple[_Part | _Segment, ...]:
    parts: list[_Part | _Segment] = []
    segment: list[_Part] | None = None
    end = 0
    for token in _TOKEN.finditer(text):
        literal, end = text[end : token.start()], token.end()
        (parts if segment is None else segment).append(literal)
        if token[0] == "[[":
            if segment is not None:
                raise TextError('"[[" stands inside another "[["; close the first one with "]]"')
            segment = []
        elif token[0] == "]]":
            if segment is None:
                raise TextError('"]]" has no "[[" before it; take it out or open the segment')
            parts.append(tuple(segment))
            segment = None
        else:
            (parts if segment is None else segment).append(_placeholder(token))
    if segment is not None:
        raise TextError('"[[" is never closed; end the segment with "]]"')
    return (*parts, text[end:])


def _placeholder(token: re.Match[str]) -> Placeholder:
    name, known = token[1], list(Placeholder)
    if name is None:
        raise TextError(f'a lone "{token[0]}" in the text; braces only stand around a placeholder')
    if name not in known:
        close = get_close_matches(name, known, n=1)
        hint = f"did you mean {{{close[0]}}}?" if close else f"known are {', '.join(f'{{{word}}}' for word in known)}"
        raise TextError(f"unknown placeholder {{{name}}}; {hint}")
    return Placeholder(name)


def check(text: str) -> None:
    """Raise TextError if the text could not be rendered."""
    _parse(text)


def render(kind: TextKind, language: str, values: Values, overrides: Overrides | None = None) -> str:
    """The text of this kind as the customer gets it: the playbook's own before the default, in the language (with or
    without country and script), else in one that its readers understand, else in the inbox's first, else in English."""
    code, text = _wording(kind, language, values.languages[:1], overrides or {})
    write = render_text if kind in _NOT_DISCLOSED else automatic
    return write(text, code, values, overrides)


def _wording(kind: TextKind, language: str, default: tuple[str, ...], overrides: Overrides) -> tuple[str, str]:
    for codes in _chain(language, *default, "en"):
        own = ((code, overrides.get(code, {}).get(kind)) for code in codes)
        shipped = ((code, phrasebook(code).texts[kind]) for code in codes if code in NAMES)
        for code, text in (*own, *shipped):
            if text and can_read(language, text):
                return code, text
    raise KeyError(kind)


def _chain(*languages: str) -> Iterator[tuple[str, ...]]:
    for language in languages:
        yield stems(language)
        yield from ((relative,) for relative in relatives(language))


def automatic(text: str, language: str, values: Values, overrides: Overrides | None = None) -> str:
    """A text as automation sends it. Unless `values.disclose` is off it says that it is automatic: where it has
    `{disclosure}`, else in a last line."""
    done = render_text(text, language, values, overrides)
    sentence = _disclosure(language, values, overrides)
    return done if sentence in done else f"{done}\n{sentence}"


def render_text(text: str, language: str, values: Values, overrides: Overrides | None = None) -> str:
    """A text of the playbook with its placeholders filled."""
    filled = _fill(text, language, values, overrides)
    done = ""
    for place, part in enumerate(_parse(text)):
        if isinstance(part, tuple):
            if all(filled[inner] for inner in part if isinstance(inner, Placeholder)):
                done += "".join(filled[inner] if isinstance(inner, Placeholder) else inner for inner in part)
        elif not isinstance(part, Placeholder):
            done += part if done or not place else part.lstrip(" ,.!")
        else:
            done = done + filled[part] if filled[part] else done.rstrip(" ,")
    return done.strip()


def _fill(text: str, language: str, values: Values, overrides: Overrides | None) -> dict[Placeholder, str]:
    book = spoken(language, text)
    now, zone = values.now, values.zone
    opening, due = values.next_opening, values.expected_reply_by
    named_before = opening if "{next_opening}" in text.partition("{expected_reply_by}")[0] else None
    others = [code for code in values.languages if stems(code)[-1] != stems(language)[-1]]
    of_strangers = {
        Placeholder.BRAND: _cut(clean(values.brand), BRAND_LIMIT),
        Placeholder.FIRST_NAME: first_name(values.contact_name),
        Placeholder.WAYS: values.ways,
        Placeholder.LANGUAGES: names(values.languages),
        Placeholder.OTHER_LANGUAGES: names(others, OTHER_LANGUAGES_LIMIT),
        Placeholder.HUMAN_WORD: values.human_word or (book or phrasebook("en")).human_word,
        Placeholder.START_WORD: values.start_word.upper(),
        Placeholder.STOP_WORD: values.stop_word.upper(),
        Placeholder.EMERGENCY_NUMBER: values.emergency_number,
    }
    isolated = book is not None and book.rtl
    return {
        **{name: _isolate(clean(value)) if isolated else clean(value) for name, value in of_strangers.items()},
        Placeholder.HOURS: week_line(values.week, book),
        Placeholder.NEXT_OPENING: when(opening, now, zone, book) if opening else "",
        Placeholder.EXPECTED_REPLY_BY: reply_by(due, named_before, now, zone, book) if due else "",
        Placeholder.DISCLOSURE: _disclosure(language, values, overrides),
    }


def _disclosure(language: str, values: Values, overrides: Overrides | None) -> str:
    if not values.disclose:
        return ""
    return render(TextKind.DISCLOSURE, language, values.model_copy(update={"disclose": False}), overrides)


def _isolate(value: str) -> str:
    """Between marks of its own direction: a Latin name or a phone number does not turn an Arabic sentence around."""
    return f"\u2068{value}\u2069" if value else ""


# --- values ----------------------------------------------------------------------------------------------

# Marks and overrides of direction, zero-width space and byte order mark. Joiners stay: emoji and scripts need them.
_UNSEEN = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")


def clean(value: str) -> str:
    """One line without controls, at most 200 characters."""
    kept = (" " if unicodedata.category(sign) in ("Cc", "Zl", "Zp") else sign for sign in _UNSEEN.sub("", value))
    line = " ".join("".join(sign for sign in kept if unicodedata.category(sign) != "Cs").split())
    return line if len(line) <= VALUE_LIMIT else _cut(line, VALUE_LIMIT)


def _cut(line: str, limit: int) -> str:
    done = ""
    for cluster in clusters(line):
        if len(done) + len(cluster) > limit:
            break
        done += cluster
    return done.rstrip()


def first_name(contact_name: str | None) -> str:
    """The word to greet a contact with; empty where the name is none (digits, signs, emoji, too long)."""
    words = clean(contact_name or "").split()
    word = words[0].strip("-'’.,") if words else ""
    letters = [sign for sign in word if sign not in "-'’"]
    named = letters and all(unicodedata.category(sign)[0] in "LM" for sign in letters)
    if not named or len(word) > NAME_LIMIT or unicodedata.category(word[0])[0] != "L":
        return ""
    return word.title() if word.isupper() and len(word) > 1 else word

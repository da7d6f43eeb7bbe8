"""What we say in each language: the default texts, and when something is, in whole phrases with preposition and case.

Languages are data, `data/texts/<language>.json`, read one at a time at the first use; doubts about them for a native
reader are in infra/language_doubts.md. Pure but for those files.
"""

import pkgutil
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from afterhours.models import Frozen
from afterhours.schedule import WEEK, Day

# How the languages that we have texts in call themselves.
NAMES = {
    "en": "English",
    "de": "Deutsch",
    "sl": "slovenščina",
    "hr": "hrvatski",
    "sr-Latn": "srpski",
    "sr-Cyrl": "српски",
    "hy": "հայերեն",
    "fr": "français",
    "es": "español",
    "it": "italiano",
    "pt": "português",
    "bs": "bosanski",
    "mk": "македонски",
    "hu": "magyar",
    "ru": "русский",
    "uk": "українська",
    "tr": "Türkçe",
    "ar": "العربية",
}
LANGUAGES = tuple(NAMES)

# Who is well served by whose texts, best first. Slovenian and Croatian, Russian and Ukrainian are not on it on purpose:
# the one is no courtesy to a reader of the other. The way back from Cyrillic is Latin, never the other way round.
_RELATIVES = {
    "bs": ("hr", "sr-Latn"),
    "hr": ("bs", "sr-Latn"),
    "sr-Latn": ("bs", "hr"),
    "sr": ("sr-Latn", "bs", "hr"),
    "cnr-Cyrl": ("sr-Cyrl", "sr-Latn", "bs", "hr"),
    "cnr": ("sr-Latn", "bs", "hr"),
    "sh": ("sr-Latn", "bs", "hr"),
    "hyw": ("hy",),
}
_READ_IN_CYRILLIC = {"be", "bg", "kk", "ky", "mk", "mn", "ru", "sr", "tg", "uk"}
_CYRILLIC = re.compile(r"[\u0400-\u052f]")


class TextKind(StrEnum):
    INSTANT = "instant"
    SURGE = "surge"  # the instant text while more people write than usual
    AWAY = "away"
    AWAY_HOLIDAY = "away_holiday"
    AWAY_BREAK = "away_break"  # open again the same day
    HANDOFF = "handoff"
    HANDOFF_CLOSED = "handoff_closed"
    SAFETY_NOTICE = "safety_notice"
    FAQ_SUGGESTIONS = "faq_suggestions"  # stands above the suggestions
    OPT_OUT_CONFIRM = "opt_out_confirm"
    OPT_IN_CONFIRM = "opt_in_confirm"
    DISCLOSURE = "disclosure"  # a sentence for other texts
    PRIVATE_NOTE = "private_note"  # in public, when the answer went to the private inbox
    CSAT_QUESTION = "csat_question"  # after a person has resolved the thread
    CSAT_THANKS = "csat_thanks"


Seven = Annotated[tuple[str, ...], Field(min_length=7, max_length=7)]  # Monday first
Twelve = Annotated[tuple[str, ...], Field(min_length=12, max_length=12)]


class Moment(Frozen):
    """How a language says when: whole phrases with preposition and case, never put together from parts."""

    today: str
    tomorrow: str
    weekday: Seven
    date: str


class Phrasebook(Frozen):
    """All that is known of one language. `weekdays` and `months` stand in the case that `date` wants, `days` are the
    short names of the summary of the week; `human_word` is what a customer writes to get a person."""

    human_word: str
    clock: str  # of {h}, {hh} and {mm}
    rtl: bool = False
    texts: dict[TextKind, str]
    at: Moment
    by: Moment
    by_the_same_day: str  # the deadline once the text has named the day
    weekdays: Seven
    months: Twelve
    days_of_month: tuple[str, ...] = tuple(str(day) for day in range(1, 32))
    days: Seven
    mends: tuple[tuple[str, str], ...] = ()  # what a phrase turns into before some hours: "a las 1:" is "a la 1:"

    def time(self, clock_time: str) -> str:
        """ "08:30" as the language writes it."""
        return self.clock.format(h=int(clock_time[:2]), hh=clock_time[:2], mm=clock_time[3:5])


@lru_cache(maxsize=len(LANGUAGES))
def phrasebook(language: str) -> Phrasebook:
    """The phrasebook of one of LANGUAGES."""
    if language not in NAMES:
        raise KeyError(language)
    return Phrasebook.model_validate_json(pkgutil.get_data("afterhours", f"data/texts/{language}.json") or b"")


# --- from language to language ---------------------------------------------------------------------------


def stems(language: str) -> tuple[str, ...]:
    """The language with and without country and script: sr-Latn-RS, sr-Latn, sr."""
    parts = language.split("-")
    return tuple("-".join(parts[:length]) for length in range(len(parts), 0, -1))


def relatives(language: str) -> tuple[str, ...]:
    """Other languages that its readers understand well; closest first."""
    return next((_RELATIVES[stem] for stem in stems(language) if stem in _RELATIVES), ())


def fallbacks(language: str) -> tuple[str, ...]:
    """Where a text comes from that does not exist in the language; closest first, English last."""
    return tuple(code for code in dict.fromkeys((*stems(language), *relatives(language), "en")) if code != language)


def can_read(language: str, text: str) -> bool:
    """Whether its readers know the letters; who writes Latin is never sent Cyrillic."""
    parts = language.split("-")
    return "Cyrl" in parts or (parts[0] in _READ_IN_CYRILLIC and "Latn" not in parts) or not _CYRILLIC.search(text)


def spoken(language: str, text: str) -> Phrasebook | None:
    """The phrasebook for the phrases in a text; None for a language (and relatives) without one."""
    if stems(language)[-1] == "sr" and _CYRILLIC.search(text):
        return phrasebook("sr-Cyrl")
    known = (code for code in (*stems(language), *relatives(language)) if code in NAMES)
    code = next(known, None)
    return phrasebook(code) if code else None


def names(languages: Iterable[str], limit: int = 200) -> str:
    """How the languages call themselves, as many as the limit allows; one that we have no texts in is its code."""
    shown = ""
    for code in languages:
        name = {"sr": NAMES["sr-Latn"], **NAMES}.get(code, code)
        longer = f"{shown}, {name}" if shown else name
        if len(longer) > limit:
            break
        shown = longer
    return shown


# --- when ------------------------------------------------------------------------------------------------


def when(at: datetime, now: datetime, zone: str, book: Phrasebook | None, *, deadline: bool = False) -> str:
    """ "today at 14:00", "tomorrow at 08:00", "on Monday at 08:00", with the date when more than six days off; as a
    deadline "by 14:00 today". Today is the day of the zone."""
    days_off = _days_between(now, at, zone)
    local = at.astimezone(ZoneInfo(zone))
    if book is None:
        return f"{local:%Y-%m-%d %H:%M}"  # figures need no grammar
    phrases = book.by if deadline else book.at
    if days_off in (0, 1):
        return _filled((phrases.today, phrases.tomorrow)[days_off], local, book)
    return _filled(phrases.weekday[local.weekday()] if 1 < days_off <= 6 else phrases.date, local, book)


def reply_by(due: datetime, after: datetime | None, now: datetime, zone: str, book: Phrasebook | None) -> str:
    """The deadline in a text that has spoken of the moment `after`: it need not name a far day twice."""
    if book and after and _days_between(after, due, zone) == 0 and _days_between(now, due, zone) > 1:
        return _filled(book.by_the_same_day, due.astimezone(ZoneInfo(zone)), book)
    return when(due, now, zone, book, deadline=True)


def _days_between(first: datetime, then: datetime, zone: str) -> int:
    return (then.astimezone(ZoneInfo(zone)).date() - first.astimezone(ZoneInfo(zone)).date()).days


def _filled(form: str, local: datetime, book: Phrasebook) -> str:
    parts = {
        "time": book.time(f"{local:%H:%M}"),
        "weekday": book.weekdays[local.weekday()],
        "day": book.days_of_month[local.day - 1],
        "month": book.months[local.month - 1],
    }
    phrase = re.sub(r"\{(\w+)\}", lambda match: parts[match[1]], form)
    for usual, mended in book.mends:
        phrase = phrase.replace(usual, mended)
    return phrase


def week_line(week: Mapping[Day, tuple[str, ...]], book: Phrasebook | None) -> str:
    """ "Mon–Fri 08:00–20:00, Sat 09:00–13:00 17:00–02:00": days of equal hours together, closed days left out."""
    runs: list[tuple[int, int, tuple[str, ...]]] = []
    for number, day in enumerate(WEEK):
        intervals = week.get(day, ())
        if runs and runs[-1][1] == number - 1 and runs[-1][2] == intervals:
            runs[-1] = runs[-1][0], number, intervals
        elif intervals:
            runs.append((number, number, intervals))
    days = book.days if book else WEEK
    return ", ".join(
        f"{days[first]}{f'–{days[last]}' if last > first else ''} {' '.join(_span(each, book) for each in intervals)}"
        for first, last, intervals in runs
    )


def _span(interval: str, book: Phrasebook | None) -> str:
    opens, _, closes = interval.partition("-")
    return f"{book.time(opens)}–{book.time(closes)}" if book else f"{opens}–{closes}"

"""One page with every default text in every language for 40 situations, for a native speaker to read.

Texts come out of `texts.render`, as customers get them; everything is escaped. Needs no network and no script.
"""

from collections.abc import Iterable
from datetime import datetime
from html import escape
from typing import NamedTuple
from zoneinfo import ZoneInfo

from afterhours import texts
from afterhours.phrasebook import LANGUAGES, NAMES, phrasebook
from afterhours.schedule import WEEK, Day
from afterhours.texts import Overrides, TextKind, Values

ZONE = ZoneInfo("Europe/Zagreb")
WAYS = "+385 21 555 0100, info@jadran.example"
INBOX = ("hr", "en", "de")
HOURS = {**dict.fromkeys(WEEK[:5], ("08:00-20:00",)), Day.SAT: ("09:00-13:00", "17:00-02:00")}


class Situation(NamedTuple):
    """What a customer meets, in the words of whoever reads the page."""

    title: str
    kind: TextKind
    values: Values


def _situation(
    title: str, kind: TextKind, now: str, back: str | None = None, due: str | None = None, **more: object
) -> Situation:
    """Times are wall time in Zagreb: now, open again, answer due."""
    moments = {"now": _at(now), "next_opening": back and _at(back), "expected_reply_by": due and _at(due)}
    known = {"zone": ZONE.key, "brand": "Hotel Jadran", "week": HOURS, **moments, **more}
    return Situation(title, kind, Values.model_validate(known))


def _at(wall_time: str) -> datetime:
    return datetime.fromisoformat(wall_time).replace(tzinfo=ZONE)


MONDAY, NIGHT, SUNDAY = "2026-11-23T10:15", "2026-11-25T23:40", "2026-11-29T15:20"

SITUATIONS = (
    _situation(
        "First message, a name, answer due today",
        TextKind.INSTANT,
        MONDAY,
        due="2026-11-23T11:15",
        contact_name="Ana Kovač",
    ),
    _situation("First message, no name", TextKind.INSTANT, MONDAY, due="2026-11-23T11:15"),
    _situation("First message, answer due tomorrow", TextKind.INSTANT, "2026-11-23T19:30", due="2026-11-24T08:30"),
    _situation(
        "First message, answer due on Thursday", TextKind.INSTANT, MONDAY, due="2026-11-26T12:00", contact_name="Marko"
    ),
    _situation("First message, no time known, no brand", TextKind.INSTANT, MONDAY, brand=""),
    _situation(
        "First message, the same session goes on: nothing to disclose",
        TextKind.INSTANT,
        MONDAY,
        due="2026-11-23T11:15",
        disclose=False,
    ),
    _situation(
        "More messages than usual", TextKind.SURGE, MONDAY, due="2026-11-23T13:00", contact_name="Ana", ways=WAYS
    ),
    _situation("More messages than usual, no time known", TextKind.SURGE, MONDAY),
    _situation(
        "Night, open again tomorrow",
        TextKind.AWAY,
        NIGHT,
        "2026-11-26T08:00",
        "2026-11-26T09:00",
        contact_name="Ana Kovač",
    ),
    _situation(
        "Night after midnight, open again today",
        TextKind.AWAY,
        "2026-11-26T02:10",
        "2026-11-26T08:00",
        "2026-11-26T09:00",
    ),
    _situation(
        "Night, other ways and other languages",
        TextKind.AWAY,
        NIGHT,
        "2026-11-26T08:00",
        "2026-11-26T09:00",
        contact_name="Ana",
        ways=WAYS,
        languages=INBOX,
    ),
    _situation(
        "Weekend, open again on Monday",
        TextKind.AWAY,
        "2026-11-28T15:20",
        "2026-11-30T08:00",
        "2026-11-30T09:00",
        ways=WAYS,
    ),
    _situation("Back on Tuesday", TextKind.AWAY, SUNDAY, "2026-12-01T08:00", "2026-12-01T09:30"),
    _situation("Back on Wednesday", TextKind.AWAY, SUNDAY, "2026-12-02T08:00", "2026-12-02T09:30"),
    _situation("Back on Thursday", TextKind.AWAY, SUNDAY, "2026-12-03T08:00", "2026-12-03T09:30"),
    _situation("Back on Friday", TextKind.AWAY, SUNDAY, "2026-12-04T11:00", "2026-12-04T11:30"),
    _situation("Back on Saturday", TextKind.AWAY, SUNDAY, "2026-12-05T09:00", "2026-12-05T10:00"),
    _situation("Back on Sunday", TextKind.AWAY, "2026-11-27T15:20", "2026-11-29T09:00", "2026-11-29T09:30"),
    _situation("Back in nine days", TextKind.AWAY, MONDAY, "2026-12-02T08:00", "2026-12-02T09:00", ways=WAYS),
    _situation(
        "Back in the new year, on the first of a month",
        TextKind.AWAY,
        "2026-12-20T12:00",
        "2027-02-01T08:00",
        "2027-02-01T09:00",
    ),
    _situation("Closed, no opening known", TextKind.AWAY, NIGHT, ways=WAYS),
    _situation("Closed, nothing known at all", TextKind.AWAY, NIGHT, brand=""),
    _situation(
        "A public holiday, back tomorrow",
        TextKind.AWAY_HOLIDAY,
        "2026-12-25T10:00",
        "2026-12-26T08:00",
        "2026-12-26T09:00",
        contact_name="Ana",
    ),
    _situation(
        "A public holiday, back in a week and later",
        TextKind.AWAY_HOLIDAY,
        "2026-12-25T10:00",
        "2027-01-04T08:00",
        "2027-01-04T09:00",
        ways=WAYS,
        languages=INBOX,
    ),
    _situation("A public holiday, no opening known", TextKind.AWAY_HOLIDAY, "2026-12-25T10:00"),
    _situation(
        "Lunch break, back today",
        TextKind.AWAY_BREAK,
        "2026-11-23T12:40",
        "2026-11-23T13:30",
        "2026-11-23T14:00",
        contact_name="Ana",
    ),
    _situation(
        "Lunch break, other ways",
        TextKind.AWAY_BREAK,
        "2026-11-23T12:40",
        "2026-11-23T13:30",
        "2026-11-23T14:00",
        ways=WAYS,
    ),
    _situation("Asked for a person, open", TextKind.HANDOFF, MONDAY, due="2026-11-23T11:15", contact_name="Ana Kovač"),
    _situation("Asked for a person, open, no name and no time", TextKind.HANDOFF, MONDAY),
    _situation("Asked for a person, answer due on Friday", TextKind.HANDOFF, MONDAY, due="2026-11-27T11:00"),
    _situation(
        "Asked for a person, closed",
        TextKind.HANDOFF_CLOSED,
        NIGHT,
        "2026-11-26T08:00",
        "2026-11-26T09:00",
        contact_name="Ana",
        ways=WAYS,
    ),
    _situation("Asked for a person, closed, no opening known", TextKind.HANDOFF_CLOSED, NIGHT),
    _situation("Somebody is in danger", TextKind.SAFETY_NOTICE, NIGHT),
    _situation(
        "Somebody is in danger, another emergency number", TextKind.SAFETY_NOTICE, NIGHT, emergency_number="194"
    ),
    _situation("The line above three suggestions", TextKind.FAQ_SUGGESTIONS, MONDAY),
    _situation("Opted out", TextKind.OPT_OUT_CONFIRM, MONDAY),
    _situation("Opted in again", TextKind.OPT_IN_CONFIRM, MONDAY),
    _situation("The sentence that discloses automation", TextKind.DISCLOSURE, MONDAY),
    _situation("In public, after a private answer", TextKind.PRIVATE_NOTE, MONDAY),
    _situation("A person has resolved the thread", TextKind.CSAT_QUESTION, MONDAY),
    _situation("The customer has answered with a number", TextKind.CSAT_THANKS, MONDAY, disclose=False),
    _situation(
        "A name in Arabic, a brand in Cyrillic, full values",
        TextKind.AWAY,
        NIGHT,
        "2026-11-26T08:00",
        "2026-11-26T09:00",
        contact_name="محمد علي",
        brand="Хотел Јадран",
        ways=WAYS,
        languages=INBOX,
    ),
)

_STYLE = """
body { font: 15px/1.45 "Noto Sans", "DejaVu Sans", sans-serif; margin: 1.5rem auto; max-width: 62rem; padding: 0 1rem; color: #1b1b1b }
nav a { margin-inline-end: .8rem; white-space: nowrap }
h2 { margin-top: 2.5rem; border-bottom: 2px solid #ccc }
table { border-collapse: collapse; width: 100% }
td, th { border-bottom: 1px solid #ddd; padding: .45rem .6rem; text-align: start; vertical-align: top }
th { width: 15rem; font-weight: normal; color: #555 }
th b { color: #1b1b1b; font-weight: normal } th small { display: block }
td { white-space: pre-line; unicode-bidi: isolate }
.size { width: 4rem; color: #888; white-space: nowrap; direction: ltr; text-align: end }
"""  # noqa: E501


def page(languages: Iterable[str] = LANGUAGES, overrides: Overrides | None = None) -> str:
    """The whole page; with the texts of a playbook where it has its own."""
    codes = tuple(languages)
    links = " ".join(f'<a href="#{escape(code)}">{escape(NAMES[code])} ({escape(code)})</a>' for code in codes)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>Default texts of Afterhours</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>Default texts: {len(SITUATIONS)} situations, languages: {len(codes)}</h1>\n"
        "<p>As customers get them. It is a made-up hotel in Zagreb; the figure on the right is the length in bytes "
        "(Instagram takes 1,000). What we doubt is listed in <code>infra/language_doubts.md</code>.</p>\n"
        f"<nav>{links}</nav>\n{''.join(_section(code, overrides) for code in codes)}</body>\n</html>\n"
    )


def _section(language: str, overrides: Overrides | None) -> str:
    direction = "rtl" if phrasebook(language).rtl else "ltr"
    rows = ""
    for number, situation in enumerate(SITUATIONS, 1):
        text = texts.render(situation.kind, language, situation.values, overrides)
        rows += (
            f"<tr><th>{number}. <b>{escape(situation.title)}</b><small>{escape(situation.kind)}</small></th>"
            f'<td lang="{escape(language)}" dir="{direction}">{escape(text)}</td>'
            f'<td class="size">{len(text.encode())}</td></tr>\n'
        )
    return f'<h2 id="{escape(language)}">{escape(NAMES[language])} ({escape(language)})</h2>\n<table>\n{rows}</table>\n'

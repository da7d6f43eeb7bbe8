"""Tickets by number, contact's name, tag or words (DESIGN 4). Part of agent_api.

Number, name and tag follow one page of search rows to one batch of heads. Words have no rows: the threads that were
handed to people on the days asked for are read, some a call, and the answer says what was read and what was not.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from http import HTTPStatus
from typing import Annotated, Any, NoReturn
from zoneinfo import ZoneInfo

from access import Problem
from afterhours.models import Inbox, ThreadHead
from afterhours.stores import config, search, secrets
from afterhours.stores.search import Row, Span
from afterhours.timeline import entries
from afterhours.wording import words
from calls import Call, Query, Response, answer
from pydantic import AfterValidator, Field
from verbs import Tag

PAGE = 50
THREADS_READ = 20  # a call, where texts are looked through
ENTRIES_READ = 100  # of a thread
LETTERS_READ = 1_000  # of an entry; folding all that one call may read takes 1.5 s of a whole processor
LONGEST_RANGE = 31  # days
NUMBER = r"([a-z2-7]{8})(?:-([1-9][0-9]{0,5}))?"
CURSOR = "^([0-9]{13}#T#[!-~]{1,300})?$"
WILDCARD = re.compile(r"[*%?_]")

Matches = Callable[[str, ThreadHead], bool]


def _a_day(word: str) -> str:
    date.fromisoformat(word)
    return word


Day = Annotated[str, Field(pattern=r"^2[0-9]{3}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_a_day)]
Asked = Annotated[str | None, Field(min_length=1, max_length=200)]


class SearchQuery(Query):
    """Exactly one of number, tag, name and words; the days are those of the inbox's playbook, in its time zone."""

    number: Asked = Field(default=None, description="Of a ticket, as MFRGGZDF-2, or without its episode")
    tag: Tag | None = None
    name: Asked = Field(default=None, description="Whole words of the contact's name; all have to match")
    words: Asked = Field(default=None, description="Beginnings of words of one message; `from` and `until` are needed")
    since: Day | None = Field(default=None, alias="from", description="The first day on which it was handed to people")
    until: Day | None = Field(default=None, description="The last day, with it")
    cursor: str = Field(default="", pattern=CURSOR)


def find(call: Call, asked: SearchQuery) -> Response:
    """Threads of the inbox that match, those handed to people last first."""
    inbox = call.inbox()
    given = [name for name in ("number", "tag", "name", "words") if getattr(asked, name) is not None]
    if len(given) != 1:
        _refuse("Give exactly one of number, tag, name and words.")
    word = str(getattr(asked, given[0]))
    if given[0] != "tag" and (wildcard := WILDCARD.search(word)):
        _refuse(f"Search takes whole words and no wildcards; leave the {wildcard[0]} out.")
    zone = ZoneInfo(config.known_playbook(inbox).zone)
    span = _span(asked, zone)
    found = FINDERS[given[0]](call, inbox, asked, span)
    searched = {"from": asked.since, "until": asked.until, "threads_read": found.pop("threads_read")}
    note = found.pop("note") + (f" Days are those of {zone.key}." if asked.since or asked.until else "")
    return answer({**found, "searched": {**searched, "note": note}})


def _by_number(call: Call, inbox: Inbox, asked: SearchQuery, span: Span) -> dict[str, Any]:
    parts = re.fullmatch(NUMBER, (asked.number or "").strip().casefold())
    if parts is None:
        _refuse("A number has eight letters and digits and, if you like, which episode: MFRGGZDF or MFRGGZDF-2.")
    episode = int(parts[2] or 0)
    token = search.token(secrets.pepper(), "number", parts[1])
    found = _by_rows(call, inbox, token, asked, span, lambda _, head: episode <= head.episode)
    return {**found, "note": "Found by its number; every ticket that people were given has one."}


def _by_tag(call: Call, inbox: Inbox, asked: SearchQuery, span: Span) -> dict[str, Any]:
    tag = asked.tag or ""
    token = search.token(secrets.pepper(), "tag", tag)
    found = _by_rows(call, inbox, token, asked, span, lambda _, head: tag in head.tags)
    return {**found, "note": "Threads that have the tag now; those that it was taken off are left out."}


def _by_name(call: Call, inbox: Inbox, asked: SearchQuery, span: Span) -> dict[str, Any]:
    wanted = set(words(asked.name or ""))
    if not wanted:
        _refuse("Give a word of the name, in letters or digits.")
    token = search.token(secrets.pepper(), "name", search.name_words(asked.name)[0])
    found = _by_rows(
        call, inbox, token, asked, span, lambda _, head: wanted.issubset(words(head.contact_name or ""))
    )  # fmt: skip
    note = (
        "Names of contacts whose threads were handed to people; whole words, whatever their case, accents and script. "
        f"Of a name the {search.NAME_WORDS} longest words are listed."
    )
    return {**found, "note": note}


def _by_rows(
    call: Call, inbox: Inbox, token: str, asked: SearchQuery, span: Span, matches: Matches
) -> dict[str, Any]:  # fmt: skip
    rows, more = search.rows(call.threads, inbox.id, token, span=span, before=asked.cursor, limit=PAGE)
    heads = _heads(call, inbox, rows)
    found = {
        row.pk: heads[row.pk]
        for row in rows
        if row.pk in heads and _is_last(row, heads[row.pk], span) and matches(row.pk, heads[row.pk])
    }
    return {
        "threads": [call.shown(pk, head) for pk, head in found.items()],
        "cursor": rows[-1].key if rows and more else None,
        "threads_read": len(heads),
    }


def _by_words(call: Call, inbox: Inbox, asked: SearchQuery, span: Span) -> dict[str, Any]:
    """One query a day, until there are enough threads; then one query a thread."""
    wanted = words(asked.words or "")
    if not wanted:
        _refuse("Give a word, in letters or digits.")
    if span.since is None or span.until is None:
        _refuse("Say which days to look through: from and until, as 2026-11-01.")
    if span.until - span.since > (LONGEST_RANGE * 24 + 1) * 3_600_000:  # an hour more where clocks were put back
        _refuse(f"Look through at most {LONGEST_RANGE} days at a time.")
    rows, cursor = _handed_over(call, inbox, asked.cursor, span.since, span.until)
    heads = _heads(call, inbox, rows)
    matches = {}
    for pk in heads:
        items, _ = call.threads.between(pk, f"E#{span.since:013d}", f"E#{span.until:013d}", ENTRIES_READ)
        if ids := [entry["id"] for entry in entries(items) if _says(entry["text"], wanted)]:
            matches[pk] = ids
    threads = [call.shown(pk, heads[pk]) for pk in matches]
    note = (
        f"Looked through {len(heads)} threads that were handed to people on these days, and in each through what was "
        f"said on these days: the last {ENTRIES_READ} entries, {LETTERS_READ} characters of each. Not read: threads "
        "that no person was given on these days, notes, attachments."
    )
    if cursor:
        note += " There are more threads to look through: go on with the cursor."
    return {
        "threads": threads,
        "matches": [
            {"thread": thread["id"], "entries": ids} for thread, ids in zip(threads, matches.values(), strict=True)
        ],
        "cursor": cursor,
        "threads_read": len(heads),
        "note": note,
    }


def _handed_over(call: Call, inbox: Inbox, cursor: str, since: int, until: int) -> tuple[list[Row], str | None]:
    """The next threads, the last first, and where to go on; days are asked for until there are enough."""
    rows: list[Row] = []
    day, first = _utc_day(min(until - 1, int(cursor[:13])) if cursor else until - 1), _utc_day(since)
    while day >= first and len(rows) < THREADS_READ:
        found, more = search.of_day(
            call.threads, inbox.id, day, span=Span(since, until), before=cursor, limit=THREADS_READ - len(rows)
        )
        rows += found
        if not more:
            day -= timedelta(days=1)
    return rows, rows[-1].key if rows and day >= first else None


def _heads(call: Call, inbox: Inbox, rows: list[Row]) -> dict[str, ThreadHead]:
    """Those of this inbox, in the order of the rows."""
    heads = call.threads.heads(row.pk for row in rows)
    kept = dict.fromkeys(row.pk for row in rows if row.pk in heads and heads[row.pk].inbox == inbox.id)
    return {pk: heads[pk] for pk in kept}


def _is_last(row: Row, head: ThreadHead, span: Span) -> bool:
    """A thread has a row for each of its episodes: it is shown for the last one, or for one before where the last is
    out of range."""
    began = search.began(head)
    return row.began == began or (span.until is not None and began >= span.until)


def _says(text: str | None, wanted: tuple[str, ...]) -> bool:
    said = words((text or "")[:LETTERS_READ])
    return all(any(word.startswith(each) for word in said) for each in wanted)


def _span(asked: SearchQuery, zone: ZoneInfo) -> Span:
    if asked.since and asked.until and asked.until < asked.since:
        _refuse("`until` is before `from`; turn them round.")
    return Span(
        _midnight(asked.since, 0, zone) if asked.since else None,
        _midnight(asked.until, 1, zone) if asked.until else None,
    )


def _midnight(day: str, days_later: int, zone: ZoneInfo) -> int:
    moment = datetime.combine(date.fromisoformat(day) + timedelta(days=days_later), time(), zone)
    return int(moment.timestamp() * 1000)


def _utc_day(ms: int) -> date:
    return datetime.fromtimestamp(ms / 1000, UTC).date()


def _refuse(detail: str) -> NoReturn:
    raise Problem(HTTPStatus.BAD_REQUEST, "bad_request", detail)


FINDERS: dict[str, Callable[[Call, Inbox, SearchQuery, Span], dict[str, Any]]] = {
    "number": _by_number,
    "tag": _by_tag,
    "name": _by_name,
    "words": _by_words,
}

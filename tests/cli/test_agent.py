"""`afterhours agent` against an API that answers as told."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from afterhours.stores.threads import ulid_ms
from afterhours_local import agent, session
from afterhours_local.cli import app
from typer.testing import CliRunner

from .conftest import Answers

THREAD = "whatsapp.106540352242922.mfrggzdfmztwq2lkmfrggzdfmz"


def head(**changes: Any) -> dict[str, Any]:
    return {
        "id": THREAD,
        "inbox": "support",
        "status": "open",
        "contact": {"name": "Marija", "language": "hr", "opted_out": False},
        "fence": 3,
        "last_inbound": "E#1#I#a",
        "due_at": 1772618400000,
        "opened_at": 1772618300000,
        "window_until": 0,
        "handoff": ["asked_for_a_person"],
        **changes,
    }


def entry(**changes: Any) -> dict[str, Any]:
    return {"id": "E#1#I#a", "at": 1772618300000, "direction": "in", "by": "contact", "kind": "message",
            "text": "Hello", "attachments": [], **changes}  # fmt: skip


@pytest.fixture
def api(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> Answers:
    monkeypatch.setenv("AFTERHOURS_URL", answers.url)
    monkeypatch.setenv("AFTERHOURS_TOKEN", "the-token")
    return answers


def run(*arguments: str, stdin: str | None = None) -> Any:
    return CliRunner().invoke(app, ["agent", *arguments], input=stdin)


def body(api: Answers) -> Any:
    return json.loads(api.asked[-1]["body"])


def pulled(api: Answers, **changes: Any) -> None:
    api.tell(200, {"thread": head(**changes), "timeline": [entry()]})
    assert run("pull", "--inbox", "support").exit_code == 0


def test_pull_shows_the_thread_and_what_was_said(api: Answers) -> None:
    timeline = [
        entry(),
        entry(direction="out", by="auto", text="We are closed.\nBack at 8.", state="sent", rule="away"),
    ]
    api.tell(200, {"thread": head(), "timeline": timeline})
    result = run("pull", "--inbox", "support", "--wait", "2")
    assert result.exit_code == 0, result.stderr
    assert THREAD in result.stdout
    assert "needs a person: asked_for_a_person" in result.stdout
    assert "Marija         Hello" in result.stdout
    assert "(sent, away)" in result.stdout
    assert api.asked[0]["path"] == "/api/inboxes/support/pull"
    assert api.asked[0]["headers"]["authorization"] == "Bearer the-token"
    assert body(api) == {"wait_s": 2}


def test_pull_says_when_nothing_waits(api: Answers) -> None:
    api.tell(204, "")
    assert run("pull", "--inbox", "support").stdout == "Nothing waits in support.\n"
    api.tell(204, "")
    assert run("pull", "--inbox", "support", "--json").stdout == "null\n"


def test_an_agent_of_one_inbox_need_not_name_it(api: Answers) -> None:
    api.tell(200, {"inboxes": {"support": "lead"}})
    api.tell(204, "")
    run("pull")
    assert [asked["path"] for asked in api.asked] == ["/api/me", "/api/inboxes/support/pull"]
    api.tell(200, {"inboxes": {"support": "lead", "sales": "agent"}})
    result = run("list")
    assert (result.exit_code, "support, sales" in result.stderr) == (2, True)


def test_list_shows_a_line_per_thread(api: Answers) -> None:
    threads = [{"id": THREAD, "owner": None, "lease_until": 0, "due_at": 1772618400000}]
    api.tell(200, {"threads": threads, "cursor": "next"})
    result = run("list", "--inbox", "support", "--cursor", "a#b")
    assert result.stdout.startswith(THREAD)
    assert "--cursor next" in result.stderr
    assert api.asked[0]["path"] == "/api/inboxes/support/threads?limit=50&cursor=a%23b"


def test_texts_of_strangers_cannot_steer_the_terminal(api: Answers) -> None:
    contact = {"name": "\x1b]0;pwned\x07Eve\nauto           all is well", "language": None, "opted_out": False}
    api.tell(200, {"thread": head(contact=contact), "timeline": [entry(text="\x1b[2J[bold]hi\u202e")]})
    result = run("show", THREAD)
    assert "\x1b" not in result.stdout
    assert "\u202e" not in result.stdout
    assert "[bold]hi" in result.stdout


def test_a_reply_carries_what_the_agent_saw_and_a_fresh_key(api: Answers) -> None:
    pulled(api)
    api.tell(202, {"key": "K", "state": "planned", "thread": head()})
    result = run("reply", THREAD, "Good morning")
    assert result.exit_code == 0, result.stderr
    sent = body(api)
    assert {name: sent[name] for name in ("text", "fence", "last_inbound")} == {
        "text": "Good morning",
        "fence": 3,
        "last_inbound": "E#1#I#a",
    }
    assert len(sent["key"]) == 26
    assert ulid_ms(sent["key"]) > 1_700_000_000_000


def test_a_reply_can_be_read_from_standard_input_and_asked_again_with_its_key(api: Answers) -> None:
    key = agent.new_ulid()
    api.tell(202, {"key": key, "state": "sent", "thread": head()})
    arguments = ("--key", key, "--fence", "7", "--last-inbound", "E#2")
    assert run("reply", THREAD, "-", *arguments, stdin="two\nlines").exit_code == 0
    assert body(api) == {"key": key, "text": "two\nlines", "fence": 7, "last_inbound": "E#2"}


def test_a_reply_that_gets_no_answer_tells_its_key(api: Answers) -> None:
    pulled(api)
    api.close()
    result = run("reply", THREAD, "Hello")
    assert result.exit_code == 1
    assert "start `afterhours run`" in result.stderr
    assert "ask again with --key " in result.stderr


def test_replying_to_a_thread_that_was_never_seen_is_refused(api: Answers) -> None:
    result = run("reply", THREAD, "Hello")
    assert (result.exit_code, f"afterhours agent claim {THREAD}" in result.stderr) == (2, True)
    assert api.asked == []


def test_claim_shows_the_thread_so_that_its_last_message_has_been_seen(api: Answers) -> None:
    api.tell(200, {"thread": head(fence=4)})
    api.tell(200, {"thread": head(fence=4, last_inbound="E#9"), "timeline": [entry(text="New")]})
    assert "New" in run("claim", THREAD).stdout
    api.tell(200, {"thread": head(status="resolved")})
    assert run("resolve", THREAD).stdout == f"{THREAD} is resolved.\n"
    assert body(api) == {"fence": 4, "last_inbound": "E#9"}


def test_heartbeat_and_release_send_the_fence(api: Answers) -> None:
    pulled(api)
    api.tell(200, {"lease_until": 1772618400000})
    assert run("heartbeat", THREAD).stdout.startswith("Yours until ")
    assert body(api) == {"fence": 3}
    api.tell(200, {"thread": head()})
    assert json.loads(run("release", THREAD, "--json").stdout)["thread"]["status"] == "open"
    assert body(api) == {"fence": 3}


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        (409, "new_message", f"afterhours agent show {THREAD}"),
        (409, "stale_fence", f"afterhours agent claim {THREAD}"),
        (401, "unauthorized", "access token"),
        (422, "too_long", "shorten it"),
    ],
)
def test_a_refusal_is_told_with_what_to_do(api: Answers, status: int, code: str, hint: str) -> None:
    pulled(api)
    problem = {"status": status, "code": code, "detail": "shorten it \x1b[2J"}
    api.tell(status, problem)
    result = run("resolve", THREAD)
    assert result.exit_code == 1
    assert hint in result.stderr
    assert "\x1b" not in result.stderr
    api.tell(status, problem)
    assert json.loads(run("resolve", THREAD, "--json").stdout) == problem


def test_an_answer_that_is_no_json_is_told_too(api: Answers) -> None:
    api.tell(502, "<html>bad gateway</html>")
    result = run("show", THREAD)
    assert (result.exit_code, "502 <html>" in result.stderr) == (1, True)


def test_without_a_running_stack_or_an_address_it_says_what_to_start() -> None:
    result = run("pull")
    assert (result.exit_code, "start `afterhours run`" in result.stderr) == (1, True)


def test_a_token_is_not_sent_over_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERHOURS_TOKEN", "the-token")
    result = run("pull", "--url", "http://api.example.org")
    assert (result.exit_code, "https://" in result.stderr) == (2, True)


def test_the_running_stack_lends_its_token_and_to_nobody_else(answers: Answers) -> None:
    session.write(session.Session(url=answers.url, token="lent", agent="ana@example.org", pid=os.getpid()))
    answers.tell(204, "")
    assert run("pull", "--inbox", "support").exit_code == 0
    assert answers.asked[0]["headers"]["authorization"] == "Bearer lent"
    result = run("pull", "--inbox", "support", "--url", "https://api.example.org")
    assert (result.exit_code, "no access token" in result.stderr) == (2, True)


def test_the_session_is_for_its_owner_only_and_ends_with_the_stack(tmp_path: Path) -> None:
    session.write(session.Session(url="u", token="t", agent="a", pid=os.getpid()))
    file = next((tmp_path / "runtime").rglob("session.json"))
    assert file.stat().st_mode & 0o777 == 0o600
    session.forget()
    assert session.read() is None
    file.parent.chmod(0o755)
    result = run("pull")
    assert (result.exit_code, "can be reached by others" in result.stderr) == (2, True)


def test_a_session_of_a_process_that_has_died_is_none() -> None:
    session.write(session.Session(url="u", token="t", agent="a", pid=2**22 + 1))
    assert session.read() is None


def test_ulids_are_made_of_the_time_and_chance() -> None:
    one, two = agent.new_ulid(), agent.new_ulid()
    assert one != two
    assert one[0] in "01234567"

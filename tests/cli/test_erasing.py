"""`afterhours agent erase` against an API that answers as told, and `afterhours restore` where it says no."""

import json
from typing import Any

import pytest
from afterhours_local.cli import app
from typer.testing import CliRunner

from .conftest import Answers

THREAD = "whatsapp.106540352242922.mfrggzdfmztwq2lkmfrggzdfmz"
ERASED = {"thread": THREAD, "erased_at": 1772618400000, "items": 7}


@pytest.fixture
def api(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> Answers:
    monkeypatch.setenv("AFTERHOURS_URL", answers.url)
    monkeypatch.setenv("AFTERHOURS_TOKEN", "the-token")
    return answers


def run(*arguments: str, stdin: str = "") -> Any:
    return CliRunner().invoke(app, ["agent", "erase", THREAD, *arguments], input=stdin)


def shown() -> dict[str, Any]:
    return {"thread": {"number": "MFRGGZDF-2", "contact": {"name": "Marija \x1b[2J"}}}


def test_a_thread_is_erased_by_naming_it_twice(api: Answers) -> None:
    api.tell(200, ERASED)
    result = run("--yes")
    assert (result.exit_code, "7 items" in result.stdout) == (0, True)
    [asked] = api.asked
    assert (asked["method"], asked["path"]) == ("POST", f"/api/threads/{THREAD}/erase")
    assert json.loads(asked["body"]) == {"confirm": THREAD}
    api.tell(200, ERASED)
    assert json.loads(run("--yes", "--json").stdout) == ERASED


@pytest.mark.parametrize(("said", "asked"), [("y\n", 2), ("n\n", 1), ("\n", 1), ("", 1)])
def test_it_says_whom_and_asks_and_without_an_answer_erases_nothing(api: Answers, said: str, asked: int) -> None:
    api.tell(200, shown())
    api.tell(200, ERASED)
    result = run(stdin=said)
    assert (result.exit_code, len(api.asked)) == (0 if asked == 2 else 1, asked)
    assert "MFRGGZDF-2" in result.stderr
    assert "\x1b" not in result.output


def test_what_broke_off_is_completed_without_asking_anew(api: Answers) -> None:
    api.tell(410, {"status": 410, "code": "erased", "detail": "All of it was erased."})
    api.tell(200, ERASED)
    assert run().exit_code == 0


def test_a_refusal_ends_it_with_what_to_do(api: Answers) -> None:
    api.tell(404, {"status": 404, "code": "unknown_thread", "detail": "There is no such thread for you."})
    assert run().exit_code == 1
    api.tell(503, {"status": 503, "code": "unfinished", "detail": "There is more to erase."})
    result = run("--yes")
    assert (result.exit_code, f"afterhours agent erase {THREAD}" in result.stderr) == (1, True)


@pytest.mark.parametrize("arguments", [(), ("--local",), ("--stack", "x", "--local"), ("--local", "--epoch", "soon")])
def test_a_restore_says_what_it_lacks(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, ["restore", *arguments])
    assert result.exit_code == 2
    assert result.stderr
    assert result.stdout == ""

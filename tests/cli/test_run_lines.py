"""What `afterhours run` prints of an event."""

import json

import pytest
from afterhours_local import run_lines


def logged(**record: object) -> tuple[str, str] | None:
    text = json.dumps({"level": "INFO", "location": "x:1", "timestamp": "t", "service": "worker", **record})
    return run_lines.line("log", {"function": "AgentApiFunction", "line": text})


def test_a_log_line_becomes_the_function_its_message_and_its_keys() -> None:
    assert logged(message="decided", rule="away", handoff=["a", "b"], code=None, cold_start=True) == (
        "agent_api: decided rule=away handoff=a,b",
        "",
    )


def test_an_error_names_the_exception() -> None:
    assert logged(level="ERROR", message="failed", exception_name="KeyError", exception="'x'") == (
        "agent_api: failed KeyError: 'x'",
        "red",
    )


def test_metrics_and_what_happens_all_the_time_are_not_shown() -> None:
    assert logged(message="", _aws={}) is None
    assert run_lines.line("invoked", {"function": "WorkerFunction", "ms": 3}) is None


@pytest.mark.parametrize("text", ["plain words", "[1, 2]"])
def test_what_is_no_log_record_is_shown_as_it_is(text: str) -> None:
    found = run_lines.line("log", {"function": "WorkerFunction", "line": text})
    assert found in ((f"worker: {text}", ""), None)


def test_requests_and_failures_are_one_line_each() -> None:
    assert run_lines.line("http", {"method": "GET", "path": "/api/me", "status": 200}) == ("GET  /api/me → 200", "cyan")
    assert run_lines.line("failed", {"function": "F", "error": "E: x"}) == ("failed function=F error=E: x", "red")

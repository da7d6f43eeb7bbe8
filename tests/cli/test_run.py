"""`afterhours run` as people start it: a process that serves, says where, and drains at Ctrl-C."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from afterhours_local.cli import app
from typer.testing import CliRunner

MAIN = "from afterhours_local.cli import main; main()"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """The process and the addresses that it printed."""
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "run", "--port", "0", "--json", "--data-dir", str(tmp_path / "data")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        document = ""
        for line in process.stdout:
            document += line
            if line == "}\n":
                break
        yield process, json.loads(document)
    finally:
        process.kill()
        process.communicate()


def command(*arguments: str) -> Any:
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_a_customer_writes_an_agent_answers_and_ctrl_c_drains(running: tuple[Any, dict[str, Any]]) -> None:
    process, addresses = running
    assert addresses["webhooks"]["meta/main"].endswith("/hook/meta/main")
    assert addresses["agent"]["email"] == "ana@example.org"
    assert command("events", "say", "I want a person please")["status"] == 200
    pulled = command("agent", "pull", "--wait", "5")
    assert [entry["by"] for entry in pulled["timeline"]] == ["contact", "auto"]
    assert pulled["thread"]["handoff"]
    assert command("agent", "reply", pulled["thread"]["id"], "Good morning")["state"] == "planned"
    assert command("events", "say", "--channel", "webchat", "A room for tonight?")["status"] == 202
    assert command("agent", "pull", "--wait", "5")["thread"]["channel"] == "webchat"
    unknown = CliRunner().invoke(app, ["events", "say", "--channel", "pigeon", "Coo"])
    assert (unknown.exit_code, "--channel pigeon: has no account here; one of email, " in unknown.stderr) == (2, True)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert stdout == ""
    assert "Draining" in stderr
    assert CliRunner().invoke(app, ["agent", "pull"]).exit_code == 1


def test_a_taken_port_is_said_before_anything_is_started() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["run", "--port", str(port)])
    assert (result.exit_code, f"port {port} is taken" in result.stderr) == (2, True)


def test_a_wrong_configuration_is_said_before_anything_is_started(files: Path) -> None:
    result = CliRunner().invoke(app, ["run", "--port", "0", "--config", str(files)])
    assert (result.exit_code, "env:META_APP_SECRET: the environment variable is not set" in result.stderr) == (2, True)
    files.write_text("apps: []\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["run", "--port", "0", "--config", str(files)])
    assert (result.exit_code, "afterhours.yaml:1: apps: must not be empty" in result.stderr) == (2, True)

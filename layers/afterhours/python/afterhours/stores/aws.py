"""The boto3 clients: made at the first use, once per process, with time-outs that fit a function's.

botocore's own defaults (60 s to connect, 60 s to read) outlive every function here.
"""

from threading import Lock
from typing import Any

import boto3
from botocore.config import Config

_lock = Lock()  # making a client is not thread-safe, using one is
_clients: dict[tuple[str, float, int], Any] = {}
_session: Any = None  # Any: the stubs know a client by a literal name only


def session() -> Any:
    """The one session that all clients come from."""
    global _session  # a cache that `clear` empties
    if _session is None:
        _session = boto3.Session()
    return _session


def client(name: str, *, read_timeout_s: float = 3, attempts: int = 3) -> Any:
    """The process's client of a service: `sqs`, `ssm`, `s3`, `dynamodb`, …"""
    key = (name, read_timeout_s, attempts)
    if key not in _clients:
        with _lock:
            if key not in _clients:
                _clients[key] = session().client(
                    name,
                    config=Config(
                        connect_timeout=1,
                        read_timeout=read_timeout_s,
                        retries={"total_max_attempts": attempts, "mode": "standard"},
                        max_pool_connections=10,
                    ),
                )
    return _clients[key]


def made() -> tuple[Any, ...]:
    """The clients made so far."""
    return tuple(_clients.values())


def clear() -> None:
    """Forget the session and its clients (tests, a changed environment)."""
    global _session
    with _lock:
        _session = None
        _clients.clear()

"""What the strict fakes of platforms beside Meta's have in common: accounts, faults, what was sent, and deliveries.

A fake takes its API calls below `/<name>/` of the server's address, refuses what the platform refuses in the platform's
own words, and delivers its webhooks itself. Nothing is posted while the lock is held; time is the given `now_ms`.
"""

import itertools
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import requests

from afterhours_local.platforms.faults import Reply

TIMEOUT_S = 20


class Delivered(NamedTuple):
    """What the webhook answered; status 0 where nobody did."""

    status: int
    body: bytes


Deliver = Callable[[str, str, Mapping[str, str], bytes], Delivered]  # method, url with query, headers, body


@dataclass(frozen=True)
class FakeAccount:
    """An account as its platform knows it: `token` to send with, `secret` to sign with."""

    channel: str
    id: str
    token: str
    secret: str
    webhook_url: str
    aes_key: str = ""  # where what is delivered is sealed
    refresh: str = ""  # where tokens run out: what a new one is had for, and by which app
    client_id: str = ""
    client_secret: str = ""


@dataclass(frozen=True)
class Sent:
    """A message that the platform took."""

    channel: str
    account: str
    to: str
    text: str
    at_ms: int
    platform_id: str
    choices: tuple[str, ...] = ()
    public: bool = False


class Said(NamedTuple):
    """A customer's message and what the webhook answered."""

    message_id: str
    status: int
    body: bytes = b""


class FakePlatform(ABC):
    """One platform with its accounts. `NAME` is its source and the first part of its paths."""

    NAME = ""

    def __init__(self, now_ms: Callable[[], int], deliver: Deliver) -> None:
        self._now_ms = now_ms
        self._deliver = deliver
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self._accounts: dict[tuple[str, str], FakeAccount] = {}
        self._faults: deque[str] = deque()
        self._sent: list[Sent] = []

    def register(self, account: FakeAccount) -> None:
        """Add an account, or replace it (a new token, another secret)."""
        with self._lock:
            self._accounts[account.channel, account.id] = account

    def account(self, channel: str, account_id: str) -> FakeAccount:
        """Raises KeyError."""
        with self._lock:
            return self._accounts[channel, account_id]

    def accounts(self) -> list[FakeAccount]:
        with self._lock:
            return list(self._accounts.values())

    def misbehave(self, fault: str, times: int = 1) -> None:
        """The next calls meet one of the fake's own faults, by its name."""
        with self._lock:
            self._faults.extend([fault] * times)

    def next_fault(self) -> str | None:
        with self._lock:
            return self._faults.popleft() if self._faults else None

    @property
    def sent(self) -> list[Sent]:
        with self._lock:
            return list(self._sent)

    def keep(self, sent: Sent) -> None:
        with self._lock:
            self._sent.append(sent)

    def next_number(self) -> int:
        with self._lock:
            return next(self._numbers)

    def forget(self) -> None:
        """The accounts stay; all else begins anew."""
        with self._lock:
            self._faults.clear()
            self._sent.clear()
            self._numbers = itertools.count(1)

    @abstractmethod
    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply | None:
        """One call of the API; `path` is what follows `/<name>`, with its query, header names are in lower case.
        None: the connection is reset when the call has been read."""

    @abstractmethod
    def say(self, channel: str, account: str, contact: str, text: str, *, name: str | None = None) -> Said:
        """A customer writes. Raises KeyError for an account that nobody registered."""

    def deliver_pending(self) -> int:
        """Deliver the echoes and receipts that wait; how many were taken. Without any, nothing."""
        return 0


def deliver_over_http(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Delivered:
    with requests.Session() as session:
        session.trust_env = False  # a proxy of the machine is not for 127.0.0.1
        try:
            answer = session.request(
                method, url, data=body, headers=dict(headers), timeout=TIMEOUT_S, allow_redirects=False
            )
        except requests.RequestException:
            return Delivered(0, b"")
        return Delivered(answer.status_code, answer.content)

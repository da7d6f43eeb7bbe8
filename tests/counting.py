"""What was asked of AWS: every call counted, and faults put into chosen ones, through botocore's own hooks."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, repeat
from typing import Any

from afterhours.stores import aws
from botocore.exceptions import ReadTimeoutError

Calls = Counter[str]


@contextmanager
def counted() -> Iterator[Calls]:
    """Counts of calls by `service.Operation`, as `sqs.SendMessageBatch`; an SDK's own retries are one call."""
    calls: Calls = Counter()

    def count(model: Any, **_: object) -> None:
        calls[f"{model.service_model.service_id.hyphenize()}.{model.name}"] += 1

    with _hooked("provide-client-params", count):  # before faults, whichever way they end a call
        yield calls


@contextmanager
def failing(call: str, error: Callable[[], Exception], *, after: int = 0, times: int | None = None) -> Iterator[None]:
    """`times` calls (None: all) of `service.Operation`, after so many good ones, end with the error at once."""

    def fail(**_: object) -> None:
        if next(turns):
            raise error()

    turns = _turns(after, times)
    with _hooked(f"before-call.{call}", fail):
        yield


@contextmanager
def meanwhile(call: str, act: Callable[[], object], *, after: int = 0) -> Iterator[None]:
    """Somebody is faster than one call of `service.Operation`, after so many others."""

    def before(**_: object) -> None:
        if next(turns):
            act()

    turns = _turns(after, 1)
    with _hooked(f"before-call.{call}", before):
        yield


@contextmanager
def answered(
    call: str, change: Callable[[dict[str, Any]], object], *, after: int = 0, times: int | None = None
) -> Iterator[None]:
    """`times` answers (None: all) of `service.Operation`, after so many good ones, are changed on their way back."""

    def spoil(parsed: dict[str, Any], **_: object) -> None:
        if next(turns):
            change(parsed)

    turns = _turns(after, times)
    with _hooked(f"after-call.{call}", spoil):
        yield


@contextmanager
def asked_twice(call: str, *, after: int = 0) -> Iterator[None]:
    """One call of `service.Operation`, after so many others, reaches AWS twice: the SDK lost the first answer."""

    def again(**_: object) -> float | None:
        return 0 if next(turns) else None

    turns = _turns(after, 1)
    with _hooked(f"needs-retry.{call}", again):
        yield


class Crash(Exception):
    """The function dies here; nothing of ours may catch it but the boundary of a handler."""


Faults = Mapping[int, str]


@contextmanager
def struck(faults: Faults) -> Iterator[Calls]:
    """Calls that meet a fault, by their number, from 0, of whatever service; counts of all calls come back.

    `before`, `after`: the function dies before the call, or when it has taken effect. `lost`: it has taken effect, but
    a time-out comes back. `twice`: the SDK lost the first answer and asks again.
    """
    made, asked_again = itertools.count(), set()
    at, calls = -1, Counter[str]()

    def before(model: Any, **_: object) -> None:
        nonlocal at
        at = next(made)
        calls[f"{model.service_model.service_id.hyphenize()}.{model.name}"] += 1
        if faults.get(at) == "before":
            raise Crash

    def after(**_: object) -> None:
        if faults.get(at) == "after":
            raise Crash
        if faults.get(at) == "lost":
            raise ReadTimeoutError(endpoint_url="aws")

    def again(**_: object) -> float | None:
        if faults.get(at) != "twice" or at in asked_again:
            return None
        asked_again.add(at)
        return 0

    with _hooked("before-call", before), _hooked("after-call", after), _hooked("needs-retry", again):
        yield calls


def _turns(after: int, times: int | None) -> Iterator[bool]:
    bad = repeat(True) if times is None else repeat(True, times)
    return chain(repeat(False, after), bad, repeat(False))


@contextmanager
def _hooked(name: str, handler: Callable[..., None]) -> Iterator[None]:
    """On the clients there are and, by way of the session, on those that will be made."""
    emitters = [aws.session().events, *(client.meta.events for client in aws.made())]
    for emitter in emitters:
        emitter.register_first(name, handler)
    try:
        yield
    finally:
        for emitter in {id(one): one for one in [*emitters, *(client.meta.events for client in aws.made())]}.values():
            emitter.unregister(name, handler)

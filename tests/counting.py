"""What was asked of AWS: every call counted, and faults put into chosen ones, through botocore's own hooks."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat
from typing import Any

from afterhours.stores import aws

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

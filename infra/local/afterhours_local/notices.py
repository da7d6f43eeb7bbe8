"""What the local stack says about itself, for a console to show and for tests to wait on: a word and its details."""

from collections.abc import Callable, Mapping
from typing import Any

# engine, http, invoked, failed, log, polled, fired, stopped …
Say = Callable[[str, Mapping[str, Any]], None]


def say_nothing(what: str, details: Mapping[str, Any]) -> None:
    """For those who do not listen."""

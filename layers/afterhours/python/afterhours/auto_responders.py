"""Texts that machines write: out-of-office notes, other companies' instant replies, and our own. Pure.

Two Afterhours wired to each other stop here: every automatic text of ours says in its language that it is one.
"""

import pkgutil
from functools import cache

from afterhours.case import plain_words


def is_auto_response(text: str) -> bool:
    """Whether a text says of itself that a machine wrote it."""
    said = f" {plain_words(text[:2_000])} "
    return any(f" {phrase} " in said for phrase in _phrases())


@cache
def _phrases() -> tuple[str, ...]:
    lines = (pkgutil.get_data("afterhours", "data/auto_responders.txt") or b"").decode().splitlines()
    return tuple(plain_words(line) for line in lines if line and not line.startswith("#"))

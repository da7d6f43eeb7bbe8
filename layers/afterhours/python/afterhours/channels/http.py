"""One request, never repeated: either an answer, or certainly nothing sent, or nobody knows.

requests is imported at the first send, for it costs a tenth of a second at the start of a function.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlencode


@dataclass(frozen=True)
class Limits:
    """How long a request may take and how much of an answer is read."""

    connect_s: float = 3.0
    total_s: float = 10.0
    answer_bytes: int = 1 << 20


LIMITS = Limits()


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes


class NotSent(Exception):
    """No byte of the request has left; the reason is its only argument."""


class Unconfirmed(Exception):
    """The request may have arrived; the reason is its only argument."""


class TooLarge(Unconfirmed):
    """The answer is longer than the limit; no more of it was read."""


def post_json(
    url: str,
    payload: Mapping[str, Any],
    headers: Mapping[str, str],
    *,
    limits: Limits = LIMITS,
    escaped: bool = True,
) -> Answer:
    """POST once, on a connection of its own. A redirect is an answer. Not `escaped`: letters beyond ASCII as they are.

    The connection is fresh because one that the platform closed while the function was frozen fails in a way
    that cannot be told from a lost answer. Raises NotSent or Unconfirmed.
    """
    from afterhours.channels import http_deadline

    body = json.dumps(payload, ensure_ascii=escaped).encode("utf-8", "replace")
    return http_deadline.exchange("POST", url, body, {**headers, "Content-Type": "application/json"}, limits)


def post_form(url: str, fields: Mapping[str, str], headers: Mapping[str, str], *, limits: Limits = LIMITS) -> Answer:
    """POST a form once, in the same way."""
    from afterhours.channels import http_deadline

    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return http_deadline.exchange("POST", url, urlencode(fields).encode("ascii"), {**headers, **kind}, limits)


def get(url: str, headers: Mapping[str, str], *, limits: Limits) -> Answer:
    """GET once, in the same way. Raises NotSent or Unconfirmed; TooLarge also for a declared length."""
    from afterhours.channels import http_deadline

    return http_deadline.exchange("GET", url, None, dict(headers), limits)

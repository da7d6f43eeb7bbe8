"""Reading what strangers wrote: bytes into plain JSON values, and a field of any type as the type we want.

A verified body is still a stranger's: its texts come from customers. Nothing here raises anything but
MalformedPayload. Stdlib only, for the webhook function.
"""

import json
import math
import re
from datetime import UTC, datetime
from typing import Any, NoReturn

from afterhours.channels.contract import MalformedPayload

MAX_DEPTH = 64  # deeper than any platform's body, far from every recursion limit of readers and writers after us
_MAX_DIGITS = 40  # ids have up to 20 digits; int() refuses more than 4,300 and is quadratic below
_MAX_IDENTIFIER = 1024  # Instagram's have 170 characters; what is longer cannot be part of a key
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # NUL and lone surrogates: no UTF-8, or refused downstream
_DIGITS = re.compile(r"[0-9]{1,20}")  # ASCII only: int() takes full-width digits, "_" and blanks as well
_EARLIEST_MS = int(datetime(2005, 1, 1, tzinfo=UTC).timestamp()) * 1000
_LATEST_MS = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * 1000


def loads(body: bytes) -> Any:
    """The JSON value of the body, storable and sendable as it is. Raises MalformedPayload.

    Cleaned: characters that cannot be stored become U+FFFD, numbers beyond all use become None, a byte
    order mark goes; of a duplicate key the last counts, as for the platforms' own readers. Refused: what is
    not UTF-8 or not JSON (NaN and Infinity are not), and nesting deeper than MAX_DEPTH.
    """
    try:
        value = json.loads(
            body.decode("utf-8-sig"), parse_constant=_refuse_constant, parse_float=_number, parse_int=_integer
        )
    except (ValueError, RecursionError) as error:
        raise MalformedPayload("not JSON") from error
    return _clean(value, 0)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _number(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _integer(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MAX_DIGITS else None


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if not isinstance(value, dict | list):
        return value
    if depth == MAX_DEPTH:
        raise MalformedPayload("nested too deep")
    if isinstance(value, list):
        return [_clean(item, depth + 1) for item in value]
    return {_UNSTORABLE.sub("\ufffd", key): _clean(item, depth + 1) for key, item in value.items()}


def storable(value: str) -> str:
    """The text without what cannot be stored."""
    return _UNSTORABLE.sub("\ufffd", value)


def mapping(value: object) -> dict[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """The value if it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: object) -> str | None:
    """The value if it is a text, be it empty."""
    return value if isinstance(value, str) else None


def identifier(value: object) -> str | None:
    """An id as text; platforms write some as numbers, which are kept exactly."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and 0 < len(value) <= _MAX_IDENTIFIER else None


def integer(value: object) -> int | None:
    """A whole number, be it written as digits."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def time_ms(value: object) -> int | None:
    """An absolute time in epoch milliseconds, of seconds or milliseconds or ISO 8601 with its zone.

    None where it is no time, or one outside 2005 to 2100, which no event of a platform has.
    """
    number = integer(value)
    if number is None and isinstance(value, float):
        number = int(value)
    if number is None and isinstance(value, str):
        number = _iso_ms(value)
    if number is None:
        return None
    moment = number * 1000 if number < 100_000_000_000 else number
    return moment if _EARLIEST_MS <= moment < _LATEST_MS else None


def _iso_ms(value: str) -> int | None:
    try:
        moment = datetime.fromisoformat(value)
        return int(moment.timestamp() * 1000) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None

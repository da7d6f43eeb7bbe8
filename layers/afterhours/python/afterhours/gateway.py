"""What API Gateway's HTTP API hands to a function, as it was on the wire."""

import base64
import re
from collections.abc import Mapping
from typing import Any

_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")


class BodyTooLarge(ValueError):
    """More bytes than the function takes."""


class BodyUnreadable(ValueError):
    """The event does not say what the bytes were."""


def raw_body(event: Mapping[str, Any], limit: int) -> bytes:
    """The exact bytes; empty where there is no body. Raises BodyTooLarge before decoding, BodyUnreadable."""
    body, encoded = event.get("body"), event.get("isBase64Encoded", False)
    if body is None:
        return b""
    if not isinstance(body, str) or not isinstance(encoded, bool):
        raise BodyUnreadable
    if not encoded:
        if len(body) > limit:
            raise BodyTooLarge
        raw = body.encode("utf-8", "surrogatepass")
    else:
        if len(body) > 4 * (limit // 3 + 1):
            raise BodyTooLarge
        # The pattern first: how strict validate=True is depends on the version of Python.
        if len(body) % 4 or not _BASE64.fullmatch(body):
            raise BodyUnreadable
        raw = base64.b64decode(body, validate=True)
    if len(raw) > limit:
        raise BodyTooLarge
    return raw


def headers(event: Mapping[str, Any]) -> dict[str, str]:
    """Header names in lower case."""
    return {str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()}

"""Who writes in a web chat: our session token and the customer's `user_token`. Pure.

A session is `v1.<base64url JSON>.<hex HMAC-SHA256>` over the site and the claims. A user token is a JWT made by
the customer's own server: HS256 and nothing else, `aud` the site, `exp` at most an hour ahead, `sub` the user, and
`nbf` respected where it is there.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

SESSION_MS = 24 * 3_600_000
USER_TOKEN_MS = 3_600_000
LEEWAY_S = 60  # the clock of the customer's server may be ahead of ours

_SESSION = re.compile(r"(v1\.([A-Za-z0-9_-]{1,2000}))\.([0-9a-f]{64})")
_JWT = re.compile(r"(([A-Za-z0-9_-]{1,500})\.([A-Za-z0-9_-]{1,4000}))\.([A-Za-z0-9_-]{43})")
_SUBJECT = re.compile(r"[!-~]{1,128}")


class Visitor(NamedTuple):
    """`contact_id` is `v_<32 hex>` for an anonymous visitor, `u:<sub>` for one the customer's server knows."""

    contact_id: str
    name: str | None = None
    email: str | None = None
    locale: str | None = None


def make_session(site: str, visitor: Visitor, expires_ms: int, secret: str) -> str:
    claims = {"exp": expires_ms, **{name: value for name, value in visitor._asdict().items() if value is not None}}
    signed = "v1." + _encode(json.dumps(claims, separators=(",", ":")).encode())
    return f"{signed}.{_session_mac(site, signed, secret).hex()}"


def read_session(token: str, site: str, secrets: Sequence[str], now_ms: int) -> tuple[Visitor, int] | None:
    """The visitor and when the session ends; None for a token that is not ours, not this site's, or over."""
    match = _SESSION.fullmatch(token)
    if not match:
        return None
    given = bytes.fromhex(match[3])
    if not _any_equal(given, [_session_mac(site, match[1], secret) for secret in secrets]):
        return None
    claims = _decode(match[2])
    expires_ms = int(claims.pop("exp"))
    return (Visitor(**claims), expires_ms) if now_ms < expires_ms else None


def read_user_token(token: str, site: str, secrets: Sequence[str], now_ms: int) -> Visitor | None:
    """The user that the customer's server vouches for; None for any other token."""
    match = _JWT.fullmatch(token)
    if not match:
        return None
    macs = [
        hmac.digest(secret.encode("utf-8", "surrogatepass"), match[1].encode(), hashlib.sha256) for secret in secrets
    ]
    if not _any_equal(match[4].encode(), [_encode(mac).encode() for mac in macs]):
        return None
    try:
        header, claims = _decode(match[2]), _decode(match[3])
    except (ValueError, RecursionError):
        return None
    if header.get("alg") != "HS256" or "crit" in header or claims.get("aud") != site:
        return None
    expires_s, subject = claims.get("exp"), claims.get("sub")
    if type(expires_s) is not int or not now_ms < expires_s * 1000 <= now_ms + USER_TOKEN_MS:
        return None
    begins_s = claims.get("nbf", 0)
    if type(begins_s) is not int or begins_s > now_ms // 1000 + LEEWAY_S:
        return None
    if not isinstance(subject, str) or not _SUBJECT.fullmatch(subject):
        return None
    return Visitor(f"u:{subject}", name=_line(claims.get("name"), 200), email=_line(claims.get("email"), 254))


def _session_mac(site: str, signed: str, secret: str) -> bytes:
    # The prefix keeps the two kinds of token apart although one secret signs both.
    return hmac.digest(
        secret.encode("utf-8", "surrogatepass"), f"afterhours.webchat\n{site}\n{signed}".encode(), hashlib.sha256
    )


def _any_equal(given: bytes, expected: Sequence[bytes]) -> bool:
    return sum(hmac.compare_digest(given, one) for one in expected) > 0  # no short cut: every secret is compared


def _line(value: Any, limit: int) -> str | None:
    """One line of printable text, or None."""
    return value if isinstance(value, str) and 0 < len(value) <= limit and value.isprintable() else None


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> dict[str, Any]:
    """Raises ValueError for anything but a JSON object."""
    value = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 - one exception for every shape
    return value

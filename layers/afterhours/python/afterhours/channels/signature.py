"""HMAC-SHA256 signatures in hex or base64, as platforms put them into a header.

Verification answers yes or no to anything whatever: it never raises and, without a secret, never says yes.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence


def sign(body: bytes, secret: str) -> str:
    """The digest of the body, 64 lower-case hex digits."""
    return _digest(body, secret).hex()


def sign_base64(body: bytes, secret: str) -> str:
    """The digest of the body in base64, with its padding."""
    return base64.b64encode(_digest(body, secret)).decode("ascii")


def _digest(body: bytes, secret: str) -> bytes:
    # surrogatepass: a secret out of a JSON record may hold what UTF-8 cannot encode, and must not raise.
    return hmac.digest(secret.encode("utf-8", "surrogatepass"), body, hashlib.sha256)


def verify(
    body: bytes,
    header: str | None,
    secrets: Sequence[str],
    *,
    prefix: str = "",
    signed: Callable[[bytes, str], str] = sign,
) -> bool:
    """Is the header exactly `prefix` and the body's digest under one of the secrets, as `signed` writes it?

    Empty secrets are ignored. A single text in place of a list is a mistake of the configuration: its
    letters would each be a secret.
    """
    if not isinstance(body, bytes) or not isinstance(header, str) or not header.startswith(prefix):
        return False
    # compare_digest refuses text outside ASCII, so the header is compared as bytes, and undecoded: a lenient decoder
    # would take many texts for one digest.
    given = header[len(prefix) :].encode("utf-8", "surrogatepass")
    if isinstance(secrets, str) or not isinstance(secrets, Sequence):
        return False
    matched = False
    for secret in secrets:  # all of them, so that the time taken does not tell which one matched
        if isinstance(secret, str) and secret:
            matched |= hmac.compare_digest(signed(body, secret).encode("ascii"), given)
    return matched

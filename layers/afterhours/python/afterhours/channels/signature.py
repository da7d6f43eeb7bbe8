"""HMAC-SHA256 signatures in hex, as Meta and others put them into a header.

Verification answers yes or no to anything whatever: it never raises and, without a secret, never says yes.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence

_DIGEST = re.compile(rb"[0-9a-f]{64}")


def sign(body: bytes, secret: str) -> str:
    """The digest of the body, 64 lower-case hex digits."""
    # surrogatepass: a secret out of a JSON record may hold what UTF-8 cannot encode, and must not raise.
    return hmac.new(secret.encode("utf-8", "surrogatepass"), body, hashlib.sha256).hexdigest()


def verify(body: bytes, header: str | None, secrets: Sequence[str], *, prefix: str = "") -> bool:
    """Is the header exactly `prefix` and the body's digest under one of the secrets?

    Empty secrets are ignored. A single text in place of a list is a mistake of the configuration: its
    letters would each be a secret.
    """
    if not isinstance(body, bytes) or not isinstance(header, str) or not header.startswith(prefix):
        return False
    # compare_digest refuses text outside ASCII, so the header is compared as bytes, its form checked first.
    given = header[len(prefix) :].encode("utf-8", "surrogatepass")
    if not _DIGEST.fullmatch(given) or isinstance(secrets, str) or not isinstance(secrets, Sequence):
        return False
    matched = False
    for secret in secrets:  # all of them, so that the time taken does not tell which one matched
        if isinstance(secret, str) and secret:
            matched |= hmac.compare_digest(sign(body, secret).encode("ascii"), given)
    return matched

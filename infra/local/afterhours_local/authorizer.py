"""The JWT authorizer of an HTTP API: who the token says it is, whether its issuer signed that, and what it may do."""

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jwt

_ALGORITHMS = ["RS256", "RS384", "RS512"]


class Unauthorized(Exception):
    """No token, or not one of this issuer for this audience, now: 401."""


class Forbidden(Exception):
    """A good token without the scope: 403."""


class JwtAuthorizer:
    """`keys_url` is where the issuer's keys are on this machine; `now` is the gateway's clock, in seconds."""

    def __init__(
        self, *, issuer: str, audience: Sequence[str], keys_url: str, now: Callable[[], float] = time.time
    ) -> None:
        self._issuer = issuer
        self._audience = frozenset(audience)
        self._keys_url = keys_url
        self._now = now
        self._keys: dict[str, jwt.PyJWK] = {}
        self._lock = threading.Lock()

    def authorize(self, header: str | None, scopes: Sequence[str]) -> dict[str, Any]:
        """What the event gets as `requestContext.authorizer`. Raises Unauthorized, Forbidden."""
        claims = self._claims((header or "").strip())
        granted = str(claims.get("scope") or claims.get("scp") or "").split()
        if scopes and not set(scopes) & set(granted):
            raise Forbidden
        return {
            "jwt": {
                "claims": {name: _as_text(value) for name, value in claims.items()},
                "scopes": [scope for scope in scopes if scope in granted] or None,
            }
        }

    def _claims(self, header: str) -> Mapping[str, Any]:
        token = header[7:].strip() if header[:7].lower() == "bearer " else header
        try:
            key = self._key(str(jwt.get_unverified_header(token).get("kid")))
            # The times are ours to check, against the clock that we were given.
            claims = jwt.decode(
                token,
                key,
                algorithms=_ALGORITHMS,
                issuer=self._issuer,
                options={"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except jwt.PyJWTError as error:
            raise Unauthorized(str(error)) from error
        audience = claims.get("aud") or claims.get("client_id")
        if not self._audience & set(audience if isinstance(audience, list) else [audience]):
            raise Unauthorized("another audience")
        now = self._now()
        if not _number(claims, "exp", 0) > now:
            raise Unauthorized("expired")
        if _number(claims, "nbf", now) > now or _number(claims, "iat", now) > now + 1:
            raise Unauthorized("not yet valid")
        return claims

    def _key(self, kid: str) -> jwt.PyJWK:
        with self._lock:
            if kid not in self._keys:
                self._keys = self._read_keys()
            if kid not in self._keys:
                raise Unauthorized("signed with an unknown key")
            return self._keys[kid]

    def _read_keys(self) -> dict[str, jwt.PyJWK]:
        try:
            with urllib.request.urlopen(self._keys_url, timeout=5) as answer:  # noqa: S310  our own engine
                return {each["kid"]: jwt.PyJWK(each) for each in json.load(answer)["keys"]}
        except OSError as error:
            raise Unauthorized("the keys of the issuer cannot be read") from error


def _number(claims: Mapping[str, Any], name: str, default: float) -> float:
    value = claims.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unauthorized(f"{name} is not a number")
    return value


def _as_text(value: Any) -> str:
    """API Gateway hands every claim on as text, a list as its items in brackets."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return f"[{' '.join(_as_text(each) for each in value)}]"
    return json.dumps(value)

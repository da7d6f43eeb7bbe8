"""joserfc as a second implementation of JWT: it makes the user tokens that our endpoint takes, and refuses those that
our endpoint refuses."""

import json
from typing import Any

import pytest
import webchat
from afterhours.channels.webchat_session import LEEWAY_S
from backend import Backend, Clock
from http_api import request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

SITE = "hotel-jadran-7f3a9c"
SECRET = "site-secret-of-thirty-two-bytes-or-more"
GUEST = "guest-42"


@pytest.fixture
def site(aws: Backend) -> Backend:
    aws.put_app("webchat", SITE, secrets=[SECRET], origins=["https://www.hotel.example"])
    return aws


def token(clock: Clock, *, secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    """Made by joserfc; a whole number below 100,000 counts from now."""
    claims = {"sub": GUEST, "aud": SITE, "exp": 600, "name": "Ana", **changes}
    for name in ("exp", "nbf", "iat"):
        if type(claims.get(name)) is int:
            claims[name] += clock.ms // 1000
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode({"alg": algorithm}, claims, OctKey.import_key(secret), algorithms=[algorithm])


def is_good_to_joserfc(made: str, clock: Clock) -> bool:
    demands = {name: {"essential": True} for name in ("sub", "exp")}
    registry = jwt.JWTClaimsRegistry(
        now=clock.ms // 1000, leeway=LEEWAY_S, aud={"essential": True, "value": SITE}, **demands
    )
    try:
        registry.validate(jwt.decode(made, OctKey.import_key(SECRET), algorithms=["HS256"]).claims)
    except JoseError:
        return False
    return True


def begun(made: str) -> tuple[int, Any]:
    """What our endpoint makes of it: the status and the visitor."""
    event = request(
        "POST", "/webchat/{site}/session", {"site": SITE},
        headers={"content-type": "application/json"}, body=json.dumps({"user_token": made}).encode(),
    )  # fmt: skip
    answer = webchat.lambda_handler(event, None)
    return answer["statusCode"], json.loads(answer["body"]).get("visitor_id")


GOOD: dict[str, dict[str, Any]] = {
    "plain": {},
    "of a moment ago": {"iat": 0, "nbf": 0},
    "of a clock ahead": {"nbf": LEEWAY_S},
    "for an hour": {"exp": 3600},
    "with more claims": {"iss": "hotel.example", "jti": "1", "scope": "chat"},
}
BAD: dict[str, dict[str, Any]] = {
    "over": {"exp": -LEEWAY_S - 1},
    "without end": {"exp": None},
    "not yet": {"nbf": LEEWAY_S + 1},
    "from an unreadable time": {"nbf": "now"},
    "for another site": {"aud": "another"},
    "for no site": {"aud": None},
    "for nobody": {"sub": None},
    "of somebody else": {"secret": "a-secret-of-somebody-else-32-bytes-long"},
    "of another algorithm": {"secret": SECRET + "x" * 40, "algorithm": "HS512"},
}
# Good JWTs that our contract refuses: they would live too long, or be for several, or name no id of ours.
OURS_ALONE: dict[str, dict[str, Any]] = {
    "for a day": {"exp": 86_400},
    "for several sites": {"aud": [SITE, "another"]},
    "of a name with a blank": {"sub": "Ana B"},
}


@pytest.mark.parametrize("changes", GOOD.values(), ids=GOOD)
def test_a_token_that_joserfc_made_opens_a_session(site: Backend, clock: Clock, changes: dict[str, Any]) -> None:
    made = token(clock, **changes)
    assert is_good_to_joserfc(made, clock)
    assert begun(made) == (201, f"u:{GUEST}")


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD)
def test_what_joserfc_refuses_we_refuse(site: Backend, clock: Clock, changes: dict[str, Any]) -> None:
    made = token(clock, **changes)
    assert not is_good_to_joserfc(made, clock)
    assert begun(made) == (401, None)


@pytest.mark.parametrize("changes", OURS_ALONE.values(), ids=OURS_ALONE)
def test_what_our_contract_refuses_beyond_that(site: Backend, clock: Clock, changes: dict[str, Any]) -> None:
    made = token(clock, **changes)
    assert is_good_to_joserfc(made, clock)
    assert begun(made) == (401, None)

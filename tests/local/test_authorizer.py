"""The JWT authorizer, with tokens signed for real."""

import json

import jwt
import pytest
from afterhours_local.authorizer import Forbidden, JwtAuthorizer, Unauthorized
from cryptography.hazmat.primitives.asymmetric import rsa

ISSUER = "https://issuer.example/pool"
NOW = 1_700_000_000
CLAIMS = {
    "iss": ISSUER,
    "sub": "s-1",
    "client_id": "client",
    "token_use": "access",
    "scope": "openid small/read",
    "exp": NOW + 60,
    "iat": NOW - 60,
    "cognito:groups": ["a", "b"],
    "email_verified": True,
}


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def door(key, tmp_path):
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    keys = tmp_path / "jwks.json"
    keys.write_text(json.dumps({"keys": [public | {"kid": "k-1", "alg": "RS256"}]}))
    return JwtAuthorizer(issuer=ISSUER, audience=["client"], keys_url=keys.as_uri(), now=lambda: NOW)


def signed(key, *, kid="k-1", algorithm="RS256", without=(), **spoilt):
    claims = {name: value for name, value in (CLAIMS | spoilt).items() if name not in without}
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid})


@pytest.mark.parametrize("prefix", ["Bearer ", "bearer ", ""])
def test_a_good_token_gives_its_claims_as_text(door, key, prefix):
    authorizer = door.authorize(prefix + signed(key), ["small/read"])
    assert authorizer["jwt"]["scopes"] == ["small/read"]
    claims = authorizer["jwt"]["claims"]
    assert claims["exp"] == str(NOW + 60)
    assert claims["cognito:groups"] == "[a b]"
    assert claims["email_verified"] == "true"


@pytest.mark.parametrize(
    "spoilt",
    [
        {"iss": "https://issuer.example/other"},
        {"client_id": "other"},
        {"aud": "other"},
        {"aud": ["other", "more"]},
        {"exp": NOW},
        {"exp": "later"},
        {"nbf": NOW + 5},
        {"iat": NOW + 5},
        {"without": ("exp",)},
        {"without": ("client_id",)},
        {"kid": "k-2"},
        {"algorithm": "PS256"},
    ],
)
def test_one_thing_spoilt_is_unauthorized(door, key, spoilt):
    with pytest.raises(Unauthorized):
        door.authorize(f"Bearer {signed(key, **spoilt)}", ["small/read"])


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer x", "Basic abc", "Bearer a.b.c", "Bearer ž"])
def test_what_is_no_token_is_unauthorized(door, header):
    with pytest.raises(Unauthorized):
        door.authorize(header, ["small/read"])


def test_a_token_signed_by_somebody_else_is_unauthorized(door):
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(Unauthorized):
        door.authorize(signed(stranger), [])


def test_an_unsigned_token_is_unauthorized(door):
    with pytest.raises(Unauthorized):
        door.authorize(jwt.encode(CLAIMS, None, algorithm="none", headers={"kid": "k-1"}), [])


def test_a_token_signed_with_the_public_key_as_a_secret_is_unauthorized(door, key):
    with pytest.raises(Unauthorized):
        door.authorize(jwt.encode(CLAIMS, "x" * 64, algorithm="HS256", headers={"kid": "k-1"}), [])


def test_a_good_token_without_the_scope_is_forbidden(door, key):
    with pytest.raises(Forbidden):
        door.authorize(signed(key, scope="openid"), ["small/read"])


def test_an_audience_counts_before_the_client_id(door, key):
    assert door.authorize(signed(key, aud="client", client_id="other"), [])


def test_without_the_issuers_keys_nobody_is_let_in(key, tmp_path):
    missing = (tmp_path / "none.json").as_uri()
    door = JwtAuthorizer(issuer=ISSUER, audience=["client"], keys_url=missing, now=lambda: NOW)
    with pytest.raises(Unauthorized):
        door.authorize(signed(key), [])

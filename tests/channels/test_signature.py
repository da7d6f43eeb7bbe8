"""The signature of Meta's webhooks: one good request, spoilt in one way at a time (reliability.md C10)."""

import hashlib
import hmac
import json
from typing import Any

import pytest
from afterhours.channels import meta_source, signature
from afterhours.channels.contract import Request
from hypothesis import given
from hypothesis import strategies as st

SECRET = "0f3b8d1a6c9e47f2b5d08a7c3e6f9b12"
OTHER = "90a1b2c3d4e5f60718293a4b5c6d7e8f"
BODY = b'{"object":"page","entry":[{"id":"1","time":1,"messaging":[{"message":{"text":"\\u0107\\/"}}]}]}'


def digest(body: bytes = BODY, secret: str = SECRET, algorithm: Any = hashlib.sha256) -> str:
    return hmac.new(secret.encode(), body, algorithm).hexdigest()


def verified(header: str | None, *, body: bytes = BODY, secrets: Any = (SECRET,), name: str = "256") -> bool:
    headers = {} if header is None else {"x-hub-signature" + (f"-{name}" if name else ""): header}
    return meta_source.verify(Request("POST", headers, {}, body), secrets)


def test_a_right_signature_is_accepted() -> None:
    assert verified("sha256=" + digest())


def test_the_source_signs_as_it_verifies() -> None:
    assert meta_source.verify(Request("POST", meta_source.sign(BODY, SECRET), {}, BODY), [SECRET])


def test_any_of_the_secrets_will_do() -> None:
    header = "sha256=" + digest()
    assert verified(header, secrets=[OTHER, SECRET])
    assert verified(header, secrets=[SECRET, OTHER])
    assert not verified(header, secrets=[OTHER])


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "sha256=",
        digest(),
        "SHA256=" + digest(),
        "sha256=" + digest().upper(),
        "sha256=" + digest()[:-1],
        "sha256=" + digest() + "0",
        "sha256=" + digest() + " ",
        "sha256=" + digest() + "\n",
        " sha256=" + digest(),
        "sha256=" + digest(algorithm=hashlib.sha1),
        "sha1=" + digest(algorithm=hashlib.sha1),
        "sha256=" + digest(b""),
        "sha256=" + digest(secret=OTHER),
        "sha256=" + digest(secret=""),
        "sha256=" + digest(BODY + b"\n"),
        "sha256=" + digest(json.dumps(json.loads(BODY)).encode()),
        "sha256=" + digest(BODY.replace(b"\\u0107", "ć".encode())),
        "sha256=" + digest(b"\xef\xbb\xbf" + BODY),
        "sha256=" + digest() + ",sha256=" + digest(),
        "sha256=" + "０" * 64,
        "sha256=" + digest()[:-1] + "é",
        "sha256=" + digest()[:-1] + "\ud800",
        "sha256=" * 10_000 + digest(),
    ],
)
def test_everything_else_is_refused(header: str | None) -> None:
    assert not verified(header)


@pytest.mark.parametrize(
    "body", [BODY + b"\n", BODY[:-1], b"", b"\xef\xbb\xbf" + BODY, json.dumps(json.loads(BODY)).encode()]
)
def test_a_signature_is_for_its_own_bytes(body: bytes) -> None:
    assert not verified("sha256=" + digest(), body=body)


def test_the_legacy_header_counts_for_nothing() -> None:
    assert not verified("sha1=" + digest(algorithm=hashlib.sha1), name="")
    assert not verified("sha256=" + digest(), name="")


@pytest.mark.parametrize("secrets", [[], [""], ["", ""], None, "", 7, [None], [7], {}, {SECRET: 1}])
def test_without_a_secret_nothing_is_signed(secrets: Any) -> None:
    assert not verified("sha256=" + digest(), secrets=secrets)
    assert not verified("sha256=" + digest(secret=""), secrets=secrets)


def test_a_text_in_place_of_the_list_is_no_list_of_letters() -> None:
    assert not verified("sha256=" + digest(secret="a"), secrets="abc")
    assert not verified("sha256=" + digest(secret=SECRET), secrets=SECRET)


@pytest.mark.parametrize("body", [None, "text", 7])
def test_a_body_that_is_no_bytes_is_refused(body: Any) -> None:
    assert not verified("sha256=" + digest(), body=body)


def test_a_secret_that_utf8_cannot_encode_does_not_raise() -> None:
    assert not verified("sha256=" + digest(), secrets=["\ud800"])


@given(st.binary(max_size=200), st.one_of(st.none(), st.text(max_size=80)), st.lists(st.text(max_size=10), max_size=3))
def test_verification_answers_yes_or_no_to_anything(body: bytes, header: str | None, secrets: list[str]) -> None:
    assert signature.verify(body, header, secrets, prefix="sha256=") is False


@given(st.binary(max_size=300), st.text(min_size=1, max_size=40))
def test_what_is_signed_verifies(body: bytes, secret: str) -> None:
    assert signature.verify(body, signature.sign(body, secret), ["x" + secret, secret])

"""What the secrets store answers when SSM is slow to learn, down, flooded or lied to."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from afterhours.stores import secrets
from backend import Backend, Clock
from botocore.exceptions import EndpointConnectionError
from counting import answered, counted, failing

READ = "ssm.GetParameter"


def down() -> Exception:
    return EndpointConnectionError(endpoint_url="https://ssm.invalid")


@pytest.fixture
def main_app(aws: Backend) -> Backend:
    aws.put_app("meta", "main", secrets=["first"])
    return aws


def test_a_secret_is_read_once_in_five_minutes(main_app: Backend, clock: Clock) -> None:
    with counted() as calls:
        for _ in range(30):
            assert secrets.app_credentials("meta", "main") == {"secrets": ["first"]}
            clock.advance(9.9)
    assert calls == {READ: 1}


def test_a_changed_secret_is_seen_after_five_minutes(main_app: Backend, clock: Clock) -> None:
    secrets.app_credentials("meta", "main")
    main_app.put_app("meta", "main", secrets=["second"])
    clock.advance(299)
    assert secrets.app_credentials("meta", "main") == {"secrets": ["first"]}
    clock.advance(1)
    assert secrets.app_credentials("meta", "main") == {"secrets": ["second"]}


def test_an_unknown_app_is_none_and_asked_for_again_after_thirty_seconds(aws: Backend, clock: Clock) -> None:
    with counted() as calls:
        for _ in range(10):
            assert secrets.app_credentials("meta", "new") is None
            clock.advance(2.9)
        assert calls == {READ: 1}
        aws.put_app("meta", "new", secrets=["s"])
        clock.advance(1)
        assert secrets.app_credentials("meta", "new") == {"secrets": ["s"]}


@pytest.mark.parametrize(
    ("source", "app"),
    [
        ("meta", "../main"),
        ("meta", "main/x"),
        ("meta", ""),
        ("", "main"),
        ("META", "main"),
        ("meta", "a" * 65),
        ("meta", "main\n"),
        ("meta", "mäin"),
        ("meta/main", "x"),
        ("..", "main"),
    ],
)
def test_a_name_that_no_app_can_have_is_unknown_without_asking(main_app: Backend, source: str, app: str) -> None:
    with counted() as calls:
        assert secrets.app_credentials(source, app) is None
        assert secrets.refetch(source, app) is None
        assert secrets.token(source, app) is None
    assert calls == {}


def test_a_stale_copy_is_served_for_an_hour_while_ssm_is_down(main_app: Backend, clock: Clock) -> None:
    secrets.app_credentials("meta", "main")
    with failing(READ, down):
        clock.advance(timedelta(minutes=59, seconds=59))
        assert secrets.app_credentials("meta", "main") == {"secrets": ["first"]}
        clock.advance(1)
        with pytest.raises(secrets.SecretsUnavailable):
            secrets.app_credentials("meta", "main")


def test_a_stale_copy_costs_one_attempt_in_thirty_seconds_while_ssm_is_down(main_app: Backend, clock: Clock) -> None:
    secrets.app_credentials("meta", "main")
    clock.advance(300)
    with counted() as calls, failing(READ, down):
        for _ in range(20):
            secrets.app_credentials("meta", "main")
            clock.advance(2.9)
    assert calls == {READ: 2}
    clock.advance(30)
    assert secrets.app_credentials("meta", "main") == {"secrets": ["first"]}


def test_ssm_down_with_nothing_cached_is_our_trouble(main_app: Backend) -> None:
    with failing(READ, down), pytest.raises(secrets.SecretsUnavailable):
        secrets.app_credentials("meta", "main")
    assert secrets.app_credentials("meta", "main") == {"secrets": ["first"]}


def test_ssm_down_after_an_unknown_name_was_forgotten_is_our_trouble(aws: Backend, clock: Clock) -> None:
    assert secrets.app_credentials("meta", "new") is None
    clock.advance(30)
    with failing(READ, down), pytest.raises(secrets.SecretsUnavailable):
        secrets.app_credentials("meta", "new")


def test_an_empty_answer_of_ssm_does_not_make_an_app_unknown(main_app: Backend) -> None:
    with answered(READ, lambda parsed: parsed.clear()), pytest.raises(secrets.SecretsUnavailable):
        secrets.app_credentials("meta", "main")


@pytest.mark.parametrize("value", ["not json", "[]", '"text"', "null"])
def test_a_record_that_cannot_be_read_is_our_trouble(aws: Backend, value: str) -> None:
    aws.put_parameter("app/meta/broken", value)
    with pytest.raises(secrets.SecretsUnavailable):
        secrets.app_credentials("meta", "broken")


@pytest.mark.parametrize("record", [{}, {"secrets": []}, {"secrets": [""]}, {"secrets": None}, {"secrets": "text"}])
def test_a_record_without_a_secret_is_no_service(record: dict[str, object]) -> None:
    with pytest.raises(secrets.SecretsUnavailable):
        secrets.usable(record)


def test_a_rotated_secret_is_seen_by_one_forced_reading(main_app: Backend) -> None:
    secrets.app_credentials("meta", "main")
    main_app.put_app("meta", "main", secrets=["second", "first"])
    assert secrets.refetch("meta", "main") == {"secrets": ["second", "first"]}
    assert secrets.app_credentials("meta", "main") == {"secrets": ["second", "first"]}


def test_a_thousand_mismatches_in_thirty_seconds_are_one_forced_reading(main_app: Backend, clock: Clock) -> None:
    secrets.app_credentials("meta", "main")
    with counted() as calls:
        for _ in range(1000):
            assert secrets.refetch("meta", "main") is None
        assert calls == {READ: 1}
        clock.advance(30)
        secrets.refetch("meta", "main")
        assert calls == {READ: 2}


def test_the_pause_of_forced_readings_outlives_the_copy_in_the_cache(main_app: Backend, clock: Clock) -> None:
    secrets.app_credentials("meta", "main")
    clock.advance(290)
    secrets.refetch("meta", "main")
    clock.advance(20)
    secrets.app_credentials("meta", "main")
    with counted() as calls:
        secrets.refetch("meta", "main")
    assert calls == {}


def test_a_forced_reading_that_fails_keeps_the_copy(main_app: Backend) -> None:
    secrets.app_credentials("meta", "main")
    with failing(READ, down):
        assert secrets.refetch("meta", "main") is None
    assert secrets.app_credentials("meta", "main") == {"secrets": ["first"]}


def test_a_forced_reading_sees_that_an_app_is_gone(main_app: Backend) -> None:
    secrets.app_credentials("meta", "main")
    main_app.delete_parameter("app/meta/main")
    assert secrets.refetch("meta", "main") is None
    assert secrets.app_credentials("meta", "main") is None


def test_a_flood_of_invented_names_does_not_push_out_a_real_one(main_app: Backend) -> None:
    secrets.app_credentials("meta", "main")
    for number in range(secrets.LIMIT + 50):
        assert secrets.app_credentials("meta", f"x{number}") is None
    with counted() as calls:
        secrets.app_credentials("meta", "main")
    assert calls == {}


@pytest.mark.parametrize("put", [lambda aws, app: aws.put_app("meta", app, secrets=["s"]), lambda aws, app: None])
def test_the_cache_holds_so_many_names_and_the_oldest_goes(aws: Backend, put: Callable[[Backend, str], None]) -> None:
    for number in range(secrets.LIMIT + 1):
        put(aws, f"a{number}")
        secrets.app_credentials("meta", f"a{number}")
    with counted() as calls:
        secrets.app_credentials("meta", "a1")
        assert calls == {}
        secrets.app_credentials("meta", "a0")
        assert calls == {READ: 1}


def test_a_token_is_read_by_channel_and_account(aws: Backend) -> None:
    aws.put_parameter("token/whatsapp/106540352242922", json.dumps({"token": "EAAx"}))
    assert secrets.token("whatsapp", "106540352242922") == "EAAx"
    assert secrets.token("whatsapp", "1") is None


@pytest.mark.parametrize("record", [{}, {"token": ""}, {"token": 7}])
def test_a_token_that_is_none_is_our_trouble(aws: Backend, record: dict[str, object]) -> None:
    aws.put_parameter("token/whatsapp/1", json.dumps(record))
    with pytest.raises(secrets.SecretsUnavailable):
        secrets.token("whatsapp", "1")


def test_the_pepper_is_32_bytes_read_once(aws: Backend) -> None:
    with counted() as calls:
        assert secrets.pepper() == secrets.pepper() == bytes.fromhex("5a" * 32)
    assert calls == {READ: 1}


@pytest.mark.parametrize("value", ["5a" * 31, "5A" * 32, "x" * 64])
def test_a_pepper_of_another_shape_is_our_trouble(aws: Backend, value: str) -> None:
    aws.put_parameter("pepper", value)
    with pytest.raises(secrets.SecretsUnavailable):
        secrets.pepper()


def test_without_a_pepper_nothing_is_hashed(aws: Backend) -> None:
    aws.delete_parameter("pepper")
    with pytest.raises(secrets.SecretsUnavailable):
        secrets.pepper()

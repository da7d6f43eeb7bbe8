"""The webhook through its handler: what is refused, what is queued, and what it asks of AWS."""

import base64
import gzip
import hashlib
import hmac
import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import webhook
from afterhours.channels import meta_source
from backend import Backend, Clock
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from counting import answered, counted, failing
from http_api import request

SECRET = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
VERIFY_TOKEN = "verify-me-2026"
ACCESS_TOKEN = "EAAGaccess"
ROUTE = "/hook/{source}/{app}"
PATH = {"source": "meta", "app": "main"}
MESSAGE = {
    "sender": {"id": "6543210987654321"},
    "recipient": {"id": "1234567890"},
    "timestamp": 1772618400000,
    "message": {"mid": "m_A", "text": "Gr\u00fc\u00dfe, ist ge\u00f6ffnet?"},
}
READ, SEND = "ssm.GetParameter", "sqs.SendMessageBatch"
REFUSAL = {
    "statusCode": 401,
    "headers": {"content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff"},
    "body": "unauthorized",
    "isBase64Encoded": False,
}

Event = dict[str, Any]


def delivery(*messages: object, name: str = "page") -> bytes:
    """A body as Meta writes it: ASCII, what is beyond it escaped."""
    entries = [{"id": "1234567890", "time": 1772618400000, "messaging": [message]} for message in messages]
    return json.dumps({"object": name, "entry": entries}, separators=(",", ":")).encode()


BODY = delivery(MESSAGE)


def digest(body: bytes, key: str = SECRET, method: str = "sha256") -> str:
    return hmac.new(key.encode(), body, method).hexdigest()


def post(body: bytes = BODY, *, secret: str = SECRET, app: str = "main", as_base64: bool = False) -> Event:
    headers = {"content-type": "application/json", **meta_source.sign(body, secret)}
    path = {"source": "meta", "app": app}
    return request("POST", ROUTE, path, headers=headers, body=body, as_base64=as_base64)


def signed_with(value: str | None, **changes: Any) -> Event:
    """The valid request with another signature header, or none, and other members of the event."""
    event = post()
    del event["headers"]["x-hub-signature-256"]
    if value is not None:
        event["headers"]["x-hub-signature-256"] = value
    return {**event, **changes}


def get(**query: str) -> Event:
    asked = {"hub.mode": "subscribe", "hub.verify_token": VERIFY_TOKEN, "hub.challenge": "1158201444"}
    dotted = {name.replace("_", ".", 1): value for name, value in query.items()}
    return request("GET", ROUTE, PATH, query={**asked, **dotted})


def call(event: Event) -> Event:
    return webhook.lambda_handler(event, None)


def down() -> Exception:
    return EndpointConnectionError(endpoint_url="https://aws.invalid")


@pytest.fixture
def stack(aws: Backend) -> Backend:
    aws.put_app("meta", "main", secrets=[SECRET], verify_token=VERIFY_TOKEN)
    aws.put_app("meta", "other", secrets=["another-secret"], verify_token="another-token")
    aws.put_parameter("token/messenger/1234567890", json.dumps({"token": ACCESS_TOKEN}))
    return aws


# --- what is refused (rows of the table of signature attempts in brackets)

RIGHT = "sha256=" + digest(BODY)
PLAIN = json.dumps(json.loads(BODY), ensure_ascii=False, separators=(",", ":")).encode()

REFUSED: dict[str, Callable[[], Event]] = {
    "1 no header": lambda: signed_with(None),
    "2 empty header": lambda: signed_with(""),
    "3 prefix alone": lambda: signed_with("sha256="),
    "4 no prefix": lambda: signed_with(digest(BODY)),
    "5 prefix in capitals": lambda: signed_with("SHA256=" + digest(BODY)),
    "6 digits in capitals": lambda: signed_with("sha256=" + digest(BODY).upper()),
    "7 a digit less": lambda: signed_with(RIGHT[:-1]),
    "8 a digit more": lambda: signed_with(RIGHT + "0"),
    "9 space after it": lambda: signed_with(RIGHT + " "),
    "9 newline after it": lambda: signed_with(RIGHT + "\n"),
    "9 space before it": lambda: signed_with(" " + RIGHT),
    "10 SHA-1 in its place": lambda: signed_with("sha1=" + digest(BODY, method="sha1")),
    "11 the legacy header alone": lambda: legacy_header(),
    "12 digest of nothing": lambda: signed_with("sha256=" + digest(b"")),
    "13 keyed with the verify token": lambda: post(secret=VERIFY_TOKEN),
    "14 keyed with the access token": lambda: post(secret=ACCESS_TOKEN),
    "15 keyed with nothing": lambda: signed_with("sha256=" + digest(BODY, "")),
    "17 digest of another body": lambda: signed_with("sha256=" + digest(delivery({**MESSAGE, "timestamp": 1}))),
    "18 newline after the body": lambda: {**post(), "body": BODY.decode() + "\n"},
    "19 written anew": lambda: {**post(), "body": json.dumps(json.loads(BODY))},
    "19 keys in another order": lambda: {**post(), "body": json.dumps(json.loads(BODY), sort_keys=True)},
    "20 escapes undone": lambda: {**post(), "body": PLAIN.decode()},
    "21 byte order mark": lambda: {**post(), "body": "\ufeff" + BODY.decode()},
    "22 gzip of what was signed": lambda: {
        **post(),
        "body": base64.b64encode(gzip.compress(BODY)).decode(),
        "isBase64Encoded": True,
    },
    "23 signature over the base64 text": lambda: {
        **signed_with("sha256=" + digest(base64.b64encode(BODY))),
        "body": base64.b64encode(BODY).decode(),
        "isBase64Encoded": True,
    },
    "25 flagged, and no base64": lambda: {**post(), "isBase64Encoded": True},
    "26 junk in the base64": lambda: {**post(as_base64=True), "body": base64.b64encode(BODY).decode() + "!!!!"},
    "26 newlines in the base64": lambda: {**post(as_base64=True), "body": base64.encodebytes(BODY).decode()},
    "26 two base64 texts in one": lambda: {**post(b"ab", as_base64=True), "body": "YQ==Yg=="},
    "27 the flag is text": lambda: {**post(), "isBase64Encoded": "false"},
    "27 the flag is a number": lambda: {**post(), "isBase64Encoded": 0},
    "28 not ASCII": lambda: signed_with("sha256=" + "\u00e9" * 64),
    "28 digits of another script": lambda: signed_with("sha256=" + "\uff11" * 64),
    "28 a lone surrogate": lambda: signed_with("sha256=\ud800"),
    "29 sent twice, the first right": lambda: signed_with(f"{RIGHT},sha256={'0' * 64}"),
    "29 sent twice, the second right": lambda: signed_with(f"sha256={'0' * 64}, {RIGHT}"),
    "31 in the query": lambda: signed_with(None, queryStringParameters={"x-hub-signature-256": RIGHT}),
    "32 no body": lambda: {name: value for name, value in post().items() if name != "body"},
    "32 null for a body": lambda: {**post(), "body": None},
    "32 an object for a body": lambda: {**post(), "body": {"object": "page"}},
    "32 no headers": lambda: {**post(), "headers": None},
    "33 another app's request": lambda: post(app="other"),
    "34 an unknown app": lambda: post(app="unknown"),
    "34 an unknown app, unsigned": lambda: {**signed_with(None), "pathParameters": {**PATH, "app": "unknown"}},
    "34 an app that no app can be": lambda: {**post(), "pathParameters": {**PATH, "app": "../main"}},
    "34 an unknown source": lambda: {**post(), "pathParameters": {"source": "metaverse", "app": "main"}},
    "34 a module that is no source": lambda: {**post(), "pathParameters": {"source": "contract", "app": "main"}},
    "34 no path at all": lambda: {**post(), "pathParameters": None},
    "a lone surrogate in the body": lambda: {**post(), "body": "\ud800"},
}


def legacy_header() -> Event:
    event = signed_with(None)
    event["headers"]["x-hub-signature"] = "sha1=" + digest(BODY, method="sha1")
    return event


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED.keys())
def test_it_refuses_with_one_and_the_same_answer_and_queues_nothing(stack: Backend, make: Callable[[], Event]) -> None:
    assert call(make()) == REFUSAL
    assert stack.inbound() == []
    assert stack.overflow() == {}


def test_no_answer_tells_a_secret_a_digest_or_a_name(stack: Backend) -> None:
    told = json.dumps([call(make()) for make in REFUSED.values()])
    for word in (
        SECRET,
        VERIFY_TOKEN,
        ACCESS_TOKEN,
        digest(BODY),
        digest(BODY)[:8],
        "main",
        "afterhours",
        "1234567890",
    ):
        assert word not in told


def test_the_log_of_a_delivery_holds_no_text_id_or_signature(stack: Backend, capfd: pytest.CaptureFixture[str]) -> None:
    lines = io.StringIO()
    handler = webhook.logger.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    before = handler.setStream(lines)
    try:
        for event in (post(), signed_with("sha256=" + "0" * 64), post(b"broken"), get(), get(hub_verify_token="x")):
            call(event)
        with failing(SEND, down):
            call(post())
    finally:
        handler.setStream(before)
    logged = lines.getvalue() + "".join(capfd.readouterr())
    told = [json.loads(line).get("message") for line in lines.getvalue().splitlines()]
    assert told == [
        "received", "refused", "malformed", "received", "handshake answered", "handshake answered", "failed"
    ]  # fmt: skip
    for word in ("sha256", "sender", "6543210987654321", "m_A", "ffnet", "broken", VERIFY_TOKEN, SECRET, "1158201444"):
        assert word not in logged


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
def test_another_method_is_405_also_with_a_right_signature(stack: Backend, method: str) -> None:
    event = post()
    event["requestContext"]["http"]["method"] = method
    assert call(event)["statusCode"] == 405
    assert stack.inbound() == []


def test_five_mebibytes_are_too_large_before_anything_is_read_or_hashed(stack: Backend) -> None:
    big = b"x" * (5 * 1024 * 1024)
    with counted() as calls:
        for event in (post(big), post(big, as_base64=True), signed_with(None, body=big.decode())):
            assert call(event)["statusCode"] == 413
    assert calls == {}
    assert stack.inbound() == []


@pytest.mark.parametrize("as_base64", [False, True])
def test_one_byte_over_four_mebibytes_is_too_large(stack: Backend, as_base64: bool) -> None:
    assert call(post(b"x" * (4 * 1024 * 1024 + 1), as_base64=as_base64))["statusCode"] == 413


def test_the_limit_counts_bytes_not_characters(stack: Backend) -> None:
    assert call(post("\u00e4".encode() * (2 * 1024 * 1024 + 1)))["statusCode"] == 413


# --- what is accepted


def test_a_signed_message_is_one_event_on_the_queue(stack: Backend, clock: Clock) -> None:
    assert call(post())["statusCode"] == 200
    (message,) = stack.inbound()
    assert message == {
        "v": 1,
        "type": "event",
        "source": "meta",
        "app": "main",
        "received_ms": clock.ms,
        "piece": json.loads(BODY),
    }


def test_what_is_queued_is_ascii_on_the_wire(stack: Backend) -> None:
    """SQS refuses some characters outright; escaped they cannot meet it."""
    body = delivery({**MESSAGE, "message": {"mid": "m", "text": "\u0001\ufffe\u2028\U0001f600"}})
    assert call(post(body))["statusCode"] == 200
    (sent,) = stack.bodies(stack.inbound_url)
    assert sent.isascii()
    assert sent.isprintable()


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(lambda: post(as_base64=True), id="24 base64, signed over the bytes"),
        pytest.param(lambda: odd_case(), id="30 header name in odd case"),
        pytest.param(lambda: post(delivery(MESSAGE, name="instagram")), id="35 another channel of the app"),
        pytest.param(lambda: post(delivery({**MESSAGE, "recipient": {"id": "9"}})), id="36 a page that is not ours"),
    ],
)
def test_controls_are_accepted_and_queued(stack: Backend, event: Callable[[], Event]) -> None:
    assert call(event())["statusCode"] == 200
    assert [message["type"] for message in stack.inbound()] == ["event"]


def odd_case() -> Event:
    event = signed_with(None)
    event["headers"]["x-HUB-signature-256"] = RIGHT
    return event


def test_a_redelivery_is_accepted_and_queued_again(stack: Backend, clock: Clock) -> None:
    """59: the webhook remembers nothing; that nothing comes of the copy is the worker's doing."""
    assert call(post())["statusCode"] == 200
    clock.advance(1)
    assert call(post())["statusCode"] == 200
    clock.advance(timedelta(days=6))
    assert call(post())["statusCode"] == 200
    assert [message["piece"] for message in stack.inbound()] == [json.loads(BODY)] * 3


def test_every_event_of_a_delivery_is_a_message_of_its_own_in_order(stack: Backend) -> None:
    mids = [f"m_{number}" for number in range(23)]
    body = delivery(*({**MESSAGE, "message": {"mid": mid, "text": "x"}} for mid in mids))
    with counted() as calls:
        assert call(post(body))["statusCode"] == 200
    assert calls == {READ: 1, SEND: 3}
    pieces = [message["piece"] for message in stack.inbound()]
    assert sorted(piece["entry"][0]["messaging"][0]["message"]["mid"] for piece in pieces) == sorted(mids)


def test_a_delivery_without_an_entry_is_accepted_and_queues_nothing(stack: Backend) -> None:
    with counted() as calls:
        assert call(post(b'{"object":"page","entry":[]}'))["statusCode"] == 200
    assert calls == {READ: 1}


NOT_UNDERSTOOD = {
    "61 NaN": b'{"object":"page","entry":[{"id":"1","time":NaN,"messaging":[{}]}]}',
    "61 100,000 arrays deep": b'{"object":"page","entry":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "61 half of the arrays": b"[" * 100_000,
    "62 not JSON": b"hello",
    "62 nothing": b"",
    "62 not UTF-8": b'{"object":"\xff"}',
    "62 a list": b"[]",
    "62 a number": b"1",
    "62 entry is no list": b'{"object":"page","entry":{}}',
    "62 no object": b'{"entry":[{}]}',
}


@pytest.mark.parametrize("body", NOT_UNDERSTOOD.values(), ids=NOT_UNDERSTOOD.keys())
def test_a_signed_body_that_is_not_understood_is_kept_whole_and_counted(
    stack: Backend, body: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    event = post(body, as_base64=True)
    assert call(event)["statusCode"] == 200
    messages = stack.inbound()
    kept = stack.overflow()
    if kept:
        assert [message["key"] for message in messages] == list(kept)
        messages = [json.loads(one) for one in kept.values()]
    assert [(message["type"], base64.b64decode(message["body_b64"])) for message in messages] == [("raw", body)]
    assert '"Malformed"' in capfd.readouterr().out


CLEANED = {
    "61 1e999": b'{"object":"page","entry":[{"id":"1","time":1e999,"messaging":[{"sender":{"id":"1"}}]}]}',
    "61 5,000 digits": b'{"object":"page","entry":[{"id":"1","messaging":[{"timestamp":' + b"9" * 5000 + b"}]}]}",
    "61 a key twice": b'{"object":"x","object":"page","entry":[{"id":"1","messaging":[{"a":1,"a":2}]}]}',
    "61 a lone surrogate": b'{"object":"page","entry":[{"id":"1","messaging":[{"message":{"text":"\\ud800"}}]}]}',
    "61 NUL": b'{"object":"page","entry":[{"id":"1","messaging":[{"message":{"text":"a\\u0000b"}}]}]}',
}


@pytest.mark.parametrize("body", CLEANED.values(), ids=CLEANED.keys())
def test_a_signed_body_with_strange_values_is_accepted_and_queued(stack: Backend, body: bytes) -> None:
    assert call(post(body))["statusCode"] == 200
    (message,) = stack.inbound()
    json.dumps(message).encode("ascii")
    json.dumps(message, ensure_ascii=False, allow_nan=False).encode("utf-8")  # what comes after us can store it


# --- large events


def large(characters: int) -> bytes:
    return delivery({**MESSAGE, "message": {"mid": "m", "text": "x" * characters}})


@pytest.mark.parametrize("as_base64", [False, True])
def test_four_signed_mebibytes_go_to_the_bucket_and_their_key_on_the_queue(
    stack: Backend, clock: Clock, as_base64: bool
) -> None:
    body = large(4 * 1024 * 1024 - len(large(0)))
    assert len(body) == 4 * 1024 * 1024
    with counted() as calls:
        assert call(post(body, as_base64=as_base64))["statusCode"] == 200
    assert calls == {READ: 1, "s3.PutObject": 1, SEND: 1}
    (message,) = stack.inbound()
    ((key, kept),) = stack.overflow().items()
    assert message == {
        "v": 1, "type": "overflow", "source": "meta", "app": "main", "received_ms": clock.ms, "key": key
    }  # fmt: skip
    assert key == f"meta/2026/03/04/{hashlib.sha256(kept).hexdigest()}"
    held = json.loads(kept.decode("ascii"))
    assert (held["type"], held["piece"], held["received_ms"]) == ("event", json.loads(body), clock.ms)


def test_only_what_is_larger_than_200_kibibytes_goes_to_the_bucket(stack: Backend) -> None:
    call(post())
    around = len(json.dumps(stack.inbound()[0], separators=(",", ":"))) - len(BODY) + len(large(0))
    assert call(post(large(200 * 1024 - around)))["statusCode"] == 200
    assert (stack.overflow(), [message["type"] for message in stack.inbound()]) == ({}, ["event"])
    assert call(post(large(200 * 1024 - around + 1)))["statusCode"] == 200
    assert (len(stack.overflow()), [message["type"] for message in stack.inbound()]) == (1, ["overflow"])


def test_large_events_of_one_delivery_are_sent_in_batches_of_a_mebibyte(stack: Backend) -> None:
    body = delivery(*({**MESSAGE, "message": {"mid": f"m{n}", "text": "x" * 190_000}} for n in range(7)))
    with counted() as calls:
        assert call(post(body))["statusCode"] == 200
    assert calls == {READ: 1, SEND: 2}
    assert len(stack.inbound()) == 7


# --- our own trouble is 503, and nothing is acknowledged


def unavailable(event: Event) -> bool:
    answer = call(event)
    return (answer["statusCode"], answer["body"]) == (503, "unavailable")


@pytest.mark.parametrize("record", [{}, {"secrets": []}, {"secrets": [""]}, {"secrets": None}])
def test_without_a_secret_there_is_no_service(stack: Backend, record: dict[str, Any]) -> None:
    """16: also for a digest keyed with the empty text."""
    stack.put_app("meta", "main", **record)
    assert unavailable(signed_with("sha256=" + digest(BODY, "")))
    assert unavailable(post())
    assert stack.inbound() == []


def test_ssm_down_with_nothing_cached_is_503_also_for_a_bad_signature(stack: Backend) -> None:
    with failing(READ, down):
        assert unavailable(post())
        assert unavailable(signed_with(None))
        assert unavailable(get())
    assert stack.inbound() == []
    assert call(post())["statusCode"] == 200


def test_ssm_down_with_a_copy_up_to_an_hour_old_changes_nothing(stack: Backend, clock: Clock) -> None:
    call(post())
    with failing(READ, down):
        clock.advance(timedelta(minutes=59))
        assert call(post())["statusCode"] == 200
        assert call(signed_with(None)) == REFUSAL
        clock.advance(timedelta(minutes=1))
        assert unavailable(post())


@pytest.mark.parametrize("error", [down, lambda: ReadTimeoutError(endpoint_url="https://sqs.invalid")])
def test_sqs_out_of_reach_is_503(stack: Backend, error: Callable[[], Exception]) -> None:
    with failing(SEND, error):
        assert unavailable(post())
    assert stack.inbound() == []


def test_a_bucket_out_of_reach_is_503_and_its_key_is_not_queued(stack: Backend) -> None:
    with failing("s3.PutObject", down):
        assert unavailable(post(large(300_000)))
    assert stack.inbound() == []


def refuse_first(parsed: dict[str, Any]) -> None:
    entry = parsed["Successful"].pop(0)
    parsed["Failed"] = [{"Id": entry["Id"], "SenderFault": False, "Code": "InternalError"}]


def test_an_entry_that_sqs_did_not_take_is_sent_once_more(stack: Backend) -> None:
    with counted() as calls, answered(SEND, refuse_first, times=1):
        assert call(post(delivery(MESSAGE, MESSAGE, MESSAGE)))["statusCode"] == 200
    assert calls == {READ: 1, SEND: 2}


def test_an_entry_that_sqs_did_not_take_twice_is_503(stack: Backend) -> None:
    with counted() as calls, answered(SEND, refuse_first):
        assert unavailable(post())
    assert calls == {READ: 1, SEND: 2}


def test_one_batch_accepted_and_the_next_not_is_503(stack: Backend) -> None:
    call(post())
    stack.inbound()
    with failing(SEND, down, after=1):
        assert unavailable(post(delivery(*[MESSAGE] * 11)))
    assert len(stack.inbound()) == 10  # the platform brings them again, and copies are harmless


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda parsed: parsed.clear(), id="an answer cut off inside its headers"),
        pytest.param(lambda parsed: parsed["Successful"][0].pop("MessageId"), id="no MessageId"),
        pytest.param(lambda parsed: parsed["Successful"].pop(), id="an entry that is not mentioned"),
    ],
)
def test_what_sqs_does_not_name_as_accepted_is_503(stack: Backend, spoil: Callable[[dict[str, Any]], None]) -> None:
    with answered(SEND, spoil):
        assert unavailable(post())


# --- rotation and counts


def test_the_previous_secret_is_good_and_the_one_before_is_not(stack: Backend) -> None:
    """37, 38"""
    stack.put_app("meta", "main", secrets=["current", "previous"])
    assert call(post(secret="current"))["statusCode"] == 200
    assert call(post(secret="previous"))["statusCode"] == 200
    assert call(post(secret=SECRET)) == REFUSAL


def test_a_new_secret_is_good_at_once_although_the_old_one_is_cached(stack: Backend) -> None:
    """39"""
    assert call(post())["statusCode"] == 200
    stack.put_app("meta", "main", secrets=["new", SECRET])
    with counted() as calls:
        assert call(post(secret="new"))["statusCode"] == 200
        assert call(post(secret="new"))["statusCode"] == 200
    assert calls == {READ: 1, SEND: 2}


def test_a_thousand_bad_signatures_in_thirty_seconds_are_one_request(stack: Backend, clock: Clock) -> None:
    """39"""
    call(post())
    bad = signed_with("sha256=" + "0" * 64)
    with counted() as calls:
        for _ in range(1000):
            assert call(bad) == REFUSAL
        assert calls == {READ: 1}
        clock.advance(30)
        call(bad)
        assert calls == {READ: 2}


def test_warm_requests_are_counted_exactly(stack: Backend) -> None:
    call(post())
    call(signed_with(None))
    with counted() as calls:
        call(signed_with(None))
        assert calls == {}
        call(post(delivery(*[MESSAGE] * 10)))
        assert calls == {SEND: 1}
        call(get())
        assert calls == {SEND: 1}


def test_an_unknown_app_is_asked_for_once_in_thirty_seconds(stack: Backend) -> None:
    with counted() as calls:
        for _ in range(100):
            assert call(post(app="unknown")) == REFUSAL
    assert calls == {READ: 1}


# --- the handshake


def test_the_handshake_answers_the_bare_challenge_as_plain_text(stack: Backend) -> None:
    answer = call(get())
    assert (answer["statusCode"], answer["body"]) == (200, "1158201444")
    assert answer["headers"]["content-type"].startswith("text/plain")
    assert answer["headers"]["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("event", "status"),
    [
        pytest.param(get(hub_verify_token="wrong"), 403, id="52 wrong token"),
        pytest.param(get(hub_verify_token=VERIFY_TOKEN[:-1]), 403, id="52 beginning of the token"),
        pytest.param(get(hub_verify_token=""), 403, id="52 empty token"),
        pytest.param(get(hub_verify_token="t\u00f6ken"), 403, id="52 not ASCII"),
        pytest.param(get(hub_challenge="<script>alert(1)</script>"), 400, id="53 markup"),
        pytest.param(get(hub_challenge=""), 400, id="53 empty"),
        pytest.param(get(hub_challenge="1" * 129), 400, id="53 long"),
        pytest.param(get(hub_mode="unsubscribe"), 403, id="54 another mode"),
        pytest.param(request("GET", ROUTE, PATH), 403, id="54 nothing"),
    ],
)
def test_a_handshake_that_is_not_right_is_refused(stack: Backend, event: Event, status: int) -> None:
    answer = call(event)
    assert answer["statusCode"] == status
    assert "script" not in answer["body"]
    assert VERIFY_TOKEN not in answer["body"]


def test_a_handshake_with_an_empty_token_where_none_is_set_is_503(stack: Backend) -> None:
    stack.put_app("meta", "main", secrets=[SECRET])
    assert call(get(hub_verify_token=""))["statusCode"] == 503


def test_the_handshake_of_an_unknown_app_looks_like_a_wrong_token(stack: Backend) -> None:
    unknown = {**get(), "pathParameters": {**PATH, "app": "unknown"}}
    assert call(unknown) == call(get(hub_verify_token="wrong"))


def test_a_verify_token_changed_a_moment_ago_is_good(stack: Backend) -> None:
    call(get())
    stack.put_app("meta", "main", secrets=[SECRET], verify_token="changed")
    assert call(get(hub_verify_token="changed"))["statusCode"] == 200


# --- what it loads


def test_it_loads_neither_pydantic_nor_requests_nor_the_tracer() -> None:
    root = Path(__file__).parents[1]
    code = (
        "import sys, webhook\n"
        "from afterhours import channels\n"
        "channels.source('meta')\n"
        "print([name for name in ('pydantic', 'requests', 'aws_xray_sdk') if name in sys.modules])"
    )
    paths = [str(root / "functions"), str(root / "layers/afterhours/python")]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}\n{code}"],
        capture_output=True,
        text=True,
        check=True,
        env={"AWS_DEFAULT_REGION": "eu-central-1"},
    )
    assert done.stdout.strip() == "[]"

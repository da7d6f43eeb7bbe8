"""Mentions from elsewhere: the signature of Standard Webhooks, the body, and that nothing leaves through it."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from afterhours.channels import mentions, mentions_source
from afterhours.channels.contract import MalformedPayload, Request
from afterhours.models import Account, Kind, Outgoing, Result
from backend import Clock
from standardwebhooks import Webhook, WebhookVerificationError

EVENTS = Path(__file__).parents[2] / "events/mentions"
SECRET = "whsec_" + base64.b64encode(b"of-these-tests-only-32-bytes-long").decode()
OTHER = "whsec_" + base64.b64encode(b"another-secret-that-signs-nothing").decode()
NOW_S = 1_767_225_600
BODY = b'{"mentions":[]}'


@pytest.fixture(autouse=True)
def now(clock: Clock) -> None:
    clock.set(datetime.fromtimestamp(NOW_S, UTC))


def digest(message_id: str, timestamp: str, body: bytes = BODY, secret: str = SECRET) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def request(
    signature: str | None = None, *, message_id: str = "msg_1", timestamp: str = str(NOW_S), body: bytes = BODY
) -> Request:
    signature = f"v1,{digest(message_id, timestamp, body)}" if signature is None else signature
    headers = {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": signature}
    return Request("POST", headers, {}, body)


def verified(given: Request, *secrets: str) -> bool:
    return mentions_source.verify(given, secrets or (SECRET,))


RIGHT = f"v1,{digest('msg_1', str(NOW_S))}"
WRONG = f"v1,{digest('msg_2', str(NOW_S))}"


def at(timestamp: str) -> Request:
    return request(timestamp=timestamp)


# Rows 40 to 46 of the signature attempts.
ATTEMPTS = [
    ("40 one right among five wrong", request(" ".join([WRONG] * 3 + [RIGHT] + [WRONG] * 2)), True),
    ("41 right bytes under v2", request(RIGHT.replace("v1,", "v2,")), False),
    ("41 right bytes under v1a", request(RIGHT.replace("v1,", "v1a,")), False),
    ("42 ten thousand, the right one last", request(" ".join([WRONG] * 9_999 + [RIGHT])), False),
    ("42 the twentieth is looked at", request(" ".join([WRONG] * 19 + [RIGHT])), True),
    ("42 the one after it is not", request(" ".join([WRONG] * 20 + [RIGHT])), False),
    ("43 a dot in the id", request(f"v1,{digest('a', f'1.{NOW_S}')}", message_id="a.1"), False),
    ("43 a dot in the id, signed so", request(message_id="a.1"), False),
    ("44 301 s old", at(str(NOW_S - 301)), False),
    ("44 301 s ahead", at(str(NOW_S + 301)), False),
    ("44 299 s old", at(str(NOW_S - 299)), True),
    ("44 299 s ahead", at(str(NOW_S + 299)), True),
    ("45 full-width digits", at("".join(chr(ord(digit) + 0xFEE0) for digit in str(NOW_S))), False),
    ("45 an underscore", at(f"{str(NOW_S)[:1]}_{str(NOW_S)[1:]}"), False),
    ("45 a blank before", at(f" {NOW_S}"), False),
    ("45 a newline after", at(f"{NOW_S}\n"), False),
    ("45 a plus", at(f"+{NOW_S}"), False),
    ("45 an exponent", at("1.767225600e9"), False),
    ("46 negative", at(f"-{NOW_S}"), False),
    ("46 milliseconds", at(f"{NOW_S}000"), False),
    ("46 four hundred digits", at("1" * 400), False),
    ("no id", request(message_id=""), False),
    ("an id beyond all use", request(message_id="a" * 300), False),
    ("no signature", request(""), False),
    ("another body", Request("POST", request().headers, {}, BODY + b" "), False),
    ("no ASCII in the signature", request("v1,\u00e9\udc80"), False),
]


@pytest.mark.parametrize(("attempt", "given", "passes"), ATTEMPTS, ids=[name for name, *_ in ATTEMPTS])
def test_a_signature_attempt_passes_or_not(attempt: str, given: Request, passes: bool) -> None:
    assert verified(given) is passes


def test_either_of_two_secrets_is_good_while_they_are_rotated() -> None:
    assert verified(request(), OTHER, SECRET)
    assert not verified(request(), OTHER)


@pytest.mark.parametrize("secrets", [(), ("",), ("whsec_",), ("whsec_!!",), ("not-one",), SECRET, None, (None,)])
def test_without_a_usable_secret_nothing_passes(secrets: Any) -> None:
    assert mentions_source.verify(request(), secrets) is False


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_without_a_header_nothing_passes(missing: str) -> None:
    given = request()
    headers = {name: value for name, value in given.headers.items() if name != missing}
    assert not verified(given._replace(headers=headers))


def test_the_public_library_and_ours_agree(clock: Clock) -> None:
    theirs, now = Webhook(SECRET), datetime.now(UTC)  # the library has no clock but the machine's
    clock.set(now)
    body = json.dumps({"mentions": [{"id": "1", "text": "\u017d"}]}).encode()
    signature = theirs.sign("msg_9", now, body.decode())
    stamp = str(int(now.timestamp()))
    headers = {"webhook-id": "msg_9", "webhook-timestamp": stamp, "webhook-signature": signature}
    assert verified(Request("POST", headers, {}, body))
    assert theirs.verify(body, mentions_source.sign(body, SECRET)) == json.loads(body)
    with pytest.raises(WebhookVerificationError):
        theirs.verify(body, mentions_source.sign(body, OTHER))


def mention(**fields: Any) -> dict[str, Any]:
    whole = {
        "id": "8841",
        "network": "reddit",
        "author": {"name": "pat_r", "url": "https://reddit.example/u/pat_r"},
        "text": "Is the pool open?",
        "url": "https://reddit.example/8841",
        "posted_at": "2026-11-11T10:00:00Z",
        "language": "en",
    }
    return {"mentions": [{**whole, **fields}]}


def test_our_own_samples_are_read() -> None:
    pieces = mentions_source.split((EVENTS / "two-mentions.json").read_bytes())
    first, second = map(mentions.normalise, pieces)
    assert (first.kind, first.subkind, first.message_id) == (Kind.MENTION, "reddit", "8841")
    assert first.contact_ids == ("reddit:https://reddit.example/u/pat_r",)
    assert first.contact_name == "pat_r (reddit)"
    assert first.timestamp_ms == 1_794_391_200_000
    assert [each.url for each in first.attachments] == [
        "https://reddit.example/r/travel/8841",
        "https://reddit.example/u/pat_r",
    ]
    assert (first.locale, first.for_person) == ("en", True)
    assert (second.contact_ids, second.timestamp_ms, second.attachments) == (("forum:Marija",), None, ())
    assert all(mentions_source.split(json.dumps(piece).encode()) == [piece] for piece in pieces)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"id": None},
        {"id": ""},
        {"id": 1.5},
        {"network": None},
        {"network": "Reddit Inc"},
        {"network": "a:b"},
        {"author": None},
        {"author": {"name": "", "url": "javascript:alert(1)"}},
        {"author": []},
    ],
)
def test_a_mention_that_nobody_can_be_told_by_is_refused(spoilt: dict[str, Any]) -> None:
    with pytest.raises(MalformedPayload):
        mentions.normalise(mention(**spoilt))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"mentions":{}}', b"\xff", b'{"mentions":"x"}'])
def test_a_body_without_a_list_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedPayload):
        mentions_source.split(body)


def test_an_empty_list_is_no_event_and_a_huge_one_malformed() -> None:
    assert mentions_source.split(b'{"mentions":[]}') == []
    with pytest.raises(MalformedPayload):
        mentions_source.split(b'{"mentions":[' + b"1," * 1_000 + b"1]}")


@pytest.mark.parametrize(
    "address",
    [
        "http://reddit.example/1",
        "javascript:alert(1)",
        "https://user:secret@reddit.example/",
        "https://reddit.example@evil.example/",
        "https:///nowhere",
        "https://[half/",
        "https://reddit.example/ with a blank",
        "https://reddit.example/\u202egnp",
        'https://reddit.example/"><script>',
        "https://reddit.example/" + "a" * 2_000,
        7,
        None,
    ],
)
def test_an_address_that_is_not_plain_https_is_left_out(address: Any) -> None:
    event = mentions.normalise(mention(url=address, author={"name": "pat_r"}))
    assert event.attachments == ()


def test_an_id_of_64_bits_stays_exact() -> None:
    raw = json.dumps(mention(id=9_223_372_036_854_775_807)).encode()
    [piece] = mentions_source.split(raw)
    assert mentions.normalise(piece).message_id == "9223372036854775807"


def test_nothing_is_sent_through_it() -> None:
    account = Account(channel="mentions", id="listening", app="listening", source="mentions", inbox="support")
    outcome = mentions.send(account, "", Outgoing(to="reddit:pat_r", text="Hello", correlator="x"))
    assert (outcome.result, outcome.reason) == (Result.REFUSED, "unsupported")

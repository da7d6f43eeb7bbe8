"""LINE: who is let in, how our own samples are read, reply token and push, and what the answers mean."""

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faulty_server
import pytest
from afterhours import settings
from afterhours.channels import line, line_source
from afterhours.channels.contract import MalformedPayload, Missing, NotFetched, Request
from afterhours.channels.http import Limits
from afterhours.models import Account, Attachment, Event, Outcome, Outgoing, QuickReply, Result
from afterhours_local.platforms.fake import Delivered, FakeAccount
from afterhours_local.platforms.graph import FakeGraph
from afterhours_local.platforms.line import FakeLine, Trouble
from afterhours_local.platforms.server import GraphServer
from afterhours_local.platforms.spoilt import Spoilt
from faulty_server import FaultyServer, after_request, answer

EVENTS = Path(__file__).parents[2] / "events" / "line"
AT = 1_784_060_100_000
YUKI, GROUP = "U8f3a1c5d7e9b2a4c6d8e0f1a3b5c7d9e", "C0a1b2c3d4e5f60718293a4b5c6d7e8f9"
US = "Ub1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6"
SECRET, OTHER, TOKEN = "0f3b8d1a6c9e47f2b5d08a7c3e6f9b12", "90a1b2c3d4e5f60718293a4b5c6d7e8f", "access/token+1="
BODY = '{"destination":"U1","events":[{"message":{"text":"こんにちは\\u2665"}}]}'.encode()
SMALL = Limits(connect_s=0.3, total_s=0.6, answer_bytes=1000)


@pytest.fixture(autouse=True)
def _local_stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Only here do the platform's hosts give way to the server of the test."""
    monkeypatch.setenv("AFTERHOURS_LOCAL", "1")
    settings.load.cache_clear()
    yield
    settings.load.cache_clear()


# The signature


def digest(body: bytes = BODY, secret: str = SECRET) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


def verified(header: str | None, secrets: Any = (SECRET,), body: bytes = BODY) -> bool:
    headers = {} if header is None else {"x-line-signature": header}
    return line_source.verify(Request("POST", headers, {}, body), secrets)


def test_a_right_signature_is_accepted_under_any_of_the_secrets() -> None:
    assert verified(digest())
    assert verified(digest(), [OTHER, SECRET])
    assert line_source.verify(Request("POST", line_source.sign(BODY, SECRET), {}, BODY), [SECRET])


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        digest(secret=OTHER),
        digest().swapcase(),
        digest().rstrip("="),
        digest() + "=",
        digest() + "\n",
        " " + digest(),
        digest()[:-2] + "==",
        base64.urlsafe_b64encode(hmac.digest(SECRET.encode(), BODY + b"1", hashlib.sha256)).decode(),
        hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest(),
        "sha256=" + digest(),
        digest(BODY + b"\n"),
        digest(json.dumps(json.loads(BODY)).encode()),
        digest(b""),
        "not base64 at all",
        "é" * 44,
        "\ud800",
        digest() * 10_000,
    ],
)
def test_everything_else_is_refused(header: str | None) -> None:
    assert not verified(header)


def test_base64_that_decodes_to_the_same_bytes_is_not_the_same_signature() -> None:
    last = digest()[-2]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = letters[letters.index(last) | 1] if letters.index(last) % 2 == 0 else letters[letters.index(last) & ~1]
    spelt = digest()[:-2] + other + "="
    assert base64.b64decode(spelt) == base64.b64decode(digest())
    assert not verified(spelt)


@pytest.mark.parametrize("secrets", [[], [""], [None], None, SECRET, 7, [OTHER]])
def test_without_the_right_secret_nothing_is_let_in(secrets: Any) -> None:
    assert not verified(digest(), secrets)
    assert not verified(digest(secret=""), secrets)


def test_there_is_no_handshake() -> None:
    assert line_source.handshake(Request("GET", {}, {}, b""), {"secrets": [SECRET]}).status == 405


# Our own samples

BIG = 468_789_577_898_262_530
USUAL: dict[str, Any] = {"sender_id": YUKI, "recipient_id": US, "contact_ids": (YUKI,), "timestamp_ms": AT}
MESSAGE = {"kind": "message", "subkind": "text"}
NO_TOKEN = {"handle": None}
IN_GROUP = {"contact_ids": (GROUP,), "group_id": GROUP}


def numbered(more: int) -> dict[str, str]:
    return {"message_id": str(BIG + more)}


READ: dict[str, dict[str, Any]] = {
    "text": {**MESSAGE, "text": "こんにちは。空室はありますか? 🙂", **numbered(0)},
    "text-quoting": {**MESSAGE, "text": "これです", "reply_to_id": str(BIG - 5), **numbered(1)},
    "image": {
        "kind": "message", "subkind": "image", **numbered(2),
        "attachments": (Attachment(type="image", id=str(BIG + 2)),)},
    "image-external": {
        "kind": "message", "subkind": "image", **numbered(3),
        "attachments": (Attachment(type="image", url="https://images.example/a.jpg"),)},
    "file": {
        "kind": "message", "subkind": "file", **numbered(4),
        "attachments": (Attachment(type="file", id=str(BIG + 4), name="voucher.pdf"),)},
    "location": {
        "kind": "message", "subkind": "location", "text": "Riva", **numbered(5),
        "attachments": (Attachment(type="location", name="Riva, Obala 1, Split, 43.508, 16.44"),)},
    "sticker": {
        "kind": "message", "subkind": "sticker", **numbered(6),
        "attachments": (Attachment(type="sticker", name="cony, sally"),)},
    "type-of-tomorrow": {"kind": "message", "subkind": "unsupported", **numbered(7)},
    "edited": {
        "kind": "message_edit", "subkind": "text", "text": "空室はありますか?", **numbered(0), "target_id": str(BIG)},
    "unsend": {"kind": "message_deleted", **numbered(0), "target_id": str(BIG), **NO_TOKEN},
    "postback": {"kind": "postback", "subkind": "postback", "payload": "faq:breakfast"},
    "follow": {"kind": "follow", "subkind": "follow"},
    "unfollow": {"kind": "unfollow", "subkind": "unfollow", **NO_TOKEN},
    "join": {"kind": "system", "subkind": "join", **IN_GROUP, "sender_id": GROUP},
    "group-text": {**MESSAGE, "text": "誰かいますか", **numbered(8), **IN_GROUP},
    "room-without-user": {
        **MESSAGE, "text": "hello", **numbered(9), "sender_id": "R" + GROUP[1:], "contact_ids": ("R" + GROUP[1:],),
        "group_id": "R" + GROUP[1:]},
    "standby-text": {**MESSAGE, "text": "hello", **numbered(10), "standby": True, **NO_TOKEN},
    "redelivered-text": {**MESSAGE, "text": "hello", **numbered(11)},
    "account-link": {"kind": "account_linking", "subkind": "accountLink"},
    "video-watched": {"kind": "read", "subkind": "videoPlayComplete"},
    "beacon": {"kind": "ignored", "subkind": "beacon"},
    "notice-delivered": {
        "kind": "delivery", "subkind": "delivery", "sender_id": None, "contact_ids": (), **NO_TOKEN},
    "suspended": {"kind": "account", "subkind": "botSuspended", "sender_id": None, "contact_ids": (), **NO_TOKEN},
    "event-of-tomorrow": {"kind": "unknown", "subkind": "hologram"},
}  # fmt: skip


def read(name: str) -> list[Event]:
    return [line.normalise(piece) for piece in line_source.split((EVENTS / f"{name}.json").read_bytes())]


@pytest.mark.parametrize("name", READ)
def test_a_sample_is_read_in_full(name: str) -> None:
    [event] = read(name)
    token = json.loads((EVENTS / f"{name}.json").read_bytes())["events"][0].get("replyToken")
    seen = event.model_dump(exclude={"channel", "event_id", "attachments"}, exclude_defaults=True)
    expected = {**USUAL, "handle": token, **READ[name]}
    attachments = expected.pop("attachments", ())
    assert seen == {key: value for key, value in expected.items() if value not in (None, ())}
    assert event.attachments == attachments


def test_every_sample_is_read_here() -> None:
    others = {"batch-five-contacts", "verify-empty"}
    assert {path.stem for path in EVENTS.glob("*.json")} == READ.keys() | others


def test_a_delivery_has_as_many_events_as_it_says() -> None:
    assert read("verify-empty") == []
    events = read("batch-five-contacts")
    assert len({event.contact_ids for event in events}) == len({event.event_id for event in events}) == 5


def test_a_redelivery_is_the_same_event() -> None:
    piece = json.loads((EVENTS / "text.json").read_bytes())
    [event] = read("text")
    piece["events"][0]["deliveryContext"]["isRedelivery"] = True
    assert line.normalise(piece).event_id == event.event_id
    del piece["events"][0]["webhookEventId"]
    old = line.normalise(piece).event_id
    piece["events"][0]["deliveryContext"]["isRedelivery"] = False
    assert line.normalise(piece).event_id == old != event.event_id


@pytest.mark.parametrize("body", [b"[]", b"{}", b"7", b"{", b"\xff", b'{"events":{}}', b'{"events":null}'])
def test_what_has_no_events_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedPayload):
        line_source.split(body)


def test_one_bad_event_stays_alone() -> None:
    pieces = line_source.split(b'{"destination":7,"events":[{"type":"follow"},7,null,{"type":[]}]}')
    assert len(pieces) == 4
    for piece in pieces[1:3]:
        with pytest.raises(MalformedPayload):
            line.normalise(piece)
    assert [line.normalise(piece).contact_ids for piece in (pieces[0], pieces[3])] == [(), ()]


# Sending


def account(base: str | None, number: str = "jadran-line") -> Account:
    return Account(channel="line", id=number, app=number, source="line", inbox="support", api_base=base)


def outgoing(text: str = "Good evening!", **more: Any) -> Outgoing:
    return Outgoing(**{"to": YUKI, "text": text, "correlator": "tid/E#1", "handle": "reply-token", **more})


SENT = {"sentMessages": [{"id": "461230966842064897", "quoteToken": "q"}]}
NO_TOKEN_LEFT = answer(400, {"message": "Invalid reply token"})


def test_the_reply_goes_out_on_its_token_with_quick_replies() -> None:
    choices = tuple(QuickReply(id=f"faq:{number}", title="🙂" * 9 + f" number {number}") for number in range(14))
    with FaultyServer(answer(200, SENT)) as server:
        outcome = line.send(account(server.url), TOKEN, outgoing(quick_replies=choices))
    [request] = server.received
    assert outcome == Outcome(result=Result.SENT, platform_id="461230966842064897")
    assert (request.path, request.headers["authorization"]) == ("/v2/bot/message/reply", f"Bearer {TOKEN}")
    assert "x-line-retry-key" not in request.headers
    [message] = request.json["messages"]
    assert (request.json["replyToken"], message["text"]) == ("reply-token", "Good evening!")
    actions = [item["action"] for item in message["quickReply"]["items"]]
    assert len(actions) == 13
    assert actions[0] == {
        "type": "postback", "label": "🙂" * 9 + " n", "data": "faq:0", "displayText": "🙂" * 9 + " number 0"
    }  # fmt: skip


def test_a_push_follows_only_the_refusal_of_the_token_and_has_a_key() -> None:
    keys = []
    for _ in range(2):
        with FaultyServer(NO_TOKEN_LEFT, answer(200, SENT)) as server:
            assert line.send(account(server.url), TOKEN, outgoing()).result is Result.SENT
        reply, push = server.received
        assert (reply.path, push.path) == ("/v2/bot/message/reply", "/v2/bot/message/push")
        assert push.json == {"to": YUKI, "messages": [{"type": "text", "text": "Good evening!"}]}
        keys.append(uuid.UUID(push.headers["x-line-retry-key"]))
    assert keys[0] == keys[1]  # out of the correlator: the same message has the same key
    with FaultyServer(answer(200, SENT)) as server:
        line.send(account(server.url), TOKEN, outgoing(handle=None, correlator="tid/E#2"))
        line.send(account(server.url, "another"), TOKEN, outgoing(handle=None))
    assert [request.path for request in server.received] == ["/v2/bot/message/push"] * 2
    assert len({*keys, *(uuid.UUID(request.headers["x-line-retry-key"]) for request in server.received)}) == 3


@pytest.mark.parametrize(
    "trouble",
    [
        answer(500, b'{"message":"x"}'),
        answer(200),
        answer(400, {"message": "The request body has 1 error(s)"}),
        answer(429, {"message": "rate limit"}),
        answer(401, {"message": "Authentication failed"}),
        after_request(faulty_server.reset),
    ],
)
def test_nothing_but_the_refusal_of_the_token_is_followed_by_a_push(trouble: faulty_server.Behaviour) -> None:
    with FaultyServer(trouble) as server:
        line.send(account(server.url), TOKEN, outgoing(), limits=SMALL)
    assert [request.path for request in server.received] == ["/v2/bot/message/reply"]


ACCEPTED = answer(
    409, {"message": "The retry key is already accepted", **SENT}, x_line_accepted_request_id="123e4567-e89b"
)


@pytest.mark.parametrize("lost", [answer(500, b"{}"), answer(200), after_request(faulty_server.reset)])
def test_a_push_whose_answer_was_lost_is_asked_for_once_more_under_its_key(lost: faulty_server.Behaviour) -> None:
    with FaultyServer(lost, ACCEPTED) as server:
        outcome = line.send(account(server.url), TOKEN, outgoing(handle=None), limits=SMALL)
    assert outcome == Outcome(result=Result.SENT, platform_id="461230966842064897")
    assert len({request.headers["x-line-retry-key"] for request in server.received}) == 1
    for again in (lost, answer(429, {"message": "rate limit"}), answer(400, {"message": "Failed to send messages"})):
        with FaultyServer(lost, again) as server:
            outcome = line.send(account(server.url), TOKEN, outgoing(handle=None), limits=SMALL)
        assert (outcome.result, len(server.received)) == (Result.UNKNOWN, 2)


OUTCOMES: dict[str, tuple[faulty_server.Behaviour, Result, str | None]] = {
    "sent": (answer(200, SENT), Result.SENT, None),
    "accepted before": (ACCEPTED, Result.SENT, None),
    "429": (answer(429, {"message": "The API rate limit has been exceeded."}), Result.NOT_SENT, "rate_limited"),
    "429 with HTML": (answer(429, b"<html>"), Result.NOT_SENT, "rate_limited"),
    "monthly limit": (answer(429, {"message": "You have reached your monthly limit."}),
                      Result.REFUSED, "monthly_limit"),
    "401": (answer(401, {"message": "Authentication failed."}), Result.REFUSED, "token_invalid"),
    "403": (answer(403, {"message": "Not available for your plan"}), Result.REFUSED, "permission_missing"),
    "400": (answer(400, {"message": "The request body has 1 error(s)"}), Result.REFUSED, "bad_request"),
    "unknown contact": (answer(400, {"message": "Failed to send messages"}), Result.REFUSED, "contact_unavailable"),
    "400 with HTML": (answer(400, b"<html>"), Result.UNKNOWN, "unreadable_answer"),
    "409 without the request": (answer(409, {"message": "x"}), Result.UNKNOWN, "temporary"),
    "500": (answer(500, {"message": "x"}), Result.UNKNOWN, "temporary"),
    "502 with HTML": (answer(502, b"<html>"), Result.UNKNOWN, "temporary"),
    "nothing": (answer(200), Result.UNKNOWN, "no_message_id"),
    "an array": (answer(200, b"[1]"), Result.UNKNOWN, "no_message_id"),
    "an odd id": (answer(200, {"sentMessages": [{"id": {}}]}), Result.UNKNOWN, "no_message_id"),
    "redirect": (answer(307, location="https://evil.example/"), Result.REFUSED, "redirected"),
    "reset": (after_request(faulty_server.reset), Result.UNKNOWN, "connection_lost"),
    "silence": (after_request(faulty_server.silent), Result.UNKNOWN, "timeout"),
}  # fmt: skip


@pytest.mark.parametrize("name", OUTCOMES)
def test_every_answer_to_a_push_has_its_outcome(name: str) -> None:
    behaviour, result, reason = OUTCOMES[name]
    with FaultyServer(behaviour) as server:
        outcome = line.send(account(server.url), TOKEN, outgoing(handle=None), limits=SMALL)
    assert (outcome.result, outcome.reason) == (result, reason)
    assert outcome.account_problem == (reason in ("token_invalid", "permission_missing", "redirected", "monthly_limit"))
    assert (
        server.connections == (2 if result is Result.UNKNOWN else 1) or name == "silence"
    )  # it may see a second caller


def test_where_nobody_listens_nothing_is_sent() -> None:
    outcome = line.send(account(f"http://127.0.0.1:{faulty_server.closed_port()}"), TOKEN, outgoing())
    assert (outcome.result, outcome.reason) == (Result.NOT_SENT, "connect")


@pytest.mark.parametrize("token", ["", "a\r\nx: y", "ä"])
def test_a_token_that_no_header_can_carry_is_not_sent(token: str) -> None:
    with FaultyServer(answer(200, SENT)) as server:
        outcome = line.send(account(server.url), token, outgoing())
    assert (outcome.reason, server.connections) == ("token_invalid", 0)


@pytest.mark.parametrize(
    ("text", "reason"), [("", "empty"), (" ", "empty"), ("x" * 5001, "too_long"), ("🙂" * 2501, "too_long")]
)
def test_a_text_that_line_would_refuse_is_not_posted(text: str, reason: str) -> None:
    with FaultyServer(answer(200, SENT)) as server:
        outcome = line.send(account(server.url), TOKEN, outgoing(text))
    assert (outcome.reason, server.connections) == (reason, 0)


def test_the_three_calls_of_a_send_fit_into_one_run_of_the_worker() -> None:
    assert 3 * line.LIMITS.total_s < 25  # of 30 s


# Against the fake


@pytest.fixture
def fake() -> FakeLine:
    platform = FakeLine(lambda: AT, lambda *_: Delivered(200, b""))
    platform.register(FakeAccount("line", "jadran-line", TOKEN, SECRET, "http://127.0.0.1/hook/line/jadran-line"))
    platform.say("line", "jadran-line", YUKI, "Hello")
    return platform


@pytest.fixture
def base(fake: FakeLine) -> Iterator[str]:
    with GraphServer(FakeGraph(lambda: AT), others=[fake]) as server:
        yield f"{server.url}/line"


@pytest.mark.parametrize("text", ["x" * 5000, "ž" * 5000, "🙂" * 2500])
def test_the_limit_is_the_fakes(fake: FakeLine, base: str, text: str) -> None:
    assert line.send(account(base), TOKEN, outgoing(text, handle=None)).result is Result.SENT
    body = json.dumps({"to": YUKI, "messages": [{"type": "text", "text": text + "x"}]}).encode()
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    reply = fake.answer("POST", "/v2/bot/message/push", headers, body)
    assert reply is not None
    assert (reply.status, json.loads(reply.body)["details"][0]["property"]) == (400, "messages[0].text")


def test_the_fake_refuses_strangers_and_wrong_tokens_and_swallows_what_goes_to_blockers(
    fake: FakeLine, base: str
) -> None:
    assert line.send(account(base), TOKEN, outgoing(to="U999", handle=None)).reason == "contact_unavailable"
    assert line.send(account(base), "other", outgoing()).reason == "token_invalid"
    fake.block("jadran-line", YUKI)
    assert line.send(account(base), TOKEN, outgoing("gone", handle=None)).result is Result.SENT
    assert (fake.sent, fake.undelivered) == ([], ["gone"])


@pytest.mark.parametrize("fault", [*Trouble, *Spoilt])
@pytest.mark.parametrize("times", [1, 2])
def test_what_the_fake_has_taken_is_never_called_unsent(
    fake: FakeLine, base: str, fault: Trouble | Spoilt, times: int
) -> None:
    fake.misbehave(fault, times)
    outcome = line.send(account(base), TOKEN, outgoing(handle=None))
    assert outcome.result in ((Result.SENT, Result.UNKNOWN) if fake.sent else (*Result,))
    assert len(fake.sent) <= 1


def test_files_are_fetched_by_the_messages_id(fake: FakeLine, base: str) -> None:
    number = fake.send_picture("jadran-line", YUKI, b"a picture").message_id
    assert line.fetch(account(base), TOKEN, Attachment(type="image", id=number)) == b"a picture"
    gone = line.fetch(account(base), TOKEN, Attachment(type="image", id="404"))
    assert gone == NotFetched(Missing.GONE, "404")
    elsewhere = line.fetch(account(base), TOKEN, Attachment(type="image", url="https://images.example/a.jpg"))
    assert elsewhere == NotFetched(Missing.NO_FILE, "foreign_address")

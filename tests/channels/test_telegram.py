"""Telegram: who is let in, how our own samples are read, what is posted, and what the answers mean."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faulty_server
import pytest
from afterhours import settings
from afterhours.channels import telegram, telegram_api, telegram_source
from afterhours.channels.contract import MalformedPayload, Missing, NotFetched, Request
from afterhours.channels.http import Limits
from afterhours.models import Account, Attachment, Event, Kind, Outcome, Outgoing, QuickReply, Result
from afterhours_local.platforms.fake import Delivered, FakeAccount
from afterhours_local.platforms.graph import FakeGraph
from afterhours_local.platforms.server import GraphServer
from afterhours_local.platforms.spoilt import Spoilt
from afterhours_local.platforms.telegram import FakeTelegram, Trouble
from faulty_server import FaultyServer, after_request, answer

EVENTS = Path(__file__).parents[2] / "events" / "telegram"
AT = 1_784_060_100_000
MARTA, GROUP, CHANNEL, OWNER = "7415500923", "-1004200000009", "-1009", "4300000077"
TOKEN, SECRET, OTHER = "4200000001:local-token", "local-telegram_secret", "another-secret"
BODY = b'{"update_id":1}'
SMALL = Limits(connect_s=0.3, total_s=0.6, answer_bytes=1000)


@pytest.fixture(autouse=True)
def _local_stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Only here do the platform's hosts give way to the server of the test."""
    monkeypatch.setenv("AFTERHOURS_LOCAL", "1")
    settings.load.cache_clear()
    yield
    settings.load.cache_clear()


# The secret


def verified(header: str | None, secrets: Any = (SECRET,)) -> bool:
    headers = {} if header is None else {"x-telegram-bot-api-secret-token": header}
    return telegram_source.verify(Request("POST", headers, {}, BODY), secrets)


def test_the_secret_lets_in_and_while_it_rotates_the_one_before() -> None:
    assert verified(SECRET)
    assert verified(SECRET, [OTHER, SECRET])
    assert telegram_source.verify(Request("POST", telegram_source.sign(BODY, SECRET), {}, BODY), [SECRET])


@pytest.mark.parametrize(
    "header", [None, "", SECRET[:-1], SECRET + "x", SECRET.upper(), f" {SECRET}", f"{SECRET}\n", OTHER, "é", "\ud800"]
)
def test_everything_else_is_refused(header: str | None) -> None:
    assert not verified(header)


@pytest.mark.parametrize("secrets", [[], [""], [None], None, SECRET, 7, [OTHER]])
def test_without_the_right_secret_nothing_is_let_in(secrets: Any) -> None:
    assert not verified(SECRET, secrets)
    assert not verified("", secrets)


def test_there_is_no_handshake() -> None:
    assert telegram_source.handshake(Request("GET", {}, {}, b""), {"secrets": [SECRET]}).status == 405


# Our own samples


USUAL: dict[str, Any] = {
    "sender_id": MARTA, "recipient_id": MARTA, "contact_ids": (MARTA,), "contact_name": "Marta K.", "locale": "hr",
    "timestamp_ms": AT, "subkind": "text",
}  # fmt: skip
IN_GROUP = {"recipient_id": GROUP, "contact_ids": (GROUP,), "contact_name": "Gosti", "group_id": GROUP, "locale": None}
NOBODY: dict[str, Any] = {
    "sender_id": None, "recipient_id": None, "contact_ids": (), "contact_name": None, "locale": None,
}  # fmt: skip
NO_TIME = {"timestamp_ms": None}
BIZ = {"handle": "bizconn1"}
READ: dict[str, dict[str, Any]] = {
    "text": {"kind": "message", "text": "Dobra večer, imate li slobodnu sobu za vikend? 🙂", "message_id": "501"},
    "start-with-payload": {
        "kind": "message", "subkind": "start", "text": "/start summer-2026", "payload": "summer-2026",
        "message_id": "500"},
    "reply": {"kind": "message", "text": "Da, taj termin.", "reply_to_id": "502", "message_id": "503"},
    "photo": {
        "kind": "message", "subkind": "photo", "text": "Ovako izgleda potvrda", "message_id": "504",
        "attachments": (Attachment(type="image", id="AgACx"),)},
    "document": {
        "kind": "message", "subkind": "document", "message_id": "505",
        "attachments": (Attachment(type="file", id="BQACd", name="voucher.pdf", mime_type="application/pdf"),)},
    "voice": {
        "kind": "message", "subkind": "voice", "message_id": "506",
        "attachments": (Attachment(type="audio", id="AwACv", mime_type="audio/ogg"),)},
    "animation": {
        "kind": "message", "subkind": "animation", "message_id": "507",
        "attachments": (Attachment(type="video", id="CgACa", mime_type="video/mp4"),)},
    "venue": {
        "kind": "message", "subkind": "location", "text": "Riva", "message_id": "508",
        "attachments": (Attachment(type="location", name="Riva, Obala 1, Split, 43.508, 16.44"),)},
    "contact": {
        "kind": "message", "subkind": "contact", "message_id": "509",
        "attachments": (Attachment(type="contacts", name="Marta, +385915550142"),)},
    "poll-unsupported": {"kind": "message", "subkind": "unsupported", "message_id": "510"},
    "edited": {
        "kind": "message_edit", "text": "Dobra večer, imate li sobu?", "message_id": "501", "target_id": "501",
        "timestamp_ms": AT + 30_000},
    "callback": {
        "kind": "postback", "subkind": "callback_query", "text": "Doručak", "payload": "faq:breakfast", **NO_TIME,
        "message_id": "4382742342309929423", "reply_to_id": "511"},
    "callback-of-an-old-message": {
        "kind": "postback", "subkind": "callback_query", "payload": "csat:1:5", **NO_TIME,
        "message_id": "4382742342309929424", "reply_to_id": "12"},
    "reaction": {"kind": "reaction", "subkind": "react", "emoji": "👍", "target_id": "511"},
    "reaction-removed": {"kind": "reaction", "subkind": "unreact", "target_id": "511"},
    "blocked": {"kind": "unfollow", "subkind": "kicked"},
    "unblocked": {"kind": "follow", "subkind": "member"},
    "added-to-group": {"kind": "system", "subkind": "member", **IN_GROUP},
    "group-text": {"kind": "message", "text": "Ima li tko ključ?", "message_id": "41", **IN_GROUP},
    "group-migrated": {
        "kind": "system", "subkind": "migrate_from_chat_id", "message_id": "1", **IN_GROUP,
        "contact_ids": (GROUP, "-4200000009")},
    "from-a-bot": {"kind": "ignored", "text": "I am a bot", "message_id": "42", **IN_GROUP, "sender_id": "555"},
    "business-text": {"kind": "message", "text": "Imate li sobu?", "message_id": "601", **BIZ,
        "contact_ids": (f"business:{MARTA}",)},
    "business-owner-writes": {
        "kind": "echo", "is_echo": True, "text": "Imamo, javit ću se.", "message_id": "602", "sender_id": OWNER,
        "locale": None, "contact_ids": (f"business:{MARTA}",)},
    "business-connection": {"kind": "account", "subkind": "business_connection", **BIZ, **NOBODY},
    "channel-post": {
        "kind": "message", "text": "Novo!", "message_id": "5", **NOBODY, "recipient_id": CHANNEL,
        "contact_ids": (CHANNEL,), "contact_name": "Jadran", "group_id": CHANNEL},
    "without-sender": {
        "kind": "message", "text": "tko sam?", "message_id": "7", **NOBODY, "recipient_id": MARTA},
    "kind-of-tomorrow": {"kind": "unknown", "subkind": "hologram", **NOBODY, **NO_TIME},
    "inline-query": {
        "kind": "ignored", "subkind": None, "text": "soba", **NOBODY, "sender_id": MARTA, **NO_TIME},
}  # fmt: skip


def read(name: str) -> list[Event]:
    return [telegram.normalise(piece) for piece in telegram_source.split((EVENTS / f"{name}.json").read_bytes())]


@pytest.mark.parametrize("name", READ)
def test_a_sample_is_read_in_full(name: str) -> None:
    [event] = read(name)
    seen = event.model_dump(exclude={"channel", "event_id", "attachments"}, exclude_defaults=True)
    expected = {**USUAL, **READ[name]}
    attachments = expected.pop("attachments", ())
    assert seen == {key: value for key, value in expected.items() if value not in (None, ())}
    assert event.attachments == attachments
    assert len(event.event_id) == 26


def test_every_sample_is_read_here() -> None:
    assert {path.stem for path in EVENTS.glob("*.json")} == {*READ, "business-deleted"}


def test_messages_deleted_together_are_an_event_each() -> None:
    events = read("business-deleted")
    assert [(event.kind, event.target_id, event.contact_ids) for event in events] == [
        (Kind.MESSAGE_DELETED, "601", (f"business:{MARTA}",)),
        (Kind.MESSAGE_DELETED, "602", (f"business:{MARTA}",)),
    ]
    assert [(event.message_id, event.sender_id) for event in events] == [("601", None), ("602", None)]
    assert len({event.event_id for event in events}) == 2


def test_a_number_that_comes_again_is_another_event_where_the_message_is_another() -> None:
    update = json.loads((EVENTS / "text.json").read_bytes())
    [event] = read("text")
    assert telegram.normalise(update).event_id == event.event_id
    update["message"]["message_id"] += 1
    assert telegram.normalise(update).event_id != event.event_id


def test_a_caption_is_read_also_where_what_it_stands_under_is_of_no_kind_we_know() -> None:
    event = telegram.normalise({"update_id": 1, "message": {"message_id": 1, "caption": "Ovako izgleda"}})
    assert (event.kind, event.subkind, event.text) == (Kind.MESSAGE, "unsupported", "Ovako izgleda")


def test_a_chat_without_a_type_is_private_where_it_is_called_after_its_sender() -> None:
    update: dict[str, Any] = json.loads((EVENTS / "text.json").read_bytes())
    del update["message"]["chat"]["type"]
    assert telegram.normalise(update).group_id is None
    update["message"]["chat"]["id"] = 7
    assert telegram.normalise(update).group_id == "7"


def test_a_message_without_the_number_of_its_update_is_read_and_known_again() -> None:
    update: dict[str, Any] = json.loads((EVENTS / "text.json").read_bytes())
    del update["update_id"]
    [piece] = telegram_source.split(json.dumps(update).encode())
    event = telegram.normalise(piece)
    assert (event.message_id, event.sender_id, event.event_id) == ("501", MARTA, telegram.normalise(update).event_id)
    update["message"]["text"] = "Another"
    assert telegram.normalise(update).event_id != event.event_id


@pytest.mark.parametrize("body", [b"[]", b"{}", b"7", b'"x"', b"{", b"\xff", b'{"update_id":{}}', b'{"update_id":1.5}'])
def test_what_is_no_update_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedPayload):
        telegram_source.split(body)


@pytest.mark.parametrize("junk", [None, 7, "x", [], {}, [[]], {"from": 7, "chat": []}, {"from": {"id": {}}}])
@pytest.mark.parametrize("kind", sorted(telegram._READERS))
def test_junk_under_any_kind_is_nobodys(kind: str, junk: Any) -> None:
    assert telegram.normalise({"update_id": 1, kind: junk}).contact_ids == ()


# Sending


def account(base: str | None) -> Account:
    return Account(channel="telegram", id="bot", app="bot", source="telegram", inbox="support", api_base=base)


def outgoing(text: str = "Good evening!", **more: Any) -> Outgoing:
    return Outgoing(**{"to": MARTA, "text": text, "correlator": "tid/E#1", **more})


def ok(message_id: Any = 7) -> bytes:
    return json.dumps({"ok": True, "result": {"message_id": message_id, "chat": {"id": 1}}}).encode()


def refused(code: int, description: str = "x", **parameters: int) -> dict[str, Any]:
    return {"ok": False, "error_code": code, "description": description, "parameters": parameters}


def test_the_request_is_a_literal_text_with_buttons_and_the_connection() -> None:
    long_id = "x" * 65
    choices = (QuickReply(id="faq:parking", title="Parking"), QuickReply(id=long_id, title="Too long"))
    with FaultyServer(answer(200, ok())) as server:
        text = "*Not* _markdown_ <b>"
        to_send = outgoing(text, handle="bizconn1", quick_replies=choices, reply_to_id="5")
        outcome = telegram.send(account(server.url), TOKEN, to_send)
    [request] = server.received
    assert outcome == Outcome(result=Result.SENT, platform_id="7")
    assert (request.method, request.path) == ("POST", f"/bot{TOKEN}/sendMessage")
    assert request.json == {
        "chat_id": int(MARTA),
        "text": text,
        "business_connection_id": "bizconn1",
        "link_preview_options": {"is_disabled": True},
        "reply_parameters": {"message_id": 5, "allow_sending_without_reply": True},
        "reply_markup": {"inline_keyboard": [[{"text": "Parking", "callback_data": "faq:parking"}]]},
    }


def test_the_host_is_fixed_outside_the_local_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AFTERHOURS_LOCAL")
    settings.load.cache_clear()
    with FaultyServer(answer(200, ok())) as server:
        telegram.send(account(server.url), TOKEN, outgoing(), limits=Limits(connect_s=0.01, total_s=0.02))
    assert server.received == []


OUTCOMES: dict[str, tuple[faulty_server.Behaviour, Result, str | None, int | None]] = {
    "sent": (answer(200, ok()), Result.SENT, None, None),
    "429": (answer(429, refused(429, "Too Many Requests", retry_after=17)), Result.NOT_SENT, "rate_limited", 17),
    "429 for days": (answer(429, refused(429, retry_after=999_999)), Result.NOT_SENT, "rate_limited", 21_600),
    "429 without a time": (answer(429, refused(429)), Result.NOT_SENT, "rate_limited", 30),
    "429 with HTML": (answer(429, b"<html>"), Result.NOT_SENT, "rate_limited", 30),
    "401": (answer(401, refused(401, "Unauthorized")), Result.REFUSED, "token_invalid", None),
    "404": (answer(404, refused(404, "Not Found")), Result.REFUSED, "token_invalid", None),
    "blocked": (answer(403, refused(403, "Forbidden: bot was blocked by the user")),
                Result.REFUSED, "contact_unavailable", None),
    "deactivated": (answer(403, refused(403, "Forbidden: user is deactivated")),
                    Result.REFUSED, "contact_unavailable", None),
    "never started": (answer(403, refused(403, "Forbidden: bot can't initiate conversation with a user")),
                      Result.REFUSED, "contact_unavailable", None),
    "unknown chat": (answer(400, refused(400, "Bad Request: chat not found")),
                     Result.REFUSED, "contact_unknown", None),
    "too long": (answer(400, refused(400, "Bad Request: message is too long")), Result.REFUSED, "too_long", None),
    "entities": (answer(400, refused(400, "Bad Request: can't parse entities")), Result.REFUSED, "bad_request", None),
    "connection": (answer(400, refused(400, "Bad Request: BUSINESS_CONNECTION_INVALID")),
                   Result.REFUSED, "permission_missing", None),
    "business window": (answer(400, refused(400, "Bad Request: BUSINESS_PEER_USAGE_MISSING")),
                        Result.REFUSED, "window_closed", None),
    "409": (answer(409, refused(409, "Conflict")), Result.REFUSED, "bad_request", None),
    "500": (answer(500, refused(500, "Internal Server Error")), Result.UNKNOWN, "temporary", None),
    "502 with HTML": (answer(502, b"<html>"), Result.UNKNOWN, "unreadable_answer", None),
    "403 under 500": (answer(500, refused(403)), Result.UNKNOWN, "temporary", None),
    "403 under 200": (answer(200, refused(403)), Result.UNKNOWN, "temporary", None),
    "400 with HTML": (answer(400, b"<html>"), Result.UNKNOWN, "unreadable_answer", None),
    "nothing": (answer(200), Result.UNKNOWN, "unreadable_answer", None),
    "an array": (answer(200, b"[1]"), Result.UNKNOWN, "unreadable_answer", None),
    "no id": (answer(200, ok(None)), Result.UNKNOWN, "no_message_id", None),
    "an odd id": (answer(200, ok({})), Result.UNKNOWN, "no_message_id", None),
    "half an answer": (answer(200, ok()[:-4]), Result.UNKNOWN, "unreadable_answer", None),
    "redirect": (answer(302, location="https://evil.example/"), Result.REFUSED, "redirected", None),
    "reset": (after_request(faulty_server.reset), Result.UNKNOWN, "connection_lost", None),
    "silence": (after_request(faulty_server.silent), Result.UNKNOWN, "timeout", None),
}  # fmt: skip


@pytest.mark.parametrize("name", OUTCOMES)
def test_every_answer_has_its_outcome(name: str) -> None:
    behaviour, result, reason, wait_s = OUTCOMES[name]
    with FaultyServer(behaviour) as server:
        outcome = telegram.send(account(server.url), TOKEN, outgoing(), limits=SMALL)
    assert (outcome.result, outcome.reason, outcome.retry_after_s) == (result, reason, wait_s)
    assert outcome.account_problem == (reason in ("token_invalid", "permission_missing", "redirected"))
    assert server.connections == 1


def test_where_nobody_listens_nothing_is_sent() -> None:
    outcome = telegram.send(account(f"http://127.0.0.1:{faulty_server.closed_port()}"), TOKEN, outgoing())
    assert (outcome.result, outcome.reason) == (Result.NOT_SENT, "connect")


@pytest.mark.parametrize("token", ["", "no-colon", "1:a/../b", "1:a\r\nx", "1:ä", "1:a?b"])
def test_what_is_no_token_is_never_put_into_an_address(token: str) -> None:
    with FaultyServer(answer(200, ok())) as server:
        outcome = telegram.send(account(server.url), token, outgoing())
        assert isinstance(telegram.fetch(account(server.url), token, Attachment(type="image", id="a")), NotFetched)
    assert (outcome.reason, outcome.account_problem, server.connections) == ("token_invalid", True, 0)


@pytest.mark.parametrize(("text", "reason"), [("", "empty"), (" \n", "empty"), ("x" * 4097, "too_long")])
def test_a_text_that_telegram_would_refuse_is_not_posted(text: str, reason: str) -> None:
    with FaultyServer(answer(200, ok())) as server:
        outcome = telegram.send(account(server.url), TOKEN, outgoing(text))
    assert (outcome.result, outcome.reason, server.connections) == (Result.REFUSED, reason, 0)


def test_a_group_that_has_become_a_supergroup_is_written_to_there_and_once() -> None:
    moved = answer(400, refused(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-1004001))
    with FaultyServer(moved, answer(200, ok())) as server:
        assert telegram.send(account(server.url), TOKEN, outgoing(to="-4001")).result is Result.SENT
    assert [request.json["chat_id"] for request in server.received] == [-4001, -1004001]
    with FaultyServer(moved) as server:
        assert telegram.send(account(server.url), TOKEN, outgoing(to="-4001")).result is Result.REFUSED
    assert len(server.received) == 2


def test_a_tap_is_acknowledged_whatever_comes_of_it() -> None:
    [event] = read("callback")
    with FaultyServer(answer(200, b'{"ok":true,"result":true}')) as server:
        telegram.acknowledge(account(server.url), TOKEN, event)
    assert [(one.path, one.json) for one in server.received] == [
        (f"/bot{TOKEN}/answerCallbackQuery", {"callback_query_id": "4382742342309929423"})
    ]
    for trouble in (answer(400, refused(400, "query is too old")), after_request(faulty_server.reset)):
        with FaultyServer(trouble) as server:
            telegram.acknowledge(account(server.url), TOKEN, event)


# Against the fake


@pytest.fixture
def fake() -> FakeTelegram:
    platform = FakeTelegram(lambda: AT, lambda *_: Delivered(200, b""))
    platform.register(FakeAccount("telegram", "bot", TOKEN, SECRET, "http://127.0.0.1/hook/telegram/bot"))
    platform.say("telegram", "bot", MARTA, "Hello")
    return platform


@pytest.fixture
def base(fake: FakeTelegram) -> Iterator[str]:
    with GraphServer(FakeGraph(lambda: AT), others=[fake]) as server:
        yield f"{server.url}/telegram"


@pytest.mark.parametrize("letter", ["x", "ž", "\U0001f642"])
def test_the_limit_is_the_fakes(fake: FakeTelegram, base: str, letter: str) -> None:
    assert telegram.send(account(base), TOKEN, outgoing(letter * 4096)).result is Result.SENT
    said = telegram_api.call(account(base), TOKEN, "sendMessage", {"chat_id": int(MARTA), "text": letter * 4097}, SMALL)
    assert isinstance(said, telegram_api.Said)
    assert said.description == "bad request: message is too long"


def test_the_fake_refuses_strangers_wrong_tokens_and_haste(fake: FakeTelegram, base: str) -> None:
    assert telegram.send(account(base), TOKEN, outgoing(to="999")).reason == "contact_unknown"
    assert telegram.send(account(base), "1:other", outgoing()).reason == "token_invalid"
    outcomes = [telegram.send(account(base), TOKEN, outgoing(f"text {number}")) for number in range(6)]
    assert [outcome.result for outcome in outcomes] == [Result.SENT] * 5 + [Result.NOT_SENT]
    fake.block("bot", MARTA)
    assert telegram.send(account(base), TOKEN, outgoing()).reason == "contact_unavailable"


@pytest.mark.parametrize("fault", [*Trouble, *Spoilt])
def test_what_the_fake_has_taken_is_never_called_unsent(fake: FakeTelegram, base: str, fault: Trouble | Spoilt) -> None:
    fake.misbehave(fault)
    outcome = telegram.send(account(base), TOKEN, outgoing())
    assert outcome.result in ((Result.SENT, Result.UNKNOWN) if fake.sent else (*Result,))


def test_files_are_fetched_by_their_id(fake: FakeTelegram, base: str) -> None:
    fake.send_photo("bot", MARTA, b"a picture")
    file_id = next(iter(fake._files))
    assert telegram.fetch(account(base), TOKEN, Attachment(type="image", id=file_id)) == b"a picture"
    gone = telegram.fetch(account(base), TOKEN, Attachment(type="image", id="unknown"))
    assert gone == NotFetched(Missing.GONE, "400")
    place = telegram.fetch(account(base), TOKEN, Attachment(type="location", name="Riva"))
    assert place == NotFetched(Missing.NO_FILE, "no_file_id")


@pytest.mark.parametrize("path", ["", "../x", "/etc", "a/../../b", "a//b", "a?b", "a b", "http://evil.example/", "é"])
def test_a_path_that_leads_elsewhere_is_not_followed(path: str) -> None:
    found = {"ok": True, "result": {"file_id": "a", "file_path": path}}
    with FaultyServer(answer(200, found)) as server:
        assert telegram.fetch(account(server.url), TOKEN, Attachment(type="image", id="a")) == NotFetched(
            Missing.UNAVAILABLE, "foreign_address"
        )
    assert len(server.received) == 1


def test_a_file_beyond_the_limit_is_not_read() -> None:
    found = answer(200, {"ok": True, "result": {"file_id": "a", "file_path": "photos/a.jpg", "file_size": 10**9}})
    with FaultyServer(found) as server:
        fetched = telegram.fetch(account(server.url), TOKEN, Attachment(type="image", id="a"))
    assert (fetched, len(server.received)) == (NotFetched(Missing.TOO_LARGE, "answer_too_large"), 1)

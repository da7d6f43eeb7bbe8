"""WeChat: signatures in the query, sealed deliveries, XML without entities, passive replies, messages sent later."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from afterhours import settings
from afterhours.channels import wechat, wechat_crypto, wechat_source
from afterhours.channels.contract import Health, MalformedPayload, NotRenewed, Renewed, Request, Said
from afterhours.models import Account, Kind, Outgoing, QuickReply, Result
from afterhours_local.platforms.fake import Delivered, FakeAccount
from afterhours_local.platforms.graph import FakeGraph
from afterhours_local.platforms.server import GraphServer
from afterhours_local.platforms.spoilt import Spoilt
from afterhours_local.platforms.wechat import FakeWechat, Trouble
from faulty_server import FaultyServer, answer

EVENTS = Path(__file__).parents[2] / "events" / "wechat"
TOKEN, KEY, APP_ID = "localFakeWechatToken", "localFakeWechatEncodingAESKeyLocalFakeWecha", "wx49f0ab532d5d0"
OPENID, US = "oV5CrjpxgaGXNHIQigzNlgLTnwic", "gh_4d00ed8d6399"
NOW = 1_794_391_200_000
STAMP = str(NOW // 1000)
SEALING = {"secrets": [TOKEN], "aes_key": KEY, "app_id": APP_ID}


def body(name: str) -> bytes:
    return (EVENTS / f"{name}.xml").read_bytes()


def read(name: str) -> Any:
    [piece] = wechat_source.split(body(name))
    return wechat.normalise(piece)


def request(query: dict[str, str], raw: bytes = b"") -> Request:
    return Request("POST", {}, query, raw)


def query(**spoilt: str) -> dict[str, str]:
    return {**wechat_source.signed_query(TOKEN, STAMP, "437374425"), **spoilt}


def sealed_request(document: bytes, *, key: str = KEY, app_id: str = APP_ID) -> Request:
    sealed = wechat_crypto.sealed(document, key, app_id, bytes(16))
    raw = f"<xml><ToUserName>{US}</ToUserName><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>".encode()
    return request(wechat_source.signed_query(TOKEN, STAMP, "437374425", sealed), raw)


# Signatures (C10, rows 44 to 46)


def test_a_signed_query_is_taken() -> None:
    assert wechat_source.verify(request(query()), ["another", TOKEN])
    assert not wechat_source.verify(request(query()), ["another"])
    assert not wechat_source.verify(request(query()), [])
    assert not wechat_source.verify(request(query()), [""])
    assert not wechat_source.verify(request({}), [TOKEN])


@pytest.mark.parametrize(
    "spoilt",
    [
        {"timestamp": "1794391201"},
        {"nonce": "437374426"},
        {"signature": ""},
        {"signature": query()["signature"].upper()},
        {"signature": query()["signature"][:-1]},
        {"signature": query()["signature"] + " "},
        {"timestamp": STAMP + "4", "nonce": "37374425"},  # joined, they are the same
    ],
)
def test_a_query_that_says_something_else_is_refused(spoilt: dict[str, str]) -> None:
    assert not wechat_source.verify(request(query(**spoilt)), [TOKEN])


@pytest.mark.parametrize(
    "timestamp",
    [
        "１７９４３９１２００",
        "1_79439120",
        " 179439120",
        "+179439120",
        "1.794391e9",
        "-794391200",
        "1" * 13,
        "1" * 400,
        "",
    ],
)
def test_a_time_is_ten_digits(timestamp: str) -> None:
    signed = wechat_source.signed_query(TOKEN, timestamp, "1")
    assert not wechat_source.verify(request(signed), [TOKEN])
    with pytest.raises(MalformedPayload):
        wechat_source.asked_s(request(signed))


def test_what_is_sealed_is_signed_with_its_content() -> None:
    good = sealed_request(body("text"))
    assert wechat_source.verify(good, [TOKEN])
    other = sealed_request(body("image"))
    assert not wechat_source.verify(good._replace(body=other.body), [TOKEN])
    assert not wechat_source.verify(good._replace(body=body("text")), [TOKEN])
    assert not wechat_source.verify(good._replace(body=body("bomb")), [TOKEN])


# The handshake


def test_the_echo_comes_back_bare() -> None:
    asked = Request("GET", {}, query(echostr="5927782489442352469"), b"")
    answer = wechat_source.handshake(asked, {"secrets": [TOKEN]})
    assert answer == (200, "5927782489442352469", "text/plain; charset=utf-8")


@pytest.mark.parametrize(
    ("spoilt", "credentials", "status"),
    [
        ({"signature": "0" * 40}, {"secrets": [TOKEN]}, 403),
        ({"echostr": "<script>"}, {"secrets": [TOKEN]}, 400),
        ({"echostr": ""}, {"secrets": [TOKEN]}, 400),
        ({}, {"secrets": []}, 503),
        ({}, {}, 503),
    ],
)
def test_a_handshake_that_is_not_right_is_refused(spoilt: Any, credentials: Any, status: int) -> None:
    asked = Request("GET", {}, query(**{"echostr": "59277", **spoilt}), b"")
    assert wechat_source.handshake(asked, credentials).status == status


# Safe mode


def test_a_sealed_delivery_is_opened() -> None:
    assert wechat_source.opened(sealed_request(body("text")), SEALING) == body("text")


@pytest.mark.parametrize("length", range(60, 96))
def test_any_length_survives_sealing(length: int) -> None:
    document = b"x" * length
    assert wechat_crypto.unsealed(wechat_crypto.sealed(document, KEY, APP_ID, bytes(16)), KEY, APP_ID) == document


@pytest.mark.parametrize(
    ("asked", "credentials"),
    [
        (sealed_request(b"<xml/>", app_id="wx-another"), SEALING),
        (sealed_request(b"<xml/>", key="another" + KEY[7:]), SEALING),
        (sealed_request(b"<xml/>"), {"secrets": [TOKEN]}),
        (sealed_request(b"<xml/>"), {**SEALING, "app_id": None}),
        (sealed_request(b"<xml/>"), {**SEALING, "aes_key": "short"}),
        (request(query(), body("text")), SEALING),  # an app with a key takes nothing in clear
    ],
)
def test_what_is_not_sealed_for_this_app_is_not_opened(asked: Request, credentials: dict[str, Any]) -> None:
    with pytest.raises(MalformedPayload):
        wechat_source.opened(asked, credentials)


@pytest.mark.parametrize("sealed", ["", "!", "YWJj", "A" * 64, "AAAA" * 100 + "===="])
def test_junk_is_not_opened(sealed: str) -> None:
    with pytest.raises(MalformedPayload):
        wechat_crypto.unsealed(sealed, KEY, APP_ID)


def test_of_both_forms_the_sealed_one_counts() -> None:
    good = sealed_request(body("text"))
    both = good.body.replace(b"<Encrypt>", b"<MsgType>text</MsgType><Content>forged</Content><Encrypt>")
    assert wechat_source.opened(good._replace(body=both), SEALING) == body("text")


# Reading


def test_a_text_is_a_message_of_its_sender() -> None:
    event = read("text")
    assert (event.kind, event.text) == (Kind.MESSAGE, "早餐包括在内吗？ ]]> <b>&amp;</b>")
    assert (event.contact_ids, event.recipient_id, event.account_id) == ((OPENID,), US, None)
    assert (event.message_id, event.timestamp_ms) == ("23456789012345678", NOW)


def test_times_come_in_seconds_and_in_milliseconds() -> None:
    assert read("text-milliseconds").timestamp_ms == NOW + 123


@pytest.mark.parametrize(
    ("name", "kind", "payload"),
    [
        ("menu-choice", Kind.POSTBACK, "faq:checkin"),
        ("click", Kind.POSTBACK, "faq:wifi"),
        ("event-subscribe", Kind.FOLLOW, None),
        ("event-unsubscribe", Kind.UNFOLLOW, None),
        ("event-view", Kind.IGNORED, None),
        ("event-location", Kind.IGNORED, None),
        ("event-templatesendjobfinish", Kind.DELIVERY, None),
        ("event-scancode", Kind.POSTBACK, "wifi-code"),
        ("event-poll-of-tomorrow", Kind.UNKNOWN, None),
    ],
)
def test_events_and_choices(name: str, kind: Kind, payload: str | None) -> None:
    event = read(name)
    assert (event.kind, event.payload) == (kind, payload)


def test_a_menu_s_choice_waits_for_the_message_that_follows() -> None:
    assert read("event-scancode").unanswered == "menu"
    assert read("click").unanswered is None


def test_how_a_message_to_many_went_is_news_of_no_thread() -> None:
    assert read("event-templatesendjobfinish").contact_ids == ()


def test_a_file_says_its_name() -> None:
    [attachment] = read("file").attachments
    assert (attachment.type, attachment.name) == ("file", "voucher.pdf")


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\n        ", b"\xef\xbb\xbf\r\n"])
def test_what_stands_before_the_declaration_does_no_harm(before: bytes) -> None:
    declared = b'<?xml version="1.0" encoding="UTF-8"?>' + body("text").replace(b"\n", b"\r\n")
    assert wechat_source.split(before + declared) == wechat_source.split(body("text"))


def test_what_was_said_aloud_is_text_where_wechat_understood_it() -> None:
    event = read("voice-recognised")
    assert (event.text, event.attachments[0].type) == ("有停车位吗", "audio")


def test_events_are_told_apart_without_an_id() -> None:
    [one] = wechat_source.split(body("click"))
    assert wechat.normalise(one).event_id == read("click").event_id
    for key, other in (("EventKey", "faq:x"), ("CreateTime", "1794391201"), ("FromUserName", "o1"), ("Event", "SCAN")):
        assert wechat.normalise({"xml": {**one["xml"], key: other}}).event_id != read("click").event_id


def test_only_what_a_customer_says_is_answered_at_once() -> None:
    answerable = {path.stem for path in EVENTS.glob("*.xml") if path.stem != "bomb" and is_answerable(path.stem)}
    assert answerable == {
        *(
            "text",
            "text-milliseconds",
            "menu-choice",
            "voice-recognised",
            "image",
            "file",
            "click",
            "text-without-sender",
        )
    }


def is_answerable(name: str) -> bool:
    [piece] = wechat_source.split(body(name))
    return wechat_source.may_answer(piece)


def test_a_piece_is_a_delivery_too() -> None:
    for path in EVENTS.glob("*.xml"):
        if path.stem != "bomb":
            [piece] = wechat_source.split(path.read_bytes())
            assert wechat_source.split(json.dumps(piece).encode()) == [piece]


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMBS = [
    f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]><xml><MsgType>&l9;</MsgType></xml>',
    '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><xml><MsgType>text</MsgType><Content>&f;</Content></xml>',
    '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><xml><MsgType>text</MsgType></xml>',
    "<!DOCTYPE x><xml><MsgType>text</MsgType></xml>",
    "<xml><MsgType>&lol;</MsgType></xml>",
    "<xml>" * 100_000,
    "<xml>" + "<a>" * 20 + "</a>" * 20 + "</xml>",
]


@pytest.mark.parametrize("bomb", BOMBS, ids=range(len(BOMBS)))
def test_a_bomb_of_xml_is_refused_and_expands_to_nothing(bomb: str) -> None:
    began = time.process_time()
    with pytest.raises(MalformedPayload):
        wechat_source.split(bomb.encode())
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "raw", [b"", b"success", b"<xml></xml>", b"\xff\xfe", b"<xml><a></xml>", b"{", b'{"xml":1}', b"{}"]
)
def test_what_is_no_message_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedPayload):
        wechat_source.split(raw)


# Passive replies


def said(text: str, *choices: str) -> Said:
    return Said(text, [QuickReply(id=each, title=each) for each in choices], "Hotel", NOW, bytes(range(32)))


def passive(text: str, *choices: str) -> dict[str, str]:
    [piece] = wechat_source.split(body("text"))
    answer = wechat_source.answer(piece, said(text, *choices), {"secrets": [TOKEN]})
    assert (answer.status, answer.content_type) == (200, "text/xml; charset=utf-8")
    return wechat_source.fields_of(answer.body.encode())


def test_in_a_reply_the_parties_change_places() -> None:
    assert passive("Da") == {
        "ToUserName": OPENID, "FromUserName": US, "CreateTime": STAMP, "MsgType": "text", "Content": "Da",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["]]>", "a]]>b]]>c", "]]]>", "<Content>&amp;</Content>", "čšž 早 \U0001f600", "two\nlines"]
)
def test_any_text_comes_through_as_it_is(text: str) -> None:
    assert passive(text)["Content"] == text


def test_what_xml_cannot_hold_is_replaced() -> None:
    assert passive("a\x00b\ufffec")["Content"] == "a\ufffdb\ufffdc"


def test_choices_are_listed_where_they_fit() -> None:
    assert passive("Which?", "Pets", "Parking")["Content"] == "Which?\n· Pets\n· Parking"
    assert passive("x" * 2040, "Pets", "Parking")["Content"] == "x" * 2040


def test_a_reply_to_what_was_sealed_is_sealed() -> None:
    [piece] = wechat_source.split(body("text"))
    outer = wechat_source.fields_of(wechat_source.answer(piece, said("Da"), SEALING).body.encode())
    assert outer.keys() == {"Encrypt", "MsgSignature", "TimeStamp", "Nonce"}
    signed = wechat_source.digest(TOKEN, outer["TimeStamp"], outer["Nonce"], outer["Encrypt"])
    assert outer["MsgSignature"] == signed
    plain = wechat_source.fields_of(wechat_crypto.unsealed(outer["Encrypt"], KEY, APP_ID))
    assert (plain["ToUserName"], plain["Content"]) == (OPENID, "Da")


# Messages of the customer service


@pytest.fixture
def fake() -> FakeWechat:
    fake = FakeWechat(lambda: NOW, lambda *_: Delivered(200, b"success"))
    hook = "https://hook.example/hook/wechat/app"
    fake.register(FakeAccount("wechat", "app", "", TOKEN, hook, client_id=APP_ID, client_secret="app-secret"))
    fake.say("wechat", "app", OPENID, "Hello")
    return fake


@pytest.fixture
def account(fake: FakeWechat, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("AFTERHOURS_LOCAL", "1")
    settings.load.cache_clear()
    with GraphServer(FakeGraph(lambda: NOW), others=[fake]) as server:
        base = {"api_base": f"{server.url}/wechat", "customer_service": True}
        yield Account(channel="wechat", id="app", app="app", source="wechat", inbox="support", **base)
    settings.load.cache_clear()


@pytest.fixture
def token(account: Account) -> str:
    renewed = wechat.renew(account, {"client_id": APP_ID, "client_secret": "app-secret"})
    assert isinstance(renewed, Renewed)
    assert renewed.lives_s == 7200
    return renewed.token


def outgoing(text: str = "你好", *, to: str = OPENID, choices: tuple[QuickReply, ...] = ()) -> Outgoing:
    return Outgoing(to=to, text=text, correlator="aa/E#1", quick_replies=choices)


def test_an_account_without_customer_service_sends_nothing_later(account: Account, fake: FakeWechat) -> None:
    outcome = wechat.send(account.model_copy(update={"customer_service": False}), "token", outgoing())
    assert (outcome.result, outcome.reason, outcome.account_problem) == (Result.REFUSED, "unsupported", False)
    assert fake.sent == []


def test_a_text_is_sent_in_its_own_letters(account: Account, fake: FakeWechat, token: str) -> None:
    assert wechat.send(account, token, outgoing()).result is Result.SENT
    assert [each.text for each in fake.sent] == ["你好"]


@pytest.mark.parametrize(("letter", "units"), [("a", 1), ("č", 2), ("早", 3), ("\U0001f600", 4)])
def test_the_limit_counts_bytes(account: Account, token: str, letter: str, units: int) -> None:
    fits = 2048 // units
    assert wechat.text_units(letter) == units
    assert wechat.send(account, token, outgoing(letter * fits)).result is Result.SENT
    assert wechat.send(account, token, outgoing(letter * (fits + 1))).reason == "too_long"


def test_choices_become_a_menu(account: Account, fake: FakeWechat, token: str) -> None:
    assert (
        wechat.send(account, token, outgoing(choices=(QuickReply(id="faq:wifi", title="Wi-Fi"),))).result is Result.SENT
    )
    assert fake.sent[0].choices == ("Wi-Fi",)


OUTCOMES = {
    Trouble.BUSY: (Result.NOT_SENT, "busy", False),
    Trouble.BAD_TOKEN_40001: (Result.NOT_SENT, "token_expired", False),
    Trouble.BAD_OPENID_40003: (Result.REFUSED, "contact_unavailable", False),
    Trouble.EXPIRED_42001: (Result.NOT_SENT, "token_expired", False),
    Trouble.IP_40164: (Result.REFUSED, "ip_not_allowed", True),
    Trouble.NOT_FOLLOWING_43004: (Result.REFUSED, "contact_unavailable", False),
    Trouble.DAILY_45009: (Result.REFUSED, "daily_limit", True),
    Trouble.PER_MINUTE_45011: (Result.NOT_SENT, "rate_limited", False),
    Trouble.WINDOW_45015: (Result.REFUSED, "window_closed", False),
    Trouble.TOO_MANY_45047: (Result.REFUSED, "too_many_unanswered", False),
    Trouble.NOT_GRANTED_48001: (Result.REFUSED, "permission_missing", True),
    Trouble.TOMORROW_99999: (Result.REFUSED, "bad_request", False),
    Spoilt.RESET: (Result.UNKNOWN, "connection_lost", False),
    Spoilt.ERROR_500: (Result.UNKNOWN, "temporary", False),
    Spoilt.BAD_GATEWAY_502: (Result.UNKNOWN, "temporary", False),
    Spoilt.HUGE_BODY: (Result.UNKNOWN, "answer_too_large", False),
    **dict.fromkeys(
        (Spoilt.EMPTY_BODY, Spoilt.HTML, Spoilt.TRUNCATED_JSON, Spoilt.WRONG_TYPE, Spoilt.NULL_ID),
        (Result.UNKNOWN, "unreadable_answer", False),
    ),
    **dict.fromkeys((Spoilt.REDIRECT_302, Spoilt.REDIRECT_307), (Result.REFUSED, "redirected", True)),
}


@pytest.mark.parametrize("fault", [*Trouble, *Spoilt])
def test_every_answer_has_its_outcome(account: Account, fake: FakeWechat, token: str, fault: Trouble | Spoilt) -> None:
    fake.misbehave(fault)
    outcome = wechat.send(account, token, outgoing())
    assert (outcome.result, outcome.reason, outcome.account_problem) == OUTCOMES[fault]


def test_a_token_that_wechat_does_not_know_is_renewed_not_given_up(account: Account) -> None:
    assert wechat.send(account, "yesterdays", outgoing()).reason == "token_expired"


@pytest.mark.parametrize(
    ("record", "final"),
    [({"client_id": APP_ID, "client_secret": "wrong"}, False), ({"client_id": APP_ID}, True), ({}, True)],
)
def test_a_token_that_is_not_given_says_so(account: Account, record: dict[str, str], final: bool) -> None:
    found = wechat.renew(account, record)
    assert isinstance(found, NotRenewed)
    assert found.final is final


def test_a_token_that_this_address_may_not_have_says_so(account: Account) -> None:
    refusal = answer(200, {"errcode": 40164, "errmsg": "invalid ip 203.0.113.9, not in whitelist"})
    with FaultyServer(refusal) as server:
        there = account.model_copy(update={"api_base": server.url})
        assert wechat.renew(there, {"client_id": APP_ID, "client_secret": "app-secret"}) == NotRenewed(
            "ip_not_allowed", final=False
        )
        assert wechat.health(there, "a-token") == Health(False, "ip_not_allowed")


def test_a_token_of_wechats_own_is_good_and_another_is_not(account: Account, token: str) -> None:
    assert wechat.health(account, token) == Health(True, "fine")
    assert wechat.health(account, "yesterdays") == Health(False, "token_invalid")

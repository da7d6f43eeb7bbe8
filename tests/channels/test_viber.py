"""Viber: the signature in its header only, events out of our samples, every outcome of a send, what a welcome is."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from afterhours import settings
from afterhours.channels import signature, viber, viber_source
from afterhours.channels.contract import MalformedPayload, Request, Said
from afterhours.models import Account, Kind, Outgoing, QuickReply, Result
from afterhours_local.platforms.fake import Delivered, FakeAccount
from afterhours_local.platforms.graph import FakeGraph
from afterhours_local.platforms.server import GraphServer
from afterhours_local.platforms.spoilt import Spoilt
from afterhours_local.platforms.viber import FakeViber, Trouble

EVENTS = Path(__file__).parents[2] / "events" / "viber"
TOKEN, PETRA = "local-fake-viber-auth-token", "wB0Xh3tCyFqIuUq8m1pNnA=="
NOW = 1_794_391_200_000
BODY = (EVENTS / "text.json").read_bytes()


def piece(name: str) -> dict[str, Any]:
    return dict(json.loads((EVENTS / f"{name}.json").read_bytes()))


def read(name: str) -> Any:
    return viber.normalise(piece(name))


# The signature (C10, row 56)


def verified(body: bytes, headers: dict[str, str], query: dict[str, str] | None = None) -> bool:
    return viber_source.verify(Request("POST", headers, query or {}, body), [TOKEN])


def test_a_signature_is_taken_from_the_header_only() -> None:
    digest = signature.sign(BODY, TOKEN)
    assert verified(BODY, {viber_source.HEADER: digest})
    assert not verified(BODY, {}, {"sig": digest})
    assert not verified(BODY, {viber_source.HEADER: ""}, {"sig": digest})


@pytest.mark.parametrize(
    "spoil", [str.upper, lambda digest: digest[:-1], lambda digest: "sha256=" + digest, lambda digest: digest + " "]
)
def test_a_signature_is_exactly_the_hex_digest(spoil: Any) -> None:
    assert not verified(BODY, {viber_source.HEADER: spoil(signature.sign(BODY, TOKEN))})


def test_the_signature_of_another_body_or_bot_is_refused() -> None:
    assert not verified(BODY, viber_source.sign(BODY + b"\n", TOKEN))
    assert not verified(BODY, viber_source.sign(BODY, "another-bots-token"))


# Events


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_a_delivery_is_one_event_and_a_check_of_the_url_is_none(path: Path) -> None:
    pieces = viber_source.split(path.read_bytes())
    assert len(pieces) == (0 if path.stem == "webhook-check" else 1)
    for each in pieces:
        assert viber_source.split(json.dumps(each).encode()) == [each]


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{}", b'{"event":1}', b"\xff", b'{"event":"message"'])
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedPayload):
        viber_source.split(body)


def test_a_text_is_a_message_of_its_sender() -> None:
    event = read("text")
    assert (event.kind, event.text, event.contact_ids) == (Kind.MESSAGE, "Is breakfast included?", (PETRA,))
    assert (event.contact_name, event.locale, event.timestamp_ms) == ("Petra Novak", "en", NOW)
    assert (event.account_id, event.message_id) == (None, "6054321098765432101")


def test_a_token_beyond_53_bits_is_the_same_as_a_number_and_as_text() -> None:
    number, text = read("text"), read("token-as-text")
    assert number.message_id == text.message_id == "6054321098765432101"
    assert number.event_id == text.event_id


def test_a_token_as_a_float_is_none_and_the_event_still_has_a_key_of_its_own() -> None:
    one, other = ({**piece("text"), "message_token": 6.05e18, "timestamp": moment} for moment in (NOW, NOW + 1))
    assert viber.normalise(one).message_id is None
    assert viber.normalise(one).event_id != viber.normalise(other).event_id


def test_receipts_of_one_message_are_different_events() -> None:
    receipts = [read(name) for name in ("delivered", "seen", "failed")]
    assert [(each.kind, each.subkind) for each in receipts] == [
        (Kind.STATUS, "delivered"),
        (Kind.STATUS, "read"),
        (Kind.STATUS, "failed"),
    ]
    assert len({each.event_id for each in receipts}) == 3
    assert len({each.message_id for each in receipts}) == 1


@pytest.mark.parametrize(("name", "payload"), [("button-pressed", "faq:checkin"), ("rating-pressed", "csat:1:5")])
def test_a_pressed_button_of_ours_is_known_by_its_id(name: str, payload: str) -> None:
    event = read(name)
    assert (event.kind, event.payload, event.text) == (Kind.POSTBACK, payload, None)


@pytest.mark.parametrize("text", ["faq:", "faq:checkin ", "see faq:checkin", "csat:1:6", "FAQ:checkin", "csat:1:5\n"])
def test_what_only_looks_like_a_button_is_a_text(text: str) -> None:
    message = {**piece("text"), "message": {"type": "text", "text": text}}
    assert viber.normalise(message).kind is Kind.MESSAGE


@pytest.mark.parametrize(
    ("name", "kind", "shown"),
    [
        ("picture", "image", "our room"),
        ("location", "location", None),
        ("link-without-text", None, "https://www.hotel-jadran.example/rooms"),
        ("type-of-tomorrow", None, None),
    ],
)
def test_what_is_no_text_is_a_message_with_something_on_it(name: str, kind: str | None, shown: str | None) -> None:
    event = read(name)
    assert (event.kind, event.text) == (Kind.MESSAGE, shown)
    assert [each.type for each in event.attachments] == ([kind] if kind else [])


def test_who_opens_the_chat_may_be_welcomed_until_they_have_subscribed() -> None:
    started, again = piece("conversation-started"), piece("conversation-started-subscribed")
    assert viber_source.may_answer(started)
    assert not viber_source.may_answer(again)
    assert (viber.normalise(started).kind, viber.normalise(started).payload) == (Kind.POSTBACK, "spring")
    assert viber.normalise(again).kind is Kind.SYSTEM
    assert not viber_source.may_answer(piece("text"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("subscribed", Kind.FOLLOW), ("unsubscribed", Kind.UNFOLLOW), ("event-of-tomorrow", Kind.UNKNOWN)],
)
def test_subscriptions_and_the_unknown(name: str, kind: Kind) -> None:
    event = read(name)
    assert (event.kind, event.contact_ids) == (kind, (PETRA,))


def test_a_message_without_sender_is_nobodys() -> None:
    assert read("message-without-sender").contact_ids == ()


# The welcome


def test_a_welcome_is_a_message_to_nobody() -> None:
    said = Said("Hello <you>", (QuickReply(id="faq:pets", title="Pets & <b>more</b>"),), "H" * 40, NOW, b"")
    answer = viber_source.answer(piece("conversation-started"), said, {})
    message = json.loads(answer.body)
    assert (answer.status, answer.content_type) == (200, "application/json; charset=utf-8")
    assert message.keys() == {"min_api_version", "type", "text", "sender", "keyboard"}
    assert (message["text"], message["sender"]) == ("Hello <you>", {"name": "H" * 28})
    [button] = message["keyboard"]["Buttons"]
    assert (button["ActionBody"], button["Text"]) == ("faq:pets", "Pets &amp; &lt;b&gt;more&lt;/b&gt;")


# Sending


@pytest.fixture
def fake() -> FakeViber:
    fake = FakeViber(lambda: NOW, lambda *_: Delivered(200, b""))
    fake.register(FakeAccount("viber", "bot", TOKEN, TOKEN, "https://hook.example/hook/viber/bot"))
    fake.say("viber", "bot", PETRA, "Hello")
    return fake


@pytest.fixture
def account(fake: FakeViber, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("AFTERHOURS_LOCAL", "1")
    settings.load.cache_clear()
    with GraphServer(FakeGraph(lambda: NOW), others=[fake]) as server:
        base = f"{server.url}/viber"
        yield Account(channel="viber", id="bot", app="bot", source="viber", inbox="support", api_base=base)
    settings.load.cache_clear()


def outgoing(text: str = "Hello", *, to: str = PETRA, choices: tuple[QuickReply, ...] = ()) -> Outgoing:
    return Outgoing(to=to, text=text, correlator="aa/E#1", quick_replies=choices)


def test_a_text_is_sent_and_its_token_stays_whole(account: Account, fake: FakeViber) -> None:
    outcome = viber.send(account, TOKEN, outgoing())
    assert (outcome.result, outcome.platform_id) == (Result.SENT, fake.sent[0].platform_id)
    assert int(outcome.platform_id or 0) > 2**53


@pytest.mark.parametrize("letter", ["a", "ж", "\U0001f600"])
def test_a_text_of_the_whole_limit_is_sent_in_any_letters(account: Account, fake: FakeViber, letter: str) -> None:
    assert viber.send(account, TOKEN, outgoing(letter * 7000)).result is Result.SENT
    refused = viber.send(account, TOKEN, outgoing(letter * 7001))
    assert (refused.result, refused.reason) == (Result.REFUSED, "too_long")
    assert len(fake.sent) == 1


def test_buttons_come_along_and_say_what_they_are_called(account: Account, fake: FakeViber) -> None:
    choices = (QuickReply(id="faq:pets", title="Pets & dogs"),)
    assert viber.send(account, TOKEN, outgoing(choices=choices)).result is Result.SENT
    assert fake.sent[0].choices == ("Pets & dogs",)


OUTCOMES = {
    Trouble.BAD_TOKEN_2: (Result.REFUSED, "token_invalid", True),
    Trouble.BAD_DATA_3: (Result.REFUSED, "bad_request", False),
    Trouble.NOT_REGISTERED_5: (Result.REFUSED, "contact_unavailable", False),
    Trouble.NOT_SUBSCRIBED_6: (Result.REFUSED, "contact_unavailable", False),
    Trouble.BLOCKED_7: (Result.REFUSED, "account_blocked", True),
    Trouble.NO_WEBHOOK_10: (Result.REFUSED, "webhook_missing", True),
    Trouble.DEVICE_11: (Result.REFUSED, "contact_cannot_receive", False),
    Trouble.TOO_FAST_12: (Result.NOT_SENT, "rate_limited", False),
    Trouble.OLD_CLIENT_13: (Result.REFUSED, "contact_cannot_receive", False),
    Trouble.NOT_AUTHORISED_15: (Result.REFUSED, "permission_missing", True),
    Trouble.THRESHOLD_23: (Result.REFUSED, "monthly_limit", True),
    Trouble.NO_BALANCE_24: (Result.REFUSED, "no_balance", True),
    Trouble.TOMORROW_99: (Result.UNKNOWN, "unknown_status", False),
    Spoilt.RESET: (Result.UNKNOWN, "connection_lost", False),
    Spoilt.ERROR_500: (Result.UNKNOWN, "temporary", False),
    Spoilt.BAD_GATEWAY_502: (Result.UNKNOWN, "temporary", False),
    Spoilt.EMPTY_BODY: (Result.UNKNOWN, "unreadable_answer", False),
    Spoilt.HTML: (Result.UNKNOWN, "unreadable_answer", False),
    Spoilt.TRUNCATED_JSON: (Result.UNKNOWN, "unreadable_answer", False),
    Spoilt.HUGE_BODY: (Result.UNKNOWN, "answer_too_large", False),
    Spoilt.WRONG_TYPE: (Result.UNKNOWN, "unreadable_answer", False),
    Spoilt.NULL_ID: (Result.UNKNOWN, "no_message_id", False),
    Spoilt.REDIRECT_302: (Result.REFUSED, "redirected", True),
    Spoilt.REDIRECT_307: (Result.REFUSED, "redirected", True),
}


@pytest.mark.parametrize("fault", [*Trouble, *Spoilt])
def test_every_answer_of_viber_has_its_outcome(account: Account, fake: FakeViber, fault: Trouble | Spoilt) -> None:
    fake.misbehave(fault)
    outcome = viber.send(account, TOKEN, outgoing())
    assert (outcome.result, outcome.reason, outcome.account_problem) == OUTCOMES[fault]


def test_who_has_not_subscribed_gets_nothing(account: Account, fake: FakeViber) -> None:
    outcome = viber.send(account, TOKEN, outgoing(to="nobody"))
    assert (outcome.result, outcome.code) == (Result.REFUSED, "6")


@pytest.mark.parametrize("token", ["", "with\nnewline", "ključ"])
def test_a_token_that_no_header_carries_is_not_tried(account: Account, fake: FakeViber, token: str) -> None:
    assert viber.send(account, token, outgoing()).reason == "token_invalid"
    assert fake.sent == []


def test_an_empty_text_is_not_tried(account: Account) -> None:
    assert viber.send(account, TOKEN, outgoing("  ")).reason == "empty"


def test_the_local_host_is_honoured_on_the_local_stack_only(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AFTERHOURS_LOCAL")
    settings.load.cache_clear()
    from afterhours.channels import graph

    assert graph.host_of(account, viber.HOST) == "https://chatapi.viber.com"

"""TikTok: who is let in and when, how our own samples are read, what is posted, and what the answers mean."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import faulty_server
import pytest
from afterhours.channels import tiktok, tiktok_api, tiktok_comments, tiktok_source
from afterhours.channels.contract import Health, MalformedPayload, NotRenewed, Renewed, Request
from afterhours.channels.http import Limits
from afterhours.models import Account, Attachment, Event, Outcome, Outgoing, QuickReply, Result
from afterhours_local.platforms.fake import Delivered, FakeAccount
from afterhours_local.platforms.graph import FakeGraph
from afterhours_local.platforms.server import GraphServer
from afterhours_local.platforms.spoilt import Spoilt
from afterhours_local.platforms.tiktok import FakeTikTok, Trouble
from backend import Clock
from faulty_server import FaultyServer, after_request, answer

EVENTS = Path(__file__).parents[2] / "events"
AT = 1_784_060_100_000
CONVERSATION, US, LUCA = "Y29udmVyc2F0aW9u+/8=", "jadran-openid", "u-luca"
SECRET, OTHER, TOKEN = "tiktok-app-secret", "another-secret", "act.token"
BODY = b'{"event":"im_receive_msg"}'
SMALL = Limits(connect_s=0.3, total_s=0.6, answer_bytes=1000)


@pytest.fixture(autouse=True)
def now(clock: Clock) -> Clock:
    clock.set(datetime.fromtimestamp(AT / 1000, UTC))
    return clock


# The signature, and its time (reliability.md C10 44 to 46)


def digest(moment: str, body: bytes = BODY, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()


def header(seconds: int | str = AT // 1000, body: bytes = BODY, secret: str = SECRET) -> str:
    return f"t={seconds},s={digest(str(seconds), body, secret)}"


def verified(value: str | None, secrets: Any = (SECRET,), body: bytes = BODY) -> bool:
    headers = {} if value is None else {"tiktok-signature": value}
    return tiktok_source.verify(Request("POST", headers, {}, body), secrets)


def test_a_right_signature_is_accepted_under_any_of_the_secrets() -> None:
    assert verified(header())
    assert verified(header(), [OTHER, SECRET])
    assert verified(",".join(reversed(header().split(","))))
    assert tiktok_source.verify(Request("POST", tiktok_source.sign(BODY, SECRET), {}, BODY), [SECRET])


@pytest.mark.parametrize(("late_s", "expected"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
def test_it_may_be_five_minutes_old_or_ahead(late_s: int, expected: bool) -> None:
    assert verified(header(AT // 1000 + late_s)) is expected


FULL_WIDTH = "".join(chr(ord(digit) + 0xFEE0) for digit in str(AT // 1000))


@pytest.mark.parametrize(
    "moment", [FULL_WIDTH, "1_784_060_100", " 1784060100", "+1784060100", "1.78e9", "-178406010", "1784060100000",
               "9" * 400, "", "178406010", "1784060100 ", "1784060100\n"],
)  # fmt: skip
def test_a_time_is_ten_plain_digits(moment: str) -> None:
    assert not verified(f"t={moment},s={digest(moment)}")


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        header(secret=OTHER),
        header(body=BODY + b"\n"),
        header().upper(),
        header() + ",s=" + "0" * 64,
        f"t=1784060100,{header()}",
        header() + "," + header(),
        header() + ",v=1",
        header() + "\n",
        " " + header(),
        header().replace(",", ", "),
        header().partition(",")[0],
        header().partition(",")[2],
        f"t=1784060100,s={hashlib.sha256(BODY).hexdigest()}",
        f"t=1784060100,s={hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()}",
        "é" * 40,
        "\ud800",
        "t=1784060100,s=" + digest("1784060100")[:-1] + "\u0661",
        ",".join(["s=" + "0" * 64] * 10_000),
    ],
)
def test_everything_else_is_refused(value: str | None) -> None:
    assert not verified(value)


@pytest.mark.parametrize("secrets", [[], [""], [None], None, SECRET, 7, [OTHER]])
def test_without_the_right_secret_nothing_is_let_in(secrets: Any) -> None:
    assert not verified(header(), secrets)
    assert not verified(header(secret=""), secrets)


def test_a_challenge_is_given_back_and_signs_nothing() -> None:
    def said(challenge: str | None) -> tuple[int, str]:
        query = {} if challenge is None else {"challenge": challenge}
        return tiktok_source.handshake(Request("GET", {}, query, b""), {"secrets": [SECRET]})[:2]

    assert said("abc-123_X") == (200, "abc-123_X")
    assert {said(each) for each in (None, "", "<script>", "a" * 129, "a b")} == {(200, "ok")}


# Our own samples

USUAL: dict[str, Any] = {
    "account_id": US, "sender_id": LUCA, "recipient_id": US, "contact_ids": (CONVERSATION,), "contact_name": "Luca",
    "timestamp_ms": AT, "handle": CONVERSATION,
}  # fmt: skip
MESSAGE = {"kind": "message", "subkind": "text"}
OURS = {"sender_id": US, "recipient_id": LUCA, "contact_name": None, "is_echo": True, "handle": None, "kind": "echo"}


def numbered(number: int) -> dict[str, str]:
    return {"message_id": f"7300000000000000{number:03d}"}


READ: dict[str, dict[str, Any]] = {
    "text": {**MESSAGE, "text": "Avete un parcheggio? 🙂", **numbered(1)},
    "text-upper-case-in-seconds": {**MESSAGE, "text": "How much is shipping?", **numbered(2)},
    "text-answering": {**MESSAGE, "text": "This one", "reply_to_id": "m-0", **numbered(3)},
    "image": {
        "kind": "message", "subkind": "image", **numbered(4),
        "attachments": (Attachment(type="image", id=f"{CONVERSATION} 7300000000000000004 media-1"),)},
    "share-post": {
        "kind": "message", "subkind": "share_post", **numbered(5),
        "attachments": (Attachment(type="link", url="https://www.tiktok.com/embed/123"),)},
    "sticker": {"kind": "message", "subkind": "sticker", **numbered(6), "attachments": (Attachment(type="sticker"),)},
    "type-of-tomorrow": {"kind": "message", "subkind": "hologram", **numbered(7)},
    "text-eu-without-text": {**MESSAGE, **numbered(8)},
    "echo": {**OURS, "subkind": "text", "text": "Si, gratis.", **numbered(9)},
    "received-from-ourselves": {**OURS, "subkind": "text", "text": "Si.", **numbered(10)},
    "read": {"kind": "read", "recipient_id": "hotel.jadran", "sender_id": "Luca", "watermark_ms": AT - 1000},
    "referral": {"kind": "referral", "has_referral": True},
    "authorization-removed": {
        "kind": "account", "subkind": "revoked", "sender_id": US, "recipient_id": None, "contact_ids": (),
        "contact_name": None, "handle": None},
    "post-published": {
        "kind": "ignored", "subkind": "post.publish.complete", "sender_id": None, "recipient_id": None,
        "contact_ids": (), "contact_name": None, "handle": None},
    "message-of-tomorrow": {"kind": "unknown", "subkind": "im_hologram_msg"},
}  # fmt: skip
BIG = 7_300_000_000_000_000_000
VIDEO = str(BIG + 999)
COMMENTED: dict[str, Any] = {
    "account_id": US, "sender_id": LUCA, "recipient_id": US, "contact_ids": (LUCA,), "contact_name": LUCA,
    "timestamp_ms": AT, "message_id": str(BIG + 1), "post_id": VIDEO,
}  # fmt: skip
ABOUT = {"target_id": str(BIG + 1)}
COMMENTS: dict[str, dict[str, Any]] = {
    "insert": {
        "kind": "comment", "subkind": "add", "text": "Is breakfast included?", "handle": f"{VIDEO}/{BIG + 1}"},
    "insert-reply-in-seconds": {
        "kind": "comment", "subkind": "add", "text": "Is breakfast included?", "handle": f"{VIDEO}/{BIG + 2}",
        "message_id": str(BIG + 2), "parent_id": str(BIG + 1)},
    "insert-own": {
        "kind": "echo", "subkind": "insert", "text": "Yes, it is.", "sender_id": US, "contact_ids": (),
        "contact_name": None, "message_id": str(BIG + 3), "is_echo": True, "from_page_itself": True},
    "delete": {"kind": "message_deleted", "subkind": "delete", **ABOUT},
    "hidden": {"kind": "message_edit", "subkind": "hide", **ABOUT},
    "friends-only": {"kind": "message_edit", "subkind": "hide", **ABOUT},
    "public-again": {"kind": "message_edit", "subkind": "unhide", **ABOUT},
    "action-of-tomorrow": {"kind": "unknown", "subkind": "pinned"},
}  # fmt: skip
ALL = [("tiktok", name) for name in READ] + [("tiktok_comments", name) for name in COMMENTS]


def read(folder: str, name: str) -> Event:
    [piece] = tiktok_source.split((EVENTS / folder / f"{name}.json").read_bytes())
    found = tiktok_source.channel_of(piece)
    assert found == folder
    return (tiktok_comments if found == "tiktok_comments" else tiktok).normalise(piece)


@pytest.mark.parametrize(("folder", "name"), ALL)
def test_a_sample_is_read_in_full(folder: str, name: str) -> None:
    event = read(folder, name)
    seen = event.model_dump(exclude={"channel", "event_id", "attachments"}, exclude_defaults=True)
    expected = {**(USUAL | READ[name] if folder == "tiktok" else COMMENTED | COMMENTS[name])}
    attachments = expected.pop("attachments", ())
    assert seen == {key: value for key, value in expected.items() if value not in (None, ())}
    assert event.attachments == attachments


def test_every_sample_is_read_here_and_is_an_event_of_its_own() -> None:
    for folder, table in (("tiktok", READ), ("tiktok_comments", COMMENTS)):
        assert {path.stem for path in (EVENTS / folder).glob("*.json")} == table.keys()
        assert len({read(folder, name).event_id for name in table}) == len(table)


def test_a_redelivery_is_the_same_event_whatever_its_envelope_says() -> None:
    for folder, name in (("tiktok", "text"), ("tiktok_comments", "insert")):
        piece = json.loads((EVENTS / folder / f"{name}.json").read_bytes())
        piece["create_time"] += 300
        channel = tiktok if folder == "tiktok" else tiktok_comments
        assert channel.normalise(piece).event_id == read(folder, name).event_id


@pytest.mark.parametrize("body", [b"[]", b"{}", b"7", b"{", b"\xff", b'{"event":7}', b'{"events":[]}'])
def test_what_is_no_event_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedPayload):
        tiktok_source.split(body)


@pytest.mark.parametrize(
    "said",
    [{"text": {"body": "Ciao"}}, {"text": "Ciao"}, {"content": "Ciao"}, {"type": "template", "text": {"body": "Ciao"}}],
)
def test_a_text_is_read_wherever_sources_put_it(said: dict[str, Any]) -> None:
    content = json.dumps({"type": "text", "conversation_id": CONVERSATION, "message_id": "m", **said})
    assert tiktok.normalise({"event": "im_receive_msg", "user_openid": US, "content": content}).text == "Ciao"


@pytest.mark.parametrize("content", ["[]", "7", "{", "", "null", "[" * 5000])
def test_content_that_is_no_object_is_malformed(content: str) -> None:
    for event, channel in (("im_receive_msg", tiktok), ("comment.update", tiktok_comments)):
        with pytest.raises(MalformedPayload):
            channel.normalise({"event": event, "user_openid": US, "content": content})


@pytest.mark.parametrize("value", [None, 7, "", [], {}, {"id": []}, "\u0000", -1, 1e300])
def test_a_field_of_any_type_is_read_or_left_out(value: Any) -> None:
    names = ("conversation_id", "message_id", "timestamp", "type", "from", "from_user", "text", "content", "comment_id",
             "video_id", "comment_action", "unique_identifier", "image", "read")  # fmt: skip
    content = json.dumps(dict.fromkeys(names, value))
    for event in ("im_receive_msg", "im_send_msg", "im_mark_read_msg"):
        tiktok.normalise({"event": event, "user_openid": US, "content": content})
    tiktok_comments.normalise({"event": "comment.update", "user_openid": US, "content": content})


# Sending


def account(base: str | None, channel: str = "tiktok") -> Account:
    return Account(channel=channel, id=US, app="jadran-tiktok", source="tiktok", inbox="support", api_base=base)


def outgoing(text: str = "Good evening!", **more: Any) -> Outgoing:
    return Outgoing(**{"to": CONVERSATION, "text": text, "correlator": "tid/E#1", "handle": CONVERSATION, **more})


def comment(text: str = "Good evening!", handle: str | None = f"{VIDEO}/{BIG + 1}") -> Outgoing:
    return outgoing(text, to=LUCA, handle=handle)


def said(code: int = 0, words: str = "OK", /, **data: Any) -> dict[str, Any]:
    return {"code": code, "message": words, "request_id": "20260101", "data": data}


SENT = said(message={"message_id": "tt-1"})
REPLIED = said(comment_id=str(BIG + 7))


def test_a_text_goes_to_the_conversation() -> None:
    with FaultyServer(answer(200, SENT)) as server:
        outcome = tiktok.send(account(server.url), TOKEN, outgoing("Dobra večer 🙂"))
    [request] = server.received
    assert outcome == Outcome(result=Result.SENT, platform_id="tt-1")
    assert (request.path, request.headers["access-token"]) == ("/open_api/v1.3/business/message/send/", TOKEN)
    assert "authorization" not in request.headers
    assert request.json == {
        "business_id": US, "recipient_type": "CONVERSATION", "recipient": CONVERSATION, "message_type": "TEXT",
        "text": {"body": "Dobra večer 🙂"},
    }  # fmt: skip


def sent(text: str, *titles: str, id_length: int = 6) -> dict[str, Any]:
    choices = tuple(
        QuickReply(id=f"faq:{number}".ljust(id_length, "x"), title=title) for number, title in enumerate(titles)
    )
    with FaultyServer(answer(200, SENT)) as server:
        assert tiktok.send(account(server.url), TOKEN, outgoing(text, quick_replies=choices)).result is Result.SENT
    return dict(server.received[0].json)


def test_quick_replies_are_buttons_on_a_card_where_the_text_fits_on_one() -> None:
    request = sent("Which one?", "Parking", "Breakfast", "Pets", "Wi-Fi")
    assert (request["message_type"], "text" in request) == ("TEMPLATE", False)
    card = request["template"]
    assert (card["type"], card["title"], len(card["buttons"])) == ("QA_BUTTON_CARD", "Which one?", 3)
    assert card["buttons"][0] == {"type": "REPLY", "title": "Parking", "id": "faq:0x"}
    longer = sent("x" * 40, "y" * 21, "Pets")["template"]
    assert (longer["type"], longer["buttons"][0]["title"]) == ("QA_LINK_CARD", "y" * 21)
    assert sent("Which?", "z" * 50)["template"]["buttons"][0]["title"] == "z" * 40


def test_else_they_stand_below_the_text() -> None:
    assert sent("x" * 41, "Parking", "Pets")["text"] == {"body": "x" * 41 + "\n• Parking\n• Pets"}
    assert sent("Which one?", "Pets", id_length=41)["text"] == {"body": "Which one?\n• Pets"}
    assert sent("x" * 6000, "Pets")["text"] == {"body": "x" * 6000}


def test_a_comment_is_answered_below_it_by_ids_that_are_texts() -> None:
    with FaultyServer(answer(200, REPLIED)) as server:
        outcome = tiktok_comments.send(account(server.url, "tiktok_comments"), TOKEN, comment())
    assert outcome == Outcome(result=Result.SENT, platform_id=str(BIG + 7))
    assert server.received[0].path == "/open_api/v1.3/business/comment/reply/create/"
    expected = {"business_id": US, "video_id": VIDEO, "comment_id": str(BIG + 1), "text": "Good evening!"}
    assert server.received[0].json == expected


OUTCOMES: dict[str, tuple[faulty_server.Behaviour, Result, str | None]] = {
    "sent": (answer(200, SENT), Result.SENT, None),
    "40016": (answer(200, said(40016, "Too many")), Result.NOT_SENT, "rate_limited"),
    "40064": (answer(200, said(40064)), Result.NOT_SENT, "rate_limited"),
    "429 with HTML": (answer(429, b"<html>"), Result.NOT_SENT, "rate_limited"),
    "40100": (answer(200, said(40100)), Result.NOT_SENT, "rate_limited"),
    "40102": (answer(200, said(40102)), Result.NOT_SENT, "token_expired"),
    "40105": (answer(200, said(40105)), Result.NOT_SENT, "token_expired"),
    "40001": (answer(200, said(40001)), Result.REFUSED, "permission_missing"),
    "40002": (answer(200, said(40002, "conversation_id is invalid")), Result.REFUSED, "bad_request"),
    "window": (answer(200, said(40002, "Outside of the 48 hours window")), Result.REFUSED, "window_closed"),
    "40999": (answer(200, said(40999)), Result.REFUSED, "unknown_error"),
    "50000": (answer(200, said(50000)), Result.UNKNOWN, "temporary"),
    "51010": (answer(200, said(51010)), Result.UNKNOWN, "temporary"),
    "no id": (answer(200, said(message={"message_id": None})), Result.UNKNOWN, "no_message_id"),
    "no data": (answer(200, {"code": 0}), Result.UNKNOWN, "no_message_id"),
    "no code": (answer(200, {"data": {"message": {"message_id": "1"}}}), Result.UNKNOWN, "unreadable_answer"),
    "nothing": (answer(200), Result.UNKNOWN, "unreadable_answer"),
    "an array": (answer(200, b"[1]"), Result.UNKNOWN, "unreadable_answer"),
    "HTML": (answer(200, b"<html>"), Result.UNKNOWN, "unreadable_answer"),
    "500": (answer(500, SENT), Result.UNKNOWN, "unreadable_answer"),
    "502 with HTML": (answer(502, b"<html>"), Result.UNKNOWN, "unreadable_answer"),
    "redirect": (answer(307, location="https://evil.example/"), Result.REFUSED, "redirected"),
    "reset": (after_request(faulty_server.reset), Result.UNKNOWN, "connection_lost"),
    "silence": (after_request(faulty_server.silent), Result.UNKNOWN, "timeout"),
}  # fmt: skip
TROUBLES = {"permission_missing", "redirected"}


@pytest.mark.parametrize("name", OUTCOMES)
def test_every_answer_has_its_outcome_and_is_asked_for_once(name: str) -> None:
    behaviour, result, reason = OUTCOMES[name]
    with FaultyServer(behaviour) as server:
        outcome = tiktok.send(account(server.url), TOKEN, outgoing(), limits=SMALL)
    assert (outcome.result, outcome.reason, server.connections) == (result, reason, 1)
    assert outcome.account_problem == (reason in TROUBLES)
    if name != "sent":
        with FaultyServer(behaviour) as server:
            replied = tiktok_comments.send(account(server.url, "tiktok_comments"), TOKEN, comment(), limits=SMALL)
        assert (replied.result, replied.reason, server.connections) == (result, reason, 1)


def test_where_nobody_listens_nothing_is_sent() -> None:
    outcome = tiktok.send(account(f"http://127.0.0.1:{faulty_server.closed_port()}"), TOKEN, outgoing())
    assert (outcome.result, outcome.reason) == (Result.NOT_SENT, "connect")


@pytest.mark.parametrize(
    ("message", "token", "reason"),
    [
        (outgoing(""), TOKEN, "empty"),
        (outgoing("x" * 6001), TOKEN, "too_long"),
        (outgoing(outside_window=True, by_human=True), TOKEN, "window_closed"),
        (outgoing(), "a\r\nx: y", "token_invalid"),
    ],
)
def test_what_tiktok_would_refuse_is_not_posted(message: Outgoing, token: str, reason: str) -> None:
    with FaultyServer(answer(200, SENT)) as server:
        outcome = tiktok.send(account(server.url), token, message)
    assert (outcome.result, outcome.reason, server.connections) == (Result.REFUSED, reason, 0)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (comment("x" * 1201), "too_long"),
        (comment(handle=None), "comment_unknown"),
        (comment(handle="a/b/c"), "comment_unknown"),
    ],
)
def test_a_comment_is_not_answered_blindly(message: Outgoing, reason: str) -> None:
    with FaultyServer(answer(200, REPLIED)) as server:
        outcome = tiktok_comments.send(account(server.url, "tiktok_comments"), TOKEN, message)
    assert (outcome.reason, server.connections) == (reason, 0)


# Another token

RECORD = {"token": TOKEN, "refresh": "rft.1", "client_id": "7300000000000000001", "client_secret": SECRET}
PAIR = said(access_token="act.2", refresh_token="rft.2", expires_in=86400)
GRANTS: dict[str, tuple[faulty_server.Behaviour, Renewed | NotRenewed]] = {
    "a pair": (answer(200, PAIR), Renewed("act.2", 86400, "rft.2")),
    "no other refresh token": (
        answer(200, said(access_token="act.2", expires_in=86400)), Renewed("act.2", 86400, "rft.1")),
    "revoked": (answer(200, said(40107)), NotRenewed("40107", final=True)),
    "bad parameter": (answer(200, said(40002)), NotRenewed("40002", final=True)),
    "too many": (answer(200, said(40100)), NotRenewed("40100", final=False)),
    "trouble": (answer(200, said(50000)), NotRenewed("50000", final=False, taken=True)),
    "nothing": (answer(200), NotRenewed("unreadable_answer", final=False, taken=True)),
    "no pair": (answer(200, said()), NotRenewed("0", final=False, taken=True)),
    "429": (answer(429), NotRenewed("rate_limited", final=False)),
    "reset": (after_request(faulty_server.reset), NotRenewed("connection_lost", final=False, taken=True)),
}  # fmt: skip


@pytest.mark.parametrize("name", GRANTS)
def test_a_token_is_asked_for_once_and_every_answer_has_its_meaning(name: str) -> None:
    behaviour, expected = GRANTS[name]
    with FaultyServer(behaviour) as server:
        assert tiktok.renew(account(server.url), RECORD, limits=SMALL) == expected
    [request] = server.received
    assert request.path == "/open_api/v1.3/tt_user/oauth2/refresh_token/"
    grant = {"grant_type": "refresh_token", "refresh_token": "rft.1", "client_id": RECORD["client_id"]}
    assert request.json == {**grant, "client_secret": SECRET}
    assert "access-token" not in request.headers


def test_without_the_apps_part_nothing_is_asked() -> None:
    with FaultyServer(answer(200, PAIR)) as server:
        found = tiktok_api.renew(account(server.url), {**RECORD, "client_secret": ""})
    assert (found, server.connections) == (NotRenewed("not_configured", final=True), 0)


# Against the fake


@pytest.fixture
def fake() -> FakeTikTok:
    platform = FakeTikTok(lambda: AT, lambda *_: Delivered(200, b""))
    hook = "http://127.0.0.1/hook/tiktok/jadran-tiktok"
    grant = {"refresh": "rft.1", "client_id": RECORD["client_id"], "client_secret": SECRET}
    platform.register(FakeAccount("tiktok", US, TOKEN, SECRET, hook, **grant))
    platform.register(FakeAccount("tiktok_comments", US, SECRET, SECRET, hook))  # shares the token of the other
    platform.say("tiktok", US, LUCA, "Hello")
    return platform


@pytest.fixture
def base(fake: FakeTikTok) -> Iterator[str]:
    with GraphServer(FakeGraph(lambda: AT), others=[fake]) as server:
        yield f"{server.url}/tiktok"


def to_luca(fake: FakeTikTok, text: str, **more: Any) -> Outgoing:
    conversation = fake.conversation(US, LUCA)
    return outgoing(text, to=conversation, handle=conversation, **more)


@pytest.mark.parametrize("text", ["x" * 6000, "🙂" * 6000])
def test_the_limit_is_the_fakes(fake: FakeTikTok, base: str, text: str) -> None:
    assert tiktok.send(account(base), TOKEN, to_luca(fake, text)).result is Result.SENT
    body = {
        "business_id": US, "recipient_type": "CONVERSATION", "recipient": fake.conversation(US, LUCA),
        "message_type": "TEXT", "text": {"body": text + "x"},
    }  # fmt: skip
    headers = {"access-token": TOKEN, "content-type": "application/json"}
    reply = fake.answer("POST", "/open_api/v1.3/business/message/send/", headers, json.dumps(body).encode())
    assert reply is not None
    assert json.loads(reply.body)["code"] == 40002


def test_the_fake_takes_cards_and_ten_messages_and_then_wants_to_hear_the_customer(fake: FakeTikTok, base: str) -> None:
    choices = (QuickReply(id="faq:a", title="A title between 20 and 40"), QuickReply(id="faq:b", title="B"))
    assert tiktok.send(account(base), TOKEN, to_luca(fake, "Which one?", quick_replies=choices)).result is Result.SENT
    assert fake.sent[0].choices == ("A title between 20 and 40", "B")
    outcomes = [tiktok.send(account(base), TOKEN, to_luca(fake, f"Text {number}")) for number in range(9)]
    assert {each.result for each in outcomes} == {Result.SENT}
    assert tiktok.send(account(base), TOKEN, to_luca(fake, "too fast")).reason == "rate_limited"
    fake._second = (0, 0)
    assert tiktok.send(account(base), TOKEN, to_luca(fake, "an eleventh")).reason == "window_closed"
    fake.say("tiktok", US, LUCA, "I am here")
    assert tiktok.send(account(base), TOKEN, to_luca(fake, "good")).result is Result.SENT


def test_the_fake_refuses_strangers_and_wrong_tokens(fake: FakeTikTok, base: str) -> None:
    assert tiktok.send(account(base), TOKEN, outgoing()).reason == "bad_request"
    assert tiktok.send(account(base), "other", to_luca(fake, "Hello")).reason == "token_expired"
    assert tiktok_comments.send(account(base, "tiktok_comments"), TOKEN, comment()).reason == "bad_request"
    assert tiktok_comments.send(account(base, "tiktok_comments"), SECRET, comment()).reason == "token_expired"


def test_the_fake_gives_a_new_pair_and_takes_the_old_one_no_more(fake: FakeTikTok, base: str) -> None:
    found = tiktok.renew(account(base), RECORD)
    assert isinstance(found, Renewed)
    assert tiktok.send(account(base), TOKEN, to_luca(fake, "old")).reason == "token_expired"
    assert tiktok.send(account(base), found.token, to_luca(fake, "new")).result is Result.SENT
    assert tiktok.renew(account(base), RECORD) == NotRenewed("40107", final=True)
    assert isinstance(tiktok.renew(account(base), {**RECORD, "refresh": found.refresh}), Renewed)


@pytest.mark.parametrize("fault", [*Trouble, *Spoilt])
def test_what_the_fake_has_taken_is_never_called_unsent(fake: FakeTikTok, base: str, fault: Trouble | Spoilt) -> None:
    fake.misbehave(fault)
    outcome = tiktok.send(account(base), TOKEN, to_luca(fake, "Good evening!"))
    if fake.sent:
        assert outcome.result in (Result.SENT, Result.UNKNOWN)
    assert len(fake.sent) == (isinstance(fault, Spoilt) and fault.taken)


# --- how an account is


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"code": 0, "data": {"username": "hotel.jadran"}}, Health(True, "fine")),
        ({"code": 40105, "message": "Access token is incorrect"}, Health(False, "token_invalid")),
        ({"code": 40001, "message": "No permission"}, Health(False, "permission_missing")),
        ({"code": 40016, "message": "Requests made too frequently"}, Health(False, "rate_limited")),
        ({"code": 51010, "message": "Internal service timed out"}, Health(False, "unreachable")),
        ({"message": "nobody knows"}, Health(False, "unreadable_answer")),
    ],
)
def test_what_tiktok_says_of_a_token_has_its_word(said: dict[str, Any], found: Health) -> None:
    with FaultyServer(answer(200, said)) as server:
        assert tiktok.health(account(server.url), TOKEN) == found
    [asked] = server.received
    assert asked.path == f"/open_api/v1.3/business/get/?business_id={US}&fields=%5B%22username%22%5D"
    assert asked.headers["access-token"] == TOKEN


@pytest.mark.parametrize(("channel", "kind"), [("tiktok", "DIRECT_MESSAGE"), ("tiktok_comments", "COMMENT")])
def test_where_tiktok_delivers_is_told_to_the_app_without_any_token(channel: str, kind: str) -> None:
    app = {"client_id": "7300000000000000001", "secrets": ["the+secret", "the-previous-one"]}
    there = "https://api.example.org/hook/tiktok/main"
    with FaultyServer(answer(200, {"code": 0, "data": {"callback_url": there}})) as server:
        found = tiktok_api.app_health(account(server.url, channel), app)
    assert found == Health(True, "fine", webhook=there, subscribed=True)
    [asked] = server.received
    query = f"app_id=7300000000000000001&secret=the%2Bsecret&event_type={kind}"
    assert asked.path == f"/open_api/v1.3/business/webhook/list/?{query}"
    assert "access-token" not in asked.headers

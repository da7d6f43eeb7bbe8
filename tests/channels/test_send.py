"""Sends against a platform that fails in every way we know (reliability.md C7): one request at most, one outcome."""

from collections.abc import Iterator
from typing import Any

import faulty_server
import pytest
from afterhours import settings
from afterhours.channels import graph, instagram, messenger, whatsapp
from afterhours.channels.contract import Channel
from afterhours.channels.http import Limits
from afterhours.models import Account, Outcome, Outgoing, QuickReply, Result
from faulty_server import FaultyServer, after_request, answer, error, raw, trickle

LIMITS = Limits()
HASTY = Limits(connect_s=0.3, total_s=0.6)  # for what would otherwise last until the limit
TOKEN = "EAAJadranToken"
PHONE, PSID, IGSID = "385915550142", "7415500923317748", "918273340055612"
WAMID, MID = "wamid.HBgMMzg1OTE1NTUwMTQyFQIAERgSAA==", "m_JadranSent0001"
WA_SENT = {"messaging_product": "whatsapp", "contacts": [{"input": PHONE, "wa_id": PHONE}], "messages": [{"id": WAMID}]}
FB_SENT = {"recipient_id": PSID, "message_id": MID}

OUTGOING = Outgoing(to=PHONE, text="Javit ćemo se sutra u 8. 🙂", correlator="01K05T1B2C3D4E5F6G7H8J9KMN")


@pytest.fixture(autouse=True)
def _local_stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AFTERHOURS_LOCAL", "1")
    settings.load.cache_clear()
    yield
    settings.load.cache_clear()


def account(channel: str = "whatsapp", *, base: str | None = None, **changes: Any) -> Account:
    fixed = {"channel": channel, "app": "main", "source": "meta", "inbox": "support", "api_base": base}
    ids = {"whatsapp": "106540352242922", "messenger": "1234567890", "instagram": "17841400000000001"}
    return Account(**{**fixed, "id": ids[channel], "page_id": "1234567890", **changes})


def outgoing(to: str = PHONE, **changes: Any) -> Outgoing:
    return OUTGOING.model_copy(update={"to": to, **changes})


def sent_with(base: str, *, token: str = TOKEN, limits: Limits = LIMITS) -> Outcome:
    return whatsapp.send(account(base=base), token, OUTGOING, limits=limits)


# --- every fault has its outcome

UNKNOWN = Result.UNKNOWN
REFUSED = Result.REFUSED
NOT_SENT = Result.NOT_SENT

OK = f'{{"messages":[{{"id":"{WAMID}"}}]}}'.encode()
BUC = '{"1234567890":[{"type":"messenger","call_count":100,"estimated_time_to_regain_access":%s}]}'

# what the platform does -> how the send ended, in one word of ours, how long to wait
FAULTS: dict[str, tuple[faulty_server.Behaviour, Result, str, int | None]] = {
    "429": (answer(429), NOT_SENT, "rate_limited", 60),
    "429 with Retry-After": (answer(429, retry_after="17"), NOT_SENT, "rate_limited", 17),
    "429 with Retry-After as a date": (
        answer(429, retry_after="Wed, 15 Jul 2026 07:28:00 GMT"), NOT_SENT, "rate_limited", 60),
    "429 with Retry-After without end": (answer(429, retry_after="9" * 19), NOT_SENT, "rate_limited", 21600),
    "429 with HTML": (answer(429, b"<html>slow down</html>"), NOT_SENT, "rate_limited", 60),
    "4": (error(4, transient=True), NOT_SENT, "rate_limited", 60),
    "17": (error(17, 2446079), NOT_SENT, "rate_limited", 60),
    "32": (error(32, status=403), NOT_SENT, "rate_limited", 60),
    "613": (error(613), NOT_SENT, "rate_limited", 60),
    "613 with usage": (error(613, x_business_use_case_usage=BUC % 19), NOT_SENT, "rate_limited", 19 * 60),
    "613 with usage for days": (error(613, x_business_use_case_usage=BUC % 9999), NOT_SENT, "rate_limited", 21600),
    "613 with broken usage": (error(613, x_business_use_case_usage='{"1":[{"x'), NOT_SENT, "rate_limited", 60),
    "613 with usage of another type": (error(613, x_business_use_case_usage="[[7]]"), NOT_SENT, "rate_limited", 60),
    "80006": (error(80006), NOT_SENT, "rate_limited", 60),
    "80007": (error(80007), NOT_SENT, "rate_limited", 60),
    "130429": (error(130429, status=429), NOT_SENT, "rate_limited", 5),
    "131056": (error(131056), NOT_SENT, "pair_limited", 6),
    "131048": (error(131048), NOT_SENT, "spam_restricted", 3600),
    "133016": (error(133016), NOT_SENT, "registration_limited", 3600),
    "page restricted": (error(10, 1893063), NOT_SENT, "page_restricted", 1800),
    "maintenance": (error(131057), NOT_SENT, "maintenance", 300),
    "0": (error(0), REFUSED, "token_invalid", None),
    "190": (error(190, 463, status=401), REFUSED, "token_invalid", None),
    "190 without subcode": (error(190), REFUSED, "token_invalid", None),
    "190 under 429": (error(190, status=429), REFUSED, "token_invalid", None),
    "permission": (error(10), REFUSED, "permission_missing", None),
    "permission of the 200s": (error(230, status=403), REFUSED, "permission_missing", None),
    "app not live": (error(100, 2018028), REFUSED, "permission_missing", None),
    "no such node": (error(100, 33), REFUSED, "permission_missing", None),
    "window": (error(10, 2018278), REFUSED, "window_closed", None),
    "window of instagram": (error(10, 2534022), REFUSED, "window_closed", None),
    "window of whatsapp": (error(131047), REFUSED, "window_closed", None),
    "blocked": (error(551, 1545041), REFUSED, "contact_unavailable", None),
    "blocked under 200": (error(200, 1545041), REFUSED, "contact_unavailable", None),
    "undeliverable": (error(131026), REFUSED, "contact_unavailable", None),
    "no such contact": (error(100, 2018001), REFUSED, "contact_unknown", None),
    "opted out": (error(131050), REFUSED, "contact_opted_out", None),
    "bad request": (error(100), REFUSED, "bad_request", None),
    "bad request of whatsapp": (error(131009), REFUSED, "bad_request", None),
    "template": (error(132012), REFUSED, "bad_request", None),
    "policy": (error(368), REFUSED, "policy_block", None),
    "locked": (error(131031), REFUSED, "account_locked", None),
    "payment": (error(131042), REFUSED, "account_not_ready", None),
    "400 with a code of tomorrow": (error(987654), REFUSED, "unknown_error", None),
    "429 with a code of tomorrow": (error(987654, status=429), NOT_SENT, "rate_limited", 60),
    "200 with a code of tomorrow": (error(987654, status=200), UNKNOWN, "unknown_error", None),
    "1": (error(1), UNKNOWN, "temporary", None),
    "1/1357046 under 200": (error(1, 1357046, status=200), UNKNOWN, "temporary", None),
    "1357046 under another code": (error(100, 1357046), UNKNOWN, "temporary", None),
    "2": (error(2, transient=True, status=503), UNKNOWN, "temporary", None),
    "transient": (error(100, transient=True), UNKNOWN, "temporary", None),
    "131000": (error(131000), UNKNOWN, "temporary", None),
    "500 with a code that means refused": (error(190, status=500), UNKNOWN, "temporary", None),
    "500 with a code that means throttled": (error(4, status=500), UNKNOWN, "temporary", None),
    "500": (answer(500), UNKNOWN, "unreadable_answer", None),
    "502 with HTML": (answer(502, b"<html>Bad Gateway</html>"), UNKNOWN, "unreadable_answer", None),
    "503 with Retry-After": (answer(503, retry_after="5"), UNKNOWN, "unreadable_answer", None),
    "504": (answer(504), UNKNOWN, "unreadable_answer", None),
    "400 with HTML": (answer(400, b"<html>"), UNKNOWN, "unreadable_answer", None),
    "403 with nothing": (answer(403), UNKNOWN, "unreadable_answer", None),
    "an error that is a text": (answer(400, {"error": "no"}), UNKNOWN, "unreadable_answer", None),
    "an error without code": (answer(400, {"error": {"message": "no"}}), UNKNOWN, "unreadable_answer", None),
    "an error with an odd code": (answer(400, {"error": {"code": [190]}}), UNKNOWN, "unreadable_answer", None),
    "200 with nothing": (answer(200), UNKNOWN, "no_message_id", None),
    "200 with HTML": (answer(200, b"<html>hotspot login</html>"), UNKNOWN, "no_message_id", None),
    "200 with half a JSON": (answer(200, OK[:-6]), UNKNOWN, "no_message_id", None),
    "200 with an array": (answer(200, b"[1]"), UNKNOWN, "no_message_id", None),
    "200 with deep nesting": (answer(200, b"[" * 50_000), UNKNOWN, "no_message_id", None),
    "200 without an id": (answer(200, {"success": True}), UNKNOWN, "no_message_id", None),
    "200 with odd messages": (answer(200, {"messages": {"id": 1}}), UNKNOWN, "no_message_id", None),
    "200 with an odd id": (answer(200, {"messages": [{"id": {}}]}), UNKNOWN, "no_message_id", None),
    "200 with 10 MB": (answer(200, b" " * 10_000_000 + OK), UNKNOWN, "answer_too_large", None),
    "200 of another content type": (answer(200, OK, content_type="image/png"), Result.SENT, "", None),
    "200 after 100": (
        raw(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(OK), OK)),
        Result.SENT, "", None),
    "302": (answer(302, location="https://evil.example/"), REFUSED, "redirected", None),
    "307": (answer(307, location="/v25.0/elsewhere/messages"), REFUSED, "redirected", None),
    "302 to nonsense": (answer(302, location="http://["), REFUSED, "redirected", None),
    "reset after the request": (after_request(faulty_server.reset), UNKNOWN, "connection_lost", None),
    "close after the request": (after_request(faulty_server.close), UNKNOWN, "connection_lost", None),
    "reset before the request is read": (faulty_server.reset_while_sending, UNKNOWN, "connection_lost", None),
    "no HTTP": (raw(b"SSH-2.0-OpenSSH_9.9\r\n"), UNKNOWN, "connection_lost", None),
    "end within the head": (raw(b"HTTP/1.1 200 OK\r\nconte"), UNKNOWN, "no_message_id", None),
    "end within the body": (raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"), UNKNOWN, "connection_lost", None),
    "odd length": (raw(b"HTTP/1.1 200 OK\r\ncontent-length: 1, 2\r\n\r\n{}"), UNKNOWN, "connection_lost", None),
    "odd chunks": (
        raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"), UNKNOWN, "connection_lost", None),
    "odd gzip": (answer(200, b"no gzip", content_encoding="gzip"), UNKNOWN, "connection_lost", None),
    "a head without end": (raw(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 500), UNKNOWN, "connection_lost", None),
    "read time-out": (after_request(faulty_server.silent), UNKNOWN, "timeout", None),
    "nothing read at all": (faulty_server.silent, UNKNOWN, "timeout", None),
    "slow-loris in the head": (
        after_request(trickle(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 50)), UNKNOWN, "timeout", None),
    "slow-loris in the body": (
        after_request(trickle(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n" + OK)), UNKNOWN, "timeout", None),
    "slow-loris without a length": (after_request(trickle(b"HTTP/1.1 200 OK\r\n\r\n" + OK)), UNKNOWN, "timeout", None),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_has_its_outcome_and_one_request_at_most(fault: str) -> None:
    behaviour, result, reason, retry_after_s = FAULTS[fault]
    with FaultyServer(behaviour) as platform:
        outcome = sent_with(platform.url, limits=HASTY if reason == "timeout" else LIMITS)
    assert (outcome.result, outcome.reason or "", outcome.retry_after_s) == (result, reason, retry_after_s)
    assert len(platform.received) <= 1
    assert platform.connections == 1


@pytest.mark.parametrize(
    ("code", "subcode"),
    [(190, None), (190, 458), (10, None), (3, None), (368, None), (131031, None), (131042, None), (131048, None),
     (10, 1893063)],
)  # fmt: skip
def test_trouble_of_the_account_is_told_from_trouble_of_one_message(code: int, subcode: int | None) -> None:
    with FaultyServer(error(code, subcode), error(131026)) as platform:
        assert sent_with(platform.url).account_problem
        assert not sent_with(platform.url).account_problem


def test_the_outcome_carries_the_platforms_own_code() -> None:
    with FaultyServer(error(10, 2018278), error(613), answer(500), answer(200, WA_SENT)) as platform:
        assert [sent_with(platform.url).code for _ in range(4)] == ["10/2018278", "613", "500", None]


# --- nothing was sent


def not_sent(base: str, *, limits: Limits = LIMITS) -> tuple[Result, str | None]:
    outcome = sent_with(base, limits=limits)
    return outcome.result, outcome.reason


def test_connection_refused_is_not_sent() -> None:
    assert not_sent(f"http://127.0.0.1:{faulty_server.closed_port()}") == (NOT_SENT, "connect")


def test_a_connection_that_is_reset_at_once_was_or_was_not_used() -> None:
    with FaultyServer(faulty_server.reset) as platform:
        assert not_sent(platform.url) in ((NOT_SENT, "connect"), (UNKNOWN, "connection_lost"))
    assert platform.connections == 1


def test_a_connect_that_times_out_is_not_sent() -> None:
    with faulty_server.full_backlog() as port:
        assert not_sent(f"http://127.0.0.1:{port}", limits=HASTY) == (NOT_SENT, "connect_timeout")


def test_a_connect_that_outlasts_the_whole_time_is_not_sent() -> None:
    with faulty_server.full_backlog() as port:
        assert not_sent(f"http://127.0.0.1:{port}", limits=Limits(0.3, 0.1)) == (NOT_SENT, "timeout")


def test_a_name_that_does_not_resolve_is_not_sent() -> None:
    too_long_to_be_asked_for = "a." * 130 + "invalid"  # fails in the resolver of this machine
    assert not_sent(f"http://{too_long_to_be_asked_for}") == (NOT_SENT, "dns")


@pytest.mark.parametrize(
    "behaviour",
    [faulty_server.close, faulty_server.reset, lambda connection: connection.write(b"HTTP/1.1 400 Bad\r\n\r\n")],
)  # fmt: skip
def test_a_failed_handshake_is_not_sent(behaviour: faulty_server.Behaviour) -> None:
    with FaultyServer(behaviour) as platform:
        result, reason = not_sent(f"https://127.0.0.1:{platform.port}")
    assert result is NOT_SENT
    assert reason in ("tls", "connect")
    assert platform.received == []


def test_a_handshake_without_end_is_not_sent() -> None:
    with FaultyServer(trickle(b"\x16\x03\x03\x40\x00" + b"\x02" * 999)) as platform:
        outcome = not_sent(f"https://127.0.0.1:{platform.port}", limits=HASTY)
    assert outcome == (NOT_SENT, "connect_timeout")


@pytest.mark.parametrize("base", ["http://[", "nonsense", "http://", "ftp://127.0.0.1"])
def test_a_host_that_is_none_is_not_sent(base: str) -> None:
    assert not_sent(base)[0] is NOT_SENT


@pytest.mark.parametrize("token", ["", "a\nb", "a\r\nX-Evil: 1", "žeton", "a\x00b"])
def test_a_token_that_no_header_can_carry_is_refused_without_a_call(token: str) -> None:
    with FaultyServer(answer(200, WA_SENT)) as platform:
        outcome = sent_with(platform.url, token=token)
    assert (outcome.result, outcome.reason, outcome.account_problem) == (REFUSED, "token_invalid", True)
    assert platform.connections == 0


@pytest.mark.parametrize(
    ("channel", "text", "reason"),
    [
        (whatsapp, "a" * 4097, "too_long"),
        (messenger, "a" * 2001, "too_long"),
        (instagram, "a" * 1001, "too_long"),
        (instagram, "🙂" * 251, "too_long"),
        (whatsapp, "", "empty"),
        (messenger, " \n\t", "empty"),
        (instagram, "", "empty"),
    ],
)
def test_a_text_that_cannot_go_is_refused_without_a_call(channel: Any, text: str, reason: str) -> None:
    with FaultyServer(answer(200, FB_SENT)) as platform:
        to_account = account(channel.CHANNEL, base=platform.url)
        outcome = channel.send(to_account, TOKEN, outgoing(text=text), limits=LIMITS)
    assert (outcome.result, outcome.reason) == (REFUSED, reason)
    assert platform.connections == 0


@pytest.mark.parametrize(
    ("channel", "text"),
    [(whatsapp, "🙂" * 4096), (messenger, "🙂" * 2000), (instagram, "🙂" * 250), (instagram, "č" * 500)],
)
def test_a_text_of_just_the_limit_goes_out(channel: Any, text: str) -> None:
    with FaultyServer(answer(200, FB_SENT)) as platform:
        to_account = account(channel.CHANNEL, base=platform.url)
        assert channel.send(to_account, TOKEN, outgoing(text=text), limits=LIMITS).result is Result.SENT


# --- what goes over the wire


def request_of(channel: Any, message: Outgoing, **changes: Any) -> tuple[faulty_server.Received, Outcome]:
    with FaultyServer(answer(200, WA_SENT if channel is whatsapp else FB_SENT)) as platform:
        outcome = channel.send(account(channel.CHANNEL, base=platform.url, **changes), TOKEN, message, limits=LIMITS)
    (received,) = platform.received
    return received, outcome


REPLIES = (
    QuickReply(id="faq:parking", title="Parking"),
    QuickReply(id="faq:long", title="A title of more than twenty"),
)


def test_whatsapp_sends_a_text() -> None:
    received, outcome = request_of(whatsapp, outgoing())
    assert (outcome.result, outcome.platform_id) == (Result.SENT, WAMID)
    assert (received.method, received.path) == ("POST", "/v25.0/106540352242922/messages")
    assert received.json == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": PHONE,
        "type": "text",
        "text": {"body": OUTGOING.text, "preview_url": False},
        "biz_opaque_callback_data": OUTGOING.correlator,
    }


def test_whatsapp_addresses_a_customer_without_phone_number() -> None:
    received, _ = request_of(whatsapp, outgoing("HR.7f3kq02hzt91bd4m"))
    assert received.json["recipient"] == "HR.7f3kq02hzt91bd4m"
    assert "to" not in received.json


def test_whatsapp_quotes_and_offers_buttons() -> None:
    third = QuickReply(id="0", title="0")
    received, _ = request_of(whatsapp, outgoing(reply_to_id="wamid.1", quick_replies=(*REPLIES, third)))
    assert received.json["context"] == {"message_id": "wamid.1"}
    assert received.json["type"] == "interactive"
    assert received.json["interactive"] == {
        "type": "button",
        "body": {"text": OUTGOING.text},
        "action": {
            "buttons": [
                {"type": "reply", "reply": {"id": "faq:parking", "title": "Parking"}},
                {"type": "reply", "reply": {"id": "faq:long", "title": "A title of more than"}},
                {"type": "reply", "reply": {"id": "0", "title": "0"}},
            ]
        },
    }


def test_whatsapp_offers_more_than_three_choices_as_a_list_of_ten_at_most() -> None:
    many = tuple(QuickReply(id=f"csat:1:{number}", title=f"{number}" * 25) for number in range(1, 12))
    received, _ = request_of(whatsapp, outgoing(quick_replies=many[:5]))
    rows = [{"id": f"csat:1:{number}", "title": f"{number}" * 24} for number in range(1, 6)]
    assert received.json["interactive"] == {
        "type": "list",
        "body": {"text": OUTGOING.text},
        "action": {"button": "11111111 – 55555555", "sections": [{"rows": rows}]},
    }
    received, _ = request_of(whatsapp, outgoing(quick_replies=many))
    assert len(received.json["interactive"]["action"]["sections"][0]["rows"]) == 10


def test_whatsapp_sends_a_long_text_rather_than_buttons() -> None:
    received, _ = request_of(whatsapp, outgoing(text="a" * 1025, quick_replies=REPLIES))
    assert received.json["text"]["body"] == "a" * 1025


def test_messenger_sends_a_text() -> None:
    received, outcome = request_of(messenger, outgoing(PSID))
    assert (outcome.result, outcome.platform_id) == (Result.SENT, MID)
    assert received.path == "/v25.0/1234567890/messages"
    assert received.json == {
        "recipient": {"id": PSID},
        "messaging_type": "RESPONSE",
        "message": {"text": OUTGOING.text, "metadata": OUTGOING.correlator},
    }


def test_messenger_quotes_and_offers_quick_replies() -> None:
    received, _ = request_of(messenger, outgoing(PSID, reply_to_id="m_1", quick_replies=REPLIES))
    assert received.json["reply_to"] == {"mid": "m_1"}
    assert received.json["message"]["quick_replies"] == [
        {"content_type": "text", "title": "Parking", "payload": "faq:parking"},
        {"content_type": "text", "title": "A title of more than", "payload": "faq:long"},
    ]


@pytest.mark.parametrize("channel", [messenger, instagram])
@pytest.mark.parametrize("by_human", [True, False])
@pytest.mark.parametrize("outside_window", [True, False])
def test_the_human_agent_tag_is_for_late_answers_of_people_only(
    channel: Any, by_human: bool, outside_window: bool
) -> None:
    received, _ = request_of(channel, outgoing(PSID, by_human=by_human, outside_window=outside_window))
    is_tagged = received.json.get("tag") == "HUMAN_AGENT"
    assert is_tagged is (by_human and outside_window)
    assert (received.json.get("messaging_type") == "MESSAGE_TAG") is is_tagged


def test_instagram_sends_through_the_page() -> None:
    received, outcome = request_of(instagram, outgoing(IGSID, quick_replies=REPLIES[:1]))
    assert (outcome.result, outcome.platform_id) == (Result.SENT, MID)
    assert received.path == "/v25.0/1234567890/messages"
    assert received.json == {
        "recipient": {"id": IGSID},
        "message": {
            "text": OUTGOING.text,
            "quick_replies": [{"content_type": "text", "title": "Parking", "payload": "faq:parking"}],
        },
    }


def test_instagram_login_sends_through_the_account_itself() -> None:
    received, _ = request_of(instagram, outgoing(IGSID), login="instagram", page_id=None)
    assert received.path == "/v25.0/17841400000000001/messages"


def test_instagram_without_its_page_is_refused_without_a_call() -> None:
    outcome = instagram.send(account("instagram", page_id=None), TOKEN, outgoing(IGSID), limits=LIMITS)
    assert (outcome.result, outcome.reason, outcome.account_problem) == (REFUSED, "account_without_page", True)


@pytest.mark.parametrize("channel", [whatsapp, messenger, instagram])
def test_the_token_travels_in_a_header_and_the_body_is_ascii(channel: Any) -> None:
    received, _ = request_of(channel, outgoing(PSID), api_version="v26.0")
    assert received.headers["authorization"] == f"Bearer {TOKEN}"
    assert received.headers["content-type"] == "application/json"
    assert TOKEN not in received.path
    assert received.path.startswith("/v26.0/")
    assert received.body.isascii()


def test_ids_of_the_account_cannot_leave_their_place_in_the_address() -> None:
    received, _ = request_of(whatsapp, outgoing(), id="../me?x=", api_version="v25.0/../")
    assert received.path == "/v25.0%2F..%2F/..%2Fme%3Fx%3D/messages"


def test_nothing_of_the_environment_reaches_a_request(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b", encoding="ascii")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{faulty_server.closed_port()}")
    received, outcome = request_of(whatsapp, outgoing())
    assert outcome.result is Result.SENT
    assert received.headers["authorization"] == f"Bearer {TOKEN}"
    assert "cookie" not in received.headers


def test_every_send_has_a_connection_of_its_own() -> None:
    # The platform keeps the connection and then closes it: the next send must not meet the closed one.
    with FaultyServer(answer(200, WA_SENT, connection="keep-alive")) as platform:
        assert [sent_with(platform.url).result for _ in range(3)] == [Result.SENT] * 3
    assert platform.connections == 3


def test_another_host_is_honoured_in_the_local_stack_only(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = account(base="http://127.0.0.1:1")
    assert graph.host_of(elsewhere, graph.FACEBOOK) == "http://127.0.0.1:1"
    assert graph.host_of(account(), graph.INSTAGRAM) == "https://graph.instagram.com"
    monkeypatch.delenv("AFTERHOURS_LOCAL")
    settings.load.cache_clear()
    assert graph.host_of(elsewhere, graph.FACEBOOK) == "https://graph.facebook.com"


def test_the_channels_say_what_they_can() -> None:
    able: dict[str, Channel] = {"whatsapp": whatsapp, "messenger": messenger, "instagram": instagram}
    assert {name: channel.TEXT_LIMIT for name, channel in able.items()} == {
        "whatsapp": 4096,
        "messenger": 2000,
        "instagram": 1000,
    }
    assert [name for name, channel in able.items() if "correlator" in channel.CAPABILITIES] == ["whatsapp", "messenger"]
    assert all(channel.WINDOW and channel.HUMAN_WINDOW for channel in able.values())

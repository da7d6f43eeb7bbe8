"""One contract for all sources and channels of the registry; what differs between them stands in facts.py."""

import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import faulty_server
import pytest
from afterhours import channels
from afterhours.channels import SOURCE_OF, ses
from afterhours.channels.contract import MalformedPayload, Piece, Request
from afterhours.models import Account, Event, Kind, Outcome, Outgoing, Result
from backend import Clock
from channels.facts import CHANNELS, ODD, OF_NO_WEBHOOK, SOURCES, bodies, body, encoded, of_units
from faulty_server import FaultyServer, answer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

UNITS = {
    "code_points": len,
    "utf16": lambda text: len(text.encode("utf-16-le")) // 2,
    "bytes": lambda text: len(text.encode()),
    "weighted": None,  # x_text.py, against X's own vectors in test_x_text.py
}
WORDS = {
    *("quick_replies", "receipts", "correlator", "private_reply", "retry_key", "in_process", "public", "attachments"),
    *("acknowledge", "no_token", "receive_only", "renews", "taps_as_text", "at_once"),
}
SENDING = [name for name in channels.CHANNELS if name in CHANNELS and CHANNELS[name].sent]
each_source = pytest.mark.parametrize("name", channels.SOURCES)
each_channel = pytest.mark.parametrize("name", channels.CHANNELS)
each_sending = pytest.mark.parametrize("name", SENDING)


@pytest.fixture(autouse=True)
def _here(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In the local stack, whose accounts may name another host; SES asks for credentials."""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    ses.forget_clients()
    yield
    ses.forget_clients()


def test_every_source_and_channel_has_its_facts() -> None:
    assert set(channels.SOURCES) == set(SOURCES)
    assert set(channels.CHANNELS) == set(CHANNELS)


# --- signatures


def signed(name: str, content: bytes, secret: str) -> Request:
    """A delivery as the platform would post it; its signature stands in the headers, or in the query."""
    if query := SOURCES[name].signed_query:
        return Request("POST", {}, query(content, secret), content)
    headers = {key.lower(): value for key, value in channels.source(name).sign(content, secret).items()}
    return Request("POST", headers, {}, content)


def place_of(name: str) -> str:
    return "query" if SOURCES[name].signed_query else "headers"


def signature_of(name: str, request: Request) -> dict[str, str]:
    return dict(getattr(request, place_of(name)))


def with_signature(name: str, request: Request, signature: dict[str, str]) -> Request:
    return request._replace(**{place_of(name): signature})


def verified(name: str, request: Request, *secrets: str) -> bool:
    return channels.source(name).verify(request, list(secrets))


@each_source
def test_what_a_secret_signs_it_verifies_also_while_secrets_are_rotated(name: str) -> None:
    current, previous, another = SOURCES[name].secrets
    content = body(SOURCES[name].sample)
    assert verified(name, signed(name, content, current), current)
    assert verified(name, signed(name, content, previous), current, previous)
    assert verified(name, signed(name, b"", current), current)
    assert not verified(name, signed(name, content, another), current, previous)


@each_source
def test_without_a_secret_nothing_is_verified(name: str) -> None:
    request = signed(name, b"{}", SOURCES[name].secrets[0])
    for none in ([], [""], "the-current-secret", None):
        assert channels.source(name).verify(request, none) is False  # type: ignore[arg-type]


@each_source
def test_a_signature_of_another_body_is_refused(name: str) -> None:
    facts = SOURCES[name]
    request = signed(name, body(facts.sample), facts.secrets[0])
    spoilt = request._replace(body=request.body + b" ")
    assert verified(name, spoilt, facts.secrets[0]) is not facts.binds_the_body


SPOILT = {
    "empty": lambda value: "",
    "half": lambda value: value[: len(value) // 2],
    "longer": lambda value: value + "0",
    "another letter": lambda value: value[:-2] + ("A" if value[-2] != "A" else "B") + value[-1],
    "twice": lambda value: f"{value},{value}",
    "another alphabet": lambda value: "ž" * len(value),
    "full-width digits": lambda value: "".join(chr(0xFF10 + int(one)) if one.isdigit() else one for one in value),
    "a NUL": lambda value: value + "\x00",
    "a lone surrogate": lambda value: "\ud800" + value,
    "another case": lambda value: value.swapcase(),
    "a newline": lambda value: value + "\n",
}


@each_source
@pytest.mark.parametrize("spoil", SPOILT)
def test_a_spoilt_signature_is_refused(name: str, spoil: str) -> None:
    facts = SOURCES[name]
    request = signed(name, body(facts.sample), facts.secrets[0])
    right = signature_of(name, request)
    spoilt = SPOILT[spoil](right[facts.header])
    if spoilt == right[facts.header]:
        return  # nothing of the kind stands in it
    wrong = with_signature(name, request, {**right, facts.header: spoilt})
    assert verified(name, wrong, facts.secrets[0]) is False


@each_source
def test_without_any_part_of_its_signature_it_is_refused(name: str) -> None:
    request = signed(name, b"{}", SOURCES[name].secrets[0])
    right = signature_of(name, request)
    for missing in right:
        rest = {key: value for key, value in right.items() if key != missing}
        assert verified(name, with_signature(name, request, rest), SOURCES[name].secrets[0]) is False
    elsewhere = request._replace(headers=request.query, query=request.headers)
    assert verified(name, elsewhere, SOURCES[name].secrets[0]) is False


@each_source
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(header=st.text(max_size=120), content=st.binary(max_size=200), secret=st.text(max_size=60))
def test_verify_answers_yes_or_no_to_any_bytes_whatever(name: str, header: str, content: bytes, secret: str) -> None:
    facts = SOURCES[name]
    right = signed(name, content, facts.secrets[0])
    for headers in ({facts.header: header}, {**signature_of(name, right), facts.header: header}):
        found = channels.source(name).verify(with_signature(name, right, headers), [secret, "x"])
        assert isinstance(found, bool)
        assert found is False or (not facts.binds_the_body and header in (secret, "x"))


# --- handshakes


@each_source
@pytest.mark.parametrize(
    "challenge", ["", "<script>alert(1)</script>", "a\r\nset-cookie: b", "ž", "\ud800", "9" * 4000]
)
@pytest.mark.parametrize("knows", [True, False])
def test_a_handshake_gives_back_nothing_that_could_be_markup(name: str, challenge: str, knows: bool) -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": "word" if knows else "guess"}
    query |= dict.fromkeys(("hub.challenge", "crc_token", "challenge", "challengeCode", "echostr"), challenge)
    credentials = {"secrets": list(SOURCES[name].secrets[:2]), "verify_token": "word"} if knows else {}
    found = channels.source(name).handshake(Request("GET", {}, query, b""), credentials)
    assert found.status != 200 or not challenge or challenge not in found.body
    assert not {"<", ">", "\r", "\n"} & set(found.body)
    assert found.content_type.startswith(("text/plain", "application/json"))


# --- deliveries


@each_source
@pytest.mark.parametrize(
    "junk",
    [b"", b"\x00", b"\xff\xfe", b"not JSON", b"[]", b"7", b"null", b'"text"', b"{}", b"{", b"[" * 100_000, b"<xml>",
     b'{"object":1,"entry":[],"events":1,"event":[],"type":{},"update_id":"x","mentions":7,"data":1}',
     b'{"a":' * 5_000 + b"1" + b"}" * 5_000, b'{"update_id": NaN}', b"<!DOCTYPE a [<!ENTITY b 'c'>]><xml>&b;</xml>"],
)  # fmt: skip
def test_junk_is_malformed_and_nothing_else(name: str, junk: bytes) -> None:
    source = channels.source(name)
    try:
        pieces = source.split(junk)
    except MalformedPayload:
        return
    assert [source.channel_of(piece) for piece in pieces] == []  # "{}" is a delivery of nothing to some


@each_source
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spoilt=st.data())
def test_a_delivery_with_any_value_replaced_is_read_or_malformed(name: str, spoilt: st.DataObject) -> None:
    source = channels.source(name)
    document = source.split(body(SOURCES[name].sample))[0]  # a delivery as well
    strange = spoilt.draw(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just([]) | st.just({})
    )
    places = list(_places(document))
    *way, last = places[spoilt.draw(st.integers(0, len(places) - 1))]
    there: Any = document
    for step in way:
        there = there[step]
    there[last] = strange
    try:
        for piece in source.split(json.dumps(document).encode()):
            if channel := source.channel_of(piece):
                assert isinstance(channels.channel(channel).normalise(piece), Event)
    except MalformedPayload:
        return


def _places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield (*way, step)
        yield from _places(inner, (*way, step))


@each_source
def test_a_delivery_of_nothing_is_nothing(name: str) -> None:
    empty = SOURCES[name].empty
    if empty is not None:
        assert channels.source(name).split(encoded(empty)) == []


@each_source
def test_a_batch_comes_apart_into_events_of_one_each(name: str) -> None:
    facts = SOURCES[name]
    pieces = channels.source(name).split(body(facts.batch or facts.sample))
    assert len(pieces) > 1 if facts.batch else len(pieces) == 1
    assert len({read(name, piece).event_id for piece in pieces}) == len(pieces)


@each_source
def test_a_kind_of_tomorrow_is_kept_and_not_answered(name: str) -> None:
    [piece] = channels.source(name).split(encoded(SOURCES[name].odd))
    if channel := channels.source(name).channel_of(piece):
        event = channels.channel(channel).normalise(piece)
        assert event.kind in (Kind.UNKNOWN, Kind.IGNORED) or name == "mentions"  # all of them alike


def test_every_channel_that_is_delivered_to_has_its_kind_of_tomorrow() -> None:
    assert set(channels.CHANNELS) - set(OF_NO_WEBHOOK) - {"mentions"} == set(ODD)


@pytest.mark.parametrize("name", ODD)
def test_a_kind_of_tomorrow_is_kept_by_its_channel_and_says_nothing_that_could_be_answered(name: str) -> None:
    [piece] = channels.source(SOURCE_OF[name]).split(encoded(ODD[name]))
    event = read(SOURCE_OF[name], piece)
    assert (event.channel, bool(event.event_id)) == (name, True)
    # Whoever shows a hologram waits for somebody: a message, without a word that would be understood.
    shown = event.kind is Kind.MESSAGE and (event.text, event.payload) == (None, None)
    assert shown or event.kind in (Kind.UNKNOWN, Kind.IGNORED, Kind.FEED_POST)  # what stands on a page's wall


def read(source: str, piece: Piece) -> Event:
    return channels.channel(channels.source(source).channel_of(piece)).normalise(piece)


def samples(name: str) -> list[Piece]:
    """Every piece of our own samples that the channel reads."""
    if name in OF_NO_WEBHOOK:
        return OF_NO_WEBHOOK[name]()
    source = channels.source(SOURCE_OF[name])
    found = []
    for content in bodies(CHANNELS[name].folder or name):
        found += [piece for piece in source.split(content) if source.channel_of(piece) == name]
    return found


@each_channel
def test_our_own_samples_are_read_and_every_piece_is_a_delivery_of_its_own(name: str) -> None:
    pieces = samples(name)
    assert pieces
    for piece in pieces:
        event = channels.channel(name).normalise(piece)
        assert (event.channel, bool(event.event_id)) == (name, True)
        if name not in OF_NO_WEBHOOK:
            assert channels.source(SOURCE_OF[name]).split(encoded(piece)) == [piece]


@each_channel
def test_the_same_piece_again_has_the_same_key(name: str) -> None:
    for piece in samples(name):
        first, again = (channels.channel(name).normalise(json.loads(encoded(piece))) for _ in range(2))
        assert (first.event_id, first.key_ms) == (again.event_id, again.key_ms)


@pytest.mark.parametrize("name", [name for name in channels.CHANNELS if name in CHANNELS and CHANNELS[name].echo])
def test_what_we_said_ourselves_is_an_echo(name: str) -> None:
    content = body(f"{CHANNELS[name].folder or name}/{CHANNELS[name].echo}")
    [event] = [read(SOURCE_OF[name], piece) for piece in channels.source(SOURCE_OF[name]).split(content)]
    assert event.kind is Kind.ECHO


# --- constants


@each_channel
def test_the_constants_of_a_channel_are_all_there_and_sane(name: str) -> None:
    channel = channels.channel(name)
    assert isinstance(channel.ONE_ACCOUNT, bool)
    assert channel.TEXT_LIMIT > 0
    assert channel.TEXT_UNIT in UNITS
    assert set(channel.CAPABILITIES) <= WORDS
    for window in (channel.WINDOW, channel.HUMAN_WINDOW):
        assert window is None or window > timedelta(0)
    if channel.WINDOW is not None and channel.HUMAN_WINDOW is not None:
        assert channel.WINDOW <= channel.HUMAN_WINDOW
    assert channel.WINDOW is not None or channel.HUMAN_WINDOW is None
    promised = {"attachments": "fetch", "acknowledge": "acknowledge", "renews": "renew"}
    assert all(callable(getattr(channel, promised[word])) for word in promised.keys() & channel.CAPABILITIES)


@each_channel
@pytest.mark.parametrize("text", ["", "a", "č", "話", "🙂", "e\u0301", "👩‍👩‍👧", "\u202e", "Ženeva 8 °C 🙂"])
def test_texts_are_counted_in_the_channel_s_unit(name: str, text: str) -> None:
    channel = channels.channel(name)
    count = UNITS[channel.TEXT_UNIT]
    assert channel.text_units(text) == (count(text) if count else channel.text_units(text))
    assert channel.text_units(text + text) >= channel.text_units(text)


# --- sends


def account(name: str, base: str | None) -> Account:
    there = {"id": "jadran", **CHANNELS[name].account, "api_base": base}
    return Account(channel=name, source=SOURCE_OF[name], app="main", inbox="support", **there)


def sent(name: str, base: str | None, text: str = "Javit ćemo se sutra u 8.") -> Outcome:
    message: dict[str, Any] = {"to": "385915550142", "correlator": "01K05T1B2C3D4E5F6G7H8J9KMN"}
    outgoing = Outgoing(**{**message, **CHANNELS[name].outgoing, "text": text})
    return channels.channel(name).send(account(name, base), CHANNELS[name].token, outgoing)


def ended(name: str, *behaviours: faulty_server.Behaviour) -> tuple[Outcome, FaultyServer]:
    with FaultyServer(*behaviours) as platform:
        return sent(name, platform.url), platform


@each_channel
def test_a_channel_that_posts_nothing_says_so(name: str) -> None:
    if name in SENDING:
        return
    result = sent(name, None).result
    word = {Result.SENT: "in_process", Result.REFUSED: "receive_only"}[result]
    assert word in channels.channel(name).CAPABILITIES


@each_sending
def test_a_message_that_the_platform_takes_is_sent_with_one_request(name: str) -> None:
    outcome, platform = ended(name, CHANNELS[name].sent)
    assert (outcome.result, bool(outcome.platform_id)) == (Result.SENT, True)
    assert len(platform.received) == 1
    token = CHANNELS[name].token
    assert (token in platform.received[0].path) is CHANNELS[name].token_in_address


@each_sending
def test_a_text_of_just_the_limit_goes_out_and_one_unit_more_leaves_no_request(name: str) -> None:
    channel = channels.channel(name)
    full = of_units(name, channel.TEXT_LIMIT)
    assert channel.text_units(full) == channel.TEXT_LIMIT
    with FaultyServer(CHANNELS[name].sent) as platform:
        assert sent(name, platform.url, full).result is Result.SENT
        before = platform.connections
        for one_more in ("a" + full, full + "a"):
            outcome = sent(name, platform.url, one_more)
            assert (outcome.result, outcome.reason) == (Result.REFUSED, "too_long")
        outcome = sent(name, platform.url, " \n")
        assert (outcome.result, outcome.reason) == (Result.REFUSED, "empty")
        assert platform.connections == before


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> str:
    """A name that does not resolve, and is not asked for beyond this machine."""

    def getaddrinfo(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return "http://platform.invalid"


def is_not_sent(outcome: Outcome) -> bool:
    return (outcome.result, outcome.platform_id, bool(outcome.reason)) == (Result.NOT_SENT, None, True)


@each_sending
def test_where_nobody_listens_nothing_is_sent(name: str) -> None:
    assert is_not_sent(sent(name, f"http://127.0.0.1:{faulty_server.closed_port()}"))


@each_sending
def test_where_the_name_is_unknown_nothing_is_sent(name: str, nowhere: str) -> None:
    assert is_not_sent(sent(name, nowhere))


@each_sending
def test_where_nobody_accepts_nothing_is_sent(name: str, impatient: None) -> None:
    with faulty_server.full_backlog() as port:
        assert is_not_sent(sent(name, f"http://127.0.0.1:{port}"))


@each_sending
@pytest.mark.parametrize("handshake", [faulty_server.close, lambda connection: connection.write(b"HTTP/1.1 400\r\n")])
def test_where_tls_fails_nothing_is_sent(name: str, handshake: faulty_server.Behaviour) -> None:
    with FaultyServer(handshake) as platform:
        assert is_not_sent(sent(name, f"https://127.0.0.1:{platform.port}"))
        assert platform.received == []


@each_sending
@pytest.mark.parametrize("asked", [{}, {"retry_after": "77"}, {"retry_after": "soon"}, {"retry_after": "9" * 12}])
def test_too_many_requests_are_not_sent_and_wait_as_long_as_they_ask(name: str, asked: dict[str, str]) -> None:
    outcome, platform = ended(name, answer(429, **asked))
    assert (outcome.result, outcome.reason) == (Result.NOT_SENT, "rate_limited")
    assert outcome.retry_after_s
    assert (outcome.retry_after_s == 77) is (asked.get("retry_after") == "77")
    assert outcome.retry_after_s <= 6 * 3600
    assert len(platform.received) == 1


@pytest.mark.parametrize(("name", "code"), [(name, code) for name in SENDING for code in CHANNELS[name].throttles])
def test_the_platform_s_own_word_for_too_many_is_not_sent_and_waits(name: str, code: str) -> None:
    behaviour, wait_s = CHANNELS[name].throttles[code]
    outcome, platform = ended(name, behaviour)
    assert (outcome.result, outcome.retry_after_s) == (Result.NOT_SENT, wait_s)
    assert outcome.reason in ("rate_limited", "pair_limited", "busy")
    assert not outcome.account_problem
    assert len(platform.received) == 1


def test_every_sending_channel_has_its_platform_s_throttles() -> None:
    assert [name for name in SENDING if not CHANNELS[name].throttles] == []


@each_sending
def test_a_token_that_the_platform_refuses_is_a_trouble_of_the_account(name: str) -> None:
    outcome, platform = ended(name, CHANNELS[name].unauthorized)
    assert outcome.result is CHANNELS[name].unauthorized_is
    assert outcome.account_problem or outcome.reason == "token_expired"
    assert len(platform.received) == 1


@each_sending
def test_what_the_platform_refuses_is_refused_and_not_asked_for_again(name: str) -> None:
    outcome, platform = ended(name, CHANNELS[name].refused)
    assert (outcome.result, bool(outcome.reason), outcome.account_problem) == (Result.REFUSED, True, False)
    assert len(platform.received) == 1


NOBODY_KNOWS: dict[str, faulty_server.Behaviour] = {
    "500": answer(500, b"{}"),
    "502 with HTML": answer(502, b"<html>Bad Gateway</html>"),
    "503": answer(503),
    "reset after the request": faulty_server.after_request(faulty_server.reset),
    "closed after the request": faulty_server.after_request(faulty_server.close),
    "200 with HTML": answer(200, b"<html>hotspot login</html>", content_type="text/html"),
    "200 with nothing": answer(200),
    "200 with half a JSON": answer(200, b'{"message_id":"m_'),
    "200 with an array": answer(200, b'["ok"]'),
    "200 with deep nesting": answer(200, b"[" * 50_000),
    "504": answer(504, b'{"message":"Endpoint request timed out"}'),
    "cut before the answer": faulty_server.raw(b"HT"),
    "cut in the headers": faulty_server.raw(b"HTTP/1.1 200 OK\r\ncontent-le"),
    "cut in the body": faulty_server.raw(b'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"message_id":"m_1"'),
    "no HTTP": faulty_server.raw(b"+OK POP3 ready\r\n"),
    "200 without an end in sight": answer(200, b'{"a":"' + b"x" * (1 << 20) + b'"}'),
    "200 without an id": answer(200, {"code": 0, "status": 0, "ok": True, "result": {}, "data": {}}),
}


@each_sending
@pytest.mark.parametrize("fault", NOBODY_KNOWS)
def test_what_may_have_been_taken_is_unknown(name: str, fault: str) -> None:
    outcome, platform = ended(name, NOBODY_KNOWS[fault])
    assert (outcome.result, outcome.platform_id) == (Result.UNKNOWN, None)
    assert 1 <= len(platform.received) <= CHANNELS[name].asks


@each_sending
def test_a_good_answer_that_is_cut_half_way_is_unknown(name: str) -> None:
    outcome, _ = ended(name, faulty_server.halved(CHANNELS[name].sent))
    assert (outcome.result, outcome.platform_id) == (Result.UNKNOWN, None)


@each_sending
def test_an_answer_that_does_not_come_in_time_is_unknown(name: str, impatient: None) -> None:
    outcome, platform = ended(name, faulty_server.after_request(faulty_server.silent))
    assert (outcome.result, outcome.platform_id) == (Result.UNKNOWN, None)
    assert 1 <= len(platform.received) <= CHANNELS[name].asks


@each_sending
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(name: str, status: int) -> None:
    with FaultyServer(CHANNELS[name].sent) as elsewhere:
        outcome, _ = ended(name, answer(status, location=f"{elsewhere.url}/messages"))
        assert elsewhere.connections == 0
    assert outcome.result in (Result.REFUSED, Result.UNKNOWN)

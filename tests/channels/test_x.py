"""X: what its webhooks say, the challenge that must not sign bodies, and what becomes of a text that is sent."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from afterhours import channels, settings
from afterhours.channels import x, x_api, x_posts, x_source
from afterhours.channels.contract import MalformedPayload, NotRenewed, Renewed, Request
from afterhours.models import Account, Event, Kind, Outcome, Outgoing, Result
from afterhours_local.platforms.fake import Delivered, FakeAccount
from afterhours_local.platforms.graph import FakeGraph
from afterhours_local.platforms.server import GraphServer
from afterhours_local.platforms.spoilt import Spoilt
from afterhours_local.platforms.x import DMS_A_WINDOW, FakeX, Trouble
from backend import Clock

EVENTS = Path(__file__).parents[2] / "events/x"
OUR, PETRA = "1983000000000000001", "1755000000000000002"
OURS = "2080761390344937796"
SECRET = "consumer-secret"
AT = 1794391200000


def read(name: str) -> list[Event]:
    pieces = x_source.split((EVENTS / f"{name}.json").read_bytes())
    return [channels.channel(x_source.channel_of(piece)).normalise(piece) for piece in pieces]


def only(name: str) -> Event:
    [event] = read(name)
    return event


# What is said


@pytest.mark.parametrize(
    ("name", "channel", "expected"),
    [
        ("dm", "x", {"kind": Kind.MESSAGE, "text": "Imate li parking?", "contact_ids": (PETRA,), "timestamp_ms": AT}),
        ("dm-formerly", "x", {"kind": Kind.MESSAGE, "message_id": "2080765901528535096",
                              "contact_name": "Petra Novak"}),
        ("dm-own", "x", {"kind": Kind.ECHO, "is_echo": True, "contact_ids": (PETRA,), "text": "Da, besplatno."}),
        ("dm-photo", "x", {"kind": Kind.MESSAGE, "subkind": "image", "text": "Ovo je soba"}),
        ("dm-photo-only", "x", {"kind": Kind.MESSAGE, "subkind": "image", "text": None}),
        ("dm-read", "x", {"kind": Kind.READ, "contact_ids": (PETRA,), "watermark_ms": 1794391440000}),
        ("typing", "x", {"kind": Kind.IGNORED}),
        ("encrypted", "x", {"kind": Kind.MESSAGE, "text": None, "contact_ids": (PETRA,), "unanswered": "encrypted"}),
        ("revoked", "x", {"kind": Kind.ACCOUNT, "subkind": "oauth_revoked", "account_id": OUR}),
        ("revoked-formerly", "x", {"kind": Kind.ACCOUNT, "subkind": "oauth_revoked", "account_id": OUR}),
        ("follow-formerly", "x", {"kind": Kind.IGNORED, "subkind": "follow", "sender_id": PETRA}),
        ("post-reply", "x_posts", {"kind": Kind.COMMENT, "subkind": "reply", "handle": "2090000000000000001",
                                   "parent_id": OURS, "contact_name": "Petra Novak", "timestamp_ms": AT}),
        ("post-quote", "x_posts", {"kind": Kind.COMMENT, "subkind": "quote", "reply_to_id": OURS}),
        ("post-mention-formerly", "x_posts", {"kind": Kind.COMMENT, "text": "@HotelJadran is there parking?",
                                              "contact_ids": (PETRA,)}),
        ("post-own", "x_posts", {"kind": Kind.ECHO, "contact_ids": ()}),
        ("post-own-answer", "x_posts", {"kind": Kind.ECHO, "contact_ids": (PETRA,), "handle": None}),
        ("post-own-that-mentions-itself", "x_posts", {"kind": Kind.ECHO, "contact_ids": ()}),
        ("post-edited", "x_posts", {"kind": Kind.MESSAGE_EDIT, "target_id": "2090000000000000001"}),
        ("post-deleted-formerly", "x_posts", {"kind": Kind.MESSAGE_DELETED, "target_id": "2090000000000000001",
                                              "contact_ids": (PETRA,)}),
        ("post-blocked-author", "x_posts", {"kind": Kind.IGNORED, "subkind": "blocked"}),
        ("repost-formerly", "x_posts", {"kind": Kind.IGNORED, "subkind": "repost"}),
        ("like", "x_posts", {"kind": Kind.FEED_REACTION, "contact_ids": (PETRA,), "target_id": OURS}),
        ("of-the-future", "x_posts", {"kind": Kind.IGNORED, "subkind": "post.poll.create"}),
    ],
)  # fmt: skip
def test_an_event_is_read_as_the_contract_says(name: str, channel: str, expected: dict[str, Any]) -> None:
    event = only(name)
    assert (event.channel, event.account_id) == (channel, OUR)
    assert {field: getattr(event, field) for field in expected} == expected


def test_two_messages_in_one_delivery_are_two_events_each_with_its_own_person() -> None:
    assert [(event.text, event.contact_name) for event in read("dm-two-formerly")] == [
        ("Imate li parking?", "Petra Novak"),
        ("Hallo", "Max Weber"),
    ]
    pieces = x_source.split((EVENTS / "dm-two-formerly.json").read_bytes())
    assert all("Petra" not in json.dumps(piece) for piece in pieces[1:])


@pytest.mark.parametrize(
    "names", [("dm", "dm-formerly"), ("post-reply", "post-mention-of-the-same", "post-mention-formerly")]
)
def test_the_same_message_is_one_event_however_often_and_in_whichever_envelope_it_comes(names: tuple[str, ...]) -> None:
    assert len({(event.event_id, event.key_ms) for event in map(only, names)}) == 1


def test_a_post_s_time_is_told_as_exactly_as_it_comes() -> None:
    assert [only(name).timestamp_ms for name in ("post-mention-formerly", "post-reply")] == [AT + 451, AT]


@pytest.mark.parametrize("name", ["repost-formerly", "post-blocked-author"])
def test_what_is_set_aside_still_says_whose_it_is_and_when(name: str) -> None:
    event = only(name)
    assert (event.sender_id, event.recipient_id, event.timestamp_ms) == (PETRA, OUR, AT)
    assert event.message_id
    assert event.contact_ids == ()


@pytest.mark.parametrize("blocked", [True, "true"])
def test_who_is_blocked_is_not_answered_however_x_spells_it(blocked: Any) -> None:
    delivery = json.loads((EVENTS / "post-blocked-author.json").read_bytes())
    [piece] = x_source.split(json.dumps({**delivery, "user_has_blocked": blocked}).encode())
    assert x_posts.normalise(piece).subkind == "blocked"


def test_a_message_in_the_form_of_the_api_s_own_calls_is_the_same_message() -> None:
    delivery = json.loads((EVENTS / "dm.json").read_bytes())
    formerly, wanted = delivery["data"]["payload"]["direct_message_events"][0], only("dm")
    delivery["data"]["payload"] = {
        "id": formerly["id"], "event_type": "MessageCreate", "sender_id": PETRA, "dm_conversation_id": "1-2",
        "text": "Imate li parking?", "created_at": "2026-11-11T10:00:00.000Z",
    }  # fmt: skip
    [piece] = x_source.split(json.dumps(delivery).encode())
    assert x.normalise(piece) == wanted.model_copy(update={"contact_name": None})
    delivery["data"]["payload"]["sender_id"] = OUR
    own = x.normalise(x_source.split(json.dumps(delivery).encode())[0])
    assert (own.kind, own.contact_ids) == (Kind.ECHO, ())


def test_who_stops_following_is_not_told_as_following() -> None:
    delivery = json.loads((EVENTS / "follow-formerly.json").read_bytes())
    delivery["follow_events"][0]["type"] = "unfollow"
    assert x.normalise(delivery).subkind == "unfollow"


def test_the_same_message_is_another_event_for_another_account_of_ours() -> None:
    delivery = json.loads((EVENTS / "dm-formerly.json").read_bytes())
    [piece] = x_source.split(json.dumps({**delivery, "for_user_id": "1983000000000000009"}).encode())
    assert x.normalise(piece).event_id != only("dm-formerly").event_id


def test_an_id_of_64_bits_keeps_every_digit_be_it_a_number_or_a_text() -> None:
    delivery = json.loads((EVENTS / "post-mention-formerly.json").read_bytes())
    post = delivery["tweet_create_events"][0]
    del post["id_str"], post["user"]["id_str"]
    post |= {"id": 9223372036854775807, "user": {"id": 9223372036854775806}}
    [piece] = x_source.split(json.dumps(delivery).encode())
    event = x_posts.normalise(piece)
    assert (event.message_id, event.sender_id) == ("9223372036854775807", "9223372036854775806")


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_piece_is_a_delivery_of_that_one_event(path: Path) -> None:
    for piece in x_source.split(path.read_bytes()):
        assert x_source.split(json.dumps(piece).encode()) == [piece]


@pytest.mark.parametrize("body", [b"[]", b"12345", b"null", b'"abc"', b"{", b'{"a":1}', b'{"data":{"a":1}}'])
def test_a_signed_body_without_an_event_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedPayload):
        x_source.split(body)


@pytest.mark.parametrize("body", [b"{}", b'{"for_user_id":"1"}', b'{"for_user_id":"1","direct_message_events":[]}'])
def test_an_empty_delivery_is_no_event(body: bytes) -> None:
    assert x_source.split(body) == []


@pytest.mark.parametrize("junk", [None, 1, "x", [], {}, {"id": 1.5}, {"message_create": []}, {"user": "x", "id": {}}])
def test_junk_in_the_place_of_an_event_is_read_without_a_crash(junk: Any) -> None:
    for name in (x_source.DIRECT_MESSAGES, x_source.POSTS, x_source.DELETED_POSTS, x_source.LIKES, "new_events"):
        for piece in x_source.split(json.dumps({"for_user_id": OUR, name: [junk]}).encode()):
            assert channels.channel(x_source.channel_of(piece)).normalise(piece).contact_ids == ()
    for name in ("dm.received", "chat.received", "post.mention.create", "like.create", "oauth.revoke", "new.thing"):
        body = {"data": {"event_type": name, "filter": {"user_id": OUR}, "payload": junk}}
        for piece in x_source.split(json.dumps(body).encode()):
            assert channels.channel(x_source.channel_of(piece)).normalise(piece).contact_ids == ()


# Challenge and signature (C10, 48 to 51)


def challenged(query: dict[str, str], credentials: dict[str, Any] | None = None) -> tuple[int, str]:
    answer = x_source.handshake(Request("GET", {}, query, b""), credentials or {"secrets": [SECRET, "previous"]})
    return answer.status, answer.body


def digest(of: bytes, secret: str = SECRET) -> str:
    return "sha256=" + base64.b64encode(hmac.new(secret.encode(), of, hashlib.sha256).digest()).decode()


def test_the_challenge_is_answered_as_json_with_the_current_secret() -> None:
    answer = x_source.handshake(Request("GET", {}, {"crc_token": "dG9rZW4="}, b""), {"secrets": [SECRET, "previous"]})
    assert (answer.status, answer.content_type) == (200, "application/json; charset=utf-8")
    assert json.loads(answer.body) == {"response_token": digest(b"dG9rZW4=")}


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"crc_token": ""},
        {"crc_token": "one,two"},  # how the gateway writes it when it comes twice
        {"crc_token": "a" * 201},
        {"crc_token": "a" * 9_216},
        {"crc_token": '{"direct_message_events":[]}'},
        {"crc_token": "a b"},
        {"crc_token": "é"},
        {"crc_token": "a\n"},
        {"crc": "a"},
    ],
    ids=repr,
)
def test_c10_49_and_51_nothing_but_a_token_is_signed(query: dict[str, str]) -> None:
    status, body = challenged(query)
    assert (status, "sha256" in body) == (400, False)


@pytest.mark.parametrize("credentials", [{"secrets": []}, {"secrets": [""]}, {"secrets": "text"}, {"a": 1}])
def test_without_a_secret_there_is_no_answer(credentials: dict[str, Any]) -> None:
    assert challenged({"crc_token": "a"}, credentials)[0] == 503


def signed(header: str, body: bytes = b'{"for_user_id":"1"}', secrets: tuple[str, ...] = (SECRET,)) -> bool:
    return x_source.verify(Request("POST", {x_source.HEADER: header}, {}, body), list(secrets))


def test_c10_48_a_signature_is_that_base64_text_and_no_other() -> None:
    body = next(each for number in range(999) if {"+", "/"} & set(digest(each := b'{"n":%d}' % number)))
    right = digest(body)
    wrong = [right.replace("+", "-").replace("/", "_"), right.rstrip("="), right + "=", right.removeprefix("sha256=")]
    wrong += [
        "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest(),
        right + "\n",
        right[:-5] + "!!!!" + right[-5:],
    ]
    wrong += [
        right.replace("sha256=", "sha512="),
        right.replace("sha256=", "SHA256="),
        f"{right},{right}",
        "",
        digest(body + b"\n"),
    ]
    assert signed(right, body)
    assert [each for each in wrong if signed(each, body)] == []
    assert not x_source.verify(Request("POST", {}, {}, body), [SECRET])


def test_both_secrets_sign_while_they_are_rotated() -> None:
    body = b"{}"
    assert signed(digest(body, "previous"), body, (SECRET, "previous"))
    assert not signed(digest(body, "older"), body, (SECRET, "previous"))


@pytest.mark.parametrize("token", ["abc", "12345", "null", "true", "1e5", "-1"])
def test_c10_50_a_signature_harvested_from_the_challenge_never_makes_an_event(token: str) -> None:
    harvested = json.loads(challenged({"crc_token": token})[1])["response_token"]
    assert signed(harvested, token.encode())  # one and the same HMAC
    with pytest.raises(MalformedPayload):
        x_source.split(token.encode())


# Sending


@pytest.fixture
def platform(clock: Clock) -> FakeX:
    fake = FakeX(settings.now_ms, lambda method, url, headers, body: Delivered(200, b""))
    keys = {"refresh": "first-refresh", "client_id": "client", "client_secret": "client-secret"}
    for channel in ("x", "x_posts"):
        fake.register(FakeAccount(channel, OUR, "first-token", SECRET, "http://127.0.0.1:1/hook/x/main", **keys))
    return fake


@pytest.fixture
def server(platform: FakeX) -> Iterator[GraphServer]:
    with GraphServer(FakeGraph(settings.now_ms), others=[platform]) as server:
        yield server


@pytest.fixture
def account(server: GraphServer, monkeypatch: pytest.MonkeyPatch) -> Account:
    monkeypatch.setenv("AFTERHOURS_LOCAL", "1")
    settings.load.cache_clear()
    return Account(channel="x", id=OUR, app="main", source="x", inbox="support", api_base=f"{server.url}/x")


def dm(account: Account, text: str = "Yes.", to: str = PETRA, token: str = "first-token") -> Outcome:
    return x.send(account, token, Outgoing(to=to, text=text, correlator="c"))


def answer(account: Account, handle: str | None, text: str = "Yes.") -> Outcome:
    return x_posts.send(account, "first-token", Outgoing(to=PETRA, text=text, correlator="c", handle=handle))


def test_a_direct_message_is_sent_once_and_its_id_kept(platform: FakeX, account: Account) -> None:
    platform.say("x", OUR, PETRA, "Hello")
    outcome = dm(account)
    [sent] = platform.sent
    assert (outcome.result, outcome.platform_id, sent.to, sent.text) == (Result.SENT, sent.platform_id, PETRA, "Yes.")


def test_an_answer_stands_under_the_post_that_its_handle_names(platform: FakeX, account: Account) -> None:
    said = platform.say("x_posts", OUR, PETRA, "is there parking?")
    assert answer(account, said.message_id).result is Result.SENT
    assert [(sent.public, sent.to) for sent in platform.sent] == [(True, PETRA)]


def test_without_a_post_to_answer_nothing_is_posted_to_all_the_world(platform: FakeX, account: Account) -> None:
    for handle in (None, "", "not a number", "1/2"):
        assert answer(account, handle).reason == "nothing_to_answer"
    assert platform.sent == []


def test_a_plain_answer_to_our_post_is_no_summons_and_x_refuses(platform: FakeX, account: Account) -> None:
    said = platform.post(OUR, PETRA, "great", kinds=("reply",))
    outcome = answer(account, said.message_id)
    assert (outcome.result, outcome.reason) == (Result.REFUSED, "reply_not_permitted")


def test_the_limits_are_x_s_own_at_their_edges(platform: FakeX, account: Account) -> None:
    platform.say("x", OUR, PETRA, "Hello")
    said = platform.say("x_posts", OUR, PETRA, "hello?")
    assert dm(account, "é" * 10_000).result is Result.SENT
    assert dm(account, "é" * 10_001).reason == "too_long"
    for full in ("a" * 280, "日" * 140, "👨‍👩‍👧" * 140, "a" * 256 + " https://hotel-jadran.hr/" + "x" * 100):
        assert answer(account, said.message_id, full).result is Result.SENT, full[:9]
        assert answer(account, said.message_id, full + "!").reason == "too_long", full[:9]
    assert dm(account, "  ").reason == "empty"


@pytest.mark.parametrize(
    ("trouble", "result", "reason", "problem"),
    [
        (Trouble.UNAUTHORIZED_401, Result.NOT_SENT, "token_expired", False),
        (Trouble.FORBIDDEN_403, Result.REFUSED, "contact_unavailable", False),
        (Trouble.ERRORS_IN_200, Result.REFUSED, "contact_unavailable", False),
        (Trouble.SUSPENDED, Result.REFUSED, "account_locked", True),
        (Trouble.NO_CREDIT_402, Result.NOT_SENT, "credits_used_up", True),
        (Spoilt.ERROR_500, Result.UNKNOWN, "temporary", False),
        (Spoilt.BAD_GATEWAY_502, Result.UNKNOWN, "unreadable_answer", False),
        (Spoilt.RESET, Result.UNKNOWN, "connection_lost", False),
        (Spoilt.EMPTY_BODY, Result.UNKNOWN, "no_message_id", False),
        (Spoilt.HTML, Result.UNKNOWN, "no_message_id", False),
        (Spoilt.TRUNCATED_JSON, Result.UNKNOWN, "no_message_id", False),
        (Spoilt.WRONG_TYPE, Result.UNKNOWN, "no_message_id", False),
        (Spoilt.NULL_ID, Result.UNKNOWN, "no_message_id", False),
        (Spoilt.HUGE_BODY, Result.UNKNOWN, "answer_too_large", False),
        (Spoilt.REDIRECT_302, Result.REFUSED, "redirected", True),
        (Spoilt.REDIRECT_307, Result.REFUSED, "redirected", True),
    ],
)
def test_an_answer_means_what_the_contract_says(
    platform: FakeX, account: Account, trouble: str, result: Result, reason: str, problem: bool
) -> None:
    platform.say("x", OUR, PETRA, "Hello")
    platform.misbehave(trouble)
    outcome = dm(account)
    assert (outcome.result, outcome.reason, outcome.account_problem) == (result, reason, problem)


def test_too_many_wait_until_x_says_that_the_limit_is_new(platform: FakeX, account: Account, clock: Clock) -> None:
    platform.say("x", OUR, PETRA, "Hello")
    for _ in range(DMS_A_WINDOW):
        assert dm(account).result is Result.SENT
    clock.advance(60)
    outcome = dm(account)
    assert (outcome.result, outcome.reason, outcome.retry_after_s) == (Result.NOT_SENT, "rate_limited", 14 * 60)
    clock.advance(14 * 60)
    assert dm(account).result is Result.SENT


def test_a_stranger_a_strange_id_and_a_strange_token_are_refused(platform: FakeX, account: Account) -> None:
    assert dm(account).reason == "contact_unavailable"
    assert dm(account, to="../2/tweets").reason == "contact_unknown"
    assert dm(account, token="a\nb").reason == "token_invalid"
    assert dm(account, token="another").reason == "token_expired"
    assert platform.sent == []


def test_x_cannot_be_reached(account: Account) -> None:
    nowhere = account.model_copy(update={"api_base": "http://127.0.0.1:1"})
    assert dm(nowhere) == Outcome(result=Result.NOT_SENT, reason="connect")
    assert x.renew(nowhere, {"client_id": "c", "refresh": "r"}) == NotRenewed("connect", final=False)


# Renewing


def record(platform: FakeX, **spoilt: str) -> dict[str, Any]:
    pair = platform.grant(OUR)
    keys = {"client_id": "client", "client_secret": "client-secret"}
    return {"token": pair.token, "refresh": pair.refresh, **keys, **spoilt}


def test_a_new_pair_is_had_once_for_the_old(platform: FakeX, account: Account) -> None:
    old = record(platform)
    renewed = x.renew(account, old)
    assert isinstance(renewed, Renewed)
    assert renewed == Renewed(platform.grant(OUR).token, 7_200, platform.grant(OUR).refresh)
    assert renewed.token != old["token"]
    assert x.renew(account, old) == NotRenewed("invalid_request", final=True)


@pytest.mark.parametrize(
    ("spoilt", "expected"),
    [
        ({"refresh": "stolen"}, NotRenewed("invalid_request", final=True)),
        ({"client_secret": "wrong"}, NotRenewed("unauthorized_client", final=True)),
        ({"client_secret": ""}, NotRenewed("unauthorized_client", final=True)),
        ({"client_id": ""}, NotRenewed("not_configured", final=True)),
    ],
)
def test_a_refusal_of_the_grant_is_the_end_of_it(
    platform: FakeX, account: Account, spoilt: dict[str, str], expected: NotRenewed
) -> None:
    assert x_api.renew(account, record(platform, **spoilt)) == expected


@pytest.mark.parametrize(
    ("trouble", "reason", "taken"),
    [
        (Trouble.RATE_429, "slow_down", False),
        (Spoilt.ERROR_500, "500", True),
        (Spoilt.RESET, "connection_lost", True),
        (Spoilt.HTML, "200", True),
        (Spoilt.REDIRECT_302, "302", True),
        (Trouble.RENEWED_UNHEARD, "connection_lost", True),
    ],
)
def test_other_trouble_may_pass(platform: FakeX, account: Account, trouble: str, reason: str, taken: bool) -> None:
    platform.misbehave(trouble)
    assert x_api.renew(account, record(platform)) == NotRenewed(reason, final=False, taken=taken)


def test_the_fake_knows_a_pair_of_its_earlier_life_but_none_that_it_replaced_since(
    platform: FakeX, account: Account
) -> None:
    old = x.renew(account, record(platform))
    assert isinstance(old, Renewed)
    before = {**record(platform), "token": old.token, "refresh": old.refresh}
    for channel in ("x", "x_posts"):
        platform.register(platform.account(channel, OUR))  # started anew
    assert isinstance(x.renew(account, before), Renewed)
    assert x.renew(account, before) == NotRenewed("invalid_request", final=True)

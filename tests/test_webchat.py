"""The web chat through its handler: who may write, what is queued, and what a visitor reads."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
import webchat
from afterhours.channels import webchat as channel
from afterhours.channels.contract import MalformedPayload
from afterhours.channels.webchat_session import Visitor, make_session, read_session, read_user_token
from afterhours.models import Account, Kind, Outgoing, Result
from afterhours.stores.threads import Threads, thread_key
from backend import PEPPER, STACK, Backend, Clock
from botocore.exceptions import EndpointConnectionError
from counting import counted, failing
from http_api import request

SITE = "hotel-jadran-7f3a9c"
SECRET = "site-secret-of-thirty-two-bytes-or-more"
OLD_SECRET = "old-secret-of-thirty-two-bytes-or-more!"
ID = "0b9f6a52-3f0e-4a51-9a3c-7a54f7f6c111"
ULID = "01KJW4MG80ABCDEFGHJKMNPQRS"

Event = dict[str, Any]
Answer = dict[str, Any]


@pytest.fixture
def site(aws: Backend) -> Backend:
    aws.put_app("webchat", SITE, secrets=[SECRET, OLD_SECRET], origins=["https://www.hotel.example"])
    aws.put_app("webchat", "another-site", secrets=["another-secret-of-thirty-two-bytes!!"])
    return aws


def http(method: str, leaf: str, body: object = None, *, session: str | None = None, **other: Any) -> Event:
    site = other.pop("site", SITE)
    headers = {"content-type": "application/json", **other.pop("headers", {})}
    if session is not None:
        headers["authorization"] = f"Bearer {session}"
    raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    return request(method, "/webchat/{site}/" + leaf, {"site": site}, headers=headers, body=raw, **other)


def call(event: Event) -> tuple[int, Answer]:
    answer = webchat.lambda_handler(event, None)
    assert answer["headers"]["content-type"] == "application/json"
    assert answer["headers"]["cache-control"] == "no-store"
    return answer["statusCode"], json.loads(answer["body"])


def start(body: object = None, **other: Any) -> Answer:
    status, answer = call(http("POST", "session", body, **other))
    assert status == 201, answer
    return answer


def code(event: Event) -> tuple[int, str]:
    status, answer = call(event)
    assert set(answer) == {"error"}
    assert set(answer["error"]) == {"code", "message"}
    return status, answer["error"]["code"]


def message(**changes: Any) -> Event:
    return {"client_message_id": ID, "type": "text", "text": "Imate li parking?", **changes}


def down() -> Exception:
    return EndpointConnectionError(endpoint_url="https://aws.invalid")


# --- sessions


def test_an_anonymous_visitor_gets_a_random_id_and_a_session_of_a_day(site: Backend) -> None:
    first, second = start(), start({})
    assert first["visitor_id"].startswith("v_")
    assert len(first["visitor_id"]) == 34
    assert first["visitor_id"] != second["visitor_id"]
    assert first["expires_at"] == "2026-03-05T10:00:00+00:00"


def test_a_session_ends_after_a_day(site: Backend, clock: Clock) -> None:
    session = start()["session"]
    clock.advance(timedelta(hours=24) - timedelta(seconds=1))
    assert call(http("POST", "messages", message(), session=session))[0] == 202
    clock.advance(1)
    assert code(http("POST", "messages", message(), session=session)) == (401, "session")


def test_reading_renews_a_session_that_is_half_over_for_the_same_visitor(site: Backend, clock: Clock) -> None:
    begun = start({"locale": "hr"})
    _, fresh = call(http("GET", "messages", session=begun["session"]))
    assert "session" not in fresh
    clock.advance(timedelta(hours=12, seconds=1))
    _, renewed = call(http("GET", "messages", session=begun["session"]))
    clock.advance(timedelta(hours=23))
    assert call(http("POST", "messages", message(), session=renewed["session"]))[0] == 202
    (queued,) = site.inbound()
    assert queued["piece"]["visitor_id"] == begun["visitor_id"]
    assert queued["piece"]["locale"] == "hr"


def test_a_session_of_one_site_is_none_on_another(site: Backend) -> None:
    session = start()["session"]
    assert code(http("POST", "messages", message(), session=session, site="another-site")) == (401, "session")


@pytest.mark.parametrize("last", ["0", "A", "", "=", "\n", "é"])
def test_a_session_that_was_touched_is_none(site: Backend, last: str) -> None:
    session = start()["session"]
    spoilt = session[:-1] + last
    if spoilt == session:
        spoilt = session[:-1] + "1"
    assert code(http("GET", "messages", session=spoilt)) == (401, "session")


def test_the_visitor_of_a_session_cannot_be_changed(site: Backend) -> None:
    mine, theirs = start()["session"].split("."), start()["session"].split(".")
    assert code(http("GET", "messages", session=f"v1.{theirs[1]}.{mine[2]}")) == (401, "session")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic {}", "{}", "Bearer {} x", "Bearer  {}"])
def test_without_a_bearer_session_nothing_is_taken(site: Backend, header: str) -> None:
    session = start()["session"]
    event = http("POST", "messages", message(), headers={"authorization": header.format(session)})
    assert code(event) == (401, "session")
    assert site.inbound() == []


def test_sessions_outlive_a_rotation_of_the_secret_by_one_generation(site: Backend, clock: Clock) -> None:
    session = start()["session"]
    site.put_app("webchat", SITE, secrets=["new-secret-of-thirty-two-bytes-or-more", SECRET])
    clock.advance(300)
    assert call(http("GET", "messages", session=session))[0] == 200
    site.put_app("webchat", SITE, secrets=["newest-secret-of-thirty-two-bytes-or-m"])
    clock.advance(300)
    assert code(http("GET", "messages", session=session)) == (401, "session")


def test_a_session_made_elsewhere_with_a_newer_secret_is_good_at_once(site: Backend, clock: Clock) -> None:
    start()
    site.put_app("webchat", SITE, secrets=["new-secret-of-thirty-two-bytes-or-more", SECRET])
    visitor = Visitor("v_" + "0" * 32)
    session = make_session(SITE, visitor, clock.ms + 1000, "new-secret-of-thirty-two-bytes-or-more")
    assert call(http("GET", "messages", session=session))[0] == 200


# --- users that the customer's server knows


def user_token(clock: Clock, *, secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    now_s = clock.ms // 1000
    claims = {"sub": "guest-42", "aud": SITE, "exp": now_s + 600, "name": "Ana", "email": "ana@example.org", **changes}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, secret, algorithm)


def test_a_known_user_writes_under_the_id_and_name_of_the_customers_server(site: Backend, clock: Clock) -> None:
    begun = start({"user_token": user_token(clock)})
    assert begun["visitor_id"] == "u:guest-42"
    call(http("POST", "messages", message(), session=begun["session"]))
    (queued,) = site.inbound()
    assert {name: queued["piece"][name] for name in ("visitor_id", "name", "email")} == {
        "visitor_id": "u:guest-42",
        "name": "Ana",
        "email": "ana@example.org",
    }


def test_a_user_token_of_the_previous_secret_is_good(site: Backend, clock: Clock) -> None:
    assert start({"user_token": user_token(clock, secret=OLD_SECRET)})["visitor_id"] == "u:guest-42"


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another-site"},
        {"aud": None},
        {"aud": [SITE]},
        {"exp": None},
        {"exp": 1_772_618_400},  # now
        {"exp": 1_772_618_400 + 3601},
        {"sub": None},
        {"sub": ""},
        {"sub": "a b"},
        {"sub": "x" * 129},
        {"sub": "ž"},
        {"secret": "a-secret-of-somebody-else-32-bytes-long"},
        {"secret": "x" * 64, "algorithm": "HS512"},
        {"secret": SECRET + "x" * 40, "algorithm": "HS512"},
    ],
)
def test_a_user_token_that_is_not_exactly_right_is_refused(
    site: Backend, clock: Clock, changes: dict[str, Any]
) -> None:
    token = user_token(clock, **changes)
    assert code(http("POST", "session", {"user_token": token})) == (401, "user_token")


def test_an_hour_ahead_is_the_longest_that_a_user_token_lives(site: Backend, clock: Clock) -> None:
    assert start({"user_token": user_token(clock, exp=clock.ms // 1000 + 3600)})["visitor_id"] == "u:guest-42"


@pytest.mark.parametrize("algorithm", ["none", "hs256", "HS384", "RS256", None])
def test_only_the_algorithm_hs256_is_read(clock: Clock, algorithm: str | None) -> None:
    """Signed rightly, so that the header alone is wrong."""
    header = {"typ": "JWT", "alg": algorithm}
    token = jwt.api_jws.encode(
        json.dumps({"sub": "a", "aud": SITE, "exp": clock.ms // 1000 + 60}).encode(), SECRET, "HS256"
    )
    assert read_user_token(token, SITE, [SECRET], clock.ms) is not None
    spoilt = signed(header, {"sub": "a", "aud": SITE, "exp": clock.ms // 1000 + 60})
    assert read_user_token(spoilt, SITE, [SECRET], clock.ms) is None


def test_a_critical_header_that_we_do_not_know_is_refused(clock: Clock) -> None:
    token = signed({"alg": "HS256", "crit": ["b64"]}, {"sub": "a", "aud": SITE, "exp": clock.ms // 1000 + 60})
    assert read_user_token(token, SITE, [SECRET], clock.ms) is None


@pytest.mark.parametrize("exp", [True, "1772618460", 1772618460.5, float("inf"), None, []])
def test_the_end_of_a_user_token_is_a_whole_number(clock: Clock, exp: object) -> None:
    token = signed({"alg": "HS256"}, {"sub": "a", "aud": SITE, "exp": exp})
    assert read_user_token(token, SITE, [SECRET], clock.ms) is None


def signed(header: object, claims: object) -> str:
    """A JWT with any header and claims whatever, and a right signature."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    mac = hmac.digest(SECRET.encode(), b".".join(parts), hashlib.sha256)
    return b".".join([*parts, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "..", "a" * 10_000, "é.é.é", "a.b." + "A" * 43, 7, {}, [], True])
def test_junk_for_a_user_token_is_refused(site: Backend, token: object) -> None:
    assert code(http("POST", "session", {"user_token": token})) == (401, "user_token")


def test_a_right_signature_over_junk_is_refused(clock: Clock) -> None:
    for header, claims in (([], {}), ({"alg": "HS256"}, []), ("x", "y"), ({"alg": "HS256"}, None)):
        assert read_user_token(signed(header, claims), SITE, [SECRET], clock.ms) is None


def test_a_session_is_no_user_token_and_the_other_way_round(clock: Clock) -> None:
    session = make_session(SITE, Visitor("u:a"), clock.ms + 1000, SECRET)
    assert read_user_token(session, SITE, [SECRET], clock.ms) is None
    assert read_session(signed({"alg": "HS256"}, {"sub": "a"}), SITE, [SECRET], clock.ms) is None


def test_a_name_of_several_lines_or_without_end_is_left_out(site: Backend, clock: Clock) -> None:
    begun = start({"user_token": user_token(clock, name="Ana\nfrom accounting", email="x" * 255)})
    call(http("POST", "messages", message(), session=begun["session"]))
    (queued,) = site.inbound()
    assert not {"name", "email"} & set(queued["piece"])


# --- messages


def test_a_message_is_one_event_on_the_queue(site: Backend, clock: Clock) -> None:
    begun = start({"locale": "hr-HR"})
    with counted() as calls:
        status, answer = call(
            http("POST", "messages", message(sent_at="2026-03-04T09:59:58Z"), session=begun["session"])
        )
    assert (status, set(answer)) == (202, {"message_id", "poll_after_s"})
    assert calls == {"sqs.SendMessageBatch": 1}
    assert site.inbound() == [
        {
            "v": 1,
            "type": "event",
            "source": "webchat",
            "app": SITE,
            "received_ms": clock.ms,
            "piece": {
                "site": SITE,
                "visitor_id": begun["visitor_id"],
                "client_message_id": ID,
                "text": "Imate li parking?",
                "sent_ms": clock.ms - 2000,
                "locale": "hr-HR",
            },
        }
    ]


def test_a_copy_of_a_message_gets_the_same_answer_and_makes_the_same_event(site: Backend, clock: Clock) -> None:
    session = start()["session"]
    first = call(http("POST", "messages", message(sent_at="2026-03-04T10:00:00Z"), session=session))
    clock.advance(30)
    second = call(
        http(
            "POST",
            "messages",
            message(sent_at="2026-03-04T10:00:00Z", client_message_id=ID.upper()),
            session=session,
        )
    )
    assert first == second
    events = [channel.normalise(queued["piece"]) for queued in site.inbound()]
    assert len(events) == 2
    assert events[0] == events[1]
    assert events[0].event_id == first[1]["message_id"]


def test_two_visitors_with_one_message_id_are_two_messages(site: Backend) -> None:
    answers = [call(http("POST", "messages", message(), session=start()["session"]))[1] for _ in range(2)]
    assert answers[0]["message_id"] != answers[1]["message_id"]


@pytest.mark.parametrize(
    ("given", "behind_s"),
    [
        pytest.param({"client_message_id": ULID}, 0, id="the time in a ULID"),
        pytest.param({"client_message_id": ULID, "sent_at": "2026-03-04T09:59:00Z"}, 0, id="rather than sent_at"),
        pytest.param({"client_message_id": "019cb84a-4100-7000-8000-000000000000"}, 0, id="the time in a UUID 7"),
        pytest.param({"sent_at": "2026-03-04T11:00:00+02:00"}, None, id="an hour ago is not credible"),
        pytest.param({"sent_at": "2026-03-04T11:59:00+02:00"}, 60, id="a zone"),
        pytest.param({"sent_at": "2026-03-04T10:05:01Z"}, None, id="far ahead"),
        pytest.param({"sent_at": "yesterday"}, None, id="no time"),
        pytest.param({"sent_at": "2026-03-04T10:00:00"}, None, id="no zone"),
        pytest.param({}, None, id="nothing"),
    ],
)
def test_the_time_of_a_message_is_the_pages_and_never_ours(
    site: Backend, clock: Clock, given: dict[str, str], behind_s: int | None
) -> None:
    session = start()["session"]
    assert call(http("POST", "messages", message(**given), session=session))[0] == 202
    (queued,) = site.inbound()
    expected = None if behind_s is None else clock.ms - behind_s * 1000
    assert queued["piece"].get("sent_ms") == expected


def test_the_sender_is_the_sessions_never_the_bodys(site: Backend) -> None:
    begun = start()
    lies = message(visitor_id="u:director", site="another-site", name="Director", email="d@example.org", locale="xx")
    assert call(http("POST", "messages", lies, session=begun["session"]))[0] == 202
    (queued,) = site.inbound()
    assert queued["piece"]["visitor_id"] == begun["visitor_id"]
    assert queued["piece"]["site"] == SITE
    assert not {"name", "email", "locale"} & set(queued["piece"])


@pytest.mark.parametrize(
    ("changes", "member"),
    [
        ({"text": ""}, "text"),
        ({"text": " \n\t"}, "text"),
        ({"text": None}, "text"),
        ({"text": 7}, "text"),
        ({"text": ["x"]}, "text"),
        ({"text": "x" * 4001}, "text"),
        ({"type": "image"}, "type"),
        ({"client_message_id": None}, "client_message_id"),
        ({"client_message_id": ""}, "client_message_id"),
        ({"client_message_id": "1"}, "client_message_id"),
        ({"client_message_id": ID + "\n"}, "client_message_id"),
        ({"client_message_id": ID.replace("-", "")}, "client_message_id"),
        ({"client_message_id": "8" + ULID[1:]}, "client_message_id"),
        ({"client_message_id": "I" + ULID[1:]}, "client_message_id"),
        ({"client_message_id": {"$ne": 1}}, "client_message_id"),
        ({"quick_reply_id": "<b>"}, "quick_reply_id"),
        ({"quick_reply_id": 1}, "quick_reply_id"),
        ({"quick_reply_id": "x" * 65}, "quick_reply_id"),
    ],
)
def test_a_malformed_member_is_named_and_nothing_is_queued(site: Backend, changes: dict[str, Any], member: str) -> None:
    assert code(http("POST", "messages", message(**changes), session=start()["session"])) == (400, member)
    assert site.inbound() == []


@pytest.mark.parametrize(
    "text", ["x", "x" * 4000, "\U0001f600" * 1000, "<script>alert(1)</script>", "a\u0000b", "\ud800"]
)
def test_any_text_within_the_limit_is_taken_and_can_be_stored(site: Backend, text: str) -> None:
    assert call(http("POST", "messages", message(text=text), session=start()["session"]))[0] == 202
    (queued,) = site.inbound()
    queued["piece"]["text"].encode("utf-8")
    assert "\x00" not in queued["piece"]["text"]


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"null", b"\xff\xfe", b"[" * 10_000, b'{"text":NaN}'])
def test_what_is_no_json_object_is_400(site: Backend, body: bytes) -> None:
    session = start()["session"]
    assert code(http("POST", "messages", body, session=session, as_base64=True)) == (400, "malformed")


def test_base64_that_is_none_is_400(site: Backend) -> None:
    event = http("POST", "messages", message(), session=start()["session"])
    assert code({**event, "isBase64Encoded": True}) == (400, "malformed")


@pytest.mark.parametrize("as_base64", [False, True])
def test_more_than_16_kib_is_413(site: Backend, as_base64: bool) -> None:
    session = start()["session"]
    fits = json.dumps(message()).encode().ljust(16 * 1024)
    assert call(http("POST", "messages", fits, session=session, as_base64=as_base64))[0] == 202
    assert code(http("POST", "messages", fits + b" ", session=session, as_base64=as_base64)) == (413, "too_large")


@pytest.mark.parametrize("content_type", ["text/plain", "", "application/x-www-form-urlencoded", "application/jsonx"])
def test_only_json_is_taken(site: Backend, content_type: str) -> None:
    """Also keeps a form on another site's page from posting without a preflight."""
    event = http("POST", "messages", message(), session=start()["session"], headers={"content-type": content_type})
    assert code(event) == (415, "content_type")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_may_be_announced_in_several_ways(site: Backend, content_type: str) -> None:
    event = http("POST", "messages", message(), session=start()["session"], headers={"content-type": content_type})
    assert call(event)[0] == 202


@pytest.mark.parametrize("locale", ["hr", "de-AT", "zh_Hant_TW"])
def test_a_locale_is_a_language_tag(site: Backend, locale: str) -> None:
    start({"locale": locale})


@pytest.mark.parametrize("locale", ["", "x", "../hr", "hr-", 7, "hr\n"])
def test_another_locale_is_400(site: Backend, locale: object) -> None:
    assert code(http("POST", "session", {"locale": locale})) == (400, "locale")


# --- origins, unknown sites, our own trouble


@pytest.mark.parametrize("leaf", ["session", "messages"])
def test_a_foreign_origin_is_403(site: Backend, leaf: str) -> None:
    foreign = {"Origin": "https://evil.example"}
    assert code(http("POST", leaf, message(), session=start()["session"], headers=foreign)) == (403, "origin")


def test_an_allowed_origin_and_no_origin_are_served(site: Backend) -> None:
    start(headers={"Origin": "https://www.hotel.example"})
    start()


def test_a_site_without_a_list_takes_every_origin(site: Backend) -> None:
    start(headers={"Origin": "https://evil.example"}, site="another-site")


@pytest.mark.parametrize("name", ["unknown", "", "../meta", "x" * 65])
def test_an_unknown_site_is_404(site: Backend, name: str) -> None:
    assert code(http("POST", "session", site=name)) == (404, "site")


def test_a_site_without_a_secret_is_503(site: Backend) -> None:
    site.put_app("webchat", SITE, origins=[])
    assert code(http("POST", "session")) == (503, "unavailable")


def test_ssm_or_sqs_or_the_table_out_of_reach_is_503(site: Backend) -> None:
    with failing("ssm.GetParameter", down):
        assert code(http("POST", "session")) == (503, "unavailable")
    session = start()["session"]
    with failing("sqs.SendMessageBatch", down):
        assert code(http("POST", "messages", message(), session=session)) == (503, "unavailable")
    with failing("dynamodb.Query", down):
        assert code(http("GET", "messages", session=session)) == (503, "unavailable")
    assert site.inbound() == []


# --- reading


@pytest.fixture
def chat(site: Backend, clock: Clock) -> "Chat":
    return Chat(clock)


class Chat:
    """A visitor's session and the thread that the worker would have written."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        begun = start()
        self.session = begun["session"]
        self.pk = thread_key(bytes.fromhex(PEPPER), "webchat", SITE, begun["visitor_id"])
        self.threads = Threads(f"{STACK}-threads")

    def inbound(self, number: int, *, text: str = "?", **reply: Any) -> None:
        sk = f"E#{self.clock.ms:013d}#I#{number:026d}"
        self.threads.put({"pk": self.pk, "sk": sk, "text": text, "reply": "none", "at": self.clock.ms, **reply})

    def outbound(self, number: int, **item: Any) -> None:
        sk = f"E#{self.clock.ms:013d}#O#{number:026d}"
        self.threads.put({"pk": self.pk, "sk": sk, "at": self.clock.ms, **item})

    def read(self, **query: str) -> Answer:
        status, answer = call(http("GET", "messages", session=self.session, query=query))
        assert status == 200
        return answer


def test_a_visitor_reads_automatic_and_agents_replies_in_the_order_they_were_sent(chat: Chat, clock: Clock) -> None:
    chat.inbound(1, text="Parking?", reply="sent", reply_text="Da.", reply_at=clock.ms + 500)
    clock.advance(60)
    chat.outbound(2, reply="sent", reply_text="Bok, ovdje Iva.", reply_at=clock.ms + 900)
    sent = [clock.ms - 60_000 + 500, clock.ms + 900]
    with counted() as calls:
        answer = chat.read()
    assert answer["messages"] == [
        {"id": f"{1:026d}-auto", "at": sent[0], "from": "auto", "text": "Da.", "quick_replies": []},
        {"id": f"{2:026d}", "at": sent[1], "from": "agent", "text": "Bok, ovdje Iva.", "quick_replies": []},
    ]
    assert answer["cursor"] == str(sent[1])
    assert calls["dynamodb.Query"] == 1


@pytest.mark.parametrize("state", ["none", "planned", "claimed", "refused", "unknown", "dropped"])
def test_only_what_was_sent_is_read(chat: Chat, clock: Clock, state: str) -> None:
    chat.inbound(1, reply=state, reply_text="secret", reply_at=clock.ms)
    chat.outbound(2, reply=state, reply_text="secret", reply_at=clock.ms)
    assert chat.read()["messages"] == []


def test_pages_overlap_by_thirty_seconds_and_the_cursor_never_goes_back(chat: Chat, clock: Clock) -> None:
    for number in range(4):
        chat.outbound(number, reply="sent", reply_text=str(number), reply_at=clock.ms)
        clock.advance(20)
    cursor = chat.read()["cursor"]
    again = chat.read(after=cursor)
    assert [entry["text"] for entry in again["messages"]] == ["2", "3"]
    assert again["cursor"] == cursor
    assert chat.read(after=str(clock.ms + 60_000)) == {
        "messages": [],
        "cursor": str(clock.ms + 60_000),
        "poll_after_s": 3,
    }


def test_one_read_is_fifty_items_at_most_the_newest(chat: Chat, clock: Clock) -> None:
    for number in range(60):
        chat.outbound(number, reply="sent", reply_text=str(number), reply_at=clock.ms)
        clock.advance(1)
    assert [entry["text"] for entry in chat.read()["messages"]] == [str(number) for number in range(10, 60)]


def test_nobody_reads_anothers_thread(chat: Chat, clock: Clock) -> None:
    chat.outbound(1, reply="sent", reply_text="for one", reply_at=clock.ms)
    status, answer = call(http("GET", "messages", session=start()["session"]))
    assert (status, answer["messages"]) == (200, [])


@pytest.mark.parametrize(("minutes", "seconds"), [(0, 3), (2, 10), (15, 30)])
def test_a_quiet_thread_is_asked_for_less_often(chat: Chat, clock: Clock, minutes: int, seconds: int) -> None:
    chat.inbound(1)
    clock.advance(timedelta(minutes=minutes))
    assert chat.read()["poll_after_s"] == seconds


def test_a_new_thread_is_asked_for_seldom(chat: Chat) -> None:
    assert chat.read() == {"messages": [], "cursor": "0", "poll_after_s": 30}


@pytest.mark.parametrize("after", ["", "x", "-1", "1" * 14, "1.5", "１", "1\n"])
def test_a_cursor_that_is_none_of_ours_is_400(chat: Chat, after: str) -> None:
    assert code(http("GET", "messages", session=chat.session, query={"after": after})) == (400, "after")


# --- the channel


def test_a_piece_is_a_message_event_of_its_visitor() -> None:
    event = channel.normalise(
        {
            "site": SITE,
            "visitor_id": "u:guest-42",
            "client_message_id": ID,
            "text": "Hi",
            "sent_ms": 1_772_618_400_000,
            "quick_reply_id": "parking",
            "name": "Ana",
            "email": "ana@example.org",
            "locale": "en",
        }
    )
    assert event.kind is Kind.MESSAGE
    assert (event.channel, event.account_id, event.contact_ids) == ("webchat", SITE, ("u:guest-42",))
    assert (event.text, event.payload, event.contact_name, event.locale) == ("Hi", "parking", "Ana", "en")
    assert event.timestamp_ms == 1_772_618_400_000
    assert event.event_id == channel.message_id(SITE, "u:guest-42", ID)
    assert len(event.event_id) == 26


@pytest.mark.parametrize("piece", [{}, {"site": SITE}, {"site": 1, "visitor_id": 2, "client_message_id": 3, "text": 4}])
def test_another_piece_is_malformed(piece: dict[str, Any]) -> None:
    with pytest.raises(MalformedPayload):
        channel.normalise(piece)


def test_sending_is_storing() -> None:
    account = Account(channel="webchat", id=SITE, app=SITE, source="webchat", inbox="support")
    outcome = channel.send(account, "", Outgoing(to="v_1", text="Da.", correlator="abc"))
    assert (outcome.result, outcome.platform_id) == (Result.SENT, "abc")

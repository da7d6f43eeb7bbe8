"""LinkedIn: its challenge and signature, how our own samples are read, what is posted, and what the answers mean."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import faulty_server
import pytest
from afterhours import settings
from afterhours.channels import linkedin, linkedin_source
from afterhours.channels.contract import Health, MalformedPayload, Request
from afterhours.channels.http import Limits
from afterhours.models import Account, Event, Outcome, Outgoing, Result
from afterhours_local.platforms.fake import Delivered, FakeAccount
from afterhours_local.platforms.graph import FakeGraph
from afterhours_local.platforms.linkedin import FakeLinkedIn, Trouble
from afterhours_local.platforms.server import GraphServer
from afterhours_local.platforms.spoilt import Spoilt
from faulty_server import FaultyServer, after_request, answer

EVENTS = Path(__file__).parents[2] / "events" / "linkedin"
AT = 1_784_060_100_000  # July 2026
PAGE, ORGANIZATION, MIA = "2414183", "urn:li:organization:2414183", "urn:li:person:mia"
SECRET, OTHER, TOKEN = "linkedin-client-secret", "another-secret", "AQV-token"
ACTIVITY = "urn:li:activity:7090000000000000001"
BODY = b'{"type":"ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS","notifications":[]}'
CHALLENGE = "890e4665-4dfe-4ab1-b689-ed553bceeed0"
SMALL = Limits(connect_s=0.3, total_s=0.6, answer_bytes=1000)


def about(number: int) -> str:
    return f"urn:li:comment:({ACTIVITY},{7_090_000_000_000_100_000 + number})"


@pytest.fixture(autouse=True)
def _local_stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Only here do the platform's hosts give way to the server of the test."""
    monkeypatch.setenv("AFTERHOURS_LOCAL", "1")
    settings.load.cache_clear()
    yield
    settings.load.cache_clear()


# The challenge


def challenged(code: str | None, secrets: Any = (SECRET,)) -> tuple[int, str, str]:
    query = {} if code is None else {"challengeCode": code, "applicationId": "77"}
    return linkedin_source.handshake(Request("GET", {}, query, b""), {"secrets": list(secrets) if secrets else secrets})


def test_the_challenge_is_answered_with_its_hmac_under_the_current_secret() -> None:
    status, body, kind = challenged(CHALLENGE, [SECRET, OTHER])
    right = hmac.new(SECRET.encode(), CHALLENGE.encode(), hashlib.sha256).hexdigest()
    assert (status, kind.partition(";")[0]) == (200, "application/json")
    assert json.loads(body) == {"challengeCode": CHALLENGE, "challengeResponse": right}


@pytest.mark.parametrize(
    "code",
    [None, "", "hmacsha256=" + BODY.decode(), BODY.decode(), CHALLENGE + "\n", f"{CHALLENGE},{CHALLENGE}", "a" * 36,
     f"hmacsha256={CHALLENGE}", "８" + CHALLENGE[1:], "<b>"],
)  # fmt: skip
def test_nothing_but_a_uuid_is_signed(code: str | None) -> None:
    assert challenged(code)[0] == 400


@pytest.mark.parametrize("secrets", [None, [], [""], [7]])
def test_without_a_secret_there_is_no_answer(secrets: Any) -> None:
    assert challenged(CHALLENGE, secrets)[0] == 503


def test_an_answered_challenge_signs_no_body() -> None:
    response = json.loads(challenged(CHALLENGE)[1])["challengeResponse"]
    assert not verified(response, body=CHALLENGE.encode())


# The signature


def digest(body: bytes = BODY, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), b"hmacsha256=" + body, hashlib.sha256).hexdigest()


def verified(header: str | None, secrets: Any = (SECRET,), body: bytes = BODY) -> bool:
    headers = {} if header is None else {"x-li-signature": header}
    return linkedin_source.verify(Request("POST", headers, {}, body), secrets)


def test_a_right_signature_is_accepted_with_the_word_before_it_and_without() -> None:
    assert verified(digest())
    assert verified("hmacsha256=" + digest())
    assert verified(digest(), [OTHER, SECRET])
    assert linkedin_source.verify(Request("POST", linkedin_source.sign(BODY, SECRET), {}, BODY), [SECRET])


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "hmacsha256=",
        digest(secret=OTHER),
        digest().upper(),
        digest() + "\n",
        " " + digest(),
        "hmacsha256=hmacsha256=" + digest(),
        "HMACSHA256=" + digest(),
        "sha256=" + digest(),
        hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest(),  # without the word in what is signed
        digest(BODY + b" "),
        "é" * 64,
        "\ud800",
        digest() * 10_000,
    ],
)
def test_everything_else_is_refused(header: str | None) -> None:
    assert not verified(header)


@pytest.mark.parametrize("secrets", [[], [""], [None], None, SECRET, 7, [OTHER]])
def test_without_the_right_secret_nothing_is_let_in(secrets: Any) -> None:
    assert not verified(digest(), secrets)
    assert not verified(digest(secret=""), secrets)


# Our own samples


def usual(number: int, comment: int | None) -> dict[str, Any]:
    found = {
        "account_id": PAGE, "sender_id": MIA, "recipient_id": ORGANIZATION, "contact_ids": (MIA,), "timestamp_ms": AT,
        "post_id": ACTIVITY, "mids": (str(4_406_000 + number),),
    }  # fmt: skip
    return {**found, "message_id": about(comment)} if comment else found


def written(number: int, text: str | None, **more: Any) -> dict[str, Any]:
    return {**usual(number, number), "kind": "comment", "subkind": "add", "text": text, "handle": about(number), **more}


OURS = {"kind": "echo", "sender_id": ORGANIZATION, "contact_ids": (), "is_echo": True, "from_page_itself": True}
SHARE = "urn:li:share:7090000000000200001"
READ: dict[str, dict[str, Any]] = {
    "comment": written(1, "Imate li parking? 🙂"),
    "comment-as-message": written(2, "Where do I park?"),
    "comment-answering": written(3, "And dogs?", parent_id=about(1), handle=about(1)),
    "comment-restricted": written(4, None, sender_id=None, contact_ids=(about(4),), for_person=True),
    "comment-of-the-page": written(5, "Yes.", **OURS, handle=None),
    "admin-comment": {**usual(6, 6), **OURS, "subkind": "comment", "text": "Yes, free."},
    "comment-edit": {
        **usual(7, 1), "kind": "message_edit", "subkind": "edited", "text": "Imate li parking i vrt?",
        "target_id": about(1)},
    "comment-delete": {**usual(8, 1), "kind": "message_deleted", "subkind": "remove", "target_id": about(1)},
    "share-mention": {
        **usual(9, None), "kind": "mention", "subkind": "share", "text": "A week at Hotel Jadran", "message_id": SHARE,
        "handle": SHARE, "for_person": True},
    "share": {
        **usual(10, None), "kind": "feed_post", "subkind": "share", "text": "Look",
        "message_id": "urn:li:share:7090000000000200002"},
    "like": {
        **usual(11, None), "kind": "feed_reaction", "subkind": "like", "sender_id": None,
        "message_id": f"urn:li:like:({MIA},{ACTIVITY})", "contact_ids": (f"urn:li:like:({MIA},{ACTIVITY})",)},
    "action-of-tomorrow": {
        **usual(12, None), "kind": "unknown", "subkind": "APPLAUD", "sender_id": None, "message_id": ACTIVITY,
        "contact_ids": (ACTIVITY,)},
    "type-of-tomorrow": {"kind": "unknown", "subkind": "SOMETHING_ELSE"},
}  # fmt: skip


def read(name: str) -> list[Event]:
    return [linkedin.normalise(piece) for piece in linkedin_source.split((EVENTS / f"{name}.json").read_bytes())]


@pytest.mark.parametrize("name", READ)
def test_a_sample_is_read_in_full(name: str) -> None:
    [event] = read(name)
    seen = event.model_dump(exclude={"channel", "event_id"}, exclude_defaults=True)
    assert seen == {key: value for key, value in READ[name].items() if value not in (None, ())}


def test_a_notification_without_its_envelope_is_read_the_same() -> None:
    delivery = json.loads((EVENTS / "comment.json").read_bytes())
    alone = json.dumps(delivery["notifications"][0]).encode()
    assert linkedin_source.split(alone) == linkedin_source.split((EVENTS / "comment.json").read_bytes())


def test_the_text_and_its_author_are_read_under_every_name_that_sources_have() -> None:
    [piece] = linkedin_source.split((EVENTS / "comment.json").read_bytes())
    comment = piece["notifications"][0]["decoratedGeneratedActivity"]["comment"]
    comment["actor"], comment["message"] = comment.pop("owner"), comment.pop("text")
    event = linkedin.normalise(piece)
    assert (event.sender_id, event.text) == (MIA, "Imate li parking? 🙂")


def test_every_sample_is_read_here() -> None:
    assert {path.stem for path in EVENTS.glob("*.json")} == READ.keys() | {"batch-of-ten"}


def test_ten_notifications_of_a_delivery_are_ten_events() -> None:
    events = read("batch-of-ten")
    assert len({event.contact_ids for event in events}) == len({event.event_id for event in events}) == 10


def test_the_copies_of_two_subscribers_are_one_event_and_two_changes_are_two() -> None:
    [notification] = json.loads((EVENTS / "comment-edit.json").read_bytes())["notifications"]

    def key(**changes: Any) -> tuple[str, int | None]:
        event = linkedin.normalise(
            {"type": linkedin_source.NOTIFICATIONS, "notifications": [{**notification, **changes}]}
        )
        return event.event_id, event.timestamp_ms

    assert key() == key(notificationId=7, subscriber="urn:li:person:admin2")
    assert key() == key(generatedActivity=about(1))  # the other form of the same name
    others = [key(lastModifiedAt=AT + 1), key(action="COMMENT_DELETE"), key(generatedActivity=about(2))]
    assert len({key(), *others}) == 4
    nameless = [key(lastModifiedAt=None, notificationId=number) for number in (1, 2)]
    assert nameless[0] != nameless[1]


@pytest.mark.parametrize("body", [b"[]", b"{}", b"7", b"{", b"\xff", b'{"type":7}', BODY.replace(b"[]", b"{}")])
def test_what_holds_no_notifications_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedPayload):
        linkedin_source.split(body)


def test_no_notification_is_no_event_and_one_bad_one_stays_alone() -> None:
    assert linkedin_source.split(BODY) == []
    good, bad, odd = linkedin_source.split(BODY.replace(b"[]", b'[{"action":"COMMENT"},7,{"action":[]}]'))
    assert [linkedin.normalise(each).contact_ids for each in (good, odd)] == [(), ()]
    with pytest.raises(MalformedPayload):
        linkedin.normalise(bad)


# Sending


def account(base: str | None, version: str = "v25.0") -> Account:
    fixed = {"channel": "linkedin", "app": "jadran-linkedin", "source": "linkedin", "inbox": "support"}
    return Account(**fixed, id=PAGE, api_base=base, api_version=version)


def outgoing(text: str = "Good evening!", handle: str | None = about(1)) -> Outgoing:
    return Outgoing(to=MIA, text=text, correlator="tid/E#1", handle=handle)


SENT = answer(201, b"{}", x_restli_id=about(9))


def test_an_answer_stands_below_the_comment_whose_name_is_encoded_completely() -> None:
    with FaultyServer(SENT) as server:
        outcome = linkedin.send(account(server.url), TOKEN, outgoing("Dobra večer 🙂"))
    [request] = server.received
    assert outcome == Outcome(result=Result.SENT, platform_id=about(9))
    encoded = request.path.removeprefix("/rest/socialActions/").removesuffix("/comments")
    assert (unquote(encoded), set("(),:/").isdisjoint(encoded)) == (about(1), True)
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert (request.headers["linkedin-version"], request.headers["x-restli-protocol-version"]) == ("202606", "2.0.0")
    assert request.json == {
        "actor": ORGANIZATION, "object": ACTIVITY, "message": {"text": "Dobra večer 🙂"}, "parentComment": about(1),
    }  # fmt: skip


def test_a_mention_is_answered_below_the_post() -> None:
    with FaultyServer(SENT) as server:
        linkedin.send(account(server.url, "202609"), TOKEN, outgoing(handle=SHARE))
    [request] = server.received
    assert request.path == "/rest/socialActions/urn%3Ali%3Ashare%3A7090000000000200001/comments"
    assert request.json == {"actor": ORGANIZATION, "object": SHARE, "message": {"text": "Good evening!"}}
    assert request.headers["linkedin-version"] == "202609"


OUTCOMES: dict[str, tuple[faulty_server.Behaviour, Result, str | None]] = {
    "sent": (SENT, Result.SENT, None),
    "no id": (answer(201, b"{}"), Result.UNKNOWN, "no_message_id"),
    "HTML": (answer(200, b"<html>"), Result.UNKNOWN, "no_message_id"),
    "400": (answer(400, b"{}"), Result.REFUSED, "bad_request"),
    "401": (answer(401, b"{}"), Result.REFUSED, "token_invalid"),
    "403": (answer(403, b"{}"), Result.REFUSED, "permission_missing"),
    "404": (answer(404, b"{}"), Result.REFUSED, "post_gone"),
    "422": (answer(422, b"{}"), Result.REFUSED, "bad_request"),
    "426": (answer(426, b"{}"), Result.REFUSED, "version_retired"),
    "429": (answer(429, b"<html>"), Result.NOT_SENT, "rate_limited"),
    "500": (answer(500, b"{}"), Result.UNKNOWN, "temporary"),
    "502 with HTML": (answer(502, b"<html>"), Result.UNKNOWN, "temporary"),
    "redirect": (answer(307, location="https://evil.example/"), Result.REFUSED, "redirected"),
    "reset": (after_request(faulty_server.reset), Result.UNKNOWN, "connection_lost"),
    "silence": (after_request(faulty_server.silent), Result.UNKNOWN, "timeout"),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_every_answer_has_its_outcome_and_is_asked_for_once(name: str) -> None:
    behaviour, result, reason = OUTCOMES[name]
    with FaultyServer(behaviour) as server:
        outcome = linkedin.send(account(server.url), TOKEN, outgoing(), limits=SMALL)
    assert (outcome.result, outcome.reason, server.connections) == (result, reason, 1)
    troubles = {"token_invalid", "permission_missing", "version_retired", "redirected"}
    assert outcome.account_problem == (reason in troubles)


def test_where_nobody_listens_nothing_is_sent() -> None:
    outcome = linkedin.send(account(f"http://127.0.0.1:{faulty_server.closed_port()}"), TOKEN, outgoing())
    assert (outcome.result, outcome.reason) == (Result.NOT_SENT, "connect")


@pytest.mark.parametrize(
    ("message", "token", "reason"),
    [
        (outgoing(" "), TOKEN, "empty"),
        (outgoing("x" * 1251), TOKEN, "too_long"),
        (outgoing("🙂" * 626), TOKEN, "too_long"),
        (outgoing(handle=None), TOKEN, "comment_unknown"),
        (outgoing(handle="urn:li:person:mia"), TOKEN, "comment_unknown"),
        (outgoing(handle="urn:li:activity:1/../../x"), TOKEN, "comment_unknown"),
        (outgoing(), "ä", "token_invalid"),
    ],
)
def test_what_linkedin_would_refuse_is_not_posted(message: Outgoing, token: str, reason: str) -> None:
    with FaultyServer(SENT) as server:
        outcome = linkedin.send(account(server.url), token, message)
    assert (outcome.result, outcome.reason, server.connections) == (Result.REFUSED, reason, 0)


# Against the fake


@pytest.fixture
def fake() -> FakeLinkedIn:
    platform = FakeLinkedIn(lambda: AT, lambda *_: Delivered(200, b""))
    hook = "http://127.0.0.1/hook/linkedin/jadran-linkedin"
    platform.register(FakeAccount("linkedin", PAGE, TOKEN, SECRET, hook))
    return platform


@pytest.fixture
def base(fake: FakeLinkedIn) -> Iterator[str]:
    with GraphServer(FakeGraph(lambda: AT), others=[fake]) as server:
        yield f"{server.url}/linkedin"


@pytest.fixture
def comment(fake: FakeLinkedIn) -> str:
    return fake.say("linkedin", PAGE, "mia", "Hello").message_id


@pytest.mark.parametrize("text", ["x" * 1250, "ž" * 1250, "🙂" * 625])
def test_the_limit_is_the_fakes(fake: FakeLinkedIn, base: str, comment: str, text: str) -> None:
    assert linkedin.send(account(base), TOKEN, outgoing(text, comment)).result is Result.SENT
    assert [each.text for each in fake.sent] == [text]
    assert linkedin.send(account(base), TOKEN, outgoing(text, comment)).reason == "bad_request"  # a duplicate


def test_the_fake_refuses_strangers_wrong_tokens_and_retired_versions(base: str, comment: str) -> None:
    assert linkedin.send(account(base), "other", outgoing(handle=comment)).reason == "token_invalid"
    assert linkedin.send(account(base), TOKEN, outgoing(handle=about(77))).reason == "post_gone"
    assert linkedin.send(account(base, "202501"), TOKEN, outgoing(handle=comment)).reason == "version_retired"
    outcomes = [linkedin.send(account(base), TOKEN, outgoing(f"Text {n}", comment)) for n in range(5)]
    assert outcomes[-1].reason == "rate_limited"


@pytest.mark.parametrize("fault", [*Trouble, *Spoilt])
def test_what_the_fake_has_taken_is_never_called_unsent(
    fake: FakeLinkedIn, base: str, comment: str, fault: Trouble | Spoilt
) -> None:
    fake.misbehave(fault)
    outcome = linkedin.send(account(base), TOKEN, outgoing(handle=comment))
    if fake.sent:
        assert outcome.result in (Result.SENT, Result.UNKNOWN)
    assert len(fake.sent) == (isinstance(fault, Spoilt) and fault.taken)


# --- how a page is

HOOK = "https://api.example.org/hook/linkedin/pages"
OURS = {"entity": f"urn:li:organization:{PAGE}", "webhook": HOOK}
NOT_SUBSCRIBED = Health(False, "not_subscribed", webhook="")


@pytest.mark.parametrize(
    ("elements", "found"),
    [
        ([OURS], Health(True, "fine", webhook=HOOK, subscribed=True)),
        ([{"webhook": HOOK}], Health(True, "fine", webhook=HOOK, subscribed=True)),  # were it called otherwise
        ([{"url": HOOK}], Health(True, "fine", subscribed=True)),
        ([{**OURS, "entity": "urn:li:organization:1"}], NOT_SUBSCRIBED),
        ([], NOT_SUBSCRIBED),
        ("none", NOT_SUBSCRIBED),
    ],
)
def test_a_subscription_of_the_page_is_looked_for(elements: Any, found: Health) -> None:
    with FaultyServer(answer(200, {"id": int(PAGE)}), answer(200, {"elements": elements})) as server:
        assert linkedin.health(account(server.url), TOKEN) == found
    page, subscriptions = server.received
    assert page.path == f"/rest/organizations/{PAGE}"
    kind = "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS"
    assert subscriptions.path == f"/rest/eventSubscriptions?q=subscriberAndEventType&eventType={kind}"
    for asked in (page, subscriptions):
        assert asked.headers["authorization"] == f"Bearer {TOKEN}"
        assert asked.headers["linkedin-version"] == linkedin.VERSION
        assert asked.headers["x-restli-protocol-version"] == "2.0.0"

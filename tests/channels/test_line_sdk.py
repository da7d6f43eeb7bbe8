"""line-bot-sdk as a second implementation: it checks our signature, reads what our fake and our sender write, and
drives our fake."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from afterhours import settings
from afterhours.channels import line as ours
from afterhours.channels import line_source
from afterhours.models import Account, Event, Kind, Outgoing, QuickReply
from afterhours_local.platforms.fake import Delivered, FakeAccount
from afterhours_local.platforms.graph import FakeGraph
from afterhours_local.platforms.line import FakeLine
from afterhours_local.platforms.server import GraphServer
from faulty_server import FaultyServer, answer
from linebot.v3 import WebhookParser, messaging, webhooks
from linebot.v3.exceptions import InvalidSignatureError
from linebot.v3.models import UnknownEvent
from linebot.v3.webhook import SignatureValidator

EVENTS = Path(__file__).parents[2] / "events" / "line"
TOKEN, SECRET, YUKI = "access/token+1=", "0f3b8d1a6c9e47f2b5d08a7c3e6f9b12", "U8f3a1c5d7e9b2a4c6d8e0f1a3b5c7d9e"
AT = 1_784_060_100_000

Posted = list[tuple[str, bytes]]


@pytest.fixture(autouse=True)
def _local_stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AFTERHOURS_LOCAL", "1")
    settings.load.cache_clear()
    yield
    settings.load.cache_clear()


@pytest.fixture
def posted() -> Posted:
    """What the fake delivers: signature and body."""
    return []


@pytest.fixture
def fake(posted: Posted) -> FakeLine:
    def deliver(method: str, url: str, headers: object, body: bytes) -> Delivered:
        posted.append((dict(headers)["x-line-signature"], body))  # type: ignore[call-overload]
        return Delivered(200, b"")

    platform = FakeLine(lambda: AT, deliver)
    platform.register(FakeAccount("line", "jadran-line", TOKEN, SECRET, "http://127.0.0.1/hook/line/jadran-line"))
    return platform


@pytest.fixture
def base(fake: FakeLine) -> Iterator[str]:
    with GraphServer(FakeGraph(lambda: AT), others=[fake]) as server:
        yield f"{server.url}/line"


def account(base: str) -> Account:
    return Account(channel="line", id="jadran-line", app="jadran-line", source="line", inbox="support", api_base=base)


def agree(theirs: webhooks.Event, event: Event) -> None:
    assert event.timestamp_ms == theirs.timestamp
    if isinstance(theirs, UnknownEvent):  # which tells nothing else, also for a message of an unknown type
        return
    assert event.standby == (theirs.mode == webhooks.EventMode.STANDBY)
    assert event.handle == getattr(theirs, "reply_token", None)
    source = theirs.source
    places = [getattr(source, name, None) for name in ("group_id", "room_id", "user_id")]
    assert event.contact_ids == tuple(place for place in places if place)[:1]
    message = getattr(theirs, "message", None)
    if message is not None:
        assert event.message_id == message.id
        assert event.text == getattr(message, "text", getattr(message, "title", None))
    if isinstance(theirs, webhooks.PostbackEvent):
        assert (event.kind, event.payload) == (Kind.POSTBACK, theirs.postback.data)
    if isinstance(theirs, webhooks.UnsendEvent):
        assert (event.kind, event.target_id) == (Kind.MESSAGE_DELETED, theirs.unsend.message_id)
    if isinstance(theirs, webhooks.UnfollowEvent):
        assert event.kind is Kind.UNFOLLOW


def read_alike(body: bytes, signature: str) -> int:
    """How many events both read."""
    payload = WebhookParser(SECRET).parse(body.decode(), signature, as_payload=True)
    pieces = line_source.split(body)
    for theirs, piece in zip(payload.events, pieces, strict=True):
        agree(theirs, ours.normalise(piece))
        assert ours.normalise(piece).recipient_id == payload.destination
    return len(pieces)


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_our_samples_are_events_to_the_sdk_and_say_the_same(path: Path) -> None:
    body = path.read_bytes()
    assert read_alike(body, line_source.sign(body, SECRET)["x-line-signature"]) == len(json.loads(body)["events"])


def test_the_sdk_takes_our_signature_and_no_other() -> None:
    body = '{"events":[],"text":"こんにちは"}'
    signature = line_source.sign(body.encode(), SECRET)["x-line-signature"]
    validator = SignatureValidator(SECRET)
    assert validator.validate(body, signature)
    assert not validator.validate(body + " ", signature)
    with pytest.raises(InvalidSignatureError):
        WebhookParser("another").parse(body, signature)


def test_what_the_fake_delivers_is_read_alike(fake: FakeLine, posted: Posted, base: str) -> None:
    number = fake.say("line", "jadran-line", YUKI, "こんばんは 🙂").message_id
    fake.say("line", "jadran-line", YUKI, "in a group", group="C0a1b2c3d4e5f60718293a4b5c6d7e8f9")
    fake.say("line", "jadran-line", YUKI, "elsewhere", mode="standby")
    fake.send_picture("jadran-line", YUKI, b"a picture")
    fake.unsend("jadran-line", YUKI, number)
    choices = (QuickReply(id="faq:a", title="A"),)
    ours.send(account(base), TOKEN, Outgoing(to=YUKI, text="This?", correlator="c", quick_replies=choices))
    fake.tap("jadran-line", YUKI, "A")
    fake.block("jadran-line", YUKI)
    fake.block("jadran-line", YUKI, again=True)
    fake.deliver("jadran-line")
    assert [read_alike(body, signature) for signature, body in posted] == [1] * 8 + [0]


def test_what_our_sender_writes_the_sdk_reads() -> None:
    choices = (QuickReply(id="faq:parking", title="Parking"),)
    outgoing = Outgoing(to=YUKI, text="This?", correlator="c", quick_replies=choices, handle="token")
    refused, sent = answer(400, {"message": "Invalid reply token"}), answer(200, {"sentMessages": [{"id": "1"}]})
    with FaultyServer(refused, sent) as server:
        ours.send(account(server.url), TOKEN, outgoing)
    reply = messaging.ReplyMessageRequest.from_dict(server.received[0].json)
    push = messaging.PushMessageRequest.from_dict(server.received[1].json)
    assert (reply.reply_token, push.to) == ("token", YUKI)
    for request in (reply, push):
        [message] = request.messages
        assert isinstance(message, messaging.TextMessage)
        [item] = message.quick_reply.items
        assert isinstance(item.action, messaging.PostbackAction)
        assert (item.action.label, item.action.data) == ("Parking", "faq:parking")


def test_the_sdk_replies_and_pushes_through_our_fake(fake: FakeLine, posted: Posted, base: str) -> None:
    fake.say("line", "jadran-line", YUKI, "Hello")
    token = json.loads(posted[0][1])["events"][0]["replyToken"]
    hello = messaging.TextMessage(text="Good evening!")
    with messaging.ApiClient(messaging.Configuration(access_token=TOKEN, host=base)) as client:
        api = messaging.MessagingApi(client)
        reply = messaging.ReplyMessageRequest(reply_token=token, messages=[hello])
        assert api.reply_message(reply).sent_messages[0].id
        with pytest.raises(messaging.ApiException, match="Invalid reply token"):
            api.reply_message(reply)
        push, key = messaging.PushMessageRequest(to=YUKI, messages=[hello]), str(uuid.uuid4())
        sent = api.push_message(push, x_line_retry_key=key).sent_messages[0].id
        with pytest.raises(messaging.ApiException) as known:
            api.push_message(push, x_line_retry_key=key)
        assert (known.value.status, json.loads(known.value.body)["sentMessages"][0]["id"]) == (409, sent)
        assert api.get_bot_info().display_name == "jadran-line"
        fake.monthly_limit = 1
        with pytest.raises(messaging.ApiException, match="monthly limit"):
            api.push_message(push)
    assert [each.text for each in fake.sent] == ["Good evening!"] * 2

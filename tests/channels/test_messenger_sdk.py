"""pymsgr as a second implementation for Messenger and Instagram, whose messages have one form: it checks our signature,
reads what our fake and our samples say, and sends the same requests as we do."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from afterhours import settings
from afterhours.channels import instagram, messenger, meta_source
from afterhours.channels.contract import Channel, Request
from afterhours.models import Account, Event, Kind, Outgoing, QuickReply
from afterhours_local.platforms import graph_webhooks
from afterhours_local.platforms.faults import Fault
from afterhours_local.platforms.graph import HOUR_MS, FakeAccount, FakeGraph
from afterhours_local.platforms.graph_files import File
from afterhours_local.platforms.server import GraphServer
from channels.graph_kept import kept_in
from pymsgr import Messenger, security
from pymsgr.errors import GraphAPIError, SignatureVerificationError, WebhookVerificationError
from pymsgr.types.events import IncomingMessage, RawMessagingEvent, WebhookPayload
from pymsgr.types.payloads import OutgoingMessage, Recipient, SendRequest
from pymsgr.types.payloads import QuickReply as TheirQuickReply

EVENTS = Path(__file__).parents[2] / "events"
CHANNELS: dict[str, Channel] = {"messenger": messenger, "instagram": instagram}
PAGE, IG, TOKEN, SECRET, VERIFY = "1234567890", "17841400000000001", "EAAJadran", "0f3b8d1a6c9e47f2b5d08a7c", "verify"
ACCOUNTS = {"messenger": PAGE, "instagram": IG}
PETRA = "7415500923317748"
AT = 1_784_060_100_000
SAMPLES = [path for channel in CHANNELS for path in sorted((EVENTS / channel).glob("*.json"))]
# What pymsgr keeps as it came, without a word of its own for it.
OURS_ALONE = {Kind.MESSAGE_EDIT, Kind.HANDOVER, Kind.ACCOUNT_LINKING, Kind.UNKNOWN}


@pytest.fixture(autouse=True)
def _local_stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AFTERHOURS_LOCAL", "1")
    settings.load.cache_clear()
    yield
    settings.load.cache_clear()


@pytest.fixture
def posted() -> list[bytes]:
    """What the fake delivers."""
    return []


@pytest.fixture
def fake(posted: list[bytes]) -> FakeGraph:
    url = "http://127.0.0.1/hook/meta/main"
    accounts = [FakeAccount(name, one, TOKEN, SECRET, url, page_id=PAGE) for name, one in ACCOUNTS.items()]
    return kept_in(posted, AT, *accounts)


@pytest.fixture
def base(fake: FakeGraph) -> Iterator[str]:
    with GraphServer(fake) as server:
        yield server.url


class Rerouted(httpx.HTTPTransport):
    """To our fake, with the token where our fake wants it: pymsgr writes it into the address, which Meta reads too."""

    def __init__(self, base: str) -> None:
        super().__init__(trust_env=False)
        self.base = base

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        headers = {"authorization": f"Bearer {request.url.params['access_token']}"}
        headers["content-type"] = request.headers["content-type"]
        url = self.base + request.url.path
        return super().handle_request(httpx.Request(request.method, url, headers=headers, content=request.read()))


@pytest.fixture
def sdk(base: str) -> Iterator[Messenger]:
    with Messenger(TOKEN, VERIFY, SECRET, api_version="v25.0") as client:
        client._sync_client = httpx.Client(transport=Rerouted(base))
        yield client


def account(channel: str, base: str) -> Account:
    place = {"app": "main", "source": "meta", "inbox": "support", "api_base": base, "page_id": PAGE}
    return Account(channel=channel, id=ACCOUNTS[channel], **place)


def agree(theirs: RawMessagingEvent, event: Event) -> None:
    unit = 1 if theirs.timestamp > 10**12 else 1000  # the dashboard's tests tell seconds
    assert (event.timestamp_ms or 0) == theirs.timestamp * unit
    assert event.sender_id == (theirs.sender.id or theirs.sender.user_ref)
    assert theirs.recipient.id in (event.recipient_id, None)
    if theirs.message is not None:
        agree_on_message(theirs.message, event)
    elif theirs.postback is not None:
        assert (event.kind, event.payload) == (Kind.POSTBACK, theirs.postback.payload)
        assert event.text == (theirs.postback.title or None)
        assert event.has_referral == (theirs.postback.referral is not None)
    elif theirs.delivery is not None:
        told = (Kind.DELIVERY, tuple(theirs.delivery.mids or ()), theirs.delivery.watermark)
        assert (event.kind, event.mids, event.watermark_ms) == told
    elif theirs.read is not None:
        assert (event.kind, event.watermark_ms) == (Kind.READ, theirs.read.watermark)
    elif theirs.reaction is not None:
        told = (Kind.REACTION, theirs.reaction.mid, theirs.reaction.action, theirs.reaction.emoji)
        assert (event.kind, event.target_id, event.subkind, event.emoji) == told
    elif theirs.policy_enforcement is not None:
        assert (event.kind, event.subkind) == (Kind.POLICY, theirs.policy_enforcement.action)
    elif theirs.referral is not None:
        assert (event.kind, event.subkind) == (Kind.REFERRAL, theirs.referral.source)
    elif theirs.optin is not None:
        assert (event.kind, event.subkind == "user_ref") == (Kind.OPTIN, theirs.optin.user_ref is not None)
    else:
        assert event.kind in OURS_ALONE


def agree_on_message(theirs: IncomingMessage, event: Event) -> None:
    deleted = (theirs.model_extra or {}).get("is_deleted") is True
    assert event.kind is (Kind.MESSAGE_DELETED if deleted else Kind.ECHO if theirs.is_echo else Kind.MESSAGE)
    assert (event.message_id, event.text) == (theirs.mid, theirs.text)
    assert event.payload == (theirs.quick_reply.payload if theirs.quick_reply else None)
    assert event.reply_to_id == (theirs.reply_to.mid if theirs.reply_to else None)
    assert (event.correlator, event.app_id) == (theirs.metadata, str(theirs.app_id) if theirs.app_id else None)
    attachments = [(each.type, (each.payload or {}).get("url")) for each in theirs.attachments or []]
    assert [(each.type, each.url) for each in event.attachments] == attachments


def read_alike(body: bytes) -> int:
    """How many events both read."""
    payload = WebhookPayload.model_validate_json(body)
    events = [event for entry in payload.entry for event in (*entry.messaging, *entry.standby)]
    for theirs, piece in zip(events, meta_source.split(body), strict=True):
        agree(theirs, CHANNELS[meta_source.channel_of(piece)].normalise(piece))
    return len(events)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_our_samples_are_events_to_the_sdk_and_say_the_same(path: Path) -> None:
    assert read_alike(path.read_bytes()) >= 1


@pytest.mark.parametrize("channel", CHANNELS)
def test_what_the_fake_delivers_is_read_alike(fake: FakeGraph, posted: list[bytes], base: str, channel: str) -> None:
    fake.say(channel, ACCOUNTS[channel], PETRA, "Dobra večer 🙂 / bok")
    fake.say(channel, ACCOUNTS[channel], PETRA, "our room", file=File("image", b"a picture", "image/jpeg"))
    CHANNELS[channel].send(account(channel, base), TOKEN, Outgoing(to=PETRA, text="Yes.", correlator="c"))
    fake.say(channel, ACCOUNTS[channel], PETRA, "A", quick_reply="faq:a")
    fake.deliver_pending()
    assert [read_alike(body) for body in posted] == [1] * (5 if channel == "messenger" else 4)


def test_both_take_the_fakes_signature_and_ours_and_no_other() -> None:
    body = '{"object":"page","entry":[],"text":"čaj"}'.encode()
    for signature in (graph_webhooks.sign(body, SECRET), meta_source.sign(body, SECRET)["x-hub-signature-256"]):
        security.verify_webhook_signature(body, signature, app_secret=SECRET)
        assert meta_source.verify(Request("POST", {"x-hub-signature-256": signature}, {}, body), [SECRET])
        for said, secret, spoilt in (
            (body + b" ", SECRET, signature),
            (body, "another", signature),
            (body, SECRET, signature.removeprefix("sha256=")),
        ):
            with pytest.raises(SignatureVerificationError):
                security.verify_webhook_signature(said, spoilt, app_secret=secret)
            assert not meta_source.verify(Request("POST", {"x-hub-signature-256": spoilt}, {}, said), [secret])


@pytest.mark.parametrize(("mode", "token"), [("subscribe", VERIFY), ("subscribe", "another"), ("unsubscribe", VERIFY)])
def test_both_answer_the_handshake_alike(mode: str, token: str) -> None:
    query = {"hub.mode": mode, "hub.verify_token": token, "hub.challenge": "1158201444"}
    answer = meta_source.handshake(Request("GET", {}, query, b""), {"verify_token": VERIFY})
    try:
        theirs = (200, security.verify_challenge(mode, "1158201444", token, verify_token=VERIFY))
    except WebhookVerificationError:
        theirs = (403, "forbidden")
    assert (answer.status, answer.body) == theirs


@pytest.mark.parametrize("choices", [0, 1, 13])
def test_both_send_the_same_request(fake: FakeGraph, base: str, sdk: Messenger, choices: int) -> None:
    fake.say("messenger", PAGE, PETRA, "Hello")
    offered = tuple(QuickReply(id=f"faq:{number}", title=f"Choice {number}") for number in range(choices))
    outgoing = Outgoing(to=PETRA, text="Dobro jutro 🙂", correlator="c", quick_replies=offered)
    outcome = messenger.send(account("messenger", base), TOKEN, outgoing)
    replies = [TheirQuickReply(title=each.title, payload=each.id) for each in offered] or None
    message = OutgoingMessage(text="Dobro jutro 🙂", quick_replies=replies, metadata="c")
    answer = sdk.send_request(SendRequest(recipient=Recipient.from_psid(PETRA), message=message), page_id=PAGE)
    mine, theirs = fake.sent
    assert (outcome.platform_id, answer["message_id"]) == (mine.platform_id, theirs.platform_id)
    first, second = (json.loads(call.body) for call in fake.calls)
    assert first == second


def test_both_send_the_same_request_on_instagram(fake: FakeGraph, base: str, sdk: Messenger) -> None:
    fake.say("instagram", IG, PETRA, "Hello")
    instagram.send(account("instagram", base), TOKEN, Outgoing(to=PETRA, text="Yes.", correlator="c"))
    sdk.send_text(PETRA, page_id=PAGE, text="Yes.")
    assert [(sent.channel, sent.to, sent.text) for sent in fake.sent] == [("instagram", PETRA, "Yes.")] * 2
    first, second = (json.loads(call.body) for call in fake.calls)
    assert {**first, "messaging_type": "RESPONSE"} == second  # what Instagram takes for granted


def test_the_longest_text_is_the_same_to_the_sdk_and_to_us() -> None:
    longest = OutgoingMessage.model_json_schema()["properties"]["text"]["anyOf"][0]["maxLength"]
    assert longest == messenger.TEXT_LIMIT


def test_the_sdk_and_our_sender_tell_the_fakes_refusals_alike(fake: FakeGraph, base: str, sdk: Messenger) -> None:
    fake.met("messenger", PAGE, PETRA, at_ms=AT - 25 * HOUR_MS)
    expected = {None: "window_closed", Fault.THROTTLE_613: "rate_limited", Fault.TOKEN_190: "token_invalid"}
    for fault, reason in expected.items():
        if fault:
            fake.misbehave(fault, times=2)
        with pytest.raises(GraphAPIError) as refused:
            sdk.send_text(PETRA, page_id=PAGE, text="Hello")
        outcome = messenger.send(account("messenger", base), TOKEN, Outgoing(to=PETRA, text="Hello", correlator="c"))
        told = "/".join(str(part) for part in (refused.value.code, refused.value.subcode) if part)
        assert (outcome.reason, outcome.code) == (reason, told)
    with pytest.raises(GraphAPIError, match="No matching user"):
        sdk.send_text("1", page_id=PAGE, text="Hello")

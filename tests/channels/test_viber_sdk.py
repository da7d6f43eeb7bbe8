"""viberbot as a second implementation: it checks our signature, reads what our fake and our welcome say, and sends to
our fake."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from afterhours.channels import viber_source
from afterhours.channels.contract import Request, Said
from afterhours.models import QuickReply
from afterhours_local.platforms.fake import Delivered, FakeAccount
from afterhours_local.platforms.graph import FakeGraph
from afterhours_local.platforms.server import GraphServer
from afterhours_local.platforms.viber import FakeViber
from viberbot import Api, BotConfiguration
from viberbot.api.messages import KeyboardMessage, TextMessage
from viberbot.api.messages.message import Message
from viberbot.api.viber_requests import (
    ViberConversationStartedRequest,
    ViberDeliveredRequest,
    ViberFailedRequest,
    ViberMessageRequest,
    ViberSeenRequest,
    ViberSubscribedRequest,
    ViberUnsubscribedRequest,
)

EVENTS = Path(__file__).parents[2] / "events" / "viber"
TOKEN, PETRA, NOW = "local-fake-viber-auth-token", "wB0Xh3tCyFqIuUq8m1pNnA==", 1_794_391_200_000


@pytest.fixture
def sdk() -> Api:
    return Api(BotConfiguration(auth_token=TOKEN, name="Hotel Jadran", avatar="https://www.hotel-jadran.example/a.png"))


@pytest.fixture
def delivered() -> list[bytes]:
    return []


@pytest.fixture
def fake(delivered: list[bytes]) -> FakeViber:
    def deliver(method: str, url: str, headers: object, body: bytes) -> Delivered:
        delivered.append(body)
        return Delivered(200, b"")

    fake = FakeViber(lambda: NOW, deliver)
    fake.register(FakeAccount("viber", "bot", TOKEN, TOKEN, "https://hook.example/hook/viber/bot"))
    return fake


@pytest.fixture
def connected(sdk: Api, fake: FakeViber) -> Iterator[Api]:
    with GraphServer(FakeGraph(lambda: NOW), others=[fake]) as server:
        sdk._request_sender._viber_bot_api_url = f"{server.url}/viber/pa"
        yield sdk


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_each_accepts_the_others_signature(sdk: Api, path: Path) -> None:
    body = path.read_bytes()
    assert sdk.verify_signature(body, viber_source.sign(body, TOKEN)[viber_source.HEADER])
    headers = {viber_source.HEADER: sdk._calculate_message_signature(body)}
    assert viber_source.verify(Request("POST", headers, {}, body), [TOKEN])


KINDS = {
    "text": ViberMessageRequest,
    "picture": ViberMessageRequest,
    "location": ViberMessageRequest,
    "conversation-started": ViberConversationStartedRequest,
    "subscribed": ViberSubscribedRequest,
    "unsubscribed": ViberUnsubscribedRequest,
    "delivered": ViberDeliveredRequest,
    "seen": ViberSeenRequest,
    "failed": ViberFailedRequest,
}


@pytest.mark.parametrize("name", KINDS)
def test_it_reads_our_samples(sdk: Api, name: str) -> None:
    body = (EVENTS / f"{name}.json").read_bytes()
    read = sdk.parse_request(body)
    assert type(read) is KINDS[name]
    assert (read.timestamp, read.message_token if hasattr(read, "message_token") else None) in (
        (NOW, json.loads(body)["message_token"]),
        (NOW, None),
    )


def test_it_reads_what_our_fake_delivers(sdk: Api, fake: FakeViber, delivered: list[bytes]) -> None:
    fake.open_chat("bot", PETRA)
    fake.say("viber", "bot", PETRA, "Hello", name="Petra")
    fake.unsubscribe("bot", PETRA)
    opened, said, left = map(sdk.parse_request, delivered)
    assert (opened.user.id, opened.subscribed) == (PETRA, False)
    assert (said.message.text, said.sender.name) == ("Hello", "Petra")
    assert left.user_id == PETRA


def test_its_calls_are_taken_by_our_fake(connected: Api, fake: FakeViber, delivered: list[bytes]) -> None:
    assert connected.set_webhook("https://hook.example/hook/viber/bot")
    assert json.loads(delivered[0])["event"] == "webhook"
    fake.subscribe("bot", PETRA)
    [token] = connected.send_messages(PETRA, [TextMessage(text="Hello from the library")])
    assert [(each.text, each.platform_id) for each in fake.sent] == [("Hello from the library", str(token))]


def test_it_is_refused_as_we_are(connected: Api) -> None:
    with pytest.raises(Exception, match="failed with status: 6"):
        connected.send_messages("nobody", [TextMessage(text="Hello")])


def same_but_nulls(message: Message) -> dict[str, object]:
    return {name: value for name, value in message.to_dict().items() if value is not None}


def test_our_message_and_keyboard_are_as_the_library_writes_them() -> None:
    said = Said("Hello", (QuickReply(id="faq:pets", title="Pets"),), "Hotel Jadran", NOW, b"")
    ours = json.loads(viber_source.answer({}, said, {}).body)
    text = TextMessage(text="Hello", min_api_version=1)
    keyboard = KeyboardMessage(keyboard=ours["keyboard"], min_api_version=1)
    assert {name: ours[name] for name in ("type", "text", "min_api_version")} == same_but_nulls(text)
    assert same_but_nulls(keyboard)["keyboard"] == ours["keyboard"]

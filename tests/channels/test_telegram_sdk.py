"""python-telegram-bot as a second implementation: it reads what our fake and sender write, and writes what we read."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import telegram
from afterhours import settings
from afterhours.channels import telegram as ours
from afterhours.channels import telegram_source
from afterhours.channels.contract import Request
from afterhours.models import Account, Event, Kind, Outgoing, QuickReply, Result
from afterhours_local.platforms.fake import Delivered, FakeAccount
from afterhours_local.platforms.graph import FakeGraph
from afterhours_local.platforms.server import GraphServer
from afterhours_local.platforms.telegram import FakeTelegram
from faulty_server import FaultyServer, answer
from telegram.constants import InlineKeyboardButtonLimit, MessageLimit

EVENTS = Path(__file__).parents[2] / "events" / "telegram"
TOKEN, SECRET, MARTA, GROUP = "4200000001:local-token", "local-telegram_secret", "7415500923", -1004200000009
AT = 1_784_060_100_000
# Kinds that only we know, and a message that nobody sent.
OURS_ALONE = {"kind-of-tomorrow"}

Posted = list[tuple[dict[str, str], bytes]]


@pytest.fixture(autouse=True)
def _local_stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AFTERHOURS_LOCAL", "1")
    monkeypatch.setenv("PTB_TIMEDELTA", "1")  # the SDK's times as it will write them; without, it warns
    settings.load.cache_clear()
    yield
    settings.load.cache_clear()


@pytest.fixture
def posted() -> Posted:
    """What the fake delivers."""
    return []


@pytest.fixture
def fake(posted: Posted) -> FakeTelegram:
    def deliver(method: str, url: str, headers: object, body: bytes) -> Delivered:
        posted.append(({str(name).lower(): value for name, value in dict(headers).items()}, body))  # type: ignore[call-overload]
        return Delivered(200, b"")

    platform = FakeTelegram(lambda: AT, deliver)
    platform.register(FakeAccount("telegram", "bot", TOKEN, SECRET, "http://127.0.0.1/hook/telegram/bot"))
    return platform


@pytest.fixture
def base(fake: FakeTelegram) -> Iterator[str]:
    with GraphServer(FakeGraph(lambda: AT), others=[fake]) as server:
        yield f"{server.url}/telegram"


def account(base: str) -> Account:
    return Account(channel="telegram", id="bot", app="bot", source="telegram", inbox="support", api_base=base)


def update_of(body: bytes) -> telegram.Update:
    update = telegram.Update.de_json(json.loads(body), None)
    assert update is not None
    return update


def agree(update: telegram.Update, event: Event) -> None:
    if update.inline_query is not None:
        assert event.kind is Kind.IGNORED
        return
    user, chat = update.effective_user, update.effective_chat
    assert event.sender_id == (str(user.id) if user else None)
    if chat is not None:
        assert event.recipient_id == str(chat.id)
        assert (event.group_id is not None) == (chat.type != "private")
    message = update.effective_message
    if message is not None and update.callback_query is None and event.kind is not Kind.IGNORED:
        assert event.text == (message.text or message.caption or (message.venue.title if message.venue else None))
        assert event.message_id == str(message.message_id)
        assert event.handle in (message.business_connection_id, None)
    if update.callback_query is not None:
        assert (event.message_id, event.payload) == (update.callback_query.id, update.callback_query.data)


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_our_samples_are_updates_to_the_sdk_and_say_the_same(path: Path) -> None:
    update = update_of(path.read_bytes())
    event = ours.normalise(telegram_source.split(path.read_bytes())[0])
    known = [name for name in telegram.Update.ALL_TYPES if getattr(update, name, None) is not None]
    assert (known == []) == (path.stem in OURS_ALONE)
    if event.kind not in (Kind.MESSAGE_DELETED, Kind.ACCOUNT):
        agree(update, event)


def test_what_the_fake_delivers_is_read_alike(fake: FakeTelegram, posted: Posted, base: str) -> None:
    fake.say("telegram", "bot", MARTA, "Good evening 🙂", name="Marta")
    fake.say("telegram", "bot", MARTA, "In the owner's chat", business=True)
    fake.send_photo("bot", MARTA, b"a picture", "our room")
    fake.say_in_group("bot", GROUP, MARTA, "Hello all")
    fake.owner_writes("bot", MARTA, "I will look")
    fake.block("bot", MARTA)
    fake.block("bot", MARTA, again=True)
    outgoing = Outgoing(to=MARTA, text="This?", correlator="c", quick_replies=(QuickReply(id="faq:a", title="A"),))
    assert ours.send(account(base), TOKEN, outgoing).result is Result.SENT
    fake.tap("bot", MARTA, "A")
    business = outgoing.model_copy(update={"handle": FakeTelegram.connection("bot")})
    assert ours.send(account(base), TOKEN, business).result is Result.SENT
    assert fake.deliver_pending() == 1
    assert len(posted) == 9
    for headers, body in posted:
        assert telegram_source.verify(Request("POST", headers, {}, body), [SECRET])
        [piece] = telegram_source.split(body)
        agree(update_of(body), ours.normalise(piece))
    blocked = update_of(posted[5][1]).my_chat_member
    assert blocked is not None
    assert blocked.new_chat_member.status == telegram.ChatMember.BANNED


def test_an_update_that_the_sdk_writes_is_read_by_us() -> None:
    chat = telegram.Chat(int(MARTA), telegram.Chat.PRIVATE, first_name="Marta")
    user = telegram.User(int(MARTA), "Marta", is_bot=False, language_code="hr")
    at = datetime.fromtimestamp(AT / 1000, UTC)
    message = telegram.Message(2**40, at, chat, from_user=user, text="Dobra večer 🙂")
    body = telegram.Update(2**41, message=message).to_json().encode()
    [piece] = telegram_source.split(body)
    event = ours.normalise(piece)
    agree(update_of(body), event)
    assert (event.timestamp_ms, event.locale, event.contact_name) == (AT, "hr", "Marta")


def test_what_our_sender_writes_the_sdk_reads() -> None:
    choices = tuple(QuickReply(id=f"faq:{name}", title=name.title()) for name in ("parking", "breakfast"))
    outgoing = Outgoing(
        to=MARTA, text="This?", correlator="c", quick_replies=choices, reply_to_id="5", handle="bizconn1"
    )
    with FaultyServer(answer(200, {"ok": True, "result": {"message_id": 1}})) as server:
        ours.send(account(server.url), TOKEN, outgoing)
    [request] = server.received
    markup = telegram.InlineKeyboardMarkup.de_json(request.json["reply_markup"], None)
    buttons = [(button.text, button.callback_data) for [button] in markup.inline_keyboard]
    assert buttons == [("Parking", "faq:parking"), ("Breakfast", "faq:breakfast")]
    reply = telegram.ReplyParameters.de_json(request.json["reply_parameters"], None)
    assert (reply.message_id, reply.allow_sending_without_reply) == (5, True)
    preview = telegram.LinkPreviewOptions.de_json(request.json["link_preview_options"], None)
    assert preview.is_disabled
    assert (ours.TEXT_LIMIT, ours._MAX_CALLBACK_BYTES) == (
        MessageLimit.MAX_TEXT_LENGTH,
        InlineKeyboardButtonLimit.MAX_CALLBACK_DATA,
    )


def test_a_bot_of_the_sdk_lives_on_our_fake(fake: FakeTelegram, base: str) -> None:
    fake.say("telegram", "bot", MARTA, "Hello")
    fake.send_photo("bot", MARTA, b"a picture")

    async def talk() -> None:
        async with telegram.Bot(TOKEN, base_url=f"{base}/bot", base_file_url=f"{base}/file/bot") as bot:
            assert (await bot.get_me()).is_bot
            keyboard = telegram.InlineKeyboardMarkup([[telegram.InlineKeyboardButton("A", callback_data="faq:a")]])
            sent = await bot.send_message(int(MARTA), "This?", reply_markup=keyboard)
            assert (sent.text, sent.chat.id, sent.reply_markup) == ("This?", int(MARTA), keyboard)
            fake.tap("bot", MARTA, "A")
            assert await bot.answer_callback_query(next(iter(fake._spinning)))
            file = await bot.get_file(next(iter(fake._files)))
            assert bytes(await file.download_as_bytearray()) == b"a picture"
            with pytest.raises(telegram.error.BadRequest, match="Message is too long"):
                await bot.send_message(int(MARTA), "x" * 4097)
            with pytest.raises(telegram.error.BadRequest, match="Chat not found"):
                await bot.send_message(1, "x")
            fake.misbehave("429")
            with pytest.raises(telegram.error.RetryAfter):
                await bot.send_message(int(MARTA), "x")
            fake.move(-1, -1001)
            with pytest.raises(telegram.error.ChatMigrated):
                await bot.send_message(-1, "x")
            fake.block("bot", MARTA)
            with pytest.raises(telegram.error.Forbidden, match="blocked"):
                await bot.send_message(int(MARTA), "x")
            assert await bot.set_webhook("https://hooks.example/hook/telegram/bot", secret_token=SECRET)
            assert (await bot.get_webhook_info()).url == "https://hooks.example/hook/telegram/bot"

    asyncio.run(talk())

"""Telegram: a customer writes to the bot, in a business chat, in a group; taps, blocks, and what comes of it."""

import pytest
from afterhours.channels.telegram import IN_BUSINESS
from afterhours_local.http_event import HttpRequest
from afterhours_local.platforms.spoilt import Spoilt
from afterhours_local.platforms.telegram import FakeTelegram, Trouble
from slices import sliced
from world import AFTER_LEASES, Ulid, World

BOT, MARIJA, GROUP = "jadran-bot", "5171248001", -4001
SUPERGROUP = -1004001


@pytest.fixture
def telegram(world: World) -> FakeTelegram:
    fake = world.sandbox.others["telegram"]
    assert isinstance(fake, FakeTelegram)
    return fake


def say(world: World, telegram: FakeTelegram, text: str, **how: bool) -> str:
    said = telegram.say("telegram", BOT, MARIJA, text, name="Marija", **how)
    assert said.status == 200
    world.stack.drain()
    return said.message_id


def pk(world: World, contact: str = MARIJA) -> str:
    return world.pk(contact, "telegram")


def business(world: World) -> str:
    return pk(world, f"{IN_BUSINESS}{MARIJA}")


def texts(telegram: FakeTelegram) -> list[str]:
    return [each.text for each in telegram.sent]


def test_a_customer_is_answered_and_then_by_a_person(world: World, telegram: FakeTelegram, ulid: Ulid) -> None:
    say(world, telegram, "I want to talk to a person")
    assert [(each.to, each.account) for each in telegram.sent] == [(MARIJA, BOT)]
    ana = world.agent()
    thread = ana.pull()
    assert thread
    assert (thread["channel"], thread["contact"]["name"]) == ("telegram", "Marija")
    assert ana.reply(thread, "Ana here. How can I help?", ulid())[0] == 202
    world.stack.drain()
    assert texts(telegram)[1:] == ["Ana here. How can I help?"]
    assert world.replies(pk(world)) == ["sent", "sent"]
    assert world.head(pk(world))["status"] == "waiting"


def test_the_same_update_again_is_stored_and_answered_once(world: World, telegram: FakeTelegram) -> None:
    chat = {"id": int(MARIJA), "type": "private", "first_name": "Marija"}
    sender = {"id": int(MARIJA), "is_bot": False, "first_name": "Marija"}
    telegram.say("telegram", BOT, MARIJA, "Hello")
    message = {"message_id": 7, "from": sender, "chat": chat, "date": world.now_ms // 1000, "text": "Hello again"}
    for _ in range(3):
        assert telegram.deliver(BOT, {"update_id": 12, "message": message}) == 200
    world.stack.drain()
    assert [event["text"] for event in world.events(pk(world))] == ["Hello", "Hello again"]
    assert len(telegram.sent) == 1


def test_start_is_the_first_message(world: World, telegram: FakeTelegram) -> None:
    say(world, telegram, "/start summer-2026")
    [event] = world.events(pk(world))
    assert (event["text"], event["payload"], event["rule"]) == ("/start summer-2026", "summer-2026", "instant")


def test_a_tap_on_a_suggestion_is_answered_and_its_button_stops_spinning(world: World, telegram: FakeTelegram) -> None:
    say(world, telegram, "What does it cost with a dog?")
    suggested = telegram.sent[-1]
    assert suggested.choices
    assert telegram.tap(BOT, MARIJA, suggested.choices[0]) == 200
    assert telegram.spinning == [suggested.choices[0]]
    world.stack.drain()
    assert telegram.spinning == []
    tapped = world.events(pk(world))[0]  # it has no time of its own
    assert (tapped["kind"], tapped["rule"], tapped["text"]) == ("postback", "faq", suggested.choices[0])
    assert len(telegram.sent) == 2


def test_a_button_stops_spinning_also_where_nothing_is_answered(world: World, telegram: FakeTelegram) -> None:
    say(world, telegram, "What does it cost with a dog?")
    say(world, telegram, "stop")
    sent = len(telegram.sent)
    telegram.tap(BOT, MARIJA, telegram.sent[0].choices[0])
    world.stack.drain()
    assert telegram.spinning == []
    assert len(telegram.sent) == sent


def test_a_business_chat_is_answered_over_its_connection(world: World, telegram: FakeTelegram, ulid: Ulid) -> None:
    say(world, telegram, "I want a person", business=True)
    assert len(telegram.sent) == 1
    assert telegram.deliver_pending() == 1  # our own text comes back as if the owner had written it
    world.stack.drain()
    assert [event["type"] for event in world.events(business(world))] == ["inbound"]
    ana = world.agent()
    thread = ana.pull()
    assert thread
    ana.reply(thread, "Ana here.", ulid())
    world.stack.drain()
    assert world.replies(business(world)) == ["sent", "sent"]


def test_what_the_owner_writes_by_hand_silences_automation(world: World, telegram: FakeTelegram) -> None:
    assert telegram.owner_writes(BOT, MARIJA, "I will look into it.") == 200
    world.stack.drain()
    say(world, telegram, "Thank you", business=True)
    assert telegram.sent == []
    assert {(event["type"], event["reason"]) for event in world.events(business(world))} == {
        ("echo", "human_in_app"),
        ("inbound", "human_spoke"),
    }


def test_who_talks_to_the_bot_and_to_the_business_has_two_threads(
    world: World, telegram: FakeTelegram, ulid: Ulid
) -> None:
    say(world, telegram, "I want a person")
    say(world, telegram, "I want a person here too", business=True)
    ana = world.agent()
    for answer in ("To the bot's chat.", "To the owner's chat."):
        thread = ana.pull()
        assert thread
        ana.reply(thread, answer, ulid())
    world.stack.drain()
    assert texts(telegram)[2:] == ["To the bot's chat.", "To the owner's chat."]
    assert telegram.deliver_pending() == 2, "of the owner's chat alone: the automatic reply and the agent's"
    world.stack.drain()
    assert (world.replies(pk(world)), world.replies(business(world))) == (["sent", "sent"], ["sent", "sent"])


def test_a_group_is_stored_and_never_answered_and_a_bot_not_even_stored(world: World, telegram: FakeTelegram) -> None:
    assert telegram.say_in_group(BOT, GROUP, MARIJA, "Hello all, I want a person") == 200
    assert telegram.say_in_group(BOT, GROUP, "777", "Hello, I am a bot", is_bot=True) == 200
    world.stack.drain()
    assert telegram.sent == []
    [event] = world.events(pk(world, str(GROUP)))
    assert (event["rule"], event["reason"]) == ("not_answerable", "group")
    assert [item["reason"] for item in world.quarantined()] == ["kind_ignored"]


def test_who_blocks_the_bot_is_opted_out_until_they_come_back(world: World, telegram: FakeTelegram, ulid: Ulid) -> None:
    say(world, telegram, "I want a person")
    world.wait(1)
    assert telegram.block(BOT, MARIJA) == 200
    world.stack.drain()
    assert world.head(pk(world))["opted_out_at"] == world.now_ms
    ana = world.agent()
    thread = ana.pull()
    assert thread
    status, problem = ana.reply(thread, "Are you there?", ulid())
    assert (status, problem["code"]) == (422, "opted_out")
    assert telegram.block(BOT, MARIJA, again=True) == 200
    world.stack.drain()
    assert world.head(pk(world))["opted_out_at"] == 0


def test_the_group_and_the_supergroup_are_one_thread(world: World, telegram: FakeTelegram) -> None:
    telegram.say_in_group(BOT, GROUP, MARIJA, "before")
    chat = {"id": SUPERGROUP, "type": "supergroup", "title": "Guests"}
    sender = {"id": int(MARIJA), "is_bot": False, "first_name": "Marija"}
    moved = {"message_id": 1, "from": sender, "chat": chat, "date": world.now_ms // 1000}
    telegram.deliver(BOT, {"message": {**moved, "migrate_from_chat_id": GROUP}})
    telegram.say_in_group(BOT, SUPERGROUP, MARIJA, "after")
    world.stack.drain()
    said = [event.get("text") for event in world.events(pk(world, str(GROUP)))]
    assert sorted(filter(None, said)) == ["after", "before"]


def test_deleted_business_messages_lose_their_words(world: World, telegram: FakeTelegram) -> None:
    first = say(world, telegram, "my card is 4111", business=True)
    second = say(world, telegram, "and my code 123", business=True)
    chat = {"id": int(MARIJA), "type": "private", "first_name": "Marija"}
    gone = {"chat": chat, "message_ids": [int(first), int(second)]}
    telegram.deliver(BOT, {"deleted_business_messages": {"business_connection_id": "bizconn_jadran-bot", **gone}})
    world.stack.drain()
    stored = world.events(business(world))
    assert [bool(event.get("text")) for event in stored if event["type"] == "inbound"] == [False, False]


def test_what_the_customer_sent_can_be_fetched(world: World, telegram: FakeTelegram) -> None:
    picture = b"\xff\xd8\xff\xe0 a picture"
    telegram.send_photo(BOT, MARIJA, picture, "our room")
    world.stack.drain()
    [event] = world.events(pk(world))
    ana = world.agent()
    path = f"/api/threads/{world.name(MARIJA, 'telegram')}/attachments/{event['sk'].replace('#', '%23')}/0"
    headers = (("authorization", f"Bearer {ana.token}"),)
    answer = world.stack.answer(HttpRequest("GET", path, headers))
    assert (answer.status, answer.body) == (200, picture)


STATES = {
    Trouble.RATE_429: "planned",
    Trouble.UNAUTHORIZED_401: "refused",
    Trouble.BLOCKED_403: "refused",
    Trouble.BAD_REQUEST_400: "refused",
    Spoilt.REDIRECT_302: "refused",
    Spoilt.REDIRECT_307: "refused",
    **dict.fromkeys((one for one in Spoilt if one not in (Spoilt.REDIRECT_302, Spoilt.REDIRECT_307)), "unknown"),
}


@pytest.mark.parametrize("fault", sliced(STATES, 3))
def test_an_automatic_reply_ends_as_declared_and_is_never_sent_twice(
    world: World, telegram: FakeTelegram, fault: Trouble | Spoilt
) -> None:
    telegram.misbehave(fault)
    say(world, telegram, "Hello")
    assert world.replies(pk(world)) == [STATES[fault]]
    world.settle()
    assert world.replies(pk(world)) == ["sent" if fault is Trouble.RATE_429 else STATES[fault]]
    assert len(telegram.sent) <= 1


def test_a_throttled_reply_waits_as_long_as_telegram_asks(world: World, telegram: FakeTelegram) -> None:
    telegram.misbehave(Trouble.RATE_429)
    say(world, telegram, "Hello")
    world.wait(16)
    assert telegram.sent == []
    world.wait(1)
    assert len(telegram.sent) == 1


# Bad input


def test_an_update_without_sender_is_set_aside_and_answered_by_nobody(world: World, telegram: FakeTelegram) -> None:
    chat = {"id": int(MARIJA), "type": "private"}
    telegram.deliver(BOT, {"message": {"message_id": 5, "chat": chat, "date": world.now_ms // 1000, "text": "Hello"}})
    telegram.deliver(BOT, {"message": {"message_id": 5, "date": world.now_ms // 1000, "text": "Hello"}})
    world.stack.drain()
    assert [item["reason"] for item in world.quarantined()] == ["no_contact", "no_contact"]
    assert (telegram.sent, world.dead_letters()) == ([], 0)


def test_ids_beyond_53_bits_stay_as_they_are_and_as_floats_are_nobodys(world: World, telegram: FakeTelegram) -> None:
    big = 9_223_372_036_854_775_807
    for sender in (big, float(big)):
        chat = {"id": sender, "type": "private"}
        message = {"message_id": 1, "from": {"id": sender, "is_bot": False}, "chat": chat, "text": "Hello"}
        telegram.deliver(BOT, {"message": {**message, "date": world.now_ms // 1000}})
    world.stack.drain()
    assert world.head(pk(world, str(big)))["contact_id"] == str(big)
    assert [item["reason"] for item in world.quarantined()] == ["no_contact"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"null", b'{"update_id":"x"}', b"\xff", b'{"update_id":1}'])
def test_a_body_without_an_update_is_taken_and_set_aside(world: World, telegram: FakeTelegram, body: bytes) -> None:
    secret = telegram.account("telegram", BOT).secret
    answer = world.post(f"/hook/telegram/{BOT}", body, {"X-Telegram-Bot-Api-Secret-Token": secret})
    world.stack.drain()
    assert (answer.status, len(world.quarantined()), world.dead_letters()) == (200, 1, 0)


def test_what_was_not_taken_comes_again(world: World, telegram: FakeTelegram) -> None:
    known = telegram.account("telegram", BOT)
    telegram.register(type(known)(known.channel, known.id, known.token, "another-secret", known.webhook_url))
    assert telegram.say("telegram", BOT, MARIJA, "Hello").status == 401
    telegram.register(known)
    world.stack.drain()
    assert world.events() == []
    telegram.say("telegram", BOT, MARIJA, "Hello?")
    world.wait(AFTER_LEASES)
    assert len(world.events(pk(world))) == 1


@pytest.mark.parametrize(
    "secret", [None, "", "local-fake-telegram-secre", "local-fake-telegram-secrets", "another-bots"]
)
def test_without_the_bots_own_secret_nothing_comes_in(world: World, secret: str | None) -> None:
    """Row 55 of C10."""
    headers = {} if secret is None else {"X-Telegram-Bot-Api-Secret-Token": secret}
    answer = world.post(f"/hook/telegram/{BOT}", b'{"update_id":1,"message":{}}', headers)
    assert (answer.status, world.inbound()) == (401, [])

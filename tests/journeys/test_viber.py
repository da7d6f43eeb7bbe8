"""Viber: a welcome in the answer, replies, receipts by token, buttons, who unsubscribes, and what comes of it all."""

import json
import threading

import answer
import pytest
from afterhours.channels import viber_source
from afterhours_local.http_event import HttpRequest
from afterhours_local.platforms.spoilt import Spoilt
from afterhours_local.platforms.viber import EVENTS, FakeViber, Trouble
from counting import answered, meanwhile
from slices import sliced
from world import Ulid, World

BOT, PETRA = "jadran-viber", "wB0Xh3tCyFqIuUq8m1pNnA=="


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine that runs this may be slow; the platform's patience has its own test."""
    monkeypatch.setattr(answer, "DEADLINE_S", 60.0)


@pytest.fixture
def viber(world: World) -> FakeViber:
    fake = world.sandbox.others["viber"]
    assert isinstance(fake, FakeViber)
    return fake


def say(world: World, viber: FakeViber, text: str) -> str:
    said = viber.say("viber", BOT, PETRA, text, name="Petra")
    assert said.status == 200
    world.stack.drain()
    return said.message_id


def pk(world: World) -> str:
    return world.pk(PETRA, "viber")


def texts(viber: FakeViber) -> list[str]:
    return [each.text for each in viber.sent]


# The welcome


def test_who_opens_the_chat_is_welcomed_in_the_answer(world: World, viber: FakeViber) -> None:
    viber.open_chat(BOT, PETRA)
    [welcome] = viber.welcomes
    world.stack.drain()
    assert (viber.unusable, viber.sent, world.inbound()) == ([], [], [])
    [event] = world.events(pk(world))
    assert (event["kind"], event["rule"], event["reply"]) == ("postback", "instant", "sent")
    assert event["reply_text"] == welcome.text
    say(world, viber, "Hello")
    assert viber.sent == []  # the welcome was the instant reply of this session


def test_the_same_opening_again_gets_the_same_words_and_is_stored_once(world: World, viber: FakeViber) -> None:
    for _ in range(3):
        viber.open_chat(BOT, PETRA, token=4_912_661_846_655_238_999)
    world.stack.drain()
    assert len({each.text for each in viber.welcomes}) == 1
    assert len(viber.welcomes) == 3
    assert world.replies(pk(world)) == ["sent"]


def test_who_has_subscribed_is_not_welcomed_again(world: World, viber: FakeViber) -> None:
    say(world, viber, "Hello")
    assert viber.open_chat(BOT, PETRA) == b""
    world.stack.drain()
    assert [(event["kind"], event["rule"]) for event in world.events(pk(world))][-1] == ("system", "not_answerable")
    assert len(viber.sent) == 1


def test_a_link_may_ask_for_an_entry_of_the_faq(world: World, viber: FakeViber) -> None:
    viber.open_chat(BOT, PETRA, context="faq:wifi")
    [welcome] = viber.welcomes
    assert "Wi-Fi is free" in welcome.text


def in_time_is_over() -> None:
    for thread in threading.enumerate():
        if thread.name == answer.THREAD:
            thread.join()


def test_an_opening_that_is_not_decided_in_time_is_left_to_the_worker_which_may_not_write(
    world: World, viber: FakeViber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer, "DEADLINE_S", 0.05)
    gate = threading.Event()
    with meanwhile("dynamodb.TransactWriteItems", gate.wait):
        assert viber.open_chat(BOT, PETRA) == b""
        world.stack.drain()
        assert world.replies(pk(world)) == ["refused"]  # by Viber: who has not subscribed cannot be written to
        gate.set()
        in_time_is_over()
    assert world.replies(pk(world)) == ["refused"]
    assert (viber.welcomes, viber.sent, world.dead_letters()) == ([], [], 0)


def test_a_welcome_that_is_decided_too_late_to_be_said_is_sent_on_by_the_worker(
    world: World, viber: FakeViber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer, "DEADLINE_S", 0.05)
    gate = threading.Event()
    with answered("dynamodb.TransactWriteItems", lambda _: gate.wait(), times=1):
        assert viber.open_chat(BOT, PETRA) == b""
        gate.set()
        in_time_is_over()
    assert world.replies(pk(world)) == ["planned"]
    world.wait(10)
    assert world.replies(pk(world)) == ["refused"]
    assert (viber.welcomes, viber.sent, world.dead_letters()) == ([], [], 0)


# Replies and receipts


def test_a_customer_is_answered_and_then_by_a_person(world: World, viber: FakeViber, ulid: Ulid) -> None:
    say(world, viber, "I want to talk to a person")
    assert [(each.to, each.account) for each in viber.sent] == [(PETRA, BOT)]
    ana = world.agent()
    thread = ana.pull()
    assert thread
    assert (thread["channel"], thread["contact"]["name"]) == ("viber", "Petra")
    assert ana.reply(thread, "Ana here.", ulid())[0] == 202
    world.stack.drain()
    assert texts(viber)[1:] == ["Ana here."]
    assert world.replies(pk(world)) == ["sent", "sent"]
    assert world.head(pk(world))["status"] == "waiting"


def test_receipts_move_the_delivery_of_the_text_whose_token_they_name(
    world: World, viber: FakeViber, ulid: Ulid
) -> None:
    say(world, viber, "I want to talk to a person")
    assert viber.deliver_pending() == 2
    world.stack.drain()
    [event] = world.events(pk(world))
    assert (event["reply"], event["delivery"]) == ("sent", 3)


def test_a_receipt_of_a_message_of_the_customers_own_is_nothing(world: World, viber: FakeViber) -> None:
    token = int(say(world, viber, "Hello"))
    viber.deliver(BOT, {**viber.event("delivered", {"user_id": PETRA}), "message_token": token})
    world.stack.drain()
    assert "delivery" not in world.events(pk(world))[0]


def test_an_agents_reply_that_fails_after_all_reopens_the_thread(world: World, viber: FakeViber, ulid: Ulid) -> None:
    say(world, viber, "I want to talk to a person")
    ana = world.agent()
    thread = ana.pull()
    assert thread
    ana.reply(thread, "Ana here.", ulid())
    world.stack.drain()
    assert viber.fail(BOT, PETRA, viber.sent[-1]) == 200
    world.stack.drain()
    assert world.head(pk(world))["status"] == "open"
    assert world.replies(pk(world)) == ["sent", "refused"]


def test_a_pressed_suggestion_is_answered(world: World, viber: FakeViber) -> None:
    say(world, viber, "What does it cost with a dog?")
    suggested = viber.sent[-1]
    assert suggested.choices
    assert viber.tap(BOT, PETRA, suggested.choices[0]) == 200
    world.stack.drain()
    tapped = world.events(pk(world))[-1]
    assert (tapped["kind"], tapped["rule"]) == ("postback", "faq")
    assert len(viber.sent) == 2


def test_a_pressed_number_is_a_rating(world: World, viber: FakeViber, ulid: Ulid) -> None:
    say(world, viber, "I want to talk to a person")
    ana = world.agent()
    thread = ana.pull()
    assert thread
    ana.reply(thread, "Here you are.", ulid())
    world.stack.drain()
    assert ana.resolve(ana.show(thread)["thread"])[0] == 200
    world.wait(1)
    assert viber.sent[-1].choices == ("1", "2", "3", "4", "5")
    viber.tap(BOT, PETRA, "5")
    world.stack.drain()
    assert world.events(pk(world))[-1]["reason"] == "rated_5"


def test_the_same_message_again_is_stored_and_answered_once(world: World, viber: FakeViber) -> None:
    sender = {"id": PETRA, "name": "Petra"}
    event = viber.event("message", {"sender": sender, "message": {"type": "text", "text": "Hello"}})
    viber.subscribe(BOT, PETRA)
    for token in (event["message_token"], str(event["message_token"]), event["message_token"]):
        assert viber.deliver(BOT, {**event, "message_token": token}) == 200
    world.stack.drain()
    assert [each.get("text") for each in world.events(pk(world))].count("Hello") == 1
    assert len(viber.sent) == 1


def test_who_unsubscribes_is_opted_out_until_they_subscribe(world: World, viber: FakeViber, ulid: Ulid) -> None:
    say(world, viber, "I want a person")
    assert viber.unsubscribe(BOT, PETRA) == 200
    world.wait(1)
    assert world.head(pk(world))["opted_out_at"]
    ana = world.agent()
    thread = ana.pull()
    assert thread
    assert ana.reply(thread, "Are you there?", ulid())[0] in (202, 422)
    world.settle()
    assert "Are you there?" not in texts(viber)
    assert viber.subscribe(BOT, PETRA) == 200
    world.stack.drain()
    assert world.head(pk(world))["opted_out_at"] == 0


STATES = {
    Trouble.TOO_FAST_12: "planned",
    Trouble.TOMORROW_99: "unknown",
    Spoilt.REDIRECT_302: "refused",
    Spoilt.REDIRECT_307: "refused",
}


@pytest.mark.parametrize("fault", sliced([*Trouble, *Spoilt], 3))
def test_an_automatic_reply_ends_as_declared_and_is_never_sent_twice(
    world: World, viber: FakeViber, fault: Trouble | Spoilt
) -> None:
    state = STATES.get(fault, "unknown" if isinstance(fault, Spoilt) else "refused")
    viber.misbehave(fault)
    say(world, viber, "Hello")
    assert world.replies(pk(world)) == [state]
    world.settle()
    assert world.replies(pk(world)) == ["sent" if fault is Trouble.TOO_FAST_12 else state]
    assert len(viber.sent) <= 1


# The webhook


def test_the_check_of_the_url_is_answered_while_set_webhook_waits(world: World, viber: FakeViber) -> None:
    known = viber.account("viber", BOT)
    asked = json.dumps({"url": known.webhook_url, "event_types": EVENTS}).encode()
    reply = viber.answer("POST", "/pa/set_webhook", {"x-viber-auth-token": known.token}, asked)
    assert reply is not None
    assert json.loads(reply.body)["status"] == 0
    world.stack.drain()
    assert world.items() == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"null", b'{"event":7}'])
def test_a_body_without_an_event_is_taken_and_set_aside(world: World, viber: FakeViber, body: bytes) -> None:
    secret = viber.account("viber", BOT).secret
    response = world.post(f"/hook/viber/{BOT}", body, viber_source.sign(body, secret))
    world.stack.drain()
    assert (response.status, response.body, len(world.quarantined())) == (200, b"", 1)
    assert world.dead_letters() == 0


def test_a_message_without_a_sender_and_an_event_of_tomorrow_are_set_aside(world: World, viber: FakeViber) -> None:
    viber.deliver(BOT, viber.event("message", {"message": {"type": "text", "text": "Hello"}}))
    viber.deliver(BOT, viber.event("poll_answered", {"user_id": PETRA}))
    viber.deliver(BOT, viber.event("conversation_started", {"type": "open"}))
    world.stack.drain()
    assert sorted(item["reason"] for item in world.quarantined()) == ["kind_unknown", "no_contact", "no_contact"]


def test_a_wrong_signature_an_unknown_bot_and_a_get_are_refused(world: World, viber: FakeViber) -> None:
    known = viber.account("viber", BOT)
    viber.register(type(known)(known.channel, known.id, known.token, "another-token", known.webhook_url))
    assert viber.say("viber", BOT, PETRA, "Hello").status == 401
    viber.register(known)
    assert world.post("/hook/viber/nobody", b"{}", {}).status == 401
    assert world.stack.answer(HttpRequest("GET", f"/hook/viber/{BOT}", ())).status == 401
    assert world.inbound() == []

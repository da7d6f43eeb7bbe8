"""LINE: the reply token first and once, a push after its refusal, standby, groups, blocking, unsending."""

import pytest
from afterhours.channels import line_source
from afterhours_local.http_event import HttpRequest
from afterhours_local.platforms.line import FakeLine, Trouble
from afterhours_local.platforms.spoilt import Spoilt
from slices import sliced
from world import Ulid, World

ACCOUNT = "jadran-line"
YUKI, GROUP = "U206d25c2ea6bd87c17655609a1c37cb8", "Ca56f94637cc4347f90a25382909b24b9"


@pytest.fixture
def line(world: World) -> FakeLine:
    fake = world.sandbox.others["line"]
    assert isinstance(fake, FakeLine)
    return fake


def say(world: World, line: FakeLine, text: str) -> str:
    said = line.say("line", ACCOUNT, YUKI, text)
    assert said.status == 200
    world.stack.drain()
    return said.message_id


def pk(world: World, contact: str = YUKI) -> str:
    return world.pk(contact, "line")


def ways(line: FakeLine) -> list[tuple[str, int]]:
    return [(call.way, call.status) for call in line.calls]


def test_an_automatic_reply_takes_the_reply_token_and_a_person_the_push(
    world: World, line: FakeLine, ulid: Ulid
) -> None:
    say(world, line, "I want to talk to a person")
    assert ways(line) == [("reply", 200)]
    ana = world.agent()
    thread = ana.pull()
    assert thread
    assert thread["channel"] == "line"
    ana.reply(thread, "Ana here.", ulid())
    world.stack.drain()
    assert ways(line)[1:] == [("reply", 400), ("push", 200)]  # the token was used up
    assert [each.to for each in line.sent] == [YUKI, YUKI]
    assert world.replies(pk(world)) == ["sent", "sent"]
    assert world.head(pk(world))["status"] == "waiting"


def test_an_expired_token_gives_way_to_a_push(world: World, line: FakeLine) -> None:
    assert line.say("line", ACCOUNT, YUKI, "Hello").status == 200
    world.wait(61)
    assert ways(line) == [("reply", 400), ("push", 200)]
    assert len(line.sent) == 1


def test_a_reply_whose_answer_was_lost_is_not_pushed(world: World, line: FakeLine) -> None:
    line.misbehave(Spoilt.RESET)
    say(world, line, "Hello")
    world.settle()
    assert ways(line) == [("reply", 0)]
    assert (world.replies(pk(world)), len(line.sent)) == (["unknown"], 1)


def test_a_push_whose_answer_was_lost_is_asked_for_again_under_its_key(
    world: World, line: FakeLine, ulid: Ulid
) -> None:
    say(world, line, "I want to talk to a person")
    ana = world.agent()
    thread = ana.pull()
    assert thread
    line.misbehave("", 1)  # the reply, whose token is used up, is refused as it should be
    line.misbehave(Spoilt.RESET)
    ana.reply(thread, "Ana here.", ulid())
    world.stack.drain()
    assert ways(line)[1:] == [("reply", 400), ("push", 0), ("push", 409)]
    assert len({call.retry_key for call in line.calls if call.way == "push"}) == 1
    assert [each.text for each in line.sent].count("Ana here.") == 1
    assert world.replies(pk(world)) == ["sent", "sent"]


STATES = {
    Trouble.RATE_429: "planned",
    Trouble.UNAUTHORIZED_401: "refused",
    Trouble.FORBIDDEN_403: "refused",
    Trouble.BAD_REQUEST_400: "refused",
    Spoilt.REDIRECT_302: "refused",
    Spoilt.REDIRECT_307: "refused",
    **dict.fromkeys((one for one in Spoilt if one not in (Spoilt.REDIRECT_302, Spoilt.REDIRECT_307)), "unknown"),
}


@pytest.mark.parametrize("fault", sliced(STATES, 3))
def test_an_automatic_reply_ends_as_declared_and_is_never_sent_twice(
    world: World, line: FakeLine, fault: Trouble | Spoilt
) -> None:
    line.misbehave(fault)
    say(world, line, "Hello")
    assert world.replies(pk(world)) == [STATES[fault]]
    world.settle()
    assert world.replies(pk(world)) == ["sent" if fault is Trouble.RATE_429 else STATES[fault]]
    assert len(line.sent) <= 1


def test_the_monthly_limit_is_not_tried_again(world: World, line: FakeLine, ulid: Ulid) -> None:
    say(world, line, "I want to talk to a person")
    line.monthly_limit = 0
    ana = world.agent()
    thread = ana.pull()
    assert thread
    ana.reply(thread, "Ana here.", ulid())
    world.stack.drain()
    asked = len(line.calls)
    world.settle()
    item = world.events(pk(world))[-1]
    assert (item["reply"], item["reply_reason"]) == ("refused", "monthly_limit")
    assert len(line.calls) == asked
    assert world.head(pk(world))["status"] == "open"


def test_verify_in_the_console_delivers_nothing_and_is_answered(world: World, line: FakeLine) -> None:
    assert line.deliver(ACCOUNT) == 200
    assert world.inbound() == []


def test_every_event_of_a_delivery_counts_and_a_bad_one_spoils_no_other(world: World, line: FakeLine) -> None:
    events = [
        line.event(ACCOUNT, f"U{number:032x}", {"type": "message", "message": {"id": str(number), "type": "text"}})
        for number in range(1, 5)
    ]
    for number, event in enumerate(events):
        event["message"]["text"] = f"Hello {number}"
    assert line.deliver(ACCOUNT, events[0], ["nonsense"], events[1], {"type": "of tomorrow"}, *events[2:]) == 200  # type: ignore[arg-type]
    world.stack.drain()
    assert len(line.sent) == 4
    assert sorted(item["reason"] for item in world.quarantined()) == ["kind_unknown", "not_understood"]
    assert world.dead_letters() == 0


def test_a_redelivered_event_is_known(world: World, line: FakeLine) -> None:
    event = line.event(ACCOUNT, YUKI, {"type": "message", "message": {"id": "1", "type": "text", "text": "Hello"}})
    again = {**event, "deliveryContext": {"isRedelivery": True}}
    assert (line.deliver(ACCOUNT, event), line.deliver(ACCOUNT, again, again)) == (200, 200)
    world.stack.drain()
    assert (len(world.events(pk(world))), len(line.sent)) == (1, 1)


def test_two_events_with_one_reply_token_are_both_answered(world: World, line: FakeLine) -> None:
    first = line.event(ACCOUNT, YUKI, {"type": "message", "message": {"id": "1", "type": "text", "text": "Hello"}})
    question = {"id": "2", "type": "text", "text": "When can I check in?"}
    second = line.event(ACCOUNT, YUKI, {"type": "message", "message": question})
    assert line.deliver(ACCOUNT, first, {**second, "replyToken": first["replyToken"]}) == 200
    world.stack.drain()
    assert ways(line) == [("reply", 200), ("reply", 400), ("push", 200)]
    assert world.replies(pk(world)) == ["sent", "sent"]


def test_standby_is_stored_and_never_answered(world: World, line: FakeLine) -> None:
    assert line.say("line", ACCOUNT, YUKI, "I want a person", mode="standby").status == 200
    world.stack.drain()
    assert [event["reason"] for event in world.events(pk(world))] == ["standby"]
    assert line.calls == []


def test_a_group_is_a_thread_of_its_own_and_never_answered(world: World, line: FakeLine) -> None:
    assert line.say("line", ACCOUNT, YUKI, "I want a person", group=GROUP).status == 200
    world.stack.drain()
    [event] = world.events(pk(world, GROUP))
    assert (event["reason"], event["text"]) == ("group", "I want a person")
    assert (world.events(pk(world)), line.calls) == ([], [])


def test_a_tap_on_a_suggestion_comes_back_as_its_id(world: World, line: FakeLine) -> None:
    say(world, line, "What does it cost with a dog?")
    [choice, *_] = line.sent[-1].choices
    assert line.tap(ACCOUNT, YUKI, choice) == 200
    world.stack.drain()
    tapped = next(event for event in world.events(pk(world)) if event["kind"] == "postback")
    assert (tapped["rule"], tapped["payload"]) == ("faq", "faq:pets")
    assert ways(line) == [("reply", 200), ("reply", 200)]


def test_who_blocks_the_account_is_written_nothing_that_would_be_lost(world: World, line: FakeLine, ulid: Ulid) -> None:
    say(world, line, "I want to talk to a person")
    ana = world.agent()
    thread = ana.pull()
    assert thread
    world.wait(1)
    assert line.block(ACCOUNT, YUKI) == 200  # LINE would answer 200 to a push, and deliver nothing
    assert ana.reply(thread, "Ana here.", ulid())[0] == 202
    world.settle()
    assert (line.undelivered, world.replies(pk(world))) == ([], ["sent", "dropped"])
    assert world.head(pk(world))["opted_out_at"] > 0
    assert line.block(ACCOUNT, YUKI, again=True) == 200
    world.stack.drain()
    assert world.head(pk(world))["opted_out_at"] == 0


def test_what_is_taken_back_loses_its_words(world: World, line: FakeLine) -> None:
    number = say(world, line, "my card is 4111")
    assert line.unsend(ACCOUNT, YUKI, number) == 200
    world.stack.drain()
    assert not [event for event in world.events(pk(world)) if event.get("text")]


def test_what_the_customer_sent_can_be_fetched(world: World, line: FakeLine) -> None:
    picture = b"\xff\xd8\xff\xe0 a picture"
    line.send_picture(ACCOUNT, YUKI, picture)
    world.stack.drain()
    [event] = world.events(pk(world))
    path = f"/api/threads/{world.name(YUKI, 'line')}/attachments/{event['sk'].replace('#', '%23')}/0"
    headers = (("authorization", f"Bearer {world.agent().token}"),)
    answer = world.stack.answer(HttpRequest("GET", path, headers))
    assert (answer.status, answer.body) == (200, picture)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"events":{}}', b'{"events":null}'])
def test_a_signed_body_without_events_is_taken_and_set_aside(world: World, line: FakeLine, body: bytes) -> None:
    answer = world.post(f"/hook/line/{ACCOUNT}", body, line_source.sign(body, world.sandbox.app_secret(ACCOUNT)))
    world.stack.drain()
    assert (answer.status, len(world.quarantined()), world.dead_letters()) == (200, 1, 0)


def test_a_right_digest_under_the_secret_of_another_channel_is_refused(world: World) -> None:
    """Row 57 of C10."""
    body = b'{"destination":"U1","events":[]}'
    statuses = [
        world.post(f"/hook/line/{ACCOUNT}", body, line_source.sign(body, secret)).status
        for secret in ("another-secret", world.sandbox.app_secret(ACCOUNT))
    ]
    assert statuses == [401, 200]

"""X: direct messages answered, posts only by people unless the playbook says so, encrypted ones handed to a person."""

import json

import pytest
from afterhours.playbook import ChannelReplies, Playbook
from afterhours.stores import config
from afterhours_local.http_event import HttpRequest
from afterhours_local.platforms.x import FakeX, Trouble
from world import Ulid, World

OUR, PETRA = "1983000000000000001", "1755000000000000002"


@pytest.fixture
def fake(world: World) -> FakeX:
    found = world.sandbox.others["x"]
    assert isinstance(found, FakeX)
    return found


def say(world: World, fake: FakeX, text: str, channel: str = "x") -> str:
    said = fake.say(channel, OUR, PETRA, text, name="Petra Novak")
    assert said.status == 200
    world.stack.drain()
    return said.message_id


def texts(fake: FakeX) -> list[str]:
    return [sent.text for sent in fake.sent]


def test_a_direct_message_is_answered_handed_over_and_answered_by_a_person(
    world: World, fake: FakeX, ulid: Ulid
) -> None:
    say(world, fake, "I want to talk to a person")
    assert len(fake.sent) == 1
    ana = world.agent()
    thread = ana.pull()
    assert thread
    assert (thread["channel"], thread["contact"]["name"]) == ("x", "Petra Novak")
    ana.reply(thread, "Ana here.", ulid())
    world.stack.drain()
    assert texts(fake)[1:] == ["Ana here."]
    assert fake.deliver_pending() == 4  # each comes back as our own, and is read
    world.stack.drain()
    head = world.head(world.pk(PETRA, "x"))
    assert (head["status"], head["read_until"]) == ("waiting", world.now_ms)
    assert [item for item in world.events(world.pk(PETRA, "x")) if item.get("reason") == "human_in_app"] == []
    assert len(fake.sent) == 2


def test_what_comes_twice_and_in_both_envelopes_is_answered_once(world: World, fake: FakeX) -> None:
    say(world, fake, "Is there parking?")
    message = world.events(world.pk(PETRA, "x"))[0]["message_id"]
    created = {"target": {"recipient_id": OUR}, "sender_id": PETRA, "message_data": {"text": "Is there parking?"}}
    dm = {"type": "message_create", "id": message, "created_timestamp": str(world.now_ms), "message_create": created}
    body = json.dumps({"for_user_id": OUR, "direct_message_events": [dm], "users": {}}).encode()
    for _ in range(3):
        assert fake.sign_and_deliver("x", OUR, body).status == 200
        world.stack.drain()
    assert len(world.events(world.pk(PETRA, "x"))) == 1
    assert len(fake.sent) == 1


def test_a_post_is_answered_by_nobody_but_a_person(world: World, fake: FakeX, ulid: Ulid) -> None:
    say(world, fake, "is there parking?", "x_posts")
    assert fake.sent == []
    ana = world.agent()
    thread = ana.pull()
    assert thread
    assert thread["channel"] == "x_posts"
    last = say(world, fake, "hello?", "x_posts")
    ana.reply(ana.show(thread)["thread"], "Yes, it is free.", ulid())
    world.stack.drain()
    assert [(sent.text, sent.public, sent.to) for sent in fake.sent] == [("Yes, it is free.", True, PETRA)]
    assert world.head(world.pk(PETRA, "x_posts"))["handle"] == last
    fake.deliver_pending()
    world.stack.drain()
    assert len(fake.sent) == 1


def test_a_post_that_mentions_answers_and_quotes_at_once_is_one_event(world: World, fake: FakeX) -> None:
    assert fake.post(OUR, PETRA, "@HotelJadran hm", kinds=("reply", "mention", "quote")).status == 200
    world.stack.drain()
    assert len(world.events(world.pk(PETRA, "x_posts"))) == 1


def test_automation_answers_in_public_only_where_the_playbook_says_so(world: World, fake: FakeX) -> None:
    inbox = config.inbox("support")
    playbook = config.playbook(inbox.playbook) if inbox else None
    assert playbook
    opted_in = {**playbook.channels, "x_posts": ChannelReplies(public=True)}
    world.play_by(playbook.model_copy(update={"channels": opted_in}))
    try:
        said = say(world, fake, "What time is check-in?", "x_posts")
        assert [(sent.public, sent.to) for sent in fake.sent] == [(True, PETRA)]
        assert world.events(world.pk(PETRA, "x_posts"))[0]["handle"] == said
    finally:
        _as_it_was(world, playbook)


def _as_it_was(world: World, playbook: Playbook) -> None:
    world.play_by(playbook)


def test_a_plain_answer_to_our_post_cannot_be_answered_and_the_agent_hears_of_it(
    world: World, fake: FakeX, ulid: Ulid
) -> None:
    fake.post(OUR, PETRA, "great", kinds=("reply",))
    world.stack.drain()
    ana = world.agent()
    thread = ana.pull()
    assert thread
    ana.reply(thread, "Thank you!", ulid())
    world.stack.drain()
    assert world.replies(world.pk(PETRA, "x_posts")) == ["refused"]
    assert world.head(world.pk(PETRA, "x_posts"))["status"] == "open"


def test_an_encrypted_message_goes_to_a_person_and_is_answered_by_nothing(world: World, fake: FakeX) -> None:
    assert fake.write_encrypted(OUR, PETRA) == 200
    world.stack.drain()
    [event] = world.events(world.pk(PETRA, "x"))
    assert (event.get("text"), event["reply"], event["handoff"]) == (None, "none", ["encrypted"])
    assert world.head(world.pk(PETRA, "x"))["status"] == "open"
    assert fake.sent == []


def test_too_many_direct_messages_wait_for_the_next_quarter(world: World, fake: FakeX) -> None:
    fake.misbehave(Trouble.RATE_429)
    say(world, fake, "Hello")
    assert fake.sent == []
    world.wait(121)
    assert len(fake.sent) == 1


def test_the_challenge_is_answered_and_nothing_else_is_signed(world: World, fake: FakeX) -> None:
    known = fake.account("x", OUR)
    assert fake.challenge(known, "dG9rZW4tMTIzNDU2")
    for token in ('{"direct_message_events":[]}', "", "a" * 9_216):
        assert not fake.challenge(known, token)

    def asked(query: str) -> int:
        return world.stack.answer(HttpRequest("GET", f"/hook/x/jadran-x?{query}", ())).status

    assert [asked(query) for query in ("crc_token=abc", "", "crc_token=abc&crc_token=abc")] == [200, 400, 400]


def test_c10_50_a_body_signed_by_the_challenge_makes_no_event(world: World, fake: FakeX) -> None:
    for token in (b"abc", b"12345", b"null"):
        assert fake.sign_and_deliver("x", OUR, token).status == 200
        world.stack.drain()
    assert [item["reason"] for item in world.quarantined()] == ["not_understood"] * 3
    assert fake.sent == []
    assert len(world.items()) == 3


def test_a_revoked_authorisation_is_set_aside_as_the_accounts_news(world: World, fake: FakeX) -> None:
    known = fake.account("x", OUR)
    kept = fake.grant(OUR)
    assert fake.revoke(OUR) == 200
    world.stack.drain()
    assert [item["reason"] for item in world.quarantined()] == ["kind_account"]
    fake.register(known)
    fake.grant(OUR).token, fake.grant(OUR).refresh = kept.token, kept.refresh

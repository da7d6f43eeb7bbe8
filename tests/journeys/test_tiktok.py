"""TikTok: direct messages and comments, taps that come back as titles, echoes and receipts, a token taken back."""

import json

import pytest
from afterhours_local.platforms.spoilt import Spoilt
from afterhours_local.platforms.tiktok import OWN, FakeTikTok, Trouble
from world import AFTER_LEASES, Ulid, World

US, LUCA = "jadran-openid", "u-luca"


@pytest.fixture
def tiktok(world: World) -> FakeTikTok:
    fake = world.sandbox.others["tiktok"]
    assert isinstance(fake, FakeTikTok)
    return fake


def say(world: World, tiktok: FakeTikTok, text: str, channel: str = "tiktok") -> str:
    said = tiktok.say(channel, US, LUCA, text, name="Luca")
    assert said.status == 200
    world.stack.drain()
    return said.message_id


def pk(world: World, tiktok: FakeTikTok) -> str:
    return world.pk(tiktok.conversation(US, LUCA), "tiktok")


def delivered(world: World, tiktok: FakeTikTok) -> int:
    taken = tiktok.deliver_pending()
    world.stack.drain()
    return taken


def test_a_customer_is_answered_and_then_by_a_person(world: World, tiktok: FakeTikTok, ulid: Ulid) -> None:
    say(world, tiktok, "I want to talk to a person")
    assert [(each.channel, each.to) for each in tiktok.sent] == [("tiktok", LUCA)]
    ana = world.agent()
    thread = ana.pull()
    assert thread
    assert (thread["channel"], thread["contact"]["name"]) == ("tiktok", "Luca")
    assert ana.reply(thread, "Ana here. How can I help?", ulid())[0] == 202
    world.stack.drain()
    assert [each.text for each in tiktok.sent][1:] == ["Ana here. How can I help?"]
    assert delivered(world, tiktok) == 2
    tiktok.read(US, LUCA)
    world.stack.drain()
    head = world.head(pk(world, tiktok))
    assert world.replies(pk(world, tiktok)) == ["sent", "sent"]
    assert (head["status"], head["read_until"]) == ("waiting", world.now_ms)
    assert len(world.events(pk(world, tiktok))) == 2  # our own echoes leave nothing behind


def test_an_echo_that_is_not_ours_is_a_person_in_the_app(world: World, tiktok: FakeTikTok) -> None:
    say(world, tiktok, "Hello")
    delivered(world, tiktok)
    conversation = tiktok.conversation(US, LUCA)
    content = {
        "conversation_id": conversation, "message_id": "from-the-app", "timestamp": world.now_ms, "type": "text",
        "text": {"body": "Marko here"}, "from_user": {"id": US, "role": "business_account"},
    }  # fmt: skip
    assert tiktok.deliver("tiktok", US, "im_send_msg", content) == 200
    world.stack.drain()
    say(world, tiktok, "Ok?")
    assert len(tiktok.sent) == 1
    assert world.head(pk(world, tiktok))["human_at"] == world.now_ms


def test_a_tap_comes_back_as_a_title_and_is_answered_as_what_it_stands_for(world: World, tiktok: FakeTikTok) -> None:
    say(world, tiktok, "What does it cost with a dog?")
    [suggested] = [event for event in world.events(pk(world, tiktok)) if event["quick_replies"]]
    titles = [each["title"] for each in suggested["quick_replies"]]
    assert all(f"• {title}" in tiktok.sent[0].text for title in titles[:3])
    assert tiktok.tap(US, LUCA, titles[0]).status == 200
    world.stack.drain()
    tapped = next(event for event in world.events(pk(world, tiktok)) if event["text"] == titles[0])
    assert (tapped["payload"], tapped["rule"]) == (suggested["quick_replies"][0]["id"], "faq")
    assert len(tiktok.sent) == 2


def test_the_same_delivery_again_is_one_event(world: World, tiktok: FakeTikTok) -> None:
    message = tiktok._message(US, LUCA, tiktok.conversation(US, LUCA), "tt-again", text={"body": "Hello"})
    say(world, tiktok, "Good evening")
    for _ in range(3):
        assert tiktok.deliver("tiktok", US, "im_receive_msg", message) == 200
    world.stack.drain()
    assert sorted(event["text"] for event in world.events(pk(world, tiktok))) == ["Good evening", "Hello"]


def signed_at(world: World, tiktok: FakeTikTok, late_s: int) -> int:
    """A delivery whose signature is so old, posted now."""
    tiktok.say("tiktok", US, LUCA, "Hello")
    world.wait(late_s)
    return world.stack.answer(world.posted[-1]).status


def test_a_delivery_of_five_minutes_ago_is_taken_and_an_older_one_is_not(world: World, tiktok: FakeTikTok) -> None:
    assert signed_at(world, tiktok, 299) == 200
    assert signed_at(world, tiktok, 301) == 401


@pytest.mark.parametrize("trouble", [Trouble.TOO_MANY_40016, Trouble.TOKEN_40105, Spoilt.REDIRECT_307])
def test_what_was_certainly_not_taken_is_tried_again_or_refused(
    world: World, tiktok: FakeTikTok, trouble: Trouble | Spoilt
) -> None:
    tiktok.misbehave(trouble)
    say(world, tiktok, "Hello")
    assert tiktok.sent == []
    world.wait(61)
    refused = trouble is Spoilt.REDIRECT_307  # a token may be a new one by then
    assert world.replies(pk(world, tiktok)) == ["refused" if refused else "sent"]
    assert len(tiktok.sent) == (0 if refused else 1)


@pytest.mark.parametrize("trouble", [Trouble.SERVER_50000, Spoilt.RESET, Spoilt.HTML, Spoilt.NULL_ID])
def test_what_may_have_been_taken_is_never_sent_again(
    world: World, tiktok: FakeTikTok, trouble: Trouble | Spoilt
) -> None:
    tiktok.misbehave(trouble)
    say(world, tiktok, "Hello")
    assert world.replies(pk(world, tiktok)) == ["unknown"]
    sent = len(tiktok.sent)
    world.wait(AFTER_LEASES)
    assert len(tiktok.sent) == sent
    if delivered(world, tiktok):  # the echo says that it arrived
        assert world.replies(pk(world, tiktok)) == ["sent"]


def test_a_token_that_is_taken_back_is_heard_of(
    world: World, tiktok: FakeTikTok, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tiktok.revoke(US) == 200
    world.stack.drain()
    [aside] = world.quarantined()
    assert aside["reason"] == "kind_account"
    assert '"TokenInvalid":[1.0]' in capsys.readouterr().out.replace(" ", "")


# Comments


def comments(world: World) -> str:
    return world.pk(LUCA, "tiktok_comments")


def test_a_comment_is_not_answered_by_itself_but_by_a_person_in_public(
    world: World, tiktok: FakeTikTok, ulid: Ulid
) -> None:
    number = say(world, tiktok, "Is breakfast included?", "tiktok_comments")
    [event] = world.events(comments(world))
    assert (event["kind"], event["reason"], event["reply"], event["message_id"]) == (
        "comment", "nothing_in_public", "none", number)  # fmt: skip
    assert tiktok.sent == []
    ana = world.agent()
    thread = ana.pull()
    assert thread
    assert ana.reply(thread, "Yes, it is.", ulid())[0] == 202
    world.stack.drain()
    [sent] = tiktok.sent
    assert (sent.to, sent.text, sent.public) == (number, "Yes, it is.", True)
    before = len(world.events())
    assert delivered(world, tiktok) == 1
    assert len(world.events()) == before + 1  # our own comment is stored and leads nowhere
    assert world.head(comments(world))["status"] == "waiting"
    assert not [item for item in world.items() if item["sk"] == "#" and item.get("contact_id") == OWN]


def test_a_hidden_comment_is_marked_and_a_deleted_one_forgotten(world: World, tiktok: FakeTikTok) -> None:
    number = say(world, tiktok, "Call me, I am Luca", "tiktok_comments")
    for action in ("set_to_hidden", "set_to_public", "set_to_hidden"):
        world.wait(60)
        assert tiktok.comment(US, LUCA, "", action=action, about=number).status == 200
        world.stack.drain()
        [first] = [event for event in world.events(comments(world)) if event["kind"] == "comment"]
        assert bool(first.get("hidden_at")) == (action == "set_to_hidden")
    world.wait(60)
    assert tiktok.comment(US, LUCA, "Call me, I am Luca", action="delete", about=number).status == 200
    world.stack.drain()
    assert "Call me" not in json.dumps(world.events(comments(world)))
    assert tiktok.sent == []


def test_what_no_table_holds_is_set_aside(world: World, tiktok: FakeTikTok) -> None:
    for event in ("post.publish.complete", "im_hologram_msg", "video.upload.failed"):
        assert tiktok.deliver("tiktok", US, event, {"conversation_id": "c"}) == 200
    world.stack.drain()
    assert sorted(item["reason"] for item in world.quarantined()) == ["kind_ignored", "kind_ignored", "kind_unknown"]


def test_a_token_is_renewed_in_time_for_messages_and_comments_alike(
    world: World, tiktok: FakeTikTok, ulid: Ulid
) -> None:
    for hours in (1, 20):  # the first pair's age is not known; the next one lives a day
        before = tiktok.grants
        world.wait(hours * 3600)
        world.stack.tick()
        assert tiktok.grants == before + 1
        world.stack.tick()
        assert tiktok.grants == before + 1
    say(world, tiktok, "Hello")
    say(world, tiktok, "Is breakfast included?", "tiktok_comments")
    ana = world.agent()
    while thread := ana.pull():
        assert ana.reply(thread, "Ana here.", ulid())[0] == 202
        world.stack.drain()
    assert {each.channel for each in tiktok.sent if each.text == "Ana here."} == {"tiktok", "tiktok_comments"}

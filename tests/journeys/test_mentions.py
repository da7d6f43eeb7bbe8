"""A listening tool brings what others say: it is stored, waits for a person, and nothing ever answers it."""

import json

import pytest
from afterhours_local.platforms.mentions import FakeMentions
from world import Ulid, World

APP, PAT = "jadran-listening", "pat_r"
CONTACT = f"reddit:https://reddit.example/u/{PAT}"


@pytest.fixture
def tool(world: World) -> FakeMentions:
    fake = world.sandbox.others["mentions"]
    assert isinstance(fake, FakeMentions)
    return fake


def say(world: World, tool: FakeMentions, text: str, **how: str) -> None:
    assert tool.say("mentions", APP, PAT, text, name="Pat", **how).status == 200
    world.stack.drain()


def test_a_mention_waits_for_a_person_and_is_never_answered(world: World, tool: FakeMentions, ulid: Ulid) -> None:
    say(world, tool, "Is there parking at Hotel Jadran?")
    pk = world.pk(CONTACT, "mentions")
    [event] = world.events(pk)
    assert (event["kind"], event["rule"], event["reason"]) == ("mention", "not_answerable", "kind_mention")
    assert (event["reply"], event["handoff"]) == ("none", ["mention"])
    ana = world.agent()
    thread = ana.pull()
    assert thread
    assert (thread["channel"], thread["contact"]["name"]) == ("mentions", "Pat (reddit)")
    assert (thread["reply"]["blocked"], thread["reply"]["allowed"]) == ("unsupported", ["note"])
    shown = ana.show(thread)["timeline"][0]["attachments"]
    assert (shown[0]["url"], shown[0]["available"]) == ("https://reddit.example/posts/1", False)
    status, answer = ana.reply(thread, "We have.", ulid())
    assert (status, answer["code"]) == (422, "unsupported")
    assert ana.call("POST", f"/api/threads/{thread['id']}/note", {"key": ulid(), "text": "Answered there."})[0] == 200
    assert ana.resolve(thread)[0] == 200
    world.settle()
    assert tool.sent == []
    assert world.replies(pk) == []


def test_the_next_mention_of_the_same_author_reopens_the_thread(world: World, tool: FakeMentions) -> None:
    say(world, tool, "Nice hotel.")
    ana = world.agent()
    thread = ana.pull()
    assert thread
    assert ana.resolve(thread)[0] == 200
    world.wait(60)
    say(world, tool, "I will call my lawyer.")
    again = world.head(world.pk(CONTACT, "mentions"))
    assert (again["status"], again["episode"]) == ("open", 2)
    assert again["handoff_reasons"][0] == "mention"
    assert ana.pull() is not None


def test_the_same_name_on_another_network_is_another_thread(world: World, tool: FakeMentions) -> None:
    say(world, tool, "One.")
    say(world, tool, "Two.", network="forum")
    assert len({event["pk"] for event in world.events()}) == 2


def test_a_mention_that_comes_again_is_stored_once(world: World, tool: FakeMentions) -> None:
    author = {"name": "Pat"}
    mention = {"id": "1", "network": "reddit", "author": author, "text": "Hm.", "posted_at": "2026-11-11T09:59:00Z"}
    for _ in range(3):
        assert tool.deliver(APP, {"mentions": [mention]})[0] == 200
    world.stack.drain()
    assert len(world.events()) == 1


def test_what_is_no_mention_is_set_aside_and_the_rest_is_stored(world: World, tool: FakeMentions) -> None:
    good = {"id": "1", "network": "reddit", "author": {"name": "Pat"}, "text": "Hm."}
    assert tool.deliver(APP, {"mentions": [7, good, {"id": "2"}]})[0] == 200
    world.stack.drain()
    assert len(world.events()) == 1
    assert len(world.quarantined()) == 2


def test_an_unsigned_mention_is_refused(world: World, tool: FakeMentions) -> None:
    body = json.dumps({"mentions": []}).encode()
    assert world.post(f"/hook/mentions/{APP}", body, {}).status == 401
    signed = tool.signed(tool.account("mentions", APP), body)
    assert world.post(f"/hook/mentions/{APP}", body, signed).status == 200
    world.wait(301)
    assert world.post(f"/hook/mentions/{APP}", body, signed).status == 401

"""LinkedIn: the challenge, comments and mentions, what is kept for two days only, and a person's answer in public."""

import json

import pytest
from afterhours_local.platforms.linkedin import FakeLinkedIn, Trouble
from afterhours_local.platforms.spoilt import Spoilt
from world import AFTER_LEASES, AgentClient, Ulid, World

PAGE, MIA = "2414183", "mia"
TWO_DAYS_S = 2 * 86_400
QUESTION = "Is there a parking garage for our coach?"


@pytest.fixture
def linkedin(world: World) -> FakeLinkedIn:
    fake = world.sandbox.others["linkedin"]
    assert isinstance(fake, FakeLinkedIn)
    return fake


def say(world: World, linkedin: FakeLinkedIn, text: str = QUESTION) -> str:
    said = linkedin.say("linkedin", PAGE, MIA, text)
    assert said.status == 200
    world.stack.drain()
    return said.message_id


def pk(world: World) -> str:
    return world.pk(f"urn:li:person:{MIA}", "linkedin")


def replied(world: World, ulid: Ulid, text: str = "Yes, for two coaches.") -> AgentClient:
    ana = world.agent()
    thread = ana.pull()
    assert thread
    assert ana.reply(thread, text, ulid())[0] == 202
    world.stack.drain()
    return ana


def test_the_challenge_is_answered_and_signs_nothing_else(world: World, linkedin: FakeLinkedIn) -> None:
    assert linkedin.validate(PAGE)[1]
    said, right = linkedin.validate(PAGE, challenge='hmacsha256={"type":"x"}')
    assert (said.status, right) == (400, False)


def test_a_comment_is_answered_by_a_person_below_it(world: World, linkedin: FakeLinkedIn, ulid: Ulid) -> None:
    comment = say(world, linkedin)
    [event] = world.events(pk(world))
    assert (event["kind"], event["reason"], event["reply"]) == ("comment", "nothing_in_public", "none")
    assert linkedin.sent == []
    replied(world, ulid)
    [sent] = linkedin.sent
    assert (sent.to, sent.text, sent.public) == (comment, "Yes, for two coaches.", True)
    assert world.replies(pk(world)) == ["sent"]
    assert linkedin.deliver_pending() == 1
    world.stack.drain()
    assert world.head(pk(world))["status"] == "waiting"  # the page's own comment wakes nobody


@pytest.mark.parametrize("prefixed", [True, False])
def test_the_copies_for_all_subscribers_are_one_comment(world: World, linkedin: FakeLinkedIn, prefixed: bool) -> None:
    linkedin.subscribers, linkedin.prefixed = 10, prefixed
    say(world, linkedin)
    assert [event["text"] for event in world.events(pk(world))] == [QUESTION]


def test_a_mention_waits_for_a_person_who_may_comment_on_the_post(
    world: World, linkedin: FakeLinkedIn, ulid: Ulid
) -> None:
    said = linkedin.mention(PAGE, MIA, "A lovely week at Hotel Jadran")
    assert said.status == 200
    world.stack.drain()
    [event] = world.events(pk(world))
    assert (event["kind"], event["reply"], event["handoff"]) == ("mention", "none", ["mention"])
    replied(world, ulid, "Thank you!")
    assert [(each.to, each.text) for each in linkedin.sent] == [(said.message_id, "Thank you!")]


def test_an_edit_and_a_deletion_are_followed(world: World, linkedin: FakeLinkedIn) -> None:
    comment = say(world, linkedin)
    world.wait(60)
    linkedin.act(PAGE, "COMMENT_EDIT", comment, MIA, "For two coaches?")
    world.stack.drain()
    [first] = [event for event in world.events(pk(world)) if event["kind"] == "comment"]
    assert first["text"] == "For two coaches?"
    world.wait(60)
    linkedin.act(PAGE, "COMMENT_DELETE", comment, MIA, "For two coaches?")
    world.stack.drain()
    [first] = [event for event in world.events(pk(world)) if event["kind"] == "comment"]
    assert first.get("text") is None


def test_what_members_wrote_stands_nowhere_for_longer_than_two_days(
    world: World, linkedin: FakeLinkedIn, ulid: Ulid
) -> None:
    say(world, linkedin)
    linkedin.mention(PAGE, MIA, QUESTION)
    linkedin.act(PAGE, "APPLAUD", "urn:li:activity:1", MIA, QUESTION)
    world.stack.drain()
    replied(world, ulid)
    world.settle()
    until = world.now_ms // 1000 + TWO_DAYS_S
    holding = [item for item in world.items() if "coach?" in json.dumps(item, default=repr)]
    assert {item["pk"][:2] for item in holding} == {"T#", "Q#"}
    assert [item["sk"] for item in holding if item["ttl"] > until] == []
    head = world.head(pk(world))
    assert head["ttl"] > until
    assert not {"asked", "contact_name"} & head.keys()


@pytest.mark.parametrize(
    ("trouble", "state"),
    [
        (Trouble.FORBIDDEN_403, "refused"),
        (Trouble.GONE_404, "refused"),
        (Trouble.VERSION_426, "refused"),
        (Spoilt.RESET, "unknown"),
        (Spoilt.ERROR_500, "unknown"),
    ],
)
def test_a_reply_that_failed_is_news_and_is_not_sent_again(
    world: World, linkedin: FakeLinkedIn, ulid: Ulid, trouble: Trouble | Spoilt, state: str
) -> None:
    say(world, linkedin)
    linkedin.misbehave(trouble)
    replied(world, ulid)
    sent = len(linkedin.sent)
    world.wait(AFTER_LEASES)
    assert (world.replies(pk(world)), len(linkedin.sent)) == ([state], sent)
    assert world.head(pk(world))["status"] == "open"


def test_a_reply_that_comes_too_fast_leaves_later(world: World, linkedin: FakeLinkedIn, ulid: Ulid) -> None:
    say(world, linkedin)
    linkedin.misbehave(Trouble.RATE_429)
    replied(world, ulid)
    assert linkedin.sent == []
    world.wait(901)
    assert [each.text for each in linkedin.sent] == ["Yes, for two coaches."]


def test_a_text_beyond_linkedins_limit_is_told_to_its_author(world: World, linkedin: FakeLinkedIn, ulid: Ulid) -> None:
    say(world, linkedin)
    ana = world.agent()
    thread = ana.pull()
    assert thread
    status, answer = ana.reply(thread, "x" * 1251, ulid())
    assert (status, answer["code"]) == (422, "too_long")
    assert linkedin.sent == []

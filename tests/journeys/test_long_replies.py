"""A composed text that is longer than the platform's limit leaves as several messages, in order."""

from typing import Any

import pytest
from afterhours.graphemes import clusters
from afterhours_local.platforms.faults import Fault
from counting import meanwhile
from journeys.test_desk import playing
from world import ANA, IVO, AgentClient, Ulid, World

GUEST = "7415500923317748"
LINK = "https://hotel-jadran.example/parking?floor=2&night=14"
FAMILY = "👨‍👩‍👧‍👦"  # 25 bytes, one character to whoever reads it
LONG = f"Dobar dan! {FAMILY * 36} Parkiralište: {LINK}\n\n{'Vidimo se u petak. ' * 40}".strip()


@pytest.fixture
def ana(world: World) -> AgentClient:
    return world.agent(ANA)


@pytest.fixture
def thread(world: World, ana: AgentClient) -> dict[str, Any]:
    """Somebody on Instagram, which takes 1,000 bytes a message, asked for a person, and Ana has the thread."""
    world.say("I want a person", channel="instagram", contact=GUEST)
    pulled = ana.pull()
    assert pulled
    return pulled


def composed(world: World) -> list[dict[str, Any]]:
    return [item for item in world.events(world.pk(GUEST, "instagram")) if item["type"] == "outbound"]


def test_it_leaves_in_parts_that_cut_no_character_and_no_link(
    world: World, ana: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    before = len(world.sent)
    status, answer = ana.reply(thread, LONG, ulid())
    assert (status, answer["state"], answer["parts"]) == (202, "planned", 2)
    world.settle()
    parts = world.sent[before:]
    assert "".join("".join(parts).split()) == "".join(LONG.split())
    assert all(len(part.encode()) <= 1000 for part in parts)
    assert sum(LINK in part for part in parts) == 1
    assert [cluster for part in parts for cluster in clusters(part)].count(FAMILY) == 36
    assert [item["reply"] for item in composed(world)] == ["sent", "sent"]
    assert ana.show(thread)["thread"]["status"] == "waiting"


def test_n7_the_same_key_again_sends_no_part_again(
    world: World, ana: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    key, before = ulid(), len(world.sent)
    first, again = (ana.reply(thread, LONG, key)[1] for _ in range(2))
    assert (first["key"], first["parts"]) == (again["key"], again["parts"]) == (key, 2)
    world.settle()
    assert ana.reply(thread, LONG, key)[1]["state"] == "sent"
    world.settle()
    assert len(world.sent) - before == 2


def test_n7_parts_whose_keys_were_lost_are_brought_back_in_order(
    world: World, ana: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    before = len(world.sent)
    ana.reply(thread, LONG, ulid())
    world.stack.clients.sqs.purge_queue(QueueUrl=world.stack.environment["INBOUND_QUEUE_URL"])
    world.settle()
    assert "".join("".join(world.sent[before:]).split()) == "".join(LONG.split())


def test_what_follows_a_part_that_was_refused_does_not_leave_alone_and_the_thread_is_open(
    world: World, ana: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    before = len(world.sent)
    world.misbehave(Fault.BAD_REQUEST_400)
    ana.reply(thread, LONG, ulid())
    world.settle()
    assert world.sent[before:] == []
    assert [(item["reply"], item.get("reply_reason")) for item in composed(world)] == [
        ("refused", "bad_request"),
        ("dropped", "earlier_part_failed"),
    ]
    shown = ana.show(thread)["thread"]
    assert (shown["status"], shown["last_inbound"]) == ("open", composed(world)[0]["sk"])


def test_a_later_part_that_fails_is_news_though_the_first_arrived(
    world: World, ana: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    with meanwhile("sqs.SendMessage", lambda: world.misbehave(Fault.BAD_REQUEST_400), after=1):  # as the second is rung
        ana.reply(thread, LONG, ulid())
        world.settle()
    assert [item["reply"] for item in composed(world)] == ["sent", "refused"]
    assert ana.show(thread)["thread"]["status"] == "open"


@pytest.mark.parametrize("named", [0, 1])
@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_a_lead_decides_on_all_parts_at_once_whichever_is_named(
    world: World, ana: AgentClient, ulid: Ulid, verb: str, named: int
) -> None:
    playing(world, four_eyes="always")
    ivo = world.agent(IVO)
    world.say("I want a person", channel="instagram", contact=GUEST)
    thread = ivo.pull()
    assert thread
    key, before = ulid(), len(world.sent)
    assert ivo.reply(thread, LONG, key)[1]["state"] == "held"
    held = ana.call("GET", "/api/inboxes/support/threads?view=held")[1]["threads"]
    assert [each["id"] for each in held] == [thread["id"]]
    part = composed(world)[named]["sk"].rpartition("#")[2]
    body = {"key": part, **({"reason": "We do not."} if verb == "reject" else {})}
    assert ana.call("POST", f"/api/threads/{thread['id']}/{verb}", body)[0] == 202
    world.wait(400)
    assert len(world.sent) - before == (2 if verb == "approve" else 0)
    assert {item["reply"] for item in composed(world)} == {"sent" if verb == "approve" else "dropped"}


def test_in_public_and_where_the_limit_is_ours_a_text_stays_one_message(world: World, ana: AgentClient) -> None:
    world.comment("I want a person")
    thread = ana.pull()
    assert thread
    assert (thread["reply"]["limit"], thread["reply"]["parts"]) == (2000, 1)

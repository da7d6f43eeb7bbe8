"""What the worker asks of AWS and of the platform, counted exactly, with configuration and secrets warm."""

from collections import Counter
from collections.abc import Callable

import pytest
from afterhours.stores.dynamo import to_item
from counting import counted
from world import PETRA, WHATSAPP, Ulid, World

GET, PUT, CHANGE = "dynamodb.GetItem", "dynamodb.PutItem", "dynamodb.UpdateItem"
COMMIT = "dynamodb.TransactWriteItems"
RING = "sqs.SendMessage"
IVAN = "385911111112"
SILENCE_S = 13 * 3600  # after which a session is over


@pytest.fixture(params=[1, 100])
def thread_of(request: pytest.FixtureRequest, world: World) -> World:
    """A thread of so many events, its session over, and everything cached."""
    world.say("Hello")
    [event] = world.events()
    for number in range(request.param - 1):
        item = {**event, "sk": f"E#{event['at'] - number - 1:013d}#I#{number:026d}"}
        world.stack.clients.dynamodb.put_item(TableName=world.threads.table, Item=to_item(item))
    assert len(world.events()) == request.param
    world.wait(SILENCE_S)
    world.say("Hello", contact=IVAN)
    return world


def asked(world: World, act: Callable[[], object]) -> tuple[Counter[str], int]:
    """AWS calls of the worker alone, and calls of the platform, for what is done."""
    act()
    before = len(world.sandbox.graph.calls)
    with counted() as calls:
        world.stack.drain()
    return calls, len(world.sandbox.graph.calls) - before


def write(world: World, text: str, contact: str = PETRA) -> Callable[[], object]:
    return lambda: world.sandbox.graph.say("whatsapp", WHATSAPP, contact, text)


def test_a_plain_event_is_one_read_and_one_transaction(thread_of: World) -> None:
    thread_of.say("Good morning")
    assert asked(thread_of, write(thread_of, "Anybody?")) == ({GET: 1, COMMIT: 1}, 0)


def test_a_reply_with_a_handoff_adds_a_bell_an_outcome_and_one_post(thread_of: World) -> None:
    thread = thread_of.agent().call("POST", f"/api/threads/{name_of(thread_of)}/claim")[1]["thread"]
    assert thread_of.agent().resolve(thread)[0] == 200
    assert asked(thread_of, write(thread_of, "I want a person")) == ({GET: 1, COMMIT: 1, RING: 1, CHANGE: 1}, 1)


def test_the_first_event_of_a_contact_costs_the_same(world: World) -> None:
    world.say("Hello", contact=IVAN)
    hidden = "HR.13491208655302741918"
    assert asked(world, write(world, "Hello", hidden)) == ({GET: 1, COMMIT: 1, RING: 1, CHANGE: 1}, 1)


def test_of_a_contact_with_two_ids_it_costs_a_read_and_a_write_more(world: World) -> None:
    world.say("Hello", contact=IVAN)
    assert asked(world, write(world, "Hello")) == ({GET: 2, PUT: 1, COMMIT: 1, RING: 1, CHANGE: 1}, 1)


def test_a_reply_without_a_handoff_rings_nobody(thread_of: World) -> None:
    assert asked(thread_of, write(thread_of, "Good morning")) == ({GET: 1, COMMIT: 1, CHANGE: 1}, 1)


def test_a_duplicate_of_a_finished_event_is_one_read_and_one_failed_transaction(thread_of: World) -> None:
    body = thread_of.written("Good morning")
    thread_of.deliver(body)
    thread_of.stack.drain()
    sent = len(thread_of.sent)
    assert asked(thread_of, lambda: thread_of.deliver(body)) == ({GET: 1, COMMIT: 1}, 0)
    assert len(thread_of.sent) == sent


def test_a_status_is_one_write_and_no_read(thread_of: World) -> None:
    deliver = thread_of.sandbox.graph.deliver_pending
    webhooks = len(thread_of.sandbox.graph.deliveries.pending)
    assert webhooks == 4  # sent and delivered, of two replies
    assert asked(thread_of, deliver) == ({CHANGE: webhooks}, 0)


def test_a_failed_status_of_an_automatic_reply_is_one_write(thread_of: World) -> None:
    fail_last = failed_status(thread_of)
    assert asked(thread_of, fail_last) == ({CHANGE: 1}, 0)


def test_a_failed_status_of_an_agents_reply_is_one_transaction_of_two_writes_and_a_bell(
    world: World, ulid: Ulid
) -> None:
    world.say("I want a person")
    thread = world.agent().pull()
    assert thread
    world.agent().reply(thread, "We are here.", ulid())
    world.stack.drain()
    assert asked(world, failed_status(world)) == ({GET: 1, COMMIT: 1, RING: 1}, 0)


def test_an_agents_reply_is_claimed_posted_and_recorded(world: World, ulid: Ulid) -> None:
    world.say("I want a person")
    thread = world.agent().pull()
    assert thread
    reply = lambda: world.agent().reply(thread, "We are here.", ulid())  # noqa: E731
    assert asked(world, reply) == ({GET: 2, CHANGE: 1, COMMIT: 1}, 1)


def name_of(world: World) -> str:
    return world.pk().removeprefix("T#").replace("#", ".")


def failed_status(world: World) -> Callable[[], object]:
    """The platform tells that the last text it took could not be delivered."""
    sent = world.sandbox.graph.sent[-1]
    return lambda: world.deliver(world.status("failed", sent, error=131026))

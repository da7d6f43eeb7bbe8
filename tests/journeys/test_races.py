"""Many at once on one thread, one inbox, one reply: the table decides, and it decides once.

The worker and the pull are called directly, from many threads; what an index that lags would say is put into
botocore's answers.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import pulling
import pytest
import worker
from afterhours.models import Agent, Inbox
from afterhours.stores import config
from afterhours.stores.threads import HeadMoved, open_keys
from counting import answered
from sends import RetryLater
from world import AFTER_LEASES, Ulid, World

T = TypeVar("T")
MESSAGES, COPIES = 6, 4


def together(jobs: Sequence[Callable[[], T]]) -> list[T]:
    """All jobs at once, each in a thread of its own."""
    start = threading.Barrier(len(jobs))

    def run(job: Callable[[], T]) -> T:
        start.wait()
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


def handled(message: dict[str, Any]) -> dict[str, Any] | None:
    """None when the worker is done with the message; the message when it has to come back."""
    try:
        worker.handle(message, 1)
    except (RetryLater, HeadMoved):
        return message
    return None


def work_off(world: World, messages: Iterable[dict[str, Any]]) -> None:
    """All at once; then what came back, one after the other, when every lease is over."""
    left = [message for message in together([partial(handled, message) for message in messages]) if message]
    for _ in range(3):
        world.stack.clock.advance(timedelta(seconds=AFTER_LEASES))
        left = [message for message in left if handled(message)]
    assert left == []


def inbox() -> Inbox:
    found = config.inbox("support")
    assert found
    return found


def agent(number: int) -> Agent:
    return Agent(id=f"agent-{number}", email=f"agent-{number}@example.org", inboxes={"support": "agent"})


def puller(world: World, number: int) -> Callable[[], str | None]:
    """Pulls once; whose thread it got."""

    def pull() -> str | None:
        claimed = pulling.pull(world.threads, inbox(), agent(number), 0)
        return claimed[0] if claimed else None

    return pull


def rounds(few: int, many: int) -> Any:
    return pytest.mark.parametrize("rounds", [few, pytest.param(many, marks=pytest.mark.proof)])


@rounds(1, 60)
def test_n1_n2_n3_copies_of_six_messages_in_24_threads_are_six_events_one_reply_and_one_bell(
    world: World, rounds: int
) -> None:
    config.account("whatsapp", "106540352242922")
    for number in range(rounds):
        contact = f"3859140{number:05d}"
        world.deliver(world.written(*(f"message {text}" for text in range(MESSAGES)), contact=contact))
        messages = world.inbound() * COPIES
        assert len(messages) == MESSAGES * COPIES
        random.Random(number).shuffle(messages)
        work_off(world, messages)
        pk = world.pk(contact)
        assert len(world.events(pk)) == MESSAGES
        assert world.replies(pk) == ["sent"]
        assert sum(sent.to == contact for sent in world.sandbox.graph.sent) == 1
        assert world.bells() == [pk]
        assert world.head(pk)["inbound_count"] == MESSAGES
        world.lose_bells()


@rounds(1, 60)
def test_n7_copies_of_one_composed_reply_in_16_threads_are_sent_once(world: World, ulid: Ulid, rounds: int) -> None:
    for number in range(rounds):
        contact = f"3859150{number:05d}"
        world.say("I want a person", contact=contact)
        thread = world.agent().pull()
        assert thread
        world.agent().reply(thread, "We are here.", ulid())
        [message] = world.inbound()
        work_off(world, [message] * 16)
        assert [sent.text for sent in world.sandbox.graph.sent if sent.to == contact][1:] == ["We are here."]
        assert world.replies(world.pk(contact)) == ["sent", "sent"]


@rounds(1, 60)
def test_n6_sixteen_agents_pull_one_thread_and_one_gets_it(world: World, rounds: int) -> None:
    for number in range(rounds):
        contact = f"3859160{number:05d}"
        world.say("I want a person", contact=contact)
        got = together([puller(world, each) for each in range(16)])
        assert [pk for pk in got if pk] == [world.pk(contact)]
        assert world.head(world.pk(contact))["fence"] == 1


@rounds(1, 12)
def test_n6_fifty_agents_pull_twenty_threads_from_a_lagging_index_and_no_two_get_the_same(
    world: World, rounds: int
) -> None:
    for number in range(rounds):
        contacts = [f"38591{number:02d}7{each:05d}" for each in range(20)]
        for contact in contacts:
            world.say("I want a person", contact=contact)
        wanted = {world.pk(contact) for contact in contacts}
        got: Counter[str] = Counter()
        idle = list(range(50))
        with answered("dynamodb.Query", lagging(random.Random(number))):
            for _ in range(5):
                pulled = together([puller(world, each) for each in idle])
                got.update(pk for pk in pulled if pk)
                idle = [each for each, pk in zip(idle, pulled, strict=True) if pk is None]
                if got.keys() == wanted:
                    break
        assert got == Counter(wanted)
        assert len({world.head(pk)["owner"] for pk in wanted}) == 20
        assert len(idle) == 30
        for pk in wanted:
            world.erase(pk)


def test_n5_a_thread_behind_a_page_that_others_have_claimed_is_found_though_the_index_does_not_know_it(
    world: World,
) -> None:
    now = world.now_ms
    for number in range(60):
        pk = f"T#whatsapp#106540352242922#{number:026d}"
        head = {"pk": pk, "sk": "#", "inbox": "support", "contact_id": "1", "status": "open", "version": 1}
        claimed = {"owner": "somebody", "lease_until": now + 60_000} if number < 55 else {}
        world.threads.put({**head, **claimed, **open_keys(pk, "support", 1, now + number, now)})
    with answered("dynamodb.Query", lagging(random.Random(0), seen=1, stale=1)):
        got = [puller(world, 1)() for _ in range(5)]
    assert got == [f"T#whatsapp#106540352242922#{number:026d}" for number in range(55, 60)]


def lagging(dice: random.Random, *, seen: float = 0.7, stale: float = 0.5) -> Callable[[dict[str, Any]], None]:
    """An index that does not show some threads yet, and some still as nobody's."""
    lock = threading.Lock()

    def change(answer: dict[str, Any]) -> None:
        if answer["Items"] and "work_sk" not in answer["Items"][0]:
            return  # a timeline: read from the table
        with lock:
            answer["Items"] = [entry for entry in answer["Items"] if dice.random() < seen]
            old = [entry for entry in answer["Items"] if dice.random() < stale]
        for entry in old:
            for name in ("owner", "lease_until", "kept_for", "kept_until"):
                entry.pop(name, None)

    return change

"""Whatever dies at whatever call: stored once, sent at most once, recorded, and reachable for an agent.

Each scenario is run once for every AWS call it makes and every way that call can go wrong, and for each way the
platform's answer can get lost; then everything is delivered again, leases run out, the sweeper does its rounds.
The default run does a slice of that: calls all along the way, each way that they can go wrong.
"""

import contextlib
import itertools
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from afterhours.stores import config, secrets
from afterhours_local.executors import FunctionError
from afterhours_local.platforms.faults import Fault
from counting import Faults, struck
from slices import sweep
from world import AFTER_LEASES, WHATSAPP, AgentClient, Ulid, World

WAYS = ("before", "after", "lost", "twice")
PLATFORM = (Fault.RESET_BEFORE_READING, Fault.RESET_AFTER_READING, Fault.ERROR_THOUGH_SENT, Fault.PAIR_131056)
DOUBLE_FAULTS = int(os.environ.get("AFTERHOURS_DOUBLE_FAULTS", "50"))  # of each scenario, drawn; a few minutes
REPLY = "We are here."
LONG = " ".join(f"{number}." for number in range(1000, 1900))  # 4,499 characters: two messages
SETTLED = {"sent", "refused", "unknown", "dropped"}


@dataclass
class Story:
    """One customer, one agent, and what they do."""

    world: World
    contact: str
    ana: AgentClient
    key: str
    thread: dict[str, Any] = field(default_factory=dict)

    @property
    def pk(self) -> str:
        return self.world.pk(self.contact)

    def write(self, text: str) -> None:
        self.world.sandbox.graph.say("whatsapp", WHATSAPP, self.contact, text)

    def wrote(self, text: str) -> None:
        self.write(text)
        self.world.stack.drain()

    def pulled(self) -> None:
        self.wrote("I want a person")
        self.thread = self.ana.pull() or {}

    def answer(self) -> None:
        self.ana.reply(self.thread, REPLY, self.key)

    def answer_at_length(self) -> None:
        self.ana.reply(self.thread, LONG, self.key)
        self.drain()

    def pull(self) -> None:
        self.ana.call("POST", "/api/inboxes/support/pull", {})

    def drain(self) -> None:
        self.world.stack.drain()

    def resolve_and_drain(self) -> None:
        """The question how it was goes the way of a composed text."""
        self.ana.resolve(self.thread)
        self.drain()


@dataclass(frozen=True)
class Scenario:
    """`before` is done in peace, `act` meets the faults, `again` is what a client does who got no answer."""

    before: Callable[[Story], object]
    act: Callable[[Story], object]
    events: int
    texts: int  # that may reach the customer, all in all
    again: Callable[[Story], object] = lambda story: None


def plain(story: Story) -> None:
    story.wrote("Hello")
    story.write("Is breakfast included?")


def leaving(story: Story) -> None:
    story.wrote("Hello")
    story.write("stop")


def answering(story: Story) -> None:
    story.pulled()
    story.answer()


def answered(story: Story) -> None:
    answering(story)
    story.drain()
    story.thread = story.ana.show(story.thread)["thread"]


def resolved(story: Story) -> None:
    answered(story)
    story.ana.resolve(story.thread)
    story.drain()
    story.write("5")


SCENARIOS = {
    "plain": Scenario(plain, Story.drain, events=2, texts=1),
    "reply": Scenario(leaving, Story.drain, events=2, texts=2),
    "reply and handoff": Scenario(lambda story: story.write("I want a person"), Story.drain, events=1, texts=1),
    "agent's reply": Scenario(answering, Story.drain, events=2, texts=2),
    "agent composes": Scenario(Story.pulled, Story.answer, events=2, texts=2, again=Story.answer),
    "agent's long reply": Scenario(
        Story.pulled, Story.answer_at_length, events=3, texts=3, again=Story.answer_at_length
    ),
    "agent pulls": Scenario(lambda story: story.wrote("Hello"), Story.pull, events=1, texts=1),
    "agent releases": Scenario(Story.pulled, lambda story: story.ana.do("release", story.thread), events=1, texts=1),
    "agent resolves": Scenario(Story.pulled, lambda story: story.ana.resolve(story.thread), events=1, texts=1),
    "agent resolves and asks": Scenario(
        answered, Story.resolve_and_drain, events=3, texts=3, again=Story.resolve_and_drain
    ),
    "rating": Scenario(resolved, Story.drain, events=4, texts=4),
}


class Stage:
    """Plays a scenario again and again, each time with a new customer, and cleans up."""

    def __init__(self, world: World, ulid: Ulid, scenario: Scenario) -> None:
        self.world, self.ulid, self.scenario = world, ulid, scenario
        self.ana = world.agent()
        self.numbers = itertools.count(385_917_000_000)

    def calls(self) -> int:
        """How many calls the act makes when nothing goes wrong."""
        with self._story() as story, struck({}) as calls:
            self.scenario.act(story)
            made = calls.total()
            self.world.settle()
            return made

    def play(self, faults: Faults, platform: Fault | None = None, *, during_recovery: bool = False) -> list[str]:
        """The rules that are broken when all is over. The faults may go on while everything is delivered again."""
        with self._story() as story:
            if platform:
                self.world.misbehave(platform)
            with struck(faults):
                self.scenario.act(story)
                for _ in range(2 if during_recovery else 0):
                    self.scenario.again(story)
                    self.world.wait(AFTER_LEASES)
                    with contextlib.suppress(FunctionError):
                        self.world.stack.tick()
                    self.world.stack.drain()
            self.scenario.again(story)
            self.world.settle()
            return self._broken(story)

    @contextlib.contextmanager
    def _story(self) -> Iterator[Story]:
        story = Story(self.world, str(next(self.numbers)), self.ana, self.ulid())
        self.scenario.before(story)
        self.world.lose_bells()
        config.clear()  # reading them anew may fail as well
        secrets.clear()
        yield story
        self.world.sandbox.graph.behave()
        self.world.erase(story.pk)

    def _broken(self, story: Story) -> list[str]:
        world, scenario = self.world, self.scenario
        events, head = world.events(story.pk), world.head(story.pk)
        got = [sent.text for sent in world.sandbox.graph.sent if sent.to == story.contact]
        recorded = {item["reply_text"] for item in events if item["reply"] == "sent"}
        rated = [item for item in events if item.get("rule") == "rating"]
        ratings = [item for item in world.items(story.pk) if "csat_score" in item]
        rules = {
            "N1 a rating is kept with its resolution": len(rated) == len(ratings),
            "N1 stored once": len(events) == scenario.events,
            "N2, N3, N7 sent at most once": len(got) == len(set(got)) <= scenario.texts,
            "N4 every reply is settled": {item["reply"] for item in events} <= {"none", *SETTLED},
            "N4 what is recorded as sent was sent": recorded <= set(got),
            "N5 an open thread rings": head["status"] != "open" or story.pk in world.bells(),
            "N5 no bell is left pending": not any(item.get("ring") == "pending" for item in events),
            "N8 nothing is left to bring back": not any("work_pk" in item for item in events),
            "N8 nothing is given up": world.dead_letters() == 0,
        }
        return [rule for rule, holds in rules.items() if not holds]


@pytest.fixture(params=SCENARIOS)
def stage(request: pytest.FixtureRequest, world: World, ulid: Ulid) -> Stage:
    return Stage(world, ulid, SCENARIOS[request.param])


@sweep(every=19)  # goes through the ways in turn: there are four
def test_every_promise_holds_whatever_one_call_goes_wrong(stage: Stage, every: int) -> None:
    faults = [*itertools.product(range(stage.calls()), WAYS)][::every]
    broken = {(number, way): found for number, way in faults if (found := stage.play({number: way}))}
    assert broken == {}


@sweep(every=3)
def test_every_promise_holds_whatever_becomes_of_the_platforms_answer(stage: Stage, every: int) -> None:
    broken = {fault: found for fault in PLATFORM[::every] if (found := stage.play({}, fault))}
    assert broken == {}


@pytest.mark.proof
def test_every_promise_holds_whatever_two_calls_go_wrong(stage: Stage) -> None:
    dice, calls = random.Random(7), stage.calls()
    pairs = [
        {first: way, second: other}
        for first, second in itertools.product(range(calls), range(3 * calls))
        for way, other in itertools.product(WAYS, WAYS)
        if first < second
    ]
    broken = {}
    for faults in dice.sample(pairs, min(DOUBLE_FAULTS, len(pairs))):
        platform = dice.choice([None, *PLATFORM])
        if found := stage.play(faults, platform, during_recovery=True):
            broken[str((faults, platform))] = found
    assert broken == {}

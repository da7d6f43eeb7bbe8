"""Two Afterhours wired to each other: what one sends is what the other receives, and after a few messages both stop."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from itertools import product
from typing import Any

import pytest
from afterhours.playbook import Playbook
from afterhours.stores import config, secrets
from afterhours.stores.dynamo import to_item
from afterhours_local import config as configuration
from afterhours_local import config_push
from afterhours_local.platforms.graph import FakeAccount
from afterhours_local.sandbox import SAMPLES
from afterhours_local.stack_config import Resources, StackConfig
from slices import sliced
from world import OPEN, SATURDAY_NIGHT, WHATSAPP, World

OTHER = "106540352242999"
NUMBERS = {WHATSAPP: "385911111111", OTHER: "385912222222"}  # the phone numbers of the two accounts
TOKEN = "local-fake-other-token"
AT_MOST = 3
MOMENTS = {"day": OPEN, "night": SATURDAY_NIGHT}
PAIRS = [("hotel", "hotel"), ("hotel", "shop"), ("shop", "shop"), ("bank", "bank"), ("municipality", "night-clinic")]
BEGINNINGS = {
    "hotel": ("Hello", "What time is check-in?", "Primate li kućne ljubimce?", "I want to speak to a human"),
    "shop": ("Hello", "How long does delivery take?", "Koliko časa traja dostava?", "My lawyer will contact you"),
    "bank": ("Dobar dan", "Koje je vaše radno vreme?", "I lost my card", "Izgubio sam karticu i ovo je sramota!!"),
    "municipality": ("Guten Tag", "Wann haben Sie geöffnet?", "When is bulky waste collected?", "I smell gas here"),
    "night-clinic": ("Բարև", "Where are you located?", "How do I book an appointment?", "English please"),
}


@cache
def sample(name: str) -> Playbook:
    return configuration.load_playbook(SAMPLES / f"{name}.playbook.yaml")


class Wire:
    """Two WhatsApp numbers of two teams, each the other's customer."""

    def __init__(self, world: World, ours: str, theirs: str) -> None:
        self.world, stack = world, world.stack
        target = StackConfig(Resources.of(stack.stack_name, stack.outputs), stack.clients, dry_run=False)
        for name in {ours, theirs}:
            config_push.push_playbook(sample(name), target, stack.clock.now().date())
        inbox, account = config.inbox("support"), config.account("whatsapp", WHATSAPP)
        assert inbox is not None
        assert account is not None
        others = {"id": "others", "playbook": theirs, "queue_url": target.human_queue("others")[1]}
        self._put("INBOX", "support", {**inbox.model_dump(), "playbook": ours})
        self._put("INBOX", "others", {**inbox.model_dump(), **others})
        other = account.model_copy(update={"id": OTHER, "inbox": "others"})
        self._put("ACCOUNT", f"whatsapp#{OTHER}", other.model_dump(exclude_none=True))
        target.parameter(f"token/whatsapp/{OTHER}", f'{{"token": "{TOKEN}"}}')
        secret, url = world.sandbox.app_secret("main"), f"{stack.url}/hook/meta/main"
        world.sandbox.graph.register(FakeAccount("whatsapp", OTHER, TOKEN, secret, url))
        config.clear()
        secrets.clear()

    def _put(self, pk: str, sk: str, fields: dict[str, Any]) -> None:
        item = to_item({"pk": pk, "sk": sk, **fields})
        self.world.stack.clients.dynamodb.put_item(TableName=self.world.stack.environment["CONFIG_TABLE"], Item=item)

    def deliver(self, text: str, to: str) -> None:
        """One of the two gets a text from the other's number."""
        [sender] = [number for account, number in NUMBERS.items() if account != to]
        assert self.world.sandbox.graph.say("whatsapp", to, sender, text).status == 200
        self.world.stack.drain()

    def carry(self, heard: int) -> list[str]:
        """Every text from the `heard`th on goes to the other side, until there are no more: those texts."""
        graph, said = self.world.sandbox.graph, []
        while fresh := graph.sent[heard:]:
            heard += len(fresh)
            for sent in fresh:
                assert sent.failed is None
                said.append(sent.text)
                assert len(said) < 20, "they talk for ever"
                self.world.stack.clock.advance(timedelta(seconds=2))
                self.deliver(sent.text, next(account for account in NUMBERS if account != sent.account))
        return said

    def talk(self, text: str, to: str) -> list[str]:
        """What is said when a text is sent in the name of one of the two, without its Afterhours knowing."""
        heard = len(self.world.sandbox.graph.sent)
        self.deliver(text, to)
        return [text, *self.carry(heard)]


@pytest.mark.parametrize(("ours", "theirs", "moment"), sliced([(*pair, at) for pair, at in product(PAIRS, MOMENTS)], 3))
def test_two_machines_stop_after_three_messages_also_when_they_know_each_other(
    world: World, ours: str, theirs: str, moment: str
) -> None:
    world.stack.clock.set_to(MOMENTS[moment])
    wire = Wire(world, ours, theirs)
    both = zip(BEGINNINGS[ours], BEGINNINGS[theirs][1:], strict=False)
    talks = []
    for number, begins in enumerate(text for each in both for text in each):
        world.stack.clock.advance(timedelta(minutes=(0, 1, 20, 90, 5, 700)[number]))
        talks.append(wire.talk(begins, list(NUMBERS)[number % 2]))
    assert [talk for talk in talks if len(talk) > AT_MOST] == []
    assert max(map(len, talks)) > 1, "somebody answered"
    world.settle()
    assert wire.carry(len(world.sandbox.graph.sent)) == [], "and nothing comes later"
    assert world.dead_letters() == 0


def test_a_loop_of_two_machines_reaches_a_person_on_the_side_that_noticed(world: World) -> None:
    wire = Wire(world, "hotel", "shop")
    first = wire.talk("Hello", WHATSAPP)
    assert len(first) == 2, "one greets, the other knows an automatic text when it sees one"
    [noticed] = [item for item in world.events() if item["rule"] == "loop_guard"]
    assert (noticed["reason"], noticed["reply"]) == ("auto_responder", "none")
    assert "loop_guard" in world.head(noticed["pk"])["handoff_reasons"]


def test_a_reply_of_a_person_to_the_other_machine_is_answered_once(world: World, ulid: Callable[[], str]) -> None:
    wire = Wire(world, "hotel", "hotel")
    wire.talk("Hello", WHATSAPP)
    world.wait(3_600)
    agent = world.agent()
    thread = agent.pull()
    assert thread is not None
    heard = len(world.sandbox.graph.sent)
    assert agent.reply(thread, "What time is check-in?", ulid())[0] == 202
    world.stack.drain()
    said = wire.carry(heard)
    assert len(said) == 2, "the question and its answer; where a person has spoken automation is silent"
    assert said[1].startswith("Check-in is from 14:00")

"""What holds on every channel of the registry, from the customer to the platform: the edges of texts and windows, what
comes twice, and what we said ourselves. A new channel is played without another word here."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from afterhours import channels
from afterhours.channels.contract import Channel
from afterhours.models import Outcome, Outgoing, Result
from afterhours.stores import config, secrets
from afterhours_local.config_entries import AccountEntry
from afterhours_local.http_event import HttpRequest
from afterhours_local.platforms.email import FakeSes
from afterhours_local.platforms.graph import Sent as GraphSent
from channels.facts import CHANNELS as FACTS
from channels.facts import of_units
from world import AFTER_LEASES, COMMENTS, PETRA, AgentClient, Ulid, World

QUESTION = "Is there Wi-Fi in the rooms?"
SECOND = timedelta(seconds=1)
WHATSAPP_TOO_LATE = 131047  # in a status that comes after the good answer
ECHOING = {"telegram": {"business": True}}  # how to write where our own texts come back; elsewhere they always do


def can(name: str, word: str) -> bool:
    return word in channels.channel(name).CAPABILITIES


WRITABLE = [name for name in channels.CHANNELS if not can(name, "receive_only")]
SENDING = [name for name in WRITABLE if not can(name, "in_process")]
WINDOWED = [name for name in WRITABLE if channels.channel(name).WINDOW is not None]
ANSWERING = [name for name in WRITABLE if can(name, "private_reply") or not can(name, "public")]
# A limit that is the platform's: none is documented for mails.
LIMITED = [name for name in SENDING if name != "email"]
each_channel = pytest.mark.parametrize("name", channels.CHANNELS)


@dataclass
class Customer:
    """One who writes on a channel, and what the platform shows them."""

    world: World
    name: str

    @property
    def channel(self) -> Channel:
        return channels.channel(self.name)

    @property
    def account(self) -> AccountEntry:
        return next(each for each in self.world.sandbox.config.accounts if each.channel == self.name)

    @property
    def platform(self) -> Any:
        """The fake; none where nothing of ours leaves the stack by HTTP."""
        source = channels.SOURCE_OF[self.name]
        return self.world.sandbox.graph if source == "meta" else self.world.sandbox.others.get(source)

    def say(self, text: str, **how: Any) -> None:
        if self.name == "webchat":
            self._visit(text)
        elif self.name in COMMENTS:
            self.world.comment(text, channel=self.name)
        else:
            said = self.platform.say(self.name, self.account.id, PETRA, text, name="Petra", **how)
            assert said.status == 200
            if isinstance(self.platform, FakeSes):
                self._told = self.platform.notice(said.message_id, f"{PETRA}@customer.example", [self.account.id])
        self.world.stack.drain()

    def _visit(self, text: str) -> None:
        site, origin = f"/webchat/{self.account.id}", ("origin", "https://www.hotel-jadran.example")
        headers = (origin, ("content-type", "application/json"))
        session = json.loads(self.world.stack.answer(HttpRequest("POST", f"{site}/session", headers, b"{}")).body)
        message = {"client_message_id": "01KA3V8Q7R0000000000000001", "type": "text", "text": text}
        signed_in = (*headers, ("authorization", f"Bearer {session['session']}"))
        self.world.posted.append(HttpRequest("POST", f"{site}/messages", signed_in, json.dumps(message).encode()))
        assert self.world.stack.answer(self.world.posted[-1]).status == 202

    def deliver_again(self) -> None:
        """All that the platform has posted, or told of, once more."""
        for request in list(self.world.posted):
            assert self.world.stack.answer(request).status in (200, 202)
        if isinstance(self.platform, FakeSes):
            self.platform.mailbox.tell(self._told)
        self.world.stack.drain()

    def receipts(self) -> int:
        """How many the platform had to deliver of what we have sent."""
        taken = int(self.platform.deliver_pending()) if self.platform else 0
        self.world.stack.drain()
        return taken

    @property
    def reached(self) -> list[str]:
        """The texts of ours on this channel that people can read."""
        if can(self.name, "in_process"):
            return [item["reply_text"] for item in self.world.events(self.head["pk"]) if item["reply"] == "sent"]
        sent = [each for each in self.platform.sent if each.channel == self.name]
        return [each.text for each in sent if not (isinstance(each, GraphSent) and each.failed)]

    @property
    def head(self) -> dict[str, Any]:
        """Of the thread that what they said made."""
        [pk] = {item["pk"] for item in self.world.events() if item["type"] == "inbound"}
        return self.world.head(pk)

    @property
    def composed(self) -> list[tuple[str, str | None]]:
        """What became of the texts of people, in order."""
        texts = [item for item in self.world.events(self.head["pk"]) if item.get("via") == "agent"]
        return [(item["reply"], item.get("reply_reason")) for item in texts]

    def straight(self, text: str, **how: Any) -> Outcome:
        """Our sender alone, without anything of ours that would stop it."""
        account = config.account(self.name, self.account.id)
        assert account
        token = secrets.token(channels.token_holder(self.name), account.id) if not can(self.name, "no_token") else ""
        to = {"to": self.head["contact_id"], "handle": self.head.get("handle"), "by_human": True, **how}
        return self.channel.send(
            account, token or "", Outgoing(text=text, correlator="01K05T1B2C3D4E5F6G7H8J9KMN", **to)
        )

    def pass_until_the_end_of(self, window: timedelta) -> None:
        self.world.stack.clock.advance(window)
        self.world.stack.tick()  # tokens that live for hours


@pytest.fixture
def customer(world: World, name: str, request: pytest.FixtureRequest) -> Customer:
    if name == "wechat":  # may else be written to in its own request alone
        request.getfixturevalue("customer_service")
    return Customer(world, name)


@pytest.fixture
def ana(world: World) -> AgentClient:
    return world.agent()


def claimed(ana: AgentClient, customer: Customer) -> dict[str, Any]:
    thread = ana.pull()
    assert thread
    assert thread["channel"] == customer.name
    return thread


def claimed_again(ana: AgentClient, thread: dict[str, Any]) -> dict[str, Any]:
    status, answer = ana.do("claim", thread)
    assert status == 200, answer
    return dict(answer["thread"])


# Windows


def test_some_channels_have_a_window_and_some_have_none() -> None:
    assert WINDOWED
    assert set(WRITABLE) - set(WINDOWED)


@pytest.mark.parametrize("name", WINDOWED)
def test_a_person_may_write_until_the_last_moment_and_no_second_longer(
    customer: Customer, ana: AgentClient, ulid: Ulid
) -> None:
    customer.say("I want a person")
    thread, before = claimed(ana, customer), len(customer.reached)
    assert customer.channel.HUMAN_WINDOW
    customer.pass_until_the_end_of(customer.channel.HUMAN_WINDOW)
    thread = claimed_again(ana, thread)
    assert ana.reply(thread, "We are here.", ulid())[0] == 202
    customer.world.stack.drain()
    assert ana.reply(thread, "On its way when the window closes.", ulid())[0] == 202
    customer.world.stack.clock.advance(SECOND)
    customer.world.stack.drain()
    assert customer.composed == [("sent", None), ("dropped", "window_closed")]
    assert customer.reached[before:] == ["We are here."]
    assert ana.reply(thread, "Still?", ulid())[1]["code"] == "window_closed"


@pytest.mark.parametrize("name", WINDOWED)
@pytest.mark.parametrize(("late", "asked"), [(timedelta(), "asked"), (SECOND, "window_closed")])
def test_automation_may_ask_until_the_last_moment_and_no_second_longer(
    customer: Customer, ana: AgentClient, ulid: Ulid, late: timedelta, asked: str
) -> None:
    customer.say("I want a person")
    thread = claimed(ana, customer)
    customer.world.stack.clock.advance(SECOND)
    assert ana.reply(thread, "We are here.", ulid())[0] == 202
    customer.world.stack.drain()
    before = len(customer.reached)
    assert customer.channel.WINDOW
    customer.pass_until_the_end_of(customer.channel.WINDOW + late - SECOND)
    assert ana.resolve(claimed_again(ana, thread))[0] == 200
    customer.world.stack.drain()
    [resolution] = [item for item in customer.world.items(customer.head["pk"]) if item["sk"].startswith("R#")]
    assert (resolution.get("csat_reason") or resolution["csat"]) == asked
    assert len(customer.reached) - before == (asked == "asked")


@pytest.mark.parametrize("name", WINDOWED)
def test_the_platform_draws_the_same_line_by_itself(customer: Customer) -> None:
    customer.say("Hello")
    began = customer.world.stack.clock.now()
    for window in dict.fromkeys((customer.channel.WINDOW, customer.channel.HUMAN_WINDOW)):
        assert window
        before, tagged = len(customer.reached), window != customer.channel.WINDOW
        customer.world.stack.clock.set_to(began)
        customer.pass_until_the_end_of(window)
        assert customer.straight("In time.", outside_window=tagged).result is Result.SENT
        customer.world.stack.clock.advance(SECOND)
        late = customer.straight("Too late.", outside_window=tagged)
        assert customer.reached[before:] == ["In time."]
        assert late.reason == "window_closed" or customer.platform.sent[-1].failed == WHATSAPP_TOO_LATE


@pytest.mark.parametrize("name", [name for name in WRITABLE if name not in WINDOWED])
def test_where_there_is_no_window_a_person_may_write_after_a_month(
    customer: Customer, ana: AgentClient, ulid: Ulid
) -> None:
    customer.say("I want a person")
    thread, before = claimed(ana, customer), len(customer.reached)
    customer.pass_until_the_end_of(timedelta(days=30))
    assert ana.reply(claimed_again(ana, thread), "We are here.", ulid())[0] == 202
    customer.world.stack.drain()
    assert customer.composed == [("sent", None)]
    assert customer.reached[before:] == ["We are here."]


# Texts


@pytest.mark.parametrize("name", SENDING)
def test_a_text_of_just_the_limit_arrives_whole_and_the_platform_takes_not_one_unit_more(
    customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer.say("I want a person")
    customer.say("Today, please.")  # is not answered again: a comment may be answered in private once
    most, private = customer.channel.TEXT_LIMIT, can(customer.name, "private_reply")
    before, full = customer.reached, of_units(customer.name, most)
    assert customer.straight("a" + full, private_reply=private).reason == "too_long"
    if customer.name in LIMITED:
        monkeypatch.setattr(customer.channel, "TEXT_LIMIT", most + 1)
        assert customer.straight("a" + full, private_reply=private).result is Result.REFUSED
    assert customer.reached == before
    assert customer.straight(full, private_reply=private).result is Result.SENT
    assert customer.reached == [*before, full]


# What comes back


def stored(customer: Customer) -> list[dict[str, Any]]:
    """All but the marks by which a text of ours is known again under a comment: what is decided anew leaves one."""
    return [item for item in customer.world.items() if not item["pk"].startswith("P#")]


@each_channel
def test_what_comes_again_is_stored_once_and_answered_once(customer: Customer) -> None:
    customer.say(QUESTION)
    answers = customer.reached
    assert bool(answers) is (customer.name in ANSWERING)
    assert [item["type"] for item in customer.world.events(customer.head["pk"])].count("inbound") == 1
    before = stored(customer)
    for pause_s in (0, AFTER_LEASES):
        customer.world.wait(pause_s)
        customer.deliver_again()
        assert stored(customer) == before
    assert customer.reached == answers
    assert customer.world.dead_letters() == 0


@pytest.mark.parametrize("name", WRITABLE)
def test_what_we_said_ourselves_comes_back_and_moves_nothing(customer: Customer, ana: AgentClient, ulid: Ulid) -> None:
    customer.say("I want a person", **ECHOING.get(customer.name, {}))
    thread = claimed(ana, customer)
    customer.world.wait(60)
    assert ana.reply(thread, "We are here.", ulid())[0] == 202
    customer.world.stack.drain()
    head, sent = customer.head, customer.reached
    inbound = [item for item in customer.world.events() if item["type"] == "inbound"]
    taken = customer.receipts()
    assert taken or not FACTS[customer.name].echo
    customer.world.wait(AFTER_LEASES)
    moved = ("version", "status", "last_inbound", "last_in_at", "human_at", "inbound_count")
    assert {key: customer.head.get(key) for key in moved} == {key: head.get(key) for key in moved}
    assert [item["sk"] for item in customer.world.events() if item["type"] == "inbound"] == [
        item["sk"] for item in inbound
    ]
    assert customer.reached == sent

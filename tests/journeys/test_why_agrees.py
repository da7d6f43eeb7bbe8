"""`afterhours why` and the stack agree: what it says of a message is what is then stored and sent, word by word."""

import json
import random
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from afterhours.channels.calling_codes import language_of
from afterhours.models import ThreadHead
from afterhours.playbook import Playbook
from afterhours.stores import config
from afterhours.stores.dynamo import to_item
from afterhours.stores.threads import thread_key, thread_name, urgency
from afterhours_local import config as configuration
from afterhours_local import config_push, public_holidays, why
from afterhours_local.cli import app
from afterhours_local.http_event import HttpRequest
from afterhours_local.platforms import graph_webhooks
from afterhours_local.sandbox import SAMPLES
from afterhours_local.stack_config import Resources, StackConfig
from typer.testing import CliRunner
from world import ACCOUNTS, World

SITE = "jadran-web"
FILES = ("hotel", "shop", "bank", "municipality", "night-clinic")
FIRST, LAST = datetime(2026, 11, 11, tzinfo=UTC), datetime(2027, 2, 20, tzinfo=UTC)
BANNER = {"text": {"en": "Our phones are down until noon.", "de": "Unser Telefon ist gestört, {first_name}."}}
CHANGED: dict[str, tuple[str, dict[str, Any]]] = {
    "hotel-incident": ("hotel", {"incident": BANNER}),
    "hotel-patient": ("hotel", {"replies": {"instant": {"delay": "40s", "after_silence": "1h"}, "surge": True}}),
    "shop-silent": ("shop", {"channels": {channel: {"away": False, "instant": False} for channel in ACCOUNTS}}),
    "clinic-strict": ("night-clinic", {"replies": {"loop_guard": {"per_10_minutes": 1}, "away": {"once_per": "1h"}}}),
}
TEXTS = (
    "Hello", "Do you have a room for tonight?", "stop", "START", "Stop!", "unsubscribe", "ok", "Danke!",
    "I want to speak to a human", "Ich möchte mit einem Menschen sprechen", "čovjek", "agent",
    "My lawyer will contact you", "This is a scandal, worst service ever, I am furious!!", "ovo je sramota!!",
    "I smell gas in the room", "Moj sin ne diše", "Buy followers now, dm us", "Earn money with crypto, click here",
    "I am out of office until Monday.", "This is an automatic reply.", "English please", "Deutsch bitte", "na ćirilici",
    "Где је мој пакет?", "Որտե՞ղ եք գտնվում", "Koliko stane dostava in kdaj pride?", "Where do I pay for parking?",
    "{0.__class__}", "{brand} [[{ways}]]", "\u202eevil", "🎉" * 40, "e" + "\u0301" * 500, "A" * 3_000, "-", "--help",
)  # fmt: skip
NAMES = (
    "Petra Novak", "ANA", "Jean-Luc", "{0.__class__}", "\u202eevil", "🎉🎉", "A" * 200, "Վարդան", "Драгана Ј.", "[[x]]",
)  # fmt: skip
COUNTRIES = ("385", "386", "49", "381", "374", "44", "46", "90", "389")
LOCALES = ("", "en", "de-AT", "sl_SI", "sr-Cyrl-RS", "hy", "xx")


@cache
def books() -> dict[str, Playbook]:
    """The sample playbooks, and some of them changed; one object each, with the dates of its holidays."""
    samples = {name: configuration.load_playbook(SAMPLES / f"{name}.playbook.yaml") for name in FILES}
    for name, (sample, changes) in CHANGED.items():
        content = {**samples[sample].model_dump(mode="json"), **changes, "id": name}
        samples[name] = Playbook.model_validate(content)
    years = range(FIRST.year - 1, LAST.year + 3)
    return {name: public_holidays.on_dates(book, years) for name, book in samples.items()}


@cache
def texts(book: str) -> tuple[str, ...]:
    """What customers of a playbook write: its own examples, half of one, two together."""
    examples = [example for entry in books()[book].faq for example in entry.examples]
    halves = [" ".join(example.split()[: len(example.split()) // 2 + 1]) for example in examples]
    return (*examples, *examples, *halves, *map(" ".join, zip(examples, examples[2:], strict=False)))


@dataclass
class Customer:
    """One contact on a channel: writes through the webhook, and sees what arrives."""

    world: World
    channel: str
    contact: str
    name: str
    locale: str  # what the channel makes known of it
    session: str = ""  # of our web chat

    @property
    def pk(self) -> str:
        name = f"/{self.world.stack.stack_name}/pepper"
        answer = self.world.stack.clients.ssm.get_parameter(Name=name, WithDecryption=True)
        account = ACCOUNTS.get(self.channel, SITE)
        return thread_key(bytes.fromhex(answer["Parameter"]["Value"]), self.channel, account, self.contact)

    def visits(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Our web chat, as its page calls it."""
        headers = [("content-type", "application/json"), ("authorization", f"Bearer {self.session}")]
        raw = json.dumps(body).encode() if body is not None else b""
        request = HttpRequest(method, f"/webchat/{SITE}{path}", tuple(headers), raw)
        answer = self.world.stack.answer(request)
        assert answer.status in (200, 201, 202), answer
        self.world.stack.drain()
        told = json.loads(answer.body)
        self.session = told.get("session", self.session)  # a new one where half of it is over
        return told

    def comes(self) -> None:
        """To the page; a session begins."""
        begun = self.visits("POST", "/session", {"locale": self.locale} if self.locale else {})
        self.contact = begun["visitor_id"]

    def writes(self, text: str, ulid: Callable[[], str]) -> None:
        if self.channel == "webchat":
            self.visits("POST", "/messages", {"client_message_id": ulid(), "text": text})
            return
        account = ACCOUNTS[self.channel]
        said = self.world.sandbox.graph.say(self.channel, account, self.contact, text, name=self.name)
        assert said.status == 200
        self.world.stack.drain()

    def received(self) -> list[tuple[str, tuple[str, ...]]]:
        """Texts of ours, with their buttons."""
        if self.channel == "webchat":
            told = self.visits("GET", "/messages")["messages"]
            return [(each["text"], tuple(button["title"] for button in each["quick_replies"])) for each in told]
        sent = [
            each for each in self.world.sandbox.graph.sent if (each.channel, each.to) == (self.channel, self.contact)
        ]
        return [(each.text, each.choices) for each in sent]


class Stage:
    """The stack with these playbooks pushed, and everything drawn by one seed."""

    def __init__(self, world: World, ulid: Callable[[], str], seed: int, pushed: Collection[str]) -> None:
        self.world, self.ulid = world, ulid
        self.chance = random.Random(seed)
        self.numbers = count(1)
        stack = world.stack
        target = StackConfig(Resources.of(stack.stack_name, stack.outputs), stack.clients, dry_run=False)
        for book in pushed:
            config_push.push_playbook(books()[book], target, FIRST.date())

    def answers_by(self, book: str) -> None:
        """The inbox has this playbook from now on."""
        stack = self.world.stack
        table = stack.environment["CONFIG_TABLE"]
        inbox = config.inbox("support")
        assert inbox is not None
        item = {"pk": "INBOX", "sk": "support", **inbox.model_dump(), "playbook": book}
        stack.clients.dynamodb.put_item(TableName=table, Item=to_item(item))
        config.clear()

    def customer(self) -> Customer:
        number, channel = next(self.numbers), self.chance.choice([*ACCOUNTS, "webchat"])
        name, locale = self.chance.choice(NAMES), self.chance.choice(LOCALES)
        if channel == "webchat":
            visitor = Customer(self.world, channel, "", "", locale)
            visitor.comes()
            return visitor
        contact = f"{self.chance.choice(COUNTRIES)}9{number:07d}"
        if channel == "whatsapp":
            return Customer(self.world, channel, contact, name, language_of(contact) or "")
        return Customer(self.world, channel, contact, "", "")  # these platforms tell neither name nor language

    def text(self, book: str) -> str:
        known = texts(book)
        return self.chance.choice(known) if known and self.chance.random() < 0.5 else self.chance.choice(TEXTS)

    def something_happens(self, customer: Customer, book: str) -> None:
        """What came before: mostly the customer wrote, sometimes one of ours did something."""
        happens = self.chance.choices([self.wrote, self.claimed, self.answered, self.answered_in_app], [12, 1, 1, 1])[0]
        happens(customer, book)
        pause = self.chance.choice([1, 20, 60, 119, 130, 600, 900, 4_000, 40_000, 80_000])
        for _ in range(2):  # a page that does not look for a day has to begin anew
            self.world.wait(pause / 2)
            customer.received()

    def wrote(self, customer: Customer, book: str) -> None:
        customer.writes(self.text(book), self.ulid)

    def claimed(self, customer: Customer, book: str) -> Any:
        if self.world.threads.head(customer.pk) is None:
            self.wrote(customer, book)
        self.agent = self.world.agent()
        status, answer = self.agent.call("POST", f"/api/threads/{thread_name(customer.pk)}/claim")
        return answer["thread"] if status == 200 else None

    def answered(self, customer: Customer, book: str) -> None:
        if thread := self.claimed(customer, book):
            self.agent.reply(thread, "I have looked it up for you.", self.ulid())
            self.world.stack.drain()

    def answered_in_app(self, customer: Customer, book: str) -> None:
        """In Meta's own app; it comes as an echo that is not ours."""
        if customer.channel not in ("messenger", "instagram"):
            return
        mid = graph_webhooks.message_id(customer.channel, customer.contact, self.ulid())
        account, now = ACCOUNTS[customer.channel], self.world.now_ms
        body = graph_webhooks.echo(
            customer.channel, account, customer.contact, mid, now, text="One moment", app_id="777", metadata=None
        )
        self.world.sandbox.graph.deliver(customer.channel, account, body)
        self.world.stack.drain()

    def situations(self, wanted: int) -> Iterator[tuple[str, Customer, str]]:
        """A playbook, a customer with a past, and what is written now; moments in order, as no clock goes back."""
        length = (LAST - FIRST) / wanted
        for number in range(wanted):
            moment = FIRST + length * (number + self.chance.random())
            self.world.stack.clock.set_to(max(moment.replace(microsecond=0), self.world.stack.clock.now()))
            book = self.chance.choice(list(books()))
            self.answers_by(book)
            customer = self.customer()
            for _ in range(self.chance.choice([0, 0, 1, 1, 2, 3, 4])):
                self.something_happens(customer, book)
            yield book, customer, self.text(book)


def predicted(world: World, book: str, customer: Customer, text: str) -> tuple[dict[str, Any], ThreadHead | None]:
    """What the function behind the command says, given the thread as it stands in the table."""
    head, now = world.threads.head(customer.pk), world.stack.clock.now()
    event = why.event(customer.channel, text, now, name=customer.name, locale=customer.locale)
    return why.explain(books()[book], event, head, now), head


def agrees(world: World, customer: Customer, told: dict[str, Any], before: ThreadHead | None, had: int) -> None:
    """What is stored, and what the customer got since, are what was told."""
    head = world.threads.get(customer.pk, "#") or {}
    item = world.threads.get(customer.pk, head["last_inbound"]) or {}
    assert (item["rule"], item["reason"], item.get("language")) == (told["rule"], told["reason"], told["language"])
    assert item.get("handoff", []) == told["handoff"]
    assert item.get("reply_text") == told["reply"]
    assert [each["title"] for each in item.get("quick_replies", [])] == told["buttons"]
    if told["not_before"]:
        assert (item["reply"], customer.received()[had:]) == ("planned", [])
        assert datetime.fromisoformat(told["not_before"]).timestamp() * 1000 == item["not_before"]
        world.wait((item["not_before"] - world.now_ms) / 1000)
    assert customer.received()[had:] == ([(told["reply"], tuple(told["buttons"]))] if told["reply"] else [])
    for name, value in told["stamps"].items():
        assert head.get(name, 0) == (list(value) if isinstance(value, tuple) else value), name
    if told["handoff"]:
        due = int(datetime.fromisoformat(told["due_at"]).timestamp() * 1000)
        waits = before is not None and before.status == "open"
        assert head["due_at"] // 1000 == (min(due, before.due_at) if waits and before else due) // 1000
        place = urgency(customer.pk, head["urgent_at"], head["opened_at"])
        assert head["work_sk"] == place, "agents see it in this order"


@pytest.mark.parametrize("wanted", [20, pytest.param(200, marks=pytest.mark.proof)])
def test_what_why_says_is_what_the_stack_stores_and_sends(
    world: World, ulid: Callable[[], str], wanted: int, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = Stage(world, ulid, seed=wanted, pushed=books())
    rules: Counter[str] = Counter()
    past = sent = 0
    for book, customer, text in stage.situations(wanted):
        told, before = predicted(world, book, customer, text)
        had = len(customer.received())
        customer.writes(text, ulid)
        agrees(world, customer, told, before, had)
        rules[told["rule"]] += 1
        past += before is not None
        sent += told["reply"] is not None
    with capsys.disabled():
        told_of = ", ".join(f"{rule} {times}" for rule, times in rules.most_common())
        print(f"\nwhy: {wanted} situations agree, {past} with a past, {sent} replies; {told_of}")
    assert len(rules) >= 9
    assert world.dead_letters() == 0


@pytest.mark.parametrize("book", FILES)
def test_the_command_reads_the_thread_as_the_table_holds_it(
    world: World, ulid: Callable[[], str], tmp_path: Path, book: str
) -> None:
    stage = Stage(world, ulid, seed=1, pushed=[book])
    stage.answers_by(book)
    customer = Customer(world, "whatsapp", "385911234567", "Petra Novak", "hr")
    customer.writes("Hello", ulid)
    world.wait(3_600)
    state = tmp_path / "head.json"
    head = world.threads.head(customer.pk)
    assert head is not None
    state.write_text(head.model_dump_json(), encoding="utf-8")
    text, at = "I want to speak to a human", world.stack.clock.now().isoformat()
    asked = ["why", "--playbook", str(SAMPLES / f"{book}.playbook.yaml"), "--channel", "whatsapp", "--at", at, "--json"]
    known = ["--name", customer.name, "--locale", customer.locale, "--contact-state", str(state)]
    answer = CliRunner().invoke(app, [*asked, *known, "--text", text])
    assert answer.exit_code == 0, answer.stderr
    had = len(customer.received())
    customer.writes(text, ulid)
    agrees(world, customer, json.loads(answer.stdout), head, had)

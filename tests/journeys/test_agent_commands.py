"""The journeys of agents once more through `afterhours agent`, as people type it at a terminal."""

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import pytest
from afterhours.phrasebook import TextKind, phrasebook
from afterhours.playbook import Playbook
from afterhours.stores import config
from afterhours.stores.dynamo import to_item
from afterhours_local.cli import app
from afterhours_local.function_output import FunctionOutput
from afterhours_local.http_event import HttpRequest
from afterhours_local.platforms.graph_files import File
from afterhours_local.stack import LocalStack
from test_pictures import png
from world import AFTER_LEASES, ANA, IVO, Ulid, World

HOUR_S = 3600
NIGHT = datetime(2026, 11, 11, 22, 40, tzinfo=UTC)
MORNING = datetime(2026, 11, 12, 7, 10, tzinfo=UTC)  # ten past eight in Zagreb
BEFORE_THE_CLOCKS_CHANGE = datetime(2027, 3, 26, 10, 0, tzinfo=UTC)  # a Friday, 11:00 in Zagreb; Sunday is shorter
MAIN = "from afterhours_local.cli import main; main()"


class Said(NamedTuple):
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Terminal:
    """An agent's terminal: their token, and a memory of their own."""

    environ: dict[str, str]

    def type(self, *arguments: str) -> Said:
        functions = FunctionOutput(lambda _function, _line: None)  # the stack runs in this process, too
        code, out, err = 0, io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            for name, value in self.environ.items():
                patch.setenv(name, value)
            functions.install()
            try:
                app(["agent", *arguments])
            except SystemExit as end:
                code = int(end.code or 0)
            finally:
                functions.remove()
        return Said(code, out.getvalue(), err.getvalue())

    def do(self, *arguments: str) -> Any:
        """The document of a command that ends well."""
        said = self.type(*arguments, "--json")
        assert said.code == 0, said.err
        return json.loads(said.out)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A process of its own."""
        environ = {**os.environ, **self.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", MAIN, "agent", *arguments]
        return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def url(started: LocalStack) -> Iterator[str]:
    """The stack at an address: it serves none itself, because here nothing runs in the background."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            request = HttpRequest(self.command, self.path, tuple(self.headers.items()), body)
            answer = started.answer(request)
            self.send_response(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def sign_in(world: World, url: str, tmp_path: Path) -> Callable[[str], Terminal]:
    def sign_in(email: str) -> Terminal:
        runtime = str(tmp_path / email)
        return Terminal(
            {"AFTERHOURS_URL": url, "AFTERHOURS_TOKEN": world.agent(email).token, "XDG_RUNTIME_DIR": runtime}
        )

    return sign_in


@pytest.fixture
def ana(sign_in: Callable[[str], Terminal]) -> Terminal:
    """A lead."""
    return sign_in(ANA)


@pytest.fixture
def ivo(sign_in: Callable[[str], Terminal]) -> Terminal:
    """An agent."""
    return sign_in(IVO)


@pytest.fixture
def in_zagreb(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Zagreb")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def playing(world: World, **changes: Any) -> None:
    playbook = world.sandbox.config.playbooks["hotel"].model_dump(mode="json")
    world.play_by(Playbook.model_validate({**playbook, **changes}))


def ids(listed: Any) -> list[str]:
    return [thread["id"] for thread in listed["threads"]]


# The whole way


@pytest.mark.usefixtures("in_zagreb")
def test_a_night_message_is_pulled_answered_and_resolved_in_the_morning_and_rated(
    world: World, ana: Terminal, ulid: Ulid
) -> None:
    playing(world, csat={"ask": True})
    world.stack.clock.set_to(NIGHT)
    world.say("I want a person")
    world.stack.clock.set_to(MORNING)
    pulled = ana.type("pull")
    assert pulled.code == 0, pulled.err
    assert "Petra Novak" in pulled.out
    assert "I want a person" in pulled.out
    assert ana.type("reply", "last", "Good morning, Ana here.", "--key", ulid()).out.endswith(": planned.\n")
    world.stack.drain()
    assert world.sent[-1] == "Good morning, Ana here."
    assert ana.type("resolve").out == f"{world.name()} is resolved.\n"
    world.stack.drain()
    assert world.sent[-1].startswith(phrasebook("en").texts[TextKind.CSAT_QUESTION])
    world.wait(60)
    world.say("5")
    number = ana.do("show", world.name())["thread"]["number"]
    assert f"{number}  resolved Thu 12 Nov" in ana.type("list", "--view", "resolved", "--day", "2026-11-12").out
    assert "rated 5 of 5" in ana.type("contact").out
    [ticket] = ana.do("export", "--day", "2026-11-12")["tickets"]
    assert (ticket["number"], ticket["assignee"], ticket["csat_score"]) == (number, ANA, 5)
    assert ana.type("export", "--day", "2026-11-12", "--csv").out.count(number) == 1


def test_of_two_agents_who_pull_at_once_one_gets_the_thread(world: World, ana: Terminal, ivo: Terminal) -> None:
    world.say("I want a person")
    pulls = [agent.start("pull", "--json") for agent in (ana, ivo)]
    told = [json.loads(process.communicate()[0]) for process in pulls]
    assert [process.returncode for process in pulls] == [0, 0]
    assert [pulled["thread"]["id"] for pulled in told if pulled] == [world.name()]
    late = (ana, ivo)[told.index(None)]
    refused = late.type("claim", world.name())
    assert (refused.code, f"afterhours agent show {world.name()}" in refused.err) == (1, True)
    assert late.type("pull").out == "Nothing waits in support.\n"


def test_the_thread_of_an_agent_who_died_is_the_next_ones_and_the_dead_ones_text_is_not_lost(
    world: World, ana: Terminal, ivo: Terminal, ulid: Ulid
) -> None:
    world.say("I want a person")
    ana.do("pull")
    assert ivo.type("pull").out == "Nothing waits in support.\n"
    world.wait(AFTER_LEASES)
    refused = ana.type("heartbeat")
    assert (refused.code, f"afterhours agent claim {world.name()}" in refused.err) == (1, True)
    assert ivo.do("pull")["thread"]["id"] == world.name()
    refused = ana.type("reply", "last", "I am back.", "--key", ulid())
    assert refused.code == 1
    assert "someone else has had the thread since" in refused.err
    assert refused.err.endswith("I am back.\n")
    world.settle()
    assert "I am back." not in world.sent


def test_a_customer_who_writes_during_the_resolve_keeps_the_thread_open(world: World, ana: Terminal) -> None:
    world.say("I want a person")
    ana.do("pull")
    world.say("One more thing")
    refused = ana.type("resolve")
    assert refused.code == 1
    assert f"read it first: afterhours agent show {world.name()}" in refused.err
    assert world.head()["status"] == "open"
    assert "One more thing" in ana.type("show").out
    assert ana.type("resolve").code == 0


@pytest.mark.usefixtures("in_zagreb")
def test_a_thread_sleeps_until_eight_by_the_clock_on_the_wall_though_the_clocks_change(
    world: World, ivo: Terminal
) -> None:
    world.stack.clock.set_to(BEFORE_THE_CLOCKS_CHANGE)
    world.say("I want a person")
    ivo.do("pull")
    told = ivo.type("snooze", "--until", "2027-03-29 08:00")
    assert "is snoozed until Mon 29 Mar 2027 08:00 CEST (the zone of this machine)." in told.out
    by_hand = world.head()["snoozed_until"]
    assert by_hand == datetime(2027, 3, 29, 6, 0, tzinfo=UTC).timestamp() * 1000  # not seven
    assert "snoozed until Mon 29 Mar 08:00" in ivo.type("list", "--view", "snoozed").out
    world.stack.clock.set_to(datetime(2027, 3, 29, 5, 59, 59, tzinfo=UTC))
    world.stack.tick()
    assert ivo.type("pull").out == "Nothing waits in support.\n"
    world.stack.clock.advance(timedelta(seconds=1))
    world.stack.tick()
    assert ivo.do("pull")["thread"]["id"] == world.name()


@pytest.mark.usefixtures("in_zagreb")
def test_a_thread_sleeps_until_the_inbox_opens_after_the_clocks_change(world: World, ivo: Terminal) -> None:
    week = {"mon-fri": ["08:00-20:00"], "sat": "closed", "sun": "closed"}
    playing(world, hours={"zone": "Europe/Zagreb", "week": week})
    world.stack.clock.set_to(datetime(2027, 3, 26, 19, 30, tzinfo=UTC))
    world.say("I want a person")
    ivo.do("claim", world.name())
    assert "Mon 29 Mar 2027 08:00 CEST" in ivo.type("snooze", "--next-opening").out
    refused = ivo.type("snooze", "--until", "2027-03-01 08:00")
    assert refused.code == 1


def test_a_text_composed_while_the_window_closes_is_refused_kept_and_sent_when_it_opens(
    world: World, ana: Terminal, ulid: Ulid
) -> None:
    world.say("I want a person")
    ana.do("pull")
    world.wait(25 * HOUR_S)
    ana.do("claim")
    refused = ana.type("reply", "last", "We have found your umbrella.", "--key", ulid())
    assert refused.code == 1
    assert "Still possible: a note, and another way to reach the customer" in refused.err
    assert f"afterhours agent note {world.name()} TEXT" in refused.err
    assert refused.err.endswith("\n\nWe have found your umbrella.\n")
    assert "+385 21 555 0100" in ana.type("answers").out
    assert ana.type("note", "last", "Called, nobody answered.", "--key", ulid()).code == 0
    world.settle()
    assert "We have found your umbrella." not in world.sent
    world.say("Are you there?")
    ana.do("claim", world.name())
    assert ana.type("reply", "last", "--again", "--key", ulid()).code == 0
    world.settle()
    assert world.sent.count("We have found your umbrella.") == 1


def test_a_reply_whose_answer_is_lost_is_sent_once_with_its_key(world: World, ana: Terminal, ulid: Ulid) -> None:
    world.say("I want a person")
    thread = ana.do("pull")["thread"]["id"]
    key = ulid()
    gone = Terminal({**ana.environ, "AFTERHOURS_URL": "http://127.0.0.1:9"})
    options = ("--key", key, "--fence", "1", "--last-inbound", "E#1")
    lost = gone.type("reply", thread, "We are here.", *options)
    assert (lost.code, f"--key {key}; it is sent once" in lost.err) == (1, True)
    for _ in range(2):
        assert ana.do("reply", thread, "We are here.", "--key", key)["key"] == key
    world.settle()
    assert world.sent.count("We are here.") == 1


# The other verbs


def test_a_thread_is_noted_tagged_found_and_given_away(world: World, ana: Terminal, ivo: Terminal, ulid: Ulid) -> None:
    world.say("I want a person")
    number = ivo.do("pull")["thread"]["number"]
    assert ivo.type("note", number, "Third call this week.", "--key", ulid()).code == 0
    assert ivo.type("tag", number, "+refund", "+Late").out == "Tags: refund, late.\n"
    assert ivo.type("tag", "last", "-late").out == "Tags: refund.\n"
    assert ids(ana.do("search", "--tag", "refund")) == [world.name()]
    assert ids(ana.do("search", "--number", number)) == [world.name()]
    assert ids(ana.do("search", "--name", "novak")) == [world.name()]
    found = ana.type("search", "--words", "person", "--from", "2026-11-10", "--until", "2026-11-12")
    assert number in found.out
    assert found.err
    assert ivo.type("assign", "last", ANA).out == f"{world.name()} is kept for {ANA}.\n"
    assert ids(ana.do("list", "--view", "mine")) == [world.name()]
    assert ivo.type("pull").out == "Nothing waits in support.\n"
    shown = ana.type("show", number).out
    assert "ivo            Third call this week." in shown
    assert f"assigned (to {ANA})" in shown
    assert ana.type("assign", "last", "eve@example.org").code == 1
    taken = ivo.type("assign", "last", IVO)
    assert (taken.code, "afterhours agent colleagues" in taken.err) == (1, True)
    assert ana.type("assign", "last", IVO).code == 0  # a lead may


def test_a_thread_goes_to_another_inbox(world: World, ana: Terminal, ivo: Terminal) -> None:
    stack = world.stack
    queue = stack.clients.sqs.create_queue(QueueName=f"{stack.stack_name}-human-sales")["QueueUrl"]
    inbox = {"pk": "INBOX", "sk": "sales", "id": "sales", "playbook": "hotel", "queue_url": queue}
    stack.clients.dynamodb.put_item(TableName=stack.environment["CONFIG_TABLE"], Item=to_item(inbox))
    config.clear()
    world.say("I want a person")
    ivo.do("pull")
    refused = ivo.type("transfer", "last", "nowhere")
    assert (refused.code, "afterhours agent me" in refused.err) == (1, True)
    assert ivo.type("transfer", "last", "sales").out == f"{world.name()} is in sales now.\n"
    assert ivo.type("show").code == 1
    assert ana.do("list") == {"threads": [], "cursor": None}


def test_a_resolved_thread_is_reopened_and_released(world: World, ana: Terminal, ivo: Terminal) -> None:
    world.say("I want a person")
    ivo.do("pull")
    ivo.do("resolve")
    assert ivo.type("reopen").out == f"{world.name()} is open.\n"
    assert ivo.type("reopen").code == 1
    assert ana.type("pull").out == "Nothing waits in support.\n"
    ivo.do("claim")
    assert ivo.type("release").code == 0


def test_a_held_reply_is_approved_or_rejected_by_a_lead(world: World, ana: Terminal, ivo: Terminal, ulid: Ulid) -> None:
    playing(world, four_eyes="always")
    world.say("I want a person")
    ivo.do("pull")
    first, second = ulid(), ulid()
    assert "A lead must approve it" in ivo.type("reply", "last", "We refund everything.", "--key", first).out
    assert ivo.type("reply", "last", "And you sleep for free.", "--key", second).code == 0
    shown = ana.type("show", world.name()).out
    assert f"(held, waits for approval, key {first})" in shown
    assert ids(ana.do("list", "--view", "held"))[0] == world.name()
    assert ivo.type("approve", "last", first).code == 1
    assert ana.type("approve", "last", first).out == f"{first} is planned.\n"
    assert ana.type("reject", "last", second, "We do not.").out == f"{second} is dropped.\n"
    world.settle()
    assert "We refund everything." in world.sent
    assert "And you sleep for free." not in world.sent
    assert "We do not." in ivo.type("show").out


def test_a_prepared_answer_reaches_the_customer_with_another_way(world: World, ana: Terminal, ulid: Ulid) -> None:
    playing(world, canned=[{"id": "hello", "text": {"en": "Hello {first_name}, {brand} here."}}])
    world.say("I want a person")
    ana.do("pull")
    assert ana.type("reply", "last", "--answer", "hello", "--way", "1", "--key", ulid()).code == 0
    world.stack.drain()
    assert world.sent[-1] == "Hello Petra, Hotel Jadran here.\n+385 21 555 0100"


def test_what_a_customer_sent_is_saved(world: World, ana: Terminal, tmp_path: Path) -> None:
    picture = png(64, 64)
    world.say("I want a person")
    world.wait(1)
    world.sandbox.graph.say(
        "whatsapp", "106540352242922", "385911111111", "Look", file=File("image", picture, "image/png")
    )
    world.stack.drain()
    shown = ana.do("claim", world.name())
    event = next(entry["id"] for entry in shown["timeline"] if entry["attachments"])
    assert f"attachment {event} 0]" in ana.type("show").out
    file = tmp_path / "picture.png"
    assert (
        ana.type("attachment", "last", event, "--output", str(file)).out == f"Saved {len(picture)} bytes as {file}.\n"
    )
    assert file.read_bytes() == picture


def test_the_watched_inbox_is_as_it_is(world: World, ana: Terminal, ivo: Terminal) -> None:
    world.say("I want a person")
    number = ivo.do("pull")["thread"]["number"]
    found = json.loads(ana.type("watch", "--once", "--json").out)
    assert [thread["number"] for thread in found["open"]] == [number]
    assert found["mine"] == []
    told = ivo.type("watch", "--once").out
    assert told.count(number) == 2  # open, and his
    assert "support  1 open, 1 yours  ivo@example.org" in told

"""`afterhours demo`: a weekend at Hotel Jadran, played through the real HTTP routes on this machine.

The bodies come from events/demo, signed as the platform signs them; the clock is virtual, everything else is the
product as it is deployed. What is printed is read back from the tables, the queues and the fake platform.
"""

import json
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import requests
from afterhours import channels
from afterhours.models import Kind
from afterhours.stores.dynamo import from_item
from afterhours.stores.threads import thread_name
from afterhours.timeline import entries
from rich.console import Console
from rich.markup import escape

from afterhours_local import sandbox
from afterhours_local.agent_api_client import new_ulid
from afterhours_local.output import plain
from afterhours_local.platforms.graph_webhooks import sign
from afterhours_local.sandbox import Sandbox
from afterhours_local.stack import LocalStack
from afterhours_local.visitor import Visitor

EVENTS = sandbox.ROOT / "events" / "demo"
ZONE = ZoneInfo("Europe/Zagreb")
SATURDAY = datetime(2026, 11, 14, 23, 40, tzinfo=ZONE)
MONDAY = datetime(2026, 11, 16, 7, 55, tzinfo=ZONE)
TEN_MINUTES = timedelta(minutes=10)
QUESTION = "Can I bring my dog?"
CONTACTS = {
    "telegram": "5551234", "x": "7001", "x_posts": "7002", "linkedin": "yrZCpj2Z12", "email": "petra@customer.example",
}  # fmt: skip
PLAYED = {"whatsapp", "messenger"}  # before
ANSWER = "Good morning! Yes, we have a guarded parking lot, free for guests. Shall I keep a place for you? Ana"


@dataclass
class Demo:
    """The play, and what it has shown so far."""

    sandbox: Sandbox
    console: Console
    steps: list[dict[str, Any]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    shown: Counter[str] = field(default_factory=Counter)  # how many sends of each platform were shown

    @property
    def stack(self) -> LocalStack:
        return self.sandbox.stack

    # The acts

    def play(self) -> None:
        self.headline(SATURDAY, "nobody is at the desk")
        self.deliver("a first message", "1-first-message")
        self.deliver("the same delivery once more", "1-first-message")
        self.deliver("one delivery with five contacts", "3-batch-of-five", minutes=2)
        self.receipts("receipts of what was sent")
        self.deliver("a question on Messenger", "4-messenger-message", minutes=1)
        self.deliver("a colleague answers in the Page's own inbox (echo)", "5-echo-of-a-colleague", minutes=1)
        self.deliver("the customer goes on: a person speaks, nothing automatic", "5-echo-then-a-question")
        self.deliver("a body with a bad signature", "6-wants-a-person", minutes=1, forged=True)
        self.deliver("someone wants a person", "6-wants-a-person")
        self.queue()
        self.everywhere()
        self.headline(MONDAY, "the first customer asks again")
        self.stack.clock.set_to(MONDAY)
        self.deliver("told once in this closed period: no second away reply", "7-asks-again")
        self.headline(MONDAY + TEN_MINUTES, "Ana opens the inbox")
        self.stack.clock.advance(TEN_MINUTES)
        self.morning()
        self.queue()

    def deliver(self, title: str, name: str, *, minutes: int = 0, forged: bool = False) -> None:
        """Some minutes later, post a body of events/demo as the platform would, and show all that came of it."""
        self.stack.clock.advance(timedelta(minutes=minutes))
        body = (EVENTS / f"{name}.json").read_bytes()
        self.meet_contacts(body)
        headers = {
            "Content-Type": "application/json",
            "X-Hub-Signature-256": sign(body, secrets.token_hex() if forged else self.sandbox.app_secret("main")),
        }
        status = requests.post(f"{self.stack.url}/hook/meta/main", data=body, headers=headers, timeout=10).status_code
        self.settle()
        self.tell(title, came_in=f"POST /hook/meta/main → {status}")

    def everywhere(self) -> None:
        """The same question on every other channel of the sample configuration."""
        self.headline(SATURDAY, "the same question on every other channel")
        for account in self.sandbox.config.accounts:
            if account.channel in PLAYED:
                continue
            channel, contact = account.channel, CONTACTS.get(account.channel, f"guest-{account.channel}")
            if platform := self.sandbox.others.get(account.source):
                status = platform.say(channel, account.id, contact, QUESTION, name="Petra Novak").status
            elif channel in channels.DIRECT:
                status = self.sandbox.graph.comment(channel, account.id, "1784140000000777", QUESTION).status
            elif channel == "webchat":
                self.visit(account.id)
                continue
            else:
                status = self.sandbox.graph.say(channel, account.id, "1784140000000777", QUESTION).status
            self.settle()
            way = "SES → S3 and SNS" if channel == "email" else f"POST /hook/{account.source}/…"
            self.tell(f"{channel.replace('_', ' ')}: a question", came_in=f"{way} → {status}")
        self.receipts("their echoes and receipts")

    def visit(self, site: str) -> None:
        """Somebody asks on our own site, and the page polls for the answer."""
        visitor = Visitor(f"{self.stack.url}/webchat/{site}")
        status = visitor.say(QUESTION, now_ms=self.stack.clock.now_ms())
        self.settle()
        answers = [{"to": "the visitor", "channel": "webchat", "text": answer["text"]} for answer in visitor.read()]
        self.tell("webchat: a question", came_in=f"POST /webchat/{site}/messages → {status}", polled=answers)

    def new_sends(self) -> list[dict[str, str]]:
        """What the fake platforms took since the last look."""
        found = []
        sends: dict[str, Sequence[Any]] = {"meta": self.sandbox.graph.sent}
        sends |= {source: platform.sent for source, platform in self.sandbox.others.items()}
        for source, sent in sends.items():
            new = sent[self.shown[source] :]
            found += [{"to": each.to, "channel": each.channel, "text": each.text} for each in new]
            self.shown[source] = len(sent)
        return found

    def meet_contacts(self, body: bytes) -> None:
        """The platform knows who wrote, and lets us answer them."""
        meta = channels.source("meta")
        for piece in meta.split(body):
            event = channels.channel(meta.channel_of(piece)).normalise(piece)
            if event.kind is Kind.MESSAGE and event.account_id:
                self.sandbox.graph.met(event.channel, event.account_id, event.contact_ids[0])

    def receipts(self, title: str) -> None:
        number = self.sandbox.graph.deliver_pending()
        number += sum(platform.deliver_pending() for platform in self.sandbox.others.values())
        self.settle()
        self.tell(title, came_in=f"{number} signed receipts → 200 each, delivery states moved forward")

    def morning(self) -> None:
        pool, password = self.stack.user_pool, secrets.token_urlsafe(24) + "aA1!"
        pool.add_user("ana@example.org", password)
        agent = Agent(self.stack.url, pool.sign_in("ana@example.org", password).access_token)
        pulled = agent.post("/api/inboxes/support/pull", {})
        thread = pulled["thread"]
        self.show_thread(f"Ana pulls the most urgent thread, due {_clock(thread['due_at'])}", pulled)
        body = {"fence": thread["fence"], "last_inbound": thread["last_inbound"]}
        path = f"/api/threads/{thread['id']}"
        key = new_ulid(self.stack.clock.now_ms())
        taken = agent.post(f"{path}/reply", {**body, "key": key, "text": ANSWER})
        self.settle()
        self.tell("Ana answers", came_in=f"POST {path}/reply → 202 {taken['state']}")
        self.sandbox.graph.deliver_pending()
        self.settle()
        self.stack.clock.advance(timedelta(minutes=1))
        resolved = agent.post(f"{path}/resolve", body)
        self.settle()
        self.tell("Ana resolves: how was it?", came_in=f"POST {path}/resolve → {resolved['thread']['status']}")
        self.deliver("the customer taps a number: nobody needs to look", "8-rates", minutes=1)
        self.show_thread("The thread as stored", agent.get(path))

    # What is shown

    def headline(self, at: datetime, text: str) -> None:
        self.steps.append({"at": at.isoformat(), "title": text})
        self.console.rule(f"{at:%A %d %B %Y, %H:%M} in Zagreb: {text}", align="left")

    def tell(self, title: str, *, came_in: str, polled: Sequence[dict[str, str]] = ()) -> None:
        """A step: what came in, what was decided, what reached the fake platforms, or a page that polls."""
        decided = [item for item in self.stored() if item["sk"] not in self.seen]
        self.seen |= {item["sk"] for item in decided}
        decisions = [_decision(item) for item in decided]
        received = [*self.new_sends(), *polled]
        self.steps.append({"title": title, "came_in": came_in, "decided": decisions, "platform_received": received})
        self.console.print(f"\n[bold]{escape(title)}[/]  [dim]{escape(came_in)}[/]")
        for decision in decisions:
            self.console.print(
                f"  [cyan]stored[/]  {_one_line(decision['from'])}: “{_one_line(decision['text'])}”\n"
                f"  [cyan]decided[/] {decision['rule']} ({decision['reason']})"
                + (f", for a person: {', '.join(decision['handoff'])}" if decision["handoff"] else "")
            )
        for message in received:
            self.console.print(f"  [green]sent[/]    to {message['to']}: {_one_line(message['text'])}")
        if not decided and not received:
            self.console.print("  [dim]nothing stored, nothing sent[/]")

    def show_thread(self, title: str, answer: dict[str, Any]) -> None:
        self.steps.append({"title": title, **answer})
        self.console.print(f"\n[bold]{escape(title)}[/]  [dim]{escape(answer['thread']['id'])}[/]")
        for entry in answer["timeline"]:
            arrow = "→" if entry["direction"] == "out" else "←"
            state = f" [dim]({entry['state']})[/]" if "state" in entry else ""
            text = _one_line(entry["text"])
            self.console.print(f"  {_clock(entry['at'])} {arrow} {entry['by']:8}{text}{state}")

    def queue(self) -> None:
        """What waits for a person: the doorbells and the threads they stand for."""
        clients, table = self.stack.clients, self.stack.environment["THREADS_TABLE"]
        url = self.stack.outputs["HumanQueue"]
        counts = clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        bells = int(counts["Attributes"]["ApproximateNumberOfMessages"])
        heads = [from_item(item) for item in clients.dynamodb.scan(TableName=table)["Items"] if item["sk"]["S"] == "#"]
        waiting = [head for head in heads if head.get("status") == "open"]  # an alias has none
        waiting.sort(key=lambda head: str(head["work_sk"]))
        self.steps.append({"title": "human queue", "bells": bells, "open": [_waiting(head) for head in waiting]})
        self.console.print(f"\n[bold]On the human queue[/]  [dim]{bells} doorbells, {len(waiting)} open threads[/]")
        for head in waiting:
            reasons = ", ".join(head["handoff_reasons"])
            name = _one_line(head.get("contact_name", "somebody"))
            self.console.print(f"  due {_clock(head['due_at'])}  {name:14} {reasons}")

    def stored(self) -> list[dict[str, Any]]:
        table = self.stack.environment["THREADS_TABLE"]
        found = [from_item(item) for item in self.stack.clients.dynamodb.scan(TableName=table)["Items"]]
        return sorted((item for item in found if "#I#" in item["sk"]), key=lambda item: str(item["sk"]))

    def settle(self) -> None:
        if not self.stack.drain():
            raise RuntimeError("the queue did not empty within 30 s")


@dataclass(frozen=True)
class Agent:
    """An agent's calls of the API."""

    url: str
    token: str

    def get(self, path: str) -> Any:
        return self._answer(requests.get(f"{self.url}{path}", headers=self._headers(), timeout=15))

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._answer(requests.post(f"{self.url}{path}", json=body, headers=self._headers(), timeout=15))

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def _answer(self, answer: requests.Response) -> Any:
        if not answer.ok:
            raise RuntimeError(f"{answer.request.method} {answer.request.path_url}: {answer.status_code} {answer.text}")
        return answer.json()


def run_demo(console: Console, *, json_output: bool = False) -> int:
    """Play it. 0 when everything went as promised."""
    began = time.monotonic()
    console.print("[dim]Starting DynamoDB, SQS, S3, SSM and a user pool on this machine…[/]")
    with (
        LocalStack(sandbox.TEMPLATE, clock=SATURDAY.astimezone(UTC)) as stack,
        sandbox.playing(stack, sandbox.SAMPLES / "afterhours.yaml", sandbox.sample_environment()) as playing,
    ):
        demo = Demo(playing, console)
        demo.play()
    if json_output:
        print(json.dumps({"steps": demo.steps}, indent=2, default=str))
    console.print(f"\n[bold green]Done[/] in {time.monotonic() - began:.1f} s. Keep it up: afterhours run")
    return 0


def _decision(item: dict[str, Any]) -> dict[str, Any]:
    entry = entries([item])[0]
    who = item.get("contact_name") or {"app": "a colleague", "auto": "ourselves"}.get(entry["by"], "customer")
    keys = ("text", "rule", "reason", "handoff")
    return {"thread": thread_name(item["pk"]), "from": who, **{key: entry[key] for key in keys}}


def _waiting(head: dict[str, Any]) -> dict[str, Any]:
    return {
        "thread": thread_name(head["pk"]),
        "name": head.get("contact_name"),
        "due_at": head["due_at"],
        "reasons": head["handoff_reasons"],
    }


def _clock(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, ZONE):%a %H:%M}"


def _one_line(text: str | None) -> str:
    return escape(" ".join(plain(text or "").split()))

"""The whole stack on ministack, driven step by step: customers, the platform, the clock, the tables, agents."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from afterhours.playbook import Playbook
from afterhours.stores import config
from afterhours.stores.dynamo import from_item, to_item
from afterhours.stores.threads import Threads, thread_key, thread_name
from afterhours_local import config_push
from afterhours_local.http_event import HttpAnswer, HttpRequest
from afterhours_local.platforms import graph_webhooks
from afterhours_local.platforms.faults import Fault
from afterhours_local.platforms.graph import Sent
from afterhours_local.platforms.graph_webhooks import sign
from afterhours_local.sandbox import Sandbox
from afterhours_local.signin import UserPool
from afterhours_local.stack import LocalStack
from afterhours_local.stack_config import Resources, StackConfig
from declared import undeclared

WHATSAPP, MESSENGER, INSTAGRAM = "106540352242922", "1234567890", "17841400000000001"
ACCOUNTS = {"whatsapp": WHATSAPP, "messenger": MESSENGER, "instagram": INSTAGRAM}
COMMENTS = {"facebook_comments": MESSENGER, "instagram_comments": INSTAGRAM}
OPEN = datetime(2026, 11, 11, 10, 0, tzinfo=UTC)  # a Wednesday, 11:00 in Zagreb
SATURDAY_NIGHT = datetime(2026, 11, 15, 1, 30, tzinfo=UTC)  # Sunday 02:30 in Zagreb, closed until Monday 08:00
PASSWORD = "Journeys-2026-only-here"
ANA, IVO = "ana@example.org", "ivo@example.org"
PETRA = "385911111111"
Ulid = Callable[[], str]  # makes the next key of a composed text
AFTER_LEASES = 121  # seconds after which neither a send nor an agent holds anything


@cache
def access_token(pool: UserPool, email: str) -> str:
    """Good for an hour: signing in takes as long as a message takes to be answered."""
    pool.add_user(email, PASSWORD)
    return pool.sign_in(email, PASSWORD).access_token


@dataclass
class World:
    """What a journey sees and does: customers, the platform, the clock, the tables, agents."""

    sandbox: Sandbox
    posted: list[HttpRequest] = field(default_factory=list)  # by the platforms, to our webhooks

    @property
    def stack(self) -> LocalStack:
        return self.sandbox.stack

    @property
    def sent(self) -> list[str]:
        """The texts that reached customers."""
        return [each.text for each in self.sandbox.graph.sent if each.failed is None]

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> HttpAnswer:
        given = {"content-type": "application/json", **headers}
        return self.stack.answer(HttpRequest("POST", path, tuple(given.items()), body))

    def deliver(self, body: dict[str, Any]) -> int:
        """A signed webhook of the Meta app, any body."""
        raw = json.dumps(body).encode()
        secret = self.sandbox.app_secret("main")
        return self.post("/hook/meta/main", raw, {"X-Hub-Signature-256": sign(raw, secret)}).status

    def say(self, text: str, *, contact: str = PETRA, channel: str = "whatsapp", name: str = "Petra Novak") -> str:
        """A customer writes and everything that follows is done; the message's id."""
        said = self.sandbox.graph.say(channel, ACCOUNTS[channel], contact, text, name=name)
        assert said.status == 200
        self.stack.drain()
        return said.message_id

    def comment(
        self, text: str, *, contact: str = PETRA, channel: str = "facebook_comments", name: str = "Petra", **how: Any
    ) -> str:
        """Somebody comments in public and everything that follows is done; the comment's id."""
        said = self.sandbox.graph.comment(channel, COMMENTS[channel], contact, text, name=name, **how)
        assert said.status == 200
        self.stack.drain()
        return said.message_id

    def written(self, *texts: str, contact: str = PETRA, account: str = WHATSAPP) -> dict[str, Any]:
        """One WhatsApp delivery of texts that a customer wrote, to post as often as one likes."""
        known = account == WHATSAPP
        entries = []
        for number, text in enumerate(texts):
            if known:
                self.sandbox.graph.met("whatsapp", account, contact)
            wamid, now = graph_webhooks.message_id("whatsapp", contact, f"{contact} {number} {text}"), self.now_ms
            entries += json.loads(
                graph_webhooks.customer_message(
                    "whatsapp", account, contact, wamid, now, text=text, name=None, quick_reply=None
                )
            )["entry"]
        return {"object": "whatsapp_business_account", "entry": entries}

    def status(self, state: str, sent: Sent, error: int | None = None) -> dict[str, Any]:
        """WhatsApp's receipt of a text that it took."""
        body = graph_webhooks.status(
            sent.account, sent.to, sent.platform_id, self.now_ms, state=state, correlator=sent.correlator, error=error
        )
        return dict(json.loads(body))

    def play_by(self, playbook: Playbook) -> None:
        """Another playbook is in force from now on."""
        today = self.stack.clock.now().date()
        resources = Resources.of(self.stack.stack_name, self.stack.outputs)
        config_push.push_playbook(playbook, StackConfig(resources, self.stack.clients, dry_run=False), today)
        config.clear()

    def misbehave(self, fault: Fault, times: int = 1) -> None:
        self.sandbox.graph.misbehave(fault, times)

    @contextmanager
    def platform_at(self, url: str) -> Iterator[None]:
        """WhatsApp's sends go elsewhere for a while."""
        key = to_item({"pk": "ACCOUNT", "sk": f"whatsapp#{WHATSAPP}"})
        table, dynamodb = self.stack.environment["CONFIG_TABLE"], self.stack.clients.dynamodb
        account = dynamodb.get_item(TableName=table, Key=key)["Item"]
        dynamodb.put_item(TableName=table, Item={**account, **to_item({"api_base": url})})
        config.clear()
        yield
        dynamodb.put_item(TableName=table, Item=account)
        config.clear()

    @property
    def now_ms(self) -> int:
        return self.stack.clock.now_ms()

    def wait(self, seconds: float) -> None:
        """Time goes by, and what waits in the inbound queue is delivered again."""
        self.stack.clock.advance(timedelta(seconds=seconds))
        self.stack.redeliver()
        self.stack.drain()

    def settle(self) -> None:
        """All leases run out, the sweeper does its rounds, every message is delivered until it is done."""
        for _ in range(4):
            self.wait(AFTER_LEASES)
            self.stack.tick()
            if self.stack.drain():
                return
        raise AssertionError("something waits for ever")

    def receipts(self) -> None:
        """The platform delivers its echoes and receipts, and they are worked off."""
        self.sandbox.graph.deliver_pending()
        self.stack.drain()

    def pk(self, contact: str = PETRA, channel: str = "whatsapp") -> str:
        name = f"/{self.stack.stack_name}/pepper"
        answer = self.stack.clients.ssm.get_parameter(Name=name, WithDecryption=True)
        account = next(each.id for each in self.sandbox.config.accounts if each.channel == channel)
        return thread_key(bytes.fromhex(answer["Parameter"]["Value"]), channel, account, contact)

    def name(self, contact: str = PETRA, channel: str = "whatsapp") -> str:
        """The thread's name in URLs."""
        return thread_name(self.pk(contact, channel))

    def items(self, pk: str | None = None) -> list[dict[str, Any]]:
        """All that is stored of threads, or of one."""
        table = self.stack.environment["THREADS_TABLE"]
        found = [from_item(item) for item in self.stack.clients.dynamodb.scan(TableName=table)["Items"]]
        return sorted((item for item in found if pk in (None, item["pk"])), key=lambda item: (item["pk"], item["sk"]))

    def events(self, pk: str | None = None) -> list[dict[str, Any]]:
        return [item for item in self.items(pk) if item["sk"].startswith("E#")]

    def replies(self, pk: str | None = None) -> list[str]:
        """Where the sending of each text of ours stands, automatic and composed."""
        return [item["reply"] for item in self.events(pk) if item["reply"] != "none"]

    def quarantined(self) -> list[dict[str, Any]]:
        return [item for item in self.items() if item["pk"].startswith("Q#")]

    def erase(self, pk: str) -> None:
        """The thread was never there."""
        for item in self.items(pk):
            key = to_item({"pk": item["pk"], "sk": item["sk"]})
            self.stack.clients.dynamodb.delete_item(TableName=self.threads.table, Key=key)

    def head(self, pk: str | None = None) -> dict[str, Any]:
        found = [item for item in self.items(pk or self.pk()) if item["sk"] == "#"]
        return found[0] if found else {}

    @property
    def threads(self) -> Threads:
        return Threads(self.stack.environment["THREADS_TABLE"])

    def bells(self) -> list[str]:
        """The threads that the human queue rings for; the bells stay. At most ten."""
        sqs, url = self.stack.clients.sqs, self.stack.outputs["HumanQueue"]
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", [])
        return [json.loads(message["Body"])["pk"] for message in messages]

    def lose_bells(self) -> None:
        self.stack.clients.sqs.purge_queue(QueueUrl=self.stack.outputs["HumanQueue"])

    def inbound(self) -> list[dict[str, Any]]:
        """Take everything off the inbound queue before the worker does."""
        sqs, url = self.stack.clients.sqs, self.stack.outputs["InboundQueue"]
        found = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def dead_letters(self) -> int:
        url = self.stack.outputs["InboundDeadLetterQueue"]
        answer = self.stack.clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def agent(self, email: str = ANA) -> "AgentClient":
        return AgentClient(self, access_token(self.stack.user_pool, email))


@dataclass
class AgentClient:
    """An agent at the HTTP API."""

    world: World
    token: str

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        headers = (("authorization", f"Bearer {self.token}"), ("content-type", "application/json"))
        raw = json.dumps(body).encode() if body is not None else b""
        answer = self.world.stack.answer(HttpRequest(method, path, headers, raw))
        if answer.status != 500:  # a crash is never declared; tests that make one say so
            assert (wrong := undeclared(method, path, answer)) is None, wrong
        return answer.status, json.loads(answer.body) if answer.body else None

    def show(self, thread: dict[str, Any]) -> dict[str, Any]:
        status, answer = self.call("GET", f"/api/threads/{thread['id']}")
        assert status == 200, answer
        return dict(answer)

    def pull(self) -> dict[str, Any] | None:
        status, answer = self.call("POST", "/api/inboxes/support/pull", {})
        assert status in (200, 204), answer
        return answer["thread"] if answer else None

    def do(self, verb: str, thread: dict[str, Any], **more: Any) -> tuple[int, Any]:
        """A verb on a thread as this agent last saw it."""
        body = {"fence": thread["fence"], **more} if verb != "claim" else None
        return self.call("POST", f"/api/threads/{thread['id']}/{verb}", body)

    def reply(self, thread: dict[str, Any], text: str, key: str) -> tuple[int, Any]:
        return self.do("reply", thread, key=key, text=text, last_inbound=thread["last_inbound"])

    def resolve(self, thread: dict[str, Any]) -> tuple[int, Any]:
        return self.do("resolve", thread, last_inbound=thread["last_inbound"])

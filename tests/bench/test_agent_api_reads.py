"""What a call of the agents' API asks of AWS and reads, at 100 and at 100,000 threads; the figures are printed (-s).

The threads table is the local engine's own DynamoDB in this process, filled directly; all else runs on the local stack.
The engine charges every read alike, so read units are worked out here from what was read, as DynamoDB does; the agent's
permissions, a read of the config table in each call, are among the requests only.
"""

import asyncio
import base64
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, NamedTuple

import pytest
from afterhours.models import SendState, ThreadHead
from afterhours.stores import aws, search
from afterhours.stores.dynamo import to_item
from afterhours.stores.threads import open_keys
from afterhours_local import sandbox
from afterhours_local.stack import LocalStack
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from counting import counted
from ministack.services import dynamodb as engine
from world import ANA, OPEN, AgentClient, World

pytestmark = pytest.mark.bench

FEW, MANY = 100, 100_000
SPACING_MS = 20_000  # between the handoffs of two threads: 100,000 lie in 23 days
TODAY = OPEN.date().isoformat()
NOW = int(OPEN.timestamp() * 1000)
PAGE = 10
BLOCK = 4096  # bytes, read at once


class Read(NamedTuple):
    """What one call came to."""

    requests: dict[str, int]
    items: int
    units: float


class Table:
    """The threads table in this process, in place of the stack's."""

    def __init__(self, stack: LocalStack) -> None:
        self.name = stack.environment["THREADS_TABLE"]
        described = next(
            each["Properties"]
            for name, each in stack.template.of_type("AWS::DynamoDB::Table").items()
            if stack.outputs[name] == self.name
        )
        wanted = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes")
        self._made = {
            "TableName": self.name,
            "BillingMode": "PAY_PER_REQUEST",
            **{key: described[key] for key in wanted},
        }
        self.items, self.units = 0, 0.0

    def empty(self) -> None:
        engine.reset()
        status, _, body = asyncio.run(self._ask("CreateTable", self._made))
        assert status == 200, body

    def put(self, item: dict[str, Any]) -> None:
        engine._set_item(engine._tables[self.name], item["pk"]["S"], item["sk"]["S"], item)

    def forget(self) -> None:
        self.items, self.units = 0, 0.0

    def answer(self, request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        """For botocore's `before-send`: an answer in place of the engine's, where the request is about this table."""
        body = request.body.decode() if isinstance(request.body, bytes) else str(request.body)
        if f'"{self.name}"' not in body:
            return None
        operation = _text(request.headers["X-Amz-Target"]).rpartition(".")[2]
        asked = json.loads(body)
        status, headers, given = asyncio.run(self._ask(operation, asked))
        self._count(operation, asked, json.loads(given))
        return AWSResponse(request.url, status, headers, _Raw(given))

    async def _ask(self, operation: str, asked: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        headers = {"x-amz-target": f"DynamoDB_20120810.{operation}"}
        status, answered, body = await engine.handle_request("POST", "/", headers, json.dumps(asked).encode(), {})
        return status, answered, body

    def _count(self, operation: str, asked: dict[str, Any], given: dict[str, Any]) -> None:
        """DynamoDB's rules: a query is charged by its sum, what is read by key one by one; half where the answer may be
        a moment old."""
        whole = 1.0 if asked.get("ConsistentRead") else 0.5
        if operation == "Query":
            found = given["Items"]
            self.units += whole * _blocks(sum(map(engine._item_size_bytes, found)))
        elif operation == "GetItem":
            found = [given["Item"]] if "Item" in given else []
            self.units += whole * _blocks(sum(map(engine._item_size_bytes, found)))
        elif operation == "BatchGetItem":
            found = given["Responses"][self.name]
            self.units += sum(whole * _blocks(engine._item_size_bytes(item)) for item in found)
        else:
            assert operation != "Scan"
            return
        self.items += len(found)


class _Raw(BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        while part := self.read(65_536):
            yield part


def _blocks(size: int) -> int:
    return max(1, -(-size // BLOCK))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with ExitStack() as undo:
        stack = undo.enter_context(LocalStack(sandbox.TEMPLATE, serve=False, clock=OPEN))
        samples, environ = sandbox.SAMPLES / "afterhours.yaml", sandbox.sample_environment()
        yield World(undo.enter_context(sandbox.playing(stack, samples, environ)))


@pytest.fixture(scope="module")
def table(world: World) -> Iterator[Table]:
    aws.clear()
    table, events = Table(world.stack), aws.session().events
    events.register_first("before-send.dynamodb", table.answer)
    yield table
    aws.clear()
    engine.reset()


def test_a_call_asks_for_and_reads_the_same_at_100_and_at_100_000_threads(world: World, table: Table) -> None:
    ana = world.agent(ANA)
    few, many = (measured(world, table, ana, size) for size in (FEW, MANY))
    print(f"\n{'call':<22}{'requests':>9} {'items read':>11} {'read units':>11}   at {FEW} and at {MANY:,} threads")
    for call, (at_few, at_many) in {name: (few[name], many[name]) for name in few}.items():
        requests = f"{sum(at_few.requests.values())} {sum(at_many.requests.values())}"
        items, units = f"{at_few.items} {at_many.items}", f"{at_few.units:g} {at_many.units:g}"
        print(f"{call:<22}{requests:>9} {items:>11} {units:>11}   {_in_words(at_many.requests)}")
    assert few == many


def measured(world: World, table: Table, ana: AgentClient, size: int) -> dict[str, Read]:
    """Every way to read, on a table of so many threads, with configuration and secrets warm."""
    sub = ana.call("GET", "/api/me")[1]["agent"]
    table.empty()
    newest = fill(table, pepper(world), sub, size)
    assert ana.call("GET", "/api/inboxes/support/threads")[0] == 200  # what a container reads once a minute
    found = {}
    for name, (method, path, is_whole) in calls(newest).items():
        ana.call("GET", "/api/inboxes/support/search?name=nobody")  # what a container reads once
        table.forget()
        with counted() as requests:
            status, answer = ana.call(method, path, {} if method == "POST" else None)
        assert status == 200, answer
        assert is_whole(answer), f"{name} is not what was to be measured"
        found[name] = Read(dict(requests), table.items, table.units)
    return found


def calls(newest: str) -> dict[str, tuple[str, str, Callable[[Any], bool]]]:
    """Each call, and whether its answer is a full page."""
    inbox, thread = "/api/inboxes/support", f"/api/threads/{newest}"
    tid = newest.rpartition(".")[2]

    def full(many: int) -> Callable[[Any], bool]:
        return lambda answer: len(answer["threads"]) == many and answer["cursor"] is not None

    lists = {
        f"list {view}": ("GET", f"{inbox}/threads?view={view}&limit={PAGE}", full(PAGE))
        for view in ("open", "mine", "snoozed", "resolved", "held")
    }
    return {
        **lists,
        "show": ("GET", thread, lambda answer: len(answer["timeline"]) == 1),
        "contact": ("GET", f"{thread}/contact", lambda answer: answer["names"] == ["Petra Novak"]),
        "ticket": ("GET", f"{thread}/ticket", lambda answer: len(answer["ticket"]["comments"]) == 1),
        "search number": ("GET", f"{inbox}/search?number={tid[:8]}-1", lambda answer: len(answer["threads"]) == 1),
        "search tag": ("GET", f"{inbox}/search?tag=vip", full(50)),
        "search name": ("GET", f"{inbox}/search?name=novak", full(50)),
        "search words": ("GET", f"{inbox}/search?words=lorem&from={TODAY}&until={TODAY}", full(20)),
        "tickets of a day": (
            "GET", f"{inbox}/tickets?day={TODAY}", lambda answer: len(answer["tickets"]) == 10 and answer["cursor"]
        ),
        "pull": ("POST", f"{inbox}/pull", lambda answer: answer["thread"]["status"] == "open"),
    }  # fmt: skip


def fill(table: Table, pepper: bytes, sub: str, size: int) -> str:
    """Threads of customers called Novak, one every 20 seconds until now: of ten five open, two snoozed, two resolved
    today, one an agent's own with a reply that waits for approval; six have the tag vip. The newest."""
    rows: dict[str, str] = {
        kind: f"S#support#{search.token(pepper, kind, word)}" for kind, word in (("name", "novak"), ("tag", "vip"))
    }
    shared = to_item(ThreadHead(inbox="support", contact_id="0" * 12, contact_name="Petra Novak").model_dump())
    for number in range(size):
        began, kind = NOW - 1_000 - number * SPACING_MS, number % 10
        tid = base64.b32encode(hashlib.sha256(str(number).encode()).digest())[:26].decode().lower()
        pk = f"T#whatsapp#106540352242922#{tid}"
        day = datetime.fromtimestamp(began / 1000, UTC).date().isoformat()
        status = "open" if kind < 5 else "snoozed" if kind < 7 else "resolved" if kind < 9 else "waiting"
        head: dict[str, Any] = {
            "pk": pk, "sk": "#", "status": status, "version": 1, "episode": 1, "episode_at": began, "opened_at": began,
            "due_at": began, "urgent_at": began, "tags": ["vip"] if kind < 6 else [],
        }  # fmt: skip
        if status == "open":
            head |= open_keys(pk, "support", 1, began, began)
        elif status == "snoozed":
            head |= {"work_pk": "SNOOZED#support#0", "work_sk": f"{began:013d}#{pk}"}
        elif status == "resolved":
            resolved = NOW - number
            head |= {"agenda_pk": f"RESOLVED#support#{TODAY}", "agenda_sk": f"{resolved:013d}#{pk}"}
            head["resolved_at"] = resolved
        else:
            head |= {"agenda_pk": f"MINE#{sub}", "agenda_sk": f"{began:013d}#{pk}", "kept_for": sub}
        event: dict[str, Any] = {
            "pk": pk, "sk": f"E#{began:013d}#I#{tid}", "type": "inbound", "kind": "message", "at": began,
            "text": "Lorem ipsum dolor sit amet", "reply": "none",
        }  # fmt: skip
        if status == "waiting":
            event |= {"type": "outbound", "via": "agent", "reply": SendState.HELD, "reply_text": event["text"]}
            event |= {"work_pk": "HELD#support", "work_sk": f"{began:013d}#{pk}"}
        number_row = f"S#support#{search.token(pepper, 'number', tid[:8])}"
        found_by = [number_row, f"S#support#DAY#{day}", rows["name"], *([rows["tag"]] if kind < 6 else [])]
        table.put({**shared, **to_item(head)})
        table.put(to_item(event))
        for row in found_by:
            table.put({"pk": {"S": row}, "sk": {"S": f"{began:013d}#{pk}"}, "ttl": {"N": "1828951200"}})
        if number == 0:
            newest = pk
    return newest.removeprefix("T#").replace("#", ".")


def pepper(world: World) -> bytes:
    name = f"/{world.stack.stack_name}/pepper"
    answer = world.stack.clients.ssm.get_parameter(Name=name, WithDecryption=True)
    return bytes.fromhex(answer["Parameter"]["Value"])


def _in_words(requests: dict[str, int]) -> str:
    named = Counter({name.partition(".")[2]: count for name, count in requests.items()})
    return ", ".join(f"{count} {name}" for name, count in sorted(named.items()))

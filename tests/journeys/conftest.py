"""One stack for all journeys, emptied before each; nothing runs in the background and the clock stands still."""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
import sends
from afterhours import channels, settings
from afterhours.stores import aws, config, secrets
from afterhours.stores.dynamo import to_item
from afterhours_local import sandbox
from afterhours_local.config_push import NOT_YET
from afterhours_local.http_event import HttpAnswer, HttpRequest
from afterhours_local.platforms.fake import Delivered
from afterhours_local.platforms.graph_webhooks import sign
from afterhours_local.stack import LocalStack
from world import OPEN, Ulid, World

Items = dict[tuple[str, str], Any]


class Pushed(NamedTuple):
    """The sandbox, the items and renewable tokens of its configuration as they were pushed, and what its platforms
    have posted to our webhooks since."""

    sandbox: sandbox.Sandbox
    items: Items
    tokens: dict[str, str]
    posted: list[HttpRequest]


ENGINES = ["ministack", pytest.param("dynamodb-local", marks=pytest.mark.oracle)]


@pytest.fixture(scope="session", params=ENGINES)
def started(request: pytest.FixtureRequest) -> Iterator[LocalStack]:
    with LocalStack(sandbox.TEMPLATE, engine=request.param, serve=False, clock=OPEN) as stack:
        # The engine deletes by the real clock what lives under this one.
        stack.clients.dynamodb.update_time_to_live(
            TableName=stack.environment["THREADS_TABLE"],
            TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": False},
        )
        yield stack


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long proofs run on the default engine only."""
    both = [item for item in items if item.get_closest_marker("oracle") and item.get_closest_marker("proof")]
    config.hook.pytest_deselected(items=both)
    items[:] = [item for item in items if item not in both]


@pytest.fixture(scope="session")
def played(started: LocalStack) -> Iterator[Pushed]:
    posted: list[HttpRequest] = []

    def answer(request: HttpRequest) -> HttpAnswer:
        posted.append(request)
        return started.answer(request)

    def post(url: str, secret: str, body: bytes) -> int:
        headers = (("content-type", "application/json"), ("x-hub-signature-256", sign(body, secret)))
        return answer(HttpRequest("POST", urlsplit(url).path, headers, body)).status

    def deliver(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Delivered:
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        answered = answer(HttpRequest(method, target, tuple(headers.items()), body))
        return Delivered(answered.status, answered.body)

    samples, environ = sandbox.SAMPLES / "afterhours.yaml", sandbox.sample_environment()
    with sandbox.playing(started, samples, environ, post=post, deliver=deliver) as playing:
        yield Pushed(playing, stored(started, "CONFIG_TABLE"), renewable_tokens(started), posted)


def renewable_tokens(stack: LocalStack) -> dict[str, str]:
    """The records that a sweep may replace, by the parameter's name."""
    found: dict[str, str] = {}
    for source in {channels.token_holder(name) for name in channels.CHANNELS if channels.renews(name)}:
        path = f"/{stack.stack_name}/token/{source}"
        answer = stack.clients.ssm.get_parameters_by_path(Path=path, Recursive=True, WithDecryption=True)
        found |= {each["Name"]: each["Value"] for each in answer["Parameters"]}
    return found


def empty(stack: LocalStack) -> None:
    """Not stack.empty(): it also forgets the configuration and the clients, which take longer than most tests."""
    write(stack, "THREADS_TABLE", {}, stored(stack, "THREADS_TABLE"))
    for queue in stack.template.of_type("AWS::SQS::Queue"):
        stack.clients.sqs.purge_queue(QueueUrl=stack.outputs[queue])
    for bucket in stack.template.of_type("AWS::S3::Bucket"):
        name = stack.outputs[bucket]
        for found in stack.clients.s3.list_objects_v2(Bucket=name).get("Contents", []):
            stack.clients.s3.delete_object(Bucket=name, Key=found["Key"])


def stored(stack: LocalStack, table: str) -> Items:
    """What a table holds, by key."""
    pages = stack.clients.dynamodb.get_paginator("scan").paginate(TableName=stack.environment[table])
    return {(item["pk"]["S"], item["sk"]["S"]): item for page in pages for item in page["Items"]}


def put_back(stack: LocalStack, configured: Items) -> None:
    """The configuration is as it was pushed; most tests leave it so."""
    found = stored(stack, "CONFIG_TABLE")
    changed = {key: item for key, item in configured.items() if found.get(key) != item}
    write(stack, "CONFIG_TABLE", changed, found.keys() - configured.keys())


def write(stack: LocalStack, table: str, puts: Items, deletes: Iterable[tuple[str, str]]) -> None:
    keys = [{"pk": {"S": pk}, "sk": {"S": sk}} for pk, sk in deletes]
    writes: Any = [{"PutRequest": {"Item": item}} for item in puts.values()]
    writes += [{"DeleteRequest": {"Key": key}} for key in keys]
    for first in range(0, len(writes), 25):
        batch = {stack.environment[table]: writes[first : first + 25]}
        stack.clients.dynamodb.batch_write_item(RequestItems=batch)


def put_back_tokens(playing: sandbox.Sandbox, pushed: dict[str, str]) -> None:
    """A pair that a sweep has renewed is forgotten on both sides."""
    ssm = playing.stack.clients.ssm
    for each in ssm.get_parameters(Names=list(pushed), WithDecryption=True)["Parameters"]:
        name = each["Name"]
        if each["Value"] != pushed[name]:
            ssm.put_parameter(Name=name, Value=pushed[name], Type="SecureString", Overwrite=True)
            platform = playing.others[name.split("/")[3]]
            for account in platform.accounts():
                platform.register(account)


@pytest.fixture
def world(started: LocalStack, played: Pushed) -> World:
    playing, configured, tokens, posted = played
    started.clock.set_to(OPEN)
    empty(started)
    put_back(started, configured)
    put_back_tokens(playing, tokens)
    if any(client.meta.endpoint_url not in (started.engine.url, started.dynamodb_url) for client in aws.made()):
        aws.clear()  # those of a test on moto that this process ran before
    settings.load.cache_clear()
    config.clear()
    secrets.clear()
    sends.breaker.cache_clear()
    playing.graph.forget()
    playing.slack.forget()
    for other in playing.others.values():
        other.forget()
    posted.clear()
    return World(playing, posted)


@pytest.fixture
def customer_service(world: World) -> Iterator[None]:
    """The WeChat account may also be written to later; the sweeper has its token."""
    stack, wechat = world.stack, world.sandbox.others["wechat"]
    [known] = wechat.accounts()
    wechat.register(dataclasses.replace(known, client_secret="app-secret"))
    key = to_item({"pk": "ACCOUNT", "sk": f"wechat#{known.id}"})
    table = stack.environment["CONFIG_TABLE"]
    item = stack.clients.dynamodb.get_item(TableName=table, Key=key)["Item"]
    stack.clients.dynamodb.put_item(TableName=table, Item={**item, **to_item({"customer_service": True})})
    name = f"/{stack.stack_name}/token/wechat/{known.id}"
    record = {"token": NOT_YET, "client_id": known.client_id, "client_secret": "app-secret"}
    stack.clients.ssm.put_parameter(Name=name, Value=json.dumps(record), Type="SecureString", Overwrite=True)
    config.clear()
    stack.tick()
    yield
    stack.clients.ssm.delete_parameter(Name=name)
    wechat.register(known)
    secrets.clear()


@pytest.fixture
def ulid(world: World) -> Ulid:
    """Keys of composed texts at the stack's time."""
    alphabet, numbers = "0123456789ABCDEFGHJKMNPQRSTVWXYZ", iter(range(1, 10_000))

    def make() -> str:
        value, letters = (world.stack.clock.now_ms() << 80) | next(numbers), ""
        for _ in range(26):
            value, rest = divmod(value, 32)
            letters = alphabet[rest] + letters
        return letters

    return make

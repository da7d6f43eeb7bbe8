"""One stack for all journeys, emptied before each; nothing runs in the background and the clock stands still."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
import sends
from afterhours import channels, settings
from afterhours.stores import aws, config, secrets
from afterhours_local import resources, sandbox
from afterhours_local.http_event import HttpRequest
from afterhours_local.platforms.fake import Delivered
from afterhours_local.platforms.graph_webhooks import sign
from afterhours_local.stack import LocalStack
from world import OPEN, Ulid, World

Pushed = tuple[sandbox.Sandbox, list[Any], dict[str, str]]
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
    """The sandbox, and the items and renewable tokens of its configuration as they were pushed."""

    def post(url: str, secret: str, body: bytes) -> int:
        headers = (("content-type", "application/json"), ("x-hub-signature-256", sign(body, secret)))
        return started.answer(HttpRequest("POST", urlsplit(url).path, headers, body)).status

    def deliver(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Delivered:
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        answer = started.answer(HttpRequest(method, target, tuple(headers.items()), body))
        return Delivered(answer.status, answer.body)

    samples, environ = sandbox.SAMPLES / "afterhours.yaml", sandbox.sample_environment()
    with sandbox.playing(started, samples, environ, post=post, deliver=deliver) as playing:
        items = started.clients.dynamodb.scan(TableName=started.environment["CONFIG_TABLE"])["Items"]
        yield playing, items, renewable_tokens(started)


def renewable_tokens(stack: LocalStack) -> dict[str, str]:
    """The records that a sweep may replace, by the parameter's name."""
    found: dict[str, str] = {}
    for source in {channels.token_holder(name) for name in channels.CHANNELS if channels.renews(name)}:
        path = f"/{stack.stack_name}/token/{source}"
        answer = stack.clients.ssm.get_parameters_by_path(Path=path, Recursive=True, WithDecryption=True)
        found |= {each["Name"]: each["Value"] for each in answer["Parameters"]}
    return found


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
    playing, configured, tokens = played
    started.clock.set_to(OPEN)
    # Not started.empty(): it also forgets the clients, which take longer to make than most journeys.
    resources.empty(started.template, started.clients, started.made)
    puts: Any = [{"PutRequest": {"Item": item}} for item in configured]
    for first in range(0, len(puts), 25):
        batch = puts[first : first + 25]
        started.clients.dynamodb.batch_write_item(RequestItems={started.environment["CONFIG_TABLE"]: batch})
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
    return World(playing)


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

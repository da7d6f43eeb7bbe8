"""Config: read once a minute, and a playbook that cannot be loaded leaves the last good version in force."""

import json
import zlib
from typing import Any

import pytest
from afterhours import settings
from afterhours.stores import aws as clients
from afterhours.stores import config
from afterhours.stores.dynamo import to_item
from backend import Backend, Clock
from counting import counted

GOOD = {"brand": "Hotel Jadran", "languages": ["en"], "hours": {"zone": "UTC", "week": {"mon-sun": ["00:00-24:00"]}}}


def put(version: int, body: bytes, *, current: bool = True) -> None:
    for sk in (["CURRENT"] if current else []) + [f"V#{version:08d}"]:
        item: dict[str, Any] = {"pk": "PLAYBOOK#hotel", "sk": sk, "version": version, "body": body}
        clients.client("dynamodb").put_item(TableName=settings.load().config_table, Item=to_item(item))


def packed(**changes: Any) -> bytes:
    return zlib.compress(json.dumps({**GOOD, **changes}).encode())


@pytest.mark.parametrize("body", [b"no zlib", zlib.compress(b"{}"), zlib.compress(b'{"brand": 1')])
def test_a_broken_version_leaves_the_last_good_one_in_force_also_after_a_cold_start(aws: Backend, body: bytes) -> None:
    put(1, packed(brand="One"))
    put(2, packed(brand="Two"))
    put(3, body)
    loaded = config.playbook("hotel")
    assert loaded is not None
    assert loaded.brand == "Two"


def test_a_version_that_breaks_while_we_run_is_not_taken_up(aws: Backend, clock: Clock) -> None:
    put(1, packed(brand="One"))
    assert config.playbook("hotel") is not None
    put(2, b"no zlib", current=True)
    clock.advance(61)
    loaded = config.playbook("hotel")
    assert loaded is not None
    assert loaded.brand == "One"


def test_a_playbook_without_any_good_version_is_our_trouble(aws: Backend) -> None:
    put(1, b"no zlib")
    with pytest.raises(zlib.error):
        config.playbook("hotel")


def test_a_record_is_read_once_a_minute(aws: Backend, clock: Clock) -> None:
    put(1, packed())
    with counted() as calls:
        for _ in range(5):
            config.playbook("hotel")
        clock.advance(61)
        config.playbook("hotel")
    assert calls == {"dynamodb.GetItem": 2}

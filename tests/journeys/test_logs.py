"""Nothing that a customer or an agent wrote, and no number of theirs, stands in a log or a metric."""

import pytest
from world import Ulid, World

CANARIES = ("canary-question", "Zlatan", "Canaric", "385919876543", "canary-answer", "canary-echo")


def test_logs_hold_ids_and_outcomes_only(
    world: World, ulid: Ulid, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    world.say("canary-question: I want a person", contact="385919876543", name="Zlatan Canaric")
    world.receipts()
    ana = world.agent()
    thread = ana.pull()
    assert thread
    assert ana.reply(thread, "canary-answer", ulid())[0] == 202
    world.stack.drain()
    world.receipts()
    world.deliver({"object": "page", "entry": [{"id": "1", "messaging": [{"text": "canary-echo"}]}]})
    world.stack.drain()
    world.stack.tick()
    logged = capsys.readouterr().out + "".join(str(vars(record)) for record in caplog.records)
    assert {"decided", "posted", "received", "set aside"} <= {record.message for record in caplog.records}
    assert [canary for canary in CANARIES if canary in logged] == []

"""What the FAQ did not answer is listed once, with the suggestion that was tapped; the command reads it."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from afterhours.stores.dynamo import to_item
from afterhours.stores.unmatched import list_of
from afterhours_local import playbook_unmatched, session
from afterhours_local.cli import app
from afterhours_local.platforms import graph_webhooks
from botocore.exceptions import ReadTimeoutError
from counting import counted, failing
from typer.testing import CliRunner
from world import ACCOUNTS, PETRA, WHATSAPP, World

QUESTION = "Can I bring my dog to breakfast"
MIA = "7415500923317748"


def rows(world: World) -> list[dict[str, Any]]:
    return [item for item in world.items() if item["pk"].startswith("U#")]


def test_a_question_without_an_answer_is_listed_once(world: World) -> None:
    body = world.written(QUESTION)
    for _ in range(2):
        world.deliver(body)
        world.stack.drain()
    [row] = rows(world)
    [event] = world.events()
    assert row == {
        "pk": "U#support#2026-11-11",
        "sk": event["sk"].removeprefix("E#").replace("#I#", "#"),
        "text": QUESTION,
        "language": "en",
        "suggested": ["pets"],
        "thread": world.name(),
        "ttl": world.now_ms // 1000 + 90 * 86_400,
    }


@pytest.mark.parametrize(
    "text",
    [
        "Good morning",
        "Anybody?",
        "Can we bring our dog?",
        "I want to speak to a human",
        "stop",
        "My card is 4111 1111 1111 1111 can you book",
    ],
)
def test_greetings_answered_questions_signals_and_private_details_are_not_listed(world: World, text: str) -> None:
    world.say(text)
    assert world.events()
    assert rows(world) == []


def test_a_listed_question_costs_one_write_more(world: World) -> None:
    world.say("Hello", contact="385911111112")
    world.sandbox.graph.say("whatsapp", WHATSAPP, PETRA, "Do you rent out helicopters to guests?")
    with counted() as calls:
        world.stack.drain()
    assert calls == {
        "dynamodb.GetItem": 2, "dynamodb.TransactWriteItems": 2, "sqs.SendMessage": 1, "dynamodb.UpdateItem": 1,
        "dynamodb.PutItem": 1,  # and a read: the second id of a new customer
    }  # fmt: skip


def test_a_list_that_cannot_be_written_holds_nothing_up(world: World) -> None:
    with failing("dynamodb.TransactWriteItems", lambda: ReadTimeoutError(endpoint_url="dynamodb"), after=1):
        world.say(QUESTION)
    assert world.replies() == ["sent"]
    assert rows(world) == []


def test_a_long_question_is_cut(world: World) -> None:
    world.say("why " * 500)
    assert [len(row["text"]) for row in rows(world)] == [300]


def test_what_the_contact_takes_back_leaves_the_list(world: World) -> None:
    said = world.say(QUESTION, contact=MIA, channel="messenger")
    assert len(rows(world)) == 1
    gone = {
        "sender": {"id": MIA},
        "recipient": {"id": ACCOUNTS["messenger"]},
        "timestamp": world.now_ms,
        "message": {"mid": said, "is_deleted": True},
    }
    body = graph_webhooks.messaging_body("messenger", ACCOUNTS["messenger"], world.now_ms, gone)
    assert world.deliver(json.loads(body)) == 200
    world.stack.drain()
    [row] = rows(world)
    assert "text" not in row
    assert playbook_unmatched.questions(rows(world)) == []


# The command


@pytest.fixture
def local(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The stack as --local finds it."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    stack, ids = world.stack, dict(world.stack.outputs)
    session.write(session.Session("http://here", "", "", os.getpid(), stack.stack_name, stack.engine.url, None, ids))
    return world


def ask(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["playbook", "unmatched", "--local", *arguments])


def move_to_today(world: World) -> None:
    """The command reads the real calendar, as `config push` does; the journeys live in November 2026."""
    for row in rows(world):
        key = to_item({"pk": row["pk"], "sk": row["sk"]})
        world.stack.clients.dynamodb.delete_item(TableName=world.threads.table, Key=key)
        world.threads.put({**row, "pk": list_of("support", datetime.now(UTC))})


def test_the_command_groups_equal_questions_and_makes_examples_of_tapped_ones(local: World) -> None:
    world = local
    world.say("Do you rent out helicopters?", contact=MIA, channel="messenger")
    world.wait(5)
    world.say(QUESTION, name="\x1b[31mEve")
    world.wait(5)
    world.sandbox.graph.say("whatsapp", WHATSAPP, PETRA, "Pets", quick_reply="faq:pets")
    world.stack.drain()
    world.wait(5)
    world.say("can I bring my DOG  to breakfast?!", contact="385911111112")
    assert [row.get("tapped") for row in rows(world)] == [None, None, "pets", None]
    assert "text" not in rows(world)[2]
    move_to_today(world)

    listed = json.loads(ask("--inbox", "support", "--json").stdout)
    assert [(each["text"], each["times"], each["suggested"], each["tapped"]) for each in listed["questions"]] == [
        (QUESTION, 2, ["pets"], {"pets": 1}),
        ("Do you rent out helicopters?", 1, [], {}),
    ]
    shown = ask("--inbox", "support").stdout
    assert f"2×  en  “{QUESTION}”  offered: pets  tapped: pets 1×" in shown
    assert f'  pets:\n    - "{QUESTION}"' in shown


def test_strangers_words_do_not_steer_the_terminal(local: World) -> None:
    local.say("Do you \x1b[31mrent out \u202ehelicopters?")
    move_to_today(local)
    shown = ask("--inbox", "support").stdout
    assert "helicopters" in shown
    assert not {"\x1b", "\u202e"} & set(shown)


def test_the_command_says_what_is_wrong_and_when_there_is_nothing(local: World) -> None:
    result = ask("--inbox", "sales")
    assert (result.exit_code, "it has support" in result.stderr) == (2, True)
    assert ask("--inbox", "support", "--days", "91").exit_code == 2
    assert "No question was left" in ask("--inbox", "support").stdout

"""What agents do beside answering: notes, tags, assigning, transferring, snoozing, reopening, approving."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from afterhours.playbook import Playbook
from afterhours.stores import config
from afterhours.stores.dynamo import to_item
from botocore.exceptions import ClientError
from counting import asked_twice, failing, meanwhile
from world import ANA, IVO, OPEN, PETRA, AgentClient, Ulid, World

HOUR_S = 3600
BEFORE_THE_CLOCKS_CHANGE = datetime(2027, 3, 26, 19, 30, tzinfo=UTC)  # a Friday, 20:30 in Zagreb; Sunday is shorter
MONDAY_OPENING = datetime(2027, 3, 29, 6, 0, tzinfo=UTC)


@pytest.fixture
def ana(world: World) -> AgentClient:
    """A lead."""
    return world.agent(ANA)


@pytest.fixture
def ivo(world: World) -> AgentClient:
    """An agent."""
    return world.agent(IVO)


@pytest.fixture
def thread(world: World, ivo: AgentClient) -> dict[str, Any]:
    """A customer asked for a person, and Ivo has the thread."""
    world.say("I want a person")
    pulled = ivo.pull()
    assert pulled
    return pulled


@pytest.fixture
def sales(world: World) -> str:
    """A second inbox, in which Ana alone works; its queue's address."""
    stack = world.stack
    url = stack.clients.sqs.create_queue(QueueName=f"{stack.stack_name}-human-sales")["QueueUrl"]
    stack.clients.sqs.purge_queue(QueueUrl=url)
    table = stack.environment["CONFIG_TABLE"]
    inbox = {"pk": "INBOX", "sk": "sales", "id": "sales", "playbook": "hotel", "queue_url": url}
    stack.clients.dynamodb.put_item(TableName=table, Item=to_item(inbox))
    ana = config.agent(sub_of(world, ANA))
    assert ana
    permissions = {"pk": "AGENT", "sk": ana.id, "email": ANA, "inboxes": {"support": "lead", "sales": "agent"}}
    stack.clients.dynamodb.put_item(TableName=table, Item=to_item(permissions))
    config.clear()
    return url


def sub_of(world: World, email: str) -> str:
    return next(agent.id for agent in config.agents() if agent.email == email)


def playing(world: World, **changes: Any) -> None:
    playbook = world.sandbox.config.playbooks["hotel"].model_dump(mode="json")
    world.play_by(Playbook.model_validate({**playbook, **changes}))


def view(agent: AgentClient, name: str, inbox: str = "support") -> list[str]:
    status, answer = agent.call("GET", f"/api/inboxes/{inbox}/threads?view={name}")
    assert status == 200, answer
    return [thread["id"] for thread in answer["threads"]]


# Notes and tags


def test_what_was_done_is_done_though_its_audit_item_was_lost(
    ivo: AgentClient,
    thread: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    slow_down = ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "TransactWriteItems")
    capsys.readouterr()
    with failing("dynamodb.TransactWriteItems", lambda: slow_down):
        status, answer = ivo.do("release", thread)
    assert (status, answer["thread"]["owner"]) == (200, None)
    assert '"AuditLost":[1.0]' in capsys.readouterr().out
    assert "audit item lost" in caplog.messages
    assert [each["verb"] for each in ivo.show(thread)["history"]] == ["pulled"]


def test_a_note_is_for_colleagues_and_never_leaves(
    world: World, ana: AgentClient, ivo: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    key = ulid()
    status, answer = ivo.do("note", thread, key=key, text="Third call this week.")
    assert status == 400, answer  # a note takes no fence
    path = f"/api/threads/{thread['id']}/note"
    assert ivo.call("POST", path, {"key": key, "text": "Third call this week."})[0] == 200
    assert ivo.call("POST", path, {"key": key, "text": "Third call this week."})[0] == 200  # asked again
    world.settle()
    [note] = ana.show(thread)["notes"]
    assert (note["text"], note["by"]) == ("Third call this week.", sub_of(world, IVO))
    assert not any("Third call" in text for text in world.sent)


def test_every_verb_leaves_its_trace(world: World, ana: AgentClient, ivo: AgentClient, thread: dict[str, Any]) -> None:
    world.wait(1)
    ivo.call("POST", f"/api/threads/{thread['id']}/tag", {"add": ["refund"]})
    world.wait(1)
    ivo.do("release", thread)
    history = ana.show(thread)["history"]
    assert [(entry["verb"], entry["detail"].get("added")) for entry in history] == [
        ("pulled", None),
        ("tagged", ["refund"]),
        ("released", None),
    ]
    assert {entry["by"] for entry in history} == {sub_of(world, IVO)}


def test_a_tag_moves_the_due_time_where_a_service_level_goes_by_it(
    world: World, ivo: AgentClient, thread: dict[str, Any]
) -> None:
    playing(world, service_levels=[{"tag": "wedding", "first_reply": "10m"}, {"first_reply": "60m"}])
    path = f"/api/threads/{thread['id']}/tag"
    status, answer = ivo.call("POST", path, {"add": [" Wedding "]})
    assert (status, answer["thread"]["tags"]) == (200, ["wedding"])
    assert answer["thread"]["due_at"] - answer["thread"]["opened_at"] == 10 * 60_000
    assert ivo.show(thread)["thread"]["due_at"] == answer["thread"]["due_at"]
    status, answer = ivo.call("POST", path, {"remove": ["wedding"]})
    assert answer["thread"]["due_at"] - answer["thread"]["opened_at"] == 60 * 60_000


def test_a_vip_is_served_before_who_came_first_but_not_for_ever(world: World, ana: AgentClient) -> None:
    early, vip, late = "385913000001", "385913000002", "385913000003"
    world.say("I want a person", contact=early)
    world.wait(3 * HOUR_S)
    world.say("I want a person", contact=vip)
    ana.call("POST", f"/api/threads/{world.name(vip)}/tag", {"add": ["vip"]})
    assert view(ana, "open") == [world.name(vip), world.name(early)]
    world.wait(2 * HOUR_S)
    world.say("I want a person", contact=late)
    ana.call("POST", f"/api/threads/{world.name(late)}/tag", {"add": ["vip"]})
    pulled = [thread["id"] for thread in (ana.pull(), ana.pull(), ana.pull()) if thread]
    assert pulled == [world.name(vip), world.name(early), world.name(late)]


# Assigning and transferring


def test_an_assigned_thread_waits_for_its_agent_and_then_for_anybody(
    world: World, ana: AgentClient, ivo: AgentClient, thread: dict[str, Any]
) -> None:
    status, answer = ivo.do("assign", thread, agent=sub_of(world, ANA))
    assert (status, answer["thread"]["owner"], answer["thread"]["kept_for"]) == (200, None, sub_of(world, ANA))
    assert world.bells() == [world.pk()]
    assert view(ana, "mine") == [thread["id"]]
    assert ivo.pull() is None
    world.wait(HOUR_S + 1)
    assert ivo.pull() is not None


def test_a_lead_takes_a_thread_away_from_whoever_has_it_and_an_agent_does_not(
    world: World, ana: AgentClient, ivo: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    path, to_ana = f"/api/threads/{thread['id']}/assign", {"agent": sub_of(world, ANA)}
    assert ivo.call("POST", path, to_ana)[1]["code"] == "not_allowed"
    assert ana.call("POST", path, to_ana)[0] == 200
    assert ivo.reply(thread, "Too late.", ulid())[1]["code"] == "stale_fence"
    assert ana.pull() is not None


def test_a_thread_goes_to_another_inbox_and_is_foreign_to_the_first(
    world: World, ana: AgentClient, ivo: AgentClient, thread: dict[str, Any], sales: str
) -> None:
    status, answer = ivo.do("transfer", thread, inbox="sales")
    assert (status, answer["thread"]["inbox"], answer["thread"]["owner"]) == (200, "sales", None)
    assert ivo.call("GET", f"/api/threads/{thread['id']}")[0] == 404
    assert view(ana, "open") == []
    assert view(ana, "open", "sales") == [thread["id"]]
    pulled = ana.call("POST", "/api/inboxes/sales/pull", {})[1]["thread"]
    assert (pulled["id"], pulled["due_at"]) == (thread["id"], thread["due_at"])
    world.say("And one thing more")
    assert world.head()["inbox"] == "sales"


def test_a_transfer_does_not_overwrite_what_came_in_between(
    world: World, ivo: AgentClient, thread: dict[str, Any], sales: str
) -> None:
    with meanwhile("dynamodb.TransactWriteItems", lambda: world.say("Are you there?")):
        status, answer = ivo.do("transfer", thread, inbox="sales")
    assert (status, answer["code"]) == (503, "busy")
    assert ivo.do("transfer", thread, inbox="sales")[0] == 200


def test_a_late_failed_receipt_opens_the_thread_where_it_is_now(
    world: World, ana: AgentClient, ivo: AgentClient, thread: dict[str, Any], sales: str, ulid: Ulid
) -> None:
    ivo.reply(thread, "We are here.", ulid())
    world.settle()
    answered = world.sandbox.graph.sent[-1]
    assert ivo.do("transfer", thread, inbox="sales")[0] == 200
    assert view(ana, "open", "sales") == []
    world.deliver(world.status("failed", answered, 131026))
    world.settle()
    assert (view(ana, "open", "sales"), view(ana, "open")) == ([thread["id"]], [])
    rung = world.stack.clients.sqs.receive_message(QueueUrl=sales)["Messages"]
    assert thread["id"].rpartition(".")[2] in rung[0]["Body"]


def test_a_thread_whose_inbox_is_not_configured_any_more_is_our_trouble(
    world: World, ivo: AgentClient, thread: dict[str, Any]
) -> None:
    table = world.stack.environment["CONFIG_TABLE"]
    inbox = to_item({"pk": "INBOX", "sk": "support"})
    kept = world.stack.clients.dynamodb.delete_item(TableName=table, Key=inbox, ReturnValues="ALL_OLD")["Attributes"]
    config.clear()
    try:
        status, answer = ivo.call("GET", f"/api/threads/{thread['id']}/answers")
    finally:
        world.stack.clients.dynamodb.put_item(TableName=table, Item=kept)
        config.clear()
    assert (status, answer["code"]) == (503, "unavailable")


# Snoozing and reopening


def test_a_thread_is_snoozed_until_the_next_opening_over_a_change_of_clocks(
    world: World, ana: AgentClient, ivo: AgentClient
) -> None:
    world.stack.clock.set_to(BEFORE_THE_CLOCKS_CHANGE)
    world.say("I want a person")
    thread = ivo.call("POST", f"/api/threads/{world.name()}/claim", {})[1]["thread"]
    status, answer = ivo.do("snooze", thread, last_inbound=thread["last_inbound"], until="next_opening")
    assert (status, answer["thread"]["status"], answer["thread"]["owner"]) == (200, "snoozed", None)
    waking = datetime.fromtimestamp(answer["thread"]["snoozed_until"] / 1000, UTC)
    assert (view(ana, "open"), view(ana, "snoozed")) == ([], [thread["id"]])
    world.lose_bells()
    world.stack.clock.set_to(waking - timedelta(seconds=1))
    world.stack.tick()
    assert view(ana, "open") == []
    world.stack.clock.set_to(waking)
    world.stack.tick()
    assert view(ana, "open") == [thread["id"]]
    assert world.bells() == [world.pk()]
    assert ana.pull() is None  # for a while it is Ivo's
    assert ivo.pull() is not None


def test_the_clock_of_the_inbox_says_when_a_snoozed_thread_wakes(world: World, ivo: AgentClient) -> None:
    playing(
        world, hours={"zone": "Europe/Zagreb", "week": {"mon-fri": ["08:00-20:00"], "sat": "closed", "sun": "closed"}}
    )
    world.stack.clock.set_to(BEFORE_THE_CLOCKS_CHANGE)
    world.say("I want a person")
    thread = ivo.call("POST", f"/api/threads/{world.name()}/claim", {})[1]["thread"]
    answer = ivo.do("snooze", thread, last_inbound=thread["last_inbound"], until="next_opening")[1]
    assert answer["thread"]["snoozed_until"] == int(MONDAY_OPENING.timestamp() * 1000)


def test_a_customer_wakes_a_snoozed_thread(world: World, ivo: AgentClient, thread: dict[str, Any]) -> None:
    until = world.now_ms + 5 * HOUR_S * 1000
    assert ivo.do("snooze", thread, last_inbound=thread["last_inbound"], until=until)[0] == 200
    world.say("I want a person, please")
    assert world.head()["status"] == "open"
    assert ivo.pull() is not None


def test_a_thread_with_news_is_not_snoozed(world: World, ivo: AgentClient, thread: dict[str, Any]) -> None:
    world.say("Are you there?")
    until = world.now_ms + HOUR_S * 1000
    status, answer = ivo.do("snooze", thread, last_inbound=thread["last_inbound"], until=until)
    assert (status, answer["code"]) == (409, "new_message")
    assert world.head()["status"] == "open"


def test_a_snooze_whose_answer_was_lost_is_done_once(world: World, ivo: AgentClient, thread: dict[str, Any]) -> None:
    until = world.now_ms + HOUR_S * 1000
    with asked_twice("dynamodb.UpdateItem"):
        assert ivo.do("snooze", thread, last_inbound=thread["last_inbound"], until=until)[0] == 200
    assert world.head()["status"] == "snoozed"


def test_a_resolved_thread_is_reopened_under_its_number(
    world: World, ana: AgentClient, ivo: AgentClient, thread: dict[str, Any]
) -> None:
    assert ivo.resolve(thread)[0] == 200
    assert view(ana, "resolved") == [thread["id"]]
    status, answer = ivo.call("POST", f"/api/threads/{thread['id']}/reopen", {})
    assert (status, answer["thread"]["status"], answer["thread"]["number"]) == (200, "open", thread["number"])
    assert (view(ana, "resolved"), view(ana, "open"), view(ivo, "mine")) == ([], [thread["id"]], [thread["id"]])
    assert ana.pull() is None  # kept for Ivo
    assert ivo.pull() is not None


def test_a_new_handoff_after_a_resolution_has_a_number_of_its_own(
    world: World, ivo: AgentClient, thread: dict[str, Any]
) -> None:
    assert thread["number"].endswith("-1")
    ivo.resolve(thread)
    world.wait(24 * HOUR_S)
    world.say("I want a person")
    again = ivo.show(thread)["thread"]
    assert again["number"] == thread["number"].replace("-1", "-2")
    earlier = ivo.call("GET", f"/api/threads/{thread['id']}/contact")[1]["earlier"]
    assert [entry["number"] for entry in earlier] == [thread["number"]]


# Four eyes


def test_a_reply_waits_for_a_lead_where_the_playbook_asks_for_four_eyes(
    world: World, ana: AgentClient, ivo: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    playing(world, four_eyes="always")
    key = ulid()
    status, answer = ivo.reply(thread, "We refund everything.", key)
    assert (status, answer["state"]) == (202, "held")
    world.settle()
    assert "We refund everything." not in world.sent
    assert view(ana, "held") == [thread["id"]]
    path = f"/api/threads/{thread['id']}"
    assert ivo.call("POST", f"{path}/approve", {"key": key})[1]["code"] == "not_allowed"
    status, answer = ana.call("POST", f"{path}/approve", {"key": key})
    assert (status, answer["state"]) == (202, "planned")
    world.settle()
    assert world.sent.count("We refund everything.") == 1
    assert view(ana, "held") == []
    assert ana.call("POST", f"{path}/approve", {"key": key})[1]["code"] == "already"


def test_a_rejected_reply_is_never_sent_and_is_news(
    world: World, ana: AgentClient, ivo: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    playing(world, four_eyes="always")
    key = ulid()
    ivo.reply(thread, "We refund everything.", key)
    answer = ana.call("POST", f"/api/threads/{thread['id']}/reject", {"key": key, "reason": "We do not."})[1]
    assert (answer["state"], answer["reason"]) == ("dropped", "rejected")
    world.settle()
    shown = ivo.show(thread)
    assert "We refund everything." not in world.sent
    assert shown["timeline"][-1]["state"] == "dropped"
    assert [note["text"] for note in shown["notes"]] == ["We do not."]
    assert shown["thread"]["last_inbound"] != thread["last_inbound"]


def test_a_lead_writes_without_four_eyes(world: World, ana: AgentClient, ulid: Ulid) -> None:
    playing(world, four_eyes="always")
    world.say("I want a person")
    thread = ana.pull()
    assert thread
    assert ana.reply(thread, "We are here.", ulid())[1]["state"] == "planned"


def test_a_lead_does_not_wait_behind_a_reply_that_is_held(
    world: World, ana: AgentClient, ivo: AgentClient, thread: dict[str, Any], sales: str, ulid: Ulid
) -> None:
    playing(world, four_eyes="always")
    held = ulid()
    ivo.reply(thread, "We refund everything.", held)
    ana.call("POST", f"/api/threads/{thread['id']}/assign", {"agent": sub_of(world, ANA)})
    taken = ana.pull()
    assert taken
    ana.reply(taken, "We look into it.", ulid())
    world.settle()
    assert world.sent[-1] == "We look into it."
    assert ana.do("transfer", ana.show(thread)["thread"], inbox="sales")[1]["code"] == "held"
    assert ana.call("POST", f"/api/threads/{thread['id']}/approve", {"key": held})[0] == 202
    world.settle()
    assert world.sent[-1] == "We refund everything."


# Prepared answers


def test_prepared_answers_speak_the_customers_language(
    world: World, ana: AgentClient, ivo: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    canned = [
        {"id": "hello", "text": {"en": "Hello {first_name}, {brand} here.", "hr": "Dobar dan!"}},
        {"id": "refund", "version": 3, "approved": False, "text": {"en": "You get it back."}},
    ]
    playing(world, canned=canned, ways={"phone": "+385 1 000 000"})
    status, answer = ivo.call("GET", f"/api/threads/{thread['id']}/answers")
    assert (status, answer["language"]) == (200, "en")
    found = {entry["id"]: entry for entry in answer["answers"]}
    assert found["hello"]["text"] == "Hello Petra, Hotel Jadran here."
    assert (found["refund"]["approved"], found["refund"]["version"]) == (False, 3)
    assert next(entry["text"] for entry in answer["answers"] if entry["kind"] == "way") == "+385 1 000 000"
    refused = ivo.do(
        "reply", thread, key=ulid(), text="You get it back.", answer="refund", last_inbound=thread["last_inbound"]
    )
    assert (refused[0], refused[1]["code"]) == (403, "not_approved")


def test_the_card_of_a_contact_holds_what_we_know(world: World, ivo: AgentClient, thread: dict[str, Any]) -> None:
    status, card = ivo.call("GET", f"/api/threads/{thread['id']}/contact")
    assert (status, card["names"], card["languages"], card["messages"]) == (200, ["Petra Novak"], ["en"], 1)


def test_the_window_says_what_is_still_possible(world: World, ivo: AgentClient, ulid: Ulid) -> None:
    world.say("I want a person")
    world.stack.clock.set_to(OPEN + timedelta(hours=24, minutes=1))
    thread = ivo.call("POST", f"/api/threads/{world.name(PETRA)}/claim", {})[1]["thread"]
    assert thread["reply"]["blocked"] == "window_closed"
    assert thread["reply"]["allowed"] == ["note", "other_way"]
    status, answer = ivo.reply(thread, "Sorry for the wait.", ulid())
    assert (status, answer["code"]) == (422, "window_closed")
    assert "note" in answer["detail"]

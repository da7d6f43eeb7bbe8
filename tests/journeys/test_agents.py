"""Agents at the HTTP API: who gets which thread, and what becomes of what they write."""

from datetime import timedelta
from typing import Any

import pytest
from afterhours.stores.dynamo import to_item
from afterhours_local.platforms.faults import Fault
from botocore.exceptions import EndpointConnectionError
from counting import Crash, answered, asked_twice, failing
from world import AFTER_LEASES, ANA, IVO, AgentClient, Ulid, World

MINUTE_S = 60


def crash(*_: object) -> Exception:
    raise Crash


@pytest.fixture
def ana(world: World) -> AgentClient:
    return world.agent(ANA)


@pytest.fixture
def ivo(world: World) -> AgentClient:
    return world.agent(IVO)


@pytest.fixture
def thread(world: World, ana: AgentClient) -> dict[str, Any]:
    """A customer asked for a person, and Ana has the thread."""
    world.say("I want a person")
    pulled = ana.pull()
    assert pulled
    return pulled


def composed(world: World) -> dict[str, Any]:
    [item] = [item for item in world.events() if item["type"] == "outbound"]
    return item


# The whole way


def test_an_agent_pulls_reads_answers_and_resolves(world: World, ana: AgentClient, ulid: Ulid) -> None:
    world.say("I want a person")
    assert world.bells() == [world.pk()]
    thread = ana.pull()
    assert thread
    assert world.bells() == []
    status, answer = ana.reply(thread, "Good morning, Ana here.", ulid())
    assert (status, answer["state"]) == (202, "planned")
    world.stack.drain()
    world.receipts()
    shown = ana.show(thread)
    said = [(entry["by"], entry["direction"], entry.get("state")) for entry in shown["timeline"]]
    assert said == [("contact", "in", None), ("auto", "out", "delivered"), ("agent", "out", "delivered")]
    assert shown["thread"]["status"] == "waiting"
    status, answer = ana.resolve(shown["thread"])
    assert (status, answer["thread"]["status"], answer["thread"]["owner"]) == (200, "resolved", None)
    assert ana.pull() is None


def test_nothing_waits_for_anybody_when_nobody_wrote(ana: AgentClient) -> None:
    assert ana.pull() is None
    assert ana.call("GET", "/api/inboxes/support/threads") == (200, {"threads": [], "cursor": None})


def test_the_most_urgent_thread_comes_first(world: World, ana: AgentClient) -> None:
    contacts = [f"38591300000{number}" for number in range(3)]
    for contact in contacts:
        world.say("I want a person", contact=contact)
        world.wait(MINUTE_S)
    listed = ana.call("GET", "/api/inboxes/support/threads")[1]["threads"]
    pulled = [thread["id"] for thread in (ana.pull(), ana.pull(), ana.pull()) if thread]
    assert pulled == [entry["id"] for entry in listed]
    assert pulled == [world.name(contact) for contact in contacts]


def test_the_list_and_a_long_thread_are_read_page_by_page(world: World, ana: AgentClient) -> None:
    for number in range(3):
        world.say("I want a person", contact=f"38591300000{number}")
    first = ana.call("GET", "/api/inboxes/support/threads?limit=2")[1]
    rest = ana.call("GET", f"/api/inboxes/support/threads?limit=2&cursor={first['cursor'].replace('#', '%23')}")[1]
    assert (len(first["threads"]), len(rest["threads"]), rest["cursor"]) == (2, 1, None)
    pk = world.pk("385913000000")
    [event] = world.events(pk)
    for number in range(60):
        older = {**event, "sk": f"E#{event['at'] - number - 1:013d}#I#{number:026d}", "reply": "none"}
        world.stack.clients.dynamodb.put_item(TableName=world.threads.table, Item=to_item(older))
    path = f"/api/threads/{world.name('385913000000')}"
    newest = ana.call("GET", path)[1]
    older_page = ana.call("GET", f"{path}?cursor={newest['cursor'].replace('#', '%23')}")[1]
    assert len(newest["timeline"]) + len(older_page["timeline"]) == 62  # with the automatic reply
    assert older_page["cursor"] is None


# A reply survives


def test_a_reply_survives_a_crash_before_it_is_queued(
    world: World, ana: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    with failing("sqs.SendMessage", Crash):
        assert ana.reply(thread, "We are here.", ulid())[0] == 500
    world.stack.drain()
    assert "We are here." not in world.sent
    world.wait(MINUTE_S)
    world.stack.tick()
    world.settle()
    assert world.sent.count("We are here.") == 1
    assert composed(world)["reply"] == "sent"


def test_a_reply_survives_a_queue_out_of_reach(
    world: World, ana: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    with failing("sqs.SendMessage", lambda: EndpointConnectionError(endpoint_url="sqs")):
        assert ana.reply(thread, "We are here.", ulid())[0] == 202
    world.settle()
    assert world.sent.count("We are here.") == 1


def test_a_reply_survives_a_crash_after_it_was_queued_and_the_repeated_request(
    world: World, ana: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    key = ulid()
    with answered("sqs.SendMessage", crash):
        assert ana.reply(thread, "We are here.", key)[0] == 500
    assert ana.reply(thread, "We are here.", key)[0] == 202
    world.settle()
    assert world.sent.count("We are here.") == 1


def test_a_reply_whose_commit_was_not_answered_is_not_composed_twice(
    world: World, ana: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    key = ulid()
    with answered("dynamodb.TransactWriteItems", crash, times=1):
        assert ana.reply(thread, "We are here.", key)[0] == 500
    assert ana.reply(thread, "We are here.", key)[0] == 202
    world.settle()
    assert world.sent.count("We are here.") == 1


def test_a_client_that_was_closed_gets_the_stored_state_though_the_claim_is_gone(
    world: World, ana: AgentClient, ivo: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    key = ulid()
    ana.reply(thread, "We are here.", key)
    world.wait(AFTER_LEASES)
    world.stack.drain()
    ivo.do("claim", thread)
    status, answer = ana.reply(thread, "We are here.", key)
    assert (status, answer["state"]) == (202, "sent")
    assert ana.reply(thread, "Something else.", ulid())[1]["code"] == "stale_fence"
    assert world.sent.count("We are here.") == 1


def test_a_reply_that_is_throttled_is_sent_when_the_platform_lets_it(
    world: World, ana: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    world.misbehave(Fault.PAIR_131056, 2)
    key = ulid()
    ana.reply(thread, "We are here.", key)
    world.stack.drain()
    assert composed(world)["reply"] == "planned"
    world.wait(1)
    assert "We are here." not in world.sent
    world.wait(6)
    world.wait(24)
    assert ana.reply(thread, "We are here.", key)[1]["state"] == "sent"
    assert world.sent.count("We are here.") == 1


def test_a_reply_that_stays_throttled_is_kept_out_of_the_dead_letter_queue_and_dropped_with_a_word(
    world: World, ana: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    world.misbehave(Fault.RATE_429, 60)
    ana.reply(thread, "We are here.", ulid())
    world.stack.drain()
    for _ in range(40):  # a bit more than a day
        world.wait(40 * MINUTE_S)
        world.stack.tick()
        world.stack.drain()
    assert (composed(world)["reply"], composed(world)["reply_reason"]) == ("dropped", "window_closed")
    assert world.dead_letters() == 0
    assert "We are here." not in world.sent


@pytest.mark.parametrize(
    ("fault", "state"), [(Fault.BAD_REQUEST_400, "refused"), (Fault.RESET_AFTER_READING, "unknown")]
)
def test_a_failed_reply_is_news_it_reopens_rings_and_blocks_the_resolve_of_whoever_has_not_seen_it(
    world: World, ana: AgentClient, thread: dict[str, Any], ulid: Ulid, fault: Fault, state: str
) -> None:
    world.misbehave(fault)
    ana.reply(thread, "We are here.", ulid())
    world.stack.drain()
    assert world.head()["status"] == "open"
    assert world.head()["last_inbound"] == composed(world)["sk"]
    assert world.bells() == [world.pk()]
    assert ana.resolve(thread)[1]["code"] == "new_message"
    shown = ana.show(thread)
    assert shown["timeline"][-1]["state"] == state
    assert ana.resolve(shown["thread"])[0] == 200


def test_a_reply_that_fails_after_the_thread_was_resolved_opens_it_again(
    world: World, ana: AgentClient, ivo: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    ana.reply(thread, "We are here.", ulid())
    assert ana.resolve(thread)[0] == 200
    world.misbehave(Fault.BAD_REQUEST_400)
    world.stack.drain()
    assert world.head()["status"] == "open"
    assert "agenda_pk" not in world.head()  # no longer filed under resolved
    world.wait(AFTER_LEASES)
    assert ivo.pull()


def test_a_reply_too_late_for_the_message_window_is_dropped_and_shown_as_such(
    world: World, ana: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    ana.reply(thread, "We are here.", ulid())
    world.wait(25 * 3600)
    assert (composed(world)["reply"], composed(world)["reply_reason"]) == ("dropped", "window_closed")
    assert world.head()["status"] == "open"
    assert world.bells() == [world.pk()]
    assert len(world.sent) == 1


def test_an_agents_own_delivery_receipts_never_block_the_resolve(
    world: World, ana: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    ana.reply(thread, "We are here.", ulid())
    world.stack.drain()
    world.receipts()
    assert ana.resolve(thread)[0] == 200


def test_two_replies_in_a_row_keep_their_order_though_the_second_is_faster(
    world: World, ana: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    with failing("sqs.SendMessage", lambda: EndpointConnectionError(endpoint_url="sqs")):
        ana.reply(thread, "First.", ulid())
    ana.reply(thread, "Second.", ulid())
    world.stack.drain()
    assert world.sent[1:] == []
    world.settle()
    assert world.sent[1:] == ["First.", "Second."]


def test_a_reply_makes_the_thread_wait_only_if_its_author_had_seen_everything(
    world: World, ana: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    with failing("sqs.SendMessage", lambda: EndpointConnectionError(endpoint_url="sqs")):
        ana.reply(thread, "We are here.", ulid())
    world.say("One more thing")
    world.stack.clock.advance(timedelta(seconds=MINUTE_S))
    world.stack.tick()
    world.stack.drain()
    assert composed(world)["reply"] == "sent"
    assert world.head()["status"] == "open"


# Whose it is


def test_a_customer_who_writes_meanwhile_keeps_the_thread_open(
    world: World, ana: AgentClient, thread: dict[str, Any]
) -> None:
    world.say("One more thing")
    status, answer = ana.resolve(thread)
    assert (status, answer["code"]) == (409, "new_message")
    assert world.head()["status"] == "open"
    assert ana.resolve(ana.show(thread)["thread"])[0] == 200


def test_a_resolve_whose_answer_was_lost_is_not_taken_for_news(
    world: World, ana: AgentClient, thread: dict[str, Any]
) -> None:
    with asked_twice("dynamodb.TransactWriteItems"):
        assert ana.resolve(thread)[0] == 200
    assert world.head()["status"] == "resolved"


def test_an_old_fence_is_refused_and_the_new_owner_is_not_disturbed(
    world: World, ana: AgentClient, ivo: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    world.wait(AFTER_LEASES)
    his = ivo.pull()
    assert his
    assert ana.reply(thread, "We are here.", ulid())[1]["code"] == "stale_fence"
    assert ana.resolve(thread)[1]["code"] == "stale_fence"
    world.stack.drain()
    assert [item for item in world.events() if item["type"] == "outbound"] == []
    assert ivo.show(his)["thread"]["owner"] == his["owner"]


def test_a_heartbeat_keeps_the_claim_and_a_lease_that_is_over_cannot_be_kept(
    world: World, ana: AgentClient, ivo: AgentClient, thread: dict[str, Any]
) -> None:
    for _ in range(4):
        world.wait(40)
        assert ana.do("heartbeat", thread)[0] == 200
    assert ivo.pull() is None
    world.wait(AFTER_LEASES)
    assert ana.do("heartbeat", thread)[1]["code"] == "lease_over"
    assert ivo.pull()


def test_the_thread_of_an_agent_who_is_gone_rings_again(world: World, ivo: AgentClient, thread: dict[str, Any]) -> None:
    world.stack.tick()
    assert world.bells() == []
    world.wait(AFTER_LEASES)
    world.stack.tick()
    assert world.bells() == [world.pk()]
    assert ivo.pull()


def test_a_released_thread_is_anybodys_at_once(
    world: World, ana: AgentClient, ivo: AgentClient, thread: dict[str, Any]
) -> None:
    assert ana.do("release", thread)[0] == 200
    assert world.bells() == [world.pk()]
    assert ivo.pull()


def test_re_entering_ones_own_claim_keeps_the_fence(ana: AgentClient, thread: dict[str, Any]) -> None:
    status, answer = ana.do("claim", thread)
    assert (status, answer["thread"]["fence"]) == (200, thread["fence"])


def test_a_customer_who_answers_comes_to_their_last_agent_first_and_to_others_later(
    world: World, ana: AgentClient, ivo: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    ana.reply(thread, "We are here.", ulid())
    world.stack.drain()
    assert world.head()["status"] == "waiting"
    world.wait(AFTER_LEASES)
    world.say("Thank you, and when do you close?")
    assert world.bells() == [world.pk()]
    assert ivo.pull() is None
    again = ana.pull()
    assert again
    ana.do("release", again)


def test_a_thread_kept_for_an_agent_who_does_not_come_is_anybodys_after_ten_minutes(
    world: World, ana: AgentClient, ivo: AgentClient, thread: dict[str, Any]
) -> None:
    ana.resolve(thread)
    world.say("One more thing")
    assert "agenda_pk" not in world.head()
    assert ivo.pull() is None
    world.wait(11 * MINUTE_S)
    assert ivo.pull()


# Who may


def test_a_foreign_inbox_and_its_threads_do_not_exist(world: World, ana: AgentClient, thread: dict[str, Any]) -> None:
    world.threads.update(world.pk(), "#", "SET #inbox = :other", when="attribute_exists(#pk)", other="billing")
    calls = [
        ana.call("GET", f"/api/threads/{thread['id']}"),
        ana.do("resolve", thread, last_inbound=None),
        ana.call("POST", "/api/inboxes/billing/pull", {}),
        ana.call("GET", "/api/threads/no-such-thread"),
        ana.call("GET", f"/api/threads/{'x' * 3000}"),
    ]
    assert [status for status, _ in calls] == [404] * 5


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"text": " "}, 422, "bad_text"),
        ({"text": "\x1b[2J"}, 422, "bad_text"),
        ({"text": ("x" * 2060 + " ") * 9}, 422, "too_long"),
        ({"key": "0" * 26}, 400, "bad_key"),
        ({"key": "no-ulid"}, 400, "bad_request"),
        ({"fence": "x"}, 400, "bad_request"),
        ({"more": True}, 400, "bad_request"),
    ],
)
def test_a_reply_that_cannot_be_sent_is_refused_at_once(
    world: World, ana: AgentClient, thread: dict[str, Any], ulid: Ulid, given: dict[str, Any], status: int, code: str
) -> None:
    body = {"key": ulid(), "text": "Hello", "fence": thread["fence"], "last_inbound": None, **given}
    answer = ana.call("POST", f"/api/threads/{thread['id']}/reply", body)
    assert (answer[0], answer[1]["code"]) == (status, code)
    assert len(world.events()) == 1


def test_a_reply_after_the_message_window_is_refused_at_once(
    world: World, ana: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    world.wait(25 * 3600)
    assert ana.reply(thread, "We are here.", ulid())[1]["code"] == "window_closed"


@pytest.mark.parametrize("cursor", ["A", "Z", "E%23", "~~", "%7E%7E"])
def test_a_cursor_that_is_none_of_ours_is_refused(ana: AgentClient, thread: dict[str, Any], cursor: str) -> None:
    for path in (f"/api/threads/{thread['id']}", "/api/inboxes/support/threads"):
        assert ana.call("GET", f"{path}?cursor={cursor}")[0] == 400


def test_a_table_out_of_reach_is_a_503_and_the_same_key_works_later(
    world: World, ana: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    key = ulid()
    with failing("dynamodb.TransactWriteItems", lambda: EndpointConnectionError(endpoint_url="dynamodb")):
        status, answer = ana.reply(thread, "We are here.", key)
    assert (status, answer["code"]) == (503, "unavailable")
    assert ana.reply(thread, "We are here.", key)[0] == 202

"""How was it? Once per resolution, inside the window, tied to the agent of that moment, and recorded exactly once."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from afterhours.phrasebook import TextKind, phrasebook
from afterhours.playbook import Playbook
from afterhours.stores.dynamo import to_item
from afterhours_local.http_event import HttpRequest
from afterhours_local.platforms.faults import Fault
from botocore.exceptions import EndpointConnectionError
from counting import Crash, answered, asked_twice, counted, failing
from world import ACCOUNTS, AFTER_LEASES, IVO, PETRA, AgentClient, Ulid, World

NIGHT, MORNING = datetime(2026, 11, 11, 22, 40, tzinfo=UTC), datetime(2026, 11, 12, 7, 10, tzinfo=UTC)
HOUR_S, DAY_S = 3_600, 86_400
QUESTION = phrasebook("en").texts[TextKind.CSAT_QUESTION]
THANKS = phrasebook("en").texts[TextKind.CSAT_THANKS]
SCALE = ("1", "2", "3", "4", "5")


def crash(*_: object) -> Exception:
    raise Crash


def out_of_reach() -> Exception:
    return EndpointConnectionError(endpoint_url="sqs")


@pytest.fixture
def ana(world: World) -> AgentClient:
    return world.agent()


@pytest.fixture
def thread(world: World, ana: AgentClient, ulid: Ulid) -> dict[str, Any]:
    """Ana has answered a customer, and the thread waits."""
    return answered_thread(world, ana, ulid)


def answered_thread(world: World, ana: AgentClient, ulid: Ulid, **customer: str) -> dict[str, Any]:
    world.say("I want a person", **customer)
    pulled = ana.pull()
    assert pulled
    world.stack.clock.advance(timedelta(minutes=1))
    assert ana.reply(pulled, "We are here.", ulid())[0] == 202
    world.stack.drain()
    return dict(ana.show(pulled)["thread"])


def resolve(world: World, agent: AgentClient, thread: dict[str, Any]) -> None:
    assert agent.resolve(thread)[0] == 200
    world.stack.drain()


def resolution(world: World, episode: int = 1, **customer: str) -> dict[str, Any]:
    [item] = [item for item in world.items(world.pk(**customer)) if item["sk"] == f"R#{episode:06d}"]
    return item


def visit(world: World, method: str, path: str, session: str, body: dict[str, Any] | None = None) -> Any:
    """Our web chat, as its page calls it."""
    headers = (("content-type", "application/json"), ("authorization", f"Bearer {session}"))
    raw = json.dumps(body).encode() if body is not None else b""
    answer = world.stack.answer(HttpRequest(method, f"/webchat/jadran-web{path}", headers, raw))
    assert answer.status in (200, 201, 202), answer
    world.stack.drain()
    return json.loads(answer.body)


def questions(world: World) -> list[dict[str, Any]]:
    return [item for item in world.events() if item.get("via") == "csat"]


def asked(world: World) -> list[str]:
    return [text for text in world.sent if text.startswith(QUESTION)]


def thanked(world: World) -> int:
    return sum(text.startswith(THANKS) for text in world.sent)


def with_csat(world: World, **changes: Any) -> None:
    book = Playbook.model_validate(
        {
            "id": "hotel", "brand": "Hotel Jadran", "languages": ["en"],
            "hours": {"zone": "Europe/Zagreb", "week": {"mon-sun": ["00:00-24:00"]}}, "csat": {"ask": True, **changes},
        }
    )  # fmt: skip
    world.play_by(book)


# The whole way


def test_from_a_night_message_to_a_rating(world: World, ana: AgentClient, ulid: Ulid) -> None:
    world.stack.clock.set_to(NIGHT)
    world.say("Do you have a room with a view of the sea?")
    world.stack.clock.set_to(MORNING)
    thread = ana.pull()
    assert thread
    ana.reply(thread, "Good morning! Yes, we have.", ulid())
    world.stack.drain()
    world.wait(60)
    resolve(world, ana, ana.show(thread)["thread"])
    assert len(asked(world)) == 1
    assert world.sandbox.graph.sent[-1].choices == SCALE
    world.wait(60)
    world.say("5")
    assert thanked(world) == 1
    kept = resolution(world)
    assert (kept["csat"], kept["csat_score"], kept["csat_at"]) == ("answered", 5, world.now_ms)
    assert kept["by"] == ana.call("GET", "/api/me")[1]["agent"]
    assert (kept["answered"], kept["resolved_at"]) == (True, world.head()["resolved_at"])
    assert world.head()["status"] == "resolved"
    said = [(entry["by"], entry.get("state")) for entry in ana.show(thread)["timeline"]]
    assert said == [("contact", None), ("auto", "sent"), ("agent", "sent"), ("csat", "sent"), ("contact", None),
                    ("auto", "sent")]  # fmt: skip
    world.receipts()
    world.settle()
    assert (len(asked(world)), thanked(world), world.bells()) == (1, 1, [])


@pytest.mark.parametrize("channel", ["whatsapp", "messenger", "instagram"])
def test_a_button_is_tapped_and_the_echo_of_the_question_is_ours(
    world: World, ana: AgentClient, ulid: Ulid, channel: str
) -> None:
    customer = {"contact": PETRA, "channel": channel}
    thread = answered_thread(world, ana, ulid, **customer)
    spoke = world.head(world.pk(**customer))["human_at"]
    resolve(world, ana, thread)
    assert world.sandbox.graph.sent[-1].choices == SCALE
    world.receipts()
    assert world.head(world.pk(**customer))["human_at"] == spoke, "no person wrote in the platform's app"
    world.sandbox.graph.say(channel, ACCOUNTS[channel], PETRA, "2", quick_reply="csat:1:2")
    world.stack.drain()
    assert resolution(world, **customer)["csat_score"] == 2
    assert world.head(world.pk(**customer))["status"] == "resolved", "a low rating is a rating"
    assert questions(world)[0]["reply"] == "sent"


def test_a_visitor_of_our_site_is_asked_in_words(world: World, ana: AgentClient, ulid: Ulid) -> None:
    session = visit(world, "POST", "/session", "", {})["session"]
    visit(world, "POST", "/messages", session, {"client_message_id": ulid(), "text": "I want a person"})
    thread = ana.pull()
    assert thread
    ana.reply(thread, "We are here.", ulid())
    world.stack.drain()
    world.wait(60)
    resolve(world, ana, ana.show(thread)["thread"])
    last = visit(world, "GET", "/messages", session)["messages"][-1]
    assert (last["from"], last["text"].startswith(QUESTION)) == ("auto", True)
    visit(world, "POST", "/messages", session, {"client_message_id": ulid(), "text": "4"})
    [kept] = [item for item in world.items() if item["sk"] == "R#000001"]
    assert kept["csat_score"] == 4


def test_the_second_rating_is_a_message_like_any_other(world: World, ana: AgentClient, thread: dict[str, Any]) -> None:
    resolve(world, ana, thread)
    world.say("5")
    world.say("1")
    assert (resolution(world)["csat_score"], thanked(world)) == (5, 1)
    assert (world.head()["status"], world.head()["episode"]) == ("open", 2)


def test_each_resolution_has_its_own_question_rating_and_agent(
    world: World, ana: AgentClient, thread: dict[str, Any], ulid: Ulid
) -> None:
    resolve(world, ana, thread)
    world.say("5")
    world.say("I want a person")
    ivo = world.agent(IVO)
    his = ivo.do("claim", thread)[1]["thread"]
    world.wait(60)
    ivo.reply(his, "It is me now.", ulid())
    world.stack.drain()
    resolve(world, ivo, ivo.show(his)["thread"])
    world.sandbox.graph.say("whatsapp", ACCOUNTS["whatsapp"], PETRA, "1", quick_reply="csat:2:1")
    world.stack.drain()
    first, second = resolution(world, 1), resolution(world, 2)
    assert (first["csat_score"], second["csat_score"], len(asked(world))) == (5, 1, 2)
    assert first["by"] != second["by"]


def test_a_number_after_its_time_is_a_message(world: World, ana: AgentClient, ulid: Ulid) -> None:
    with_csat(world, answer_within="1h")
    resolve(world, ana, answered_thread(world, ana, ulid))
    world.wait(HOUR_S + 1)
    world.say("5")
    assert (resolution(world)["csat"], world.head()["status"], thanked(world)) == ("asked", "open", 0)


# Not asked


def test_after_automation_alone_nobody_is_asked(world: World, ana: AgentClient) -> None:
    world.say("I want a person")
    pulled = ana.pull()
    assert pulled
    resolve(world, ana, pulled)
    kept = resolution(world)
    assert (kept["csat"], kept["csat_reason"], kept["answered"]) == ("not_asked", "nobody_wrote", False)
    assert (asked(world), questions(world)) == ([], [])
    world.say("5")
    assert (world.head()["status"], thanked(world)) == ("open", 0)


def test_after_automation_alone_one_is_asked_where_the_playbook_says_always(world: World, ana: AgentClient) -> None:
    with_csat(world, always=True)
    world.say("I want a person")
    pulled = ana.pull()
    assert pulled
    resolve(world, ana, pulled)
    assert (len(asked(world)), resolution(world)["answered"]) == (1, False)


def test_without_the_playbooks_wish_nobody_is_asked(world: World, ana: AgentClient, ulid: Ulid) -> None:
    with_csat(world, ask=False)
    resolve(world, ana, answered_thread(world, ana, ulid))
    assert (asked(world), resolution(world)["csat_reason"]) == ([], "switched_off")


def test_after_the_message_window_nobody_is_asked(world: World, ana: AgentClient, thread: dict[str, Any]) -> None:
    world.wait(DAY_S)
    resolve(world, ana, thread)
    assert (resolution(world)["csat_reason"], asked(world)) == ("window_closed", [])


def test_messenger_is_not_asked_in_the_days_that_only_a_person_may_use(
    world: World, ana: AgentClient, ulid: Ulid
) -> None:
    customer = {"contact": PETRA, "channel": "messenger"}
    thread = answered_thread(world, ana, ulid, **customer)
    world.wait(DAY_S)
    resolve(world, ana, thread)
    assert resolution(world, **customer)["csat_reason"] == "window_closed"


def test_who_has_opted_out_is_not_asked(world: World, ana: AgentClient, thread: dict[str, Any], ulid: Ulid) -> None:
    world.say("stop")
    resolve(world, ana, ana.show(thread)["thread"])
    assert (resolution(world)["csat_reason"], asked(world)) == ("opted_out", [])


def test_a_thread_that_a_colleague_reopens_is_the_same_ticket_and_asks_once(
    world: World, ana: AgentClient, thread: dict[str, Any]
) -> None:
    resolve(world, ana, thread)
    world.say("4")
    first = resolution(world)
    ana.call("POST", f"/api/threads/{thread['id']}/reopen", {})
    world.wait(HOUR_S)
    again = ana.do("claim", thread)[1]["thread"]
    resolve(world, ana, again)
    second = resolution(world)
    assert (len(asked(world)), second["csat"], second["csat_score"]) == (1, "answered", 4)
    assert second["resolved_at"] > first["resolved_at"]


# On the way


@pytest.fixture
def unsent(world: World, ana: AgentClient, thread: dict[str, Any]) -> dict[str, Any]:
    """The question is stored, and not yet on the queue."""
    with failing("sqs.SendMessage", out_of_reach):
        resolve(world, ana, thread)
    assert resolution(world)["csat"] == "asked"
    [item] = questions(world)
    assert item["reply"] == "planned"
    return item


def bring_back(world: World) -> dict[str, Any]:
    """The sweeper finds the question, and it is worked off."""
    world.stack.clock.advance(timedelta(seconds=61))
    world.stack.tick()
    world.stack.drain()
    [item] = questions(world)
    return item


def test_a_question_that_the_queue_did_not_take_is_asked_by_the_sweeper(world: World, unsent: dict[str, Any]) -> None:
    assert bring_back(world)["reply"] == "sent"
    world.settle()
    assert len(asked(world)) == 1


def test_a_thread_that_is_open_again_is_not_asked_about(world: World, unsent: dict[str, Any]) -> None:
    world.say("One more thing")
    item = bring_back(world)
    assert (item["reply"], item["reply_reason"]) == ("dropped", "reopened")
    kept = resolution(world)
    assert (kept["csat"], kept["csat_reason"], asked(world)) == ("not_asked", "reopened", [])


def test_a_customer_who_opts_out_meanwhile_is_not_asked(world: World, unsent: dict[str, Any]) -> None:
    world.say("stop")
    assert bring_back(world)["reply_reason"] == "opted_out"
    assert "csat_until" not in world.head()


def test_a_window_that_closes_on_the_way_takes_the_question_back(world: World, unsent: dict[str, Any]) -> None:
    world.stack.clock.advance(timedelta(seconds=DAY_S - 110))
    assert bring_back(world)["reply_reason"] == "window_closed"
    assert (resolution(world)["csat"], world.head()["status"], world.bells()) == ("not_asked", "resolved", [])
    world.say("5")
    assert (world.head()["status"], thanked(world)) == ("open", 0), "nobody was asked: it is a message"


def test_the_question_comes_after_the_last_answer(world: World, ana: AgentClient, ulid: Ulid) -> None:
    world.say("I want a person")
    pulled = ana.pull()
    assert pulled
    with failing("sqs.SendMessage", out_of_reach):
        ana.reply(pulled, "We are here.", ulid())
    resolve(world, ana, pulled)
    assert len(world.sent) == 1
    world.settle()
    assert [text.partition("\n")[0] for text in world.sent[1:]] == ["We are here.", QUESTION]


def test_an_answer_that_fails_after_the_resolution_opens_the_thread_and_the_question_is_dropped(
    world: World, ana: AgentClient, ulid: Ulid
) -> None:
    world.say("I want a person")
    pulled = ana.pull()
    assert pulled
    ana.reply(pulled, "We are here.", ulid())
    world.misbehave(Fault.BAD_REQUEST_400)
    assert ana.resolve(pulled)[0] == 200
    world.settle()
    assert (world.head()["status"], asked(world)) == ("open", [])
    assert (resolution(world)["csat"], resolution(world)["csat_reason"]) == ("not_asked", "reopened")
    world.wait(AFTER_LEASES)
    again = ana.pull()
    assert again
    ana.reply(again, "We are here again.", ulid())
    world.stack.drain()
    resolve(world, ana, ana.show(again)["thread"])
    assert (len(asked(world)), resolution(world)["csat"]) == (1, "asked"), "the same ticket, asked for the first time"


def test_a_question_that_is_throttled_is_asked_when_the_platform_lets_it(
    world: World, ana: AgentClient, thread: dict[str, Any]
) -> None:
    world.misbehave(Fault.PAIR_131056, 2)
    resolve(world, ana, thread)
    assert questions(world)[0]["reply"] == "planned"
    world.settle()
    assert (len(asked(world)), questions(world)[0]["reply"]) == (1, "sent")


def test_a_question_that_is_refused_is_no_news_and_a_number_is_a_message(
    world: World, ana: AgentClient, thread: dict[str, Any]
) -> None:
    world.misbehave(Fault.BAD_REQUEST_400)
    resolve(world, ana, thread)
    assert questions(world)[0]["reply"] == "refused"
    assert (world.head()["status"], world.bells()) == ("resolved", [])
    assert (resolution(world)["csat"], "csat_until" in world.head()) == ("not_asked", False)
    world.say("5")
    assert (world.head()["status"], thanked(world)) == ("open", 0)


def test_a_question_whose_fate_is_unknown_is_not_asked_again_and_may_be_answered(
    world: World, ana: AgentClient, thread: dict[str, Any]
) -> None:
    world.misbehave(Fault.RESET_AFTER_READING)
    resolve(world, ana, thread)
    world.settle()
    assert questions(world)[0]["reply"] == "unknown"
    assert (world.head()["status"], resolution(world)["csat"]) == ("resolved", "asked")
    world.say("3")
    assert resolution(world)["csat_score"] == 3


def test_a_question_that_could_not_be_delivered_is_no_news(
    world: World, ana: AgentClient, thread: dict[str, Any]
) -> None:
    resolve(world, ana, thread)
    world.deliver(world.status("failed", world.sandbox.graph.sent[-1], error=131026))
    world.stack.drain()
    assert questions(world)[0]["reply"] == "refused"
    assert (world.head()["status"], world.bells()) == ("resolved", [])


# Once, whatever happens


def test_a_resolve_that_is_asked_twice_asks_the_customer_once(
    world: World, ana: AgentClient, thread: dict[str, Any]
) -> None:
    with asked_twice("dynamodb.TransactWriteItems"):
        resolve(world, ana, thread)
    world.stack.clock.advance(timedelta(seconds=1))
    assert ana.resolve(thread)[1]["code"] == "stale_fence"
    world.settle()
    assert (len(asked(world)), len(questions(world))) == (1, 1)


def test_a_resolve_that_crashes_behind_its_commit_asks_once_all_the_same(
    world: World, ana: AgentClient, thread: dict[str, Any]
) -> None:
    with answered("dynamodb.TransactWriteItems", crash, times=1):
        assert ana.resolve(thread)[0] == 500
    world.stack.clock.advance(timedelta(seconds=1))
    assert ana.resolve(thread)[1]["code"] == "stale_fence"
    assert asked(world) == []
    world.settle()
    assert len(asked(world)) == 1


def test_a_rating_whose_commit_was_not_answered_is_kept_and_thanked_for_once(
    world: World, ana: AgentClient, thread: dict[str, Any]
) -> None:
    resolve(world, ana, thread)
    with asked_twice("dynamodb.TransactWriteItems"):
        world.say("5")
    world.settle()
    assert (resolution(world)["csat_score"], thanked(world)) == (5, 1)


def test_a_rating_that_is_delivered_twice_counts_once(world: World, ana: AgentClient, thread: dict[str, Any]) -> None:
    resolve(world, ana, thread)
    body = world.written("4")
    for _ in range(2):
        world.deliver(body)
        world.stack.drain()
    assert (resolution(world)["csat_score"], thanked(world), world.head()["status"]) == (4, 1, "resolved")


@pytest.mark.parametrize("events", [3, 103])
def test_a_resolve_asks_the_same_of_aws_however_long_the_thread_is(
    world: World, ana: AgentClient, thread: dict[str, Any], events: int
) -> None:
    [event, *_] = world.events()
    for number in range(events - 3):
        older = {**event, "sk": f"E#{event['at'] - number - 1:013d}#I#{number:026d}", "reply": "none"}
        world.stack.clients.dynamodb.put_item(TableName=world.threads.table, Item=to_item(older))
    with counted() as calls:
        assert ana.resolve(thread)[0] == 200
    assert calls == {
        "dynamodb.GetItem": 3,  # the agent's permissions, the thread, and the same again in the loop of the write
        "dynamodb.TransactWriteItems": 2,  # with the audit
        "sqs.SendMessage": 1,
    }

"""N10: erased stays erased, through replay, redrive and restore.

What a customer wrote, their name and their number are looked for everywhere: in both tables, on the queues, in the log.
"""

import contextlib
import itertools
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
import worker
from afterhours.stores import config, mails
from afterhours.stores.dynamo import from_item, to_item
from afterhours.stores.erasure import BROUGHT_BACK_FOR, Erasing, Replayed, Unfinished
from afterhours_local import erasing
from afterhours_local.config_commands import Target
from afterhours_local.executors import FunctionError
from afterhours_local.http_event import HttpRequest
from afterhours_local.platforms import graph_webhooks
from afterhours_local.platforms.email import FakeSes
from afterhours_local.platforms.faults import Fault
from afterhours_local.stack_config import Resources
from botocore.exceptions import EndpointConnectionError
from counting import failing, meanwhile, struck
from slices import sweep
from world import IVO, MESSENGER, PETRA, AgentClient, Ulid, World

ZLATAN, NAME = "385919876543", "Zlatan Canaric"
QUESTION = "canary-question: do you rent out helicopters to guests?"
CANARIES = ("canary", "Zlatan", "Canaric", ZLATAN)
LATER_S = 2  # after which whatever is said is younger than an erasure
TOMBSTONE = {"pk", "sk", "version", "fence", "inbox", "erased_at", "ttl"}


@pytest.fixture
def admin(world: World) -> AgentClient:
    """Ana, an admin for once."""
    ana = world.agent()
    appoint(world, ana, {"support": "admin"})
    return ana


def appoint(world: World, agent: AgentClient, inboxes: dict[str, str]) -> None:
    sub = agent.call("GET", "/api/me")[1]["agent"]
    item = {"pk": "AGENT", "sk": sub, "email": "whoever@example.org", "inboxes": inboxes}
    world.stack.clients.dynamodb.put_item(TableName=world.stack.environment["CONFIG_TABLE"], Item=to_item(item))


def erase(world: World, agent: AgentClient, contact: str = ZLATAN, **body: Any) -> tuple[int, Any]:
    name = world.name(contact)
    return agent.call("POST", f"/api/threads/{name}/erase", body or {"confirm": name})


def erased(world: World, admin: AgentClient, contact: str = ZLATAN) -> dict[str, Any]:
    """It is erased, and a moment has gone by."""
    status, answer = erase(world, admin, contact)
    assert status == 200, answer
    world.stack.clock.advance(timedelta(seconds=LATER_S))
    return dict(answer)


def logged(world: World) -> list[dict[str, Any]]:
    """The log of erasures."""
    table = world.stack.environment["CONFIG_TABLE"]
    items = map(from_item, world.stack.clients.dynamodb.scan(TableName=table)["Items"])
    return [item for item in items if item["pk"] == "ERASED"]


def traces(world: World) -> list[dict[str, Any]]:
    """Whatever is stored that names the customer or says what they wrote."""
    stored = [*world.items(), *logged(world)]
    return [item for item in stored if any(canary in repr(item) for canary in CANARIES)]


def of_thread(world: World, contact: str = ZLATAN) -> list[dict[str, Any]]:
    return world.items(world.pk(contact))


def assert_only_a_tombstone(world: World, contact: str = ZLATAN) -> None:
    [tombstone] = of_thread(world, contact)
    assert set(tombstone) <= TOMBSTONE
    assert tombstone["ttl"] >= tombstone["erased_at"] // 1000 + BROUGHT_BACK_FOR // timedelta(seconds=1) - LATER_S


def life(world: World, ulid: Ulid) -> list[dict[str, Any]]:
    """All that a thread can hold, of a customer with two ids; the deliveries that it came by, to be repeated."""
    deliveries = []

    def deliver(body: dict[str, Any]) -> None:
        assert world.deliver(body) == 200
        world.stack.drain()
        deliveries.append(body)

    deliver(named(world.written(QUESTION, contact=ZLATAN)))
    renamed = named(world.written("canary-two", contact=ZLATAN))
    renamed["entry"][0]["changes"][0]["value"]["messages"][0]["from_user_id"] = "HR.1234567890"
    deliver(renamed)
    ana = world.agent()
    claim = ana.call("POST", f"/api/threads/{world.name(ZLATAN)}/claim", {})
    thread = claim[1]["thread"]
    assert ana.call("POST", f"/api/threads/{thread['id']}/tag", {"add": ["canary-tag"]})[0] == 200
    assert ana.call("POST", f"/api/threads/{thread['id']}/note", {"key": ulid(), "text": "canary-note"})[0] == 200
    assert ana.reply(ana.show(thread)["thread"], "canary-answer", ulid())[0] == 202
    world.stack.drain()
    deliveries += [json.loads(each.body) for each in world.sandbox.graph.deliveries.pending]
    world.receipts()
    assert ana.resolve(ana.show(thread)["thread"])[0] == 200
    world.stack.drain()
    deliver(named(world.written("canary-three: I want a person", contact=ZLATAN)))
    kinds = {item["sk"][0] for item in of_thread(world)}
    assert kinds == set("#AENR")
    assert [item for item in world.items() if item["pk"].startswith("U#")]
    assert any("alias_of" in item for item in world.items())
    return deliveries


def named(body: dict[str, Any]) -> dict[str, Any]:
    """A delivery that tells the contact's name."""
    value = body["entry"][0]["changes"][0]["value"]
    value["contacts"] = [{"profile": {"name": NAME}, "wa_id": ZLATAN}]
    return body


def redeliver(world: World, deliveries: list[dict[str, Any]]) -> None:
    for body in deliveries:
        assert world.deliver(body) == 200
    world.stack.drain()


# What is left


def test_n10_nothing_is_left_of_an_erased_contact_but_tombstones_and_a_log_of_hashed_ids(
    world: World, ulid: Ulid, admin: AgentClient, caplog: pytest.LogCaptureFixture
) -> None:
    life(world, ulid)
    assert traces(world)
    before = len(of_thread(world))
    answer = erased(world, admin)
    assert traces(world) == []
    assert_only_a_tombstone(world)
    assert_only_a_tombstone(world, "HR.1234567890")
    [entry] = logged(world)
    assert set(entry) == {"pk", "sk", "erased_at", "by", "inbox", "items", "ttl"}
    assert f"T#{entry['sk']}" == world.pk(ZLATAN)
    assert answer == {"thread": world.name(ZLATAN), "erased_at": entry["erased_at"], "items": before - 1}
    said = "".join(str(vars(record)) for record in caplog.records)
    assert "erased" in said
    assert [canary for canary in CANARIES if canary in said] == []


def test_n10_the_same_again_gives_the_same_answer(world: World, ulid: Ulid, admin: AgentClient) -> None:
    life(world, ulid)
    first, stored = erased(world, admin), of_thread(world)
    world.wait(3600)
    assert erase(world, admin) == (200, first)
    assert of_thread(world) == stored


def test_another_contacts_thread_is_not_touched(world: World, ulid: Ulid, admin: AgentClient) -> None:
    world.say("Do you rent out bicycles to guests?", name="Petra Novak")
    world.receipts()
    before = world.items()
    assert {item["pk"][:2] for item in before} == {"S#", "T#", "U#"}
    life(world, ulid)
    erased(world, admin)
    assert [item for item in before if item not in world.items()] == []


# What comes again


def test_n10_every_earlier_webhook_delivered_again_leaves_nothing(world: World, ulid: Ulid, admin: AgentClient) -> None:
    deliveries = life(world, ulid)
    erased(world, admin)
    sent, stored = len(world.sent), world.items()
    redeliver(world, deliveries)
    world.settle()
    assert world.items() == stored
    assert (len(world.sent), world.dead_letters(), traces(world)) == (sent, 0, [])


def test_n10_a_new_message_starts_a_thread_without_memory_and_old_ones_stay_out_of_it(
    world: World, ulid: Ulid, admin: AgentClient
) -> None:
    deliveries = life(world, ulid)
    old = world.head(world.pk(ZLATAN))
    erased(world, admin)
    world.say("Good morning", contact=ZLATAN, name="Somebody New")
    head = world.head(world.pk(ZLATAN))
    assert head["version"] > old["version"]
    assert (head["inbound_count"], head["contact_name"], head["episode"]) == (1, "Somebody New", 1)
    assert "tags" not in head
    assert world.replies(world.pk(ZLATAN)) == ["sent"], "a first message is answered"
    sent, events = len(world.sent), world.events(world.pk(ZLATAN))
    assert len(events) == 1
    redeliver(world, deliveries)
    assert (world.events(world.pk(ZLATAN)), len(world.sent)) == (events, sent)
    timeline = admin.show({"id": world.name(ZLATAN)})
    assert (len(timeline["timeline"]), timeline["notes"], len(timeline["history"])) == (2, [], 0)


def test_n10_a_new_message_by_the_other_id_alone_finds_no_memory_either_and_then_one_thread(
    world: World, ulid: Ulid, admin: AgentClient
) -> None:
    life(world, ulid)
    erased(world, admin)
    world.say("Good morning", contact="HR.1234567890", name="Somebody New")
    world.stack.clock.advance(timedelta(seconds=LATER_S))  # in one second the order of the two is chance
    both = world.written("It is me", contact=ZLATAN)
    both["entry"][0]["changes"][0]["value"]["messages"][0]["from_user_id"] = "HR.1234567890"
    redeliver(world, [both])
    assert_only_a_tombstone(world)
    assert [event["text"] for event in world.events(world.pk("HR.1234567890"))] == ["Good morning", "It is me"]


def test_n6_a_fence_of_the_erased_thread_is_old_in_the_new_one(world: World, ulid: Ulid, admin: AgentClient) -> None:
    world.say("I want a person", contact=ZLATAN)
    old = admin.pull()
    assert old
    erased(world, admin)
    world.say("I want a person", contact=ZLATAN)
    new = admin.pull()
    assert new
    assert new["fence"] > old["fence"]
    assert admin.reply(old, "canary-answer", ulid())[1]["code"] == "stale_fence"


def test_n10_what_lay_in_the_queue_or_in_the_dead_letters_is_dropped(world: World, admin: AgentClient) -> None:
    world.say("Hello", contact=ZLATAN, name=NAME)
    world.deliver(named(world.written(QUESTION, contact=ZLATAN)))
    messages = world.inbound()
    erased(world, admin)
    for message in messages * 2:
        worker.handle(message, 1)
    assert_only_a_tombstone(world)
    assert traces(world) == []


def test_n10_an_event_without_a_time_is_taken_for_an_old_one_as_long_as_anybody_delivers_again(
    world: World, admin: AgentClient
) -> None:
    world.say("Hello", contact=ZLATAN, name=NAME)
    erased(world, admin)
    timeless = world.written("Is anybody there?", contact=ZLATAN)
    timeless["entry"][0]["changes"][0]["value"]["messages"][0]["timestamp"] = "0"
    redeliver(world, [timeless])
    assert_only_a_tombstone(world)
    world.stack.clock.advance(BROUGHT_BACK_FOR)
    redeliver(world, [timeless])
    assert len(world.events(world.pk(ZLATAN))) == 1


def test_n10_an_old_echo_of_a_person_in_the_app_leaves_nothing_and_a_new_one_is_stored(
    world: World, admin: AgentClient
) -> None:
    mia = "7415500923317748"
    world.say("Hello", contact=mia, channel="messenger", name=NAME)
    old, new = (
        json.loads(
            graph_webhooks.echo(
                "messenger", MESSENGER, mia, f"m_{at}", at, text="canary", app_id="263902037430900", metadata=None
            )
        )
        for at in (world.now_ms, world.now_ms + 60_000)
    )
    name = world.name(mia, "messenger")
    assert admin.call("POST", f"/api/threads/{name}/erase", {"confirm": name})[0] == 200
    world.wait(60)
    redeliver(world, [old])
    [tombstone] = world.items(world.pk(mia, "messenger"))
    assert "contact_id" not in tombstone
    redeliver(world, [new])
    head = world.head(world.pk(mia, "messenger"))
    assert (head["human_at"], head["ttl"] > tombstone["ttl"]) == (world.now_ms, True)


# What is under way


def test_n10_an_agents_reply_on_its_way_is_never_sent(world: World, ulid: Ulid, admin: AgentClient) -> None:
    world.say("I want a person", contact=ZLATAN)
    thread = admin.pull()
    assert thread
    key = ulid()
    assert admin.reply(thread, "canary-answer", key)[0] == 202
    erased(world, admin)
    sent = len(world.sent)
    world.settle()
    assert (len(world.sent), world.dead_letters()) == (sent, 0)
    assert_only_a_tombstone(world)
    status, problem = admin.reply(thread, "canary-answer", key)
    assert (status, problem["code"]) == (410, "erased")
    assert "new thread begins" in problem["detail"]


def test_n10_an_automatic_reply_that_waits_is_never_sent(world: World, admin: AgentClient) -> None:
    world.misbehave(Fault.RATE_429)
    world.say("Hello", contact=ZLATAN)
    assert world.replies(world.pk(ZLATAN)) == ["planned"]
    erased(world, admin)
    world.settle()
    assert (world.sent, world.dead_letters()) == ([], 0)
    assert_only_a_tombstone(world)


@pytest.mark.parametrize("call", ["dynamodb.GetItem", "dynamodb.TransactWriteItems"])
def test_n10_a_worker_that_has_read_the_head_before_the_erasure_commits_nothing_after_it(
    world: World, admin: AgentClient, call: str
) -> None:
    world.say("Hello", contact=ZLATAN, name=NAME)
    world.deliver(named(world.written(QUESTION, contact=ZLATAN)))
    with meanwhile(call, lambda: erase(world, admin)):
        world.stack.drain()
    world.settle()
    assert_only_a_tombstone(world)
    assert traces(world) == []


def test_n10_an_event_that_is_committed_while_the_head_is_read_is_erased_too(world: World, admin: AgentClient) -> None:
    world.say("Hello", contact=ZLATAN, name=NAME)
    world.deliver(named(world.written(QUESTION, contact=ZLATAN)))
    [message] = world.inbound()
    with meanwhile("dynamodb.PutItem", lambda: worker.handle(message, 1), after=1):  # the log's is the first
        assert erase(world, admin)[0] == 200
    assert_only_a_tombstone(world)
    assert world.head(world.pk(ZLATAN))["version"] == 3, "after both events, or what they decided were as good as new"
    assert traces(world) == []


def test_n10_a_reply_whose_turn_comes_while_the_thread_is_being_erased_is_not_sent(
    world: World, ulid: Ulid, admin: AgentClient
) -> None:
    world.say("I want a person", contact=ZLATAN)
    thread = admin.pull()
    assert thread
    assert admin.reply(thread, "canary-answer", ulid())[0] == 202
    [message] = world.inbound()
    sent = len(world.sent)
    with meanwhile("dynamodb.TransactWriteItems", lambda: worker.handle(message, 1)):  # the tombstone stands
        assert erase(world, admin)[0] == 200
    assert len(world.sent) == sent
    assert_only_a_tombstone(world)


@pytest.mark.parametrize("verb", ["note", "tag"])
def test_n10_a_verb_that_began_before_the_erasure_leaves_nothing_after_it(
    world: World, ulid: Ulid, admin: AgentClient, verb: str
) -> None:
    world.say("I want a person", contact=ZLATAN, name=NAME)
    body = {"note": {"key": ulid(), "text": "canary-note"}, "tag": {"add": ["canary-tag"]}}[verb]
    with meanwhile("dynamodb.TransactWriteItems", lambda: erase(world, admin)):
        admin.call("POST", f"/api/threads/{world.name(ZLATAN)}/{verb}", body)
    assert_only_a_tombstone(world)
    assert traces(world) == []


@pytest.mark.parametrize("way", ["before", "after", "lost", "twice"])
@sweep(every=13)
def test_n10_an_erasure_that_dies_at_any_call_is_safe_and_the_next_one_completes_it(
    world: World, ulid: Ulid, admin: AgentClient, way: str, every: int
) -> None:
    old = life(world, ulid)[0]
    copy = world.items()
    for number in itertools.count(step=every):
        with struck({number: way}) as calls, contextlib.suppress(FunctionError):
            erase(world, admin)
        redeliver(world, [old])
        assert erase(world, admin)[0] == 200
        assert_only_a_tombstone(world)
        assert_only_a_tombstone(world, "HR.1234567890")
        assert traces(world) == []
        if number >= calls.total():
            return
        restore(world, copy)


# Mails, as they came

US, MARA = "support@hotel-jadran.example", "mara@customer.example"


def ses(world: World) -> FakeSes:
    fake = world.sandbox.others["email"]
    assert isinstance(fake, FakeSes)
    return fake


def kept(world: World) -> dict[str, bytes]:
    """What lies in the bucket of the mails."""
    s3, bucket = world.stack.clients.s3, world.stack.outputs["MailBucket"]
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def correspondence(world: World, ulid: Ulid) -> None:
    """Two mails of Mara's, one with a file, two answers that bounce, and a mail of somebody else's."""
    ses(world).bouncing.add(MARA)
    mail = ses(world).letter(MARA, US, "canary: I want a person", name=NAME)
    mail.add_attachment(b"canary", maintype="application", subtype="pdf", filename="canary.pdf")
    ses(world).take_in(mail.as_bytes(), envelope=MARA, recipients=[US])
    world.stack.drain()
    thread = world.agent().pull()
    assert thread
    assert world.agent().reply(thread, "canary-answer", ulid())[0] == 202
    world.stack.drain()
    assert ses(world).deliver_pending() == 2
    world.stack.drain()
    world.stack.clock.advance(timedelta(seconds=1))
    ses(world).say("email", US, MARA, "canary: and again", name=NAME)
    ses(world).say("email", US, "ivan@customer.example", "Hello", name="Ivan")
    world.stack.drain()
    assert len(kept(world)) == 5


def forget_mara(world: World, admin: AgentClient) -> tuple[int, Any]:
    name = world.name(MARA, "email")
    return admin.call("POST", f"/api/threads/{quote(name, safe='')}/erase", {"confirm": name})


def test_n10_the_mails_of_an_erased_thread_leave_their_bucket_and_nobody_elses_do(
    world: World, ulid: Ulid, admin: AgentClient
) -> None:
    correspondence(world, ulid)
    assert forget_mara(world, admin)[0] == 200
    [others] = kept(world).values()
    assert b"ivan@customer.example" in others
    assert traces(world) == []
    assert forget_mara(world, admin)[0] == 200


@pytest.mark.parametrize("way", ["before", "after", "lost"])
def test_n10_an_erasure_of_mails_that_dies_at_any_call_is_safe_and_the_next_one_completes_it(
    world: World, ulid: Ulid, admin: AgentClient, way: str
) -> None:
    correspondence(world, ulid)
    copy, raw = world.items(), kept(world)
    for number in itertools.count():
        with struck({number: way}) as calls, contextlib.suppress(FunctionError):
            forget_mara(world, admin)
        assert mails_that_nothing_leads_to(world) == set()
        assert forget_mara(world, admin)[0] == 200
        assert (len(kept(world)), traces(world)) == (1, [])
        if number >= calls.total():
            return
        restore(world, copy)
        for key, body in raw.items():
            ses(world).mailbox.put(key, body)


def mails_that_nothing_leads_to(world: World) -> set[str]:
    """Whoever repeats the erasure would not find them."""
    led_to = {item[field] for item in world.items() for field in ("mail_key", "bounce_key") if field in item}
    return kept(world).keys() - led_to


def test_n10_where_the_bucket_is_out_of_reach_the_item_stays_that_leads_to_the_mail(
    world: World, ulid: Ulid, admin: AgentClient
) -> None:
    correspondence(world, ulid)
    with failing("s3.DeleteObject", lambda: EndpointConnectionError(endpoint_url="s3"), after=1):
        status, problem = forget_mara(world, admin)
    assert (status, problem["code"]) == (503, "unavailable")
    assert mails_that_nothing_leads_to(world) == set()
    assert forget_mara(world, admin)[0] == 200
    assert len(kept(world)) == 1


@pytest.mark.usefixtures("_epoch_forgotten")
def test_n10_mails_that_a_broken_erasure_left_go_with_the_restored_items_that_lead_to_them(
    world: World, ulid: Ulid, admin: AgentClient, target: Target
) -> None:
    correspondence(world, ulid)
    copy, raw = world.items(), kept(world)
    assert forget_mara(world, admin)[0] == 200
    restore(world, copy)
    for key, body in raw.items():
        ses(world).mailbox.put(key, body)
    assert made_fit(world, target) == [Replayed.ERASED]
    assert (len(kept(world)), traces(world)) == (1, [])


def test_a_mail_of_after_the_erasure_is_kept(world: World, ulid: Ulid, admin: AgentClient) -> None:
    correspondence(world, ulid)
    assert forget_mara(world, admin)[0] == 200
    world.stack.clock.advance(timedelta(seconds=LATER_S))
    ses(world).say("email", US, MARA, "Good morning")
    world.stack.drain()
    assert forget_mara_of_before(world) == (2, ["Good morning"])


def forget_mara_of_before(world: World) -> tuple[int, list[str]]:
    """An erasure that broke off and goes on after a new mail has come: what is left of mails and of events."""
    part = Erasing(
        world.stack.clients.dynamodb, world.threads.table, world.stack.environment["CONFIG_TABLE"], ["support"],
        mails.delete,
    )  # fmt: skip
    [erasure] = part.log()
    part._clear(erasure)
    return len(kept(world)), [event["text"].rpartition("\n")[2] for event in world.events(world.pk(MARA, "email"))]


# Who may


@pytest.mark.parametrize(
    ("inboxes", "status", "code"),
    [
        ({"support": "admin"}, 200, None),
        ({"support": "lead"}, 403, "not_allowed"),
        ({"support": "agent", "sales": "admin"}, 403, "not_allowed"),
        ({"sales": "admin"}, 404, "unknown_thread"),
    ],
)
@pytest.mark.parametrize("again", [False, True])
def test_only_an_admin_of_the_inbox_may_erase_also_what_is_erased(
    world: World, admin: AgentClient, inboxes: dict[str, str], status: int, code: str | None, again: bool
) -> None:
    world.say("Hello", contact=ZLATAN)
    if again:
        erased(world, admin)
    before = world.items()
    ivo = world.agent(IVO)
    appoint(world, ivo, inboxes)
    answered, body = erase(world, ivo)
    assert (answered, body.get("code")) == (status, code)
    assert again or (world.items() == before) is (status != 200)


def test_it_has_to_be_confirmed_by_the_threads_id_or_ticket_number(world: World, admin: AgentClient) -> None:
    world.say("I want a person", contact=ZLATAN)
    number = admin.show({"id": world.name(ZLATAN)})["thread"]["number"]
    before = world.items()
    for confirm in ("", "yes", world.name(PETRA), number[:-1] + "7", number.lower(), world.pk(ZLATAN)):
        assert erase(world, admin, confirm=confirm)[1]["code"] == "not_confirmed"
    assert erase(world, admin, thread="x")[1]["code"] == "not_confirmed"
    assert world.items() == before
    assert erase(world, admin, confirm=number)[0] == 200
    assert erase(world, admin, confirm=number)[0] == 200
    assert erase(world, admin, confirm=world.name(PETRA))[1]["code"] == "not_confirmed"


def test_a_thread_that_never_was_cannot_be_erased(world: World, admin: AgentClient) -> None:
    assert erase(world, admin)[1]["code"] == "unknown_thread"
    assert admin.call("POST", "/api/threads/x/erase", {"confirm": "x"})[1]["code"] == "unknown_thread"
    assert logged(world) == []


# What agents and visitors see of it


def test_n10_an_erased_thread_is_in_no_list_no_search_and_cannot_be_shown_or_worked_on(
    world: World, ulid: Ulid, admin: AgentClient
) -> None:
    life(world, ulid)
    number = admin.show({"id": world.name(ZLATAN)})["thread"]["number"]
    erased(world, admin)
    for view in ("open", "mine", "snoozed", "resolved", "held"):
        assert admin.call("GET", f"/api/inboxes/support/threads?view={view}")[1]["threads"] == []
    for query in (f"number={number}", "name=Canaric", "tag=canary-tag"):
        assert admin.call("GET", f"/api/inboxes/support/search?{query}")[1]["threads"] == []
    assert admin.pull() is None
    for method, path in (("GET", ""), ("GET", "/answers"), ("GET", "/contact"), ("POST", "/claim"), ("POST", "/tag")):
        body = {} if method == "POST" else None
        status, problem = admin.call(method, f"/api/threads/{world.name(ZLATAN)}{path}", body)
        assert (status, problem["code"]) == (410, "erased"), path
    stranger = world.agent(IVO)
    appoint(world, stranger, {"sales": "admin"})
    assert stranger.call("GET", f"/api/threads/{world.name(ZLATAN)}")[0] == 404
    world.lose_bells()
    world.stack.tick()
    assert world.bells() == []


def test_n10_a_web_chat_visitor_reads_nothing_of_what_was_erased_and_may_begin_anew(
    world: World, admin: AgentClient
) -> None:
    visitor = visit(world, "POST", "session", {})
    write = {"client_message_id": "0198d7a0-1111-4222-8333-444455556666", "type": "text", "text": "canary"}
    visit(world, "POST", "messages", write, visitor["session"])
    [pk] = [item["pk"] for item in world.items() if item["sk"] == "#"]
    name = pk.removeprefix("T#").replace("#", ".")
    assert admin.call("POST", f"/api/threads/{name}/erase", {"confirm": name})[0] == 200
    assert visit(world, "GET", "messages", None, visitor["session"])["messages"] == []
    assert traces(world) == []
    world.stack.clock.advance(timedelta(seconds=LATER_S))
    visit(world, "POST", "messages", {**write, "client_message_id": "0198d7a0-2222-4222-8333-444455556666",
                                      "text": "Good morning"}, visitor["session"])  # fmt: skip
    assert len(visit(world, "GET", "messages", None, visitor["session"])["messages"]) == 1
    assert [event["text"] for event in world.events(pk)] == ["Good morning"]


def visit(world: World, method: str, path: str, body: dict[str, Any] | None, session: str = "") -> Any:
    headers = (("content-type", "application/json"), ("authorization", f"Bearer {session}"))
    raw = json.dumps(body).encode() if body is not None else b""
    answer = world.stack.answer(HttpRequest(method, f"/webchat/jadran-web/{path}", headers, raw))
    assert answer.status in (200, 201, 202), answer
    world.stack.drain()
    return json.loads(answer.body)


# Restored


@pytest.fixture
def target(world: World) -> Target:
    return Target(Resources.of(world.stack.stack_name, world.stack.outputs), world.stack.clients, {})


@pytest.fixture
def _epoch_forgotten(world: World) -> Iterator[None]:
    yield
    config.clear()


def restore(world: World, copy: list[dict[str, Any]]) -> None:
    """The threads table is as it was when the copy was made."""
    for item in world.items():
        key = to_item({"pk": item["pk"], "sk": item["sk"]})
        world.stack.clients.dynamodb.delete_item(TableName=world.threads.table, Key=key)
    for item in copy:
        world.threads.put(item)


def made_fit(world: World, target: Target) -> list[Replayed]:
    done = erasing.restored(target, "", epoch_ms=world.now_ms, now_ms=world.now_ms)
    config.clear()  # which containers do within a minute
    return list(done.values())


@pytest.mark.usefixtures("_epoch_forgotten")
def test_n10_n2_n7_after_a_restore_nothing_is_sent_again_and_nothing_erased_comes_back(
    world: World, ulid: Ulid, admin: AgentClient, target: Target
) -> None:
    deliveries = life(world, ulid)
    world.say("I want a person")
    petra = admin.call("POST", f"/api/threads/{world.name()}/claim", {})[1]["thread"]
    assert admin.reply(petra, "We are here.", ulid())[0] == 202
    before, waiting = world.inbound(), world.written("Hello", contact="385911111113")
    world.misbehave(Fault.RATE_429)
    redeliver(world, [waiting])
    assert world.replies(world.pk("385911111113")) == ["planned"]
    copy = world.items()
    for message in before:  # the copy does not know that this was sent, nor what follows
        worker.handle(message, 1)
    after = world.written("Is breakfast included?", contact="385911111114")
    redeliver(world, [after])
    erased(world, admin)
    world.settle()
    world.wait(60)
    assert "We are here." in world.sent
    assert world.replies(world.pk("385911111113")) == ["sent"]
    assert len(world.replies(world.pk("385911111114"))) == 1

    restore(world, copy)
    assert traces(world)
    assert made_fit(world, target) == [Replayed.ERASED]
    assert_only_a_tombstone(world)
    sent = len(world.sent)
    redeliver(world, [*deliveries, waiting, after])
    world.wait(61)
    world.settle()
    assert (len(world.sent), world.dead_letters(), traces(world)) == (sent, 0, [])
    [event] = world.events(world.pk("385911111114"))
    assert (event["rule"], event["reason"], event["reply"]) == ("not_answerable", "restored", "none")
    assert world.replies(world.pk("385911111113")) == ["dropped"]
    [reply] = [item for item in world.events(world.pk()) if item["type"] == "outbound"]
    assert (reply["reply"], reply["reply_reason"]) == ("dropped", "restored")
    assert world.head()["status"] == "open", "an agent looks at what became of it"

    world.wait(LATER_S)
    world.say("Hello", contact="385911111115")
    assert len(world.sent) == sent + 1, "what is new is answered"
    assert made_fit(world, target) == [Replayed.ERASED], "it may be repeated"
    assert_only_a_tombstone(world)


@pytest.mark.usefixtures("_epoch_forgotten")
def test_n10_a_thread_that_the_copy_does_not_hold_gets_its_tombstone_back(
    world: World, admin: AgentClient, target: Target
) -> None:
    body = named(world.written(QUESTION, contact=ZLATAN))
    redeliver(world, [body])
    erased(world, admin)
    restore(world, [])
    assert made_fit(world, target) == [Replayed.GONE]
    redeliver(world, [body])
    assert_only_a_tombstone(world)


@pytest.mark.usefixtures("_epoch_forgotten")
def test_n10_a_thread_begun_after_the_erasure_is_kept_by_a_replay(
    world: World, admin: AgentClient, target: Target
) -> None:
    world.say("canary", contact=ZLATAN)
    erased(world, admin)
    world.say("Good morning", contact=ZLATAN)
    before = of_thread(world)
    assert made_fit(world, target) == [Replayed.ERASED]
    assert of_thread(world) == before


@pytest.mark.usefixtures("_epoch_forgotten")
def test_a_restored_thread_that_was_written_to_before_the_replay_is_named_and_left(
    world: World, admin: AgentClient, target: Target
) -> None:
    world.say("Hello", contact=ZLATAN)
    copy = world.items()
    erased(world, admin)
    restore(world, copy)
    world.say("Good morning", contact=ZLATAN)
    before = of_thread(world)
    assert made_fit(world, target) == [Replayed.WRITTEN_SINCE]
    assert of_thread(world) == before


def test_n10_a_thread_of_hundreds_of_items_is_erased_whole_and_goes_on_where_time_was_over(
    world: World, admin: AgentClient
) -> None:
    world.say("Hello", contact=ZLATAN, name=NAME)
    [event] = world.events(world.pk(ZLATAN))
    for number in range(300):
        world.threads.put({**event, "sk": f"E#{event['at'] - number:013d}#I#{number:026d}", "text": QUESTION})
    turns = iter([True] * 5)
    part = Erasing(
        world.stack.clients.dynamodb, world.threads.table, world.stack.environment["CONFIG_TABLE"], ["support"],
        mails.delete,
    )  # fmt: skip
    with pytest.raises(Unfinished):
        part.erase(world.pk(ZLATAN), "ana", world.now_ms, lambda: next(turns, False))
    assert 1 < len(of_thread(world)) < 302
    assert erased(world, admin)["items"] == 301
    assert_only_a_tombstone(world)

"""The promises of DESIGN 5, each shown once from end to end; races, crashes and faults have files of their own."""

import json
import logging

import pytest
from afterhours.stores.threads import thread_name
from afterhours_local.platforms.faults import Fault
from afterhours_local.platforms.graph_webhooks import sign
from botocore.exceptions import EndpointConnectionError
from counting import failing
from world import AFTER_LEASES, PETRA, Ulid, World

DAY_S = 86_400
CONTACTS = [f"38591222000{number}" for number in range(5)]


def refused_connection() -> Exception:
    return EndpointConnectionError(endpoint_url="http://127.0.0.1")


def test_n1_a_batch_of_five_contacts_is_stored_once_however_often_it_comes(world: World) -> None:
    batch = {"object": "whatsapp_business_account", "entry": []}
    for contact in CONTACTS:
        batch["entry"] += world.written("Is breakfast included?", contact=contact)["entry"]
    for pause_s in (0, 1, 6 * DAY_S):
        world.wait(pause_s)
        assert world.deliver(batch) == 200
        world.stack.drain()
    assert sorted(event["contact_id"] for event in world.events()) == CONTACTS
    assert len(world.sent) == 5


def test_n1_an_event_of_an_unknown_account_is_set_aside_once_and_answered_by_nobody(world: World) -> None:
    body = world.written("Hello?", account="999999999999999")
    for _ in range(2):
        assert world.deliver(body) == 200
        world.stack.drain()
    [item] = world.quarantined()
    assert item["reason"] == "unknown_account"
    assert b"Hello?" in item["body"]
    assert world.events() == []
    assert world.sent == []


def test_n2_a_message_that_comes_twice_is_answered_once(world: World) -> None:
    body = world.written("Is breakfast included?")
    for pause_s in (0, 0, AFTER_LEASES):
        world.wait(pause_s)
        world.deliver(body)
        world.stack.drain()
    assert len(world.sent) == 1
    assert world.replies() == ["sent"]


def test_n3_one_automatic_reply_in_a_throttle_window_and_the_next_after_it(world: World) -> None:
    for text in ("Hello", "Is breakfast included?", "And parking?"):
        world.say(text)
        world.wait(60)
    assert len(world.sent) == 1
    world.wait(13 * 3600)  # a night later: another session
    world.say("Good morning")
    assert len(world.sent) == 2


def test_n4_a_reply_that_the_platform_refused_or_left_open_is_recorded_as_such(world: World) -> None:
    faults = {"385911110001": Fault.BAD_REQUEST_400, "385911110002": Fault.RESET_AFTER_READING}
    for contact, fault in faults.items():
        world.misbehave(fault)
        world.say("Hello", contact=contact)
    world.settle()
    states = {contact: world.replies(world.pk(contact)) for contact in faults}
    assert states == {"385911110001": ["refused"], "385911110002": ["unknown"]}


def test_n5_a_handoff_is_visible_with_the_event_though_no_bell_could_be_rung(world: World) -> None:
    with failing("sqs.SendMessage", refused_connection):
        world.say("I want a person")
    [event] = world.events()
    assert (event["ring"], event["reply"]) == ("pending", "sent")
    assert world.head()["status"] == "open"
    assert world.bells() == []
    thread = world.agent().pull()
    assert thread
    assert thread["id"] == thread_name(world.pk())


def test_n5_a_bell_that_could_not_be_rung_is_rung_when_the_message_comes_back(world: World) -> None:
    with failing("sqs.SendMessage", refused_connection):
        world.say("I want a person")
    world.wait(6)
    assert world.bells() == [world.pk()]
    assert world.events()[0]["ring"] == "rung"
    assert len(world.sent) == 1


def test_n5_the_sweeper_rings_again_for_a_lost_bell_and_only_for_that(world: World) -> None:
    world.say("I want a person")
    world.lose_bells()
    world.stack.tick()
    world.stack.tick()
    assert world.bells() == [world.pk()]


def test_n5_a_thread_whose_inbox_lost_its_queue_is_pulled_all_the_same(world: World) -> None:
    world.say("I want a person")
    with failing("sqs.ReceiveMessage", refused_connection):
        assert world.agent().pull()


def test_n6_one_live_claim_and_whoever_lost_it_is_refused(world: World, ulid: Ulid) -> None:
    world.say("I want a person")
    ana, ivo = world.agent("ana@example.org"), world.agent("ivo@example.org")
    hers = ana.pull()
    assert hers
    assert ivo.pull() is None
    assert ivo.do("claim", hers)[0] == 409
    world.wait(AFTER_LEASES)
    his = ivo.pull()
    assert his
    assert his["fence"] == hers["fence"] + 1
    refusals = [ana.reply(hers, "Hi", ulid()), ana.resolve(hers), ana.do("release", hers)]
    assert [(status, answer["code"]) for status, answer in refusals] == [(409, "stale_fence")] * 3
    assert ana.do("heartbeat", hers) == (409, {**ana.do("heartbeat", hers)[1], "code": "lease_over"})
    world.stack.drain()
    assert len(world.sent) == 1  # the handoff notice


def test_n7_a_composed_reply_is_submitted_once_however_often_it_is_asked_for(world: World, ulid: Ulid) -> None:
    world.say("I want a person")
    ana, key = world.agent(), ulid()
    thread = ana.pull()
    assert thread
    for _ in range(3):  # three copies on the queue
        assert ana.reply(thread, "We are here.", key)[0] == 202
    world.stack.drain()
    assert ana.reply(thread, "We are here.", key)[1]["state"] == "sent"
    world.settle()
    assert world.sent.count("We are here.") == 1


def test_n8_a_delivery_that_the_queue_does_not_take_is_not_acknowledged(world: World) -> None:
    body = world.written("Hello")
    with failing("sqs.SendMessageBatch", refused_connection):
        assert world.deliver(body) == 503
    assert world.deliver(body) == 200
    world.stack.drain()
    assert len(world.events()) == 1


def test_n8_a_message_that_the_worker_fails_on_comes_back(world: World) -> None:
    with failing("dynamodb.TransactWriteItems", refused_connection):
        world.say("Hello")
    assert world.events() == []
    world.wait(180)
    assert world.replies() == ["sent"]


def test_n8_what_nobody_understands_and_what_is_too_large_for_a_queue_is_kept(world: World) -> None:
    raw = b'{"object": "whatsapp_business_account", "entry": "none"}'
    secret = world.sandbox.app_secret("main")
    assert world.post("/hook/meta/main", raw, {"X-Hub-Signature-256": sign(raw, secret)}).status == 200
    large = world.written("x" * 3_000_000)
    strange = world.written("x" * 3_000_000, account="999999999999999")
    assert [world.deliver(large), world.deliver(strange)] == [200, 200]
    world.stack.drain()
    assert world.replies(world.pk(PETRA)) == ["sent"]
    by_reason = {item["reason"]: item for item in world.quarantined()}
    assert sorted(by_reason) == ["not_understood", "unknown_account"]
    bucket, key = world.stack.environment["OVERFLOW_BUCKET"], by_reason["unknown_account"]["overflow"]
    kept = world.stack.clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    assert len(json.loads(kept)["piece"]["entry"][0]["changes"][0]["value"]["messages"][0]["text"]["body"]) == 3_000_000


@pytest.mark.parametrize("signature", [None, "sha256=" + "0" * 64])
def test_n9_nothing_unverified_gets_in(world: World, caplog: pytest.LogCaptureFixture, signature: str | None) -> None:
    caplog.set_level(logging.DEBUG)
    raw = json.dumps(world.written("canary-text")).encode()
    answer = world.post("/hook/meta/main", raw, {"X-Hub-Signature-256": signature} if signature else {})
    assert (answer.status, answer.body) == (401, b"unauthorized")
    assert world.inbound() == []
    world.stack.drain()
    assert world.items() == []
    assert world.sandbox.graph.calls == []
    assert "canary-text" not in caplog.text

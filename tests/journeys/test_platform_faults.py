"""Whatever the platform answers to a send: the declared state is recorded, and nothing is sent a second time."""

import pytest
from afterhours_local.platforms.faults import Fault
from botocore.exceptions import EndpointConnectionError
from counting import failing, meanwhile
from slices import sliced, sweep
from world import AFTER_LEASES, WHATSAPP, Ulid, World

DECLARED = {
    Fault.RATE_429: "planned",
    Fault.RATE_429_RETRY_AFTER: "planned",
    Fault.THROTTLE_613: "planned",
    Fault.THROUGHPUT_130429: "planned",
    Fault.PAIR_131056: "planned",
    Fault.TOKEN_190: "refused",
    Fault.BAD_REQUEST_400: "refused",
    Fault.REDIRECT_302: "refused",
    Fault.REDIRECT_307: "refused",
    Fault.ERROR_500: "unknown",
    Fault.BAD_GATEWAY_502: "unknown",
    Fault.UNAVAILABLE_503: "unknown",
    Fault.ERROR_THOUGH_SENT: "unknown",
    Fault.RESET_BEFORE_READING: "unknown",
    Fault.RESET_AFTER_READING: "unknown",
    Fault.HANG: "unknown",
    Fault.SLOW_LORIS: "unknown",
    Fault.EMPTY_BODY: "unknown",
    Fault.HTML: "unknown",
    Fault.TRUNCATED_JSON: "unknown",
    Fault.CUT_BODY: "unknown",
    Fault.HUGE_BODY: "unknown",
    Fault.WRONG_TYPE: "unknown",
    Fault.NULL_ID: "unknown",
    Fault.KEEP_ALIVE_CLOSED: "sent",
}
SLOW = (Fault.HANG, Fault.SLOW_LORIS)


def reply(world: World) -> dict[str, object]:
    [event] = world.events()
    return event


def test_every_fault_has_its_declared_state() -> None:
    assert DECLARED.keys() == set(Fault)


@pytest.mark.parametrize("fault", sliced(DECLARED, 2))
def test_an_automatic_reply_ends_as_declared_and_is_never_sent_twice(
    request: pytest.FixtureRequest, world: World, fault: Fault
) -> None:
    if fault in SLOW:
        request.getfixturevalue("impatient")
    world.misbehave(fault)
    world.say("Hello")
    assert reply(world)["reply"] == DECLARED[fault]
    world.settle()
    assert reply(world)["reply"] == {"planned": "sent"}.get(DECLARED[fault], DECLARED[fault])
    assert len(world.sent) <= 1
    assert len(world.sandbox.graph.calls) <= (2 if DECLARED[fault] == "planned" else 1)
    assert world.bells() == [world.pk()]


@sweep(every=4)
def test_an_agents_reply_ends_as_declared_and_is_never_sent_twice(
    world: World, ulid: Ulid, impatient: None, every: int
) -> None:
    declared = dict([*DECLARED.items()][::every])
    ana, states = world.agent(), {}
    for number, fault in enumerate(declared):
        contact = f"3859180000{number:02d}"
        world.say("I want a person", contact=contact)
        thread = ana.pull()
        assert thread
        world.misbehave(fault)
        ana.reply(thread, "We are here.", ulid())
        world.stack.drain()
        states[fault] = world.replies(world.pk(contact))[1]
        world.settle()
        assert world.replies(world.pk(contact))[1] in ("sent", states[fault])
        assert [sent.text for sent in world.sandbox.graph.sent if sent.to == contact].count("We are here.") <= 1
        ana.do("release", thread)
        again = ana.pull()  # out of the way, were it opened again
        assert again is None or ana.resolve(again)[0] == 200
    assert states == declared


def test_a_throttled_reply_waits_as_long_as_the_platform_asks(world: World) -> None:
    world.misbehave(Fault.RATE_429_RETRY_AFTER)  # 30 s, but not less than this code's own minute
    world.say("Hello")
    not_before = reply(world)["not_before"]
    assert isinstance(not_before, int)
    world.wait((not_before - world.now_ms) / 1000 - 1)
    assert world.sent == []
    world.wait(1)
    assert len(world.sent) == 1


def test_a_reply_that_the_platform_never_lets_through_is_dropped_before_it_puzzles(world: World) -> None:
    world.misbehave(Fault.PAIR_131056, 20)
    world.say("Hello")
    for _ in range(9):  # the queue's own patience is ten receives
        not_before = reply(world).get("not_before")
        assert isinstance(not_before, int)
        world.wait(max(1, (not_before - world.now_ms) / 1000))
    assert (reply(world)["reply"], reply(world)["reply_reason"]) == ("dropped", "stale")
    assert world.dead_letters() == 0
    world.sandbox.graph.behave()
    world.settle()
    assert world.sent == []


def test_a_planned_reply_is_dropped_when_an_agent_has_taken_the_thread(world: World) -> None:
    world.misbehave(Fault.RATE_429)
    world.say("Hello")
    assert world.agent().pull()
    world.wait(AFTER_LEASES)
    assert (reply(world)["reply"], reply(world)["reply_reason"]) == ("dropped", "human_has_it")
    assert world.sent == []


def test_a_planned_reply_is_dropped_when_the_contact_wants_no_more(world: World) -> None:
    world.misbehave(Fault.RATE_429)
    world.say("Hello")
    world.wait(1)
    world.say("stop")
    world.wait(AFTER_LEASES)
    assert world.replies() == ["dropped", "sent"]  # the second is the confirmation


def test_a_planned_reply_that_another_attempt_takes_and_dies_on_is_recorded_as_unknown(world: World) -> None:
    world.misbehave(Fault.RATE_429)
    world.say("Hello")
    [event] = world.events()

    def another() -> None:
        world.threads.update(
            event["pk"], event["sk"], "SET #reply = :claimed, #attempt = :other, #attempt_at = :now",
            when="attribute_exists(#pk)", claimed="claimed", other="another", now=world.now_ms,
        )  # fmt: skip

    with meanwhile("dynamodb.TransactWriteItems", another, after=1):  # the first only finds the event stored
        world.wait(AFTER_LEASES)
    assert world.replies() == ["claimed"]
    world.settle()
    assert (world.replies(), world.sent) == (["unknown"], [])


def test_a_refused_connection_is_not_sent_and_tried_again(world: World) -> None:
    with world.platform_at("http://127.0.0.1:9"):
        world.say("Hello")
        assert (reply(world)["reply"], reply(world)["reply_reason"]) == ("planned", "connect")
    world.wait(AFTER_LEASES)
    assert reply(world)["reply"] == "sent"
    assert len(world.sent) == 1


def test_a_receipt_tells_of_an_unknown_reply_that_it_was_sent(world: World) -> None:
    world.misbehave(Fault.RESET_AFTER_READING)
    world.say("Hello")
    assert reply(world)["reply"] == "unknown"
    world.receipts()
    assert (reply(world)["reply"], reply(world)["delivery"]) == ("sent", 2)
    assert len(world.sent) == 1


def test_without_a_token_nothing_is_sent_and_the_team_is_rung(world: World) -> None:
    ssm, name = world.stack.clients.ssm, f"/{world.stack.stack_name}/token/whatsapp/{WHATSAPP}"
    token = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    ssm.delete_parameter(Name=name)
    world.say("Hello")
    ssm.put_parameter(Name=name, Value=token, Type="SecureString")
    assert (reply(world)["reply"], reply(world)["reply_reason"]) == ("refused", "token_missing")
    assert world.bells() == [world.pk()]


@pytest.mark.parametrize(("good", "stored"), [(0, []), (1, ["planned"])], ids=["pepper", "token"])
def test_secrets_out_of_reach_are_asked_for_again(world: World, good: int, stored: list[str]) -> None:
    world.deliver(world.written("Hello"))
    with failing("ssm.GetParameter", lambda: EndpointConnectionError(endpoint_url="ssm"), after=good):
        world.stack.drain()
    assert world.replies() == stored
    world.settle()
    assert world.replies() == ["sent"]
    assert len(world.sent) == 1

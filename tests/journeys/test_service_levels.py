"""Warned before, overdue after, escalated later: each once, in business time, and the right threads move ahead."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from afterhours.playbook import Playbook
from afterhours.stores.dynamo import to_item
from afterhours_local.executors import FunctionError
from counting import Crash, failing, meanwhile
from world import AFTER_LEASES, OPEN, PETRA, AgentClient, Ulid, World

IVAN, MIA = "385911111112", "385911111113"
MINUTE_S = 60
EVENING = datetime(2026, 11, 11, 18, 30, tzinfo=UTC)  # 19:30 in Zagreb, closed from 20:00 to 08:00


@pytest.fixture(autouse=True)
def escalating(world: World) -> None:
    world.play_by(hotel(world, escalation=["30m", "2h"]))


@pytest.fixture
def ana(world: World) -> AgentClient:
    return world.agent()


def hotel(world: World, **changes: Any) -> Playbook:
    book = world.sandbox.config.playbooks["hotel"].model_dump(mode="json")
    return Playbook.model_validate({**book, **changes})


def wants_a_person(world: World, contact: str = PETRA) -> None:
    world.say("I want a person", contact=contact)


def tick(world: World, at: datetime | None = None) -> int:
    """How many alarms a sweep raises."""
    if at:
        world.stack.clock.set_to(at)
    [swept] = world.stack.tick().values()
    return int(swept.get("alarms", 0))


def raised(world: World, contact: str = PETRA) -> list[str]:
    """The alarms of a thread, as its history has them."""
    audits = [item for item in world.items(world.pk(contact)) if item["sk"].startswith("A#")]
    return [item["verb"] for item in audits if item["by"] == "sweeper"]


def after(minutes: float) -> datetime:
    return OPEN + timedelta(minutes=minutes)


# When


@pytest.mark.parametrize(
    "minutes",
    [
        pytest.param((0, 1, 44, 45, 46, 60, 61, 62), id="around"),
        pytest.param(range(64), id="each", marks=pytest.mark.proof),
    ],
)
def test_the_61st_business_minute_raises_the_breach_of_a_60_minute_level(world: World, minutes: Sequence[int]) -> None:
    wants_a_person(world)
    alarms = {minute: tick(world, after(minute)) for minute in minutes}
    assert {minute for minute, number in alarms.items() if number} == {45, 61}
    assert raised(world) == ["sla_warned", "sla_breached"]
    assert world.head()["sla_stage"] == 2


def test_closed_time_does_not_count(world: World) -> None:
    world.stack.clock.set_to(EVENING)
    wants_a_person(world)
    night = EVENING + timedelta(minutes=31)
    assert [tick(world, night + timedelta(hours=hour)) for hour in range(11)] == [0] * 11
    morning = datetime(2026, 11, 12, 7, 0, tzinfo=UTC)  # 08:00 in Zagreb, half an hour used up yesterday
    alarms = {minute: tick(world, morning + timedelta(minutes=minute)) for minute in (14, 15, 16, 30, 31, 32)}
    assert {minute for minute, number in alarms.items() if number} == {15, 31}
    assert raised(world) == ["sla_warned", "sla_breached"]


def test_the_clock_set_back_in_the_night_brings_the_breach_no_hour_early(world: World) -> None:
    daily = {"zone": "Europe/Zagreb", "week": {"mon-sun": ["08:00-20:00"]}}
    world.play_by(hotel(world, hours=daily))
    world.stack.clock.set_to(datetime(2026, 10, 24, 17, 30, tzinfo=UTC))  # 19:30, summer time
    wants_a_person(world)
    assert tick(world, datetime(2026, 10, 25, 6, 31, tzinfo=UTC)) == 0  # 07:31, winter time
    assert tick(world, datetime(2026, 10, 25, 7, 31, tzinfo=UTC)) == 1  # 08:31
    assert raised(world) == ["sla_breached"]


def test_escalation_goes_through_its_tiers_in_business_time(world: World) -> None:
    wants_a_person(world)
    alarms = {minute: tick(world, after(minute)) for minute in (46, 62, 90, 91, 92, 180, 181, 300, 540)}
    assert [minute for minute, number in alarms.items() if number] == [46, 62, 91, 181]
    assert raised(world) == ["sla_warned", "sla_breached", "sla_escalated", "sla_escalated"]


def test_an_escalation_waits_for_the_morning(world: World) -> None:
    world.stack.clock.set_to(EVENING - timedelta(minutes=45))  # due at 19:45, escalated after 30 minutes: 08:15
    wants_a_person(world)
    assert tick(world, EVENING + timedelta(minutes=16)) == 1
    assert tick(world, EVENING + timedelta(hours=8)) == 0
    assert tick(world, datetime(2026, 11, 12, 7, 16, tzinfo=UTC)) == 1
    assert raised(world) == ["sla_breached", "sla_escalated"]


def test_an_outage_of_hours_raises_the_last_stage_once(world: World) -> None:
    for contact in (PETRA, IVAN):
        wants_a_person(world, contact)
    assert tick(world, after(500)) == 2
    assert raised(world) == raised(world, IVAN) == ["sla_escalated"]
    assert world.head()["sla_stage"] == 4
    assert tick(world, after(501)) == 0


def test_danger_is_overdue_at_once(world: World) -> None:
    world.say("There is a fire in my room")
    assert tick(world, after(1)) == 1
    assert raised(world) == ["sla_breached"]


# Once, and only where nobody has answered


def test_a_thread_answered_in_time_raises_nothing(world: World, ana: AgentClient, ulid: Ulid) -> None:
    wants_a_person(world)
    thread = ana.pull()
    assert thread
    ana.reply(thread, "Good morning, Ana here.", ulid())
    world.stack.drain()
    assert [tick(world, after(minute)) for minute in (45, 61, 91, 600)] == [0] * 4
    assert raised(world) == []


def test_what_the_customer_writes_next_has_a_time_of_its_own(world: World, ana: AgentClient, ulid: Ulid) -> None:
    wants_a_person(world)
    tick(world, after(46))
    thread = ana.pull()
    assert thread
    ana.reply(thread, "Good morning, Ana here.", ulid())
    world.stack.drain()
    world.say("And breakfast?")
    assert world.head()["sla_stage"] == 0
    assert [tick(world, after(minute)) for minute in (61, 91, 106, 107)] == [0, 1, 0, 1]
    assert raised(world) == ["sla_warned", "sla_warned", "sla_breached"]


def test_a_resolved_thread_raises_nothing(world: World, ana: AgentClient) -> None:
    wants_a_person(world)
    thread = ana.pull()
    assert thread
    assert ana.resolve(thread)[0] == 200
    assert tick(world, after(61)) == 0


def test_two_sweeps_in_one_minute_raise_nothing_twice(world: World) -> None:
    wants_a_person(world)
    assert [tick(world, after(61)), tick(world)] == [1, 0]
    assert raised(world) == ["sla_breached"]


def test_two_sweeps_at_once_raise_nothing_twice(world: World) -> None:
    wants_a_person(world)
    world.stack.clock.set_to(after(61))
    others = []
    with meanwhile("dynamodb.TransactWriteItems", lambda: others.append(tick(world))):
        own = tick(world)
    assert (own, others) == (0, [1])
    assert raised(world) == ["sla_breached"]


def test_an_answer_that_is_faster_than_the_alarm_spares_it(world: World, ana: AgentClient, ulid: Ulid) -> None:
    wants_a_person(world)
    world.stack.clock.set_to(after(61))
    thread = ana.pull()
    assert thread

    def answer() -> None:
        ana.reply(thread, "Good morning, Ana here.", ulid())
        world.stack.drain()

    with meanwhile("dynamodb.TransactWriteItems", answer):
        assert tick(world) == 0
    assert world.head()["status"] == "waiting"
    assert raised(world) == []


# The bell


def test_an_alarm_rings_for_a_thread_that_nobody_holds(world: World) -> None:
    wants_a_person(world)
    world.lose_bells()
    tick(world, after(45))
    assert world.pk() in world.bells()


def test_a_claimed_thread_is_warned_of_and_rung_for_by_nobody(world: World, ana: AgentClient) -> None:
    wants_a_person(world)
    thread = ana.pull()
    assert thread
    world.stack.clock.set_to(after(44))
    ana.do("claim", thread)
    assert tick(world, after(45)) == 1
    assert raised(world) == ["sla_warned"]
    assert world.bells() == []


def test_a_crash_between_the_alarm_and_its_bell_is_made_good_by_the_next_minute(world: World) -> None:
    wants_a_person(world)
    world.lose_bells()
    world.stack.clock.set_to(after(61))
    with failing("sqs.SendMessage", Crash, times=1), pytest.raises(FunctionError):
        world.stack.tick()
    assert (raised(world), world.bells()) == (["sla_breached"], [])
    assert tick(world, after(62)) == 0
    assert world.bells() == [world.pk()]
    assert raised(world) == ["sla_breached"]


def test_claimed_threads_hide_none_that_waits(world: World) -> None:
    """However many stand before it in the index."""
    wants_a_person(world)
    world.lose_bells()
    head = world.head()
    for number in range(230):
        pk = f"T#whatsapp#1#{number:026d}"
        place = f"{head['urgent_at'] - 1:013d}#{head['opened_at']:013d}#{pk}"
        claimed = {**head, "pk": pk, "work_sk": place, "owner": "ivo", "lease_until": world.now_ms + 600_000}
        world.stack.clients.dynamodb.put_item(TableName=world.threads.table, Item=to_item(claimed))
    [swept] = world.stack.tick().values()
    assert swept["rung"] == 1
    assert world.bells() == [world.pk()]


# The queue


def test_what_is_overdue_goes_before_what_was_sooner_by_priority(world: World, ana: AgentClient) -> None:
    """Petra is overdue, Ivan talks of a lawyer and stands four hours ahead of when he is due."""
    wants_a_person(world)
    world.stack.clock.set_to(after(30))
    world.say("My lawyer will hear of this", contact=IVAN)
    assert world.head(world.pk(IVAN))["urgent_at"] < world.head()["urgent_at"]
    tick(world, after(61))
    assert world.head()["urgent_at"] == world.head()["due_at"] - 4 * 3_600_000
    assert [each["id"] for each in pulled(ana, 2)] == [world.name(), world.name(IVAN)]


def test_each_escalation_moves_a_thread_further_ahead_and_nothing_else_does(world: World) -> None:
    wants_a_person(world)
    places = []
    for minute in (1, 45, 61, 91, 120, 181):
        tick(world, after(minute))
        head = world.head()
        assert head["work_sk"] == f"{head['urgent_at']:013d}#{head['opened_at']:013d}#{world.pk()}"
        places.append((head["due_at"] - head["urgent_at"]) // 3_600_000)
    assert places == [0, 0, 4, 8, 8, 12]
    world.say("Hello?")
    assert (world.head()["due_at"] - world.head()["urgent_at"]) // 3_600_000 == 12


def pulled(ana: AgentClient, number: int) -> list[dict[str, Any]]:
    return [thread for _ in range(number) if (thread := ana.pull())]


def test_the_history_of_a_thread_shows_its_alarms_and_its_state(world: World, ana: AgentClient) -> None:
    wants_a_person(world)
    tick(world, after(61))
    [item] = [item for item in world.items(world.pk()) if item["sk"].startswith("A#")]
    assert item["detail"] == {"stage": 2, "due_at": world.head()["due_at"]}
    assert item["ttl"] > world.now_ms // 1000
    assert pulled(ana, 1)[0]["sla"] == "overdue"


def test_the_dead_agents_thread_is_late_like_any_other(world: World, ana: AgentClient) -> None:
    wants_a_person(world)
    assert ana.pull()
    world.wait(AFTER_LEASES)
    assert tick(world, after(61)) == 1
    assert world.bells() == [world.pk()]

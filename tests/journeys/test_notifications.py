"""Who wants to hear of it hears that something waits or is late: on the topic and on Slack, rarely, and nothing of a
customer's."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from afterhours.playbook import Playbook
from afterhours.stores import config, secrets
from afterhours.stores.dynamo import from_item, to_item
from afterhours_local.executors import FunctionError
from afterhours_local.platforms.slack import RETRY_AFTER_S, Trouble
from counting import Crash, asked_twice, failing, meanwhile
from world import OPEN, PETRA, AgentClient, World

IVAN, MIA = "385911111112", "385911111113"
EVERY_S = 300
WAITS = "1 thread waits in support, due at 12:00 Europe/Zagreb"


@dataclass
class Heard:
    """What reached people since one last looked."""

    world: World
    topic_queue: str
    read: int = 0

    def slack(self) -> list[str]:
        texts = [each.text for each in self.world.sandbox.slack.received[self.read :]]
        self.read += len(texts)
        return texts

    def topic(self) -> list[str]:
        sqs, texts = self.world.stack.clients.sqs, []
        while messages := sqs.receive_message(QueueUrl=self.topic_queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                body = json.loads(message["Body"])
                assert body["Subject"] == "Afterhours: support"
                texts.append(body["Message"])
                sqs.delete_message(QueueUrl=self.topic_queue, ReceiptHandle=message["ReceiptHandle"])
        return texts


@pytest.fixture
def heard(world: World) -> Iterator[Heard]:
    """A queue that hears the topic, for an e-mail box that we have none of."""
    sns, sqs = world.stack.clients.sns, world.stack.clients.sqs
    queue = sqs.create_queue(QueueName="hears-the-topic")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = world.stack.outputs["NotificationTopic"]
    made = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)
    yield Heard(world, queue)
    sns.unsubscribe(SubscriptionArn=made["SubscriptionArn"])
    sqs.delete_queue(QueueUrl=queue)


@pytest.fixture
def ana(world: World) -> AgentClient:
    return world.agent()


def wants_a_person(world: World, contact: str = PETRA) -> None:
    world.say("I want a person", contact=contact)


def tick(world: World, seconds: float = 0) -> dict[str, int]:
    world.stack.clock.advance(timedelta(seconds=seconds))
    [swept] = world.stack.tick().values()
    return dict(swept)


def at_minute(world: World, minute: int) -> None:
    world.stack.clock.set_to(OPEN + timedelta(minutes=minute))


def state(world: World, way: str = "slack") -> dict[str, Any]:
    return next(item for item in world.items("NOTICES#support") if item["sk"] == way)


@contextmanager
def configured(world: World, **changes: Any) -> Iterator[None]:
    """The inbox's record in another form for a while."""
    key = to_item({"pk": "INBOX", "sk": "support"})
    table, dynamodb = world.stack.environment["CONFIG_TABLE"], world.stack.clients.dynamodb
    item = dynamodb.get_item(TableName=table, Key=key)["Item"]
    dynamodb.put_item(TableName=table, Item=to_item({**from_item(item), **changes}))
    config.clear()
    yield
    dynamodb.put_item(TableName=table, Item=item)
    config.clear()


# What waits


def test_both_ways_hear_that_something_waits(world: World, heard: Heard) -> None:
    assert tick(world).get("notified", 0) == 0
    wants_a_person(world)
    assert tick(world)["notified"] == 2
    assert heard.slack() == [WAITS]
    assert heard.topic() == [WAITS]


def test_the_most_urgent_is_named_by_its_time_and_the_others_are_counted(world: World, heard: Heard) -> None:
    wants_a_person(world)
    world.wait(600)
    wants_a_person(world, IVAN)
    tick(world)
    assert heard.slack() == ["2 threads wait in support, the most urgent due at 12:00 Europe/Zagreb"]


def test_a_time_on_another_day_comes_with_its_day(world: World, heard: Heard) -> None:
    at_minute(world, 8 * 60 + 30)  # 19:30, half an hour before closing
    wants_a_person(world)
    tick(world)
    assert heard.slack() == ["1 thread waits in support, due at 08:30 on 2026-11-12 Europe/Zagreb"]


def test_a_page_is_linked_where_one_is_configured(world: World, heard: Heard) -> None:
    wants_a_person(world)
    page = "https://api.example.org/inbox"
    notices = {"every_s": EVERY_S, "slack": True, "page": page, "slack_base": world.sandbox.platforms_url}
    with configured(world, notices=notices):
        tick(world)
    assert heard.slack() == [f"{WAITS}\n{page}"]


def test_an_inbox_that_asks_for_no_notices_gets_none(world: World, heard: Heard) -> None:
    wants_a_person(world)
    with configured(world, notices=None):
        assert "notified" not in tick(world)
    assert (heard.slack(), heard.topic(), world.items("NOTICES#support")) == ([], [], [])


def test_an_inbox_without_a_webhook_is_told_of_on_the_topic(world: World, heard: Heard) -> None:
    wants_a_person(world)
    with configured(world, notices={"every_s": EVERY_S, "slack": False}):
        assert tick(world)["notified"] == 1
    assert (heard.slack(), heard.topic()) == ([], [WAITS])


def test_what_waits_is_told_of_once_however_long_it_waits(world: World, heard: Heard) -> None:
    wants_a_person(world)
    for _ in range(8):
        tick(world, EVERY_S)
    assert heard.slack() == [WAITS]


def test_what_waits_anew_is_told_of_after_the_interval(world: World, heard: Heard) -> None:
    wants_a_person(world)
    tick(world)
    wants_a_person(world, IVAN)
    tick(world, EVERY_S - 1)
    assert heard.slack() == [WAITS]
    tick(world, 1)
    assert heard.slack() == ["2 threads wait in support, the most urgent due at 12:00 Europe/Zagreb"]


def test_a_thread_taken_within_the_interval_is_told_of_to_nobody(world: World, heard: Heard, ana: AgentClient) -> None:
    wants_a_person(world)
    tick(world)
    heard.slack()
    wants_a_person(world, IVAN)
    tick(world, 60)
    assert ana.pull()
    assert ana.pull()
    tick(world, 60)
    assert heard.slack() == []


def test_a_claimed_thread_waits_for_nobody_and_waits_again_when_its_agent_is_gone(
    world: World, heard: Heard, ana: AgentClient
) -> None:
    wants_a_person(world)
    assert ana.pull()
    tick(world)
    assert heard.slack() == []
    tick(world, 121)
    assert heard.slack() == [WAITS]


def test_a_thread_that_was_released_waits_anew(world: World, heard: Heard, ana: AgentClient) -> None:
    wants_a_person(world)
    wants_a_person(world, IVAN)
    thread = ana.pull()
    assert thread
    tick(world)
    assert heard.slack() == [WAITS]
    assert ana.do("release", thread)[0] == 200
    tick(world, EVERY_S)
    assert heard.slack() == ["2 threads wait in support, the most urgent due at 12:00 Europe/Zagreb"]


def test_two_sweeps_at_once_tell_it_once(world: World, heard: Heard) -> None:
    wants_a_person(world)
    others = []
    with meanwhile("dynamodb.UpdateItem", lambda: others.append(tick(world))):
        own = tick(world)
    assert (own.get("notified", 0), others[0]["notified"]) == (0, 2)
    assert (heard.slack(), heard.topic()) == ([WAITS], [WAITS])


def test_a_crash_before_the_notice_is_sent_loses_it_rather_than_sends_it_twice(world: World, heard: Heard) -> None:
    wants_a_person(world)
    with failing("sns.Publish", Crash, times=1), pytest.raises(FunctionError):
        tick(world)
    tick(world, 60)
    assert (heard.slack(), heard.topic()) == ([WAITS], [])
    assert world.pk() in world.bells()


def test_an_answer_of_the_table_that_was_lost_tells_it_at_most_once(world: World, heard: Heard) -> None:
    wants_a_person(world)
    with asked_twice("dynamodb.UpdateItem"):
        tick(world)
    tick(world, 60)
    assert heard.slack() == [WAITS]
    assert heard.topic() in ([], [WAITS])


# What is late


def test_what_a_minute_raises_is_one_notice_with_numbers_and_who_has_it(
    world: World, heard: Heard, ana: AgentClient
) -> None:
    wants_a_person(world)
    wants_a_person(world, IVAN)
    at_minute(world, 14)
    wants_a_person(world, MIA)
    tick(world)
    heard.slack(), heard.topic()
    at_minute(world, 60)
    claimed = ana.pull()
    assert claimed
    tick(world, 60)
    [notice] = heard.slack()
    waiting = next(world.name(each) for each in (PETRA, IVAN) if world.name(each) != claimed["id"])
    title, *lines = notice.splitlines()
    assert title == "support: 1 soon due, 2 overdue"
    assert set(lines[:2]) == {
        f"{claimed['number']} was due at 12:00 Europe/Zagreb, claimed",
        f"{number(waiting)} was due at 12:00 Europe/Zagreb, waiting",
    }
    assert lines[2:] == [f"{number(world.name(MIA))} is due at 12:14 Europe/Zagreb, waiting"]
    assert heard.topic() == [notice]


def number(name: str) -> str:
    return f"{name.rpartition('.')[2][:8].upper()}-1"


def test_many_alarms_are_counted_and_ten_are_named(world: World, heard: Heard) -> None:
    for contact in range(13):
        wants_a_person(world, f"3859130000{contact:02d}")
    tick(world)
    heard.slack()
    at_minute(world, 61)
    tick(world)
    [notice] = heard.slack()
    assert notice.splitlines()[0] == "support: 13 overdue"
    assert notice.splitlines()[-1] == "and 3 more"
    assert len(notice.splitlines()) == 12


def test_an_escalation_is_told_of_at_once_whatever_the_interval(world: World, heard: Heard) -> None:
    hotel = world.sandbox.config.playbooks["hotel"].model_dump(mode="json")
    world.play_by(Playbook.model_validate({**hotel, "escalation": ["1m", "2m"]}))
    wants_a_person(world)
    at_minute(world, 60)
    told = []
    for _ in range(4):
        tick(world, 60)
        told += heard.slack()
    assert [notice.splitlines()[0] for notice in told] == [
        "support: 1 overdue", "support: 1 escalated", "support: 1 escalated"
    ]  # fmt: skip


def test_a_notice_holds_nothing_of_a_customers(world: World, heard: Heard, ana: AgentClient) -> None:
    said = "<!channel> my card is 4111 1111 1111 1111 & I want a person"
    world.say(said, name="Petra *Novak* <https://evil.example|x>")
    tick(world)
    at_minute(world, 61)
    assert ana.pull()
    tick(world)
    # What was told last are bytes of a hash, in which any letter may stand.
    kept = json.dumps([item for item in world.items() if item["pk"].startswith("NOTICES#")], default=len)
    for text in [*heard.slack(), *heard.topic(), kept]:
        for private in ("4111", "Petra", "Novak", "evil", "ana@", "channel", PETRA, "<", "&", world.pk()[-26:]):
            assert private not in text


# When it does not get through


def test_a_refusal_is_not_repeated_and_the_topic_hears_all_the_same(
    world: World, heard: Heard, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    wants_a_person(world)
    world.sandbox.slack.misbehave(Trouble.CHANNEL_IS_ARCHIVED)
    assert tick(world)["notified"] == 1
    for _ in range(7):
        tick(world, 60)
    assert (heard.slack(), heard.topic()) == ([], [WAITS])
    assert world.sandbox.slack.asked == 1
    assert refused(caplog) == [("slack", "channel_is_archived", "410")]
    counted = capsys.readouterr().out
    assert '"NoticeRefused":[1.0]' in counted
    assert "hooks.slack.com" not in counted + caplog.text


def refused(caplog: pytest.LogCaptureFixture) -> list[tuple[Any, ...]]:
    records = [vars(record) for record in caplog.records if record.getMessage() == "notice refused"]
    return [(record["way"], record["reason"], record["code"]) for record in records]


@pytest.mark.parametrize("trouble", [Trouble.ERROR_500, Trouble.HTML, Trouble.RESET])
def test_a_notice_that_may_have_got_through_is_not_repeated(trouble: Trouble, world: World, heard: Heard) -> None:
    wants_a_person(world)
    world.sandbox.slack.misbehave(trouble)
    assert tick(world)["notified"] == 1
    for _ in range(7):
        tick(world, 60)
    assert world.sandbox.slack.asked == 1
    wants_a_person(world, IVAN)
    tick(world)
    assert heard.slack()[-1].startswith("2 threads wait")


def test_a_throttled_notice_comes_when_slack_has_said(world: World, heard: Heard) -> None:
    wants_a_person(world)
    world.sandbox.slack.misbehave(Trouble.RATE_429)
    tick(world)
    wants_a_person(world, IVAN)
    tick(world, RETRY_AFTER_S - 1)
    assert world.sandbox.slack.asked == 1
    tick(world, 1)
    assert heard.slack() == ["2 threads wait in support, the most urgent due at 12:00 Europe/Zagreb"]
    assert heard.topic() == [WAITS]


def test_alarms_raised_while_slack_throttles_are_told_of_afterwards(world: World, heard: Heard) -> None:
    wants_a_person(world)
    tick(world)
    heard.slack()
    at_minute(world, 45)
    world.sandbox.slack.misbehave(Trouble.RATE_429)
    tick(world)
    world.threads.update("NOTICES#support", "slack", "SET #not_before = :until", when="attribute_exists(#pk)",
                         until=world.now_ms + 20 * 60_000)  # fmt: skip
    at_minute(world, 61)
    tick(world)
    assert len(state(world)["pending"]) == 4
    at_minute(world, 66)
    tick(world)
    [notice] = heard.slack()
    first, second = (f"{number(world.name())} {how} due at 12:00 Europe/Zagreb, waiting" for how in ("is", "was"))
    assert notice.splitlines() == ["support: 1 soon due", first, "support: 1 overdue", second]
    assert "pending" not in state(world)


def test_what_slack_throttled_is_told_of_though_somebody_has_taken_the_thread(
    world: World, heard: Heard, ana: AgentClient
) -> None:
    wants_a_person(world)
    tick(world)
    heard.slack()
    at_minute(world, 61)
    world.sandbox.slack.misbehave(Trouble.RATE_429)
    tick(world)
    assert ana.pull()
    tick(world, RETRY_AFTER_S)
    assert heard.slack() == [f"support: 1 overdue\n{number(world.name())} was due at 12:00 Europe/Zagreb, waiting"]


def test_a_slack_out_of_reach_is_tried_again_in_a_later_minute(world: World, heard: Heard) -> None:
    wants_a_person(world)
    nowhere = {"every_s": EVERY_S, "slack": True, "slack_base": "http://127.0.0.1:9"}
    with configured(world, notices=nowhere):
        assert tick(world)["notified"] == 1
        assert tick(world, 60).get("notified", 0) == 0
    tick(world, 60)
    assert heard.slack() == [WAITS]
    assert heard.topic() == [WAITS]


def test_no_webhook_where_one_is_promised_is_a_refusal(
    world: World, heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    wants_a_person(world)
    ssm, name = world.stack.clients.ssm, f"/{world.stack.stack_name}/notify/support"
    before = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    other = json.dumps({"slack": "https://hooks.slack.com.evil.example/services/T0/B0/x"})
    ssm.put_parameter(Name=name, Value=other, Type="SecureString", Overwrite=True)
    secrets.clear()
    tick(world)
    ssm.put_parameter(Name=name, Value=before, Type="SecureString", Overwrite=True)
    secrets.clear()
    assert world.sandbox.slack.asked == 0
    assert refused(caplog) == [("slack", "not_a_webhook", None)]


def test_the_notice_of_one_inbox_that_fails_stops_neither_sweeps_nor_notices_of_the_others(
    world: World, heard: Heard
) -> None:
    """The other inbox comes first, and the topic dies under it."""
    wants_a_person(world)
    head = world.head()
    other = {**head, "pk": f"T#whatsapp#1#{0:026d}", "inbox": "billing", "work_pk": "OPEN#billing#0"}
    world.stack.clients.dynamodb.put_item(TableName=world.threads.table, Item=to_item(other))
    billing = {
        "pk": "INBOX", "sk": "billing", "id": "billing", "playbook": "hotel", "shards": 1,
        "queue_url": world.stack.outputs["HumanQueue"], "notices": {"every_s": EVERY_S, "slack": False},
    }  # fmt: skip
    table = world.stack.environment["CONFIG_TABLE"]
    world.stack.clients.dynamodb.put_item(TableName=table, Item=to_item(billing))
    world.lose_bells()
    at_minute(world, 61)
    with failing("sns.Publish", Crash, times=1), pytest.raises(FunctionError):
        tick(world)
    assert heard.topic() == [
        f"support: 1 overdue\n{number(world.name())} was due at 12:00 Europe/Zagreb, waiting\n{WAITS}"
    ]
    assert world.pk() in world.bells()
    key = to_item({"pk": "INBOX", "sk": "billing"})
    world.stack.clients.dynamodb.delete_item(TableName=table, Key=key)


def test_what_is_kept_of_notices_is_small_and_expires(world: World, heard: Heard) -> None:
    for contact in range(12):
        wants_a_person(world, f"3859130000{contact:02d}")
    tick(world)
    kept = state(world)
    assert len(kept["told"]) == 12 * 4
    assert kept["ttl"] > world.now_ms // 1000

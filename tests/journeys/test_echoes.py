"""What comes back from the platform about our own texts, and what people do in its own app."""

import json
from typing import Any

import pytest
from afterhours_local.platforms import graph_webhooks
from afterhours_local.platforms.faults import Fault
from counting import struck
from world import AFTER_LEASES, INSTAGRAM, MESSENGER, PETRA, WHATSAPP, Ulid, World

PAGE_INBOX = "263902037430900"  # Meta's own inbox, where colleagues write by hand
GUEST = "24680135791357"
HUMAN_SILENCE_S = 15 * 60
BSUID = "HR.13491208655302741918"


def echo(world: World, text: str, mid: str, *, channel: str = "messenger", app_id: str = PAGE_INBOX) -> dict[str, Any]:
    account = MESSENGER if channel == "messenger" else INSTAGRAM
    body = graph_webhooks.echo(channel, account, GUEST, mid, world.now_ms, text=text, app_id=app_id, metadata=None)
    return dict(json.loads(body))


def messaging(world: World, channel: str = "messenger", **item: Any) -> dict[str, Any]:
    """One item of `messaging[]` from the guest."""
    account = MESSENGER if channel == "messenger" else INSTAGRAM
    whole = {"sender": {"id": GUEST}, "recipient": {"id": account}, "timestamp": world.now_ms, **item}
    return dict(json.loads(graph_webhooks.messaging_body(channel, account, world.now_ms, whole)))


def tell(world: World, body: dict[str, Any]) -> None:
    assert world.deliver(body) == 200
    world.stack.drain()


def timeline(world: World, channel: str) -> list[tuple[str, str | None]]:
    """By whom, and in which state."""
    ana = world.agent()
    entries = ana.call("GET", f"/api/threads/{world.name(GUEST, channel)}")[1]["timeline"]
    return [(entry["by"], entry.get("state")) for entry in entries]


# Echoes


@pytest.mark.parametrize("channel", ["messenger", "instagram"])
def test_our_own_echo_is_known_as_ours(world: World, channel: str) -> None:
    world.say("Hello", contact=GUEST, channel=channel)
    world.receipts()
    pk = world.pk(GUEST, channel)
    assert [event["type"] for event in world.events(pk)] == ["inbound"]
    assert "human_at" not in world.head(pk)
    assert len(world.sent) == 1


@pytest.mark.parametrize("channel", ["messenger", "instagram"])
def test_an_echo_tells_of_an_unknown_reply_that_it_was_sent(world: World, channel: str) -> None:
    world.misbehave(Fault.RESET_AFTER_READING)
    world.say("Hello", contact=GUEST, channel=channel)
    assert world.replies() == ["unknown"]
    world.receipts()
    assert world.replies() == ["sent"]
    assert "human_at" not in world.head(world.pk(GUEST, channel))


def test_a_colleague_in_the_pages_inbox_silences_automation_for_a_quarter_of_an_hour(world: World) -> None:
    world.say("Hello", contact=GUEST, channel="messenger")
    world.wait(3600)
    tell(world, echo(world, "Breakfast is from seven.", "m_by_hand"))
    tell(world, echo(world, "Breakfast is from seven.", "m_by_hand"))
    world.wait(13 * 3600 - HUMAN_SILENCE_S)
    tell(world, echo(world, "See you!", "m_by_hand_2"))
    world.wait(1)
    world.say("Thanks!", contact=GUEST, channel="messenger")
    assert len(world.sent) == 1
    assert [event.get("reason") for event in world.events()] == [
        *("first_of_a_session", "human_in_app", "human_in_app", "human_spoke"),
    ]
    assert timeline(world, "messenger")[2:] == [("app", None), ("app", None), ("contact", None)]
    world.wait(13 * 3600)
    world.say("Hello again", contact=GUEST, channel="messenger")
    assert len(world.sent) == 2


def test_an_echo_of_our_own_app_without_our_mark_is_ours_and_no_person(world: World) -> None:
    tell(world, echo(world, "Your booking is confirmed.", "m_other_tool", app_id="1000000000001"))
    world.wait(1)
    world.say("Thanks!", contact=GUEST, channel="messenger")
    assert [event["type"] for event in world.events()] == ["event", "inbound"]
    assert timeline(world, "messenger") == [("auto", None), ("contact", None), ("auto", "sent")]


def crashed_after_posting(world: World, channel: str) -> None:
    """A reply has been posted, and its worker died before it could write that down."""
    world.say("Hello", contact="24680135791358", channel=channel)
    world.sandbox.graph.say(channel, INSTAGRAM, GUEST, "Hello")
    with struck({3: "before"}) as calls:
        world.stack.drain()
    assert calls["dynamodb.UpdateItem"] == 1
    assert world.events(world.pk(GUEST, channel))[0]["reply"] == "claimed"


def test_an_echo_that_comes_before_the_outcome_is_known_by_its_text(world: World) -> None:
    crashed_after_posting(world, "instagram")
    world.receipts()
    [event] = world.events(world.pk(GUEST, "instagram"))
    assert event["reply"] == "sent"
    assert event["platform_id"] == world.sandbox.graph.sent[-1].platform_id


def test_another_text_waits_while_a_send_is_open_and_is_a_persons_after_that(world: World) -> None:
    crashed_after_posting(world, "instagram")
    world.wait(1)
    tell(world, echo(world, "I am on it.", "aWdf_by_hand", channel="instagram"))
    pk = world.pk(GUEST, "instagram")
    assert "human_at" not in world.head(pk)
    world.wait(AFTER_LEASES)
    assert [event["type"] for event in world.events(pk)] == ["inbound", "echo"]
    assert world.head(pk)["human_at"]


# Receipts


def test_receipts_move_a_reply_forward_only(world: World) -> None:
    world.say("Hello")
    [sent] = world.sandbox.graph.sent
    for state, rank in (("read", 3), ("delivered", 3), ("sent", 3), ("failed", 9), ("read", 9)):
        tell(world, world.status(state, sent, error=131026 if state == "failed" else None))
        assert world.events()[0]["delivery"] == rank
    assert (world.events()[0]["reply"], world.events()[0]["reply_reason"]) == ("refused", "131026")


def test_a_reply_of_an_agent_that_could_not_be_delivered_opens_the_thread_and_rings(world: World, ulid: Ulid) -> None:
    world.say("I want a person")
    ana = world.agent()
    thread = ana.pull()
    assert thread
    ana.reply(thread, "We are here.", ulid())
    world.stack.drain()
    assert ana.resolve(thread)[0] == 200
    for _ in range(2):
        tell(world, world.status("failed", world.sandbox.graph.sent[-1], error=131026))
    assert world.head()["status"] == "open"
    assert world.bells() == [world.pk()]
    assert ana.show(thread)["timeline"][-1]["state"] == "failed"


def test_a_receipt_of_nobodys_text_changes_nothing(world: World) -> None:
    world.say("Hello")
    [sent] = world.sandbox.graph.sent
    before = world.items()
    for correlator in (None, "something else", "a" * 26 + "/E#0000000000000#I#" + "b" * 26):
        body = graph_webhooks.status(
            WHATSAPP, sent.to, sent.platform_id, world.now_ms, state="read", correlator=correlator
        )
        tell(world, json.loads(body))
    assert world.items() == before


def test_a_watermark_says_what_was_read_and_never_goes_back(world: World) -> None:
    world.say("Hello", contact=GUEST, channel="messenger")
    world.wait(60)
    version = world.head(world.pk(GUEST, "messenger"))["version"]
    tell(world, messaging(world, delivery={"watermark": world.now_ms}))
    assert timeline(world, "messenger")[1] == ("auto", "delivered")
    tell(world, messaging(world, read={"watermark": world.now_ms}))
    tell(world, messaging(world, read={"watermark": world.now_ms - 50_000}))
    assert timeline(world, "messenger")[1] == ("auto", "read")
    assert world.head(world.pk(GUEST, "messenger"))["version"] == version
    assert world.head(world.pk(GUEST, "messenger"))["read_until"] == world.now_ms


def test_a_watermark_of_a_stranger_makes_no_thread(world: World) -> None:
    tell(world, messaging(world, read={"watermark": world.now_ms}))
    assert world.items() == []


# What customers do besides writing


def test_a_message_taken_back_loses_its_words_and_keeps_its_place(world: World) -> None:
    mid = world.say("My number is 12345", contact=GUEST, channel="instagram")
    tell(world, messaging(world, "instagram", message={"mid": mid, "is_deleted": True}))
    first, deleted = sorted(world.events(), key=lambda event: event["type"], reverse=True)
    assert "text" not in first
    assert first["deleted_at"] == world.now_ms
    assert deleted["kind"] == "message_deleted"
    assert "12345" not in json.dumps(world.agent().call("GET", f"/api/threads/{world.name(GUEST, 'instagram')}"))


@pytest.mark.parametrize(
    "item",
    [
        {"reaction": {"mid": "m_1", "action": "react", "emoji": "❤"}},
        {"message_edit": {"mid": "m_1", "text": "Helo?", "num_edit": 1}},
    ],
)
def test_a_reaction_or_an_edit_is_stored_and_answered_by_nobody(world: World, item: dict[str, Any]) -> None:
    body = messaging(world, **item)
    for _ in range(2):
        tell(world, body)
    assert [event["type"] for event in world.events()] == ["event"]
    assert (world.sent, world.bells()) == ([], [])


def test_a_message_that_another_app_has_in_hand_is_stored_and_left_to_it(world: World) -> None:
    body = messaging(world, message={"mid": "m_standby", "text": "Hello"})
    entry = body["entry"][0]
    standby = {**body, "entry": [{**entry, "messaging": [], "standby": entry["messaging"]}]}
    for each in (standby, body, standby):  # the platform tells both, in any order
        tell(world, each)
    assert [event["reason"] for event in world.events()] == ["standby"]
    assert (world.sent, world.dead_letters()) == ([], 0)
    assert world.stack.drain()


# One customer, several ids


def whatsapp(world: World, text: str, **ids: str) -> dict[str, Any]:
    """A message that names its sender by these ids alone."""
    body = world.written(text)
    value = body["entry"][0]["changes"][0]["value"]
    message = value["messages"][0]
    del message["from"], message["from_user_id"], value["contacts"]
    return {**body, "entry": [entry_with(body["entry"][0], {**message, **ids})]}


def entry_with(entry: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    change = entry["changes"][0]
    return {**entry, "changes": [{**change, "value": {**change["value"], "messages": [message]}}]}


PHONE, NAME = {"from": PETRA}, {"from_user_id": BSUID}


@pytest.mark.parametrize(
    "order",
    [(PHONE | NAME, NAME, PHONE), (NAME, PHONE | NAME, PHONE), (PHONE, PHONE | NAME, NAME)],
    ids=["both first", "user id first", "phone first"],
)
def test_a_customer_who_hides_the_number_stays_in_the_same_thread(
    world: World, order: tuple[dict[str, str], ...]
) -> None:
    for number, ids in enumerate(order):
        tell(world, whatsapp(world, f"message {number}", **ids))
        world.wait(1)
    assert len({event["pk"] for event in world.events()}) == 1
    assert len(world.events()) == 3
    heads = [item for item in world.items() if item["sk"] == "#"]
    assert sorted("alias_of" in head for head in heads) == [False, True]
    assert len(world.replies()) == 1


def test_a_message_too_large_for_the_table_is_stored_without_what_nobody_can_use(world: World) -> None:
    images = [{"type": "image", "payload": {"url": f"https://cdn.example/{'x' * 50_000}"}} for _ in range(40)]
    tell(world, messaging(world, message={"mid": "m_large", "text": "Look", "attachments": images}))
    [event] = world.events()
    assert event["attachments"] == [{"type": "image"}] * 30
    assert event["text"] == "Look"

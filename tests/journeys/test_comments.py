"""Comments on our posts: one private reply, one note that we wrote it, nothing else that a machine says in public."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import worker
from afterhours.phrasebook import TextKind, phrasebook
from afterhours.playbook import Playbook
from afterhours.stores.threads import HeadMoved
from afterhours_local.executors import FunctionError
from afterhours_local.platforms import graph_comments
from afterhours_local.platforms.faults import Fault
from afterhours_local.platforms.graph import Sent
from counting import struck
from sends import RetryLater
from slices import sliced, sweep
from world import AFTER_LEASES, COMMENTS, IVO, MESSENGER, AgentClient, Ulid, World

MARTA = "7415500923317748"
NOTE = phrasebook("en").texts[TextKind.PRIVATE_NOTE]
CHANNELS = pytest.mark.parametrize("channel", list(COMMENTS))
DIRECT = {"facebook_comments": "messenger", "instagram_comments": "instagram"}
QUESTION = "Do you have a room with a view of the sea?"


def comment(world: World, text: str = QUESTION, channel: str = "facebook_comments", **how: Any) -> str:
    return world.comment(text, contact=MARTA, channel=channel, **how)


def pk(world: World, channel: str = "facebook_comments") -> str:
    return world.pk(MARTA, channel)


def work_off(world: World, messages: list[dict[str, Any]]) -> None:
    """All at once; then what came back, one after the other, when every lease is over."""
    start = threading.Barrier(len(messages))

    def handled(message: dict[str, Any]) -> dict[str, Any] | None:
        if not done:
            start.wait()
        try:
            worker.handle(message, 1)
        except (RetryLater, HeadMoved):
            return message
        return None

    done: list[bool] = []
    with ThreadPoolExecutor(len(messages)) as pool:
        left = [message for message in pool.map(handled, messages) if message]
    done.append(True)
    for _ in range(3):
        world.stack.clock.advance(timedelta(seconds=AFTER_LEASES))
        left = [message for message in left if handled(message)]
    assert left == []


def sent(world: World, *, public: bool) -> list[Sent]:
    return [each for each in world.sandbox.graph.sent if each.public is public]


def private(world: World) -> list[Sent]:
    return sent(world, public=False)


def public(world: World) -> list[str]:
    return [each.text for each in sent(world, public=True)]


def notes(world: World) -> list[dict[str, Any]]:
    return [item for item in world.events() if item.get("via") == "public_note"]


def stored(world: World, channel: str = "facebook_comments") -> dict[str, Any]:
    [item] = [item for item in world.events(pk(world, channel)) if item["kind"] == "comment"]
    return item


def with_channel(world: World, channel: str = "facebook_comments", **changes: Any) -> None:
    book = {
        "id": "hotel", "brand": "Hotel Jadran", "languages": ["en"],
        "hours": {"zone": "Europe/Zagreb", "week": {"mon-sun": ["00:00-24:00"]}},
        "channels": {channel: changes.pop("on", {})},
        "faq": [{"id": "wifi", "when": "WIFI", "examples": ["Is there Wi-Fi?"], "answer": {"en": "It is free."}}],
        **changes,
    }  # fmt: skip
    world.play_by(Playbook.model_validate(book))


@pytest.fixture
def ana(world: World) -> AgentClient:
    return world.agent()


# The whole way


@CHANNELS
def test_a_comment_is_answered_in_private_once_and_noted_once(world: World, channel: str) -> None:
    made = comment(world, channel=channel)
    assert [(each.to, each.comment) for each in private(world)] == [(MARTA, made)]
    assert public(world) == [NOTE]
    assert [item["reply"] for item in notes(world)] == ["sent"]
    head = world.head(pk(world, channel))
    assert (head["status"], head["contact_name"]) == ("open", "Petra")
    world.receipts()
    world.settle()
    assert (len(private(world)), len(public(world)), world.dead_letters()) == (1, 1, 0)
    assert "human_at" not in world.head(pk(world, channel)), "our own note came back and is no colleague"
    assert "human_at" not in world.head(world.pk(MARTA, DIRECT[channel])), "nor is our private message"
    assert world.quarantined() == []


@CHANNELS
def test_who_answers_the_private_reply_is_in_a_conversation(world: World, channel: str, ana: AgentClient) -> None:
    comment(world, channel=channel)
    world.receipts()
    world.wait(5)
    world.say("Thank you, for two nights", contact=MARTA, channel=DIRECT[channel])
    direct = ana.call("GET", f"/api/threads/{world.name(MARTA, DIRECT[channel])}")[1]["timeline"]
    assert [(entry["by"], entry["text"]) for entry in direct[:2]] == [
        ("auto", private(world)[0].text),
        ("contact", "Thank you, for two nights"),
    ]
    assert world.head(world.pk(MARTA, DIRECT[channel])).get("human_at") is None


@CHANNELS
def test_an_echo_that_overtakes_the_outcome_is_ours(world: World, channel: str) -> None:
    """The worker dies when it has posted: neither an id nor a state tells whose the text is."""
    graph = world.sandbox.graph
    graph.comment(channel, COMMENTS[channel], MARTA, QUESTION)
    calls = 0
    while not private(world):
        world.erase(pk(world, channel))
        calls += 1
        assert calls < 40
        with struck({calls: "before"}):
            world.stack.drain()
        graph.comment(channel, COMMENTS[channel], MARTA, QUESTION) if not private(world) else None
    world.receipts()
    assert "human_at" not in world.head(world.pk(MARTA, DIRECT[channel]))


@CHANNELS
def test_the_same_comment_again_is_stored_and_answered_once(world: World, channel: str) -> None:
    made = comment(world, channel=channel)
    again = graph_comments.Comment(
        channel, COMMENTS[channel], made, MARTA, "Petra", QUESTION, world.now_ms,
        graph_comments.post_id(channel, COMMENTS[channel]),
    )  # fmt: skip
    for later in (0, 9_000, 70_000):  # a boosted post tells of it again, at another time
        body = graph_comments.webhook(again, "add", world.now_ms + later)
        assert world.sandbox.graph.deliver(channel, COMMENTS[channel], body) == 200
    world.stack.drain()
    world.settle()
    assert (len(world.events(pk(world, channel))), len(private(world)), public(world)) == (2, 1, [NOTE])


def test_without_an_author_a_comment_is_answered_by_its_id(world: World) -> None:
    body = world.sandbox.graph
    made = comment(world)
    body.forget()
    raw = {"item": "comment", "verb": "add", "comment_id": f"{made}9", "post_id": "1_2", "message": "Nice!",
           "created_time": world.now_ms // 1000}  # fmt: skip
    entry = {"id": MESSENGER, "time": world.now_ms // 1000, "changes": [{"field": "feed", "value": raw}]}
    assert world.deliver({"object": "page", "entry": [entry]}) == 200
    world.stack.drain()
    [item] = [item for item in world.events(world.pk(f"{made}9", "facebook_comments")) if item["kind"] == "comment"]
    assert (item["reply"], item["reply_reason"]) == ("refused", "bad_request"), "the platform never saw this comment"
    assert public(world) == []


# What the playbook lets


def test_a_question_of_the_faq_is_answered_in_private(world: World) -> None:
    with_channel(world)
    comment(world, "Is there Wi-Fi?")
    assert private(world)[0].text.startswith("It is free.")
    assert public(world) == [NOTE]


def test_a_note_is_left_out_where_the_playbook_says_so(world: World) -> None:
    with_channel(world, on={"public_note": False})
    comment(world)
    assert (len(private(world)), public(world), notes(world)) == (1, [], [])


def test_without_private_replies_a_person_has_it_and_nothing_leaves(world: World) -> None:
    with_channel(world, on={"private_reply": False})
    comment(world, "Is there Wi-Fi?")
    assert world.sandbox.graph.sent == []
    assert (stored(world)["reason"], stored(world)["reply"]) == ("nothing_in_public", "none")
    assert world.head(pk(world))["handoff_reasons"] == ["unanswered"]


def test_in_public_automation_speaks_where_the_playbook_opts_in(world: World) -> None:
    with_channel(world, on={"public": True})
    made = comment(world, "Is there Wi-Fi?")
    assert [(each.comment, each.text.split("\n")[0]) for each in sent(world, public=True)] == [(made, "It is free.")]
    assert private(world) == []
    world.receipts()
    assert "human_at" not in world.head(pk(world))


def test_a_stop_in_public_is_kept_and_confirmed_without_a_note(world: World) -> None:
    comment(world, "stop")
    assert (len(private(world)), public(world)) == (1, [])
    comment(world)
    assert len(private(world)) == 1


# Private details


@CHANNELS
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Is there Wi-Fi? My booking number is HX48213", "public_booking_number"),
        ("Please refund to HR12 1001 0051 8630 0016 0", "public_iban"),
        ("My card is 4111 1111 1111 1111", "public_card_number"),
        ("Write to me: marta.k@example.org", "public_email_address"),
        ("Call me on +385 91 555 0142", "public_phone_number"),
    ],
)
def test_private_details_are_never_repeated_and_steer_to_private(
    world: World, channel: str, text: str, reason: str
) -> None:
    with_channel(world, channel, on={"public": True})
    comment(world, text, channel=channel)
    assert len(private(world)) == 1
    assert public(world) == [NOTE]
    assert reason in world.head(pk(world, channel))["handoff_reasons"]
    said = " ".join(each.text for each in world.sandbox.graph.sent)
    assert not {"HX48213", "1001", "4111", "marta.k", "555"} & set(said.replace("@", " ").split())
    assert "It is free." not in said


# Whose comment, and what becomes of it


def test_what_a_colleague_writes_in_facebook_silences_automation(world: World) -> None:
    made = comment(world)
    world.receipts()
    world.comment("I will send you an offer.", contact=MESSENGER, parent=made, name="Hotel Jadran")
    assert world.head(pk(world))["human_at"] == world.now_ms
    world.wait(60)
    comment(world, "Thank you")
    assert [event["reason"] for event in world.events(pk(world)) if event["kind"] == "comment"].count(
        "human_spoke"
    ) == 1
    assert len(private(world)) == 1


@CHANNELS
def test_our_own_comments_are_never_answered(world: World, channel: str) -> None:
    world.comment("Our summer offer", contact=COMMENTS[channel], channel=channel)
    world.comment("To nobody we know", contact=COMMENTS[channel], channel=channel, parent="18055000000000001")
    world.settle()
    assert world.sandbox.graph.sent == []
    assert world.head(world.pk(COMMENTS[channel], channel)) == {}
    assert world.quarantined() == []


def test_our_note_under_an_id_of_ours_that_we_do_not_know_is_ours(world: World) -> None:
    made = comment(world, channel="instagram_comments")
    world.comment(NOTE, contact="998877001122", channel="instagram_comments", parent=made, name="hotel.jadran")
    world.settle()
    assert world.head(world.pk("998877001122", "instagram_comments")) == {}
    assert (len(private(world)), public(world)) == (1, [NOTE])
    assert "human_at" not in world.head(pk(world, "instagram_comments"))


def test_an_edited_comment_is_not_answered_again_and_its_old_words_are_gone(world: World) -> None:
    made = comment(world, "My phone is +385 91 555 0142")
    assert world.sandbox.graph.change_comment(made, "edited", "Do you have parking?") == 200
    world.stack.drain()
    assert (stored(world)["text"], stored(world)["edited_at"]) == ("Do you have parking?", world.now_ms)
    assert len(private(world)) == 1


def test_a_removed_comment_is_forgotten(world: World) -> None:
    made = comment(world)
    world.sandbox.graph.change_comment(made, "remove")
    world.stack.drain()
    assert stored(world)["deleted_at"] == world.now_ms
    assert "text" not in stored(world)
    assert "text" not in world.events(pk(world))[-1]


def test_a_comment_removed_before_its_reply_could_leave_gets_none(world: World) -> None:
    world.misbehave(Fault.THROTTLE_613)
    made = comment(world)
    world.sandbox.graph.change_comment(made, "remove")
    world.stack.drain()
    world.settle()
    assert (stored(world)["reply"], stored(world)["reply_reason"]) == ("dropped", "taken_back")
    assert [(item["reply"], item["reply_reason"]) for item in notes(world)] == [("dropped", "not_answered_in_private")]
    assert world.sandbox.graph.sent == []


def test_under_a_hidden_comment_stands_no_note(world: World) -> None:
    with struck({99: "before"}):
        world.misbehave(Fault.THROTTLE_613)
        made = comment(world)
    world.sandbox.graph.change_comment(made, "hide")
    world.stack.drain()
    assert stored(world)["hidden_at"] == world.now_ms
    world.settle()
    assert (len(private(world)), public(world)) == (1, [])
    assert [item["reply_reason"] for item in notes(world)] == ["comment_gone"]
    world.sandbox.graph.change_comment(made, "unhide")
    world.stack.drain()
    assert "hidden_at" not in stored(world)


def test_what_is_done_to_a_comment_waits_for_the_comment(world: World) -> None:
    made = comment(world)
    world.erase(pk(world))
    world.erase(world.pk(made, "facebook_comments"))
    world.sandbox.graph.change_comment(made, "remove")
    world.stack.drain()
    again = graph_comments.Comment(
        "facebook_comments", MESSENGER, made, MARTA, "Petra", QUESTION, world.now_ms,
        graph_comments.post_id("facebook_comments", MESSENGER),
    )  # fmt: skip
    world.sandbox.graph.deliver("facebook_comments", MESSENGER, graph_comments.webhook(again, "add", world.now_ms))
    world.stack.drain()
    world.wait(11)
    assert "deleted_at" in stored(world)


def test_a_like_is_stored_and_never_answered(world: World) -> None:
    value = {"item": "reaction", "verb": "add", "reaction_type": "love", "post_id": "1_2",
             "from": {"id": MARTA, "name": "Marta"}, "created_time": world.now_ms // 1000}  # fmt: skip
    entry = {"id": MESSENGER, "time": world.now_ms // 1000, "changes": [{"field": "feed", "value": value}]}
    assert world.deliver({"object": "page", "entry": [entry]}) == 200
    world.stack.drain()
    assert [event["kind"] for event in world.events(pk(world))] == ["feed_reaction"]
    assert world.sandbox.graph.sent == []


@pytest.mark.parametrize(
    ("channel", "field", "value"),
    [
        (
            "facebook_comments",
            "mention",
            {"item": "post", "verb": "add", "post_id": "77_31", "message": "At the hotel"},
        ),
        ("instagram_comments", "mentions", {"media_id": "17960003321144552", "comment_id": "18055511220093007"}),
    ],
)
def test_a_mention_is_for_a_person_and_never_answered(
    world: World, channel: str, field: str, value: dict[str, str], ana: AgentClient
) -> None:
    name = "page" if channel == "facebook_comments" else "instagram"
    changes = [{"field": field, "value": value}]
    entry = {"id": COMMENTS[channel], "time": world.now_ms // 1000, "changes": changes}
    for _ in range(2):
        assert world.deliver({"object": name, "entry": [entry]}) == 200
    world.stack.drain()
    world.settle()
    assert world.sandbox.graph.sent == []
    thread = ana.pull()
    assert thread
    assert (thread["channel"], thread["handoff"]) == (channel, ["mention"])
    assert ana.pull() is None


# Agents


@CHANNELS
def test_an_agent_answers_beneath_the_newest_comment(world: World, channel: str, ana: AgentClient, ulid: Ulid) -> None:
    comment(world, channel=channel)
    world.wait(60)
    second = comment(world, "And with breakfast?", channel=channel)
    world.receipts()
    thread = ana.pull()
    assert thread
    assert (thread["channel"], thread["reply"]["limit"]) == (channel, 2000 if channel == "facebook_comments" else 1000)
    assert ana.reply(thread, "With breakfast, of course.", ulid())[0] == 202
    world.stack.drain()
    assert sent(world, public=True)[-1].comment == second
    assert public(world)[-1] == "With breakfast, of course."
    spoke = world.head(pk(world, channel))["human_at"]
    world.wait(5)
    world.receipts()
    head = world.head(pk(world, channel))
    assert (head["status"], head["human_at"]) == ("waiting", spoke), "the reply came back as a comment and is ours"
    by = [entry["by"] for entry in ana.show(thread)["timeline"]]
    assert sorted(by) == sorted(["contact", "auto", "public_note", "contact", "agent"])


def test_a_lead_approves_what_all_can_read(world: World, ana: AgentClient, ulid: Ulid) -> None:
    with_channel(world, four_eyes="public")
    comment(world)
    ivo = world.agent(IVO)
    thread = ivo.pull()
    assert thread
    key = ulid()
    assert ivo.reply(thread, "We refund everything.", key)[1]["state"] == "held"
    world.settle()
    assert public(world) == [NOTE]
    assert ana.call("POST", f"/api/threads/{thread['id']}/approve", {"key": key})[1]["state"] == "planned"
    world.settle()
    assert public(world) == [NOTE, "We refund everything."]


def test_a_reply_under_a_removed_comment_is_news_for_the_agent(world: World, ana: AgentClient, ulid: Ulid) -> None:
    made = comment(world)
    thread = ana.pull()
    assert thread
    world.sandbox.graph.change_comment(made, "remove")
    ana.reply(thread, "We are here.", ulid())
    world.stack.drain()
    [entry] = [each for each in ana.show(thread)["timeline"] if each["by"] == "agent"]
    assert (entry["state"], entry["reason"]) == ("refused", "comment_gone")


# Whatever goes wrong


@CHANNELS
def test_workers_that_race_for_a_comment_and_its_note_answer_once(world: World, channel: str) -> None:
    """Eight copies of the comment at once, and then the note's key as often."""
    world.sandbox.graph.comment(channel, COMMENTS[channel], MARTA, QUESTION)
    [message] = world.inbound()
    work_off(world, [message] * 8)
    [note] = notes(world)
    key = {"v": 1, "type": "outbound", "pk": note["pk"], "sk": note["sk"]}
    work_off(world, [key] * 8)
    check(world, channel, "race")
    assert (len(private(world)), public(world)) == (1, [NOTE])


def check(world: World, channel: str, why: str) -> None:
    world.settle()
    world.receipts()
    world.settle()
    assert world.dead_letters() == 0, why
    assert len(private(world)) <= 1, why
    assert len(public(world)) <= len(private(world)), why
    item = stored(world, channel)
    [note] = notes(world)
    assert note["reply"] in ("sent", "unknown", "dropped"), why
    if note["reply"] == "sent":
        assert item["reply"] == "sent", why
    if item["reply"] == "sent" and note["reply"] == "dropped":  # an echo told later that it had arrived
        assert note["reply_reason"] == "not_answered_in_private", why
    assert "human_at" not in world.head(pk(world, channel)), why
    assert world.head(pk(world, channel))["status"] == "open", why


@pytest.mark.parametrize("way", ["before", "after", "lost", "twice"])
@sweep(every=13)
def test_whatever_call_the_worker_dies_at_it_is_answered_once_at_most(world: World, way: str, every: int) -> None:
    channel, graph, at = "facebook_comments", world.sandbox.graph, 0
    while True:
        graph.forget()
        for item in world.items():
            world.erase(item["pk"])
        graph.comment(channel, COMMENTS[channel], MARTA, QUESTION)
        try:
            with struck({at: way}) as calls:
                world.stack.drain()
        except FunctionError:  # a sweeper or a webhook: the platform comes again
            pass
        check(world, channel, f"{way} {at}")
        if at >= sum(calls.values()):
            break
        at += every
    assert at > 8
    assert public(world) == [NOTE]


@pytest.mark.parametrize("fault", sliced(Fault, 4))
def test_whatever_the_platform_does_it_is_answered_once_at_most(world: World, fault: Fault) -> None:
    if fault in (Fault.HANG, Fault.SLOW_LORIS):
        return  # the limits of a send are shown elsewhere
    world.misbehave(fault)
    comment(world)
    check(world, "facebook_comments", fault)


def test_a_note_that_the_platform_refuses_is_no_news(world: World) -> None:
    world.misbehave(Fault.KEEP_ALIVE_CLOSED)
    world.misbehave(Fault.BAD_REQUEST_400)
    comment(world)
    world.settle()
    assert [(item["reply"], item["reply_reason"]) for item in notes(world)] == [("refused", "bad_request")]
    assert public(world) == []
    assert world.head(pk(world))["last_inbound"] == stored(world)["sk"]


def test_a_second_private_reply_and_a_late_one_are_refused_by_the_platform(world: World) -> None:
    made = comment(world)
    world.erase(pk(world))
    again = graph_comments.Comment(
        "facebook_comments", MESSENGER, made, MARTA, "Petra", QUESTION, world.now_ms,
        graph_comments.post_id("facebook_comments", MESSENGER),
    )  # fmt: skip
    world.sandbox.graph.deliver("facebook_comments", MESSENGER, graph_comments.webhook(again, "add", world.now_ms))
    world.stack.drain()
    world.settle()
    assert (stored(world)["reply"], stored(world)["reply_reason"]) == ("refused", "bad_request")
    assert (len(private(world)), public(world)) == (1, [NOTE])

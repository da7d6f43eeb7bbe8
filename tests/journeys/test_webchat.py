"""A visitor of our own site: session, message, the automatic reply and an agent's answer by polling."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from afterhours_local.http_event import HttpRequest
from world import World

SITE = "/webchat/jadran-web"
ORIGIN = ("origin", "https://www.hotel-jadran.example")


def call(world: World, method: str, path: str, session: str = "", body: dict[str, Any] | None = None) -> Any:
    headers = [ORIGIN, ("content-type", "application/json")]
    if session:
        headers.append(("authorization", f"Bearer {session}"))
    raw = json.dumps(body).encode() if body is not None else b""
    answer = world.stack.answer(HttpRequest(method, f"{SITE}{path}", tuple(headers), raw))
    world.stack.drain()
    assert answer.status in (200, 201, 202), answer
    return json.loads(answer.body)


def test_a_visitor_is_answered_at_once_and_by_a_person_later(world: World, ulid: Callable[[], str]) -> None:
    session = call(world, "POST", "/session", body={})["session"]
    message = {"client_message_id": ulid(), "type": "text", "text": "Do you have a room for tonight?"}
    first = call(world, "POST", "/messages", session, message)
    assert call(world, "POST", "/messages", session, message)["message_id"] == first["message_id"]

    polled = call(world, "GET", "/messages", session)
    assert [entry["from"] for entry in polled["messages"]] == ["auto"], "one reply, though the page posted twice"

    agent = world.agent()
    thread = agent.pull()
    assert thread is not None
    assert thread["channel"] == "webchat"
    world.stack.clock.advance(timedelta(minutes=2))
    assert agent.reply(thread, "Yes, a double room with a view.", ulid())[0] == 202
    world.stack.drain()
    later = call(world, "GET", f"/messages?after={polled['cursor']}", session)
    known = {entry["id"] for entry in polled["messages"]}
    new = [entry["text"] for entry in later["messages"] if entry["id"] not in known]
    assert new == ["Yes, a double room with a view."], "pages overlap; the page knows what it has by id"
    assert world.sent == [], "nothing left this stack"


def test_a_visitor_taps_a_suggestion_and_is_answered(world: World, ulid: Callable[[], str]) -> None:
    session = call(world, "POST", "/session", body={})["session"]
    call(world, "POST", "/messages", session, {"client_message_id": ulid(), "text": "How much is parking for a dog?"})
    [asked] = call(world, "GET", "/messages", session)["messages"]
    assert [set(button) for button in asked["quick_replies"]] == [{"id", "title"}] * len(asked["quick_replies"])
    button = next(each for each in asked["quick_replies"] if each["id"] == "faq:pets")
    tap = {"client_message_id": ulid(), "text": button["title"], "quick_reply_id": button["id"]}
    call(world, "POST", "/messages", session, tap)
    [answer] = [each for each in call(world, "GET", "/messages", session)["messages"] if each["id"] != asked["id"]]
    assert "Small pets are welcome" in answer["text"]
    assert answer["quick_replies"] == []

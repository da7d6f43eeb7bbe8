"""An agent's day at the page: in, pull, answer, resolve, and what happens when something goes wrong on the way."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from world import ANA, IVO

from .conftest import PHONE

pytestmark = pytest.mark.browser
Open = Callable[..., Any]
ASKS = "Hello, I want a person please"
ANSWER = "Good morning, Petra. I am here."


def test_an_agent_signs_in_pulls_answers_and_resolves(open_window: Open, world: Any) -> None:
    world.say(ASKS)
    window = open_window()
    window.pull()
    window.sees(ASKS)
    window.write(ANSWER)
    window.press("Send")
    window.sees("It is on its way.")
    world.stack.drain()
    assert world.sent[-1] == ANSWER
    window.press("Resolve")
    window.sees("Resolved.")
    assert world.head()["status"] == "resolved"
    assert window.troubles == []


def test_tokens_are_nowhere_but_in_memory(open_window: Open, world: Any) -> None:
    window = open_window()
    kept = window.page.evaluate(
        "() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])"
    )
    assert "eyJ" not in kept
    assert "verifier" not in kept
    assert "code" not in kept
    assert all("eyJ" not in url for url in window.requests)


def test_a_sign_in_that_did_not_start_here_is_not_taken(open_window: Open, world: Any) -> None:
    window = open_window(None)
    window.page.goto(f"{world.stack.url}/inbox?code=planted&state=guessed")
    window.sees("This sign-in did not start here.")
    assert not [url for url in window.requests if "/oauth2/token" in url]
    assert "planted" not in window.page.url


def test_of_two_who_take_one_thread_one_has_it_and_the_other_is_told(open_window: Open, world: Any) -> None:
    world.say(ASKS)
    ana, ivo = open_window(ANA), open_window(IVO)
    for window in (ana, ivo):
        window.page.locator("a.row").click()
        window.find("button", "Take this thread to answer").wait_for()
    ana.press("Take this thread to answer")
    ana.page.get_by_label("Reply to").wait_for()
    ivo.press("Take this thread to answer")
    ivo.page.locator(".banner").get_by_text("Another agent has it").wait_for()
    ivo.sees("with ana")
    assert not ivo.page.get_by_label("Reply to").is_visible()
    ivo.sees("ana is at it.")
    assert (ana.troubles, ivo.troubles) == ([], [])


def test_of_two_who_pull_at_once_each_has_another_thread_or_none(open_window: Open, world: Any) -> None:
    world.say(ASKS)
    ana, ivo = open_window(ANA), open_window(IVO)
    ana.press("Pull next")
    ivo.press("Pull next")
    ana.page.get_by_label("Reply to").wait_for()
    ivo.sees("Nothing waits for you right now.")


def test_who_loses_the_claim_while_writing_is_told_and_keeps_the_text(open_window: Open, world: Any) -> None:
    world.say(ASKS)
    ana, ivo = open_window(ANA), world.agent(IVO)
    ana.pull()
    ana.write("Dear Petra, I have just")
    world.stack.clock.advance(timedelta(seconds=130))
    assert ivo.do("claim", {"id": world.name()})[0] == 200
    ana.page.clock.fast_forward(41_000)
    ana.page.locator(".banner").get_by_text("ivo has this thread now").wait_for()
    ana.composes("Dear Petra, I have just")
    assert not ana.find("button", "Send").is_visible()


def test_heartbeats_keep_the_claim_while_somebody_is_there(open_window: Open, world: Any) -> None:
    world.say(ASKS)
    ana = open_window(ANA)
    ana.pull()
    world.stack.clock.advance(timedelta(seconds=100))
    with ana.page.expect_response("**/heartbeat") as beat:
        ana.page.clock.fast_forward(41_000)
    assert beat.value.status == 200
    assert world.head()["lease_until"] == world.now_ms + 120_000


def test_a_message_that_comes_while_resolving_is_shown_and_the_thread_stays_open(open_window: Open, world: Any) -> None:
    world.say(ASKS)
    window = open_window()
    window.pull()
    window.write("I was about to write")
    world.say("One more thing: is the pool open?")
    window.press("Resolve")
    window.page.locator(".banner[role=alert]").get_by_text("Read it").wait_for()
    window.sees("One more thing: is the pool open?")
    window.composes("I was about to write")
    assert world.head()["status"] == "open"
    window.press("Resolve")
    window.sees("Resolved.")


def test_a_message_that_comes_is_announced(open_window: Open, world: Any) -> None:
    world.say(ASKS)
    window = open_window()
    window.pull()
    world.say("Are you there?")
    window.page.clock.fast_forward(21_000)
    window.page.locator(".banner[role=alert]").get_by_text("New from Petra Novak").wait_for()
    window.sees("Are you there?")


def test_a_refused_reply_stays_in_the_box_with_the_reason(open_window: Open, world: Any) -> None:
    world.say(ASKS)
    window = open_window()
    window.pull()
    window.write(ANSWER)
    world.stack.clock.advance(timedelta(hours=25))  # the window closes while composing
    window.page.clock.set_system_time(world.stack.clock.now())
    with window.page.expect_response("**/reply") as refused:
        window.press("Send")
    assert (refused.value.status, refused.value.json()["code"]) == (422, "window_closed")
    window.page.locator(".composer .error").get_by_text(refused.value.json()["detail"]).wait_for()
    window.sees("You can still add a note, or offer another way.")
    window.composes(ANSWER)
    assert ANSWER not in world.sent


def test_a_reply_whose_answer_is_lost_is_not_written_twice(open_window: Open, world: Any) -> None:
    world.say(ASKS)
    window = open_window()
    window.pull()

    def lose_the_answer(route: Any) -> None:
        route.fetch()
        route.abort()

    window.page.route("**/reply", lose_the_answer, times=1)
    window.write(ANSWER)
    window.press("Send")
    window.sees("It is on its way.")
    window.composes("")
    world.stack.drain()
    assert world.sent.count(ANSWER) == 1


def test_trying_again_uses_the_same_key_and_another_text_another(open_window: Open, world: Any) -> None:
    world.say(ASKS)
    window = open_window()
    window.pull()
    keys: list[str] = []

    def refuse(route: Any) -> None:
        keys.append(json.loads(route.request.post_data)["key"])
        route.abort()

    window.page.route("**/reply", refuse)
    window.write(ANSWER)
    for _ in range(2):
        window.press("Send")
        window.page.locator(".composer .error").get_by_text("could not be reached").wait_for()
    window.write(ANSWER + " What can I do?")
    window.press("Send")
    window.page.locator(".composer .error").get_by_text("could not be reached").wait_for()
    assert (keys[0] == keys[1], keys[1] == keys[2]) == (True, False)


def test_who_is_signed_out_signs_in_again_and_goes_on_writing(open_window: Open, world: Any) -> None:
    world.say(ASKS)
    window = open_window()
    window.pull()
    window.write("Dear Petra, half a")
    window.page.route("**/api/**", lambda route: route.fulfill(status=401, json={"message": "Unauthorized"}))
    window.page.route("**/oauth2/token", lambda route: route.fulfill(status=400, json={"error": "invalid_grant"}))
    window.press("Send")
    window.sees("What you wrote is kept in this tab.")
    window.page.unroute("**/api/**")
    window.page.unroute("**/oauth2/token")
    window.press("Sign in")
    window.at_the_hosted_page(ANA)
    window.page.get_by_label("Reply to Petra Novak").wait_for()
    window.composes("Dear Petra, half a")
    window.press("Send")
    window.sees("It is on its way.")


def test_a_token_that_runs_out_is_renewed_in_silence(open_window: Open, world: Any) -> None:
    world.say(ASKS)
    window = open_window()
    with window.page.expect_request("**/oauth2/token") as asked:
        window.page.clock.fast_forward(60 * 60_000)
    assert "grant_type=refresh_token" in asked.value.post_data
    window.pull()
    assert window.troubles == []


def test_the_keyboard_is_enough(open_window: Open, world: Any) -> None:
    world.say(ASKS)
    window = open_window(None)
    world.stack.user_pool.add_user(ANA, "Journeys-2026-only-here")
    window.visit()
    window.find("button", "Sign in").wait_for()
    keys = window.page.keyboard
    keys.press("Enter")
    for name, text in (("username", ANA), ("password", "Journeys-2026-only-here")):
        window.page.locator(f"input[name={name}]").focus()  # the pool's own pages
        keys.type(text)
        keys.press("Enter")
    window.find("button", "Pull next").wait_for()
    keys.press("?")
    window.sees("pull the next thread")
    keys.press("Escape")
    keys.press("p")
    window.page.locator(".timeline .entry").first.wait_for()
    keys.press("r")
    keys.type(ANSWER)
    keys.press("Control+Enter")
    window.sees("It is on its way.")
    world.stack.drain()
    assert world.sent[-1] == ANSWER
    keys.press("Escape")
    keys.press("n")
    keys.type("Called her, too.")
    keys.press("Control+Enter")
    window.sees("Note saved.")
    keys.press("Escape")
    keys.press("t")
    keys.type("vip, parking")
    keys.press("Enter")
    window.page.locator(".tags").get_by_text("parking").wait_for()
    keys.press("e")
    window.sees("Resolved.")
    assert world.head()["status"] == "resolved"
    assert world.head()["tags"] == ["vip", "parking"]
    window.page.wait_for_function("() => document.activeElement.id === 'pull'")
    assert window.troubles == []


def test_a_phone_shows_list_or_thread_and_never_scrolls_sideways(open_window: Open, world: Any) -> None:
    world.say(ASKS + " " + "https://www.hotel-jadran.example/" + "a" * 300)
    window = open_window(size=PHONE)

    def fits() -> bool:
        return bool(window.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"))

    assert fits()
    window.pull()
    assert fits()
    assert not window.find("button", "Pull next").is_visible()
    window.write("word " * 200)
    assert fits()
    window.press("Back to the list")
    window.find("button", "Pull next").wait_for()
    assert fits()


def test_the_counter_counts_in_the_platforms_unit_and_stops_what_is_too_long(open_window: Open, world: Any) -> None:
    world.say(ASKS)
    window = open_window()
    window.pull()
    reply = world.agent().show({"id": world.name()})["thread"]["reply"]
    assert (reply["limit"], reply["unit"]) == (4096, "code_points")
    window.write("👩" * 4096)
    assert window.find("button", "Send").is_enabled()
    assert window.page.locator("#counter").text_content() == "4096 / 4096 characters"
    window.write("👩" * 4097)
    assert window.find("button", "Send").is_enabled()
    assert window.page.locator("#counter").text_content() == "4097 / 4096 characters, in 2 messages"
    window.write("👩" * (5 * 4096 + 1))
    assert window.find("button", "Send").is_disabled()
    assert window.page.locator("#text").get_attribute("aria-invalid") == "true"


def test_light_and_dark_follow_the_system_until_somebody_chooses(open_window: Open) -> None:
    window = open_window(dark=True)
    ground = "() => getComputedStyle(document.body).backgroundColor"
    assert window.page.evaluate(ground) == "rgb(20, 23, 27)"
    window.press("Theme: auto")
    assert window.page.evaluate(ground) == "rgb(244, 245, 247)"
    window.visit()
    assert window.page.evaluate(ground) == "rgb(244, 245, 247)"
    window.press("Theme: light")
    assert window.page.evaluate(ground) == "rgb(20, 23, 27)"

"""What else an agent does at the page: notes, tags, prepared answers, approval, search, files, snoozing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from afterhours.playbook import CannedAnswer, Playbook
from afterhours.stores import config
from afterhours_local.platforms.graph_files import File
from world import ANA, IVO, WHATSAPP

from .conftest import DESK, PHONE

pytestmark = pytest.mark.browser
Open = Callable[..., Any]
ASKS = "Hello, I want a person please"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108020000009077"
    "53de0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082"
)


def in_force() -> Playbook:
    inbox = config.inbox("support")
    assert inbox
    playbook = config.playbook(inbox.playbook)
    assert playbook
    return playbook


def test_a_prepared_answer_and_another_way_are_a_key_away(open_window: Open, world: Any) -> None:
    wifi = CannedAnswer(
        id="wifi", text={"en": "The password is on your key card, {first_name}.", "hr": "Na kartici."}, approved=True
    )
    playbook = in_force()
    world.play_by(
        playbook.model_copy(update={"canned": (wifi, wifi.model_copy(update={"id": "draft", "approved": False}))})
    )
    world.say(ASKS)
    window = open_window()
    window.pull()
    offered = world.agent().call("GET", f"/api/threads/{world.name()}/answers")[1]["answers"]
    canned = next(each for each in offered if each["kind"] == "canned" and each["approved"])
    window.page.keyboard.press("a")
    window.page.locator("dialog").wait_for()
    window.page.keyboard.type(canned["id"])
    window.page.keyboard.press("Enter")
    window.composes(canned["text"])
    ways = [each for each in offered if each["kind"] == "way"]
    window.page.keyboard.press("Escape")
    window.page.keyboard.press("w")
    if len(ways) > 1:
        window.page.locator("dialog").wait_for()
        window.page.keyboard.press("ArrowDown")
        window.page.keyboard.press("Enter")
    window.page.wait_for_function("text => document.querySelector('#text').value.endsWith(text)", arg=ways[0]["text"])
    window.press("Send")
    window.sees("It is on its way.")
    world.stack.drain()
    assert world.sent[-1] == f"{canned['text']}\n\n{ways[0]['text']}"
    assert canned["text"] == "The password is on your key card, Petra."


def test_snooze_assign_and_reopen(open_window: Open, world: Any) -> None:
    world.say(ASKS)
    world.agent(IVO)
    window = open_window()
    window.pull()
    window.press("Snooze")
    window.page.locator("dialog").get_by_role("button", name="Snooze").click()
    window.sees("Snoozed.")
    assert world.head()["status"] == "snoozed"
    window.page.keyboard.press("3")
    window.page.locator("a.row").click()
    window.press("Take this thread to answer")
    window.page.get_by_label("Reply to").wait_for()
    window.press("Assign")
    window.page.locator("dialog select").select_option(label="ivo@example.org (agent)")
    window.page.locator("dialog").get_by_role("button", name="Assign").click()
    window.sees("Assigned.")
    window.page.keyboard.press("3")
    assert world.head()["kept_for"]


def test_a_picture_is_fetched_only_when_it_is_asked_for(open_window: Open, world: Any) -> None:
    graph = world.sandbox.graph
    graph.say(
        "whatsapp", WHATSAPP, "385911111111", ASKS, name="Petra Novak", file=File("image", PNG, "image/png", "room.png")
    )
    world.stack.drain()
    window = open_window()
    window.pull()
    assert not [url for url in window.requests if "/attachments/" in url]
    window.press("Show picture")
    window.page.locator(".picture img").wait_for()
    window.page.wait_for_function("() => document.querySelector('.picture img').naturalWidth === 1")
    assert (window.page.locator(".picture img").get_attribute("src") or "").startswith("blob:")
    with window.page.expect_download() as saved:
        window.press("Download")
    assert saved.value.path().read_bytes() == PNG
    assert window.troubles == []


SCRIPT = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
VAST = PNG[:16] + (50_000).to_bytes(4, "big") * 2 + PNG[24:]


@pytest.mark.parametrize("body", [SCRIPT, VAST, b"<script>alert(1)</script>"], ids=["svg", "vast", "html"])
def test_a_picture_that_is_none_is_not_drawn(body: bytes, open_window: Open, world: Any) -> None:
    file = File("image", body, "image/png", "room.png")
    world.sandbox.graph.say("whatsapp", WHATSAPP, "385911111111", ASKS, name="Petra Novak", file=file)
    world.stack.drain()
    window = open_window()
    window.pull()
    window.press("Show picture")
    window.page.locator(".attachment").get_by_text("Download it instead").wait_for()
    assert window.page.locator(".picture img").count() == 0
    assert window.troubles == []


def test_what_waits_for_approval_is_approved_by_a_lead(open_window: Open, world: Any) -> None:
    world.play_by(in_force().model_copy(update={"four_eyes": "always"}))
    world.say(ASKS)
    ivo = world.agent(IVO)
    thread = ivo.pull()
    key = "01M750SP6CP3V38PPEGSTCTAV5"
    assert ivo.reply(thread, "May I?", key)[1]["state"] == "held"
    window = open_window(ANA)
    window.page.keyboard.press("5")
    window.page.locator("a.row").click()
    window.sees("waits for approval")
    window.press("Approve and send")
    window.sees("Approved; it is on its way.")
    world.stack.drain()
    assert world.sent[-1] == "May I?"


def test_a_search_says_what_was_searched(open_window: Open, world: Any) -> None:
    world.say(ASKS)
    window = open_window()
    number = window.page.locator("a.row .row-facts").first.text_content().split(" · ")[1]
    window.page.keyboard.press("/")
    window.page.keyboard.type(number)
    window.page.keyboard.press("Enter")
    window.page.locator("#list-note").wait_for()
    assert window.page.locator("a.row").count() == 1
    window.page.locator("#search-by").select_option("words")
    window.page.locator("#search-for").fill("person")
    with window.page.expect_response("**/search?*") as found:
        window.press("Find")
    assert found.value.status == 200
    assert window.troubles == []


def test_the_customer_card_opens(open_window: Open, world: Any) -> None:
    world.say(ASKS)
    window = open_window()
    window.pull()
    window.page.get_by_text("Customer", exact=True).click()
    window.page.locator(".card dd").get_by_text("Petra Novak").wait_for()


@pytest.mark.parametrize(
    ("name", "size", "dark"), [("light", DESK, False), ("dark", DESK, True), ("phone", PHONE, False)]
)
def test_pictures_to_look_at(name: str, size: dict[str, int], dark: bool, open_window: Open, world: Any) -> None:
    """List and thread of a busy morning, kept in tests/browser/artefacts."""
    graph = world.sandbox.graph
    world.say(
        "Guten Tag, ich habe gestern meine Jacke im Zimmer 204 vergessen. Kann mich bitte jemand anrufen?",
        contact="491700000001",
        name="Max Weber",
    )
    world.say(
        "I want to make a complaint about the bill, please pass me to your manager",
        contact="7415500923317748",
        channel="messenger",
    )
    world.stack.clock.advance(timedelta(minutes=47))
    world.say("Is there parking for a van?", contact="385910000002", name="Claire Dubois")
    world.say(
        "Dobar dan, trebam osobu, dijete je alergično na orašaste plodove", contact="385910000003", name="Ivana Horvat"
    )
    world.say(
        "We arrive at 22:30 tonight, see https://www.hotel-jadran.example/late and tell me: is a person there?",
        contact="385910000004",
        name="Petra Novak",
    )
    graph.say(
        "whatsapp",
        WHATSAPP,
        "385910000004",
        "This is our booking",
        name="Petra Novak",
        file=File("file", b"%PDF-1.7", "application/pdf", "booking-4711.pdf"),
    )
    world.stack.drain()
    world.stack.tick()
    ivo = world.agent(IVO)
    assert ivo.do("claim", {"id": world.name("385910000002")})[0] == 200
    ana = world.agent(ANA)
    thread = {"id": world.name("385910000004")}
    ana.call("POST", f"/api/threads/{thread['id']}/tag", {"add": ["arrival", "vip"], "remove": []})
    window = open_window(size=size, dark=dark)
    window.page.locator("a.row").nth(4).wait_for()
    window.keep(f"list-{name}")
    window.page.locator("a.row", has_text="Petra Novak").click()
    window.press("Take this thread to answer")
    window.write("Good morning, Petra! The reception is open until midnight; after that the night porter lets you in.")
    window.press("Send")
    window.sees("It is on its way.")
    world.stack.drain()
    world.receipts()
    window.page.locator(".mode", has_text="Note").click()
    window.page.locator("#text").fill("Night porter knows; room 112 is ready.")
    window.press("Save note")
    window.sees("Note saved.")
    window.page.locator(".mode", has_text="Reply").click()
    window.write("Shall I also book a taxi from the airport")
    window.page.clock.fast_forward(21_000)
    window.sees("delivered")
    window.keep(f"thread-{name}")
    assert window.troubles == []

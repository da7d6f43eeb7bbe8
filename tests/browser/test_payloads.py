"""Whatever a customer or a colleague writes is text: shown letter by letter, run by nobody."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from afterhours.stores.dynamo import to_item
from afterhours_local.platforms.graph_webhooks import whatsapp_body
from playwright.sync_api import Error
from world import MESSENGER, WHATSAPP

from .payloads import PAYLOADS

pytestmark = pytest.mark.browser
Open = Callable[..., Any]
STRANGE = """() => document.querySelectorAll(
    "main :is(script, iframe, object, embed, base, meta, style, link, svg, math, template, form:not(.composer))"
    ).length"""
TOO_WIDE = """() => [...document.querySelectorAll("body *")]
    .filter((node) => node.getBoundingClientRect().right > innerWidth + 1 && !node.closest(".views"))
    .map((node) => node.tagName + node.className)"""
MARKED = "[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"


def named(name: str) -> str:
    """As the page writes names: control and direction characters by their numbers."""
    return re.sub(MARKED, lambda found: f"[U+{ord(found[0]):04X}]", name)


def deliver(world: Any, number: int, payload: str) -> None:
    """The payload as name, text, title of a quick reply, file name and place, and as the address of a file."""
    contact, now = f"38591{number:07d}", str(world.now_ms // 1000)
    contents = (
        {"type": "text", "text": {"body": payload}},
        {
            "type": "interactive",
            "interactive": {"type": "button_reply", "button_reply": {"id": payload, "title": payload}},
        },
        {
            "type": "document",
            "document": {"id": "1", "filename": payload, "mime_type": payload[:100], "caption": payload},
        },
        {
            "type": "location",
            "location": {"latitude": 1, "longitude": 1, "name": payload, "address": payload, "url": payload},
        },
    )
    messages = [
        {"from": contact, "id": f"wamid.{number}.{index}", "timestamp": now, **content}
        for index, content in enumerate(contents)
    ]
    profile = {"profile": {"name": payload}, "wa_id": contact}
    assert world.deliver(json.loads(whatsapp_body(WHATSAPP, {"contacts": [profile], "messages": messages}))) == 200
    attached = [{"type": kind, "payload": {"url": payload, "title": payload}} for kind in ("file", "image", "fallback")]
    message = {"mid": f"m_{number}", "text": payload, "attachments": attached, "quick_reply": {"payload": payload}}
    event = {"sender": {"id": contact}, "recipient": {"id": MESSENGER}, "timestamp": world.now_ms, "message": message}
    entry = {"id": MESSENGER, "time": world.now_ms, "messaging": [event]}
    assert world.deliver({"object": "page", "entry": [entry]}) == 200


@pytest.fixture
def written(world: Any) -> list[tuple[str, str]]:
    """Threads and what is written all over each: the payload, also as tag, note and reply of a colleague."""
    for number, payload in enumerate(PAYLOADS):
        deliver(world, number, payload)
    assert world.stack.drain(within_s=120)
    dynamodb, table = world.stack.clients.dynamodb, world.threads.table
    threads = []
    for number, payload in enumerate(PAYLOADS):
        for channel in ("whatsapp", "messenger"):
            pk = world.pk(f"38591{number:07d}", channel)
            threads.append((world.name(f"38591{number:07d}", channel), payload))
            dynamodb.update_item(
                TableName=table,
                Key=to_item({"pk": pk, "sk": "#"}),
                UpdateExpression="SET tags = :tags, handoff_reasons = :tags",
                ExpressionAttributeValues=to_item({":tags": [payload[:1000]]}),
            )
            noted = {
                "pk": pk,
                "sk": f"N#{world.now_ms:013d}#{number}",
                "type": "note",
                "by": payload[:1000],
                "text": payload,
                "at": world.now_ms,
            }
            audit = {
                "pk": pk,
                "sk": f"A#{world.now_ms:013d}#{number:08x}",
                "type": "audit",
                "verb": payload[:100],
                "by": "x",
                "at": world.now_ms,
                "detail": {payload[:100]: payload[:1000]},
            }
            for item in (noted, audit):
                dynamodb.put_item(TableName=table, Item=to_item(item))
    return threads


def test_whatever_is_written_is_shown_and_does_nothing(
    written: list[tuple[str, str]], open_window: Open, world: Any
) -> None:
    window, agent = open_window(), world.agent()
    listed = names_in_the_list(window.page)
    for thread, payload in written:
        window.page.evaluate("thread => { location.hash = `#/support/open/${thread}` }", thread)
        window.page.locator(f".thread[data-thread='{thread}'] .entry").first.wait_for()
        stored = agent.show({"id": thread})
        shown = shows_as_text(window.page, stored, payload)
        assert shown, payload
        name = stored["thread"]["contact"]["name"]
        if name:
            assert window.page.locator("#thread-name").text_content() == named(name)
            assert named(name) in listed
        assert window.page.evaluate(STRANGE) == 0, payload
        assert window.page.evaluate(TOO_WIDE) == [], payload[:50]
        assert_links_are_marked(window.page)
    assert window.troubles == []


def names_in_the_list(page: Any) -> list[str]:
    page.locator("a.row").first.wait_for()
    while page.locator("#more").is_visible():
        page.click("#more")
        page.wait_for_function(
            "before => document.querySelectorAll('a.row').length > before || document.querySelector('#more').hidden",
            arg=page.locator("a.row").count(),
        )
    return list(page.locator("a.row .row-name").all_text_contents())


def shows_as_text(page: Any, stored: dict[str, Any], payload: str) -> bool:
    """All that is stored, letter by letter, but for the host that follows a link."""
    shown = {without_hosts(each) for each in page.locator(".timeline .text").all_text_contents()}
    texts = [each["text"] for each in (*stored["timeline"], *stored["notes"]) if each["text"]]
    tags = page.locator(".tags .tag bdi").all_text_contents()
    return (
        without_hosts(payload) in shown | {""}
        and {without_hosts(each) for each in texts} <= shown
        and named(payload[:1000]) in tags
    )


def without_hosts(text: str) -> str:
    return (
        re.sub(r" \((?:evil\.example|www\.google\.com)\)", "", text).replace("\r\n", "\n").replace("\r", "\n").strip()
    )


def assert_links_are_marked(page: Any) -> None:
    for link in page.locator(".timeline a").all():
        assert (link.get_attribute("href") or "").startswith(("https://evil.example/", "https://www.google.com/maps"))
        assert link.get_attribute("rel") == "noopener noreferrer nofollow"
        host = link.locator("xpath=following-sibling::span[1]").text_content()
        assert host in (" (evil.example)", " (www.google.com)")


def test_a_script_in_the_page_would_be_stopped_and_told(open_window: Open) -> None:
    """The instrument of the other test works: what the page's policy stops is seen."""
    window = open_window()
    with pytest.raises(Error, match="TrustedHTML"):
        window.page.evaluate("() => { document.body.innerHTML = '<img src=x onerror=alert(1)>' }")
    with window.page.expect_console_message(lambda said: "CSP report img-src" in said.text):
        window.page.evaluate("() => { new Image().src = 'https://evil.example/p.png' }")
    assert [each for each in window.troubles if "require-trusted-types-for" in each]
    assert [each for each in window.troubles if "img-src" in each]

"""What agents see of an attachment: what it is and whether it can be fetched, never the address that opens it."""

from typing import Any

import pytest
from afterhours.timeline import entries

SIGNED = "https://scontent.xx.fbcdn.net/v/x.jpg?oh=signature"


def shown(attachment: dict[str, Any]) -> dict[str, Any]:
    item = {
        "sk": "E#1#I#a",
        "type": "inbound",
        "kind": "message",
        "at": 1,
        "reply": "none",
        "attachments": [attachment],
    }
    [entry] = entries([item])
    [found] = entry["attachments"]
    return dict(found)


@pytest.mark.parametrize("place", [{"id": "4711"}, {"url": SIGNED}, {"id": "4711", "url": SIGNED}])
def test_a_file_is_shown_without_id_and_address(place: dict[str, str]) -> None:
    attachment = {"type": "image", "name": "a.jpg", "mime_type": "image/jpeg", **place}
    told = {"type": "image", "name": "a.jpg", "mime_type": "image/jpeg", "size": None}
    assert shown(attachment) == {**told, "available": True}
    assert shown({**attachment, "size": 4711}) == {**told, "size": 4711, "available": True}


@pytest.mark.parametrize("attachment", [{"type": "image"}, {"type": "reel", "url": "/reel/1"}, {"type": "contacts"}])
def test_what_leads_to_no_file_is_not_available(attachment: dict[str, str]) -> None:
    told = {"type": attachment["type"], "name": None, "mime_type": None, "size": None}
    assert shown(attachment) == {**told, "available": False}


def test_a_link_that_a_customer_shared_is_not_available() -> None:
    assert shown({"type": "fallback", "name": "A page", "url": "https://shop.example"})["available"] is False


def test_a_place_keeps_its_link_which_is_https_or_none() -> None:
    place = {"type": "location", "name": "Riva, 43.5, 16.4", "url": "https://maps.example/riva"}
    assert shown(place) == {**place, "mime_type": None, "size": None, "available": False}
    assert "url" not in shown({**place, "url": "javascript:alert(1)"})

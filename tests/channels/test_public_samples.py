"""Public samples of the platforms beside Meta, read where they lie: AFTERHOURS_SAMPLES, or ../shared/payloads.

Each is split and normalised to what its index says, in the words of vocabulary.py. They are no part of the project.
"""

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from afterhours import channels
from afterhours.channels.contract import Request
from afterhours.models import Event
from backend import Clock
from channels.vocabulary import differences, fits

SAMPLES = Path(os.environ.get("AFTERHOURS_SAMPLES", Path(__file__).parents[3] / "shared" / "payloads"))

FOLDERS = ("telegram", "line", "viber", "wechat", "x", "tiktok", "linkedin")
# folder/file -> why the index is wrong; empty: nothing is disputed
DISPUTED: dict[str, str] = {
    "wechat/event-location--wechatpy.xml": "where a phone is, reported by itself: nobody sent a place",
    "wechat/event-masssendjobfinish--wechatpy.xml": "the end of a mass message, not the receipt of a text of ours",
    "wechat/event-scan--wechatpy.xml": "the scene of the code stands in text, which nobody wrote",
    "wechat/event-view--wechatpy.xml": "a link of the menu was opened: nothing was said, and nothing may be answered",
    "tiktok/comment-delete--ad-platform-sdks.json": "it gives the words that were taken back, which we do not read",
    "linkedin/challenge-response--learn-copy-35125675080.json": "our answer to a challenge, not a delivery",
    "linkedin/pull-share-mention--pytest-70587087915.json": "the answer to a call that we do not make",
}


def _index(folder: str) -> list[dict[str, Any]]:
    index = SAMPLES / folder / "index.json"
    return json.loads(index.read_text(encoding="utf-8")) if index.exists() else []


BODIES = [
    (folder, entry) for folder in FOLDERS for entry in _index(folder) if f"{folder}/{entry['file']}" not in DISPUTED
]
SIGNED = [each for each in _index("signed") if each["platform"] in FOLDERS and each["use"] == "inbound-request"]
needs_samples = pytest.mark.skipif(not BODIES, reason=f"no samples in {SAMPLES}")
each_body = pytest.mark.parametrize(
    ("folder", "entry"), BODIES, ids=[f"{name}/{each['file']}" for name, each in BODIES]
)


def _body(folder: str, entry: dict[str, Any]) -> bytes:
    return (SAMPLES / folder / entry["file"]).read_bytes()


def _events(folder: str, entry: dict[str, Any]) -> list[Event]:
    source = channels.source(folder)
    return [channels.channel(source.channel_of(piece)).normalise(piece) for piece in source.split(_body(folder, entry))]


@needs_samples
@each_body
def test_a_sample_is_read_as_its_index_says(folder: str, entry: dict[str, Any]) -> None:
    expect, events = entry["expect"], _events(folder, entry)
    if expect["kind"] == "verify":
        assert events == []
    elif expect["kind"] == "batch":
        assert len(events) == len(expect["events"])
        wrong = [
            (kind, event.kind) for kind, event in zip(expect["events"], events, strict=True) if not fits(kind, event)
        ]
        assert wrong == []
    else:
        [event] = events
        assert differences(expect, event) == {}


@needs_samples
@each_body
def test_every_piece_of_a_sample_is_a_delivery_of_that_one_event(folder: str, entry: dict[str, Any]) -> None:
    source = channels.source(folder)
    for piece in source.split(_body(folder, entry)):
        assert source.split(json.dumps(piece).encode("ascii")) == [piece]


@needs_samples
@pytest.mark.parametrize("entry", SIGNED, ids=lambda entry: entry["file"])
def test_a_signed_sample_verifies_or_is_refused_as_it_says(entry: dict[str, Any], clock: Clock) -> None:
    record = json.loads((SAMPLES / "signed" / entry["file"]).read_text(encoding="utf-8"))
    headers = {name.lower(): value for name, value in record["headers"].items()}
    if signed_at := re.search(r"\bt=([0-9]{10})\b", str(headers)):
        clock.set(datetime.fromtimestamp(int(signed_at[1]), UTC))
    request = Request("POST", headers, record["query"], record["body"].encode("utf-8"))
    assert channels.source(record["platform"]).verify(request, [record["secret"]]) is record["expect_valid"]

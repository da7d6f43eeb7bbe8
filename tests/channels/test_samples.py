"""Public samples of Meta webhooks, read where they lie: AFTERHOURS_SAMPLES, or ../shared/payloads.

Each is split and normalised to what its index says. The folder is not part of the project.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from afterhours import channels
from afterhours.channels import meta_source
from afterhours.channels.contract import Request
from afterhours.models import Event, Kind

SAMPLES = Path(os.environ.get("AFTERHOURS_SAMPLES", Path(__file__).parents[3] / "shared" / "payloads")) / "meta"

# file -> why the index is wrong; empty: nothing is disputed
DISPUTED: dict[str, str] = {}

ALWAYS = ("kind", "subkind", "sender_id", "recipient_id", "text", "message_id", "timestamp_ms", "is_echo")


def _index() -> list[dict[str, Any]]:
    index = SAMPLES / "index.json"
    return json.loads(index.read_text(encoding="utf-8")) if index.exists() else []


BODIES = [entry for entry in _index() if entry["platform"] != "signed" and entry["file"] not in DISPUTED]
SIGNED = [entry for entry in _index() if entry["platform"] == "signed"]
needs_samples = pytest.mark.skipif(not BODIES, reason=f"no samples in {SAMPLES}")


def _events(body: bytes) -> Iterator[Event]:
    for piece in meta_source.split(body):
        # Objects that no channel reads are quarantined by the worker; any reader of changes says what they are.
        yield channels.channel(meta_source.channel_of(piece) or "facebook_comments").normalise(piece)


def _seen(event: Event) -> dict[str, Any]:
    """The event in the words of the index."""
    return {
        **event.model_dump(mode="json"),
        "kind": _kind(event),
        "sender_name": event.contact_name,
        "attachment_types": [attachment.type for attachment in event.attachments],
        "watermark": event.watermark_ms,
        "mids": list(event.mids),
        "error_codes": list(event.error_codes),
        "sender_user_id": next((one for one in event.contact_ids if "." in one), None),
    }


def _kind(event: Event) -> str:
    """The index calls a comment what becomes of one as well: ours, changed, hidden, taken back."""
    changed = event.message_id and event.subkind in ("add", "live", "edited", "hide", "unhide", "remove")
    return "comment" if changed and event.channel.endswith("_comments") else event.kind.value


def _expected(expect: dict[str, Any]) -> dict[str, Any]:
    numbers = {"num_edit": str(expect["num_edit"])} if expect.get("num_edit") is not None else {}
    return {**dict.fromkeys(ALWAYS), **expect, **numbers}


@needs_samples
@pytest.mark.parametrize("entry", BODIES, ids=lambda entry: entry["file"])
def test_a_sample_is_read_as_its_index_says(entry: dict[str, Any]) -> None:
    events = list(_events((SAMPLES / entry["file"]).read_bytes()))
    expects = entry["expect"] if isinstance(entry["expect"], list) else [entry["expect"]]
    seen = [
        {key: value for key, value in _seen(event).items() if key in _expected(expect)}
        for event, expect in zip(events, expects, strict=True)
    ]
    assert seen == [_expected(expect) for expect in expects]


@needs_samples
@pytest.mark.parametrize("entry", BODIES, ids=lambda entry: entry["file"])
def test_every_piece_of_a_sample_is_a_delivery_of_that_one_event(entry: dict[str, Any]) -> None:
    for piece in meta_source.split((SAMPLES / entry["file"]).read_bytes()):
        assert meta_source.split(json.dumps(piece).encode("ascii")) == [piece]


@needs_samples
def test_no_sample_of_a_page_itself_names_a_contact() -> None:
    own = [event for entry in BODIES for event in _events((SAMPLES / entry["file"]).read_bytes())]
    said = [event for event in own if event.from_page_itself and event.channel.endswith("_comments")]
    assert not [event for event in said if event.kind is Kind.COMMENT or event.sender_id in event.contact_ids]


@needs_samples
@pytest.mark.parametrize("entry", SIGNED, ids=lambda entry: entry["file"])
def test_a_signed_sample_verifies_or_is_refused_as_it_says(entry: dict[str, Any]) -> None:
    record = json.loads((SAMPLES / entry["file"]).read_text(encoding="utf-8"))
    headers = {name.lower(): value for name, value in record["headers"].items()}
    request = Request("POST", headers, {}, record["body"].encode("utf-8"))
    # A right SHA-1 signature is no signature: Meta sends the SHA-256 one beside it.
    expected = record["valid"] and record["algorithm"] == "sha256"
    assert meta_source.verify(request, [record["app_secret"]]) is expected

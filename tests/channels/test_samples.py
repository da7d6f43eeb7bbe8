"""Every public sample is read as its index says, or stands among the few that are disputed; every signed vector holds.

Where they lie and how one is read: samples.py; the indexes' words in ours: vocabulary.py.
"""

import json
from typing import Any

import pytest
from afterhours import channels
from afterhours.channels import wechat_crypto, wechat_source
from afterhours.channels.contract import MalformedPayload
from afterhours.models import Event, Kind
from backend import Clock
from channels.samples import (
    FOLDERS,
    FOREIGN,
    NO_DELIVERY,
    NOTHING,
    SAMPLES,
    Sample,
    at_the_time_of,
    events,
    index,
    pieces,
    read_by_any,
    record,
    request,
)
from channels.vocabulary import differences, fits

pytestmark = pytest.mark.skipif(not FOLDERS, reason=f"no samples in {SAMPLES}")

# folder/variant -> why the index is wrong: it is nothing that a platform posts, and nothing is read out of it.
DISPUTED = {
    "linkedin/challenge-response": "our answer to a challenge, not a delivery",
    "linkedin/pull-share-mention": "the answer to a call that we do not make",
}

ENTRIES = [sample for folder in FOLDERS for sample in index(folder)]
SIGNED = [sample for sample in ENTRIES if "signed" in (sample.folder, sample.entry["platform"])]
BODIES = [sample for sample in ENTRIES if sample.folder != "signed"]
ALIEN = [
    sample
    for sample in BODIES
    if sample.folder in FOREIGN
    or sample.variant in DISPUTED
    or NO_DELIVERY & {expect["kind"] for expect in sample.expects}
]
META = [sample for sample in BODIES if sample.folder == "meta"]
MAILS = [sample for sample in BODIES if sample.folder == "email" and sample not in ALIEN]
OTHERS = [sample for sample in BODIES if sample not in [*META, *MAILS, *ALIEN]]


def each(samples: list[Sample]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("sample", samples, ids=lambda sample: sample.name)


def test_every_folder_is_of_a_source_of_ours_or_stands_among_the_foreign() -> None:
    assert set(FOLDERS) <= set(channels.SOURCES) | {"email", "signed"} | FOREIGN.keys()
    assert {sample.entry["platform"] for sample in SIGNED} <= set(channels.SOURCES) | FOREIGN.keys() | {"signed"}
    assert not FOREIGN.keys() & set(channels.SOURCES)


# Bodies, by the conventions of all but Meta


@each(OTHERS)
def test_a_sample_is_read_as_its_index_says(sample: Sample) -> None:
    [expect], found = sample.expects, events(sample)
    if expect["kind"] == "verify":
        assert found == []
        return
    kinds = [expect["kind"]]
    if expect["kind"] == "batch":  # what else is said is of the first event
        kinds, expect = expect["events"], {name: value for name, value in expect.items() if value is not None}
    assert [(kind, event.kind) for kind, event in zip(kinds, found, strict=True) if not fits(kind, event)] == []
    assert differences({**expect, "kind": kinds[0]}, found[0]) == {}


@each(MAILS)
def test_a_mail_is_read_as_its_index_says(sample: Sample) -> None:
    [expect] = sample.expects
    if expect["kind"] in ("unsupported", "verify"):
        with pytest.raises(MalformedPayload):
            pieces(sample)
        return
    event = events(sample)[0]  # there is one for each of our addresses
    assert differences(expect, event) == {}
    if expect["kind"] != "email" or "auto-reply" in sample.entry.get("note", ""):  # the notes say: none
        assert event.unanswered or event.kind is Kind.STATUS


@each([*META, *OTHERS])
def test_every_piece_of_a_sample_is_a_delivery_of_that_one_event(sample: Sample) -> None:
    for piece in pieces(sample):
        assert channels.source(sample.folder).split(json.dumps(piece).encode("ascii")) == [piece]


# Bodies of Meta, whose index speaks our words

ALWAYS = ("kind", "subkind", "sender_id", "recipient_id", "text", "message_id", "timestamp_ms", "is_echo")


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


@each(META)
def test_a_sample_of_meta_is_read_as_its_index_says(sample: Sample) -> None:
    seen = [
        {key: value for key, value in _seen(event).items() if key in _expected(expect)}
        for event, expect in zip(events(sample), sample.expects, strict=True)
    ]
    assert seen == [_expected(expect) for expect in sample.expects]


def test_no_sample_of_a_page_itself_names_a_contact() -> None:
    found = [event for sample in META for event in events(sample)]
    said = [event for event in found if event.from_page_itself and event.channel.endswith("_comments")]
    assert not [event for event in said if event.kind is Kind.COMMENT or event.sender_id in event.contact_ids]


# What is none of ours


@each(ALIEN)
def test_what_is_no_delivery_to_us_is_nobody_s_message_at_any_of_our_sources(sample: Sample) -> None:
    assert {event.kind for event in read_by_any(sample.content)} <= NOTHING


@each([sample for sample in SIGNED if sample.entry["platform"] in FOREIGN])
def test_what_is_signed_for_another_verifies_at_none_of_our_sources(sample: Sample, clock: Clock) -> None:
    found = record(sample)
    at_the_time_of(found, clock)
    for name in channels.SOURCES:
        assert not channels.source(name).verify(request(found), [found["secret"]])
    assert {event.kind for event in read_by_any(found["body"].encode())} <= NOTHING


# Signed vectors


def _used(use: str) -> pytest.MarkDecorator:
    return each([one for one in SIGNED if one.entry["platform"] not in FOREIGN and record(one)["use"] == use])


def test_every_use_of_a_signed_vector_is_known() -> None:
    assert {record(sample)["use"] for sample in SIGNED} <= {"inbound-request", "handshake", "outbound-encrypt"}


@_used("inbound-request")
def test_a_signed_delivery_verifies_or_is_refused_and_opens_as_it_says(sample: Sample, clock: Clock) -> None:
    found = record(sample)
    at_the_time_of(found, clock)
    source, asked = channels.source(found["platform"]), request(found)
    assert source.verify(asked, [found["secret"]]) is found["expect_valid"]
    if "encoding_aes_key" in found:
        credentials = {"aes_key": found["encoding_aes_key"], "app_id": found["app_id"]}
        assert wechat_source.opened(asked, credentials).decode() == found["expect_plaintext"]


@_used("handshake")
def test_a_signed_handshake_is_answered_or_refused_as_it_says(sample: Sample) -> None:
    found = record(sample)
    if "encoding_aes_key" in found:
        _hold_what_wecom_seals(found)
        return
    echo = {} if "expect_response" in found else {"echostr": "5927782489442352469"}  # WeChat's always has one
    answer = channels.source(found["platform"]).handshake(request(found, "GET", **echo), {"secrets": [found["secret"]]})
    right = json.loads(answer.body) == found["expect_response"] if not echo else answer.body == echo["echostr"]
    assert (answer.status == 200 and right) is found["expect_valid"]


def _hold_what_wecom_seals(found: dict[str, Any]) -> None:
    """WeCom's echo is sealed, which we do not speak; the mathematics is that of WeChat's deliveries."""
    query = found["query"]
    signed = wechat_source.digest(found["secret"], query["timestamp"], query["nonce"], query["echostr"])
    assert (signed == query["msg_signature"]) is found["expect_valid"]
    opened = wechat_crypto.unsealed(query["echostr"], found["encoding_aes_key"], found["app_id"])
    assert opened.decode() == found["expect_plaintext"]
    assert wechat_source.handshake(request(found, "GET"), {"secrets": [found["secret"]]}).status == 403


@_used("outbound-encrypt")
def test_what_we_seal_is_what_the_vector_says(sample: Sample) -> None:
    found = record(sample)
    sealed = wechat_crypto.sealed(
        found["plaintext"].encode(), found["encoding_aes_key"], found["app_id"], found["random16"].encode()
    )
    signature = wechat_source.digest(found["secret"], found["query"]["timestamp"], found["query"]["nonce"], sealed)
    read = wechat_source.fields_of(found["body"].encode())
    assert (sealed, signature) == (read["Encrypt"], read["MsgSignature"])

"""The Meta source: handshake, and bodies into pieces, whatever the bodies are."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from afterhours import channels
from afterhours.channels import meta_source, untrusted
from afterhours.channels.contract import MalformedPayload, Request
from afterhours.models import Kind
from hypothesis import given, settings
from hypothesis import strategies as st

EVENTS = Path(__file__).parents[2] / "events"


def sample(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))


def split(body: Any) -> list[dict[str, Any]]:
    return meta_source.split(json.dumps(body).encode("ascii"))


# --- handshake

TOKEN = {"verify_token": "jadran-verify", "secrets": ["s"]}


def shaken(credentials: Any = TOKEN, **query: str) -> tuple[int, str]:
    asked = {"hub.mode": "subscribe", "hub.verify_token": "jadran-verify", "hub.challenge": "1158201444"}
    changed = {**asked, **{f"hub.{name}": value for name, value in query.items()}}
    given_query = {name: value for name, value in changed.items() if value != "(missing)"}
    answer = meta_source.handshake(Request("GET", {}, given_query, b""), credentials)
    assert answer.content_type.startswith("text/plain")
    return answer.status, answer.body


def test_the_bare_challenge_is_answered() -> None:
    assert shaken() == (200, "1158201444")


@pytest.mark.parametrize(
    "token", ["", "jadran", "jadran-verify ", "JADRAN-VERIFY", "jadran-verify-", "é", "\ud800", "(missing)"]
)
def test_another_verify_token_is_forbidden(token: str) -> None:
    assert shaken(verify_token=token)[0] == 403


@pytest.mark.parametrize("mode", ["unsubscribe", "", "Subscribe", "(missing)"])
def test_another_mode_is_forbidden(mode: str) -> None:
    assert shaken(mode=mode)[0] == 403


@pytest.mark.parametrize("credentials", [{}, {"verify_token": ""}, {"verify_token": None}, {"verify_token": 7}])
@pytest.mark.parametrize("token", ["jadran-verify", "", "7", "None"])
def test_without_a_verify_token_there_is_no_service(credentials: dict[str, Any], token: str) -> None:
    assert shaken(credentials, verify_token=token)[0] == 503


@pytest.mark.parametrize(
    "challenge", ["<script>alert(1)</script>", "", "(missing)", "1\n", "1 2", "१२३", "a" * 129, '{"a":1}', "é"]
)
def test_a_challenge_that_could_be_more_than_a_token_is_not_echoed(challenge: str) -> None:
    status, body = shaken(challenge=challenge)
    assert status == 400
    assert not challenge or challenge not in body


def test_the_token_is_checked_before_the_challenge() -> None:
    assert shaken(verify_token="x", challenge="<script>")[0] == 403


# --- every event, once, with what belongs to it and nothing else


def test_a_batch_of_five_whatsapp_contacts_is_six_pieces_in_order() -> None:
    pieces = split(sample("whatsapp/batch-five-contacts"))
    values = [piece["entry"][0]["changes"][0]["value"] for piece in pieces]
    assert [value["messages"][0]["text"]["body"] for value in values if "messages" in value] == [
        f"Pitanje {number}" for number in range(1, 6)
    ]
    assert [value["statuses"][0]["status"] for value in values if "statuses" in value] == ["delivered"]
    for value in values:
        if "messages" in value:
            assert [contact["wa_id"] for contact in value["contacts"]] == [value["messages"][0]["from"]]


def test_a_piece_holds_nothing_of_another_contact() -> None:
    numbers = ["385915550142", "385985550161", "436605550173", "447405550184", "390625550195"]
    for piece in split(sample("whatsapp/batch-five-contacts")):
        assert sum(number in json.dumps(piece) for number in numbers) == 1


@pytest.mark.parametrize("channel", ["messenger", "instagram", "facebook_comments", "instagram_comments"])
def test_a_batch_of_five_contacts_is_five_pieces_of_its_channel(channel: str) -> None:
    pieces = split(sample(f"{channel}/batch-five-contacts"))
    assert [meta_source.channel_of(piece) for piece in pieces] == [channel] * 5


def test_messaging_and_standby_of_one_entry_are_both_read() -> None:
    places = [
        next(iter(piece["entry"][0].keys() - {"id", "time"}))
        for piece in split(sample("messenger/batch-five-contacts"))
    ]
    assert places == ["messaging", "messaging", "messaging", "standby", "messaging"]


def test_messages_statuses_and_errors_of_one_value_are_pieces_of_their_own() -> None:
    body = sample("whatsapp/text")
    value = body["entry"][0]["changes"][0]["value"]
    value["statuses"] = [{"id": "wamid.1", "status": "sent"}, {"id": "wamid.1", "status": "read"}]
    value["errors"] = [{"code": 131000}]
    events = [channels.channel("whatsapp").normalise(piece) for piece in split(body)]
    assert [event.kind for event in events] == [Kind.MESSAGE, Kind.STATUS, Kind.STATUS, Kind.ERROR]


def test_the_only_contact_goes_along_even_under_another_number() -> None:
    body = sample("whatsapp/text")
    body["entry"][0]["changes"][0]["value"]["contacts"][0]["wa_id"] = "1"
    event = channels.channel("whatsapp").normalise(split(body)[0])
    assert (event.contact_name, event.contact_ids) == ("Marta K.", ("385915550142",))


def test_errors_beside_one_call_stay_with_the_call() -> None:
    body = sample("whatsapp/call")
    body["entry"][0]["changes"][0]["value"]["errors"] = [{"code": 138001}]
    assert [piece["entry"][0]["changes"][0]["value"]["errors"] for piece in split(body)] == [[{"code": 138001}]]


@pytest.mark.parametrize(
    "entry",
    [
        [],
        [{}],
        [{"id": "1", "time": 2}],
        [{"id": "1", "time": 2, "messaging": []}],
        [{"id": "1", "messaging": None, "standby": [], "changes": []}],
    ],
)
def test_an_entry_that_says_nothing_is_no_piece(entry: Any) -> None:
    assert split({"object": "page", "entry": entry}) == []


@pytest.mark.parametrize(
    "entry",
    ["x", 7, None, [], {"id": "1", "poke": {}}, {"messaging": {"a": 1}}, {"messaging": "x"}, {"changes": [None]}],
)
def test_an_entry_of_another_shape_is_kept_whole(entry: Any) -> None:
    assert split({"object": "page", "entry": [entry]}) == [{"object": "page", "entry": [entry]}]


def test_an_unknown_object_is_one_piece_of_no_channel() -> None:
    pieces = split({"object": "user", "entry": [{"id": "0", "time": 1, "changes": [{"field": "email", "value": "a"}]}]})
    assert [meta_source.channel_of(piece) for piece in pieces] == [""]


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"7", b'"x"', b"[]", b"{}", b'{"object":"page"}', b'{"entry":[]}', b'{"object":"page","entry":{}}',
     b'{"object":["page"],"entry":[]}', b"object=page", b"{", b'{"object":"page","entry":[]} x', b"<html>"],
)  # fmt: skip
def test_a_body_without_object_and_entries_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedPayload):
        meta_source.split(body)


# --- hostile JSON


def text_of(body: bytes) -> Any:
    (piece,) = meta_source.split(body)
    return piece["entry"][0]["messaging"][0]["message"]["text"]


def with_text(text: bytes) -> bytes:
    return b'{"object":"page","entry":[{"id":"1","messaging":[{"message":{"mid":"m","text":%s}}]}]}' % text


@pytest.mark.parametrize(
    "value",
    [b"NaN", b"Infinity", b"-Infinity", b"[" * 100_000, b'{"a":' * 100_000, b"[" * 100 + b"]" * 100, b'"\xff"',
     b'"\xed\xa0\x80"', b'"\x00"', b"'x'", b"01", b"1_0"],
    ids=lambda value: value[:12],
)  # fmt: skip
def test_what_is_no_json_or_too_deep_is_malformed(value: bytes) -> None:
    with pytest.raises(MalformedPayload):
        meta_source.split(with_text(value))


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        (b"1e999", None),
        (b"-1e999", None),
        (b"9" * 5000, None),
        (rb'"a\ud800b"', "a\ufffdb"),
        (rb'"a\udc00"', "a\ufffd"),
        (rb'"a\u0000b"', "a\ufffdb"),
        (rb'"\ud83d\ude42"', "🙂"),
        (rb'"a\/b"', "a/b"),
        (b'"first","text":"last"', "last"),
    ],
)
def test_what_cannot_be_stored_is_cleaned(value: bytes, cleaned: Any) -> None:
    assert text_of(with_text(value)) == cleaned


def test_a_byte_order_mark_is_no_obstacle() -> None:
    assert text_of(b"\xef\xbb\xbf" + with_text(b'"x"')) == "x"


def test_big_ids_stay_exact() -> None:
    assert text_of(with_text(b"10201978818232600999")) == 10201978818232600999


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(json_values)
def test_any_json_is_split_or_malformed(value: Any) -> None:
    try:
        split(value)
    except MalformedPayload:
        return


def anything_in(known: dict[str, Any]) -> st.SearchStrategy[Any]:
    """The known shape, any part of it missing or of another type."""
    parts = {key: st.one_of(strategy, json_values) for key, strategy in known.items()}
    return st.fixed_dictionaries({}, optional=parts)


party = anything_in({"id": st.sampled_from(["1", "2", 3, ""])})
payload = anything_in({"url": st.text(max_size=5), "sticker_id": st.integers(), "coordinates": json_values})
message = anything_in(
    {
        "mid": st.text(max_size=3), "text": st.text(max_size=5), "is_echo": st.booleans(), "is_deleted": st.booleans(),
        "attachments": st.lists(anything_in({"type": st.text(max_size=4), "payload": payload}), max_size=2),
        "reply_to": anything_in({"mid": st.text(max_size=2), "story": json_values}),
        "quick_reply": anything_in({"payload": st.text(max_size=3)}),
    }
)  # fmt: skip
direct = anything_in(
    {
        "sender": party, "recipient": party, "timestamp": st.integers(0, 10**14), "message": message,
        "postback": anything_in({"payload": st.text(max_size=3), "referral": json_values}),
        "reaction": anything_in({"mid": st.text(max_size=3), "action": st.just("react")}), "read": json_values,
        "delivery": anything_in({"mids": st.lists(st.text(max_size=3), max_size=2), "watermark": st.integers()}),
    }
)  # fmt: skip
wa_type = st.sampled_from(
    ["text", "image", "contacts", "location", "button", "interactive", "order", "reaction", "system", "edit", "revoke"]
)
wa_message = st.builds(
    lambda base, kind, body: {**base, "type": kind, kind: body},
    anything_in({"from": st.sampled_from(["1", "2"]), "id": st.text(max_size=3), "timestamp": st.just("1784060100")}),
    wa_type,
    st.one_of(json_values, anything_in({"type": wa_type, "body": st.text(max_size=3), "message": json_values})),
)
wa_value = anything_in(
    {
        "metadata": anything_in({"phone_number_id": st.just("9")}), "messages": st.lists(wa_message, max_size=3),
        "contacts": st.lists(anything_in({"wa_id": st.sampled_from(["1", "2"]), "profile": json_values}), max_size=2),
        "statuses": st.lists(anything_in({"id": st.text(max_size=2), "status": st.just("sent")}), max_size=2),
        "errors": st.lists(anything_in({"code": st.integers()}), max_size=2),
        "calls": st.lists(json_values, max_size=2), "message_echoes": st.lists(wa_message, max_size=2),
    }
)  # fmt: skip
feed_value = anything_in(
    {
        "item": st.sampled_from(["comment", "post", "like", "rating"]), "verb": st.just("add"), "from": party,
        "comment_id": st.text(max_size=2), "message": st.text(max_size=3), "created_time": st.integers(),
    }
)  # fmt: skip
fields = st.sampled_from(
    ["messages", "calls", "smb_message_echoes", "feed", "mention", "ratings", "comments", "mentions"]
)
change = anything_in({"field": fields, "value": st.one_of(wa_value, feed_value)})
entry = anything_in(
    {
        "id": st.sampled_from(["1", 2]), "time": st.integers(0, 10**13), "messaging": st.lists(direct, max_size=3),
        "standby": st.lists(direct, max_size=2), "changes": st.lists(change, max_size=3),
        "field": fields, "value": feed_value,
    }
)  # fmt: skip
deliveries = st.fixed_dictionaries(
    {
        "object": st.sampled_from(["page", "instagram", "whatsapp_business_account", "user"]),
        "entry": st.lists(entry, max_size=2),
    }
)


def test_the_errors_of_a_call_go_with_the_call_alone() -> None:
    value = {"metadata": {}, "messages": [{"id": "m1"}], "calls": [{"id": "c1"}], "errors": [{"code": 1}]}
    entry = {"id": "1", "changes": [{"field": "calls", "value": value}]}
    pieces = split({"object": "whatsapp_business_account", "entry": [entry]})
    told = [piece["entry"][0]["changes"][0]["value"] for piece in pieces]
    assert [sorted(each.keys() - {"metadata"}) for each in told] == [["messages"], ["calls", "errors"]]
    assert [split(piece) for piece in pieces] == [[piece] for piece in pieces]


@settings(max_examples=150, deadline=None)
@given(deliveries)
def test_a_piece_splits_into_itself(delivery: Any) -> None:
    for piece in split(delivery):
        assert split(piece) == [piece]


@settings(max_examples=150, deadline=None)
@given(deliveries)
def test_every_piece_is_read_or_malformed(delivery: Any) -> None:
    for piece in split(delivery):
        for name in ("whatsapp", "messenger", "instagram", "facebook_comments", "instagram_comments"):
            try:
                event = channels.channel(name).normalise(piece)
            except MalformedPayload:
                assert meta_source.channel_of(piece) != name
            else:
                assert event == channels.channel(name).normalise(piece)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_split_or_malformed(body: bytes) -> None:
    try:
        meta_source.split(body)
    except MalformedPayload:
        return


# --- size


def whatsapp_of(count: int) -> bytes:
    value = {
        "metadata": {"phone_number_id": "9"},
        "contacts": [{"wa_id": str(number), "profile": {"name": f"Guest {number}"}} for number in range(count)],
        "messages": [{"from": str(number), "id": f"wamid.{number}", "type": "text"} for number in range(count)],
    }
    delivery = {"object": "whatsapp_business_account", "entry": [{"changes": [{"field": "messages", "value": value}]}]}
    return json.dumps(delivery).encode("ascii")


def test_a_thousand_messages_are_a_thousand_small_pieces() -> None:
    sizes = [len(json.dumps(piece)) for piece in meta_source.split(whatsapp_of(1000))]
    assert len(sizes) == 1000
    assert max(sizes) < 400


def test_the_work_grows_with_the_delivery_and_not_faster() -> None:
    def allocated(count: int) -> int:
        body = whatsapp_of(count)
        tracemalloc.start()
        pieces = meta_source.split(body)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(pieces) == count
        return peak

    assert allocated(1000) < 15 * allocated(100)


@pytest.mark.parametrize("noise", ["contacts", "metadata", "id"])
def test_what_every_piece_repeats_is_small(noise: str) -> None:
    delivery = json.loads(whatsapp_of(50))
    change = delivery["entry"][0]["changes"][0]["value"]
    if noise == "id":
        delivery["entry"][0]["id"] = "9" * 100_000
    elif noise == "metadata":
        change["metadata"]["note"] = "9" * 100_000
    else:
        change["contacts"] = [{"wa_id": "0", "profile": {"name": "x" * 100_000}, "note": "9" * 100_000}]
    assert max(len(json.dumps(piece)) for piece in split(delivery)) < 1000


def test_the_deepest_body_we_take_is_far_from_the_limits_of_json() -> None:
    deep: Any = "x"
    for _ in range(untrusted.MAX_DEPTH):
        deep = [deep]
    assert untrusted.loads(json.dumps(deep).encode()) == deep
    with pytest.raises(MalformedPayload):
        untrusted.loads(json.dumps([deep]).encode())


# --- registry


@pytest.mark.parametrize("lookup", [channels.channel, channels.source])
def test_an_unknown_name_is_a_key_error(lookup: Any) -> None:
    with pytest.raises(KeyError):
        lookup("telex")


def test_the_lambda_envelope_verifies_and_its_queue_message_is_the_piece() -> None:
    request, records = sample("lambda/http-post-meta"), sample("lambda/sqs-inbound")
    body = request["body"].encode("ascii")
    assert meta_source.verify(Request("POST", request["headers"], {}, body), ["jadran-app-secret-0000000000000000"])
    (piece,) = meta_source.split(body)
    assert json.loads(records["Records"][0]["body"])["piece"] == piece

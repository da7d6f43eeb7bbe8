"""Our own samples in events/, read as events."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from afterhours import channels
from afterhours.channels import meta_source, untrusted
from afterhours.channels.calling_codes import language_of
from afterhours.channels.contract import MalformedPayload
from afterhours.models import Event, Kind

EVENTS = Path(__file__).parents[2] / "events"
CHANNELS = ("whatsapp", "messenger", "instagram", "facebook_comments", "instagram_comments")

AT = int(datetime(2026, 7, 14, 20, 15, tzinfo=UTC).timestamp() * 1000)
NUMBER, PHONE, BSUID = "106540352242922", "385915550142", "HR.7f3kq02hzt91bd4m"
PAGE, PSID = "1234567890", "7415500923317748"
IG, IGSID = "17841400000000001", "918273340055612"
CORRELATOR = "01K05T1B2C3D4E5F6G7H8J9KMN"
POST = f"{PAGE}_611884420017733"

# What every event of the channel is, where its sample says nothing else.
USUAL: dict[str, dict[str, Any]] = {
    "whatsapp": {
        "account_id": NUMBER, "sender_id": PHONE, "recipient_id": NUMBER, "contact_ids": (PHONE,),
        "contact_name": "Marta K.", "timestamp_ms": AT,
    },
    "messenger": {
        "account_id": PAGE, "sender_id": PSID, "recipient_id": PAGE, "contact_ids": (PSID,), "timestamp_ms": AT,
    },
    "instagram": {
        "account_id": IG, "sender_id": IGSID, "recipient_id": IG, "contact_ids": (IGSID,), "timestamp_ms": AT,
    },
    "facebook_comments": {
        "account_id": PAGE, "sender_id": PSID, "recipient_id": PAGE, "contact_ids": (PSID,),
        "contact_name": "Marta K.", "timestamp_ms": AT, "post_id": POST,
    },
    "instagram_comments": {
        "account_id": IG, "sender_id": IGSID, "recipient_id": IG, "contact_ids": (IGSID,),
        "contact_name": "marta.k", "timestamp_ms": AT + 2000, "post_id": "17960003321144550",
    },
}  # fmt: skip

COMMENT, IG_COMMENT = "611884420017733_145001", "18055511220093001"
# A comment that may be answered in private, and one that was there before.
FRESH = {"kind": "comment", "subkind": "add", "private_reply": True, "timeless": True}
CHANGED = {"contact_ids": (COMMENT,), "target_id": COMMENT, "handle": None, "private_reply": False, "timeless": False}
OURS = {"contact_ids": (), "from_page_itself": True}
NOBODY: dict[str, Any] = {"sender_id": None, "contact_ids": (), "contact_name": None}
ECHO = {"kind": "echo", "is_echo": True}
FROM_SHOP = {**ECHO, "sender_id": "385215550100", "recipient_id": PHONE}
FROM_PAGE = {**ECHO, "sender_id": PAGE, "recipient_id": PSID}
RECEIPT = {"kind": "status", "sender_id": NUMBER, "recipient_id": PHONE, "timestamp_ms": AT + 3000}

# sample -> what differs from the usual; `attachments` lists (type, url, id, name, mime type), Meta tells no size
SAMPLES: dict[str, dict[str, Any]] = {
    "whatsapp/text": {"kind": "message", "subkind": "text",
                      "text": "Dobra večer, imate li slobodnu sobu za vikend? 🙂"},
    "whatsapp/text-reply": {"kind": "message", "subkind": "text", "text": "Da, taj termin.",
                            "reply_to_id": "wamid.HBgMMzg1OTE1NTUwMTQyFQIAEhggSkFEUkFO0900AA=="},
    "whatsapp/text-from-ad": {"kind": "message", "subkind": "text", "has_referral": True},
    "whatsapp/text-without-phone": {"kind": "message", "subkind": "text", "sender_id": BSUID, "contact_ids": (BSUID,),
                                    "contact_name": "Jonas"},
    "whatsapp/text-phone-and-user-id": {"kind": "message", "subkind": "text", "contact_ids": (PHONE, BSUID)},
    "whatsapp/text-in-group": {"kind": "message", "subkind": "text", "group_id": "120363400000000017@g.us"},
    "whatsapp/image": {"kind": "message", "subkind": "image", "text": "Ovako izgleda potvrda",
                       "attachments": [("image", None, "930011447722", None, "image/jpeg")]},
    "whatsapp/document": {"kind": "message", "subkind": "document", "text": None,
                          "attachments": [("document", None, "930011447723", "voucher.pdf", "application/pdf")]},
    "whatsapp/voice": {"kind": "message", "subkind": "audio",
                       "attachments": [("audio", None, "930011447724", None, "audio/ogg; codecs=opus")]},
    "whatsapp/location": {"kind": "message", "subkind": "location", "text": None,
                          "attachments": [("location", None, None, "Riva, 43.508133, 16.440193", None)]},
    "whatsapp/contacts": {"kind": "message", "subkind": "contacts",
                          "attachments": [("contacts", None, None, "Taxi Val", None)]},
    "whatsapp/button_reply": {"kind": "message", "subkind": "button_reply", "text": "Parking",
                              "payload": "faq:parking"},
    "whatsapp/list_reply": {"kind": "message", "subkind": "list_reply", "text": "Check-in", "payload": "faq:checkin"},
    "whatsapp/template-button": {"kind": "message", "subkind": "button", "text": "Confirm", "payload": "confirm:4412"},
    "whatsapp/form-reply": {"kind": "message", "subkind": "nfm_reply", "text": "Sent",
                            "payload": '{"nights":"3","flow_token":"jadran-1"}'},
    "whatsapp/order": {"kind": "message", "subkind": "order", "text": "Two, please"},
    "whatsapp/reaction": {"kind": "reaction", "subkind": "react", "emoji": "👍", "text": None,
                          "target_id": "wamid.HBgMMzg1OTE1NTUwMTQyFQIAEhggSkFEUkFO0903AA=="},
    "whatsapp/reaction-removed": {"kind": "reaction", "subkind": "unreact", "emoji": None},
    "whatsapp/edit": {"kind": "message_edit", "subkind": "text",
                      "text": "Dobra večer, imate li slobodnu sobu za petak?",
                      "target_id": "wamid.HBgMMzg1OTE1NTUwMTQyFQIAEhggSkFEUkFO0001AA=="},
    "whatsapp/revoke": {"kind": "message_deleted", "text": None,
                        "target_id": "wamid.HBgMMzg1OTE1NTUwMTQyFQIAEhggSkFEUkFO0001AA=="},
    "whatsapp/unsupported": {"kind": "message", "subkind": "unsupported", "error_codes": (131051,)},
    "whatsapp/system-user-changed-number": {"kind": "system", "subkind": "user_changed_number", "contact_name": None,
                                            "contact_ids": (PHONE, "385915550199")},
    "whatsapp/type-of-tomorrow": {"kind": "message", "subkind": "poll_vote", "text": None},
    "whatsapp/without-type": {"kind": "unknown", "subkind": None},
    "whatsapp/status-sent": {**RECEIPT, "subkind": "sent", "correlator": CORRELATOR, "contact_name": None},
    "whatsapp/status-delivered": {**RECEIPT, "subkind": "delivered", "correlator": CORRELATOR,
                                  "contact_ids": (PHONE, BSUID)},
    "whatsapp/status-read": {**RECEIPT, "subkind": "read", "recipient_id": BSUID, "contact_ids": (BSUID,),
                             "contact_name": "Jonas", "correlator": None},
    "whatsapp/status-failed": {**RECEIPT, "subkind": "failed", "error_codes": (131047,), "contact_name": None},
    "whatsapp/status-read-in-group": {**RECEIPT, "subkind": "read", "recipient_id": "120363400000000017@g.us",
                                      "group_id": "120363400000000017@g.us", "contact_ids": (PHONE, BSUID)},
    "whatsapp/echo-text": {**FROM_SHOP, "subkind": "text", "text": "Dobra večer! Imamo, vidimo se u petak.",
                           "timestamp_ms": AT + 60_000},
    "whatsapp/echo-revoke": {**FROM_SHOP, "subkind": "revoke", "contact_name": None, "timestamp_ms": AT + 90_000,
                             "target_id": "wamid.HBgMMzg1OTE1NTUwMTQyFQIAEhggSkFEUkFO0907AA=="},
    "whatsapp/call": {"kind": "call", "subkind": "connect", "recipient_id": "385215550100"},
    "whatsapp/error": {**NOBODY, "kind": "error", "subkind": "131000", "error_codes": (131000,), "timestamp_ms": None},
    "whatsapp/account-template-status": {**NOBODY, "kind": "account", "subkind": "message_template_status_update",
                                         "account_id": None, "recipient_id": "301552770019984"},
    "messenger/text": {"kind": "message", "subkind": "text", "text": "Bok, radi li bazen u rujnu?"},
    "messenger/image": {"kind": "message", "subkind": "image", "text": "Je li ovo vaš ulaz?",
                        "attachments": [("image", "https://scontent.example/v/ulaz.jpg", None, None, None)]},
    "messenger/location": {"kind": "message", "subkind": "location",
                           "attachments": [("location", None, None, "43.5, 16.4", None)]},
    "messenger/sticker": {"kind": "message", "subkind": "sticker"},
    "messenger/sticker-of-its-own-type": {"kind": "message", "subkind": "sticker"},
    "messenger/quick_reply": {"kind": "message", "subkind": "quick_reply", "text": "Parking", "payload": "faq:parking"},
    "messenger/reply": {"kind": "message", "subkind": "reply",
                        "reply_to_id": "m_Jadran0900VQ3x9tQ1nS0mC2kR7wYb4LdE6uHfZgPaOiKjNvBcXsTl"},
    "messenger/unsupported": {"kind": "message", "subkind": "unsupported", "text": None},
    "messenger/deleted": {"kind": "message_deleted",
                          "target_id": "m_Jadran0001VQ3x9tQ1nS0mC2kR7wYb4LdE6uHfZgPaOiKjNvBcXsTl"},
    "messenger/edit": {"kind": "message_edit", "text": "Bok, radi li bazen u listopadu?", "num_edit": "1"},
    "messenger/postback": {"kind": "postback", "subkind": None, "text": "Get Started", "payload": "GET_STARTED"},
    "messenger/postback-without-mid": {"kind": "postback", "subkind": "referral", "text": None, "message_id": None,
                                       "payload": "MENU_ROOMS", "has_referral": True},
    "messenger/referral": {"kind": "referral", "subkind": "SHORTLINK"},
    "messenger/optin-of-a-guest": {**NOBODY, "kind": "optin", "subkind": "user_ref"},
    "messenger/reaction": {"kind": "reaction", "subkind": "react", "emoji": "❤", "message_id": None},
    "messenger/reaction-removed": {"kind": "reaction", "subkind": "unreact", "emoji": None},
    "messenger/read": {"kind": "read", "watermark_ms": AT - 500},
    "messenger/delivery": {"kind": "delivery", "watermark_ms": AT - 800, "timestamp_ms": None,
                           "mids": ("m_Jadran0900VQ3x9tQ1nS0mC2kR7wYb4LdE6uHfZgPaOiKjNvBcXsTl",)},
    "messenger/echo-own": {**FROM_PAGE, "subkind": "text", "app_id": "611203348850917", "correlator": CORRELATOR},
    "messenger/echo-page-inbox": {**FROM_PAGE, "subkind": "text", "app_id": "263902037430900", "correlator": None},
    "messenger/standby-text": {"kind": "message", "subkind": "text", "standby": True},
    "messenger/handover-pass": {"kind": "handover", "subkind": "pass"},
    "messenger/account-linking": {"kind": "account_linking", "subkind": "linked"},
    "messenger/policy-block": {**NOBODY, "kind": "policy", "subkind": "block"},
    "messenger/kind-of-tomorrow": {"kind": "unknown", "subkind": "thread_summary"},
    "instagram/text": {"kind": "message", "subkind": "text", "text": "Ciao, avete camere libere ad agosto?"},
    "instagram/image": {"kind": "message", "subkind": "image"},
    "instagram/post": {"kind": "message", "subkind": "ig_post", "attachments": [
        ("ig_post", "https://www.example.com/p/Jadran1/", None, "Sunset at the terrace", None)]},
    "instagram/like": {"kind": "message", "subkind": "like_heart",
                       "attachments": [("like_heart", None, None, None, None)]},
    "instagram/story-reply": {"kind": "message", "subkind": "story_reply", "reply_to_id": None},
    "instagram/story-mention": {"kind": "message", "subkind": "story_mention", "text": None},
    "instagram/quick_reply": {"kind": "message", "subkind": "quick_reply", "payload": "faq:parking"},
    "instagram/postback": {"kind": "postback", "text": "Do you take pets?", "payload": "faq:pets"},
    "instagram/unsupported": {"kind": "message", "subkind": "unsupported"},
    "instagram/deleted": {"kind": "message_deleted"},
    "instagram/edit-without-text": {"kind": "message_edit", "text": None, "num_edit": "0"},
    "instagram/reaction": {"kind": "reaction", "subkind": "react", "emoji": "❤️"},
    "instagram/reaction-removed": {"kind": "reaction", "subkind": "unreact", "emoji": None},
    "instagram/read": {"kind": "read", "watermark_ms": None, "message_id": None},
    "instagram/echo": {**ECHO, "sender_id": IG, "recipient_id": IGSID, "subkind": "text", "app_id": None},
    "instagram/standby-text": {"kind": "message", "standby": True},
    "instagram/to-oneself": {**OURS, "kind": "message", "sender_id": IG},
    "instagram/dashboard-test": {"kind": "message", "account_id": "23245", "sender_id": "12334",
                                 "recipient_id": "23245", "contact_ids": ("12334",), "timestamp_ms": 1527459824000},
    "facebook_comments/comment": {**FRESH, "text": "Koliko košta noćenje u srpnju?",
                                  "contact_ids": (PSID, COMMENT), "message_id": COMMENT, "parent_id": POST},
    "facebook_comments/comment-reply": {**FRESH, "parent_id": COMMENT, "contact_ids": (PSID, f"{COMMENT[:-1]}2"),
                                        "handle": f"{COMMENT[:-1]}2"},
    "facebook_comments/comment-own": {**OURS, "kind": "echo", "sender_id": PAGE, "contact_name": "Hotel Jadran",
                                      "contact_ids": (COMMENT,), "private_reply": False, "handle": None},
    "facebook_comments/comment-photo-only": {**FRESH, "text": None, "contact_ids": (PSID, f"{COMMENT[:-1]}4"),
        "attachments": [("photo", "https://scontent.example/v/soba.jpg", None, None, None)]},
    "facebook_comments/comment-without-author": {**NOBODY, **FRESH, "contact_ids": (f"{COMMENT[:-1]}5",)},
    "facebook_comments/comment-edited": {**CHANGED, "kind": "message_edit", "subkind": "edited"},
    "facebook_comments/comment-removed": {**CHANGED, "kind": "message_deleted", "subkind": "remove", "text": None,
                                          "timestamp_ms": AT + 2000},
    "facebook_comments/comment-hidden": {**CHANGED, "kind": "message_edit", "subkind": "hide", "sender_id": PAGE,
                                         "contact_name": "Hotel Jadran", "from_page_itself": True,
                                         "timestamp_ms": AT + 2000},
    "facebook_comments/mention-in-comment": {"kind": "mention", "subkind": "comment.add", "for_person": True,
                                             "post_id": f"{PSID}_31", "contact_ids": (PSID, f"{PSID}_31_77"),
                                             "handle": f"{PSID}_31_77"},
    "facebook_comments/visitor-post": {"kind": "feed_post", "subkind": "post.add", "text": "Bilo nam je odlično.",
                                       "post_id": f"{PAGE}_611884420017799"},
    "facebook_comments/reaction": {"kind": "feed_reaction", "subkind": "reaction.add", "message_id": POST},
    "facebook_comments/mention": {**NOBODY, "kind": "mention", "subkind": "post.add", "post_id": f"{PSID}_31",
                                  "contact_ids": (f"{PSID}_31",), "handle": f"{PSID}_31", "for_person": True},
    "facebook_comments/rating": {"kind": "rating", "subkind": "rating.add", "text": "Sve pohvale.", "post_id": None,
                                 "message_id": "611884420017900"},
    "facebook_comments/leadgen": {**NOBODY, "kind": "unknown", "subkind": "leadgen", "post_id": None},
    "instagram_comments/comment": {**FRESH, "text": "Imate li parking?", "contact_ids": (IGSID, IG_COMMENT),
                                   "handle": IG_COMMENT},
    "instagram_comments/comment-reply": {**FRESH, "parent_id": IG_COMMENT,
                                         "contact_ids": (IGSID, f"{IG_COMMENT[:-1]}2")},
    "instagram_comments/comment-flat": {**FRESH, "message_id": f"{IG_COMMENT[:-1]}3",
                                        "contact_ids": (IGSID, f"{IG_COMMENT[:-1]}3")},
    "instagram_comments/comment-own": {**OURS, "kind": "echo", "sender_id": IG, "contact_name": "hotel.jadran",
                                       "contact_ids": (IG_COMMENT,), "private_reply": False},
    "instagram_comments/comment-own-other-scope": {**OURS, "kind": "echo", "sender_id": "998877001122",
                                                   "contact_name": "hotel.jadran"},
    "instagram_comments/live-comment": {**FRESH, "subkind": "live", "post_id": "17960003321144551",
                                        "contact_ids": (IGSID, f"{IG_COMMENT[:-1]}6")},
    "instagram_comments/mention": {**NOBODY, "kind": "mention", "subkind": "comment", "post_id": "17960003321144552",
                                   "message_id": f"{IG_COMMENT[:-1]}7", "contact_ids": (f"{IG_COMMENT[:-1]}7",),
                                   "for_person": True, "handle": None},
    "instagram_comments/story-insights": {**NOBODY, "kind": "ignored", "subkind": "story_insights", "post_id": None},
}  # fmt: skip


def body_of(sample: str) -> bytes:
    return (EVENTS / f"{sample}.json").read_bytes()


def events_of(body: bytes) -> list[Event]:
    pieces = meta_source.split(body)
    return [channels.channel(meta_source.channel_of(piece)).normalise(piece) for piece in pieces]


def event_of(sample: str) -> Event:
    (event,) = events_of(body_of(sample))
    return event


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_is_read(sample: str) -> None:
    expected = {**USUAL[sample.partition("/")[0]], **SAMPLES[sample]}
    seen = event_of(sample).model_dump()
    assert {attachment.pop("size") for attachment in seen["attachments"]} <= {None}
    seen["attachments"] = [tuple(attachment.values()) for attachment in seen["attachments"]]
    assert seen["channel"] == sample.partition("/")[0]
    assert {key: seen[key] for key in expected} == expected


def test_every_sample_of_one_event_is_expected_here() -> None:
    files = {f"{name}/{path.stem}" for name in CHANNELS for path in (EVENTS / name).glob("*.json")}
    assert files == SAMPLES.keys() | {f"{name}/batch-five-contacts" for name in CHANNELS}


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_batch_names_each_contact_by_their_own_ids(channel: str) -> None:
    events = [event for event in events_of(body_of(f"{channel}/batch-five-contacts")) if event.kind is not Kind.STATUS]
    assert [len(event.contact_ids) for event in events] == [2 if channel.endswith("_comments") else 1] * 5
    assert len({event.contact_ids for event in events}) == 5
    assert [(event.text or "")[-1] for event in events] == list("12345")


# --- the key that tells copies from other events


def test_every_event_of_the_samples_has_a_key_of_its_own() -> None:
    events = [event_of(sample) for sample in SAMPLES if "deleted" not in sample]
    keys = [event.event_id for event in events]
    assert sorted(keys) == sorted(set(keys))


def test_a_key_says_nothing_of_the_customer() -> None:
    for sample in SAMPLES:
        key = event_of(sample).event_id
        assert len(key) == 26
        assert key.isalnum()
        assert key == key.lower()


def changed(sample: str, old: str, new: str) -> Event:
    body = body_of(sample)
    assert old.encode() in body
    (event,) = events_of(body.replace(old.encode(), new.encode()))
    return event


def test_a_message_is_the_same_event_in_messaging_and_in_standby() -> None:
    assert changed("messenger/text", '"messaging"', '"standby"').event_id == event_of("messenger/text").event_id


def test_the_time_of_the_delivery_is_no_part_of_the_key() -> None:
    later = str(AT + 250 + 60_000)
    for sample in ("messenger/text", "messenger/read", "messenger/handover-pass", "messenger/postback-without-mid"):
        assert changed(sample, str(AT + 250), later).event_id == event_of(sample).event_id


@pytest.mark.parametrize(
    ("sample", "old", "new"),
    [
        ("whatsapp/text", "0001AA", "0002AA"),
        ("whatsapp/text", NUMBER, "118204567730013"),
        ("whatsapp/status-sent", '"sent"', '"read"'),
        ("whatsapp/status-read-in-group", PHONE, "385915550143"),
        ("messenger/text", "m_Jadran0001", "m_Jadran0002"),
        ("messenger/text", PAGE, "204518830077262"),
        ("messenger/read", str(AT - 500), str(AT - 499)),
        ("messenger/read", PSID, "7415500923317749"),
        ("messenger/delivery", "m_Jadran0900", "m_Jadran0901"),
        ("messenger/reaction", '"❤"', '"👍"'),
        ("messenger/reaction", str(AT), str(AT + 1)),
        ("messenger/edit", '"num_edit": 1', '"num_edit": 2'),
        ("messenger/postback-without-mid", "MENU_ROOMS", "MENU_SPA"),
        ("messenger/handover-pass", "to the bot", "to another"),
        ("instagram/read", "aWdfZAG1", "aWdfZAG2"),
        ("facebook_comments/comment", "_145001", "_145002"),
        ("facebook_comments/comment-edited", "u rujnu", "u lipnju"),
        ("facebook_comments/reaction", "love", "wow"),
        ("instagram_comments/comment", "18055511220093001", "18055511220093099"),
    ],
)
def test_another_event_has_another_key(sample: str, old: str, new: str) -> None:
    assert changed(sample, old, new).event_id != event_of(sample).event_id


def test_a_comment_that_is_notified_twice_is_one_event() -> None:
    again = changed("instagram_comments/comment", str(AT // 1000 + 2), str(AT // 1000 + 9))
    assert again.event_id == event_of("instagram_comments/comment").event_id


def test_the_same_message_id_on_two_channels_is_two_events() -> None:
    body = body_of("messenger/text").replace(PAGE.encode(), IG.encode())
    (page,), (instagram,) = events_of(body), events_of(body.replace(b'"page"', b'"instagram"'))
    assert (page.message_id, page.account_id) == (instagram.message_id, instagram.account_id)
    assert page.event_id != instagram.event_id


def test_an_echo_is_ours_whatever_its_list_is_called() -> None:
    assert changed("whatsapp/echo-text", '"message_echoes"', '"messages"') == event_of("whatsapp/echo-text")


@pytest.mark.parametrize("sample", ["whatsapp/text", "whatsapp/status-failed"])
def test_a_whatsapp_change_that_names_no_field_is_read_by_what_it_carries(sample: str) -> None:
    assert changed(sample, '"field": "messages"', '"unnamed": 1') == event_of(sample)


def test_a_mention_that_does_not_say_where_it_stands_is_one_by_its_ids() -> None:
    for sample in ("facebook_comments/mention", "facebook_comments/mention-in-comment"):
        assert changed(sample, '"item"', '"unnamed"').model_copy(update={"event_id": ""}) == event_of(
            sample
        ).model_copy(update={"event_id": ""})


def test_what_our_own_account_said_is_never_a_customers() -> None:
    for sample in ("messenger/echo-page-inbox", "instagram/echo"):
        event = changed(sample, '"is_echo": true', '"is_echo": "yes"')
        assert event.from_page_itself
        assert event.contact_ids == event_of(sample).contact_ids


# --- odd shapes


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_with_any_part_missing_or_of_another_type_is_still_read(sample: str) -> None:
    for body in spoilt(json.loads(body_of(sample))):
        for piece in meta_source.split(json.dumps(body).encode("ascii")):
            channel = meta_source.channel_of(piece)
            if channel:
                assert channels.channel(channel).normalise(piece).channel == channel


def spoilt(value: Any) -> list[Any]:
    """The value with each part of it in turn replaced or left out, below the entries."""

    def variants(part: Any) -> list[Any]:
        replaced: list[Any] = [None, True, 7, -1.5, "", "x" * 2000, [], {}, [None], [[]], {"id": {}}]
        if isinstance(part, dict):
            for key in part:
                rest = {other: kept for other, kept in part.items() if other != key}
                replaced += [rest, *({**rest, key: inner} for inner in variants(part[key]))]
        if isinstance(part, list):
            for at, inner in enumerate(part):
                replaced += [[*part[:at], one, *part[at + 1 :]] for one in variants(inner)]
        return replaced

    return [{**value, "entry": [entry]} for entry in variants(value["entry"][0])]


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("piece", [{}, {"entry": []}, {"entry": [{}, {}]}, {"entry": ["x"]}, {"entry": [{"id": "1"}]}])
def test_a_piece_without_an_event_is_malformed(channel: str, piece: dict[str, Any]) -> None:
    with pytest.raises(MalformedPayload):
        channels.channel(channel).normalise(piece)


def test_a_contact_beside_the_event_is_an_alias_only_if_it_is_the_same_person() -> None:
    by_user_id = changed("whatsapp/text-phone-and-user-id", f'"wa_id": "{PHONE}"', '"wa_id": "385000"')
    assert by_user_id.contact_ids == (PHONE, BSUID, "385000")
    body = json.loads(body_of("whatsapp/text-phone-and-user-id"))
    value = body["entry"][0]["changes"][0]["value"]
    del value["messages"][0]["from_user_id"]
    value["contacts"][0]["wa_id"] = "385000"
    (event,) = events_of(json.dumps(body).encode())
    assert event.contact_ids == (PHONE,)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1784060100, 1784060100000),
        (1784060100000, 1784060100000),
        ("1784060100", 1784060100000),
        (1784060100000.0, 1784060100000),
        ("2026-07-14T20:15:00+0000", 1784060100000),
        ("2026-07-14T22:15:00+02:00", 1784060100000),
        ("2026-07-14T20:15:00", None),
        ("yesterday", None),
        ("", None),
        ("１７８４０６０１００", None),
        ("1_784_060_100", None),
        (" 1784060100", None),
        (0, None),
        (1, None),
        (-1784060100, None),
        (1104537599, None),
        (1104537600, 1104537600000),
        (4102444799999, 4102444799999),
        (4102444800000, None),
        (10**30, None),
        (1e300, None),
        (True, None),
        (None, None),
        ([], None),
        ({}, None),
    ],
)
def test_only_a_plausible_absolute_time_is_a_time(value: Any, expected: int | None) -> None:
    assert untrusted.time_ms(value) == expected


@pytest.mark.parametrize(
    ("phone", "language"),
    [("385915550142", "hr"), ("12025550123", "en"), ("37410555012", "hy"), ("46701234567", None), ("US.1349", None)],
)
def test_a_calling_code_hints_at_a_language(phone: str, language: str | None) -> None:
    assert language_of(phone) == language

"""What differs between sources and channels, for the one contract test: a new one is an entry in each of two tables.

How an answer of the platform looks that means success or a refusal, what a sample delivery is, which sample is an echo.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import faulty_server
from afterhours import channels
from afterhours.channels import email_source, wechat_source
from afterhours.channels.contract import Piece
from afterhours.models import Result

EVENTS = Path(__file__).parents[2] / "events"
STANDARD = "whsec_bG9jYWwtZmFrZS1tZW50aW9ucy1zZWNyZXQtMzItYn"  # of Standard Webhooks, without its end


class Source(NamedTuple):
    """`sample` is a delivery with one event, `empty` one with none, `batch` one with several, `odd` one of a kind of
    tomorrow; None where the platform delivers no such thing."""

    header: str  # in which the signature stands, or the query's key
    sample: str
    odd: dict[str, Any]
    empty: dict[str, Any] | None = None
    batch: str | None = None
    secrets: tuple[str, str, str] = ("the-current-secret", "the-previous-secret", "another-s-secret")
    binds_the_body: bool = True
    signed_query: Callable[[bytes, str], dict[str, str]] | None = None  # where the signature stands in the query


SOURCES: dict[str, Source] = {
    "meta": Source(
        "x-hub-signature-256",
        "messenger/text.json",
        {"object": "page", "entry": [{"id": "1234567890", "time": 1784060100000, "messaging": [{"hologram": {}}]}]},
        empty={"object": "page", "entry": []},
        batch="whatsapp/batch-five-contacts.json",
    ),
    "telegram": Source(
        "x-telegram-bot-api-secret-token",
        "telegram/text.json",
        {"update_id": 4300000001, "hologram": {}},
        binds_the_body=False,  # the secret itself stands in the header
    ),
    "line": Source(
        "x-line-signature",
        "line/text.json",
        {"destination": "U1", "events": [{"type": "hologram", "webhookEventId": "01K05T1B2C3D4E5F6G7H8J9K99"}]},
        empty={"destination": "U1", "events": []},
        batch="line/batch-five-contacts.json",
    ),
    "x": Source(
        "x-twitter-webhooks-signature",
        "x/dm.json",
        {"data": {"event_type": "hologram.shown", "event_uuid": "1", "filter": {"user_id": "1"}, "payload": {}}},
        empty={"for_user_id": "1983000000000000001", "direct_message_events": []},
        batch="x/dm-two-formerly.json",
    ),
    "tiktok": Source(
        "tiktok-signature",
        "tiktok/text.json",
        {"event": "hologram", "create_time": 1784060100, "user_openid": "jadran-openid", "content": "{}"},
    ),
    "linkedin": Source(
        "x-li-signature",
        "linkedin/comment.json",
        {"type": "HOLOGRAM_NOTIFICATIONS"},
        empty={"type": "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS", "notifications": []},
        batch="linkedin/batch-of-ten.json",
    ),
    "viber": Source(
        "x-viber-content-signature",
        "viber/text.json",
        {"event": "hologram", "timestamp": 1794391200000, "message_token": 6054321098765432199},
        empty={"event": "webhook", "timestamp": 1794391200000, "message_token": 6054321098765432199},
    ),
    "wechat": Source(
        "signature",
        "wechat/text.xml",
        {"xml": {"MsgType": "event", "Event": "hologram", "FromUserName": "o1", "CreateTime": "1794391200"}},
        binds_the_body=False,  # in plain mode; what is sealed in test_wechat.py
        signed_query=lambda _body, secret: wechat_source.signed_query(secret, "1772618400", "nonce"),
    ),
    "mentions": Source(
        "webhook-signature",
        "mentions/two-mentions.json",
        {"mentions": [{"id": "1", "network": "hologram", "author": {"name": "x"}, "text": "?"}]},
        empty={"mentions": []},
        batch="mentions/two-mentions.json",
        secrets=(STANDARD + "k=", STANDARD + "o=", STANDARD + "s="),
    ),
}


class Channel(NamedTuple):
    """`sent`, `refused` and `unauthorized` are whole answers of the platform; None: nothing leaves this machine.
    `unauthorized_is` says how a 401 ends: not sent where tokens rotate and a new one may be on its way. `throttles` are
    the platform's own words for "too many, not now", by its code, and how many seconds we then wait."""

    account: Mapping[str, Any] = {}  # beside channel, source, app and inbox
    outgoing: Mapping[str, Any] = {}
    token: str = "a-token"
    sent: faulty_server.Behaviour | None = None
    refused: faulty_server.Behaviour | None = None
    unauthorized: faulty_server.Behaviour | None = None
    unauthorized_is: Result = Result.REFUSED
    throttles: Mapping[str, tuple[faulty_server.Behaviour, int]] = {}
    asks: int = 1  # how often at most, where an outcome is unknown
    folder: str = ""  # of events/, where it is not the channel's name
    token_in_address: bool = False  # the platform has no other place for it
    echo: str | None = None  # the sample of what we said ourselves; None: the platform sends none


answer, error = faulty_server.answer, faulty_server.error
NOW_S = 1772618400  # the tests' clock, for answers that name a time
_USAGE = {"1": [{"type": "messenger", "estimated_time_to_regain_access": 5}]}  # minutes
_GRAPH = {"refused": error(100), "unauthorized": error(190, 463, status=401)}
_MESSENGER = answer(200, {"recipient_id": "1", "message_id": "m_1"})
_X_REFUSED = answer(400, {"title": "Invalid Request", "detail": "no", "type": "about:blank", "status": 400})
_X_TOKEN = answer(401, {"title": "Unauthorized", "status": 401, "type": "about:blank"})
_X_RESET = {"x_rate_limit_limit": "15", "x_rate_limit_remaining": "0", "x_rate_limit_reset": str(NOW_S + 120)}
_X_THROTTLES = {"429": (answer(429, {"title": "Too Many Requests", "status": 429}, **_X_RESET), 120)}
_TIKTOK_THROTTLES = {
    code: (answer(200, {"code": int(code), "message": "Too many requests", "data": {}}), 60)
    for code in ("40016", "40064")
}
_TIKTOK = {
    "throttles": _TIKTOK_THROTTLES,
    "refused": answer(200, {"code": 40002, "message": "Param error", "data": {}}),
    "unauthorized": answer(200, {"code": 40105, "message": "Access token is incorrect", "data": {}}),
}
_ROTATES = {"unauthorized_is": Result.NOT_SENT}
_LINKEDIN_REFUSED = answer(400, {"status": 400, "message": "no"})
_SES = {"content_type": "application/json"}


def _limits(**codes: int) -> dict[str, tuple[faulty_server.Behaviour, int]]:
    """Graph's codes, written as _4, and our wait where the answer names none."""
    return {name[1:]: (error(int(name[1:])), wait_s) for name, wait_s in codes.items()}


CHANNELS: dict[str, Channel] = {
    "whatsapp": Channel(
        {"id": "106540352242922"},
        sent=answer(200, {"messages": [{"id": "wamid.1"}]}),
        throttles={"130429": (error(130429, status=429), 5), **_limits(_131056=6, _4=60, _80007=60)},
        echo="echo-text.json",
        **_GRAPH,
    ),
    "messenger": Channel(
        {"id": "1234567890"},
        sent=_MESSENGER,
        throttles={
            "613 and minutes": (error(613, x_business_use_case_usage=json.dumps(_USAGE)), 300),
            **_limits(_613=60, _80006=60),
        },
        echo="echo-own.json",
        **_GRAPH,
    ),
    "instagram": Channel(
        {"id": "17841400000000001", "login": "instagram"},
        sent=_MESSENGER,
        throttles=_limits(_4=60, _80002=60),
        echo="echo.json",
        **_GRAPH,
    ),
    "facebook_comments": Channel(
        {"id": "1234567890"},
        {"handle": "1_2"},
        sent=answer(200, {"id": "1_3"}),
        throttles=_limits(_32=60, _80001=60),
        echo="comment-own.json",
        **_GRAPH,
    ),
    "instagram_comments": Channel(
        {"id": "17841400000000001", "login": "instagram"},
        {"handle": "17900000000000002"},
        sent=answer(200, {"id": "17900000000000003"}),
        throttles=_limits(_17=60, _80002=60),
        echo="comment-own.json",
        **_GRAPH,
    ),
    "webchat": Channel({"id": "shop"}),
    "telegram": Channel(
        token="4200000001:a-token",
        sent=answer(200, {"ok": True, "result": {"message_id": 7}}),
        refused=answer(400, {"ok": False, "error_code": 400, "description": "Bad Request: no"}),
        unauthorized=answer(401, {"ok": False, "error_code": 401, "description": "Unauthorized"}),
        throttles={
            "429": (answer(429, {"ok": False, "error_code": 429, "parameters": {"retry_after": 17}}), 17),
            "429 of a moment": (answer(429, {"ok": False, "error_code": 429, "description": "Too Many Requests"}), 30),
        },
        echo="business-owner-writes.json",
        token_in_address=True,
    ),
    "line": Channel(
        sent=answer(200, {"sentMessages": [{"id": "461230966842064897"}]}),
        refused=answer(400, {"message": "The request body has 1 error(s)"}),
        unauthorized=answer(401, {"message": "Authentication failed"}),
        throttles={"429": (answer(429, {"message": "The API rate limit has been exceeded. Try again later."}), 60)},
        asks=2,  # under one retry key LINE takes it once
    ),
    "x": Channel(
        sent=answer(201, {"data": {"dm_event_id": "2080765901528535096", "dm_conversation_id": "1-2"}}),
        refused=_X_REFUSED,
        unauthorized=_X_TOKEN,
        throttles=_X_THROTTLES,
        echo="dm-own.json",
        **_ROTATES,
    ),
    "x_posts": Channel(
        {},
        {"handle": "2080765901528535096"},
        sent=answer(201, {"data": {"id": "2080765901528535097", "text": "…"}}),
        refused=_X_REFUSED,
        unauthorized=_X_TOKEN,
        throttles=_X_THROTTLES,
        folder="x",
        echo="post-own.json",
        **_ROTATES,
    ),
    "tiktok": Channel(
        sent=answer(200, {"code": 0, "message": "OK", "data": {"message": {"message_id": "tt-1"}}}),
        echo="echo.json",
        **_TIKTOK,
        **_ROTATES,
    ),
    "tiktok_comments": Channel(
        {"page_id": "jadran"},
        {"handle": "7300000000000000999/7300000000000000001"},
        sent=answer(200, {"code": 0, "message": "OK", "data": {"comment_id": "7300000000000000003"}}),
        echo="insert-own.json",
        **_TIKTOK,
        **_ROTATES,
    ),
    "linkedin": Channel(
        {"id": "2414183"},
        {"handle": "urn:li:activity:7090000000000000001"},
        sent=answer(201, b"{}", x_restli_id="urn:li:comment:(activity:7090000000000000001,9)"),
        refused=_LINKEDIN_REFUSED,
        unauthorized=answer(401, {"status": 401, "message": "Invalid access token"}),
        throttles={
            "429": (answer(429, {"status": 429, "code": "TOO_MANY_REQUESTS", "message": "throttle limit"}), 900)
        },
        echo="comment-of-the-page.json",
    ),
    "viber": Channel(
        sent=answer(200, {"status": 0, "status_message": "ok", "message_token": 6054321098765432101}),
        refused=answer(200, {"status": 3, "status_message": "badData"}),
        unauthorized=answer(200, {"status": 2, "status_message": "invalidAuthToken"}),
        throttles={"12": (answer(200, {"status": 12, "status_message": "tooManyRequests"}), 60)},
    ),
    "wechat": Channel(
        {"customer_service": True},
        sent=answer(200, {"errcode": 0, "errmsg": "ok", "msgid": 7}),
        refused=answer(200, {"errcode": 40003, "errmsg": "invalid openid"}),
        unauthorized=answer(200, {"errcode": 40001, "errmsg": "invalid credential"}),
        throttles={
            "45011": (answer(200, {"errcode": 45011, "errmsg": "api minute-quota reach limit"}), 60),
            "-1": (answer(200, {"errcode": -1, "errmsg": "system busy"}), 60),
        },
        token_in_address=True,
        **_ROTATES,
    ),
    "mentions": Channel(),
    "email": Channel(
        {"id": "support@hotel-jadran.example"},
        {"to": "ivana@example.org"},
        sent=answer(200, {"MessageId": "0102018f-1"}, **_SES),
        refused=answer(400, {"message": "no"}, x_amzn_errortype="BadRequestException", **_SES),
        unauthorized=answer(403, {"message": "no"}, x_amzn_errortype="UnrecognizedClientException", **_SES),
        throttles={
            code: (answer(status, {"message": "Rate exceeded"}, x_amzn_errortype=code, **_SES), 30)
            for code, status in (("TooManyRequestsException", 429), ("ThrottlingException", 400))
        },
    ),
}


def _page(name: str, **item: Any) -> dict[str, Any]:
    """A delivery of Meta's with one item."""
    account = {"page": "1234567890", "instagram": "17841400000000001", "whatsapp_business_account": "301552770019984"}
    return {"object": name, "entry": [{"id": account[name], "time": 1784060100, **item}]}


_TALK = {"sender": {"id": "9"}, "recipient": {"id": "8"}, "timestamp": 1784060100000, "hologram": {}}
_NUMBER = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": "106540352242922"}}
_SHOWN = {"from": "385915550142", "id": "wamid.1", "timestamp": "1784060100", "type": "hologram", "hologram": {}}
ODD: dict[str, dict[str, Any]] = {
    "whatsapp": _page(
        "whatsapp_business_account", changes=[{"field": "messages", "value": {**_NUMBER, "messages": [_SHOWN]}}]
    ),
    "messenger": _page("page", messaging=[_TALK]),
    "instagram": _page("instagram", messaging=[_TALK]),
    "facebook_comments": _page("page", changes=[{"field": "feed", "value": {"item": "hologram", "verb": "add"}}]),
    "instagram_comments": _page("instagram", changes=[{"field": "holograms", "value": {"id": "7", "text": "?"}}]),
    "telegram": {"update_id": 4300000001, "message": {"message_id": 7, "date": 1784060100, "hologram": {}}},
    "line": {"destination": "U1", "events": [{"type": "message", "message": {"id": "7", "type": "hologram"}}]},
    "x": {"data": {"event_type": "dm.shown", "event_uuid": "1", "filter": {"user_id": "1"}, "payload": {"text": "?"}}},
    "x_posts": {"data": {"event_type": "post.shown", "event_uuid": "1", "filter": {"user_id": "1"}, "payload": {}}},
    "tiktok": {"event": "im_hologram_msg", "create_time": 1784060100, "user_openid": "jadran-openid", "content": "{}"},
    "tiktok_comments": {
        "event": "comment.update",
        "create_time": 1784060100,
        "user_openid": "jadran-openid",
        "content": json.dumps({"comment_id": 7, "comment_action": "hologram", "text": "?"}),
    },
    "linkedin": {
        "type": "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS",
        "notifications": [{"action": "HOLOGRAM", "notificationId": 7, "lastModifiedAt": 1784060100000}],
    },
    "viber": {
        "event": "message",
        "timestamp": 1794391200000,
        "message_token": 6054321098765432199,
        "sender": {"id": "wB0Xh3tCyFqIuUq8m1pNnA=="},
        "message": {"type": "hologram"},
    },
    "wechat": {"xml": {"MsgType": "hologram", "FromUserName": "o1", "ToUserName": "gh_1", "CreateTime": "1794391200"}},
}  # deliveries of a kind of tomorrow, for each channel that platforms deliver to; mentions are all alike

# Of each unit a letter of more than one byte, and how many units it counts.
LETTER = {"code_points": ("🙂", 1), "utf16": ("🙂", 2), "bytes": ("č", 2), "weighted": ("話", 2)}
FAMILY = "👩\u200d👩\u200d👧"  # one letter to people, of five code points


def of_units(name: str, units: int) -> str:
    """A text of just so many of the channel's units that ends in a letter of many code points."""
    channel = channels.channel(name)
    letter, each = LETTER[channel.TEXT_UNIT]
    left = units - channel.text_units(FAMILY)
    return letter * (left // each) + "a" * (left % each) + FAMILY


def mails() -> list[Piece]:
    """The sample mails as the mail function hands them on: they come through no webhook."""
    found: list[Piece] = []
    for file in sorted((EVENTS / "email").glob("*.eml")):
        head = {"messageId": file.stem, "source": "ivana@example.org", "timestamp": "2026-07-14T20:15:00Z"}
        receipt = {"recipients": ["support@hotel-jadran.example"], "dmarcVerdict": {"status": "PASS"}}
        found += email_source.pieces({"mail": head, "receipt": receipt}, file.read_bytes())
    return found


def visits() -> list[Piece]:
    """What webchat.py puts together out of a session."""
    visitor = {"site": "shop", "visitor_id": "v1", "client_message_id": "01K05T1B2C3D4E5F6G7H8J9K01"}
    return [{**visitor, "text": "Imate li parking?", "sent_ms": 1784060100000}]


OF_NO_WEBHOOK = {"email": mails, "webchat": visits}


def bodies(folder: str) -> list[bytes]:
    """Our own samples of a folder of events/; bombs are for the channel's own tests."""
    return [file.read_bytes() for file in sorted((EVENTS / folder).iterdir()) if "bomb" not in file.name]


def body(name: str) -> bytes:
    return (EVENTS / name).read_bytes()


def encoded(document: Any) -> bytes:
    return json.dumps(document).encode("ascii")

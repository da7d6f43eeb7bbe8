"""Fetching what customers sent: whose hosts are asked, who is shown a token, how much is read and for how long."""

import json
from collections.abc import Iterator
from typing import Any

import faulty_server
import pytest
from afterhours import settings
from afterhours.channels import (
    facebook_comments,
    files,
    instagram,
    messenger,
    tiktok,
    viber,
    webchat,
    wechat,
    whatsapp,
)
from afterhours.channels.contract import Missing, NotFetched
from afterhours.channels.http import Limits
from afterhours.models import Account, Attachment
from faulty_server import FaultyServer, after_request, answer, error, raw, trickle

TOKEN = "EAAJadranToken"
PNG = b"\x89PNG\r\n\x1a\n and so on"
LOOKASIDE = "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1&ext=2&hash=h"
CDN = "https://scontent.xx.fbcdn.net/v/t1.15752-9/1_n.jpg?oh=a&oe=B"
VIBERS = "https://dl-media.viber.com/5/media/2/short/any/sig/image/0x0/95e0/1.jpg?Expires=1&Signature=s"
TIKTOKS = "https://p16-im-sign-sg.tiktokcdn.com/tos-alisg-im/1?x-expires=1&x-signature=s"
SMALL = Limits(connect_s=0.3, total_s=0.6, answer_bytes=1000)


@pytest.fixture(autouse=True)
def _local_stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Only here do the platform's hosts give way to the server of the test."""
    monkeypatch.setenv("AFTERHOURS_LOCAL", "1")
    settings.load.cache_clear()
    yield
    settings.load.cache_clear()


def account(channel: str, base: str | None = None) -> Account:
    return Account(channel=channel, id="106540352242922", app="main", source="meta", inbox="support", api_base=base)


def image(**place: str) -> Attachment:
    return Attachment(type="image", **place)


def of_messenger(base: str | None, url: str = CDN, limits: Limits = SMALL) -> bytes | NotFetched:
    return messenger.fetch(account("messenger", base), TOKEN, image(url=url), limits=limits)


def of_whatsapp(base: str, limits: Limits = SMALL, token: str = TOKEN) -> bytes | NotFetched:
    return whatsapp.fetch(account("whatsapp", base), token, image(id="4711"), limits=limits)


def of_viber(base: str, url: str = VIBERS, limits: Limits = SMALL) -> bytes | NotFetched:
    return viber.fetch(account("viber", base), TOKEN, image(url=url), limits=limits)


def of_tiktok(base: str, token: str = TOKEN, **attachment: str) -> bytes | NotFetched:
    asked = Attachment(**{"type": "image", "id": "Y29udg+/8= tt-1 media-1", **attachment})
    return tiktok.fetch(account("tiktok", base), token, asked, limits=SMALL)


def of_wechat(base: str, token: str = TOKEN, **attachment: str) -> bytes | NotFetched:
    asked = Attachment(**{"type": "image", "id": "media-1", **attachment})
    served = account("wechat", base).model_copy(update={"customer_service": True})
    return wechat.fetch(served, token, asked, limits=SMALL)


def described(**changes: Any) -> faulty_server.Behaviour:
    """Graph's answer to a media id."""
    found = {"messaging_product": "whatsapp", "url": LOOKASIDE, "mime_type": "image/png", "file_size": 9, "id": "4711"}
    return answer(200, {**found, **changes})


# Whose hosts

OURS = {  # address -> what is asked for
    CDN: "/v/t1.15752-9/1_n.jpg?oh=a&oe=B",
    "https://scontent-frt3-1.xx.fbcdn.net/v/x.png": "/v/x.png",
    "https://video.xx.fbcdn.net/v/x.mp4": "/v/x.mp4",
    "https://cdn.fbsbx.com/v/t59.2708-21/1_n.pdf/invoice.pdf?oh=a": "/v/t59.2708-21/1_n.pdf/invoice.pdf?oh=a",
    "https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id=1&signature=s": "/ig_messaging_cdn/?asset_id=1&signature=s",
    "https://scontent.cdninstagram.com/v/x.jpg": "/v/x.jpg",
    "HTTPS://Scontent.XX.FBCDN.net/v/x.jpg": "/v/x.jpg",
    "https://scontent.xx.fbcdn.net?oh=a": "/?oh=a",
    "https://scontent.xx.fbcdn.net": "/",
}
FOREIGN = [
    "http://scontent.xx.fbcdn.net/v/x.png",
    "https://evil.example/x.png",
    "https://evil.example/?.fbcdn.net",
    "https://evil.example/#.fbcdn.net",
    "https://scontent.xx.fbcdn.net.evil.example/x.png",
    "https://evilfbcdn.net/x.png",
    "https://fbcdn.net/x.png",
    "https://evil-cdn.fbsbx.com/x.png",
    "https://fbsbx.com/x.png",
    "https://evil@scontent.xx.fbcdn.net/x.png",
    "https://scontent.xx.fbcdn.net@evil.example/x.png",
    "https://scontent.xx.fbcdn.net:443/x.png",
    "https://scontent.xx.fbcdn.net:8080/x.png",
    "https://scontent.xx.fbcdn.net./x.png",
    "https://evil.example\\@scontent.xx.fbcdn.net/",
    "https://evil.example\\.fbcdn.net/",
    "https://scontent.xx.fbcdn.net/a\\b",
    "https://scontent.xx.fbcdn.net#@evil.example/",
    "https://scontent.xx.fbcdn.net/x y",
    "https://scontent.xx.fbcdn.net/x\r\nHost: evil.example",
    "https://scontent.xx.fbcdn.net/x\n",
    "https://scontent。xx。fbcdn。net/",
    "https://ｓcontent.xx.fbcdn.net/",
    "https:scontent.xx.fbcdn.net/x",
    "https:///scontent.xx.fbcdn.net/x",
    "//scontent.xx.fbcdn.net/x.png",
    "/reel/12345/",
    "https://127.0.0.1/x",
    "https://127.1/x",
    "https://2130706433/x",
    "https://0x7f000001/x",
    "https://[::1]/x",
    "https://[::ffff:169.254.169.254]/x",
    "https://169.254.169.254/latest/meta-data/",
    "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next",
    "https://localhost/x",
    "https://graph.facebook.com/v25.0/me",
    "https://www.facebook.com/photo",
    "file:///proc/self/environ",
    "data:text/html,<script>alert(1)</script>",
    "javascript:alert(1)",
    "https://",
    "",
]


@pytest.mark.parametrize("url", OURS)
@pytest.mark.parametrize("channel", [messenger, instagram])
def test_a_file_on_a_host_of_the_platform_is_fetched_without_a_token(channel: Any, url: str) -> None:
    with FaultyServer(answer(200, PNG)) as platform:
        found = channel.fetch(account(channel.CHANNEL, platform.url), TOKEN, image(url=url), limits=SMALL)
    assert found == PNG
    (received,) = platform.received
    assert received.method == "GET"
    assert "authorization" not in received.headers
    assert received.path == OURS[url]


@pytest.mark.parametrize("url", FOREIGN)
def test_no_other_address_is_asked(url: str) -> None:
    with FaultyServer(answer(200, PNG)) as platform:
        assert of_messenger(platform.url, url) == NotFetched(Missing.NO_FILE, "foreign_address")
        assert of_viber(platform.url, vibers(url)) == NotFetched(Missing.NO_FILE, "foreign_address")
    assert platform.connections == 0


def vibers(url: str) -> str:
    """The same trick with a name of Viber's."""
    return url.replace("scontent.xx.fbcdn.net", "dl-media.viber.com").replace("fbcdn.net", "cdn.viber.com")


@pytest.mark.parametrize("host", ["dl-media.viber.com", "DL-Media.Viber.com", "media-direct.cdn.viber.com"])
def test_a_file_on_a_host_of_vibers_is_fetched_without_a_token(host: str) -> None:
    with FaultyServer(answer(200, PNG)) as platform:
        assert of_viber(platform.url, VIBERS.replace("dl-media.viber.com", host)) == PNG
    [received] = platform.received
    assert (received.method, received.path) == ("GET", VIBERS.removeprefix("https://dl-media.viber.com"))
    assert TOKEN not in str(received)


@pytest.mark.parametrize("host", ["viber.com", "www.viber.com", "chats.viber.com", "dl-media.viber.com.example"])
def test_not_all_that_is_called_viber_hands_out_files(host: str) -> None:
    with FaultyServer(answer(200, PNG)) as platform:
        found = of_viber(platform.url, VIBERS.replace("dl-media.viber.com", host))
    assert (found, platform.connections) == (NotFetched(Missing.NO_FILE, "foreign_address"), 0)


@pytest.mark.parametrize(
    "url", [*(url for url in FOREIGN if url), CDN, "https://cdn.fbsbx.com/x", "https://lookaside.fbsbx.com:1/x"]
)
def test_whatsapps_file_is_fetched_from_its_one_host_whatever_graph_says(url: str) -> None:
    with FaultyServer(described(url=url), answer(200, PNG)) as platform:
        assert of_whatsapp(platform.url) == NotFetched(Missing.UNAVAILABLE, "foreign_address")
    assert platform.connections == 1


def test_the_hosts_give_way_in_the_local_stack_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AFTERHOURS_LOCAL")
    settings.load.cache_clear()
    with FaultyServer(answer(200, PNG)) as platform:
        assert of_messenger(platform.url, "https://evil.example/x") == NotFetched(Missing.NO_FILE, "foreign_address")
        # A name of the platform's that no resolver is asked for: too long for DNS, so it ends on this machine.
        unresolvable = "https://" + "a." * 130 + "fbcdn.net/x"
        assert of_messenger(platform.url, unresolvable) == NotFetched(Missing.UNAVAILABLE, "dns")
    assert platform.connections == 0


def test_an_attachment_that_leads_nowhere_is_no_file() -> None:
    with FaultyServer(answer(200, PNG)) as platform:
        for channel in (messenger, instagram, whatsapp):
            found = channel.fetch(account(channel.CHANNEL, platform.url), TOKEN, image(), limits=SMALL)
            assert isinstance(found, NotFetched)
            assert found.missing is Missing.NO_FILE
    assert platform.connections == 0


def test_the_channels_say_whose_attachments_can_be_fetched() -> None:
    every = (whatsapp, messenger, instagram, viber, tiktok, wechat, webchat, facebook_comments)
    able = [channel for channel in every if "attachments" in getattr(channel, "CAPABILITIES", ())]
    assert able == [whatsapp, messenger, instagram, viber, tiktok, wechat]
    assert [channel for channel in every if hasattr(channel, "fetch")] == able


# Redirects


@pytest.mark.parametrize(
    "location",
    ["https://scontent.cdninstagram.com/v/other.jpg?oh=b", "/v/other.jpg?oh=b", "//cdn.fbsbx.com/v/other.jpg"],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_of_the_platform_is_followed_once(status: int, location: str) -> None:
    with FaultyServer(answer(status, location=location), answer(200, PNG)) as platform:
        assert of_messenger(platform.url) == PNG
    assert [each.path.partition("?")[0] for each in platform.received] == ["/v/t1.15752-9/1_n.jpg", "/v/other.jpg"]


NO_HOST = {"https://", "https:///scontent.xx.fbcdn.net/x"}  # joined to an address they stay on its host
LEADING_AWAY = [url for url in FOREIGN if url.isascii() and "://" in url and "\n" not in url and url not in NO_HOST]


@pytest.mark.parametrize("location", [*LEADING_AWAY, "//evil.example/x", "http://["])
def test_a_redirect_to_any_other_place_is_not_followed(location: str) -> None:
    with FaultyServer(answer(302, location=location), answer(200, PNG)) as platform:
        assert of_messenger(platform.url) == NotFetched(Missing.UNAVAILABLE, "foreign_address")
    assert platform.connections == 1


def test_redirects_without_end_are_given_up() -> None:
    with FaultyServer(answer(302, location=CDN)) as platform:
        assert of_messenger(platform.url) == NotFetched(Missing.UNAVAILABLE, "redirected")
    assert platform.connections == 2


@pytest.mark.parametrize("location", ["https://evil.example/x", CDN, "http://lookaside.fbsbx.com/x"])
def test_a_token_is_not_carried_to_another_host(location: str) -> None:
    with FaultyServer(described(), answer(302, location=location), answer(200, PNG)) as platform:
        assert of_whatsapp(platform.url) == NotFetched(Missing.UNAVAILABLE, "foreign_address")
    assert platform.connections == 2


# WhatsApp: an id, then a file


def test_whatsapps_media_id_leads_to_the_file_and_both_want_the_token_in_a_header() -> None:
    with FaultyServer(described(), answer(200, PNG)) as platform:
        assert of_whatsapp(platform.url) == PNG
    assert [each.path for each in platform.received] == [
        "/v25.0/4711",
        LOOKASIDE.removeprefix("https://lookaside.fbsbx.com"),
    ]
    assert [each.headers["authorization"] for each in platform.received] == [f"Bearer {TOKEN}"] * 2
    assert all(TOKEN not in each.path for each in platform.received)


def test_a_media_id_cannot_leave_its_place_in_the_address() -> None:
    with FaultyServer(error(100, 33)) as platform:
        whatsapp.fetch(account("whatsapp", platform.url), TOKEN, image(id="../me?x=#"), limits=SMALL)
    assert platform.received[0].path == "/v25.0/..%2Fme%3Fx%3D%23"


@pytest.mark.parametrize("token", ["", "a\r\nX-Evil: 1", "žeton"])
@pytest.mark.parametrize("fetch", [of_whatsapp, of_tiktok, of_wechat])
def test_a_token_that_no_header_can_carry_is_not_tried(fetch: Any, token: str) -> None:
    with FaultyServer(described()) as platform:
        assert fetch(platform.url, token=token) == NotFetched(Missing.UNAVAILABLE, "token_invalid")
    assert platform.connections == 0


DESCRIPTIONS: dict[str, tuple[faulty_server.Behaviour, Missing, str]] = {
    "id unknown or expired": (error(100, 33), Missing.GONE, "unknown_media"),
    "token refused": (error(190, status=401), Missing.UNAVAILABLE, "token_invalid"),
    "throttled": (error(4), Missing.UNAVAILABLE, "rate_limited"),
    "throttled without a word": (answer(429), Missing.UNAVAILABLE, "unreadable_answer"),
    "down": (answer(503, b"<html>"), Missing.UNAVAILABLE, "unreadable_answer"),
    "no JSON": (answer(200, b"<html>"), Missing.UNAVAILABLE, "unreadable_answer"),
    "no address": (described(url=None), Missing.UNAVAILABLE, "unreadable_answer"),
    "an address that is none": (described(url=["x"]), Missing.UNAVAILABLE, "unreadable_answer"),
    "redirect": (answer(302, location=LOOKASIDE), Missing.UNAVAILABLE, "unreadable_answer"),
    "too large by its own account": (described(file_size=1001), Missing.TOO_LARGE, "answer_too_large"),
    "too large as digits": (described(file_size="1001"), Missing.TOO_LARGE, "answer_too_large"),
    "silent": (after_request(faulty_server.silent), Missing.UNAVAILABLE, "timeout"),
}


@pytest.mark.parametrize("case", DESCRIPTIONS)
def test_what_graph_says_of_a_media_id_ends_there_where_it_leads_nowhere(case: str) -> None:
    behaviour, missing, reason = DESCRIPTIONS[case]
    with FaultyServer(behaviour, answer(200, PNG)) as platform:
        assert of_whatsapp(platform.url) == NotFetched(missing, reason)
    assert platform.connections == 1


# TikTok: three ids, then a file


def told(url: object = TIKTOKS, code: int = 0) -> faulty_server.Behaviour:
    """TikTok's answer to the ids."""
    return answer(200, {"code": code, "message": "OK", "request_id": "2026", "data": {"download_url": url}})


@pytest.mark.parametrize(("kind", "media_type"), [("image", "IMAGE"), ("video", "VIDEO")])
def test_tiktoks_ids_lead_to_the_file_and_both_want_the_token_in_a_header(kind: str, media_type: str) -> None:
    with FaultyServer(told(), answer(200, PNG)) as platform:
        assert of_tiktok(platform.url, type=kind) == PNG
    asked, fetched = platform.received
    assert (asked.method, asked.path) == ("POST", "/open_api/v1.3/business/message/media/download/")
    assert asked.json == {
        "business_id": "106540352242922", "conversation_id": "Y29udg+/8=", "message_id": "tt-1",
        "media_id": "media-1", "media_type": media_type,
    }  # fmt: skip
    assert (asked.headers["access-token"], fetched.headers["x-user"]) == (TOKEN, TOKEN)
    assert (fetched.method, fetched.path) == ("GET", TIKTOKS.removeprefix("https://p16-im-sign-sg.tiktokcdn.com"))
    assert "access-token" not in fetched.headers


@pytest.mark.parametrize("url", [*(url for url in FOREIGN if url), CDN, "https://tiktokcdn.com.example/x"])
def test_tiktoks_token_goes_to_its_own_hosts_whatever_it_says(url: str) -> None:
    with FaultyServer(told(url), answer(200, PNG)) as platform:
        assert of_tiktok(platform.url) == NotFetched(Missing.UNAVAILABLE, "foreign_address")
    assert platform.connections == 1


@pytest.mark.parametrize("location", ["https://evil.example/x", "https://p19-im-sign-sg.tiktokcdn.com/x"])
def test_tiktoks_token_is_not_carried_to_a_second_host(location: str) -> None:
    with FaultyServer(told(), answer(302, location=location), answer(200, PNG)) as platform:
        assert of_tiktok(platform.url) == NotFetched(Missing.UNAVAILABLE, "foreign_address")
    assert platform.connections == 2


@pytest.mark.parametrize(
    "nothing", [{"id": "media-1"}, {"id": "a b"}, {"id": ""}, {"type": "sticker"}, {"type": "link"}]
)
def test_what_tiktok_gives_no_file_of_is_not_asked_for(nothing: dict[str, str]) -> None:
    with FaultyServer(told()) as platform:
        assert of_tiktok(platform.url, **nothing) == NotFetched(Missing.NO_FILE, "no_media_id")
    assert platform.connections == 0


TOLD: dict[str, tuple[faulty_server.Behaviour, Missing, str]] = {
    "unknown": (told("", 40002), Missing.GONE, "40002"),
    "token run out": (told("", 40105), Missing.UNAVAILABLE, "40105"),
    "not permitted": (told("", 40001), Missing.UNAVAILABLE, "40001"),
    "throttled": (told("", 40016), Missing.UNAVAILABLE, "40016"),
    "its own trouble": (told("", 50000), Missing.UNAVAILABLE, "50000"),
    "an address in spite of a refusal": (told(TIKTOKS, 40105), Missing.UNAVAILABLE, "40105"),
    "no address": (told(None), Missing.UNAVAILABLE, "unreadable_answer"),
    "an address that is none": (told(["x"]), Missing.UNAVAILABLE, "unreadable_answer"),
    "no JSON": (answer(200, b"<html>"), Missing.UNAVAILABLE, "unreadable_answer"),
    "down": (answer(503), Missing.UNAVAILABLE, "unreadable_answer"),
    "redirect": (answer(302, location=TIKTOKS), Missing.UNAVAILABLE, "redirected"),
    "silent": (after_request(faulty_server.silent), Missing.UNAVAILABLE, "timeout"),
}


@pytest.mark.parametrize("case", TOLD)
def test_what_tiktok_says_of_the_ids_ends_there_where_it_leads_nowhere(case: str) -> None:
    behaviour, missing, reason = TOLD[case]
    with FaultyServer(behaviour, answer(200, PNG)) as platform:
        assert of_tiktok(platform.url) == NotFetched(missing, reason)
    assert platform.connections == 1


@pytest.mark.parametrize(
    ("status", "missing"), [(403, Missing.UNAVAILABLE), (404, Missing.GONE), (500, Missing.UNAVAILABLE)]
)
def test_an_address_that_tiktok_has_just_told_is_not_run_out(status: int, missing: Missing) -> None:
    with FaultyServer(told(), answer(status)) as platform:
        assert of_tiktok(platform.url) == NotFetched(missing, str(status))


# WeChat: a media id


def test_wechats_media_id_leads_to_the_file_at_once() -> None:
    with FaultyServer(answer(200, PNG)) as platform:
        assert of_wechat(platform.url, token="a b&c", id="../x?y") == PNG
    [received] = platform.received
    assert (received.method, received.path) == ("GET", "/cgi-bin/media/get?access_token=a%20b%26c&media_id=..%2Fx%3Fy")


GIVEN: dict[str, tuple[faulty_server.Behaviour, Missing, str]] = {
    "over": (answer(200, {"errcode": 40007, "errmsg": "invalid media_id"}), Missing.GONE, "40007"),
    "token run out": (answer(200, {"errcode": 42001}), Missing.UNAVAILABLE, "42001"),
    "not from here": (answer(200, {"errcode": 40164}), Missing.UNAVAILABLE, "40164"),
    "a video": (answer(200, {"video_url": "http://mpvideo.example/a"}), Missing.NO_FILE, "video"),
    "nothing": (answer(200), Missing.UNAVAILABLE, "200"),
    "redirect": (answer(302, location=CDN), Missing.UNAVAILABLE, "302"),
    "down": (answer(503, b"<html>"), Missing.UNAVAILABLE, "503"),
    "too large": (answer(200, b"x" * 1001), Missing.TOO_LARGE, "answer_too_large"),
    "silent": (after_request(faulty_server.silent), Missing.UNAVAILABLE, "timeout"),
}


@pytest.mark.parametrize("case", GIVEN)
def test_what_wechat_says_instead_of_a_file_has_its_reason(case: str) -> None:
    behaviour, missing, reason = GIVEN[case]
    with FaultyServer(behaviour, answer(200, PNG)) as platform:
        assert of_wechat(platform.url) == NotFetched(missing, reason)
    assert platform.connections == 1


def test_without_the_customer_service_wechat_is_not_asked() -> None:
    with FaultyServer(answer(200, PNG)) as platform:
        found = wechat.fetch(account("wechat", platform.url), TOKEN, image(id="media-1"), limits=SMALL)
        nowhere = wechat.fetch(
            account("wechat", platform.url), TOKEN, image(url="http://mmbiz.example/a"), limits=SMALL
        )
    assert {found, nowhere} == {NotFetched(Missing.NO_FILE, "unsupported")}
    assert platform.connections == 0


# How much and for how long

FILES: dict[str, tuple[faulty_server.Behaviour, Missing, str]] = {
    "expired": (answer(403, b"URL signature expired"), Missing.GONE, "403"),
    "not there": (answer(404), Missing.GONE, "404"),
    "gone": (answer(410), Missing.GONE, "410"),
    "unauthorized": (answer(401), Missing.UNAVAILABLE, "401"),
    "throttled": (answer(429), Missing.UNAVAILABLE, "429"),
    "down": (answer(500), Missing.UNAVAILABLE, "500"),
    "a part": (answer(206, PNG), Missing.UNAVAILABLE, "206"),
    "nothing": (answer(200), Missing.UNAVAILABLE, "200"),
    "declared too large": (answer(200, b"x" * 1001), Missing.TOO_LARGE, "answer_too_large"),
    "declared far too large and never sent": (
        raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\nx"), Missing.TOO_LARGE, "answer_too_large"),
    "streamed too large": (raw(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001), Missing.TOO_LARGE, "answer_too_large"),
    "chunked too large": (
        raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"1f4\r\n" + b"x" * 500 + b"\r\n1f5\r\n"
            + b"x" * 501 + b"\r\n0\r\n\r\n"), Missing.TOO_LARGE, "answer_too_large"),
    "cut": (raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nx"), Missing.UNAVAILABLE, "connection_lost"),
    "reset": (after_request(faulty_server.reset), Missing.UNAVAILABLE, "connection_lost"),
    "no HTTP": (raw(b"SSH-2.0-OpenSSH_9.9\r\n"), Missing.UNAVAILABLE, "connection_lost"),
    "silent": (after_request(faulty_server.silent), Missing.UNAVAILABLE, "timeout"),
    "slow-loris": (
        after_request(trickle(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n" + b"x" * 999)),
        Missing.UNAVAILABLE, "timeout"),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_does_not_come_has_its_reason(case: str) -> None:
    behaviour, missing, reason = FILES[case]
    with FaultyServer(behaviour) as platform:
        assert of_messenger(platform.url) == NotFetched(missing, reason)
    assert platform.connections == 1


def test_vibers_address_that_is_no_longer_good_is_gone() -> None:
    for status in (403, 404, 410):
        with FaultyServer(answer(status)) as platform:
            assert of_viber(platform.url) == NotFetched(Missing.GONE, str(status))


def test_a_file_of_just_the_limit_comes_whole() -> None:
    with FaultyServer(answer(200, b"x" * 1000)) as platform:
        assert of_messenger(platform.url) == b"x" * 1000


def test_the_limit_is_four_megabytes_and_all_requests_fit_into_the_functions_time() -> None:
    assert files.FILE_LIMIT == files.LIMITS.answer_bytes == 4 * 1024 * 1024
    assert len(json.dumps("x" * (files.FILE_LIMIT * 4 // 3 + 4))) < 6 * 1024 * 1024  # what Lambda lets through
    assert 3 * (files.LIMITS.total_s + files.LIMITS.connect_s) < 28


def test_nobody_listening_is_no_error_of_ours() -> None:
    nobody = f"http://127.0.0.1:{faulty_server.closed_port()}"
    assert of_messenger(nobody) == NotFetched(Missing.UNAVAILABLE, "connect")


def test_nothing_of_the_environment_reaches_a_fetch(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b", encoding="ascii")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{faulty_server.closed_port()}")
    with FaultyServer(answer(200, PNG, set_cookie="a=b"), answer(200, PNG)) as platform:
        assert [of_messenger(platform.url), of_messenger(platform.url)] == [PNG, PNG]
    sent = {name for received in platform.received for name in received.headers}
    assert not sent & {"authorization", "cookie", "proxy-authorization"}
    assert platform.connections == 2

"""A customer sends a file, an agent looks at it: the bytes come through our API, and neither token nor address does."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from afterhours.stores import secrets
from afterhours.stores.dynamo import to_item
from afterhours_local.http_event import HttpRequest
from afterhours_local.platforms import tiktok as tiktok_fake
from afterhours_local.platforms import viber as viber_fake
from afterhours_local.platforms.email import FakeSes
from afterhours_local.platforms.graph_files import FILE_URL_MS, MEDIA_ID_MS, File
from afterhours_local.platforms.tiktok import FakeTikTok
from afterhours_local.platforms.viber import FakeViber
from botocore.exceptions import ClientError, EndpointConnectionError
from counting import failing
from test_pictures import gif, jpeg, lossy, png
from world import ACCOUNTS, ANA, IVO, PASSWORD, PETRA, WHATSAPP, World

GUEST = "7415500923317748"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"
CHANNELS = ["whatsapp", "messenger", "instagram"]


class Look:
    """An answer of the API: status, headers, bytes."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def code(self) -> str:
        assert self.headers["content-type"] == "application/problem+json"
        return str(json.loads(self.body)["code"])


def send(world: World, file: File, *, channel: str = "whatsapp", text: str = "") -> dict[str, Any]:
    """The customer sends a file; the entry that the agents see of it."""
    contact = PETRA if channel == "whatsapp" else GUEST
    assert world.sandbox.graph.say(channel, ACCOUNTS[channel], contact, text, file=file).status == 200
    world.stack.drain()
    timeline = world.agent(ANA).call("GET", f"/api/threads/{world.name(contact, channel)}")[1]["timeline"]
    return dict(next(entry for entry in reversed(timeline) if entry["attachments"]))


def look(
    world: World, entry: dict[str, Any], *, channel: str = "whatsapp", index: str = "0", token: str | None = None
) -> Look:
    """An agent asks for the file, as the page does: `#` percent-encoded."""
    name = world.name(contact_of(world, channel), channel)
    path = f"/api/threads/{quote(name, safe='')}/attachments/{quote(entry['id'], safe='')}/{index}"
    bearer = world.agent(ANA).token if token is None else token
    answer = world.stack.answer(HttpRequest("GET", path, (("authorization", f"Bearer {bearer}"),)))
    return Look(answer.status, dict(answer.headers), answer.body)


def contact_of(world: World, channel: str) -> str:
    """By what the thread of who sends files there is known."""
    if channel == "tiktok":
        return tiktok(world).conversation(ADDRESSES["tiktok"], GUEST)
    if channel == "email":
        return MARA
    return PETRA if channel == "whatsapp" else GUEST


def viber(world: World) -> FakeViber:
    fake = world.sandbox.others["viber"]
    assert isinstance(fake, FakeViber)
    return fake


def tiktok(world: World) -> FakeTikTok:
    fake = world.sandbox.others["tiktok"]
    assert isinstance(fake, FakeTikTok)
    return fake


def send_there(world: World, channel: str, data: bytes, **how: str) -> dict[str, Any]:
    """The same on Viber or TikTok."""
    fake = viber(world) if channel == "viber" else tiktok(world)
    world.stack.clock.advance(timedelta(seconds=1))
    assert fake.send_file(ADDRESSES[channel], GUEST, data, **how).status == 200
    world.stack.drain()
    name = world.name(contact_of(world, channel), channel)
    timeline = world.agent(ANA).call("GET", f"/api/threads/{name}")[1]["timeline"]
    return dict(next(entry for entry in reversed(timeline) if entry["attachments"]))


ADDRESSES = {"tiktok": "jadran-openid", "viber": "jadran-viber"}  # ours there
PHOTO = File("image", png(640, 480), "image/png")


@pytest.mark.parametrize("channel", CHANNELS)
def test_an_agent_sees_the_picture_that_a_customer_sent(world: World, channel: str) -> None:
    entry = send(world, PHOTO, channel=channel, text="Look")
    [attachment] = entry["attachments"]
    assert (attachment["type"], attachment["available"]) == ("image", True)
    assert attachment.keys() == {"type", "name", "mime_type", "size", "available"}
    seen = look(world, entry, channel=channel)
    assert (seen.status, seen.body) == (200, PHOTO.body)
    assert seen.headers["content-type"] == "image/png"
    assert seen.headers["content-disposition"] == "inline"


@pytest.mark.parametrize(
    ("body", "mime_type"),
    [
        (png(1, 1), "image/png"),
        (jpeg(640, 480), "image/jpeg"),
        (gif(64, 64), "image/gif"),
        (lossy(64, 64), "image/webp"),
    ],
)
def test_a_picture_is_what_its_bytes_say_whatever_the_customer_calls_it(
    world: World, body: bytes, mime_type: str
) -> None:
    seen = look(world, send(world, File("file", body, "text/html", "page.html")))
    assert (seen.headers["content-type"], seen.headers["content-disposition"]) == (mime_type, "inline")


@pytest.mark.parametrize(
    ("file", "named"),
    [
        (File("image", SVG, "image/svg+xml", "logo.svg"), "logo.svg"),
        (File("image", SVG, "image/png"), "image"),
        (File("file", HTML, "text/html", "page.html"), "page.html"),
        (File("image", HTML, "image/jpeg"), "image"),
        (File("image", png(50_000, 50_000), "image/png"), "image"),
        (File("file", b"%PDF-1.7", "application/pdf", "račun.pdf"), "ra_un.pdf"),
        (File("file", b"MZ", name="photo\u202egpj.exe"), "photogpj.exe"),
        (File("file", b"MZ", name="../../etc/passwd"), "_.._etc_passwd"),
        (File("file", b"MZ", name='a"; filename="b.html'), "a_; filename=_b.html"),
        (File("file", b"MZ", name="a\r\nset-cookie: b=c.txt"), "aset-cookie_ b=c.txt"),
        (File("file", b"MZ", name="x" * 150 + ".pdf"), "x" * 100 + ".pdf"),
        (File("file", b"MZ", name="\u200f. ."), "document"),
        (File("file", b"MZ", name="<img src=x onerror=alert(1)>.png"), "_img src=x onerror=alert(1)_.png"),
    ],
)
def test_everything_else_is_a_download_under_a_harmless_name(world: World, file: File, named: str) -> None:
    seen = look(world, send(world, file))
    assert (seen.status, seen.body) == (200, file.body)
    assert seen.headers["content-type"] == "application/octet-stream"
    assert seen.headers["content-disposition"].startswith(f"attachment; filename=\"{named}\"; filename*=UTF-8''")
    assert seen.headers["content-disposition"].isascii()


def test_a_name_keeps_its_letters_in_the_other_form(world: World) -> None:
    seen = look(world, send(world, File("file", b"%PDF-1.7", "application/pdf", "račun 100%.pdf")))
    assert seen.headers["content-disposition"].endswith("filename*=UTF-8''ra%C4%8Dun%20100%25.pdf")


def test_a_file_of_messengers_is_called_by_its_address(world: World) -> None:
    entry = send(world, File("file", b"%PDF-1.7", "application/pdf", "invoice.pdf"), channel="messenger")
    assert 'filename="invoice.pdf"' in look(world, entry, channel="messenger").headers["content-disposition"]


@pytest.mark.parametrize("file", [PHOTO, File("file", HTML, "text/html", "a.html")])
def test_nothing_that_is_handed_out_may_run_or_stay(world: World, file: File) -> None:
    headers = look(world, send(world, file)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert headers["cache-control"] == "no-store"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_each_of_several_attachments_is_asked_for_by_its_place(world: World) -> None:
    entry = send(world, PHOTO, channel="messenger")
    item = next(item for item in world.events(world.pk(GUEST, "messenger")) if item["sk"] == entry["id"])
    link = {"type": "image", "url": "https://evil.example/x.png"}
    world.stack.clients.dynamodb.put_item(
        TableName=world.threads.table, Item=to_item({**item, "attachments": [link, *item["attachments"]]})
    )
    assert look(world, entry, channel="messenger", index="0").code == "unknown_attachment"
    assert look(world, entry, channel="messenger", index="1").body == PHOTO.body


@pytest.mark.parametrize("channel", ["viber", "tiktok"])
def test_an_agent_sees_the_picture_that_a_customer_sent_there(world: World, channel: str) -> None:
    entry = send_there(world, channel, PHOTO.body)
    [attachment] = entry["attachments"]
    assert (attachment["type"], attachment["available"], "url" in attachment) == ("image", True, False)
    seen = look(world, entry, channel=channel)
    assert (seen.status, seen.body, seen.headers["content-type"]) == (200, PHOTO.body, "image/png")


def test_a_file_of_vibers_keeps_its_name_and_a_video_of_tiktoks_is_a_download(world: World) -> None:
    entry = send_there(world, "viber", b"%PDF-1.7", kind="file", name="offer.pdf")
    assert 'filename="offer.pdf"' in look(world, entry, channel="viber").headers["content-disposition"]
    seen = look(world, send_there(world, "tiktok", b"a video", kind="video"), channel="tiktok")
    assert (seen.body, seen.headers["content-disposition"].partition(";")[0]) == (b"a video", "attachment")


def test_each_of_two_pictures_of_a_customer_is_its_own(world: World) -> None:
    for channel in ("viber", "tiktok"):
        first, second = (send_there(world, channel, png(640, width)) for width in (480, 481))
        assert look(world, first, channel=channel).body == png(640, 480)
        assert look(world, second, channel=channel).body == png(640, 481)


# In the mail that it came with

US, MARA = "support@hotel-jadran.example", "mara@customer.example"


def mailed(world: World, *files: File) -> dict[str, Any]:
    """A customer writes a mail with files; the entry that the agents see of it."""
    mail = ses(world).letter(MARA, US, "Look")
    for file in files:
        main, sub = file.mime_type.split("/")
        mail.add_attachment(file.body, maintype=main, subtype=sub, filename=file.name)
    ses(world).take_in(mail.as_bytes(), envelope=MARA, recipients=[US])
    world.stack.drain()
    timeline = world.agent(ANA).call("GET", f"/api/threads/{quote(world.name(MARA, 'email'), safe='')}")[1]["timeline"]
    return dict(next(entry for entry in reversed(timeline) if entry["attachments"]))


def ses(world: World) -> FakeSes:
    fake = world.sandbox.others["email"]
    assert isinstance(fake, FakeSes)
    return fake


def test_an_agent_opens_what_came_with_a_mail(world: World) -> None:
    entry = mailed(world, PHOTO, File("file", b"%PDF-1.7", "application/pdf", "račun 100%.pdf"))
    assert entry["attachments"] == [
        {"type": "image", "name": None, "mime_type": "image/png", "size": len(PHOTO.body), "available": True},
        {"type": "file", "name": "račun 100%.pdf", "mime_type": "application/pdf", "size": 8, "available": True},
    ]
    photo, bill = (look(world, entry, channel="email", index=index) for index in "01")
    assert (photo.status, photo.body, photo.headers["content-type"]) == (200, PHOTO.body, "image/png")
    assert (bill.body, bill.headers["content-type"]) == (b"%PDF-1.7", "application/octet-stream")
    assert bill.headers["content-disposition"].endswith("filename*=UTF-8''ra%C4%8Dun%20100%25.pdf")
    assert look(world, entry, channel="email", index="2").code == "unknown_attachment"


def test_a_file_behind_five_megabytes_is_listed_and_opened(world: World) -> None:
    entry = mailed(world, File("file", b"x" * 7_000_000, name="film.bin"), PHOTO)
    assert look(world, entry, channel="email", index="1").body == PHOTO.body
    large = look(world, entry, channel="email")
    assert (large.status, large.code) == (413, "too_large")
    assert "own app" not in json.loads(large.body)["detail"]


def test_a_page_that_came_with_a_mail_is_a_download_like_every_other(world: World) -> None:
    for file in (File("file", HTML, "text/html", "page.html"), File("image", SVG, "image/svg+xml", "logo.svg")):
        seen = look(world, mailed(world, file), channel="email")
        world.stack.clock.advance(timedelta(seconds=1))
        assert seen.headers["content-type"] == "application/octet-stream"
        assert seen.headers["content-disposition"].startswith(f'attachment; filename="{file.name}"')


def test_a_mail_that_is_no_longer_kept_is_gone(world: World) -> None:
    entry = mailed(world, PHOTO)
    s3, bucket = world.stack.clients.s3, world.stack.outputs["MailBucket"]
    [kept] = s3.list_objects_v2(Bucket=bucket)["Contents"]
    s3.delete_object(Bucket=bucket, Key=kept["Key"])
    seen = look(world, entry, channel="email")
    assert (seen.status, seen.code) == (410, "gone")
    assert "own app" not in json.loads(seen.body)["detail"]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [("AccessDenied", 410, "gone"), ("SlowDown", 503, "unavailable"), ("InternalError", 503, "unavailable")],
)
def test_what_s3_says_of_a_mail(world: World, error: str, status: int, code: str) -> None:
    entry = mailed(world, PHOTO)
    with failing("s3.GetObject", lambda: ClientError({"Error": {"Code": error, "Message": ""}}, "GetObject")):
        seen = look(world, entry, channel="email")
    assert (seen.status, seen.code) == (status, code)


def test_what_has_a_virus_is_named_and_not_handed_out(world: World) -> None:
    mail = ses(world).letter(MARA, US, "Look")
    mail.add_attachment(b"MZ", maintype="application", subtype="octet-stream", filename="a.exe")
    ses(world).take_in(mail.as_bytes(), envelope=MARA, recipients=[US], verdicts={"virus": "FAIL"})
    world.stack.drain()
    name = quote(world.name(MARA, "email"), safe="")
    [entry] = world.agent(ANA).call("GET", f"/api/threads/{name}")[1]["timeline"]
    assert [(each["name"], each["available"]) for each in entry["attachments"]] == [("a.exe", False)]
    assert look(world, entry, channel="email").code == "unknown_attachment"


# What cannot be had


def test_vibers_address_is_good_for_an_hour(world: World) -> None:
    entry = send_there(world, "viber", PHOTO.body)
    world.wait(viber_fake.FILE_MS / 1000 - 1)
    assert look(world, entry, channel="viber").status == 200
    world.wait(2)
    assert look(world, entry, channel="viber").code == "gone"


def test_tiktok_is_asked_anew_each_time_and_not_with_another_accounts_token(world: World) -> None:
    entry = send_there(world, "tiktok", PHOTO.body)
    world.wait(tiktok_fake.FILE_MS / 1000 + 1)
    assert look(world, entry, channel="tiktok").status == 200
    known = tiktok(world).account("tiktok", ADDRESSES["tiktok"])
    tiktok(world).register(replace(known, token="of-another-account"))
    seen = look(world, entry, channel="tiktok")
    tiktok(world).register(known)
    assert (seen.status, seen.code) == (502, "unavailable")


def test_a_file_of_another_conversation_is_not_given_to_who_names_it_here(world: World) -> None:
    entry = send_there(world, "tiktok", PHOTO.body)
    pk = world.pk(contact_of(world, "tiktok"), "tiktok")
    item = next(item for item in world.events(pk) if item["sk"] == entry["id"])
    foreign = {**item["attachments"][0], "id": f"another {item['attachments'][0]['id'].partition(' ')[2]}"}
    world.stack.clients.dynamodb.put_item(
        TableName=world.threads.table, Item=to_item({**item, "attachments": [foreign]})
    )
    assert look(world, entry, channel="tiktok").code == "gone"


def test_a_file_of_more_than_four_megabytes_is_left_to_the_platforms_own_app(world: World) -> None:
    for channel in CHANNELS:
        seen = look(world, send(world, File("video", b"x" * (4 * 1024 * 1024 + 1)), channel=channel), channel=channel)
        assert (seen.status, seen.code) == (413, "too_large")
        assert "own app" in json.loads(seen.body)["detail"]


def test_a_file_of_four_megabytes_comes_whole(world: World) -> None:
    whole = png(640, 480) + b"\0" * (4 * 1024 * 1024 - len(png(640, 480)))
    assert look(world, send(world, File("image", whole))).body == whole


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_file_that_the_platform_has_no_more_is_gone(world: World, channel: str) -> None:
    entry = send(world, PHOTO, channel=channel)
    world.wait(max(MEDIA_ID_MS, FILE_URL_MS) / 1000 + 1)
    seen = look(world, entry, channel=channel)
    assert (seen.status, seen.code) == (410, "gone")


def test_a_token_that_the_platform_refuses_is_no_fault_of_the_agents(world: World, token_of_yesterday: None) -> None:
    seen = look(world, send(world, PHOTO))
    assert (seen.status, seen.code) == (502, "unavailable")


@pytest.fixture
def token_of_yesterday(world: World) -> Iterator[None]:
    ssm, name = world.stack.clients.ssm, f"/{world.stack.stack_name}/token/whatsapp/{WHATSAPP}"
    good = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    ssm.put_parameter(Name=name, Value='{"token": "of-yesterday"}', Type="SecureString", Overwrite=True)
    yield
    ssm.put_parameter(Name=name, Value=good, Type="SecureString", Overwrite=True)
    secrets.clear()


def test_a_platform_out_of_reach_is_a_502_and_tables_out_of_reach_are_a_503(world: World) -> None:
    entry = send(world, PHOTO)
    with world.platform_at("http://127.0.0.1:9"):
        assert (look(world, entry).status, look(world, entry).code) == (502, "unavailable")
    with failing("dynamodb.GetItem", lambda: EndpointConnectionError(endpoint_url="dynamodb"), after=1):
        seen = look(world, entry)
    assert (seen.status, seen.code) == (503, "unavailable")


@pytest.mark.parametrize(
    ("event", "index"),
    [
        (None, "1"), (None, "00000"), (None, "-1"), (None, "x"), (None, "٠"),
        ("#", "0"), ("E#0000000000000#I#nothing", "0"), ("E#0000000000000#O#01K05T1B2C3D4E5F6G7H8J9KMN", "0"),
        ("N#0000000000000#x", "0"), ("x" * 2000, "0"),
    ],
)  # fmt: skip
def test_an_attachment_that_there_is_not_is_unknown(world: World, event: str | None, index: str) -> None:
    entry = send(world, PHOTO)
    seen = look(world, {"id": event} if event else entry, index=quote(index))
    assert (seen.status, seen.code) == (404, "unknown_attachment")


def test_a_message_without_attachments_and_an_automatic_reply_have_none(world: World) -> None:
    world.say("Hello")
    timeline = world.agent(ANA).call("GET", f"/api/threads/{world.name()}")[1]["timeline"]
    assert len(timeline) == 2
    for entry in timeline:
        assert look(world, entry).code == "unknown_attachment"


def test_a_message_that_its_author_took_back_has_no_file_any_more(world: World) -> None:
    entry = send(world, PHOTO, channel="messenger")
    item = next(item for item in world.events(world.pk(GUEST, "messenger")) if item["sk"] == entry["id"])
    deleted = {"mid": item["message_id"], "is_deleted": True}
    message = {"sender": {"id": GUEST}, "recipient": {"id": ACCOUNTS["messenger"]}, "timestamp": world.now_ms}
    page = {"id": ACCOUNTS["messenger"], "time": world.now_ms, "messaging": [{**message, "message": deleted}]}
    assert world.deliver({"object": "page", "entry": [page]}) == 200
    world.stack.drain()
    assert look(world, entry, channel="messenger").code == "unknown_attachment"


# Who may


def test_another_inboxs_agent_learns_nothing(world: World) -> None:
    entry = send(world, PHOTO)
    world.threads.update(world.pk(), "#", "SET #inbox = :other", when="attribute_exists(#pk)", other="billing")
    asked = len(world.sandbox.graph.calls)
    for client in (ANA, IVO):
        seen = look(world, entry, token=world.agent(client).token)
        assert (seen.status, seen.code) == (404, "unknown_thread")
    assert len(world.sandbox.graph.calls) == asked


def test_whoever_is_no_agent_gets_nothing(world: World) -> None:
    entry = send(world, PHOTO)
    asked = len(world.sandbox.graph.calls)
    id_token = world.stack.user_pool.sign_in(ANA, PASSWORD).id_token
    assert look(world, entry, token=id_token).status in (401, 403)
    assert look(world, entry, token="").status == 401
    nobody = look(world, entry, token=world.agent("nobody@example.org").token)
    assert (nobody.status, nobody.code) == (403, "not_an_agent")
    assert len(world.sandbox.graph.calls) == asked


# What is seen on the way


def test_no_token_and_no_signed_address_stands_in_a_url_a_log_or_the_timeline(
    world: World, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    tokens = [value for name, value in world.sandbox.secrets.items() if "TOKEN" in name]
    assert tokens
    shown = []
    for channel in CHANNELS:
        entry = send(world, File("file", b"%PDF-1.7", "application/pdf", "canary-name.pdf"), channel=channel)
        assert look(world, entry, channel=channel).status == 200
        shown.append(json.dumps(entry))
    paths = [call.path for call in world.sandbox.graph.calls if call.method == "GET"]
    assert len(paths) == 4  # WhatsApp's id, and three files
    logged = capsys.readouterr().out + "".join(str(vars(record)) for record in caplog.records)
    assert "fetched" in {record.message for record in caplog.records}
    assert not [token for token in tokens if token in "".join([*paths, *shown, logged])]
    assert not [word for word in ("oh=", "signature", "hash=", "fbsbx", "canary-name") if word in logged]
    assert not [word for word in ("oh=", "signature", "hash=", "fbsbx", "http") if word in "".join(shown)]

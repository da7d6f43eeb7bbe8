"""What is read of a mail, and when it is not answered."""

import base64
import json
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from afterhours.channels import email as channel
from afterhours.channels import email_source, files, mail_files, mail_rules, mail_text
from afterhours.channels.contract import MalformedPayload, Missing, NotFetched
from afterhours.models import Attachment, Event, Kind

US = "support@hotel.example"
EVENTS = Path(__file__).parents[2] / "events/email"


def notice(**mail: Any) -> dict[str, Any]:
    whole = {"messageId": "ses1", "source": "mara@customer.example", "timestamp": "2026-11-11T10:00:00.000Z", **mail}
    judged = {f"{name}Verdict": {"status": "PASS"} for name in ("spam", "virus", "dmarc")}
    return {"notificationType": "Received", "mail": whole, "receipt": {"recipients": [US], **judged}}


def letter(text: str = "Is the pool open?", **headers: str) -> EmailMessage:
    mail = EmailMessage()
    whole = {"From": "Mara <mara@customer.example>", "To": US, "Subject": "Pool", "Message-ID": "<m1@customer.example>"}
    for name, value in {**whole, **{name.replace("_", "-"): value for name, value in headers.items()}}.items():
        mail[name] = value
    mail.set_content(text)
    return mail


def read(raw: bytes, *, key: str | None = None, **mail: Any) -> Event:
    [piece] = email_source.pieces(notice(**mail), raw, key)
    assert len(json.dumps(piece)) < 200 * 1024
    return channel.normalise(json.loads(json.dumps(piece)))


def test_our_own_samples_are_read() -> None:
    samples = {path.name: path.read_bytes() for path in EVENTS.glob("*.eml")}
    assert read(samples["question.eml"]).text == "Parkplatz\n\nGuten Tag, gibt es einen Parkplatz für Busse?"
    assert read(samples["out-of-office.eml"]).unanswered == "auto_submitted"
    assert read(samples["newsletter.eml"]).unanswered == "list_mail"
    bounced = read(samples["bounce.eml"], source="")
    assert (bounced.kind, bounced.subkind, bounced.error_codes) == (Kind.STATUS, "failed", (511,))
    assert bounced.correlator == "a" * 26 + "/E#1794391200000#O#01K9RB3J000000000000000001"


def test_who_wrote_is_from_where_dmarc_vouches_for_it_else_the_envelope() -> None:
    raw = letter().as_bytes()
    vouched = read(raw, source="bounce+77@relay.example")
    assert (vouched.contact_ids, vouched.sender_id) == (("mara@customer.example",), "mara@customer.example")
    bare = notice(source="MARA=x@relay.example")
    bare["receipt"]["dmarcVerdict"] = {"status": "GRAY"}
    [piece] = email_source.pieces(bare, raw)
    assert channel.normalise(piece).contact_ids == ("mara=x@relay.example",)
    assert json.loads(channel.normalise(piece).handle or "")["envelope"] == "mara=x@relay.example"


def test_every_address_of_ours_has_its_own_event() -> None:
    both = notice()
    both["receipt"]["recipients"] = [US, "sales@hotel.example", US.upper(), "not an address"]
    found = email_source.pieces(both, letter().as_bytes())
    assert [piece["recipient"] for piece in found] == [US, "sales@hotel.example"]


@pytest.mark.parametrize(
    ("headers", "reason", "for_person"),
    [
        ({"Auto_Submitted": "auto-replied"}, "auto_submitted", False),
        ({"Auto_Submitted": "AUTO-NOTIFIED (vacation); x=y"}, "auto_submitted", False),
        ({"Auto_Submitted": "no"}, None, False),
        ({"Precedence": "Junk"}, "bulk_mail", False),
        ({"Precedence": "first-class"}, None, False),
        ({"List_Post": "<mailto:l@x.example>"}, "list_mail", False),
        ({"X_Mail_Autoreply": "1"}, "auto_reply", False),
        ({"X_Auto_Response_Suppress": "DR, RN"}, None, False),
        ({"X_Auto_Response_Suppress": "All"}, "asks_for_no_reply", True),
        ({"From": "MAILER-DAEMON@customer.example"}, "bounce", False),
        ({"From": "owner-list@customer.example"}, "no_reply_address", False),
        ({"From": "list-request@customer.example"}, "no_reply_address", False),
        ({"From": "do-not-reply@customer.example"}, "no_reply_address", False),
        ({"From": f"Hotel <{US}>"}, "our_own", False),
        ({"To": "x@customer.example"}, "not_addressed", True),
        ({"To": "x@customer.example", "Cc": f"Hotel <{US.upper()}>"}, None, False),
    ],
)
def test_the_rules(headers: dict[str, str], reason: str | None, for_person: bool) -> None:
    event = read(letter(**headers).as_bytes())
    assert (event.unanswered, event.for_person) == (reason, for_person)


@pytest.mark.parametrize("envelope", ["", "<>", None, "MAILER-DAEMON@x.example"])
def test_an_empty_envelope_is_a_bounce(envelope: str | None) -> None:
    assert read(letter().as_bytes(), source=envelope).unanswered == "bounce"


def test_read_receipts_and_calendar_replies_are_not_answered() -> None:
    receipt, reply = "message/disposition-notification", "text/calendar; method=REPLY"
    for kind, reason in ((receipt, "read_receipt"), (reply, "calendar_reply")):
        body = b"BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nEND:VCALENDAR\r\n"
        raw = (
            (
                f"From: mara@customer.example\r\nTo: {US}\r\nMIME-Version: 1.0\r\n"
                f'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: {kind}\r\n\r\n'
            ).encode()
            + body
            + b"--b--\r\n"
        )
        assert read(raw).unanswered == reason


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Yes.\n\nOn Wed, 11 Nov 2026 at 10:00, Hotel <s@h.example> wrote:\n> Hello\n> there\n", "Yes."),
        ("Ja.\n\nAm Mi., 11. Nov. 2026 um 10:00 schrieb Hotel <s@h.example>:\n\n> Hallo", "Ja."),
        ("Oui.\n\nLe mer. 11 nov. 2026 à 10:00, Hotel <s@h.example> a écrit :\n> Bonjour", "Oui."),
        ("Da.\n\nDana sri, 11. stu 2026. u 10:00 Hotel <s@h.example> je napisao:\n> Bok", "Da."),
        ("Yes.\n\n-----Original Message-----\nFrom: Hotel\nHello", "Yes."),
        ("Yes.\n\n______________\nFrom: Hotel <s@h.example>\nSent: Wednesday\nTo: Mara\n\nHello", "Yes."),
        ("Ja.\n\nVon: Hotel <s@h.example>\nGesendet: Mittwoch\nAn: Mara\n\nHallo", "Ja."),
        ("On Wed, 11 Nov 2026, Hotel wrote:\n> When?\nAt noon.\n> Where?\nHere.", "At noon.\nHere."),
        ("> only\n> quoted", "> only\n> quoted"),
        ("From: the station it is far.\nReally.", "From: the station it is far.\nReally."),
        ("No history here.", "No history here."),
        ("Yes.\n\nOn Wed, 11 Nov 2026 at 10:00,\nHotel <s@h.example> wrote:\n> Hello", "Yes."),
        ("Tak.\n\nśr., 11 lis 2026 o 10:00 Hotel <s@h.example> napisał(a):\n\n> Witam", "Tak."),
        ("Да.\n\nср, 11 нояб. 2026 г. в 10:00, Hotel\n<s@h.example>:\n\n> Привет", "Да."),
        (
            "The train of 11.11.2026 leaves at 10:00, that is:\ntoo early.",
            "The train of 11.11.2026 leaves at 10:00, that is:\ntoo early.",
        ),
        ("Да.\n\nОт: Hotel <s@h.example>\nОтправлено: среда\nКому: Mara\n\nПривет", "Да."),
        ("Sim.\n\nDe: Hotel <s@h.example>\nEnviada em: quarta-feira\nPara: Mara\n\nOlá", "Sim."),
        ("Ja.\n\nFra: Hotel <s@h.example>\nSendt: onsdag\nTil: Mara\n\nHej", "Ja."),
    ],
)
def test_the_history_below_is_left_out(text: str, said: str) -> None:
    event = read(letter(text, In_Reply_To="<x@y.example>").as_bytes())
    assert event.text == said


@pytest.mark.parametrize(
    ("declared", "data"),
    [
        ("", "Grüße".encode()),
        ("", "Grüße".encode("latin-1")),
        ("; charset=us-ascii", "Grüße".encode()),
        ("; charset=utf8mb4", "Grüße".encode()),
        ("; charset=unknown-8bit", "Grüße".encode("latin-1")),
        ("; charset=iso-8859-15", "Grüße".encode("latin-1")),
        ("; charset=base64", "Grüße".encode()),
    ],
)
def test_a_text_is_read_although_its_charset_is_missing_or_wrong(declared: str, data: bytes) -> None:
    head = f"From: mara@customer.example\nTo: {US}\nContent-Type: text/plain{declared}\n\n"
    assert read(head.encode() + data).text == "Grüße"


def test_what_calls_itself_latin_1_is_read_as_windows_has_it() -> None:
    head = f"From: mara@customer.example\nTo: {US}\nContent-Type: text/plain; charset=iso-8859-1\n\n"
    assert read(head.encode() + b"\x93100 \x80\x94").text == "“100 €”"


def test_a_mail_that_is_cut_within_a_letter_is_read_up_to_it() -> None:
    head = f"From: mara@customer.example\nTo: {US}\nContent-Type: text/plain\n\n"
    assert read(head.encode() + "Grüß".encode()[:-1]).text == "Grü"


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\r\n\r\n"])
def test_what_stands_before_the_head_does_no_harm(before: bytes) -> None:
    assert read(before + letter().as_bytes()).text == "Pool\n\nIs the pool open?"


def test_a_calendar_s_reply_is_known_also_where_it_is_encoded() -> None:
    part = base64.b64encode(b"BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nEND:VCALENDAR\r\n")
    head = f"From: mara@customer.example\r\nTo: {US}\r\nContent-Type: text/calendar; method=REPLY\r\n"
    assert read(head.encode() + b"Content-Transfer-Encoding: base64\r\n\r\n" + part).unanswered == "calendar_reply"


@pytest.mark.parametrize("listed", [[], [{"name": "from", "value": "Mara <mara@customer.example>"}]])
def test_a_notice_without_the_mail_is_read_by_what_ses_says_of_its_headers(listed: list[Any]) -> None:
    common = {"from": ["Mara <mara@customer.example>"], "to": [US], "subject": "Pool", "messageId": "<m1@x.example>"}
    [piece] = email_source.pieces(notice(headers=listed, commonHeaders=common), None)
    event = channel.normalise(piece)
    assert (event.sender_id, event.contact_name, event.text) == ("mara@customer.example", "Mara", "Pool")
    assert (event.message_id, event.unanswered) == ("<m1@x.example>", None)


def test_a_mail_of_ours_is_known_by_the_id_that_ses_gave_it() -> None:
    ours = "0107019a00000001-0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0-000000"
    event = read(letter(References=f"<a@b.example> <{ours}@eu-central-1.amazonses.com>").as_bytes())
    assert event.reply_to_id == ours
    assert json.loads(event.handle or "")["ids"][-1] == "<m1@customer.example>"


def parts(number: int) -> bytes:
    head = b'From: a@b.example\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    return head + b"--b\r\nContent-Type: image/png\r\n\r\nx\r\n" * number


STRANGE = {
    "nothing": b"",
    "zeros": b"\x00" * 5_000,
    "an unknown charset": b"From: a@b.example\r\nContent-Type: text/plain; charset=klingon-8\r\n\r\n\xff\xfe pool",
    "a broken encoding": b"From: a@b.example\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!",
    "a broken address": b'From: "a <b@>,,@@;\r\nTo: :;@\r\n\r\npool',
    "a broken date": b"From: a@b.example\r\nDate: 99 Foo 99999999999\r\n\r\npool",
    "broken words": b"From: =?utf-8?q?=80=ff?= <a@b.example>\r\nSubject: =?x?b?!!?= =?utf-8?b?//8=?=\r\n\r\npool",
    "no end of nesting": b"From: a@b.example\r\n"
    + b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(400))
    + b"\r\npool",
    "a thousand parts": parts(1_000),
    "cut in the middle": letter("pool " * 2_000).as_bytes()[:3_000],
    "a megabyte of headers": b"".join(b"X-%d: %s\r\n" % (n, b"y" * 900) for n in range(1_000)) + b"\r\npool",
    "html that never ends": b"From: a@b.example\r\nContent-Type: text/html\r\n\r\n" + b"<div " * 20_000,
    "a bad declaration": b"From: a@b.example\r\nContent-Type: text/html\r\n\r\n<![x[<!-- pool",
    "astral": b"From: a@b.example\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + "\U0001f3ca".encode() * 40_000,
    "a report of nothing": b'From: a@b.example\r\nContent-Type: multipart/report; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: message/delivery-status\r\n\r\n\r\n--b--",
}


@pytest.mark.parametrize(
    "raw",
    [
        *(pytest.param(raw, id=name) for name, raw in STRANGE.items()),
        pytest.param(parts(10_000), id="ten thousand parts", marks=pytest.mark.proof),
    ],
)
def test_the_strangest_mail_is_an_event_that_fits_a_queue(raw: bytes) -> None:
    event = read(raw)
    assert event.kind is Kind.MESSAGE
    assert len(event.text or "") <= mail_text.TEXT_KEPT + 1_002
    assert event.model_dump_json()


# Files

KEY = "mail/ses1"


def sent_along(mail: EmailMessage) -> list[Attachment]:
    return list(read(mail.as_bytes(), key=KEY).attachments)


def with_file(name: str | None, kind: str = "application/pdf", data: bytes = b"%PDF-1.7", **how: Any) -> EmailMessage:
    mail = letter()
    main, sub = kind.split("/")
    mail.add_attachment(data, maintype=main, subtype=sub, filename=name, **how)
    return mail


def test_every_file_of_a_mail_is_listed_and_had_by_its_number() -> None:
    mail = with_file("račun.pdf")
    mail.add_attachment(b"\x89PNG\r\n\x1a\n\x00\xff", maintype="image", subtype="png", filename="room.png")
    mail.add_attachment("a,b\n", subtype="csv", filename="list.csv")
    mail.add_attachment(letter("forwarded"))
    found = sent_along(mail)
    assert [(each.type, each.name, each.mime_type) for each in found] == [
        ("file", "račun.pdf", "application/pdf"),
        ("image", "room.png", "image/png"),
        ("file", "list.csv", "text/csv"),
        ("file", "mail.eml", "message/rfc822"),
    ]
    bodies = [channel.file_of(mail.as_bytes(), each) for each in found]
    assert bodies[:3] == [b"%PDF-1.7", b"\x89PNG\r\n\x1a\n\x00\xff", b"a,b\n"]
    assert isinstance(bodies[3], bytes)
    assert b"Subject: Pool" in bodies[3]
    assert [each.size for each in found] == [len(body) for body in bodies if isinstance(body, bytes)]


@pytest.mark.parametrize("boundary", [b"c", b"\xff", "č".encode(), b"=?utf-8?q?=C4=8D?="])
def test_a_mail_keeps_its_text_whatever_the_mail_within_it_is(boundary: bytes) -> None:
    mail, within = letter(), letter("forwarded")
    within.add_attachment(b"x", maintype="image", subtype="png")
    within.set_boundary("BOUNDARY")
    mail.add_attachment(within)
    raw = mail.as_bytes().replace(b"BOUNDARY", boundary)
    event = read(raw, key=KEY)
    [found] = event.attachments
    body = channel.file_of(raw, found)
    assert event.text == "Pool\n\nIs the pool open?"
    assert isinstance(body, bytes)
    assert (len(body), b"Subject: Pool" in body, b"forwarded" in body) == (found.size, True, True)


def test_what_a_mail_says_and_what_programs_sign_are_no_files() -> None:
    mail = letter()
    mail.add_alternative("<p>Is the pool open?</p>", subtype="html")
    mail.make_mixed()
    for kind in ("pgp-signature", "pkcs7-signature", "x-pkcs7-signature"):
        mail.add_attachment(b"x", maintype="application", subtype=kind, filename="smime.p7s")
    assert sent_along(mail) == []
    assert sent_along(with_file(None, "text/plain", b"log")) != []  # said to be an attachment


def pictured(
    size: int, text: str = "See below.", disposition: str = "inline", named: str = "logo@hotel"
) -> EmailMessage:
    """A mail whose text shows a picture within itself."""
    mail = letter(text)
    mail.add_alternative(f'<p>{text}</p><img src="cid:logo@hotel">', subtype="html")
    html = mail.get_payload(1)
    assert isinstance(html, EmailMessage)
    html.add_related(b"x" * size, "image", "png", cid=f"<{named}>", disposition=disposition, filename="image001.png")
    return mail


def test_a_small_picture_within_the_text_is_a_signatures_unless_nothing_else_is_there() -> None:
    for disposition in ("inline", "attachment"):  # programs differ
        assert sent_along(pictured(mail_files.LOGO - 1, disposition=disposition)) == []
    assert [each.name for each in sent_along(pictured(mail_files.LOGO - 1, text=""))] == ["image001.png"]
    beside = pictured(100, text="")
    beside.make_mixed()
    beside.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="offer.pdf")
    assert [each.name for each in sent_along(beside)] == ["offer.pdf"]


def test_a_screenshot_in_the_text_was_sent_and_so_was_what_the_text_does_not_show() -> None:
    assert [each.name for each in sent_along(pictured(mail_files.LOGO))] == ["image001.png"]
    assert [each.name for each in sent_along(pictured(100, named="photo@phone"))] == ["image001.png"]
    plain = letter("From my phone")  # such phones call every photo inline
    plain.add_attachment(b"x" * 100, maintype="image", subtype="jpeg", filename="IMG_1.jpg", disposition="inline")
    assert [each.name for each in sent_along(plain)] == ["IMG_1.jpg"]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('filename="offer.pdf"', "offer.pdf"),
        ("filename*=utf-8''ra%C4%8Dun.pdf", "račun.pdf"),
        ('filename="=?utf-8?b?cmHEjXVuLnBkZg==?="', "račun.pdf"),
        ("filename*=utf-8''photo%E2%80%AEgpj.exe", "photogpj.exe"),
        ("filename*=utf-8''a%00b%0Ac%0D%1B%5B31m.txt", "a\ufffdbc[31m.txt"),
        ('filename="../../etc/passwd"', "../../etc/passwd"),  # made harmless where it is handed out
        ('filename="' + "x" * 400 + '.pdf"', "x" * 129 + "…" + "x" * 16 + ".pdf"),
        ('filename=""', None),
        ("filename*=klingon''%FF%FE.txt", "\ufffd\ufffd.txt"),
        ("", None),
    ],
)
def test_a_name_is_one_line_that_can_be_shown(header: str, name: str | None) -> None:
    raw = with_file("NAME").as_bytes().replace(b'filename="NAME"', header.encode())
    [found] = read(raw, key=KEY).attachments
    assert found.name == name
    assert channel.file_of(raw, found) == b"%PDF-1.7"


@pytest.mark.parametrize(
    ("written", "kind", "mime_type"),
    [
        ("IMAGE/PNG", "image", "image/png"),
        ("video/mp4; codecs=x", "video", "video/mp4"),
        ("image/svg+xml", "image", "image/svg+xml"),
        ("image/<script>alert(1)</script>", "file", "text/plain"),  # two slashes
        ("image/<script>", "file", "application/octet-stream"),
        ("image/" + "x" * 300, "file", "application/octet-stream"),
        ("nonsense", "file", "text/plain"),
        ("multipart/mixed", "file", "multipart/mixed"),  # without a boundary
        ("", "file", "text/plain"),
    ],
)
def test_a_type_is_one_or_none(written: str, kind: str, mime_type: str) -> None:
    raw = with_file("a").as_bytes().replace(b"Content-Type: application/pdf", f"Content-Type: {written}".encode())
    [found] = read(raw, key=KEY).attachments
    assert (found.type, found.mime_type) == (kind, mime_type)


def test_of_very_many_files_the_first_are_listed() -> None:
    mail = letter()
    for number in range(60):
        mail.add_attachment(b"x", maintype="application", subtype="pdf", filename=f"{number}.pdf")
    found = sent_along(mail)
    assert [each.name for each in found] == [f"{number}.pdf" for number in range(mail_files.MOST)]


def test_a_file_deep_within_is_listed_and_one_deeper_than_any_program_nests_is_not() -> None:
    def nested(depth: int) -> bytes:
        head = b"".join(
            b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(depth)
        )
        return b"From: a@b.example\r\n" + head + b"Content-Type: image/png\r\n\r\nx\r\n"

    assert [each.type for each in read(nested(mail_text.DEPTH), key=KEY).attachments] == ["image"]
    assert read(nested(mail_text.DEPTH + 2), key=KEY).attachments == ()


def test_a_file_of_a_mail_that_is_not_kept_or_has_a_virus_is_named_and_not_given() -> None:
    raw = with_file("a.pdf").as_bytes()
    infected = notice()
    infected["receipt"]["virusVerdict"] = {"status": "FAIL"}
    [piece] = email_source.pieces(infected, raw, KEY)
    for event in (read(raw), channel.normalise(piece)):
        [found] = event.attachments
        assert (found.name, found.id) == ("a.pdf", None)
        assert channel.file_of(raw, found) == NotFetched(Missing.NO_FILE, "no_such_part")


@pytest.mark.parametrize("number", ["0", "2", "99", "7000"])
def test_a_number_that_is_no_files_gives_none_of_another(number: str) -> None:
    raw = with_file("a.pdf").as_bytes()
    found = channel.file_of(raw, Attachment(type="file", id=number))
    assert found in (b"Is the pool open?\n", NotFetched(Missing.NO_FILE, "no_such_part"))


def test_a_file_of_four_megabytes_is_given_whole_and_a_larger_one_is_not() -> None:
    for size, given in ((files.FILE_LIMIT, True), (files.FILE_LIMIT + 1, False)):
        raw = with_file("a.bin", "application/zip", b"x" * size).as_bytes()
        [found] = read(raw, key=KEY).attachments
        body = channel.file_of(raw, found)
        assert (found.size, isinstance(body, bytes)) == (size, given)
        assert given or body == NotFetched(Missing.TOO_LARGE, "too_large")


@pytest.mark.parametrize("raw", STRANGE.values(), ids=STRANGE.keys())
def test_whatever_is_listed_of_the_strangest_mail_is_given_or_refused(raw: bytes) -> None:
    for found in read(raw, key=KEY).attachments[:3]:
        body = channel.file_of(raw, found)
        assert body == NotFetched(Missing.NO_FILE, "no_such_part") if not found.size else len(body) == found.size


@pytest.mark.parametrize("line", [b"\n", b"\r", b"a\r\n", b"--b\n\nx\n", b"--b\r\rx\r", b"\r\n--b\r\n\r\n"])
def test_a_mail_of_nothing_but_lines_is_read_to_where_it_is_one(line: bytes) -> None:
    head = b'From: a@b.example\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\npool\r\n'
    raw = head + line * (8_000_000 // len(line))
    bounded = mail_text._bounded(raw)
    assert bounded.startswith(head)
    assert len(bounded) <= mail_text.BEGINNING
    assert mail_text._bounded(head + b"x" * 76 + b"\r\n") == head + b"x" * 76 + b"\r\n"


@pytest.mark.parametrize("piece", [{}, {"notice": "x"}, {"envelope": 1, "from": None}])
def test_a_piece_that_is_none_is_malformed(piece: dict[str, Any]) -> None:
    with pytest.raises(MalformedPayload):
        channel.normalise(piece)


def test_a_bounce_may_fold_the_header_that_names_our_mail() -> None:
    raw = (EVENTS / "bounce.eml").read_bytes()
    folded = raw.replace(b"X-Afterhours-Id: ", b"X-Afterhours-Id:\r\n ")
    as_headers = folded.replace(b"message/rfc822", b"text/rfc822-headers")
    assert [read(each, source="").correlator for each in (folded, as_headers)] == [read(raw, source="").correlator] * 2


def test_the_headers_that_rules_read_are_kept() -> None:
    assert {"auto-submitted", "precedence", "list-id", "x-loop"} <= set(mail_rules.HEADERS)


def test_a_report_that_names_no_mail_of_ours_is_no_status() -> None:
    raw = (EVENTS / "bounce.eml").read_bytes().replace(b"X-Afterhours-Id", b"X-Other")
    event = read(raw, source="")
    assert (event.kind, event.unanswered) == (Kind.MESSAGE, "bounce")


def test_the_mail_function_loads_neither_pydantic_nor_requests() -> None:
    code = "import sys, mail; print(*({'pydantic', 'requests'} & sys.modules.keys()))"
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{root}/functions:{root}/layers/afterhours/python", "AWS_DEFAULT_REGION": "eu-central-1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.stdout.strip(), run.returncode) == ("", 0), run.stderr


def test_headers_that_are_all_escapes_still_fit_a_queue() -> None:
    mail = letter("🏨" * 9_000)
    for number in range(5):
        mail[f"X-Loop-{number}"] = "x"
    raw = mail.as_bytes().replace(b"\n\n", b"\n" + b"".join(
        f"{name}: {'🏨' * 1_500}\n".encode() for name in mail_rules.HEADERS for _ in range(5)
    ) + b"\n", 1)  # fmt: skip
    for piece in email_source.pieces(notice(), raw):
        assert len(json.dumps(piece)) < 200_000

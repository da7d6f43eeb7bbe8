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
from afterhours.channels import email_source, mail_rules, mail_text
from afterhours.channels.contract import MalformedPayload
from afterhours.models import Event, Kind

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


def read(raw: bytes, **mail: Any) -> Event:
    [piece] = email_source.pieces(notice(**mail), raw)
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
    "ten thousand parts": b'From: a@b.example\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    + b"--b\r\nContent-Type: image/png\r\n\r\nx\r\n" * 10_000,
    "cut in the middle": letter("pool " * 2_000).as_bytes()[:3_000],
    "a megabyte of headers": b"".join(b"X-%d: %s\r\n" % (n, b"y" * 900) for n in range(1_000)) + b"\r\npool",
    "html that never ends": b"From: a@b.example\r\nContent-Type: text/html\r\n\r\n" + b"<div " * 20_000,
    "a bad declaration": b"From: a@b.example\r\nContent-Type: text/html\r\n\r\n<![x[<!-- pool",
    "astral": b"From: a@b.example\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + "\U0001f3ca".encode() * 40_000,
    "a report of nothing": b'From: a@b.example\r\nContent-Type: multipart/report; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: message/delivery-status\r\n\r\n\r\n--b--",
}


@pytest.mark.parametrize("raw", STRANGE.values(), ids=STRANGE.keys())
def test_the_strangest_mail_is_an_event_that_fits_a_queue(raw: bytes) -> None:
    event = read(raw)
    assert event.kind is Kind.MESSAGE
    assert len(event.text or "") <= mail_text.TEXT_KEPT + 1_002
    assert event.model_dump_json()


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

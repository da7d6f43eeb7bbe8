"""Others' readers of mail: mail-parser reads what comes in and what we write, flufl.bounce (Mailman's) what bounced;
moto's SES takes our mails, and botocore's model of SES names the refusals."""

import email
from collections.abc import Iterator
from datetime import UTC
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import botocore.session
import mailparser
import pytest
from afterhours import settings
from afterhours.channels import email as channel
from afterhours.channels import email_source, ses
from afterhours.models import Account, Kind, Outgoing, Result
from afterhours_local.platforms.email import FakeSes, Trouble, bounce_of
from afterhours_local.platforms.fake import Delivered, FakeAccount
from flufl.bounce import all_failures
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ses.models import RawMessage, ses_backends

EVENTS = Path(__file__).parents[2] / "events" / "email"
US, MARA, REGION = "support@hotel.example", "mara@customer.example", "eu-central-1"
NOW_MS = 1_794_391_200_000
HANDLE = (
    '{"envelope":"mara@customer.example","from":"mara@home.example","subject":"Soba za \u017deljka",'
    '"ids":["<a@b.example>","<m1@c.example>"]}'
)
TEXT = "Dobar dan, \u017deljko!\n\nImamo \U0001f642\n.\nHotel"


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    clock = tmp_path / "clock"
    clock.write_text(f"={NOW_MS}")
    for name, value in {
        "AFTERHOURS_LOCAL": "1",
        "AFTERHOURS_CLOCK": str(clock),
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    settings.load.cache_clear()
    ses.forget_clients()
    yield
    settings.load.cache_clear()
    ses.forget_clients()


@pytest.fixture
def fake() -> FakeSes:
    fake = FakeSes(lambda: NOW_MS, lambda *_: Delivered(200, b""))
    fake.register(FakeAccount("email", US, "", "", ""))
    return fake


@pytest.fixture
def verified() -> Iterator[None]:
    """moto's SES, where the hotel's address is an identity."""
    with mock_aws():
        ses._client(None).create_email_identity(EmailIdentity=US)
        yield


def account(address: str = US) -> Account:
    return Account(channel="email", id=address, app="ses", source="email", inbox="support", name="Hotel \u0160ibenik")


def outgoing(**how: Any) -> Outgoing:
    return Outgoing(to=MARA, text=TEXT, correlator="a" * 26 + "/E#1794391200000#O#x", handle=HANDLE, **how)


def agree(raw: bytes) -> None:
    """mail-parser's reading of a mail and ours."""
    theirs, ours = mailparser.parse_from_bytes(raw), email_source.of_mail(raw)
    assert theirs.defects == []
    assert [(ours["from_name"], ours["from"])] == theirs.from_
    assert ours["to"] == [address for _, address in [*theirs.to, *theirs.cc]]
    assert (ours["subject"], ours["message_id"]) == (theirs.subject, theirs.message_id)
    assert (ours["in_reply_to"], ours["references"]) == (theirs.in_reply_to or "", theirs.references or "")
    at = theirs.date.replace(tzinfo=UTC).timestamp() * 1000 if theirs.date else None
    assert ours["date_ms"] == at
    said = theirs.text_plain[0].replace("\r\n", "\n").strip()
    assert said.startswith(str(ours["text"])), "the quoted part is left out"
    kept = [(each["name"], each["type"]) for each in ours["attachments"] if not each["type"].startswith("message/")]
    assert kept == [(each["filename"], each["mail_content_type"]) for each in theirs.attachments]


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.eml")), ids=lambda path: path.stem)
def test_our_samples_are_mails_to_mail_parser_and_say_the_same(path: Path) -> None:
    agree(path.read_bytes())


def test_what_people_write_through_our_fake_is_read_alike(fake: FakeSes) -> None:
    agree(
        fake.letter(MARA, US, "Imate li parking?\n\n\u010cao", name="Mara K.", subject="\u010caj \U0001f642").as_bytes()
    )
    letter = fake.letter(MARA, US, "The list is below.")
    letter.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="gosti \u0107.pdf")
    agree(letter.as_bytes())
    ours = EmailMessage()
    ours["From"], ours["To"], ours["Subject"], ours["Message-ID"] = US, MARA, "Re: Booking", "<ses1@amazonses.com>"
    ours.set_content("We do.")
    agree(fake.answer_to(ours, "Thank you!").as_bytes())


def test_a_mail_of_ours_is_taken_by_motos_ses_and_read_by_mail_parser(verified: None) -> None:
    outcome = ses.send(account(), "", outgoing())
    assert outcome.result is Result.SENT
    sent = ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages[-1]
    assert isinstance(sent, RawMessage)
    assert sent.id == outcome.platform_id
    theirs = mailparser.parse_from_string(sent.raw_data)
    assert theirs.defects == []
    assert (theirs.from_, theirs.to) == ([("Hotel \u0160ibenik", US)], [("", MARA)])
    assert theirs.subject == "Re: Soba za \u017deljka"
    assert (theirs.in_reply_to, theirs.references.split()) == ("<m1@c.example>", ["<a@b.example>", "<m1@c.example>"])
    assert theirs.text_plain[0].replace("\r\n", "\n").strip() == TEXT
    assert theirs.date.replace(tzinfo=UTC).timestamp() * 1000 == NOW_MS
    told = {"Auto-Submitted": "auto-replied", "X-Loop": US, "X-Afterhours-Id": outgoing().correlator}
    assert {name: theirs.headers[name] for name in told} == told


def test_motos_ses_refuses_an_address_that_is_no_identity(verified: None) -> None:
    outcome = ses.send(account("nobody@hotel.example"), "", outgoing())
    assert (outcome.result, outcome.code) == (Result.REFUSED, "MessageRejected")


REFUSALS = [
    shape.name
    for shape in botocore.session.get_session().get_service_model("sesv2").operation_model("SendEmail").error_shapes
]


@pytest.mark.parametrize("code", REFUSALS)
def test_every_refusal_that_botocore_knows_has_a_word_of_ours(code: str) -> None:
    outcome = ses._refused({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}})
    assert outcome.result in (Result.NOT_SENT, Result.REFUSED)
    assert (outcome.reason == "bad_request") == (code == "BadRequestException")


def test_the_fake_refuses_with_what_botocore_knows() -> None:
    assert set(Trouble) - {Trouble.DENIED} <= set(REFUSALS)  # of IAM, not of SES


def bounced(raw: bytes) -> tuple[set[str], set[str]]:
    """Who is reached later perhaps, and who is not, as Mailman reads it."""
    temporary, permanent = all_failures(email.message_from_bytes(raw))
    return {each.decode() for each in temporary}, {each.decode() for each in permanent}


def of_ours(action: str = "failed") -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["X-Afterhours-Id"] = US, MARA, "thread/E#1#O#x"
    mail.set_content("We do.")
    return bounce_of(mail, MARA).replace(b"Action: failed", f"Action: {action}".encode())


@pytest.mark.parametrize("raw", [(EVENTS / "bounce.eml").read_bytes(), of_ours()], ids=["sample", "fake"])
def test_who_was_not_reached_is_the_same_to_mailman_and_to_us(raw: bytes) -> None:
    report = email_source.of_mail(raw)["report"]
    assert bounced(raw) == (set(), {MARA})
    assert (report["recipient"], report["failed"]) == (MARA, True)
    there = {"id": "ses1", "envelope": "", "recipients": [US], "recipient": US, "verdicts": {}, "timestamp_ms": NOW_MS}
    assert channel.normalise({**email_source.of_mail(raw), **there}).kind is Kind.STATUS


def test_a_mail_that_is_only_late_has_not_bounced() -> None:
    raw = of_ours("delayed")
    assert bounced(raw) == ({MARA}, set())
    assert email_source.of_mail(raw)["report"]["failed"] is False


@pytest.mark.parametrize("name", ["newsletter", "out-of-office", "question"])
def test_what_is_no_bounce_is_none_to_mailman_and_to_us(name: str) -> None:
    raw = (EVENTS / f"{name}.eml").read_bytes()
    assert bounced(raw) == (set(), set())
    assert email_source.of_mail(raw)["report"] is None

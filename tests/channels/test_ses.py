"""What goes out through SES: the mail as it is written, and what each answer of SES, or none, means."""

import email
import email.policy
import json
import socket
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from afterhours import settings
from afterhours.channels import ses
from afterhours.models import Account, Outgoing, Result
from afterhours_local.platforms.email import FakeSes, Trouble
from afterhours_local.platforms.fake import Delivered, FakeAccount
from afterhours_local.platforms.graph import FakeGraph
from afterhours_local.platforms.server import GraphServer
from afterhours_local.platforms.spoilt import Spoilt

US, MARA = "support@hotel.example", "mara@customer.example"
NOW_MS = 1_794_391_200_000
HANDLE = {
    "envelope": MARA,
    "from": "mara@home.example",
    "subject": "Booking",
    "ids": ["<a@b.example>", "<m1@c.example>"],
}


@pytest.fixture
def fake() -> FakeSes:
    fake = FakeSes(lambda: NOW_MS, lambda *_: Delivered(200, b""))
    fake.register(FakeAccount("email", US, "", "", ""))
    return fake


@pytest.fixture
def account(fake: FakeSes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    clock = tmp_path / "clock"
    clock.write_text(f"={NOW_MS}")
    for name, value in {
        "AFTERHOURS_LOCAL": "1",
        "AFTERHOURS_CLOCK": str(clock),
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)
    settings.load.cache_clear()
    ses.forget_clients()
    with GraphServer(FakeGraph(lambda: NOW_MS), others=[fake]) as server:
        yield Account(
            channel="email", id=US, app="ses", source="email", inbox="support", name="Hotel Jadran",
            api_base=f"{server.url}/email",
        )  # fmt: skip
    settings.load.cache_clear()
    ses.forget_clients()


def outgoing(text: str = "We do.", *, handle: dict[str, Any] | str | None = None, **fields: Any) -> Outgoing:
    told = HANDLE if handle is None else handle
    written = told if isinstance(told, str) else json.dumps(told)
    return Outgoing(to=MARA, text=text, correlator="a" * 26 + "/E#1794391200000#O#x", handle=written, **fields)


def sent(fake: FakeSes, account: Account, **how: Any) -> EmailMessage:
    outcome = ses.send(account, "", outgoing(**how))
    assert (outcome.result, outcome.platform_id) == (Result.SENT, fake.sent[-1].platform_id)
    return fake.mails[-1]


def test_an_automatic_mail_says_so_and_goes_to_the_envelope(fake: FakeSes, account: Account) -> None:
    mail = sent(fake, account)
    assert {name: mail[name] for name in mail if name not in ("Message-ID", "Content-Transfer-Encoding")} == {
        "From": f"Hotel Jadran <{US}>",
        "To": MARA,
        "Subject": "Re: Booking",
        "Date": "Wed, 11 Nov 2026 10:00:00 +0000",
        "In-Reply-To": "<m1@c.example>",
        "References": "<a@b.example> <m1@c.example>",
        "Auto-Submitted": "auto-replied",
        "X-Auto-Response-Suppress": "All",
        "X-Loop": US,
        "X-Afterhours-Id": "a" * 26 + "/E#1794391200000#O#x",
        "Content-Type": 'text/plain; charset="utf-8"',
        "MIME-Version": "1.0",
    }
    assert mail.get_content() == "We do.\n"


def test_a_persons_mail_goes_to_who_wrote_and_is_not_automatic(fake: FakeSes, account: Account) -> None:
    mail = sent(fake, account, by_human=True)
    assert mail["To"] == "mara@home.example"
    assert mail["Auto-Submitted"] is None
    assert mail["X-Auto-Response-Suppress"] is None


@pytest.mark.parametrize(
    ("subject", "written"),
    [
        ("Re: Booking", "Re: Booking"),
        ("AW: Buchung", "Re: Buchung"),
        ("Odg: Rezervacija", "Re: Rezervacija"),
        ("Hi\r\nBcc: eve@evil.example", "Re: Hi Bcc: eve@evil.example"),
        ("Soba za \u017deljka \u2600", "Re: Soba za \u017deljka \u2600"),
        ("", "Re: Hotel Jadran"),
        ("x" * 500, "Re: " + "x" * 200),
        (7, "Re: 7"),
    ],
)
def test_a_subject_is_one_line_and_answers(fake: FakeSes, account: Account, subject: Any, written: str) -> None:
    mail = sent(fake, account, handle={**HANDLE, "subject": subject})
    assert mail["Subject"] == written
    assert mail["Bcc"] is None


@pytest.mark.parametrize("handle", ["", "not JSON", "[]", "{}", '{"ids":[7,"<a b>","<x@y>\\r\\nBcc: e@x.example"]}'])
def test_a_handle_that_says_nothing_is_enough(fake: FakeSes, account: Account, handle: str) -> None:
    mail = sent(fake, account, handle=handle)
    assert (mail["To"], mail["In-Reply-To"], mail["Bcc"]) == (MARA, None, None)


@pytest.mark.parametrize(
    "to", ["", "nobody", "a@b.example, c@d.example", "a@b.example\r\nBcc: x@y.example", "\u0161@b.example", US]
)
def test_nothing_goes_to_what_is_no_address_of_somebody_else(fake: FakeSes, account: Account, to: str) -> None:
    outcome = ses.send(account, "", Outgoing(to=to, text="Hello", correlator="x"))
    assert outcome.result is Result.REFUSED
    assert outcome.reason in ("contact_unknown", "our_own")
    assert fake.mails == []


def test_a_text_at_the_limit_arrives_whole_and_one_over_is_refused(fake: FakeSes, account: Account) -> None:
    text = "\U0001f3ca" * ses.TEXT_LIMIT
    assert sent(fake, account, text=text).get_content() == f"{text}\n"
    assert ses.send(account, "", outgoing(f"{text}x")).reason == "too_long"
    assert ses.send(account, "", outgoing(" \n")).reason == "empty"


def test_long_lines_and_dots_arrive_as_they_were(fake: FakeSes, account: Account) -> None:
    text = "a" * 5_000 + "\n.\nFrom here\n"
    assert sent(fake, account, text=text).get_content() == text


@pytest.mark.parametrize(
    ("fault", "result", "reason", "account_problem"),
    [
        (Trouble.TOO_FAST, Result.NOT_SENT, "rate_limited", False),
        (Trouble.LIMIT, Result.NOT_SENT, "rate_limited", False),
        (Trouble.PAUSED, Result.REFUSED, "sending_paused", True),
        (Trouble.SUSPENDED, Result.REFUSED, "account_suspended", True),
        (Trouble.REJECTED, Result.REFUSED, "message_rejected", False),
        (Trouble.NOT_VERIFIED, Result.REFUSED, "sender_unverified", True),
        (Trouble.DENIED, Result.REFUSED, "permission_missing", True),
        (Spoilt.REDIRECT_302, Result.REFUSED, "redirected", True),
        (Spoilt.REDIRECT_307, Result.REFUSED, "redirected", True),
        (Spoilt.ERROR_500, Result.UNKNOWN, "temporary", False),
        (Spoilt.BAD_GATEWAY_502, Result.UNKNOWN, "temporary", False),
        (Spoilt.RESET, Result.UNKNOWN, "no_answer", False),
        (Spoilt.EMPTY_BODY, Result.UNKNOWN, "no_message_id", False),
        (Spoilt.NULL_ID, Result.UNKNOWN, "no_message_id", False),
    ],
)
def test_an_outcome(
    fake: FakeSes, account: Account, fault: str, result: Result, reason: str, account_problem: bool
) -> None:
    fake.misbehave(fault)
    outcome = ses.send(account, "", outgoing())
    assert (outcome.result, outcome.reason, outcome.account_problem) == (result, reason, account_problem)
    assert fake.next_fault() is None


@pytest.mark.parametrize("fault", [Spoilt.HTML, Spoilt.TRUNCATED_JSON, Spoilt.WRONG_TYPE])
def test_an_answer_that_cannot_be_read_is_unknown(fake: FakeSes, account: Account, fault: str) -> None:
    fake.misbehave(fault)
    assert ses.send(account, "", outgoing()).result is Result.UNKNOWN
    assert len(fake.mails) == 1


def test_an_identity_that_is_not_verified_is_the_accounts_trouble(fake: FakeSes, account: Account) -> None:
    other = account.model_copy(update={"id": "sales@hotel.example"})
    outcome = ses.send(other, "", outgoing())
    assert (outcome.result, outcome.reason, outcome.account_problem) == (Result.REFUSED, "address_unverified", True)


def test_where_nobody_listens_nothing_was_sent(account: Account) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nowhere = account.model_copy(update={"api_base": f"http://127.0.0.1:{taken.getsockname()[1]}"})
        assert ses.send(nowhere, "", outgoing()).result is Result.NOT_SENT


def test_more_than_ses_takes_in_a_second_waits(fake: FakeSes, account: Account) -> None:
    found = [ses.send(account, "", outgoing()).result for _ in range(15)]
    assert (found.count(Result.SENT), found[-1]) == (14, Result.NOT_SENT)


def test_a_raw_mail_is_a_mail_to_another_reader(account: Account) -> None:
    raw = ses._mail(account, MARA, outgoing("We do.\n\u2600"), HANDLE).as_bytes()
    assert raw.isascii()
    read = email.message_from_bytes(raw, policy=email.policy.compat32)
    assert read.defects == []
    assert read.get_payload(decode=True) == "We do.\r\n\u2600\r\n".encode()


def test_a_long_message_id_stands_in_the_reply_as_it_was(fake: FakeSes, account: Account) -> None:
    """Exchange makes ids that are longer than a line; an encoded one threads nothing."""
    long = f"<{'AM0PR04MB1234F3A1B2C3D4E5F6A7B8C9D0E1F2' * 2}@am0pr04mb1234.eurprd04.prod.outlook.example>"
    handle = {"envelope": "petra@customer.example", "ids": ["<first@customer.example>", long]}
    mail = sent(fake, account, handle=handle)
    assert str(mail["In-Reply-To"]).strip() == long
    assert str(mail["References"]).split() == ["<first@customer.example>", long]

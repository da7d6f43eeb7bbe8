"""A strict fake of Amazon SES and of the people who write mails: takes mails in for the stack, and sends the stack's.

Written from the contract: a mail that comes in is put into the bucket and told of on the topic; one that goes out has
to be signed for SES, to come from a verified identity and to be a mail, and gets a Message-ID of SES's own. Nothing
leaves this machine.
"""

import base64
import binascii
import email
import email.policy
import json
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, getaddresses
from enum import StrEnum
from typing import Any

from afterhours_local.clients import Clients
from afterhours_local.platforms.fake import Deliver, FakePlatform, Said, Sent
from afterhours_local.platforms.faults import Reply, as_json
from afterhours_local.platforms.spoilt import Spoilt, spoil

REGION = "eu-central-1"
PATH = "/v2/email/outbound-emails"
PER_SECOND = 14
LARGEST = 40 * 1024 * 1024
GOOD = dict.fromkeys(("spam", "virus", "spf", "dkim", "dmarc"), "PASS")
_SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=\S+/[0-9]{8}/[a-z0-9-]+/ses/aws4_request, ?SignedHeaders=\S+, ?Signature=[0-9a-f]{64}"
)


class Trouble(StrEnum):
    """What the next mail meets, beside what any platform does (spoilt.py): SES's code."""

    TOO_FAST = "TooManyRequestsException"
    LIMIT = "LimitExceededException"
    PAUSED = "SendingPausedException"
    SUSPENDED = "AccountSuspendedException"
    REJECTED = "MessageRejected"
    NOT_VERIFIED = "MailFromDomainNotVerifiedException"
    DENIED = "AccessDeniedException"


_STATUS = {Trouble.TOO_FAST: 429, Trouble.DENIED: 403}


class SesError(Exception):
    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.reply = Reply(
            status,
            json.dumps({"message": message}).encode(),
            {"Content-Type": "application/json", "x-amzn-ErrorType": code},
        )


@dataclass(frozen=True)
class Mailbox:
    """Where SES puts the mails of the stack, and tells of them. The queue stands for the topic's subscription."""

    clients: Clients
    bucket: str
    topic: str
    queue: str

    def put(self, key: str, raw: bytes) -> None:
        self.clients.s3.put_object(Bucket=self.bucket, Key=key, Body=raw)

    def tell(self, message: str, topic: str | None = None) -> None:
        """As SNS does."""
        notice = {"Type": "Notification", "MessageId": "8f6dee70", "TopicArn": topic or self.topic, "Message": message}
        self.clients.sqs.send_message(QueueUrl=self.queue, MessageBody=json.dumps(notice))


class FakeSes(FakePlatform):
    NAME = "email"

    def __init__(self, now_ms: Callable[[], int], deliver: Deliver) -> None:
        super().__init__(now_ms, deliver)
        self._mailbox: Mailbox | None = None
        self._clear()

    @property
    def mailbox(self) -> Mailbox:
        if self._mailbox is None:
            raise LookupError("there is no stack to take mails in for")
        return self._mailbox

    @mailbox.setter
    def mailbox(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    def _clear(self) -> None:
        self.mails: list[EmailMessage] = []  # that were taken, as the recipient sees them
        self.bouncing: set[str] = set()  # addresses that there are not
        self.away: set[str] = set()  # whose owners have an out-of-office note
        self._pending: deque[Callable[[], None]] = deque()
        self._at: list[int] = []

    def forget(self) -> None:
        with self._lock:
            super().forget()
            self._clear()

    # Mails that come in

    def say(
        self,
        channel: str,
        account: str,
        contact: str,
        text: str,
        *,
        name: str | None = None,
        subject: str = "A question",
        headers: Mapping[str, str] | None = None,
    ) -> Said:
        """A customer writes a mail; without an address of their own, from one that is made up."""
        contact = contact if "@" in contact else f"{contact}@customer.example"
        self.account(self.NAME, account)
        mail = self.letter(contact, account, text, name=name, subject=subject, headers=headers)
        return Said(self.take_in(mail.as_bytes(), envelope=contact, recipients=[account]), 200)

    def letter(
        self,
        sender: str,
        to: str,
        text: str,
        *,
        name: str | None = None,
        subject: str = "A question",
        headers: Mapping[str, str] | None = None,
    ) -> EmailMessage:
        """A mail as a customer's program writes it, without what is given as an empty header."""
        mail = EmailMessage(policy=email.policy.SMTP)
        whole = {
            "From": f"{name} <{sender}>" if name else sender,
            "To": to,
            "Subject": subject,
            "Date": format_datetime(datetime.fromtimestamp(self._now_ms() / 1000, UTC)),
            "Message-ID": f"<c{self.next_number()}@mail.example>",
            **(headers or {}),
        }
        for header, value in whole.items():
            if value:
                mail[header] = value
        mail.set_content(text)
        return mail

    def answer_to(self, mail: EmailMessage, text: str, **headers: str) -> EmailMessage:
        """What the recipient of one of our mails writes back, with our text below theirs."""
        quoted = "\n".join(f"> {line}" for line in mail.get_content().splitlines())
        below = f"{text}\n\nOn Wed, 11 Nov 2026 at 10:00, {mail['From']} wrote:\n{quoted}\n"
        [(_, us)], [(_, them)] = getaddresses([mail["From"]]), getaddresses([mail["To"]])
        known = f"{mail['References'] or ''} {mail['Message-ID']}".strip()
        answering = {"In-Reply-To": mail["Message-ID"], "References": known, **headers}
        return self.letter(them, us, below, subject=mail["Subject"], headers=answering)

    def take_in(
        self,
        raw: bytes,
        *,
        envelope: str,
        recipients: Sequence[str],
        verdicts: Mapping[str, str] | None = None,
    ) -> str:
        """SES's receipt rule: into the bucket, then a notice; the id."""
        ses_id = f"ses{self.next_number():037d}"
        self.mailbox.put(f"mail/{ses_id}", raw)
        self.mailbox.tell(self.notice(ses_id, envelope, recipients, verdicts))
        return ses_id

    def notice(
        self, ses_id: str, envelope: str, recipients: Sequence[str], verdicts: Mapping[str, str] | None = None
    ) -> str:
        moment = datetime.fromtimestamp(self._now_ms() / 1000, UTC).isoformat(timespec="milliseconds")
        stamp = moment.replace("+00:00", "Z")
        action = {
            "type": "S3",
            "topicArn": self.mailbox.topic,
            "bucketName": self.mailbox.bucket,
            "objectKeyPrefix": "mail/",
            "objectKey": f"mail/{ses_id}",
        }
        judged = {f"{name}Verdict": {"status": status} for name, status in {**GOOD, **(verdicts or {})}.items()}
        mail = {"source": envelope, "timestamp": stamp, "messageId": ses_id, "destination": list(recipients)}
        receipt = {"timestamp": stamp, "recipients": list(recipients), "action": action, **judged}
        return json.dumps({"notificationType": "Received", "mail": mail, "receipt": receipt})

    def deliver_pending(self) -> int:
        """Bounces and out-of-office notes on what was sent."""
        with self._lock:
            waiting = list(self._pending)
            self._pending.clear()
        for each in waiting:
            each()
        return len(waiting)

    # Mails that go out

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply | None:
        if (method, path) != ("POST", PATH):
            return SesError("UnknownOperationException", "", 404).reply
        fault = self.next_fault()
        try:
            if fault in set(Trouble):
                raise SesError(fault, _WORDS.get(Trouble(fault), "no"), _STATUS.get(Trouble(fault), 400))
            how = Spoilt(fault) if fault else None
            if how and not how.taken:
                return spoil(how, as_json(200, b"{}"), b"{}")
            ses_id = self._take(headers, body)
        except SesError as error:
            return error.reply
        good = as_json(200, json.dumps({"MessageId": ses_id}).encode())
        return spoil(how, good, b'{"MessageId":null}') if how else good

    def _take(self, headers: Mapping[str, str], body: bytes) -> str:
        if not _SIGNED.fullmatch(headers.get("authorization", "")):
            raise SesError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
        asked = _object(body)
        if asked.keys() - {"FromEmailAddress", "Destination", "Content"}:
            raise SesError("BadRequestException", "unknown members")
        sender, to = asked.get("FromEmailAddress"), asked.get("Destination", {}).get("ToAddresses")
        if not isinstance(to, list) or len(to) != 1:
            raise SesError("BadRequestException", "one recipient at a time")
        if (self.NAME, sender) not in self._accounts:
            words = f"Email address is not verified. The following identities failed the check: {sender}"
            raise SesError("MessageRejected", words)
        mail = _mail(asked)
        named = [address for _, address in getaddresses([str(mail["From"])])]
        if named != [sender] or [address for _, address in getaddresses([str(mail["To"])])] != to:
            raise SesError("BadRequestException", "the mail names others than the request")
        return self._keep(str(sender), str(to[0]), mail)

    def _keep(self, sender: str, to: str, mail: EmailMessage) -> str:
        with self._lock:
            now = self._now_ms()
            self._at = [at for at in self._at if now - at < 1000]
            if len(self._at) >= PER_SECOND:
                raise SesError("TooManyRequestsException", "Maximum sending rate exceeded.", 429)
            self._at.append(now)
            ses_id = f"0107019a{self.next_number():08x}-0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0-000000"
            del mail["Message-ID"]
            mail["Message-ID"] = f"<{ses_id}@{REGION}.amazonses.com>"
            self.mails.append(mail)
            self.keep(Sent(self.NAME, sender, to, mail.get_content().removesuffix("\n"), now, ses_id))
            if to in self.bouncing:
                self._pending.append(lambda: self._bounce(sender, to, mail))
            elif to in self.away:
                self._pending.append(lambda: self._out_of_office(sender, to, mail))
        return ses_id

    def _bounce(self, sender: str, to: str, mail: EmailMessage) -> None:
        self.take_in(bounce_of(mail, to), envelope="", recipients=[sender])

    def _out_of_office(self, sender: str, to: str, mail: EmailMessage) -> None:
        note = self.answer_to(mail, "I am away until Monday.", **{"Auto-Submitted": "auto-replied"})
        self.take_in(note.as_bytes(), envelope=to, recipients=[sender])


_WORDS = {
    Trouble.REJECTED: "Message rejected: the content was found harmful.",
    Trouble.TOO_FAST: "Maximum sending rate exceeded.",
}


def bounce_of(mail: EmailMessage, to: str) -> bytes:
    """What the recipient's server writes when there is no such address (RFC 3464)."""
    head = "".join(f"{name}: {value}\r\n" for name, value in mail.items() if "\n" not in str(value))
    lines = [
        "From: Mail Delivery Subsystem <mailer-daemon@mail.example>",
        f"To: {mail['From']}",
        "Subject: Delivery Status Notification (Failure)",
        "Message-ID: <bounce-1@mail.example>",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="report"',
        "",
        "--report",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        f"Your mail to {to} could not be delivered.",
        "",
        "--report",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mail.example",
        "",
        f"Final-Recipient: rfc822; {to}",
        "Action: failed",
        "Status: 5.1.1",
        "",
        "--report",
        "Content-Type: text/rfc822-headers",
        "",
        head,
        "--report--",
        "",
    ]
    return "\r\n".join(lines).encode("utf-8")


def _object(body: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(body)
    except ValueError as error:
        raise SesError("SerializationException", "not JSON") from error
    if not isinstance(asked, dict):
        raise SesError("SerializationException", "not an object")
    return asked


def _mail(asked: Mapping[str, Any]) -> EmailMessage:
    content = asked.get("Content")
    raw = content.get("Raw", {}).get("Data") if isinstance(content, dict) and content.keys() == {"Raw"} else None
    try:
        data = base64.b64decode(str(raw), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SesError("BadRequestException", "Raw.Data is not base64") from error
    if not data or len(data) > LARGEST or any(len(line) > 998 for line in data.splitlines()):
        raise SesError("BadRequestException", "the mail is empty, too large, or has a line of more than 998 octets")
    if b"\n" in data.replace(b"\r\n", b""):
        raise SesError("BadRequestException", "a line of the mail does not end as RFC 5322 demands")
    mail = email.message_from_bytes(data.replace(b"\r\n", b"\n"), policy=email.policy.default)
    once = ("From", "To", "Subject", "Date", "In-Reply-To", "References", "Auto-Submitted")
    if mail.defects or any(len(mail.get_all(name, [])) > 1 for name in once) or not mail["From"]:
        raise SesError("BadRequestException", "not a mail")
    return mail


FAKE = FakeSes

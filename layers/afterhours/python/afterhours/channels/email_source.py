"""A mail that Amazon SES has taken in, as pieces for the inbound queue: one for each of our addresses that it came to.

Read in the mail function: stdlib only. The raw mail stays in its bucket; a piece holds what the channel needs of it and
fits a queue. Contract: platforms/email.md.
"""

import base64
import binascii
import json
import re
from email.utils import getaddresses, parsedate_to_datetime
from functools import partial
from typing import Any

from afterhours.channels import mail_rules, mail_text, untrusted
from afterhours.channels.contract import MalformedPayload, Piece

APP = "ses"  # of all e-mail accounts: the stack itself takes the mail in
SETUP = "AMAZON_SES_SETUP_NOTIFICATION"
ADDRESS = re.compile(r"[!#-'*+/-9=?^-~.-]{1,64}@[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?", re.ASCII | re.IGNORECASE)

_REPLIES = re.compile(rb"method *[:=] *\"?reply", re.IGNORECASE)  # in the calendar, or in the head of its part

_COMMON = {"from": "From", "to": "To", "cc": "Cc", "subject": "Subject", "messageId": "Message-ID", "date": "Date"}

_LARGEST_PIECE = 180_000  # the same of a whole piece
_LARGEST_TEXT = 120_000  # bytes of JSON; a queue's message has 200 KB
_KEPT = 1_000  # characters of a header
_ADDRESSES = 50


def content_of(notice: dict[str, Any]) -> bytes | None:
    """The mail itself where the notice carries it; None where it lies in a bucket."""
    content = untrusted.text(notice.get("content"))
    if content is None:
        return None
    action = untrusted.mapping(untrusted.mapping(notice.get("receipt")).get("action"))
    if action.get("encoding") != "BASE64":
        return content.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedPayload("content") from error


def pieces(notice: dict[str, Any], raw: bytes | None, key: str | None = None) -> list[Piece]:
    """What SES says of a mail it received, the mail, and where it lies in our bucket. Raises MalformedPayload."""
    mail, receipt = untrusted.mapping(notice.get("mail")), untrusted.mapping(notice.get("receipt"))
    ses_id = untrusted.identifier(mail.get("messageId"))
    recipients = _addresses(receipt.get("recipients")) or _addresses(mail.get("destination"))
    if ses_id is None or not recipients:
        raise MalformedPayload("no mail")
    head = _head_of_the_notice(mail) if raw is None else raw
    common = {
        **of_mail(head, has_body=raw is not None),
        "id": ses_id,
        "key": key,
        "envelope": _bare(untrusted.text(mail.get("source"))),
        "recipients": recipients,
        "verdicts": {
            name: str(untrusted.mapping(receipt.get(f"{name}Verdict")).get("status", ""))[:20]
            for name in ("spam", "virus", "dmarc")
        },
        "timestamp_ms": untrusted.time_ms(mail.get("timestamp")),
    }
    if len(json.dumps(common)) > _LARGEST_PIECE:  # escapes make twelve letters of one
        common["headers"] = {name: [value[:100] for value in found[:1]] for name, found in common["headers"].items()}
        common["attachments"] = common["attachments"][:5]
        common["text"] = common["text"] and common["text"][:4_000]
    return [{**common, "recipient": recipient} for recipient in recipients]


def of_mail(raw: bytes, *, has_body: bool = True) -> Piece:
    """What a piece holds of the mail alone."""
    mail = mail_text.read(raw)
    get = partial(mail_text.headers, mail.message)
    headers = {name: [_one_line(value) for value in found[:5]] for name in mail_rules.HEADERS if (found := get(name))}
    sender = next(iter(_people(get("from"))), ("", ""))
    report = mail.report
    return {
        "headers": headers,
        "from": sender[1],
        "from_name": sender[0],
        "to": [address for _, address in _people([*get("to"), *get("cc")])],
        "subject": _one_line(next(iter(get("subject")), "")),
        "message_id": _one_line(next(iter(get("message-id")), "")),
        "in_reply_to": _one_line(next(iter(get("in-reply-to")), "")),
        "references": _one_line(next(iter(get("references")), ""), last=True),
        "date_ms": _date_ms(next(iter(get("date")), None)),
        "text": _fitting(mail.text) if has_body else None,
        "attachments": [file._asdict() for file in mail.files] if has_body else [],
        "types": sorted(kind for kind in mail.content_types if kind.startswith("message/")),
        "calendar_reply": "text/calendar" in mail.content_types and _REPLIES.search(raw) is not None,
        "report": report._asdict() if report else None,
    }


def _head_of_the_notice(mail: dict[str, Any]) -> bytes:
    """Where the mail itself is not at hand: its headers as SES lists them, else those that it has read out of them."""
    found: list[tuple[str, str]] = []
    for each in untrusted.items(mail.get("headers")):
        header = untrusted.mapping(each)
        found.append((untrusted.text(header.get("name")) or "", untrusted.text(header.get("value")) or ""))
    listed = {name.lower() for name, _ in found}
    common = untrusted.mapping(mail.get("commonHeaders"))
    for key, name in _COMMON.items():
        values = common.get(key) if isinstance(common.get(key), list) else [common.get(key)]
        value = ", ".join(text for one in untrusted.items(values) if (text := untrusted.text(one)))
        found += [(name, value)] if value and name.lower() not in listed else []
    lines = [f"{name}: {_one_line(value)}" for name, value in found if re.fullmatch(r"[!-9;-~]{1,100}", name)]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogatepass")


def _bare(address: str | None) -> str:
    """An address in small letters; empty for a bounce's, and for what is none."""
    found = (address or "").strip().strip("<>").lower()
    return found if len(found) <= 254 and ADDRESS.fullmatch(found) else ""


def _addresses(value: Any) -> list[str]:
    found = (_bare(untrusted.text(each)) for each in untrusted.items(value)[:_ADDRESSES])
    return list(dict.fromkeys(address for address in found if address))


def _people(headers: list[Any]) -> list[tuple[str, str]]:
    """Name and address."""
    found = getaddresses([_one_line(header) for header in headers[:5]])[:_ADDRESSES]
    return [(untrusted.storable(name)[:200], bare) for name, address in found if (bare := _bare(address))]


def _one_line(value: Any, *, last: bool = False) -> str:
    """Unfolded, without controls, cut; of ids the last ones count."""
    plain = untrusted.storable(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", str(value))).strip()
    return plain[-_KEPT:] if last else plain[:_KEPT]


def _date_ms(value: Any) -> int | None:
    try:
        return untrusted.time_ms(int(parsedate_to_datetime(str(value)).timestamp() * 1000))
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _fitting(text: str | None) -> str | None:
    while text and len(json.dumps(text)) > _LARGEST_TEXT:
        text = text[: len(text) * 3 // 4]
    return text

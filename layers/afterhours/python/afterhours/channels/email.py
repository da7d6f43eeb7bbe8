"""E-mail through Amazon SES: one mail in, an event out; a text in, a mail out (ses.py).

Contract: platforms/email.md. A thread is one sender at one of our addresses: who that is says the From header where
DMARC vouches for it, else the envelope. Automatic mails go to the envelope sender, as RFC 3834 demands; people answer
the address in From. Which mails are not answered says mail_rules.py.
"""

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from afterhours.channels import files, mail_rules, mail_text
from afterhours.channels.contract import MalformedPayload, Missing, NotFetched, Piece
from afterhours.channels.ses import send as send
from afterhours.models import Attachment, Event, Kind, event_key

ONE_ACCOUNT = False
CHANNEL = "email"
TEXT_LIMIT = 10_000
TEXT_UNIT = "code_points"
WINDOW: timedelta | None = None
HUMAN_WINDOW: timedelta | None = None
CAPABILITIES = frozenset({"no_token", "correlator"})

_OUR_ID = re.compile(r"<([0-9a-f-]{20,80})@[a-z0-9.-]*amazonses\.com>")
_ANY_ID = re.compile(r"<[!-;=?-~]{1,240}>")
_MOST_REFERENCES = 6


def normalise(piece: Piece) -> Event:
    """Read one piece of email_source. Raises MalformedPayload."""
    try:
        return _event(piece)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise MalformedPayload("e-mail piece") from error


def _event(piece: Piece) -> Event:
    envelope, sender = piece["envelope"], piece["from"] or piece["envelope"]
    common: dict[str, Any] = {
        "channel": CHANNEL,
        "account_id": piece["recipient"],
        "event_id": event_key(CHANNEL, piece["recipient"], piece["id"]),
        "sender_id": sender or None,
        "recipient_id": piece["recipient"],
        "message_id": piece["message_id"] or piece["id"],
        "timestamp_ms": piece["timestamp_ms"] or piece["date_ms"],
        "mail_key": piece.get("key"),
    }
    report = piece["report"]
    if report and report["failed"] and report["correlator"]:
        code = (int(report["status"].replace(".", "")),) if report["status"] else ()
        return Event(kind=Kind.STATUS, subkind="failed", correlator=report["correlator"], error_codes=code, **common)
    reason, for_person = mail_rules.why_not(piece)
    contact = sender if piece["verdicts"].get("dmarc") == "PASS" else envelope or sender
    return Event(
        kind=Kind.MESSAGE,
        subkind="mail",
        contact_ids=(contact,) if contact else (),
        contact_name=piece["from_name"] or (None if piece["in_reply_to"] else sender) or None,
        text=_text(piece),
        attachments=tuple(_attachment(each, piece) for each in piece["attachments"]),
        reply_to_id=_answered(piece),
        handle=None if reason and not for_person else _handle(piece),
        unanswered=reason,
        for_person=for_person,
        **common,
    )


def _attachment(file: Mapping[str, Any], piece: Piece) -> Attachment:
    """Its id is its number in the mail, unless that is not kept or has a virus."""
    kind, number = file["type"].partition("/")[0], file.get("number")
    can_be_had = piece.get("key") and number is not None and piece["verdicts"].get("virus") != "FAIL"
    return Attachment(
        type=kind if kind in ("image", "video", "audio") else "file",
        id=str(number) if can_be_had else None,
        name=file["name"],
        mime_type=file["type"],
        size=file.get("size"),
    )


def _text(piece: Piece) -> str | None:
    """With its subject where it begins a conversation: many ask there."""
    text, subject = piece["text"], piece["subject"]
    begins = not piece["in_reply_to"] and not piece["references"]
    return "\n\n".join(part for part in (subject if begins or not text else "", text or "") if part) or None


def _answered(piece: Piece) -> str | None:
    """The id that SES gave to the mail of ours which this one answers; SES writes its own Message-ID."""
    ours = _OUR_ID.findall(f"{piece['references']} {piece['in_reply_to']}".lower())
    return ours[-1] if ours else None


def _handle(piece: Piece) -> str:
    """What an answer must name: to whom, under which subject, after which mails."""
    known = [*_ANY_ID.findall(piece["references"]), *_ANY_ID.findall(piece["message_id"])[:1]]
    told = {
        "envelope": piece["envelope"],
        "from": piece["from"],
        "subject": piece["subject"][:200],
        "ids": list(dict.fromkeys(known))[-_MOST_REFERENCES:],
    }
    return json.dumps(told, separators=(",", ":"))


def text_units(text: str) -> int:
    return len(text)


def file_of(raw: bytes, attachment: Attachment) -> bytes | NotFetched:
    """The bytes of an attachment, out of the mail that it came with."""
    found = mail_text.file(raw, int(attachment.id)) if attachment.id else None
    if not found:
        return NotFetched(Missing.NO_FILE, "no_such_part")
    return found if len(found) <= files.FILE_LIMIT else NotFetched(Missing.TOO_LARGE, "too_large")

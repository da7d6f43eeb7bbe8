"""The files of a mail: which of its parts are ones, what they are called, and the bytes of one. Stdlib only."""

import email.policy
import re
from email.message import Message
from typing import NamedTuple

from afterhours.channels import untrusted

MOST = 30
LONGEST_NAME = 150
LOGO = 32 * 1024  # bytes; pictures of signatures are smaller, pasted screenshots larger
UNKNOWN = "application/octet-stream"

_AS_WRITTEN = email.policy.EmailPolicy(refold_source="none")  # folding long headers anew takes minutes
_ENDING = 20  # characters that a cut name keeps, for they say what it is
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}")
# What programs say to programs: a bounce's report, and who signed.
_NO_FILES = {
    *("message/delivery-status", "text/rfc822-headers"),
    *("application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"),
}


class File(NamedTuple):
    """`number`: the place among the parts, by which its bytes are had; None of what is no part."""

    number: int | None
    name: str | None
    type: str
    size: int | None


def is_text(part: Message) -> bool:
    """Whether it is what the mail says, or another form of it."""
    is_read = part.get_content_type() in ("text/plain", "text/html")
    return is_read and part.get_content_disposition() != "attachment" and not part.get_filename()


def listed(parts: list[Message], markup: str, text: str | None) -> list[File]:
    """What was sent beside the text. The small pictures that the text shows within itself, of a signature mostly, count
    only where the mail has nothing else."""
    sent: list[File] = []
    shown: list[File] = []
    for number, part in enumerate(parts):
        kind = part.get_content_type()
        if is_text(part) or kind in _NO_FILES:
            continue
        size = len(content(part))
        within = _is_shown_within(part, markup) and size < LOGO
        (shown if within else sent).append(File(number, _name(part), kind if _TYPE.fullmatch(kind) else UNKNOWN, size))
    return (sent or ([] if text else shown))[:MOST]


def content(part: Message) -> bytes:
    """As it was before it was encoded; of a mail within the mail all that is written there."""
    inside = part.get_payload()
    if isinstance(inside, list):
        return b"".join(_as_written(each) for each in inside if isinstance(each, Message))
    decoded = part.get_payload(decode=True)
    return decoded if isinstance(decoded, bytes) else b""


def _as_written(mail: Message) -> bytes:
    try:
        return mail.as_bytes(policy=_AS_WRITTEN)
    except UnicodeEncodeError:  # over a boundary of strange letters
        return mail.as_string(policy=_AS_WRITTEN).encode("utf-8", "replace")


def _is_shown_within(part: Message, markup: str) -> bool:
    content_id = str(part.get("content-id", "")).strip().strip("<>")
    return part.get_content_maintype() == "image" and content_id != "" and f"cid:{content_id}" in markup


def _name(part: Message) -> str | None:
    """Without controls and signs that turn the direction of writing."""
    given = "".join(sign for sign in untrusted.storable(str(part.get_filename() or "")) if sign.isprintable()).strip()
    if not given:
        return "mail.eml" if part.get_content_type() == "message/rfc822" else None
    if len(given) <= LONGEST_NAME:
        return given
    return f"{given[: LONGEST_NAME - _ENDING - 1]}…{given[-_ENDING:]}"

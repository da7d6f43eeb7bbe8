"""What a mail says: its text without the history below, its attachments, and what a bounce reports. Stdlib only.

Written for whatever strangers send: charsets that nobody knows, nesting without end, parts without number. Nothing here
raises for it.
"""

import codecs
import email
import email.policy
import html
import re
from collections.abc import Iterator
from contextlib import suppress
from email.message import Message
from itertools import islice
from typing import Any, NamedTuple

from afterhours.channels import mail_files, untrusted
from afterhours.channels.mail_files import File

DEPTH = 12
PARTS = 100
BEGINNING = 512 * 1024
LINES = 700_000  # a mail of 40 MB has them; what has more is no text, and the library needs a hundred bytes for each
BOUNDARIES = 1_000  # beyond them the library takes minutes
TEXT_KEPT = 16_000  # characters
READ_OF_A_PART = 400_000
HEADERS = 5  # read of one name
HEADER, LONG_HEADER = 2_000, 16_000  # characters read of one
LISTS = {"to", "cc", "references"}

_BOUNDARY = re.compile(rb"[\r\n]--")
_TAG = re.compile(r"(/?)([A-Za-z][A-Za-z0-9]{0,20})|[!?]")
_SILENT = {"script", "style", "head", "title", "template"}
_BREAKS = {"br", "p", "div", "tr", "li", "table", "ul", "ol", "blockquote", "h1", "h2", "h3", "h4", "hr"}
# How programs introduce what was said before, in the languages of our own texts and their neighbours.
_INTRODUCES = re.compile(
    r"^(?:>\s*)?(?:On|Am|Le|Il|El|Em|Dana|Den|Op|W dniu|Dne|Dana:|V)\b.{6,300}"
    r"(?:wrote|schrieb|a écrit|ha scritto|escribió|escreveu|napisao(?:/la)?|napisala|je napisao|skrev|schreef|"
    r"napisał(?:\(a\))?|napsal(?:\(a\))?|je pisal)\b.{0,120}:\s*$",
    re.IGNORECASE,
)
_ORIGINAL = re.compile(
    r"^\s*-{2,}\s*(?:original message|ursprüngliche nachricht|message d'origine|messaggio originale|mensaje original|"
    r"izvorna poruka|originalna poruka|forwarded message|weitergeleitete nachricht)\s*-{2,}\s*$",
    re.IGNORECASE,
)
# In any other language: a line with a year and a time of day that ends in a colon, above lines that are quoted.
_DATED = re.compile(r"(?=.{12,300}:\s*$)(?=.*\b20[0-9]{2}\b)(?=.*\b[0-9]{1,2}[:.][0-9]{2}\b)")
_FROM = re.compile(
    r"^\s*\*?(?:From|Von|De|Da|Od|Van|Från|Fra|Feladó|Lähettäjä|Kimden|От|Від|Από)\s*:\*?\s*\S", re.IGNORECASE
)
_SENT = re.compile(
    r"^\s*\*?(?:Sent|Date|Gesendet|Datum|Envoyé|Inviato|Data|Enviad[ao](?: el| em)?|Fecha|Poslano|Verzonden|Skickat|"
    r"Sendt|Wysłano|Odesláno|Küldve|Lähetetty|Gönderildi|Отправлено|Дата|Надіслано|Στάλθηκε)\s*:",
    re.IGNORECASE,
)
_CORRELATOR = re.compile(
    r"^x-afterhours-id:[ \t]*(?:\r?\n[ \t]+)?([!-~]{10,200})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE
)


class Report(NamedTuple):
    """What a bounce says of a mail of ours, as far as it can be read."""

    recipient: str | None
    failed: bool
    status: str | None
    correlator: str | None


class Mail(NamedTuple):
    message: Message
    text: str | None  # what was said now
    files: tuple[File, ...]
    content_types: frozenset[str]
    report: Report | None


class _Bounded(email.policy.EmailPolicy):
    """Reads of a header no more than anybody needs: the library takes minutes over long ones."""

    def header_fetch_parse(self, name: str, value: str) -> Any:
        longest = LONG_HEADER if name.lower() in LISTS else HEADER
        return super().header_fetch_parse(name, value if hasattr(value, "name") else value[:longest])


def read(raw: bytes) -> Mail:
    """Of a mail that is cut short, what there is."""
    raw = raw.lstrip(b"\xef\xbb\xbf\r\n")
    try:
        message = _message(raw)
        parts = list(_parts(message))
        texts = _texts(parts)
        text = _said_now(texts)
        files = mail_files.listed(parts, texts.get("text/html", ""), text)
        report = _report(message, parts)
    except _TRIPS:
        # The library trips over some headers; their text is then unread, but that they came is not.
        head = raw.split(b"\r\n\r\n", 1)[0].split(b"\n\n", 1)[0]
        message = email.message_from_bytes(head, policy=email.policy.compat32)
        unread = File(None, "mail that cannot be read", "message/rfc822", len(raw))
        return Mail(message, None, (unread,), frozenset(), None)
    kinds = frozenset(part.get_content_type() for part in parts)
    return Mail(message, text, tuple(files), kinds, report)


def file(raw: bytes, number: int) -> bytes | None:
    """The bytes of a file of the mail, by its number; None where there is none."""
    try:
        parts = list(_parts(_message(raw)))
        return mail_files.content(parts[number]) if number < len(parts) else None
    except _TRIPS:
        return None


def _message(raw: bytes) -> Message:
    return email.message_from_bytes(_bounded(raw), policy=_Bounded())


def _bounded(raw: bytes) -> bytes:
    """The beginning of what would need more memory than there is."""
    too_many = next(islice(_BOUNDARY.finditer(raw), BOUNDARIES, None), None)
    kept = raw[: too_many.start()] if too_many else raw
    return kept if kept.count(b"\n") + kept.count(b"\r") <= 2 * LINES else kept[:BEGINNING]


_TRIPS = (RecursionError, ValueError, LookupError, TypeError, AttributeError)  # over odd headers


def headers(message: Message, name: str) -> list[str]:
    """The first of that name, else as they were written where they cannot be read."""
    raw: list[Any] = [value for header, value in message.raw_items() if header.lower() == name][:HEADERS]
    try:
        return [str(message.policy.header_fetch_parse(name, value)) for value in raw]
    except _TRIPS:
        return [str(value) for value in raw]


def _parts(message: Message) -> Iterator[Message]:
    """The leaves, in order; a mail within the mail is a leaf."""
    waiting: list[tuple[Message, int]] = [(message, 0)]
    seen = 0
    while waiting and seen < PARTS:
        part, depth = waiting.pop()
        seen += 1
        inside = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(inside, list):
            if depth < DEPTH:
                waiting += [(each, depth + 1) for each in reversed(inside) if isinstance(each, Message)]
            continue
        yield part


def _texts(parts: list[Message]) -> dict[str, str]:
    """The first text of each kind."""
    texts: dict[str, str] = {}
    for part in parts:
        if mail_files.is_text(part) and part.get_content_type() not in texts:
            texts[part.get_content_type()] = _decoded(part)
    return texts


def _decoded(part: Message) -> str:
    """In its charset, or as well as it goes: many say none, or one that holds no such bytes."""
    payload = part.get_payload(decode=True)
    data = (payload if isinstance(payload, bytes) else b"")[:READ_OF_A_PART]
    with suppress(LookupError, ValueError):  # a charset that nobody knows
        name = codecs.lookup(part.get_content_charset() or "ascii").name
        if name != "ascii":
            return data.decode("cp1252" if name == "iso8859-1" else name, "replace")  # as mail programs read it
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(data)  # what is cut within a letter ends before it
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _said_now(texts: dict[str, str]) -> str | None:
    plain = texts.get("text/plain", "")
    whole = plain if plain.strip() else without_tags(texts.get("text/html", ""))
    whole = untrusted.storable(whole.replace("\r\n", "\n").replace("\r", "\n")).strip()
    said = without_history(whole) or whole
    return said[:TEXT_KEPT] or None


def without_history(text: str) -> str:
    """What stands above the quoted history, or between its lines; empty where all is quoted."""
    lines = text.split("\n")
    cut, long = next(((at, long) for at in range(len(lines)) if (long := _introduction(lines, at))), (len(lines), 0))
    below = lines[cut + long :]
    answers_inside = any(line.lstrip().startswith(">") for line in below)
    # An answer between the quoted lines stands in the history.
    lines = [*lines[:cut], *(below if answers_inside else ())]
    kept = "\n".join(line for line in lines if not line.lstrip().startswith(">"))
    return re.sub(r"\n{3,}", "\n\n", kept).strip().rstrip("_").rstrip()


def _introduction(lines: list[str], at: int) -> int:
    """How many lines introduce the history here; none where it does not begin."""
    line = lines[at]
    if len(line) > 500 or not line.strip():
        return 0
    if _ORIGINAL.match(line) or _introduces(line, lines[at + 1 :]):
        return 1
    wrapped = at + 1 < len(lines) and len(lines[at + 1]) < 300 and not line.endswith(":")
    if wrapped and _introduces(f"{line} {lines[at + 1]}", lines[at + 2 :]):
        return 2
    return int(bool(_FROM.match(line)) and any(_SENT.match(each) for each in lines[at + 1 : at + 4]))


def _introduces(line: str, below: list[str]) -> bool:
    return bool(_INTRODUCES.match(line) or (_DATED.match(line) and _is_quoted(below)))


def _is_quoted(below: list[str]) -> bool:
    return next((line for line in below[:3] if line.strip()), "").lstrip().startswith(">")


def without_tags(markup: str) -> str:
    """The text of HTML, in one pass: the standard parser takes minutes for tags that never end."""
    first, *pieces = _without_comments(markup).split("<")
    text, silent = [first], ""
    for piece in pieces:
        tag, closed, said = piece.partition(">")
        found = _TAG.match(tag)
        if not found or not closed:
            text.append("" if silent or found else f"<{piece}")
            continue
        slash, name = found[1], (found[2] or "").lower()
        if silent:
            silent = "" if slash and name == silent else silent
        elif name in _SILENT and not slash:
            silent = name
        if name in _BREAKS:
            text.append("\n")
        if not silent:
            text.append(re.sub(r"\s+", " ", said))
    lines = (re.sub(r"[ \t\u00a0]+", " ", line).strip() for line in html.unescape("".join(text)).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _without_comments(markup: str) -> str:
    first, *pieces = markup.split("<!--")
    return first + "".join(piece.partition("-->")[2] for piece in pieces)


def _report(message: Message, parts: list[Message]) -> Report | None:
    """Of RFC 3464; None where it is none."""
    told = next((part for part in parts if part.get_content_type() == "message/delivery-status"), None)
    if told is None:
        return None
    inside = told.get_payload()
    blocks = [each for each in inside if isinstance(each, Message)] if isinstance(inside, list) else []
    of_one = next((block for block in blocks if block.get("Final-Recipient")), Message())
    recipient = str(of_one.get("Final-Recipient", "")).rpartition(";")[2].strip().lower()
    status = str(of_one.get("Status", "")).strip()
    found = _CORRELATOR.search(_returned(parts))
    return Report(
        recipient=recipient or None,
        failed=str(of_one.get("Action", "")).strip().lower() == "failed",
        status=status if re.fullmatch(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}", status) else None,
        correlator=found[1] if found else None,
    )


def _returned(parts: list[Message]) -> str:
    """The head of the mail that came back."""
    for part in parts:
        inside = part.get_payload()
        if part.get_content_type() == "message/rfc822" and isinstance(inside, list) and inside:
            original = inside[0]
            ids = headers(original, "x-afterhours-id") if isinstance(original, Message) else []
            return "\n".join(f"X-Afterhours-Id: {one.strip()}" for one in ids)
        if part.get_content_type() == "text/rfc822-headers":
            return _decoded(part)
    return ""

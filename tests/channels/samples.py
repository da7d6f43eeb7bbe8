"""The public samples, read where they lie: AFTERHOURS_SAMPLES, or ../shared/payloads. They are no part of the project.

Every folder that is there and every entry of its index. A folder is of a source or channel of ours, or of nobody's.
"""

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import mail as mail_function
from afterhours import channels
from afterhours.channels import email_source
from afterhours.channels.contract import MalformedPayload, Piece, Request
from afterhours.models import Event, Kind
from backend import Clock
from channels.facts import OF_NO_WEBHOOK

SAMPLES = Path(os.environ.get("AFTERHOURS_SAMPLES", Path(__file__).parents[3] / "shared" / "payloads"))
FOLDERS = sorted(path.name for path in SAMPLES.iterdir() if path.is_dir()) if SAMPLES.is_dir() else []

# Folders and signers that are no source of ours. What they say is never a customer's message to us.
FOREIGN = {
    "helpdesks": "the tools of people who have another inbox: their agents' words are no customer's",
    "webchat": "other vendors' widgets; ours has a contract of its own, in a session that it opened",
    "slack": "it is told that something waits; nothing that comes from it is taken",
    "zendesk": "a helpdesk: see there",
}
# Kinds of an index that are no delivery: what APIs answer, what agents of others say, what is sent out.
NO_DELIVERY = {"agent_reply", "ticket_event", "api_response", "error_response", "outbound_request", "outbound_reply"}
# What one of our channels may read out of a foreign body: something that is answered by nobody and moves nothing.
NOTHING = {Kind.UNKNOWN, Kind.IGNORED}


class Sample(NamedTuple):
    """One entry of an index and the file that it speaks of."""

    folder: str
    entry: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.folder}/{self.entry['file']}"

    @property
    def variant(self) -> str:
        return f"{self.folder}/{self.entry['variant']}"

    @property
    def expects(self) -> list[dict[str, Any]]:
        expect = self.entry["expect"]
        return expect if isinstance(expect, list) else [expect]

    @property
    def content(self) -> bytes:
        """What the platform posted; a signed record holds it as a text."""
        found = (SAMPLES / self.name).read_bytes()
        return json.loads(found)["body"].encode() if self.entry["platform"] == "signed" else found


def index(folder: str) -> list[Sample]:
    entries = json.loads((SAMPLES / folder / "index.json").read_text(encoding="utf-8"))
    return [Sample(folder, entry) for entry in entries]


def record(sample: Sample) -> dict[str, Any]:
    """A signed vector; the names that Meta's folder has for the same things are put into those of signed/."""
    found: dict[str, Any] = json.loads((SAMPLES / sample.name).read_text(encoding="utf-8"))
    if sample.folder != "meta":
        return found
    # A right SHA-1 signature is no signature: Meta sends the SHA-256 one beside it.
    valid = found["valid"] and found["algorithm"] == "sha256"
    own = {"platform": "meta", "use": "inbound-request", "query": {}}
    return {**found, **own, "secret": found["app_secret"], "expect_valid": valid}


def request(found: dict[str, Any], method: str = "POST", **query: str) -> Request:
    headers = {name.lower(): value for name, value in found["headers"].items()}
    return Request(method, headers, {**found["query"], **query}, found["body"].encode("utf-8"))


def at_the_time_of(found: dict[str, Any], clock: Clock) -> None:
    """Signatures that bind a time are old."""
    if signed_at := re.search(r"\bt=([0-9]{10})\b", str(found["headers"])):
        clock.set(datetime.fromtimestamp(int(signed_at[1]), UTC))


def pieces(sample: Sample) -> list[Piece]:
    """Raises MalformedPayload."""
    return _mails(sample) if sample.folder == "email" else channels.source(sample.folder).split(sample.content)


def events(sample: Sample) -> list[Event]:
    """Raises MalformedPayload."""
    return [channels.channel(_reader(sample.folder, piece)).normalise(piece) for piece in pieces(sample)]


def _reader(folder: str, piece: Piece) -> str:
    """The worker quarantines what no channel reads; of Meta's objects any reader of changes says what they are."""
    if folder == "email":
        return folder
    return channels.source(folder).channel_of(piece) or {"meta": "facebook_comments"}[folder]


def _mails(sample: Sample) -> list[Piece]:
    """A mail itself, or what SES says of one; without a notice there is nothing but the mail to tell the recipient."""
    if not sample.content.lstrip().startswith(b"{"):
        piece = email_source.of_mail(sample.content)
        to = (piece["to"] or ["support@hotel.example"])[0]
        there = {"id": "ses1", "envelope": piece["from"], "recipients": [to], "recipient": to}
        return [{**piece, **there, "verdicts": {}, "timestamp_ms": None}]
    notice = _notice(json.loads(sample.content))
    return email_source.pieces(notice, email_source.content_of(notice))


def _notice(body: Any) -> dict[str, Any]:
    """Of an SNS notice, be it in a queue's or a Lambda's record, or of what a Lambda action gives."""
    if "Records" in body:
        record = body["Records"][0]
        if "ses" in record:
            return dict(record["ses"])
        return _notice(record.get("Sns") or mail_function._loaded(record.get("body", "")))
    return dict(mail_function._loaded(body["Message"]) if "Message" in body else body)


def read_by_any(content: bytes) -> list[Event]:
    """What comes of a body that is posted, rightly signed, to each of our sources, and put into the mail function's and
    the web chat's place: all that any channel reads out of it."""
    found = []
    for name in channels.SOURCES:
        source = channels.source(name)
        try:
            found += [
                channels.channel(reader).normalise(piece)
                for piece in source.split(content)
                if (reader := source.channel_of(piece))
            ]
        except MalformedPayload:
            continue
    for name in OF_NO_WEBHOOK:
        try:
            found.append(channels.channel(name).normalise(json.loads(content)))
        except (MalformedPayload, ValueError):
            continue
    return found

"""Mentions from anywhere, brought by a listening tool: each is for a person to see, none is answered from here.

    {"mentions": [{"id": "8841", "network": "reddit", "author": {"name": "pat_r", "url": "https://…"}, "text": "…",
                   "url": "https://…", "posted_at": "2026-11-11T10:00:00Z", "language": "en"}]}

`id` and `network` (small letters) are required, `author` has to have a name or a url; the rest may be missing. A thread
is one author on one network. The same id of a network is stored once, with the time that it was posted.
"""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from afterhours.channels import untrusted
from afterhours.channels.contract import MalformedPayload, Piece
from afterhours.models import Account, Attachment, Event, Kind, Outcome, Outgoing, Result, event_key

ONE_ACCOUNT = True
CHANNEL = "mentions"
TEXT_LIMIT = 4000
TEXT_UNIT = "code_points"
WINDOW: timedelta | None = None
HUMAN_WINDOW: timedelta | None = None
CAPABILITIES = frozenset({"public", "receive_only"})

_NETWORK = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8}){0,3}")
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\"'<>\\^`{|}]")
_LONGEST_URL = 2_000


def normalise(piece: Piece) -> Event:
    """Read one piece. Raises MalformedPayload where the mention has no id, network or author."""
    given = untrusted.items(piece.get("mentions"))
    mention = untrusted.mapping(given[0] if given else None)
    mention_id = untrusted.identifier(mention.get("id"))
    network = untrusted.text(mention.get("network")) or ""
    author = untrusted.mapping(mention.get("author"))
    name, page = untrusted.text(author.get("name")), _link(author.get("url"))
    who = page or name
    if mention_id is None or not _NETWORK.fullmatch(network) or not who:
        raise MalformedPayload("no mention")
    link, language = _link(mention.get("url")), untrusted.text(mention.get("language"))
    posted_ms = untrusted.time_ms(mention.get("posted_at"))
    return Event(
        channel=CHANNEL,
        kind=Kind.MENTION,
        subkind=network,
        event_id=event_key(CHANNEL, network, mention_id),
        sender_id=who,
        contact_ids=(f"{network}:{who}",),
        contact_name=f"{name or page} ({network})",
        text=untrusted.text(mention.get("text")),
        message_id=mention_id,
        timestamp_ms=posted_ms,
        attachments=tuple(_links(("mention", link), ("author", page))),
        locale=language if language and _LANGUAGE.fullmatch(language) else None,
        for_person=True,
    )


def _links(*found: tuple[str, str | None]) -> list[Attachment]:
    return [Attachment(type="link", name=f"{what}: {url}", url=url) for what, url in found if url]


def _link(value: Any) -> str | None:
    """An address that can be shown and opened: https, a host, no user, nothing that hides what it is."""
    url = untrusted.text(value)
    if url is None or len(url) > _LONGEST_URL or _UNSAFE.search(url):
        return None
    try:
        parts = urlsplit(url)
        is_plain = parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return None
    return url if is_plain else None


def text_units(text: str) -> int:
    return len(text)


def send(account: Account, token: str, outgoing: Outgoing) -> Outcome:
    """A listening tool brings and takes nothing."""
    return Outcome(result=Result.REFUSED, reason="unsupported")

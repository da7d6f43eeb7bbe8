"""What is kept beside a thread's events and never leaves: agents' notes and who did what.

note   `N#<ms13>#<ulid>`  {by, text, at}; the time is the ULID's, so that the same note is stored once
audit  `A#<ms13>#<hex>`   {verb, by, at, detail}
"""

import uuid
from typing import Any

from afterhours.stores.dynamo import Item
from afterhours.stores.threads import Threads, expiry, ulid_ms

SHOWN = 50


def note_key(ulid: str) -> str:
    return f"N#{ulid_ms(ulid):013d}#{ulid}"


def add_note(threads: Threads, pk: str, ulid: str, by: str, text: str, now_ms: int) -> Item:
    """The note as it is stored; a key that is known gives back what was written then."""
    sk = note_key(ulid)
    note: Item = {
        "pk": pk, "sk": sk, "type": "note", "by": by, "text": text, "at": now_ms, "ttl": expiry(now_ms)
    }  # fmt: skip
    return note if threads.add(note, pk, now_ms) else threads.get(pk, sk) or note


def audit(threads: Threads, pk: str, verb: str, by: str, now_ms: int, **detail: Any) -> None:
    """Keep that somebody has done this to the thread; `detail` holds ids and words of ours, never a text."""
    threads.add(audited(pk, verb, by, now_ms, **detail), pk, now_ms)


def audited(pk: str, verb: str, by: str, now_ms: int, **detail: Any) -> Item:
    """The item of `audit`, for a transaction."""
    return {
        "pk": pk,
        "sk": f"A#{now_ms:013d}#{uuid.uuid4().hex[:12]}",
        "type": "audit",
        "verb": verb,
        "by": by,
        "at": now_ms,
        "detail": {name: value for name, value in detail.items() if value is not None},
        "ttl": expiry(now_ms),
    }


def notes(threads: Threads, pk: str) -> list[Item]:
    """The newest notes, oldest first."""
    return threads.newest(pk, "N#", SHOWN)[::-1]


def history(threads: Threads, pk: str) -> list[Item]:
    """What was done last, oldest first."""
    return threads.newest(pk, "A#", SHOWN)[::-1]

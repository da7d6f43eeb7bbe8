"""Search rows: from a ticket's number, a word of the contact's name, a tag or a day to threads (DESIGN 4).

pk `S#<inbox>#<token>`, the token a keyed hash of what is searched, or `S#<inbox>#DAY#<yyyy-mm-dd>` (UTC);
sk `<ms13 at which the episode began>#<thread's pk>`. A row is written with what it stands for and never changed or
taken back: who follows one reads the thread's head, which must match still.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Literal, NamedTuple

from afterhours.models import ThreadHead
from afterhours.stores.dynamo import Item, to_item
from afterhours.stores.threads import Threads, expiry
from afterhours.wording import words

Kind = Literal["number", "name", "tag"]

NUMBER_LENGTH = 8  # of the tid's characters
NAME_WORDS = 4  # the longest of a name; few have more


class Row(NamedTuple):
    """A hit: `began` is when the thread was handed to people, in epoch milliseconds."""

    key: str
    began: int
    pk: str


class Span(NamedTuple):
    """From the first millisecond to the one before `until`; None: no bound."""

    since: int | None = None
    until: int | None = None


EVER = Span()


def token(pepper: bytes, kind: Kind, word: str) -> str:
    digest = hmac.digest(pepper, f"{kind}\x1f{word}".encode("utf-8", "surrogatepass"), hashlib.sha256)
    return base64.b32encode(digest)[:26].decode().lower()


def name_words(name: str | None) -> list[str]:
    """The words of a name that lead to it, the longest first: folded, so that Novák and Новак are Novak."""
    return sorted(dict.fromkeys(words(name or "")), key=len, reverse=True)[:NAME_WORDS]


def began(head: ThreadHead) -> int:
    """When the thread's last episode began."""
    return head.episode_at or head.opened_at


class Writer(NamedTuple):
    """The rows of one thread in one inbox, as writes for the transaction that makes them true."""

    pepper: bytes
    inbox: str
    pk: str
    began: int
    now_ms: int

    def opened(self, name: str | None, tags: Iterable[str]) -> list[Item]:
        """The thread is with people from now on."""
        number = self._put(token(self.pepper, "number", self.pk.rpartition("#")[2][:NUMBER_LENGTH]))
        day = datetime.fromtimestamp(self.began / 1000, UTC).date()
        return [number, self._put(_day(day)), *self.named(name), *self.tagged(tags)]

    def named(self, name: str | None, before: str | None = None) -> list[Item]:
        """The contact's name is known, or another than before."""
        known = name_words(before)
        return [self._put(token(self.pepper, "name", word)) for word in name_words(name) if word not in known]

    def tagged(self, tags: Iterable[str]) -> list[Item]:
        return [self._put(token(self.pepper, "tag", tag)) for tag in tags]

    def _put(self, words: str) -> Item:
        row = {"pk": f"S#{self.inbox}#{words}", "sk": f"{self.began:013d}#{self.pk}", "ttl": expiry(self.now_ms)}
        return {"Put": {"Item": to_item(row)}}


def rows(
    threads: Threads, inbox: str, words: str, *, span: Span = EVER, before: str = "", limit: int
) -> tuple[list[Row], bool]:
    """Rows of a token, or of a day, older than the row `before`, the newest first; whether there are more. One page."""
    first = f"{span.since or 0:013d}#"
    last = "~" if span.until is None else f"{span.until:013d}#"
    last = min(last, before) if before else last
    if first > last:
        return [], False
    # Both ends of a range count; the row that the last page ended with is read again and left out.
    items, more = threads.between(f"S#{inbox}#{words}", first, last, limit + bool(before))
    found = [_row(item["sk"]) for item in items if item["sk"] != before]
    return found[:limit], more or len(found) > limit


def of_day(threads: Threads, inbox: str, day: date, *, span: Span, before: str, limit: int) -> tuple[list[Row], bool]:
    """Threads that were handed to people on a day (UTC)."""
    return rows(threads, inbox, _day(day), span=span, before=before, limit=limit)


def _day(day: date) -> str:
    return f"DAY#{day.isoformat()}"


def _row(key: str) -> Row:
    ms13, _, pk = key.partition("#")
    return Row(key, int(ms13), pk)

"""Erasing all that is kept of a contact's thread, for good: also after a replay, a redrive or a restore (N10).

config table   pk `ERASED` sk `<channel>#<account>#<tid>`: erased_at, by, inbox, items, ttl: the log, hashed ids only
               pk `EPOCH` sk `CURRENT`: at, since when a restored table is in use
threads table  the head becomes a tombstone {version, fence, inbox, erased_at, ttl}; a second id's as well

First the log, then the tombstone in one conditional write, then the rest, a mail before the item that leads to it:
whoever repeats an erasure that crashed completes it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import islice
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from afterhours.stores import unmatched
from afterhours.stores.dynamo import Item, expression, from_item, to_item
from afterhours.stores.threads import HEAD, RETRYABLE, TRIES, HeadMoved, expiry, is_condition, reasons

LOG = "ERASED"
LOGGED_DAYS = 400  # as long as any copy of the table may hold items that have not run out by themselves
BROUGHT_BACK_FOR = timedelta(days=15)  # longer than platforms redeliver (7 days) and our dead letters live (14)
CLOCKS_DIFFER_MS = 1000  # what others store in this moment is older than the erasure too
AT_ONCE = 20  # in one transaction; items of 200 KB fit


class Unfinished(Exception):
    """Time is over; the same again goes on where it stopped."""


class Erasure(NamedTuple):
    """An entry of the log. `items` that were deleted so far."""

    pk: str
    erased_at: int
    inbox: str
    by: str
    items: int


class Replayed(StrEnum):
    ERASED = "erased again"
    GONE = "not there"
    WRITTEN_SINCE = "left as it is: the contact has written since, and it was not erased first"


def is_behind(line_ms: int, said_ms: int | None, now_ms: int) -> bool:
    """Whether what was said then comes from before an erasure or a restore (0: there was none). What has no time of its
    own may come from there as long as anybody delivers again."""
    if not line_ms:
        return False
    if said_ms is None:
        return now_ms < line_ms + BROUGHT_BACK_FOR // timedelta(milliseconds=1)
    return said_ms <= line_ms


@dataclass(frozen=True)
class Erasing:
    """`inboxes`: in whose lists of unmatched questions the contact's words may stand. `delete_mail`: by its key, in the
    bucket of the mails, also again."""

    dynamodb: Any
    threads: str
    config: str
    inboxes: Iterable[str]
    delete_mail: Callable[[str], object]

    def erase(self, pk: str, by: str, now_ms: int, may_go_on: Callable[[], bool] = lambda: True) -> Erasure:
        """Erase what was said until now; again only completes it. Raises LookupError where there is no such thread,
        HeadMoved, Unfinished."""
        for _ in range(TRIES):
            head = self._get(self.threads, pk, HEAD)
            if head is None or "alias_of" in head:
                raise LookupError("a thread without its head")
            if "contact_id" not in head:
                erasure = self._logged(pk) or self._log(Erasure(pk, head["erased_at"], head["inbox"], by, 0), now_ms)
                break
            erasure = self._log(Erasure(pk, now_ms + CLOCKS_DIFFER_MS, head["inbox"], by, 0), now_ms)
            if self._bury(head, erasure, now_ms):
                break
        else:
            raise HeadMoved
        self._clear(erasure, may_go_on)
        return self._logged(pk) or erasure

    def replay(self, erasure: Erasure, now_ms: int) -> Replayed:
        """Erase in a restored table what the log says. Raises HeadMoved."""
        for _ in range(TRIES):
            head = self._get(self.threads, erasure.pk, HEAD)
            if head is None and now_ms > erasure.erased_at + BROUGHT_BACK_FOR // timedelta(milliseconds=1):
                break
            if head and head.get("erased_at", 0) >= erasure.erased_at:
                break
            if head and head.get("last_in_at", 0) > erasure.erased_at:
                return Replayed.WRITTEN_SINCE
            if self._bury(head or {"pk": erasure.pk}, erasure, now_ms):
                break
        else:
            raise HeadMoved
        return Replayed.ERASED if self._clear(erasure) or head else Replayed.GONE

    def log(self) -> Iterator[Erasure]:
        """All that was erased."""
        by_key = expression(values={"pk": LOG}, KeyConditionExpression="#pk = :pk")
        pages = self.dynamodb.get_paginator("query").paginate(TableName=self.config, ConsistentRead=True, **by_key)
        return (_erasure(from_item(item)) for page in pages for item in page["Items"])

    def _logged(self, pk: str) -> Erasure | None:
        stored = self._get(self.config, *_log_key(pk))
        return _erasure(stored) if stored else None

    def _log(self, erasure: Erasure, now_ms: int) -> Erasure:
        pk, sk = _log_key(erasure.pk)
        fields = {**erasure._asdict(), "pk": pk, "sk": sk, "ttl": expiry(now_ms, LOGGED_DAYS)}
        self.dynamodb.put_item(TableName=self.config, Item=to_item(fields))
        return erasure

    def _bury(self, head: Item, erasure: Erasure, now_ms: int) -> bool:
        """Put tombstones for the head as it was read, and before it for the contact's other ids; False if it moved."""
        ttl = expiry(now_ms, BROUGHT_BACK_FOR.days)
        tombstone = {"sk": HEAD, "inbox": erasure.inbox, "erased_at": erasure.erased_at, "ttl": ttl}
        for alias in head.get("aliases", []):
            self._put({"pk": alias, **tombstone, "version": 1}, "#alias_of = :read", head["pk"])
        as_read = "#version = :read" if "version" in head else "attribute_not_exists(#pk)"
        version = head.get("version", 0)
        tombstone |= {"fence": head.get("fence"), "version": version + 1}
        return self._put({"pk": head["pk"], **tombstone}, as_read, version)

    def _put(self, item: Item, when: str, read: object) -> bool:
        given = expression(values={"read": read} if ":read" in when else {}, ConditionExpression=when)
        try:
            self.dynamodb.put_item(TableName=self.threads, Item=to_item(item), **given)
        except ClientError as error:
            if not is_condition(error):
                raise
            return False
        return True

    def _clear(self, erasure: Erasure, may_go_on: Callable[[], bool] = lambda: True) -> int:
        """Delete what is older than the erasure; how many items."""
        cleared = 0
        old = self._old(erasure)
        while found := list(islice(old, AT_ONCE)):
            if not may_go_on():
                raise Unfinished
            for mail in [mail for each in found for mail in each.mails]:
                self.delete_mail(mail)
            keys = [each.key for each in found]
            items = sum(key["pk"] == erasure.pk for key in keys)
            self._delete(keys, erasure.pk, items)
            cleared += items
        return cleared

    def _old(self, erasure: Erasure) -> Iterator["_Old"]:
        """What is to go; first the question in an editors' list, which only its event leads to."""
        read = expression(
            values={"pk": erasure.pk, "head": HEAD},
            KeyConditionExpression="#pk = :pk AND #sk > :head",
            ProjectionExpression="#sk, #type, #at, #resolved_at, #csat_at, #mail_key, #bounce_key",
        )
        pages = self.dynamodb.get_paginator("query").paginate(TableName=self.threads, ConsistentRead=True, **read)
        for item in (from_item(item) for page in pages for item in page["Items"]):
            if max(item.get(time, 0) for time in ("at", "resolved_at", "csat_at")) > erasure.erased_at:
                continue
            if item.get("type") == "inbound":
                yield from (_Old(unmatched.key(inbox, item), ()) for inbox in self.inboxes)
            mails = (item[field] for field in ("mail_key", "bounce_key") if field in item)
            yield _Old({"pk": erasure.pk, "sk": item["sk"]}, tuple(mails))

    def _delete(self, keys: list[Item], pk: str, items: int) -> None:
        """All of them and their number in the log, or none."""
        log_pk, log_sk = _log_key(pk)
        counted = expression(values={"items": items}, UpdateExpression="ADD #items :items")
        writes: list[Item] = [{"Delete": {"TableName": self.threads, "Key": to_item(key)}} for key in keys]
        writes.append(
            {"Update": {"TableName": self.config, "Key": to_item({"pk": log_pk, "sk": log_sk}), **counted}}
        )  # fmt: skip
        for _ in range(TRIES):
            try:
                self.dynamodb.transact_write_items(TransactItems=writes)
            except ClientError as error:
                if not RETRYABLE.intersection(str(cause.get("Code")) for cause in reasons(error)):
                    raise
                continue
            return
        raise HeadMoved

    def _get(self, table: str, pk: str, sk: str) -> Item | None:
        answer = self.dynamodb.get_item(TableName=table, Key=to_item({"pk": pk, "sk": sk}), ConsistentRead=True)
        return from_item(answer["Item"]) if answer.get("Item") else None


class _Old(NamedTuple):
    """An item by its key, and the mails that it leads to."""

    key: Item
    mails: tuple[str, ...]


def _log_key(pk: str) -> tuple[str, str]:
    return LOG, pk.removeprefix("T#")


def _erasure(entry: Item) -> Erasure:
    return Erasure(f"T#{entry['sk']}", entry["erased_at"], entry["inbox"], entry["by"], entry.get("items", 0))

"""Threads in DynamoDB: keys, the head, and the one commit that stores an inbound event.

pk `T#<channel>#<account>#<tid>`, tid a keyed hash of the contact's id, so that no key tells who wrote.
sk `#` the head (for a second id of the contact, `alias_of` the thread it leads to; after an erasure a tombstone),
`E#<ms13>#I#<event id>` inbound, `E#<ms13>#O#<ulid>` outbound; pk `Q#<source>#<day>` quarantine.
Index `work`: `OPEN#<inbox>#<shard>` by due time, `SNOOZED#…` by wake time, `UNSETTLED` outbound by next check,
`HELD#<inbox>` what waits for approval.
Index `agenda`: `MINE#<agent>` by when it became theirs, `RESOLVED#<inbox>#<day>`. Beside the
events: records.py, ratings.py.
"""

import base64
import hashlib
import hmac
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from afterhours.models import ThreadHead, ThreadStatus
from afterhours.stores import aws
from afterhours.stores.dynamo import Item, assignments, expression, from_item, to_item

HEAD = "#"
KEPT_DAYS = 400
TRIES = 8
LONGEST_NAME = 300
RETRYABLE = {
    "ConditionalCheckFailed",
    "TransactionConflict",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
}
_HEAD_FIELDS = set(ThreadHead.model_fields)
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class HeadMoved(Exception):
    """Somebody else changed what the decision was made on: read again, decide again."""


class Tombstone(NamedTuple):
    """What an erasure leaves of a head: nothing of the contact, but what tells old from new."""

    version: int
    inbox: str
    erased_at: int


def thread_key(pepper: bytes, channel: str, account: str, contact_id: str) -> str:
    """The pk of a contact's thread on one account of ours."""
    digest = hmac.digest(pepper, contact_id.encode("utf-8", "surrogatepass"), hashlib.sha256)
    return f"T#{channel}#{account}#{base64.b32encode(digest)[:26].decode().lower()}"


def inbound_key(timestamp_ms: int | None, event_id: str) -> str:
    """The event's own time, so that a redelivery meets its own key; zeros where it has none. Never our clock."""
    return f"E#{timestamp_ms or 0:013d}#I#{event_id}"


def outbound_key(ulid: str) -> str:
    """The time is the ULID's, so that the same composed text always makes the same key."""
    return f"E#{ulid_ms(ulid):013d}#O#{ulid}"


def ulid_ms(ulid: str) -> int:
    """The epoch milliseconds in the first ten of a ULID's 26 Crockford characters."""
    value = 0
    for letter in ulid[:10]:
        value = value * 32 + _CROCKFORD.index(letter)
    return value


def later_ulid(ulid: str, steps: int) -> str:
    """The ULID so many steps on, of the same millisecond: the same one always leads to the same."""
    rest = 0
    for letter in ulid[10:]:
        rest = rest * 32 + _CROCKFORD.index(letter)
    return make_ulid(ulid_ms(ulid), ((rest + steps) % 2**80).to_bytes(10))


def make_ulid(ms: int, rest: bytes) -> str:
    """The ULID of a time and ten bytes."""
    value, letters = (ms << 80) | int.from_bytes(rest), ""
    for _ in range(26):
        value, place = divmod(value, 32)
        letters = _CROCKFORD[place] + letters
    return letters


def expiry(now_ms: int, days: int = KEPT_DAYS) -> int:
    """The `ttl` (epoch seconds) of what is kept so long; a head's moves on with every message."""
    return now_ms // 1000 + days * 86_400


def thread_name(pk: str) -> str:
    """`<channel>.<account>.<tid>`: how a thread is named in URLs and logs."""
    return ".".join(pk.split("#")[1:])


def pk_of(name: str) -> str:
    """The reverse of `thread_name`. Raises ValueError for what is no thread's name."""
    channel, _, rest = name.partition(".")
    account, _, tid = rest.rpartition(".")
    if not (channel and account and len(tid) == 26 and tid.isalnum()) or "#" in name or len(name) > LONGEST_NAME:
        raise ValueError(name)
    return f"T#{channel}#{account}#{tid}"


def open_keys(pk: str, inbox: str, shards: int, urgent_at: int, opened_at: int) -> dict[str, str]:
    """The index entry of an open thread, the most urgent first, then first come; it moves only when escalated."""
    return {"work_pk": f"OPEN#{inbox}#{shard(pk, shards)}", "work_sk": urgency(pk, urgent_at, opened_at)}


def urgency(pk: str, urgent_at: int, opened_at: int) -> str:
    return f"{urgent_at:013d}#{opened_at:013d}#{pk}"


def shard(pk: str, shards: int) -> int:
    return zlib.crc32(pk.encode()) % shards


def reasons(error: ClientError) -> list[Item]:
    """Why a transaction was cancelled, one entry an item; empty when that was not the trouble."""
    return [dict(cause) for cause in error.response.get("CancellationReasons", [])]


def is_condition(error: ClientError) -> bool:
    return bool(error.response["Error"]["Code"] == "ConditionalCheckFailedException")


@dataclass(frozen=True)
class Threads:
    table: str

    def get(self, pk: str, sk: str) -> Item | None:
        """One item, read consistently. None decides nothing: every write that follows has its condition."""
        key = to_item({"pk": pk, "sk": sk})
        answer = aws.client("dynamodb").get_item(TableName=self.table, Key=key, ConsistentRead=True)
        return from_item(answer["Item"]) if answer.get("Item") else None

    def head(self, pk: str) -> ThreadHead | None:
        """None also for what was erased."""
        found = self.head_or_tombstone(pk)
        return found if isinstance(found, ThreadHead) else None

    def head_or_tombstone(self, pk: str) -> ThreadHead | Tombstone | None:
        item = self.get(pk, HEAD)
        return _read(item) if item and "alias_of" not in item else None

    def find(self, pks: Iterable[str]) -> tuple[str, ThreadHead | Tombstone | None]:
        """The thread of a contact who may be known by several ids: its pk and head. Where none has one, the first that
        was erased, or the first pk and None."""
        first, erased = "", None
        for pk in pks:
            item = self.get(pk, HEAD)
            if item and "alias_of" in item:
                pk = item["alias_of"]
                item = self.get(pk, HEAD)
            found = _read(item) if item else None
            if isinstance(found, ThreadHead):
                return pk, found
            if found:
                erased = erased or (pk, found)
            first = first or pk
        return erased or (first, None)

    def add_alias(self, pk: str, target: str, ttl: int | None = None) -> None:
        """Let a second id of a contact lead to the thread; an id that has a thread of its own keeps it."""
        try:
            self.put({"pk": pk, "sk": HEAD, "alias_of": target, "ttl": ttl}, when="attribute_not_exists(#pk)")
        except ClientError as error:
            if not is_condition(error):
                raise

    def commit(
        self,
        item: Mapping[str, Any],
        head: ThreadHead | Tombstone | None,
        changes: Mapping[str, Any],
        also: Iterable[Item] = (),
    ) -> Item | None:
        """Store an inbound event and move the head, and what is `also` to be written, or nothing of it.

        None: committed by this attempt (`item["attempt"]`), also when the first answer was lost. Otherwise the
        item that was there before: the event is known. Raises HeadMoved when the head is not the one decided on.
        """
        never_stored = "attribute_not_exists(#pk)"
        head_as_read = "#version = :version_read" if head else "attribute_not_exists(#pk)"
        update, values = assignments({**changes, "version": (head.version if head else 0) + 1})
        if head:
            values["version_read"] = head.version
        try:
            self._transact(
                {
                    "Put": {
                        "Item": to_item(item),
                        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                        **expression(values={}, ConditionExpression=never_stored),
                    }
                },
                {
                    "Update": {
                        "Key": to_item({"pk": item["pk"], "sk": HEAD}),
                        **expression(values=values, UpdateExpression=update, ConditionExpression=head_as_read),
                    }
                },
                *also,
            )
        except ClientError as error:
            causes = reasons(error)
            if not any(cause.get("Code") in RETRYABLE for cause in causes):
                raise
            if causes[0]["Code"] == "ConditionalCheckFailed" and (stored := causes[0].get("Item")):
                known = from_item(stored)
                return None if known.get("attempt") == item["attempt"] else known
            raise HeadMoved from error
        return None

    def put(self, item: Mapping[str, Any], *, when: str | None = None) -> None:
        aws.client("dynamodb").put_item(
            TableName=self.table, Item=to_item(item), **expression(values={}, ConditionExpression=when)
        )

    def put_once(self, item: Mapping[str, Any]) -> bool:
        """Store an item under a key of its own; False when it is there already."""
        try:
            self.put(item, when="attribute_not_exists(#pk)")
        except ClientError as error:
            if not is_condition(error):
                raise
            return False
        return True

    def add(self, item: Mapping[str, Any], thread: str, at: int) -> bool:
        """Store once, outside a commit, what was said or done in a thread `at` that time. False when it is there
        already, and when the thread was erased meanwhile. Raises HeadMoved."""
        put = {"Item": to_item(item), **expression(values={}, ConditionExpression="attribute_not_exists(#pk)")}
        not_erased = "attribute_not_exists(#erased_at) OR #erased_at < :at"
        check = {
            "Key": to_item({"pk": thread, "sk": HEAD}),
            **expression(values={"at": at}, ConditionExpression=not_erased),
        }
        for _ in range(TRIES):
            codes = self.transact({"Put": put}, {"ConditionCheck": check})
            if codes is None or "ConditionalCheckFailed" in codes:
                return codes is None
        raise HeadMoved

    def update(
        self, pk: str, sk: str, change: str, /, *, when: str, returning: bool = False, **values: Any
    ) -> Item | None:
        """One conditional update; None when the condition does not hold, else the item (or an empty one)."""
        try:
            answer = aws.client("dynamodb").update_item(
                TableName=self.table,
                Key=to_item({"pk": pk, "sk": sk}),
                ReturnValues="ALL_NEW" if returning else "NONE",
                **expression(values=values, UpdateExpression=change, ConditionExpression=when),
            )
        except ClientError as error:
            if not is_condition(error):
                raise
            return None
        return from_item(answer.get("Attributes", {}))

    def transact(self, *writes: Item) -> list[str] | None:
        """None when all were written, else the code of each write (`None`, `ConditionalCheckFailed`, …)."""
        try:
            self._transact(*writes)
        except ClientError as error:
            codes = [str(cause.get("Code")) for cause in reasons(error)]
            if not RETRYABLE.intersection(codes):
                raise
            return codes
        return None

    def writing(self, pk: str, sk: str, change: str, /, *, when: str, **values: Any) -> Item:
        """An Update for `transact`."""
        key = to_item({"pk": pk, "sk": sk})
        return {"Update": {"Key": key, **expression(values=values, UpdateExpression=change, ConditionExpression=when)}}

    def recent(self, pk: str, limit: int = 50) -> list[Item]:
        """The newest events of a thread, newest first; one page."""
        return self.timeline(pk, limit=limit)[0]

    def timeline(self, pk: str, *, before: str = "E$", limit: int = 50) -> tuple[list[Item], str | None]:
        """Events older than `before`, newest first, and where to go on (None at the end)."""
        answer = aws.client("dynamodb").query(
            TableName=self.table,
            ScanIndexForward=False,
            Limit=limit,
            ConsistentRead=True,
            **expression(
                values={"pk": pk, "first": "E#", "before": before},
                KeyConditionExpression="#pk = :pk AND #sk BETWEEN :first AND :before",
            ),
        )
        items = [entry for entry in map(from_item, answer["Items"]) if entry["sk"] != before]
        return items, items[-1]["sk"] if items and "LastEvaluatedKey" in answer else None

    def between(self, pk: str, first: str, last: str, limit: int) -> tuple[list[Item], bool]:
        """Items from one sk to another, both with it, newest first, and whether there are more; one page, eventually
        consistent."""
        answer = aws.client("dynamodb").query(
            TableName=self.table,
            ScanIndexForward=False,
            Limit=limit,
            **expression(
                values={"pk": pk, "first": first, "last": last},
                KeyConditionExpression="#pk = :pk AND #sk BETWEEN :first AND :last",
            ),
        )
        return [from_item(entry) for entry in answer["Items"]], "LastEvaluatedKey" in answer

    def newest(self, pk: str, prefix: str, limit: int) -> list[Item]:
        """The last items of a thread whose sk begins so, newest first; one page."""
        answer = aws.client("dynamodb").query(
            TableName=self.table,
            ScanIndexForward=False,
            Limit=limit,
            **expression(
                values={"pk": pk, "prefix": prefix},
                KeyConditionExpression="#pk = :pk AND begins_with(#sk, :prefix)",
            ),
        )
        return [from_item(entry) for entry in answer["Items"]]

    def heads(self, pks: Iterable[str]) -> dict[str, ThreadHead]:
        """The heads of up to 100 threads in one request, eventually consistent; those that are gone are left out."""
        keys = [to_item({"pk": pk, "sk": HEAD}) for pk in dict.fromkeys(pks)]
        found: dict[str, ThreadHead] = {}
        while keys:
            answer = aws.client("dynamodb").batch_get_item(RequestItems={self.table: {"Keys": keys}})
            for item in map(from_item, answer.get("Responses", {}).get(self.table, [])):
                if "alias_of" not in item and isinstance(head := _read(item), ThreadHead):
                    found[item["pk"]] = head
            keys = answer.get("UnprocessedKeys", {}).get(self.table, {}).get("Keys", [])
        return found

    def agenda(self, agenda_pk: str, *, before: str = "~", limit: int = 50) -> list[Item]:
        """Entries of the `agenda` index older than `before`, newest first; one page, eventually consistent."""
        answer = aws.client("dynamodb").query(
            TableName=self.table,
            IndexName="agenda",
            ScanIndexForward=False,
            Limit=limit,
            **expression(
                values={"pk": agenda_pk, "before": before},
                KeyConditionExpression="#agenda_pk = :pk AND #agenda_sk < :before",
            ),
        )
        return [from_item(entry) for entry in answer["Items"]]

    def work(self, work_pk: str, *, after: str = "", until: str = "~", limit: int = 50) -> list[Item]:
        """Entries of the `work` index between two keys, earliest first; one page, eventually consistent."""
        answer = aws.client("dynamodb").query(
            TableName=self.table,
            IndexName="work",
            Limit=limit,
            **expression(
                # BETWEEN takes both ends; the least key after `after` is the one with a blank more
                values={"pk": work_pk, "first": f"{after} ", "until": until},
                KeyConditionExpression="#work_pk = :pk AND #work_sk BETWEEN :first AND :until",
            ),
        )
        return [from_item(entry) for entry in answer["Items"]]

    def _transact(self, *writes: Item) -> None:
        items = [{kind: {**body, "TableName": self.table}} for write in writes for kind, body in write.items()]
        aws.client("dynamodb").transact_write_items(TransactItems=items)


def _read(item: Item) -> ThreadHead | Tombstone:
    if "contact_id" in item:
        return head_of(item)
    return Tombstone(item["version"], item["inbox"], item["erased_at"])


def head_of(item: Item) -> ThreadHead:
    return ThreadHead.model_validate({name: value for name, value in item.items() if name in _HEAD_FIELDS})


def waits_for_an_agent(head: ThreadHead, agent: str, now_ms: int) -> bool:
    """May this agent claim the thread off the queue now?"""
    return (
        head.status is ThreadStatus.OPEN
        and (head.owner is None or head.lease_until < now_ms)
        and (head.kept_until < now_ms or head.kept_for in (None, agent))
    )

"""What a team has been told, a small item for each inbox and way, and the topic.

pk `NOTICES#<inbox>`, sk `topic` | `slack`: `turn` (who moves it may tell), `at` (when the waiting threads were told of
last), `told` (four bytes for each that waited then), `not_before`, `pending` (lines that have to wait for it), `ttl`.
"""

import zlib
from collections.abc import Iterable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from afterhours import settings
from afterhours.models import Outcome, Result
from afterhours.stores import aws
from afterhours.stores.dynamo import Item, assignments
from afterhours.stores.threads import Threads, expiry

KEPT_DAYS = 30
MARK_BYTES = 4


def told(threads: Threads, inbox: str, way: str) -> Item:
    """The item; one of nobody's turn yet where there is none."""
    return threads.get(_pk(inbox), way) or {"pk": _pk(inbox), "sk": way, "turn": 0}


def move(threads: Threads, state: Item, now_ms: int, **changes: Any) -> Item | None:
    """Change the item as it was read (None removes); the new one, or None where somebody else was faster."""
    turn = state["turn"] + 1
    changes |= {"turn": turn, "ttl": expiry(now_ms, KEPT_DAYS)}
    update, values = assignments(changes)
    as_read = "#turn = :turn_read" if state["turn"] else "attribute_not_exists(#turn)"
    if state["turn"]:
        values["turn_read"] = state["turn"]
    moved = threads.update(state["pk"], state["sk"], update, when=as_read, **values)
    return None if moved is None else {**state, **changes}


def marks(waiting: Iterable[Item]) -> set[bytes]:
    """What tells a waiting thread, and since when it waits, from all others: its place in the index but the urgency."""
    return {zlib.crc32(entry["work_sk"].partition("#")[2].encode()).to_bytes(MARK_BYTES) for entry in waiting}


def unpacked(packed: bytes) -> set[bytes]:
    return {packed[start : start + MARK_BYTES] for start in range(0, len(packed), MARK_BYTES)}


def publish(subject: str, text: str) -> Outcome:
    """Put a text on the notification topic, once."""
    try:
        answer = aws.client("sns", read_timeout_s=5, attempts=1).publish(
            TopicArn=settings.load().notification_topic, Subject=subject, Message=text
        )
    except ClientError as error:
        return Outcome(result=Result.REFUSED, reason="topic", code=error.response["Error"]["Code"])
    except BotoCoreError as error:
        return Outcome(result=Result.UNKNOWN, reason=type(error).__name__)
    return Outcome(result=Result.SENT if answer.get("MessageId") else Result.UNKNOWN)


def _pk(inbox: str) -> str:
    return f"NOTICES#{inbox}"

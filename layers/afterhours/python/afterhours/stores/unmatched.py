"""Questions that the FAQ did not answer, by inbox and day, for those who write its next entries.

pk `U#<inbox>#<yyyy-mm-dd>` (UTC), sk `<ms13>#<event id>`: text, language, suggested (ids), thread, ttl 90 days; or, for
a tap on a suggestion, tapped (the id) without a text: it belongs to the question that its thread asked last.
"""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from afterhours.stores.dynamo import Item
from afterhours.stores.threads import HeadMoved, Threads, thread_name

logger = logging.getLogger("afterhours.unmatched")

TEXT_KEPT = 300  # characters
KEPT_DAYS = 90


def key(inbox: str, event: Item) -> Item:
    """Where the question of a stored inbound event stands."""
    _, ms13, _, event_id = event["sk"].split("#")
    return {"pk": list_of(inbox, datetime.fromtimestamp(event["at"] / 1000, UTC)), "sk": f"{ms13}#{event_id}"}


def list_of(inbox: str, day: datetime) -> str:
    """The list of one day."""
    return f"U#{inbox}#{day.date().isoformat()}"


def keep(
    threads: Threads, inbox: str, event: Item, *, suggested: Iterable[str] = (), tapped: str | None = None
) -> None:
    """List a question, or the tap on a suggestion, once, however often its event arrives. A list without it does
    less harm than an event that fails for it."""
    row = {
        **key(inbox, event),
        "text": None if tapped else event["text"][:TEXT_KEPT],
        "language": event["language"],
        "suggested": list(suggested) or None,
        "tapped": tapped,
        "thread": thread_name(event["pk"]),
        "ttl": event["at"] // 1000 + KEPT_DAYS * 86_400,
    }
    try:
        threads.add(row, event["pk"], event["at"])
    except (BotoCoreError, ClientError, HeadMoved) as error:
        logger.warning("question not listed", extra={"thread_id": row["thread"], "error": type(error).__name__})


def forget(threads: Threads, inbox: str, event: Item) -> None:
    """The contact took the message back."""
    place = key(inbox, event)
    threads.update(place["pk"], place["sk"], "REMOVE #text", when="attribute_exists(#pk)")

"""Every minute: rings what no bell stands for, wakes snoozed threads, brings unsettled replies back.

It repairs whatever a crash, a lost doorbell or an expired queue message left behind; doing too much is harmless.
"""

from collections.abc import Callable
from typing import Any

from afterhours import settings
from afterhours.counts import count
from afterhours.models import Inbox
from afterhours.stores import config, queues
from afterhours.stores.dynamo import Item
from afterhours.stores.sending import FIRST_CHECK_MS, UNSETTLED
from afterhours.stores.threads import HEAD, Threads, open_keys, thread_name
from aws_lambda_powertools import Logger

logger = Logger(service="sweeper")

PAGE = 100
LONGEST_CHECK_MS = 3_600_000


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """What was done, by kind. Raises ExceptionGroup when all is done but for what failed: one inbox's trouble is not
    another's."""
    threads = Threads(settings.load().threads_table)
    now_ms = settings.now_ms()
    done = {"rung": 0, "woken": 0, "brought_back": 0}
    failed = []

    def do(kind: str, work: Callable[..., int], *given: object) -> None:
        try:
            done[kind] += work(threads, *given, now_ms)
        except Exception as error:  # noqa: BLE001 - the boundary of one piece of work; raised below
            failed.append(error)

    do("brought_back", _bring_back)
    for inbox in config.inboxes():
        do("woken", _wake, inbox)
        do("rung", _ring, inbox)
    if any(done.values()):
        logger.info("swept", extra=done)
    for name, number in done.items():
        if number:
            count("sweeper", name.title().replace("_", ""), number)
    if failed:
        raise ExceptionGroup("sweep not complete", failed)
    return done


def _ring(threads: Threads, inbox: Inbox, now_ms: int) -> int:
    """One bell for every claimable thread that has none, the most urgent first."""
    entries = [entry for shard in range(inbox.shards) for entry in threads.work(f"OPEN#{inbox.id}#{shard}", limit=PAGE)]
    claimable = [entry for entry in sorted(entries, key=lambda entry: entry["work_sk"]) if _is_free(entry, now_ms)]
    missing = max(0, len(claimable) - queues.depth(inbox.queue_url)) if claimable else 0
    for entry in claimable[:missing]:
        queues.ring(inbox.queue_url, inbox.id, entry["pk"])
    return missing


def _is_free(entry: Item, now_ms: int) -> bool:
    return "owner" not in entry or entry.get("lease_until", 0) < now_ms


def _wake(threads: Threads, inbox: Inbox, now_ms: int) -> int:
    """Snoozed threads whose time has come are open again."""
    woken = 0
    for shard in range(inbox.shards):
        for entry in threads.work(f"SNOOZED#{inbox.id}#{shard}", until=f"{now_ms:013d}~", limit=PAGE):
            keys = open_keys(entry["pk"], inbox.id, inbox.shards, entry.get("due_at", now_ms), now_ms)
            awake = threads.update(
                entry["pk"], HEAD,
                "SET #status = :open, #version = #version + :one, #work_pk = :work_pk, #work_sk = :work_sk",
                when="#status = :snoozed AND #snoozed_until <= :now",
                open="open", snoozed="snoozed", one=1, now=now_ms, **keys,
            )  # fmt: skip
            if awake is not None:
                queues.ring(inbox.queue_url, inbox.id, entry["pk"])
                woken += 1
    return woken


def _bring_back(threads: Threads, now_ms: int) -> int:
    """Put the keys of unsettled replies on the inbound queue again, each time after twice as long."""
    brought = 0
    for entry in threads.work(UNSETTLED, until=f"{now_ms:013d}~", limit=PAGE):
        item = threads.get(entry["pk"], entry["sk"])
        if item is None or "work_pk" not in item:
            continue
        interval = min(2 * item.get("check_ms", FIRST_CHECK_MS), LONGEST_CHECK_MS)
        moved = threads.update(
            item["pk"], item["sk"], "SET #work_sk = :next, #check_ms = :interval", when="#work_sk = :seen",
            next=f"{now_ms + interval:013d}#{item['sk']}", interval=interval, seen=item["work_sk"],
        )  # fmt: skip
        if moved is not None:
            queues.enqueue_outbound(item["pk"], item["sk"])
            logger.info("brought back", extra={"thread_id": thread_name(item["pk"]), "event": item["sk"]})
            brought += 1
    return brought

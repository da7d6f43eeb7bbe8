"""Every minute: rings what no bell stands for, wakes snoozed threads, brings unsettled replies back, raises alarms for
what is late, renews tokens before they run out and tells who wants to be told.

It repairs whatever a crash, a lost doorbell or an expired queue message left behind; doing too much is harmless.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from afterhours import settings
from afterhours.counts import count
from afterhours.models import Account, Inbox
from afterhours.stores import config, queues
from afterhours.stores.dynamo import Item
from afterhours.stores.sending import FIRST_CHECK_MS, UNSETTLED
from afterhours.stores.threads import HEAD, Threads, open_keys, thread_name
from aws_lambda_powertools import Logger
from escalating import raise_alarms
from notifying import Found, tell
from renewing import renew, renewable

logger = Logger(service="sweeper")

PAGE = 100
PAGES = 20  # of a shard's open threads: the most urgent 2,000 are looked at
BELLS = 200  # that one inbox is given in a minute
NOTICES_LEFT_MS = 15_000  # a notice may take so long; those that do not fit are sent in the next minute
RENEWAL_LEFT_MS = 25_000  # what the platform may take, and storing what it gave
LONGEST_CHECK_MS = 3_600_000
KEPT_MS = 600_000  # in which a thread that woke is its last owner's


class Context(Protocol):
    """What is asked of Lambda's."""

    def get_remaining_time_in_millis(self) -> int: ...


def lambda_handler(event: dict[str, Any], context: Context) -> dict[str, int]:
    """What was done, by kind. Raises ExceptionGroup when all is done but for what failed: one inbox's trouble is not
    another's."""
    threads = Threads(settings.load().threads_table)
    now_ms = settings.now_ms()
    done = Counter(rung=0, woken=0, brought_back=0)
    failed = []

    def do(work: Callable[..., Mapping[str, int]], *given: object) -> None:
        try:
            done.update(work(threads, *given, now_ms))
        except Exception as error:  # noqa: BLE001 - the boundary of one piece of work; raised below
            failed.append(error)

    do(_bring_back)
    found = {inbox: Found() for inbox in config.inboxes()}
    for inbox in found:
        do(_wake, inbox)
        do(_attend, inbox, found[inbox])
    for account in renewable():
        if context.get_remaining_time_in_millis() > RENEWAL_LEFT_MS:
            do(_renew, account)
    for inbox in found:  # after all else, because it waits for others
        if context.get_remaining_time_in_millis() > NOTICES_LEFT_MS:
            do(_notify, inbox, found[inbox])
    if any(done.values()):
        logger.info("swept", extra=done)
    for name in ("rung", "woken", "brought_back"):
        if done[name]:
            count("sweeper", name.title().replace("_", ""), done[name])
    if failed:
        raise ExceptionGroup("sweep not complete", failed)
    return dict(done)


def _attend(threads: Threads, inbox: Inbox, found: Found, now_ms: int) -> dict[str, int]:
    """Look through the open threads: what is late, what nobody holds, what no bell stands for."""
    found.open, found.more = _open(threads, inbox)
    found.waiting = [entry for entry in found.open if _is_free(entry, now_ms)]
    for alarm in raise_alarms(threads, inbox, found.open, now_ms):
        found.alarms.append(alarm)
    rung = _ring(inbox, found.waiting)
    return {"rung": rung, **({"alarms": len(found.alarms)} if found.alarms else {})}


def _open(threads: Threads, inbox: Inbox) -> tuple[list[Item], bool]:
    """The open threads as the index shows them, the most urgent first, and whether there are more than were read."""
    entries: list[Item] = []
    more = False
    for shard in range(inbox.shards):
        after = ""
        for _ in range(PAGES):
            page = threads.work(f"OPEN#{inbox.id}#{shard}", after=after, limit=PAGE)
            entries += page
            if len(page) < PAGE:
                break
            after = page[-1]["work_sk"]
        else:
            more = True
            logger.warning("more open threads than are read", extra={"inbox": inbox.id})
    return sorted(entries, key=lambda entry: str(entry["work_sk"])), more


def _ring(inbox: Inbox, waiting: list[Item]) -> int:
    """One bell for every claimable thread that has none, the most urgent first."""
    missing = max(0, len(waiting) - queues.depth(inbox.queue_url)) if waiting else 0
    for entry in waiting[: min(missing, BELLS)]:
        queues.ring(inbox.queue_url, inbox.id, entry["pk"])
    return min(missing, BELLS)


def _is_free(entry: Item, now_ms: int) -> bool:
    return "owner" not in entry or entry.get("lease_until", 0) < now_ms


def _renew(threads: Threads, account: Account, now_ms: int) -> dict[str, int]:
    return renew(account, now_ms)


def _notify(threads: Threads, inbox: Inbox, found: Found, now_ms: int) -> dict[str, int]:
    told = tell(threads, inbox, found, now_ms)
    return {"notified": told} if told else {}


def _wake(threads: Threads, inbox: Inbox, now_ms: int) -> dict[str, int]:
    """Snoozed threads whose time has come are open again, for whoever snoozed them first."""
    woken = 0
    for shard in range(inbox.shards):
        for entry in threads.work(f"SNOOZED#{inbox.id}#{shard}", until=f"{now_ms:013d}~", limit=PAGE):
            keys = open_keys(entry["pk"], inbox.id, inbox.shards, entry.get("urgent_at", now_ms), now_ms)
            awake = threads.update(
                entry["pk"], HEAD,
                "SET #status = :open, #opened_at = :now, #kept_until = :kept, #version = #version + :one, "
                "#work_pk = :work_pk, #work_sk = :work_sk",
                when="#inbox = :inbox AND #status = :snoozed AND #snoozed_until <= :now",
                inbox=inbox.id, open="open", snoozed="snoozed", one=1, now=now_ms, kept=now_ms + KEPT_MS, **keys,
            )  # fmt: skip
            if awake is not None:
                queues.ring(inbox.queue_url, inbox.id, entry["pk"])
                woken += 1
    return {"woken": woken}


def _bring_back(threads: Threads, now_ms: int) -> dict[str, int]:
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
    return {"brought_back": brought}

"""Which thread an agent gets: the most urgent one they may have now (DESIGN 3.3). Part of agent_api.

The queue says that there is work, the index what is the most urgent, the claim whose it is. Bells may be lost and the
index may lag: the claim alone decides.
"""

from collections.abc import Iterator

from afterhours import settings
from afterhours.models import Agent, Inbox, ThreadHead
from afterhours.stores import queues
from afterhours.stores.claims import Claims
from afterhours.stores.dynamo import Item
from afterhours.stores.threads import Threads, urgency, waits_for_an_agent
from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

logger = Logger(service="agent_api")

PAGE = 50
PAGES = 20


def pull(threads: Threads, inbox: Inbox, agent: Agent, wait_s: int) -> tuple[str, ThreadHead] | None:
    """Claim one thread; None when none waits for this agent."""
    bell = _take_bell(inbox, wait_s)
    now_ms = settings.now_ms()
    belled: dict[str, str] = {}
    if bell:
        head = threads.head(bell.pk)
        if head and head.inbox == inbox.id and waits_for_an_agent(head, agent.id, now_ms):
            belled[bell.pk] = urgency(bell.pk, head.urgent_at, head.opened_at)
    claimed = _claim_one(threads, inbox, agent, belled, now_ms)
    if bell:
        _put_away(inbox, bell, answered=claimed is not None or not belled)
    return claimed


def _claim_one(
    threads: Threads, inbox: Inbox, agent: Agent, belled: dict[str, str], now_ms: int
) -> tuple[str, ThreadHead] | None:
    for page in _pages(threads, inbox, agent, now_ms):
        candidates = belled | page
        for pk in sorted(candidates, key=candidates.__getitem__):
            if head := Claims(threads).pull(pk, inbox.id, agent.id, now_ms):
                return pk, head
        belled = {}
    return None


def _take_bell(inbox: Inbox, wait_s: int) -> queues.Bell | None:
    """A doorbell; None where there is none, and where the queue is out of reach: the index knows what waits."""
    try:
        return queues.receive_bell(inbox.queue_url, wait_s)
    except (BotoCoreError, ClientError) as error:
        logger.warning("queue out of reach", extra={"inbox": inbox.id, "error": type(error).__name__})
        return None


def _put_away(inbox: Inbox, bell: queues.Bell, *, answered: bool) -> None:
    """Delete a bell that has been answered, else show it again. What fails here comes back by itself."""
    try:
        (queues.delete_bell if answered else queues.return_bell)(inbox.queue_url, bell.handle)
    except (BotoCoreError, ClientError) as error:
        logger.warning("bell left to its time-out", extra={"inbox": inbox.id, "error": type(error).__name__})


def _pages(threads: Threads, inbox: Inbox, agent: Agent, now_ms: int) -> Iterator[dict[str, str]]:
    """Threads that this agent may claim now and how urgent they are, a page of every shard at a time. A page of which
    others were faster to claim all, or that the index shows as it was, is read past."""
    last = {f"OPEN#{inbox.id}#{shard}": "" for shard in range(inbox.shards)}
    for _ in range(PAGES):
        free: dict[str, str] = {}
        for shard, after in list(last.items()):
            page = threads.work(shard, after=after, limit=PAGE)
            free |= {entry["pk"]: entry["work_sk"] for entry in page if _is_free(entry, agent, now_ms)}
            if len(page) < PAGE:
                del last[shard]
            else:
                last[shard] = page[-1]["work_sk"]
        yield free
        if not last:
            return


def _is_free(entry: Item, agent: Agent, now_ms: int) -> bool:
    claimed = "owner" in entry and entry.get("lease_until", 0) >= now_ms
    kept = entry.get("kept_until", 0) >= now_ms and entry.get("kept_for") not in (None, agent.id)
    return not claimed and not kept

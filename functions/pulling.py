"""Which thread an agent gets: the most urgent one they may have now (DESIGN 3.3). Part of agent_api.

The queue says that there is work, the index what is the most urgent, the claim whose it is. Bells may be lost and the
index may lag: the claim alone decides.
"""

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
    candidates, own = _candidates(threads, inbox, agent, now_ms), False
    if bell:
        belled = threads.head(bell.pk)
        if belled and belled.inbox == inbox.id and waits_for_an_agent(belled, agent.id, now_ms):
            candidates[bell.pk], own = urgency(bell.pk, belled.due_at, belled.opened_at), True
    claimed = None
    for pk in sorted(candidates, key=candidates.__getitem__):
        if head := Claims(threads).pull(pk, agent.id, now_ms):
            claimed = pk, head
            break
    if bell:
        _put_away(inbox, bell, answered=claimed is not None or not own)
    return claimed


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


def _candidates(threads: Threads, inbox: Inbox, agent: Agent, now_ms: int) -> dict[str, str]:
    """Threads this agent may claim now, and how urgent: the first page of each shard that has some."""
    found: dict[str, str] = {}
    for shard in range(inbox.shards):
        after = ""
        for _ in range(PAGES):
            page = threads.work(f"OPEN#{inbox.id}#{shard}", after=after, limit=PAGE)
            free = [entry for entry in page if _is_free(entry, agent, now_ms)]
            found |= {entry["pk"]: entry["work_sk"] for entry in free}
            if free or len(page) < PAGE:
                break
            after = page[-1]["work_sk"]
    return found


def _is_free(entry: Item, agent: Agent, now_ms: int) -> bool:
    claimed = "owner" in entry and entry.get("lease_until", 0) >= now_ms
    kept = entry.get("kept_until", 0) >= now_ms and entry.get("kept_for") not in (None, agent.id)
    return not claimed and not kept

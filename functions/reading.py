"""What agents look at: who they are, lists, a thread, its prepared answers, its contact. Part of agent_api.

A list is one page of an index and one batch of heads; whatever the table holds, a call asks for the same.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from afterhours import hours, texts
from afterhours.models import Inbox, ThreadHead, ThreadStatus
from afterhours.phrasebook import stems
from afterhours.playbook import Playbook
from afterhours.stores import config, records
from afterhours.stores.dynamo import Item
from afterhours.timeline import done, entries, noted, ticket_number
from calls import Call, Query, Response, answer
from pydantic import AfterValidator, Field

PAGE = 50
LIST_CURSOR = "^([0-9]{13}#[!-~]{1,300})?$"
TIMELINE_CURSOR = "^(E#[0-9]{13}#[IO]#[0-9A-Za-z]{1,64})?$"
DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


def _date(day: str) -> str:
    """Raises ValueError for a day that no calendar has."""
    return day and date.fromisoformat(day).isoformat()


Day = Annotated[str, Field(pattern=f"{DAY}|^$"), AfterValidator(_date)]
View = Literal["open", "mine", "snoozed", "resolved", "held"]
STATUS_OF: dict[str, set[ThreadStatus]] = {
    "open": {ThreadStatus.OPEN},
    "mine": {ThreadStatus.OPEN, ThreadStatus.WAITING, ThreadStatus.SNOOZED},
    "snoozed": {ThreadStatus.SNOOZED},
    "resolved": {ThreadStatus.RESOLVED},
    "held": set(ThreadStatus),
}


class NoQuery(Query):
    """Nothing is asked."""


class ListQuery(Query):
    view: View = "open"
    day: Day = Field(default="", description="Of view `resolved`, UTC; today where left out")
    limit: int = Field(default=PAGE, ge=1, le=PAGE)
    cursor: str = Field(default="", pattern=LIST_CURSOR)


class TimelineQuery(Query):
    cursor: str = Field(default="", pattern=TIMELINE_CURSOR)


def me(call: Call, asked: NoQuery) -> Response:
    """Who asks, and which inboxes are open to them in which role."""
    return answer({"agent": call.agent.id, "email": call.agent.email, "inboxes": call.agent.inboxes})


def threads(call: Call, asked: ListQuery) -> Response:
    """Open and snoozed ones first due first; one's own, resolved and held ones newest first."""
    inbox = call.inbox()
    page, cursor = LISTS[asked.view](call, inbox, asked)
    heads = call.threads.heads(entry["pk"] for entry in page)
    shown = [
        call.shown(pk, head)
        for pk, head in ((entry["pk"], heads.get(entry["pk"])) for entry in page)
        if head and head.inbox == inbox.id and head.status in STATUS_OF[asked.view]
        and (asked.view != "mine" or call.agent.id in (head.owner, head.kept_for))
    ]  # fmt: skip
    return answer({"threads": shown, "cursor": cursor})


def show(call: Call, asked: TimelineQuery) -> Response:
    """The thread and its newest events; `cursor` leads to older ones."""
    pk, head = call.thread()
    if asked.cursor:
        items, older = call.threads.timeline(pk, limit=PAGE, before=asked.cursor)
        shown = {"thread": call.shown(pk, head), "timeline": entries(items, head), "notes": [], "history": []}
        return answer({**shown, "cursor": older})
    return answer(thread_with_timeline(call, pk, head))


def thread_with_timeline(call: Call, pk: str, head: ThreadHead) -> dict[str, Any]:
    items, older = call.threads.timeline(pk, limit=PAGE)
    return {
        "thread": call.shown(pk, head),
        "timeline": entries(items, head),
        "notes": [noted(item) for item in records.notes(call.threads, pk)],
        "history": [done(item) for item in records.history(call.threads, pk)],
        "cursor": older,
    }


def colleagues(call: Call, asked: NoQuery) -> Response:
    """Who works in the inbox."""
    inbox = call.inbox()
    found = [agent for agent in config.agents() if inbox.id in agent.inboxes]
    agents = [{"id": agent.id, "email": agent.email, "role": agent.inboxes[inbox.id]} for agent in found]
    return answer({"agents": sorted(agents, key=lambda agent: agent["email"])})


def answers(call: Call, asked: NoQuery) -> Response:
    """Prepared answers in the words of this thread: canned ones, and other ways to reach us."""
    pk, head = call.thread()
    playbook = config.known_playbook(config.known_inbox(head.inbox))
    now = datetime.fromtimestamp(call.now_ms / 1000, UTC)
    values = texts.Values(
        now=now,
        zone=playbook.zone,
        brand=playbook.brand,
        contact_name=head.contact_name,
        next_opening=hours.next_opening(playbook.hours, now),
        week=playbook.week,
        ways=playbook.ways.line,
        languages=playbook.languages,
        emergency_number=playbook.emergency_number,
        disclose=False,  # a person sends them
    )
    language = head.language or playbook.languages[0]
    found = []
    for entry in playbook.canned:
        code = _closest(language, entry.text, playbook)
        text = texts.render_text(entry.text[code], code, values, playbook.texts)
        found.append(
            {"id": entry.id, "kind": "canned", "text": text, "approved": entry.approved, "version": entry.version}
        )
    found += [
        {"id": f"way-{number}", "kind": "way", "text": way, "approved": True, "version": 1}
        for number, way in enumerate(_ways(pk, head, playbook), start=1)
    ]
    return answer({"language": language, "answers": found})


def contact(call: Call, asked: NoQuery) -> Response:
    """What we know of the customer, and their earlier tickets here."""
    pk, head = call.thread()
    tid = pk.rpartition("#")[2]
    resolutions = call.threads.newest(pk, "R#", PAGE)
    earlier = [
        {
            "number": ticket_number(tid, item["episode"]),
            "opened_at": item.get("opened_at", 0),
            "resolved_at": item.get("resolved_at", 0),
            "by": item.get("by"),
            "tags": item.get("tags", []),
            "csat_score": item.get("csat_score"),
        }
        for item in resolutions
    ]
    return answer(
        {
            "names": [head.contact_name] if head.contact_name else [],
            "languages": list(dict.fromkeys(code for code in (head.explicit_language, head.language) if code)),
            "opted_out": bool(head.opted_out_at),
            "preferences": {"language": head.explicit_language},
            "messages": head.inbound_count,
            "last_in_at": head.last_in_at,
            "earlier": earlier,
        }
    )


def _ways(pk: str, head: ThreadHead, playbook: Playbook) -> list[str]:
    """Other ways to reach us: those of the playbook, and the inbox's other accounts."""
    _, channel, account_id, _ = pk.split("#")
    ways = [way for way in (playbook.ways.phone, playbook.ways.email, *playbook.ways.links) if way]
    for account in config.accounts():
        other = (account.channel, account.id) != (channel, account_id)
        if other and account.enabled and account.inbox == head.inbox and account.name:
            ways.append(f"{account.channel.replace('_', ' ').title()}: {account.name}")
    return list(dict.fromkeys(ways))


def _closest(language: str, by_language: dict[str, str], playbook: Playbook) -> str:
    """Which of the languages of a text is for this contact."""
    known = next((code for code in stems(language) if code in by_language), None)
    return known or next((code for code in playbook.languages if code in by_language), next(iter(by_language)))


Page = tuple[list[Item], str | None]


def _by_shard(name: str) -> Callable[[Call, Inbox, ListQuery], Page]:
    def read(call: Call, inbox: Inbox, asked: ListQuery) -> Page:
        shards = [f"{name}#{inbox.id}#{shard}" for shard in range(inbox.shards)]
        found = [entry for one in shards for entry in call.threads.work(one, after=asked.cursor, limit=asked.limit)]
        return _page(sorted(found, key=lambda entry: str(entry["work_sk"])), "work_sk", asked.limit)

    return read


def _held(call: Call, inbox: Inbox, asked: ListQuery) -> Page:
    found = call.threads.work(f"HELD#{inbox.id}", after=asked.cursor, limit=asked.limit)
    return _page(found, "work_sk", asked.limit)


def _mine(call: Call, inbox: Inbox, asked: ListQuery) -> Page:
    found = call.threads.agenda(f"MINE#{call.agent.id}", before=asked.cursor or "~", limit=asked.limit)
    return _page(found, "agenda_sk", asked.limit)


def _resolved(call: Call, inbox: Inbox, asked: ListQuery) -> Page:
    day = asked.day or datetime.fromtimestamp(call.now_ms / 1000, UTC).date().isoformat()
    found = call.threads.agenda(f"RESOLVED#{inbox.id}#{day}", before=asked.cursor or "~", limit=asked.limit)
    return _page(found, "agenda_sk", asked.limit)


def _page(found: Iterable[Item], key: str, limit: int) -> Page:
    page = list(found)[:limit]
    return page, str(page[-1][key]) if len(page) == limit else None


LISTS: dict[str, Callable[[Call, Inbox, ListQuery], Page]] = {
    "open": _by_shard("OPEN"),
    "snoozed": _by_shard("SNOOZED"),
    "held": _held,
    "mine": _mine,
    "resolved": _resolved,
}

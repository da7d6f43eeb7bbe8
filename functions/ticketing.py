"""Threads as tickets, for help desks and exports. Part of agent_api.

A ticket is three queries: its thread's last two resolutions, what was said, the notes. Whatever the table holds, a call
asks for the same.
"""

from http import HTTPStatus
from typing import Any

import access
from access import Problem
from afterhours import tickets
from afterhours.models import ThreadHead, ThreadStatus
from afterhours.stores import config, records
from afterhours.stores.threads import thread_name
from calls import Call, Query, Response, answer
from pydantic import Field
from reading import LIST_CURSOR, NoQuery
from searching import Day

PAGE = 10
COMMENTS = 200


class TicketsQuery(Query):
    day: Day = Field(description="Resolved on it, UTC")
    cursor: str = Field(default="", pattern=LIST_CURSOR)


def ticket(call: Call, asked: NoQuery) -> Response:
    """The thread's last episode as a ticket: what was said (the last 200 entries), notes, rating."""
    pk, head = call.thread()
    if head.episode == 0:
        detail = "Automation has the thread; it becomes a ticket when it is handed to people."
        raise Problem(HTTPStatus.NOT_FOUND, "unknown_ticket", detail)
    return answer({"ticket": _ticket(call, pk, head, _emails())})


def resolved(call: Call, asked: TicketsQuery) -> Response:
    """Tickets that were resolved on a day and not opened again since, last resolved first; for leads and admins."""
    inbox = call.inbox()
    access.must_lead(call.agent, inbox.id)
    page = call.threads.agenda(f"RESOLVED#{inbox.id}#{asked.day}", before=asked.cursor or "~", limit=PAGE)
    heads, emails = call.threads.heads(entry["pk"] for entry in page), _emails()
    found = [
        _ticket(call, pk, head, emails)
        for pk, head in ((entry["pk"], heads.get(entry["pk"])) for entry in page)
        if head and head.inbox == inbox.id and head.status is ThreadStatus.RESOLVED
    ]
    return answer({"tickets": found, "cursor": page[-1]["agenda_sk"] if len(page) == PAGE else None})


def _ticket(call: Call, pk: str, head: ThreadHead, emails: dict[str, str]) -> dict[str, Any]:
    of = tickets.episode(head, call.threads.newest(pk, "R#", 2))
    events, more = call.threads.between(pk, f"E#{of.since:013d}", "E#~", COMMENTS)
    notes = records.notes(call.threads, pk)
    return tickets.ticket(thread_name(pk), head, of, events, notes, cut=more, agents=emails)


def _emails() -> dict[str, str]:
    return {agent.id: agent.email for agent in config.agents()}

"""What agents look at: who they are, lists, a search, a thread, its prepared answers, its contact. Claims nothing."""

import time
from enum import StrEnum
from typing import Annotated, Any

import typer

from afterhours_local import output, session, thread_lines
from afterhours_local.agent_api_client import Api, Trouble
from afterhours_local.agent_verbs import CursorOption, InboxOption, ThreadArgument, verb

app = typer.Typer()


class View(StrEnum):
    OPEN = "open"
    MINE = "mine"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"
    HELD = "held"


@verb(app, "me", example="me")
def me(api: Api) -> None:
    """Who you are, and what you are in which inbox."""
    answer = api.get("me")
    if api.as_json:
        output.emit(answer)
        return
    output.say(output.plain(str(answer.get("email") or answer["agent"])))
    for inbox, role in answer["inboxes"].items():
        output.say(output.plain(f"  {inbox}: {role}"))


@verb(app, "list", example="list --inbox support --view mine")
def list_(
    api: Api,
    inbox: InboxOption = "",
    view: Annotated[View, typer.Option("--view", help="Which threads.")] = View.OPEN,
    day: Annotated[str, typer.Option("--day", help="Of --view resolved: YYYY-MM-DD (UTC), else today.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=50)] = 50,
    cursor: CursorOption = "",
) -> None:
    """The threads of an inbox, open ones the most urgent first; claims nothing."""
    inbox = api.inbox(inbox)
    answer = api.get("inboxes", inbox, "threads", view=view.value, day=day, limit=limit, cursor=cursor)
    _list(api, answer, f"No {'threads of yours' if view is View.MINE else f'{view} threads'} in {inbox}.")


@verb(app, "search", example="search --tag refund")
def search(
    api: Api,
    inbox: InboxOption = "",
    number: Annotated[str, typer.Option("--number", help="A ticket number, such as MFRGGZDF-2.")] = "",
    tag: Annotated[str, typer.Option("--tag", help="A tag.")] = "",
    name: Annotated[str, typer.Option("--name", help="Words of the contact's name, whole ones.")] = "",
    words: Annotated[str, typer.Option("--words", help="Beginnings of words of a message of some days.")] = "",
    from_: Annotated[str, typer.Option("--from", help="The first day, YYYY-MM-DD, in the inbox's zone.")] = "",
    until: Annotated[str, typer.Option("--until", help="The last day, at most 31 days later.")] = "",
    cursor: CursorOption = "",
) -> None:
    """Find threads of an inbox by number, tag, name or words; tells what was searched and what was not."""
    if sum(map(bool, (number, tag, name, words))) != 1:
        raise Trouble("say what to search for: one of --number, --tag, --name and --words", code=2)
    inbox = api.inbox(inbox)
    asked = {"number": number.upper(), "tag": tag, "name": name, "words": words, "from": from_, "until": until}
    answer = api.get("inboxes", inbox, "search", **asked, cursor=cursor)
    _list(api, answer, f"Nothing found in {inbox}.")
    searched = answer.get("searched") or {}
    if searched.get("note") and not api.as_json:
        output.note(output.plain(searched["note"]))


@verb(app, "show", example="show MFRGGZDF-2")
def show(api: Api, thread: ThreadArgument = "last", cursor: CursorOption = "") -> None:
    """A thread: what was said, colleagues' notes, and who did what."""
    show_thread(api, api.get("threads", api.thread(thread), cursor=cursor))


@verb(app, "answers", example="answers MFRGGZDF-2")
def answers(api: Api, thread: ThreadArgument = "last") -> None:
    """Prepared answers in the words of this thread, for reply --answer and --way."""
    answer = api.get("threads", api.thread(thread), "answers")
    if api.as_json:
        output.emit(answer)
        return
    for each in answer["answers"]:
        asked = f"--way {each['id'].removeprefix('way-')}" if each["kind"] == "way" else f"--answer {each['id']}"
        output.say(output.plain(asked + ("" if each.get("approved", True) else "  (not approved)")), style="bold")
        output.say("  " + output.plain(each["text"]).replace("\n", "\n  "))
    if not answer["answers"]:
        output.say("No prepared answers here.")


@verb(app, "contact", example="contact MFRGGZDF-2")
def contact(api: Api, thread: ThreadArgument = "last") -> None:
    """What is known of the customer, and their earlier tickets."""
    answer = api.get("threads", api.thread(thread), "contact")
    if api.as_json:
        output.emit(answer)
        return
    about = {
        "names": ", ".join(answer.get("names") or ()),
        "languages": ", ".join(answer.get("languages") or ()),
        "wants": "no more messages" if answer.get("opted_out") else "",
        "messages": answer.get("messages"),
        "first seen": thread_lines.local_time(answer["first_seen"]) if answer.get("first_seen") else "",
        "wrote last": thread_lines.local_time(answer["last_in_at"]) if answer.get("last_in_at") else "",
    }
    for word, value in about.items():
        if value:
            output.say(thread_lines.one_line(f"{word}: {value}"))
    for ticket in answer.get("earlier") or ():
        tags = " ".join(f"#{tag}" for tag in ticket.get("tags") or ())
        score = f"rated {ticket['csat_score']} of 5" if ticket.get("csat_score") else ""
        resolved = f"resolved {thread_lines.local_time(ticket['resolved_at'])}"
        output.say("  ".join(thread_lines.one_line(part) for part in (ticket["number"], resolved, score, tags) if part))


@verb(app, "colleagues", example="colleagues --inbox support")
def colleagues(api: Api, inbox: InboxOption = "") -> None:
    """Who works in an inbox, and who leads it."""
    answer = api.get("inboxes", api.inbox(inbox), "colleagues")
    if api.as_json:
        output.emit(answer)
        return
    for each in answer["agents"]:
        output.say(output.plain(f"{each['email']}  {each['role']}"))


def show_thread(api: Api, answer: Any) -> None:
    """Print it, and remember that it was seen: a reply or resolution is refused where there is more by now."""
    thread = answer["thread"]
    session.remember_seen(api.url, thread["id"], session.Seen(thread["fence"], thread.get("last_inbound")))
    if api.as_json:
        output.emit(answer)
        return
    names = api.names(thread["inbox"])
    for line in thread_lines.heading(thread, time.time_ns() // 1_000_000, names):
        output.say(line, style="bold")
    output.say()
    name = (thread.get("contact") or {}).get("name") or "contact"
    for entry in answer["timeline"]:
        output.say(thread_lines.entry_lines(entry, name, names), style="dim" if entry.get("by") == "auto" else "")
    for title, lines in (
        ("Notes, for colleagues only", [thread_lines.note_lines(each, names) for each in answer.get("notes") or ()]),
        ("History", [thread_lines.history_line(each, names) for each in answer.get("history") or ()]),
    ):
        if lines:
            output.say(f"\n{title}", style="bold")
        for line in lines:
            output.say(line, style="dim" if title == "History" else "")
    if answer.get("cursor"):
        output.note(f"There is more: --cursor {answer['cursor']}")


def _list(api: Api, answer: Any, nothing: str) -> None:
    if api.as_json:
        output.emit(answer)
        return
    now_ms = time.time_ns() // 1_000_000
    for thread in answer["threads"]:
        output.say(thread_lines.summary(thread, now_ms))
    if not answer["threads"]:
        output.say(nothing)
    if answer.get("cursor"):
        output.note(f"There is more: --cursor {answer['cursor']}")

"""A thread for people at a terminal. Names and texts are those of strangers: nothing of them steers the terminal."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from afterhours_local import output

MINUTE_MS = 60_000
SLA_WORDS = {"warned": "due soon", "overdue": "overdue", "escalated": "escalated"}
BLOCKED_WORDS = {
    "window_closed": "no free text until they write again",
    "opted_out": "wants no more messages",
    "unsupported": "cannot be answered here",
}


def summary(thread: Any, now_ms: int) -> str:
    """A line of a list: the number and the id, since when or until when, who, what colleagues should know."""
    about = [
        one_line(str(thread.get("number") or ""), 15),
        state(thread, now_ms),
        one_line((thread.get("contact") or {}).get("name") or "contact", 30),
        thread.get("channel") or "",
        SLA_WORDS.get(str(thread.get("sla")), ""),
        "claimed" if is_claimed(thread, now_ms) else "",
        " ".join(f"#{tag}" for tag in thread.get("tags") or ()),
        thread["id"],
    ]
    return "  ".join(one_line(part) for part in about if part)


def state(thread: Any, now_ms: int) -> str:
    """What its time is about: due, snoozed until, resolved, or just its status."""
    status = thread.get("status", "open")
    if status == "snoozed" and thread.get("snoozed_until"):
        return f"snoozed until {local_time(thread['snoozed_until'])}"
    if status == "resolved" and thread.get("resolved_at"):
        return f"resolved {local_time(thread['resolved_at'])}"
    if status == "open" and thread.get("due_at"):
        return f"due {local_time(thread['due_at'])} ({left(thread['due_at'], now_ms)})"
    return str(status)


def heading(thread: Any, now_ms: int, names: Mapping[str, str]) -> list[str]:
    contact, reply = thread.get("contact") or {}, thread.get("reply") or {}
    first = [thread.get("number"), thread["id"], f"inbox {thread['inbox']}", state(thread, now_ms)]
    about = [contact.get("name") or "contact", contact.get("language"), "opted out" if contact.get("opted_out") else ""]
    lines = [" · ".join(str(part) for part in parts if part) for parts in (first, about)]
    if thread.get("tags"):
        lines.append("tags: " + ", ".join(map(str, thread["tags"])))
    if thread.get("handoff"):
        lines.append("needs a person: " + ", ".join(map(str, thread["handoff"])))
    told = [f"opened {local_time(thread['opened_at'])}"] if thread.get("opened_at") else []
    if word := SLA_WORDS.get(str(thread.get("sla"))):
        told.append(word)
    if is_claimed(thread, now_ms):
        owner = names.get(thread["owner"], "a colleague")
        told.append(f"{owner} has it until {local_time(thread['lease_until'], seconds=True)}")
    if blocked := reply.get("blocked"):
        told.append(BLOCKED_WORDS.get(blocked, blocked))
    elif reply.get("until"):
        told.append(f"may be answered until {local_time(reply['until'])} ({left(reply['until'], now_ms)})")
    lines.append(" · ".join(told))
    return [one_line(line) for line in lines if line]


def entry_lines(entry: Any, contact: str, names: Mapping[str, str]) -> str:
    """An entry of the timeline: when, who, what, and how it ended; further lines of a text are indented."""
    who = contact if entry.get("by") == "contact" else str(entry.get("by") or entry.get("direction"))
    if entry.get("by") == "agent":
        who = names.get(str(entry.get("agent")), who).partition("@")[0]
    parts = [entry.get("text") or f"({entry.get('kind') or 'no text'})"]
    told = (entry.get(key) for key in ("state", "rule", "reason"))
    ending = [str(word) for word in dict.fromkeys(told) if word not in (None, "none")]
    if entry.get("state") == "held":
        ending.append(f"waits for approval, key {str(entry['id']).rpartition('#')[2]}")
    parts += [f"({', '.join(ending)})"] if ending else []
    text = " ".join(map(str, parts))
    for index, attachment in enumerate(entry.get("attachments") or ()):
        what = " ".join(one_line(str(attachment.get(key) or ""), 60) for key in ("type", "name")).strip()
        where = f": attachment {entry['id']} {index}" if attachment.get("available") else ""
        text += f"\n[{what}{where}]"
    return _dated(entry["at"], who, text)


def note_lines(note: Any, names: Mapping[str, str]) -> str:
    return _dated(note["at"], names.get(note["by"], "a colleague").partition("@")[0], str(note["text"]))


def history_line(audit: Any, names: Mapping[str, str]) -> str:
    known = {name: names.get(str(value), value) for name, value in (audit.get("detail") or {}).items()}
    told = ", ".join(f"{name} {_listed(value)}" for name, value in known.items() if value is not None)
    who = names.get(audit["by"], str(audit["by"])).partition("@")[0]
    return _dated(audit["at"], who, one_line(f"{audit['verb']} {f'({told})' if told else ''}"))


def is_claimed(thread: Any, now_ms: int) -> bool:
    return bool(thread.get("owner")) and (thread.get("lease_until") or 0) > now_ms


def local_time(ms: Any, *, seconds: bool = False) -> str:
    """In the terminal's own time zone."""
    moment = datetime.fromtimestamp(int(ms) / 1000).astimezone()
    return moment.strftime("%a %d %b %H:%M:%S" if seconds else "%a %d %b %H:%M")


def left(until_ms: int, now_ms: int) -> str:
    """How long until then, in its two largest units; `-` where it is over."""
    minutes = abs(until_ms - now_ms) // MINUTE_MS
    days, hours = minutes // 1440, minutes // 60
    if days:
        words = f"{days} d {hours % 24} h"
    elif hours:
        words = f"{hours} h {minutes % 60:02d}"
    else:
        words = f"{minutes} min"
    return f"-{words}" if until_ms < now_ms else words


def one_line(text: str, longest: int = 10_000) -> str:
    """A name of strangers must not move the rest of the line: one line, cut."""
    return " ".join(output.plain(text).split())[:longest]


def _dated(at: int, who: str, text: str) -> str:
    start = f"{local_time(at)}  {one_line(who, 14):<14} "
    return start + output.plain(text).replace("\n", "\n" + " " * len(start))


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

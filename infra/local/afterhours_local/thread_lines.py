"""A thread for people at a terminal. Names and texts are those of strangers: nothing of them steers the terminal."""

import time
from datetime import datetime
from typing import Any

from afterhours_local import output


def summary(thread: Any) -> str:
    claimed = thread.get("owner") and thread.get("lease_until", 0) > time.time_ns() // 1_000_000
    return output.plain(f"{thread['id']}  due {local_time(thread['due_at'])}{'  claimed' if claimed else ''}")


def heading(thread: Any) -> list[str]:
    contact = thread.get("contact") or {}
    lines = [f"{thread['id']}  {thread['status']}  inbox {thread['inbox']}"]
    about = [contact.get("name") or "contact", contact.get("language"), "opted out" if contact.get("opted_out") else ""]
    lines.append(" · ".join(str(part) for part in about if part))
    if thread.get("handoff"):
        lines.append("needs a person: " + ", ".join(map(str, thread["handoff"])))
    times = (("opened", "opened_at"), ("due", "due_at"), ("may be answered until", "window_until"))
    lines.append(" · ".join(f"{word} {local_time(thread[key])}" for word, key in times if thread.get(key)))
    return [output.plain(line) for line in lines if line]


def entry_lines(entry: Any, contact: str) -> str:
    """One line of the timeline: when, who, what, and how it ended; further lines of a text are indented."""
    who = contact if entry.get("by") == "contact" else str(entry.get("by") or entry.get("direction"))
    parts = [entry.get("text") or f"({entry.get('kind') or 'no text'})"]
    parts += [f"[{attachment.get('type')}]" for attachment in entry.get("attachments") or ()]
    told = (entry.get(key) for key in ("state", "rule", "reason"))
    ending = ", ".join(dict.fromkeys(str(word) for word in told if word not in (None, "none")))
    parts += [f"({ending})"] if ending else []
    # A name of strangers must not move the rest of the line: one line, cut.
    start = f"{local_time(entry['at'])}  {' '.join(output.plain(who).split())[:14]:<14} "
    return start + output.plain(" ".join(map(str, parts))).replace("\n", "\n" + " " * len(start))


def local_time(ms: Any, *, seconds: bool = False) -> str:
    """In the terminal's own time zone."""
    moment = datetime.fromtimestamp(int(ms) / 1000).astimezone()
    return moment.strftime("%a %d %b %H:%M:%S" if seconds else "%a %d %b %H:%M")

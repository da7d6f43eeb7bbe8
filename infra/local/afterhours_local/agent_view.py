"""An inbox at one moment as `afterhours agent watch` shows it: a table for a terminal, lines for a pipe. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from afterhours_local.thread_lines import BLOCKED_WORDS, SLA_WORDS, is_claimed, left, local_time, one_line

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

COLUMNS = ("number", "contact", "channel", "due", "sla", "window", "owner")
SOON_MS = 15 * 60_000
# A change of these is news; a countdown and a heartbeat are none.
TELLING = ("id", "number", "status", "due_at", "sla", "owner", "kept_for", "last_inbound", "tags", "snoozed_until")


@dataclass(frozen=True)
class Snapshot:
    """What was found; where nothing could be, `error` says why and the rest is what was known before."""

    inbox: str = ""
    agent: str = ""  # the id of who looks
    open: tuple[Mapping[str, Any], ...] = ()
    mine: tuple[Mapping[str, Any], ...] = ()
    more: bool = False  # whether there are more open ones than these
    names: Mapping[str, str] = field(default_factory=dict)  # e-mail addresses by agent id
    error: str = ""


def news(snapshot: Snapshot) -> object:
    """Two snapshots with the same are not worth two prints."""
    threads = [[(name, thread.get(name)) for name in TELLING] for thread in (*snapshot.open, *snapshot.mine)]
    return snapshot.inbox, threads, len(snapshot.open), snapshot.more, snapshot.error


def row(thread: Mapping[str, Any], snapshot: Snapshot, now_ms: int) -> tuple[str, ...]:
    """The cells of a thread, in the order of COLUMNS."""
    contact, status = thread.get("contact") or {}, thread.get("status")
    due = left(thread["due_at"], now_ms) if status == "open" and thread.get("due_at") else str(status)
    if status == "snoozed" and thread.get("snoozed_until"):
        due = f"wakes in {left(thread['snoozed_until'], now_ms)}"
    cells = (
        thread.get("number") or thread["id"],
        contact.get("name") or "contact",
        str(thread.get("channel") or "").replace("_", " "),
        due,
        SLA_WORDS.get(str(thread.get("sla")), "in time" if status == "open" else ""),
        _window(thread, now_ms),
        _owner(thread, snapshot, now_ms),
    )
    return tuple(one_line(str(cell), 40) for cell in cells)


def lines(snapshot: Snapshot, now_ms: int) -> list[str]:
    """The snapshot as plain text."""
    found = [f"{title(snapshot)}  {local_time(now_ms, seconds=True)}"]
    if snapshot.error:
        found.append(f"! {one_line(snapshot.error)}")
    for word, threads in (("Open", snapshot.open), ("Yours", snapshot.mine)):
        rows = [row(thread, snapshot, now_ms) for thread in threads]
        widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
        cells = [[cell.ljust(width) for cell, width in zip(each, widths, strict=True)] for each in (COLUMNS, *rows)]
        found.append(f"{word}:" if rows else f"{word}: none")
        found += ["  " + "  ".join(each).rstrip() for each in cells] if rows else []
    return found


def page(snapshot: Snapshot, now_ms: int) -> "Group":
    """The snapshot for a terminal."""
    from rich.console import Group
    from rich.text import Text

    head = Text(title(snapshot), style="bold")
    head.append(f"  {local_time(now_ms, seconds=True)}  Ctrl-C ends", style="dim")
    parts: list[Text | Table] = [head]
    if snapshot.error:
        parts.append(Text(one_line(snapshot.error), style="bold red"))
    for word, threads in (("Open", snapshot.open), ("Yours", snapshot.mine)):
        parts.append(_table(word, threads, snapshot, now_ms) if threads else Text(f"\n{word}: none", style="dim"))
    return Group(*parts)


def title(snapshot: Snapshot) -> str:
    who = snapshot.names.get(snapshot.agent, "")
    number = f"{len(snapshot.open)}{' or more' if snapshot.more else ''} open, {len(snapshot.mine)} yours"
    return "  ".join(one_line(part) for part in (snapshot.inbox or "Afterhours", number, who) if part)


def _table(word: str, threads: tuple[Mapping[str, Any], ...], snapshot: Snapshot, now_ms: int) -> "Table":
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"\n{word}", title_justify="left", title_style="bold", box=SIMPLE, pad_edge=False)
    rows = [row(thread, snapshot, now_ms) for thread in threads]
    for column, *below in zip(COLUMNS, *rows, strict=True):
        whole = max(map(len, below)) if column in ("number", "due", "window") else None
        align: Literal["left", "right"] = "right" if column in ("due", "window") else "left"
        table.add_column(column, no_wrap=True, justify=align, min_width=whole)
    for thread, cells in zip(threads, rows, strict=True):
        # As Text: a stranger's name is no markup.
        table.add_row(*map(Text, cells), style=_style(thread, snapshot, now_ms))
    return table


def _style(thread: Mapping[str, Any], snapshot: Snapshot, now_ms: int) -> str:
    if thread.get("status") != "open":
        return "dim"
    if thread.get("sla") in ("overdue", "escalated") or thread.get("due_at", 0) < now_ms:
        return "red"
    if thread.get("sla") == "warned" or thread["due_at"] - now_ms < SOON_MS:
        return "yellow"
    return "dim" if is_claimed(thread, now_ms) and thread["owner"] != snapshot.agent else ""


def _window(thread: Mapping[str, Any], now_ms: int) -> str:
    """How long the customer may still be written to; nothing where there is no limit."""
    reply = thread.get("reply") or {}
    if blocked := reply.get("blocked"):
        return "closed" if blocked == "window_closed" else BLOCKED_WORDS.get(blocked, blocked)
    return left(reply["until"], now_ms) if reply.get("until") else ""


def _owner(thread: Mapping[str, Any], snapshot: Snapshot, now_ms: int) -> str:
    if is_claimed(thread, now_ms):
        return _name(thread["owner"], snapshot)
    if thread.get("kept_for") and (thread.get("kept_until") or 0) > now_ms:
        return f"kept for {_name(thread['kept_for'], snapshot)}"
    return ""


def _name(agent: str, snapshot: Snapshot) -> str:
    return "you" if agent == snapshot.agent else snapshot.names.get(agent, "a colleague").partition("@")[0]

"""`afterhours agent watch`: an inbox as it is now, again and again. What fails is shown, and it goes on."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Annotated

import typer

from afterhours_local import agent_view, output
from afterhours_local.agent_api_client import Api, Trouble
from afterhours_local.agent_verbs import InboxOption, verb
from afterhours_local.agent_view import Snapshot

app = typer.Typer()


@verb(app, "watch", example="watch --inbox support --every 10")
def watch(
    api: Api,
    inbox: InboxOption = "",
    every: Annotated[int, typer.Option("--every", min=1, max=3600, help="Seconds between two looks.")] = 5,
    once: Annotated[bool, typer.Option("--once", help="Look once.")] = False,
) -> None:
    """Watch an inbox: what is open, the most urgent first, and what is yours. On a pipe, a snapshot per change.

    With --json each snapshot is one line. Claims nothing. Ctrl-C ends it.
    """
    if once:
        found = look(api, inbox, Snapshot())
        if found.error:
            raise Trouble(found.error)
        _print(found, as_json=api.as_json)
        return
    found_ones = looks(api, inbox, lambda: time.sleep(every))
    with suppress(KeyboardInterrupt):
        if sys.stdout.isatty() and not api.as_json:
            _show_live(found_ones)
        else:
            for found in changes(found_ones):
                _print(found, as_json=api.as_json)


def looks(api: Api, inbox: str, wait: Callable[[], object]) -> Iterator[Snapshot]:
    """A snapshot, a wait, the next one, without end."""
    found = Snapshot()
    while True:
        found = look(api, inbox, found)
        yield found
        wait()


def look(api: Api, inbox: str, before: Snapshot) -> Snapshot:
    """The inbox as it is; where that cannot be told as it was before, and why."""
    is_first = not before.agent or bool(before.error)  # what comes back may be another stack, where people have new ids
    try:
        inbox = inbox or before.inbox or api.inbox("")
        waiting = api.get("inboxes", inbox, "threads", view="open")
        mine = api.get("inboxes", inbox, "threads", view="mine")
        agent = str(api.get("me")["agent"]) if is_first else before.agent
    except Trouble as trouble:
        why = "; ".join(filter(None, (trouble.words, trouble.hint)))
        return replace(before, inbox=inbox or before.inbox, error=why)
    names = api.names(inbox) if is_first else before.names
    return Snapshot(inbox, agent, tuple(waiting["threads"]), tuple(mine["threads"]), bool(waiting["cursor"]), names)


def changes(found: Iterator[Snapshot]) -> Iterator[Snapshot]:
    """Those that tell something new."""
    told: object = None
    for snapshot in found:
        if agent_view.news(snapshot) != told:
            told = agent_view.news(snapshot)
            yield snapshot


def _show_live(found: Iterator[Snapshot]) -> None:
    from rich.console import Console
    from rich.live import Live

    console = Console(highlight=False, emoji=False, markup=False)
    with Live(console=console, screen=True, auto_refresh=False, vertical_overflow="crop") as live:
        for snapshot in found:
            live.update(agent_view.page(snapshot, _now_ms()), refresh=True)


def _print(found: Snapshot, *, as_json: bool) -> None:
    now_ms = _now_ms()
    if as_json:
        document = {"at": now_ms, "inbox": found.inbox, "open": found.open, "mine": found.mine, "more": found.more}
        sys.stdout.write(json.dumps({**document, "error": found.error or None}) + "\n")
        sys.stdout.flush()
        return
    for line in agent_view.lines(found, now_ms):
        output.say(line)
    output.say()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

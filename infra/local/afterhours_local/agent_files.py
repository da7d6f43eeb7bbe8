"""What agents take out: attachments, a ticket, a day's tickets. No file is overwritten unless told so."""

import mimetypes
import re
import sys
from pathlib import Path, PurePosixPath
from typing import Annotated, Any
from urllib.parse import unquote

import typer

from afterhours_local import output, thread_lines
from afterhours_local.agent_api_client import Api, File, Trouble
from afterhours_local.agent_verbs import InboxOption, NamedThread, ThreadArgument, verb

app = typer.Typer()

LONGEST_NAME = 100
FileOption = Annotated[Path | None, typer.Option("--output", "-o", help="The file to write.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite the file.")]

_TIME = re.compile(".*(_at|_until)")
_NAME = re.compile(r"filename\*=UTF-8''([^;\s]+)", re.IGNORECASE)
_UNSAFE = re.compile(r"[^\w.()+ -]")


@verb(app, "attachment", example="attachment last E#1763370000000#I#wamid1 0")
def attachment(
    api: Api,
    thread: NamedThread,
    event: Annotated[str, typer.Argument(metavar="EVENT", help="The message's id, as show prints it.")],
    index: Annotated[int, typer.Argument(metavar="INDEX", min=0, max=99, help="Which of its files.")] = 0,
    file: FileOption = None,
    force: ForceOption = False,
) -> None:
    """Save a file that the customer sent, under its own name made harmless or as --output says."""
    found = api.download("threads", api.thread(thread), "attachments", event, str(index))
    file = file or Path(safe_name(found, index))
    _write(file, found.content, force=force)
    if api.as_json:
        output.emit({"file": str(file), "bytes": len(found.content)})
    else:
        output.say(output.plain(f"Saved {len(found.content)} bytes as {file}."))


@verb(app, "ticket", example="ticket MFRGGZDF-2")
def ticket(api: Api, thread: ThreadArgument = "last") -> None:
    """The fields that help desks expect; comments and notes whole only with --json."""
    answer = api.get("threads", api.thread(thread), "ticket")
    if api.as_json:
        output.emit(answer)
        return
    for name, value in answer["ticket"].items():
        output.say(f"{output.plain(name)}: {_in_words(name, value)}")


@verb(app, "export", example="export --inbox support --day 2026-11-20 --csv --output tickets.csv")
def export(
    api: Api,
    day: Annotated[str, typer.Option("--day", help="YYYY-MM-DD (UTC), the day on which they were resolved.")],
    inbox: InboxOption = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="A table; it is one without --json, too.")] = False,
    file: FileOption = None,
    force: ForceOption = False,
) -> None:
    """The tickets that were resolved on a day, to standard output or into a file; for leads and admins."""
    from afterhours import tickets

    if as_csv and api.as_json:
        raise Trouble("--csv and --json: one of them", code=2)
    found = _resolved(api, api.inbox(inbox), day)
    text = tickets.as_json(found) + "\n" if api.as_json else tickets.as_csv(found)
    if file is None:
        sys.stdout.write(output.plain(text) if sys.stdout.isatty() else text)
        return
    _write(file, text.encode(), force=force)
    if api.as_json:
        output.emit({"file": str(file), "tickets": len(found)})
    else:
        output.say(output.plain(f"Saved {len(found)} tickets in {file}."))


def safe_name(file: File, index: int) -> str:
    """A name that is no path, hides nothing and means nothing to a shell or a terminal."""
    given = _NAME.search(file.disposition)
    name = PurePosixPath(_UNSAFE.sub("_", unquote(given[1])).strip(" .-")) if given else PurePosixPath("")
    if not name.name:
        return f"attachment-{index}{mimetypes.guess_extension(file.content_type) or ''}"
    return f"{name.stem[:LONGEST_NAME]}{name.suffix[:20]}"


def _resolved(api: Api, inbox: str, day: str) -> list[Any]:
    found: list[Any] = []
    cursor = ""
    while True:
        page = api.get("inboxes", inbox, "tickets", day=day, cursor=cursor)
        found += page["tickets"]
        cursor = page.get("cursor") or ""
        if not cursor:
            return found


def _write(file: Path, content: bytes, *, force: bool) -> None:
    """Raises Trouble where there is such a file already, or none can be made."""
    try:
        with file.open("wb" if force else "xb") as opened:
            opened.write(content)
    except FileExistsError as error:
        wrong = f"{output.plain(str(file))} exists: --force overwrites it, --output names another"
        raise Trouble(wrong, code=2) from error
    except OSError as error:
        raise Trouble(f"{output.plain(str(file))}: {error.strerror}", code=2) from error


def _in_words(name: str, value: Any) -> str:
    if isinstance(value, list) and any(isinstance(each, dict) for each in value):
        return str(len(value))
    if isinstance(value, list):
        return output.plain(", ".join(map(str, value)))
    if isinstance(value, dict):
        return output.plain(", ".join(f"{key} {each}" for key, each in value.items() if each is not None))
    if isinstance(value, int) and value and _TIME.fullmatch(name):
        return thread_lines.local_time(value)
    return "" if value is None else output.plain(str(value))

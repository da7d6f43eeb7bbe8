"""The versions of a playbook in a stack: store one, list them, compare them, take one back. None is ever removed."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from afterhours_local import output
from afterhours_local.config_commands import Target, playbook_or_stop, target_of

if TYPE_CHECKING:
    from afterhours.playbook import Playbook

    from afterhours_local.stack_config import Change, StackConfig, StoredPlaybook

InboxOption = Annotated[str, typer.Option("--inbox", help="The playbook of this inbox.")]
IdOption = Annotated[str, typer.Option("--id", help="The playbook's name in the stack.")]
StackOption = Annotated[str, typer.Option("--stack", help="The name of a deployed stack.")]
LocalOption = Annotated[bool, typer.Option("--local", help="The stack of the running `afterhours run`.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def push(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The playbook's file.")],
    inbox: InboxOption = "",
    name: IdOption = "",
    stack: StackOption = "",
    local: LocalOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change; change nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the file and store it as a new version, in force within a minute; without a change nothing is stored.

    Its name in the stack is the file's, unless --id or --inbox gives another.
    """
    with target_of(stack, local=local, as_json=as_json) as target:
        from afterhours_local import config_push

        stored = _opened(target, dry_run=dry_run)
        found = playbook_or_stop(file, _name(stored, inbox, name), as_json=as_json)
        change = config_push.push_playbook(found, stored, _today())
        _say_change(change, _inboxes_of(stored, found.id), dry_run=dry_run, as_json=as_json)


def versions(
    inbox: InboxOption = "",
    name: IdOption = "",
    stack: StackOption = "",
    local: LocalOption = False,
    as_json: JsonOption = False,
) -> None:
    """List the versions that the stack keeps, the newest, which is in force, first."""
    with target_of(stack, local=local, as_json=as_json) as target:
        stored = _opened(target)
        name = _required_name(stored, inbox, name)
        found = [_described(each) for each in stored.playbook_versions(name)]
    if not found:
        output.stop(f"the stack has no playbook {output.plain(name)}", code=1)
    if as_json:
        output.emit({"playbook": name, "versions": found})
        return
    for number, each in enumerate(found):
        about = f"{each['brand']}, {each['faq']} FAQ entries" if each["loads"] else "cannot be read by this version"
        line = f"{each['version']:>4}  {each['stored_on'] or '':10}  {about}{'  (in force)' if not number else ''}"
        output.say(output.plain(line))


def diff(
    first: Annotated[str, typer.Argument(metavar="VERSION|FILE", help="A version's number, or a file.")],
    second: Annotated[str, typer.Argument(metavar="[VERSION|FILE]", help="Else the version in force.")] = "",
    inbox: InboxOption = "",
    name: IdOption = "",
    stack: StackOption = "",
    local: LocalOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compare two versions, or a file with the version in force: a unified diff from the older to the newer.

    A file counts with the dates of its holidays, as it would be stored.
    """
    from afterhours_local import playbook_page

    with target_of(stack, local=local, as_json=as_json) as target:
        stored = _opened(target)
        file = next((Path(each) for each in (first, second) if each and not each.isdecimal()), None)
        name = _name(stored, inbox, name) or (_file_id(file) if file else _required_name(stored, inbox, name))
        in_force = "in force"
        sides = (first, second) if second else (in_force, first) if file else (first, in_force)
        before, after = (
            _stored(stored, name, None if side == in_force else int(side))
            if side == in_force or side.isdecimal()
            else _as_stored(playbook_or_stop(Path(side), name, as_json=as_json))
            for side in sides
        )
    names = tuple(f"{name} version {side}" if side.isdecimal() else side for side in sides)
    text = playbook_page.difference(before, after, names=(names[0], names[1]))
    if as_json:
        output.emit({"playbook": name, "from": sides[0], "to": sides[1], "same": not text, "diff": text})
    else:
        output.say(output.plain(text).rstrip() or "no difference")


def rollback(
    version: Annotated[int, typer.Argument(metavar="VERSION", min=1, help="The version to take back.")],
    inbox: InboxOption = "",
    name: IdOption = "",
    stack: StackOption = "",
    local: LocalOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change; change nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Store what an old version says as a new version, which is then in force; holidays get their dates anew."""
    with target_of(stack, local=local, as_json=as_json) as target:
        from afterhours_local import config_push

        stored = _opened(target, dry_run=dry_run)
        name = _required_name(stored, inbox, name)
        change = config_push.push_playbook(_stored(stored, name, version), stored, _today())
        _say_change(change, _inboxes_of(stored, name), dry_run=dry_run, as_json=as_json)


def _opened(target: Target, *, dry_run: bool = False) -> "StackConfig":
    from afterhours_local.stack_config import StackConfig

    return StackConfig(target.resources, target.clients, dry_run=dry_run)


def _name(stored: "StackConfig", inbox: str, name: str) -> str:
    """The playbook that the options name; empty where they name none."""
    if inbox and name:
        output.stop("give either --inbox or --id, not both")
    if not inbox:
        return name
    playbooks = {item["sk"]: str(item["playbook"]) for item in stored.inboxes()}
    if inbox not in playbooks:
        known = ", ".join(sorted(playbooks)) or "none"
        output.stop(f"--inbox {output.plain(inbox)}: the stack has no such inbox; it has {known}")
    return playbooks[inbox]


def _required_name(stored: "StackConfig", inbox: str, name: str) -> str:
    return _name(stored, inbox, name) or output.stop("say which playbook: --inbox ID or --id NAME")


def _file_id(file: Path) -> str:
    from afterhours_local.config_entries import playbook_id

    return playbook_id(file.name)


def _inboxes_of(stored: "StackConfig", name: str) -> list[str]:
    return sorted(item["sk"] for item in stored.inboxes() if item["playbook"] == name)


def _stored(stored: "StackConfig", name: str, version: int | None) -> "Playbook":
    """A version as this program reads it, the one in force without a number; else the end of the command."""
    from afterhours import section
    from afterhours.playbook import Playbook
    from pydantic import ValidationError

    what = output.plain(f"{name} version {version}" if version else name)
    body = stored.playbook_body(name, version)
    if body is None:
        output.stop(f"the stack has no playbook {what}", code=1)
    try:
        return Playbook.model_validate_json(body)
    except ValidationError as error:
        found = [f"{'.'.join(map(str, place))}: {message}" for place, message in section.problems(error)]
        output.stop(output.plain("\n".join(f"{what}: {each}" for each in found)))


def _as_stored(playbook: "Playbook") -> "Playbook":
    from afterhours.playbook import Playbook

    from afterhours_local import config_push

    return Playbook.model_validate_json(config_push.playbook_body(playbook, _today()))


def _described(stored: "StoredPlaybook") -> dict[str, Any]:
    from afterhours.playbook import Playbook
    from pydantic import ValidationError

    known = {"version": stored.version, "stored_on": stored.stored_on}
    try:
        found = Playbook.model_validate_json(stored.body)
    except ValidationError:
        return {**known, "loads": False}
    return {**known, "loads": True, "brand": found.brand, "languages": list(found.languages), "faq": len(found.faq)}


def _say_change(change: "Change", inboxes: list[str], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        output.emit({**change._asdict(), "inboxes": inboxes, "dry_run": dry_run})
        return
    output.say(output.plain(f"{'Would be: ' if dry_run else ''}{change}"))
    if inboxes:
        output.say(output.plain(f"Answers for {', '.join(inboxes)}."))
    else:
        output.note("No inbox answers by it yet; name it in afterhours.yaml and push that.", style="yellow")


def _today() -> date:
    return datetime.now(UTC).date()

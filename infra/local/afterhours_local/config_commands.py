"""`afterhours config`: check a configuration, push it to a stack."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from afterhours_local import output, session

if TYPE_CHECKING:
    from afterhours.playbook import Playbook

    from afterhours_local.config import ConfigError, Configuration
    from afterhours_local.stack_config import Change, Resources

app = typer.Typer(no_args_is_help=True, help="Check a configuration, push it to a stack.")

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="afterhours.yaml; playbooks are read beside it.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


@app.command(epilog="Example: afterhours config check afterhours.yaml")
def check(file: FileArgument, as_json: JsonOption = False) -> None:
    """Read the file and its playbooks and name every mistake; needs no stack, and of secrets takes what is here."""
    found = load_or_stop(file, as_json=as_json)
    if problems := found.unfit(found.known_values(os.environ)):
        from afterhours_local.config import ConfigError

        stop_for(ConfigError(problems), as_json=as_json)
    counts = {
        "apps": len(found.apps),
        "accounts": len(found.accounts),
        "inboxes": len(found.inboxes),
        "playbooks": len(found.playbooks),
        "agents": len(found.agents),
    }
    if as_json:
        output.emit({"ok": True, **counts, "secrets": sorted(set(found.references()))})
        return
    output.say(f"{file} is right: " + ", ".join(f"{what} {count}" for what, count in counts.items()), style="green")
    output.say("A push reads these secrets: " + ", ".join(sorted(set(found.references()))))


@app.command(epilog="Example: afterhours config push afterhours.yaml --stack afterhours --dry-run")
def push(
    file: FileArgument,
    stack: Annotated[str, typer.Option("--stack", help="The name of a deployed stack.")] = "",
    local: Annotated[bool, typer.Option("--local", help="The stack of the running `afterhours run`.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change; change nothing.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Remove what the file does not name.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write apps, accounts, playbooks, agents and secrets to a stack; check first, say what changed.

    Secrets are read from environment variables (env:NAME) or files (file:PATH). A second push changes nothing.
    """
    found = load_or_stop(file, as_json=as_json)
    from afterhours_local import config_push

    with target_of(stack, local=local, as_json=as_json) as target:
        changes = config_push.push(
            found,
            target.resources,
            target.clients,
            (lambda _change: None) if as_json else _say_change,
            environ=os.environ,
            today=datetime.now(UTC).date(),
            api_bases=target.api_bases,
            invite=not local,
            prune=prune,
            dry_run=dry_run,
        )
    if as_json:
        output.emit({"dry_run": dry_run, "changes": [change._asdict() for change in changes]})
    else:
        output.say(_total(changes, dry_run=dry_run), style="bold")


def load_or_stop(file: Path, *, as_json: bool = False) -> "Configuration":
    """The checked configuration, or the end of the command with every mistake named."""
    from afterhours_local import config

    try:
        return config.load(file)
    except config.ConfigError as error:
        stop_for(error, as_json=as_json)


def playbook_or_stop(file: Path, name: str = "", *, as_json: bool = False) -> "Playbook":
    """The checked playbook, or the end of the command with every mistake named."""
    from afterhours_local import config

    try:
        return config.load_playbook(file, name)
    except config.ConfigError as error:
        stop_for(error, as_json=as_json)


def stop_for(error: "ConfigError", *, as_json: bool = False) -> NoReturn:
    """Exit 2; with `--json` the problems as a document, else a line each."""
    if as_json:
        output.emit({"ok": False, "problems": [asdict(problem) for problem in error.problems]})
    output.stop(output.plain(str(error)))


@dataclass(frozen=True)
class Target:
    """The stack that a command speaks to."""

    resources: "Resources"
    clients: Any
    api_bases: Mapping[str, str]


@contextmanager
def target_of(stack: str, *, local: bool, as_json: bool) -> Iterator[Target]:
    """The stack that --stack or --local names; what goes wrong with it ends the command with the reason."""
    if bool(stack) == local:
        output.stop("say where to: --stack NAME (deployed) or --local (the running `afterhours run`)")
    from botocore.exceptions import BotoCoreError, ClientError

    from afterhours_local.config import ConfigError
    from afterhours_local.stack_config import PushConflict

    try:
        yield _local() if local else _deployed(stack)
    except ConfigError as error:
        stop_for(error, as_json=as_json)
    except PushConflict as error:
        output.stop(str(error), code=1)
    except (BotoCoreError, ClientError) as error:
        output.stop(f"AWS: {output.plain(str(error))}")


@dataclass(frozen=True)
class _DeployedClients:
    dynamodb: Any
    ssm: Any
    sqs: Any
    cognito: Any


def _deployed(stack: str) -> Target:
    """The stack by its name, in the account and region that AWS's own settings (AWS_PROFILE, AWS_REGION, …) say."""
    import boto3
    from botocore.config import Config

    from afterhours_local.stack_config import Resources

    aws = boto3.Session()
    quick = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 4, "mode": "standard"})
    pages = aws.client("cloudformation", config=quick).get_paginator("list_stack_resources").paginate(StackName=stack)
    ids = {
        each["LogicalResourceId"]: each.get("PhysicalResourceId", "")
        for page in pages
        for each in page["StackResourceSummaries"]
    }
    try:
        resources = Resources.of(stack, ids)
    except KeyError as error:
        output.stop(f"--stack {stack}: has no {error.args[0]}; is it a stack of Afterhours, fully deployed?")
    names = {"dynamodb": "dynamodb", "ssm": "ssm", "sqs": "sqs", "cognito": "cognito-idp"}
    clients = {key: aws.client(name, config=quick) for key, name in names.items()}  # type: ignore[call-overload]
    return Target(resources, _DeployedClients(**clients), {})


def _local() -> Target:
    from afterhours_local.clients import Clients
    from afterhours_local.sandbox import api_bases
    from afterhours_local.stack_config import Resources

    try:
        running = session.read()
    except session.UnsafeDirectory as error:
        output.stop(str(error))
    if running is None:
        output.stop("no local stack is up: start `afterhours run` first")
    clients = Clients(running.engine_url, dynamodb_url=running.dynamodb_url)
    return Target(Resources.of(running.stack, running.physical_ids), clients, api_bases(running.platforms_url))


def _say_change(change: "Change") -> None:
    from afterhours_local.stack_config import Action

    output.say(f"  {change}", style={Action.UNCHANGED: "dim", Action.EXTRA: "yellow"}.get(change.action, "green"))


def _total(changes: "list[Change]", *, dry_run: bool) -> str:
    from afterhours_local.stack_config import Action

    counts = {action: sum(change.action is action for change in changes) for action in Action}
    total = ", ".join(f"{count} {action}" for action, count in counts.items() if count)
    return f"{'Would be' if dry_run else 'Done'}: {total}."

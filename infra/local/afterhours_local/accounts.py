"""`afterhours account`: which accounts there are, how they are, and lines for a new one or without an old one."""

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from afterhours_local import account_edits, output
from afterhours_local.config_commands import JsonOption, load_or_stop, target_of

if TYPE_CHECKING:
    from afterhours_local.account_checks import Finding, Known

app = typer.Typer(no_args_is_help=True, help="Accounts on platforms: list, check, add, connect, remove.")
app.command(epilog=account_edits.ADD_EXAMPLE)(account_edits.add)
app.command(epilog="Example: afterhours account remove afterhours.yaml telegram jadran-bot")(account_edits.remove)

FileArgument = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="afterhours.yaml; else say --stack or --local.")
]
StackOption = Annotated[str, typer.Option("--stack", help="The name of a deployed stack.")]
LocalOption = Annotated[bool, typer.Option("--local", help="The stack of the running `afterhours run`.")]
UrlOption = Annotated[str, typer.Option("--url", help="The stack's ApiUrl, below which its webhooks stand.")]


@app.command("list", epilog="Example: afterhours account list afterhours.yaml")
def list_(
    file: FileArgument = None,
    stack: StackOption = "",
    local: LocalOption = False,
    url: UrlOption = "",
    as_json: JsonOption = False,
) -> None:
    """The accounts of a file, or of a stack: channel, id, inbox, app and the webhook's URL."""
    known, base = _known(file, stack, url, local=local, as_json=as_json)
    rows = [_row(each, base) for each in known]
    if as_json:
        output.emit({"accounts": rows})
        return
    for row in rows:
        state = "" if row["enabled"] else "  (off)"
        lacks = f"  lacks {', '.join(row['missing'])}" if row["missing"] else ""
        who = f"{row['channel']:<18} {row['id']:<22} {row['inbox']:<10} {row['app']:<16}"
        output.say(output.plain(f"{who} {row['webhook'] or '-'}{state}{lacks}"))


@app.command(epilog="Example: afterhours account check --stack afterhours")
def check(
    file: FileArgument = None,
    stack: StackOption = "",
    local: LocalOption = False,
    url: UrlOption = "",
    channel: Annotated[str, typer.Option("--channel", help="Of this channel only.")] = "",
    as_json: JsonOption = False,
) -> None:
    """How each account is: secrets, our endpoint, its token, its subscription; and what to do. Changes nothing.

    With a file its secrets are taken from here, with a stack from there. Exit 1 where something is wrong.
    """
    from afterhours_local import account_checks

    known, base = _known(file, stack, url, local=local, as_json=as_json)
    now_s = int(datetime.now(UTC).timestamp())
    asked = [each for each in known if channel in ("", each.account.channel)]
    found = [(each, list(account_checks.findings(each, base, now_s))) for each in asked]
    is_well = all(one.ok is not False for _, findings in found for one in findings)
    if as_json:
        rows = [{**_row(each, base), "findings": [one._asdict() for one in findings]} for each, findings in found]
        output.emit({"ok": is_well, "accounts": rows})
    else:
        for each, findings in found:
            _say_findings(each, base, findings)
    if not is_well:
        raise typer.Exit(1)


@app.command(epilog="Example: afterhours account connect telegram jadran-bot --stack afterhours")
def connect(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL")],
    account: Annotated[str, typer.Argument(metavar="ID")],
    file: Annotated[Path | None, typer.Option("--file", help="afterhours.yaml; else --stack or --local.")] = None,
    stack: StackOption = "",
    local: LocalOption = False,
    url: UrlOption = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether to.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Tell the platform where to deliver (Telegram, LINE, Viber, TikTok), or subscribe the app (Meta). Push before."""
    from afterhours_local.account_connect import CALLS
    from afterhours_local.account_connect import connect as connected

    known, base = _known(file, stack, url, local=local, as_json=as_json)
    found = next((each for each in known if (each.account.channel, each.account.id) == (channel, account)), None)
    if found is None:
        output.stop(output.plain(f"there is no account {channel} {account}"))
    if channel not in CALLS:
        output.stop(f"{channel} has no call for it. {account_edits.paste(found.account, base)}")
    if not base:
        output.stop("say where webhooks stand: --url https://…, --stack NAME or --local")
    hook = f"{base}{found.hook}"
    if not yes and not typer.confirm(f"Tell {channel} to deliver {account} to {hook}?", err=True):
        output.stop("Nothing was changed.", code=1)
    trouble = connected(found, hook)
    if as_json:
        output.emit({"ok": not trouble, "webhook": hook, "trouble": output.plain(trouble)})
    elif not trouble:
        output.say(f"{channel} delivers {account} to {hook}.", style="green")
    if trouble:
        output.stop(output.plain(f"{channel} did not take it: {trouble}"), code=1)


def _known(file: Path | None, stack: str, url: str, *, local: bool, as_json: bool) -> tuple[list["Known"], str]:
    """The accounts, and where webhooks stand, where that is known."""
    from afterhours_local import account_checks

    if file is not None and (stack or local):
        output.stop("say either a file or a stack, not both")
    base = url.rstrip("/")
    if file is not None:
        return account_checks.of_file(load_or_stop(file, as_json=as_json), os.environ), base
    from afterhours_local.stack_config import StackConfig

    with target_of(stack, local=local, as_json=as_json) as target:
        known = account_checks.of_stack(StackConfig(target.resources, target.clients, dry_run=True))
        base = base or (_local_url() if local else _api_url(stack))
    if local:
        _honour_fakes()
        bases = target.api_bases
        known = [_at(each, bases) for each in known]
    return known, base


def _at(known: "Known", bases: Mapping[str, str]) -> "Known":
    """With the platform's place taken by its fake."""
    base = bases.get(known.account.channel)
    return replace(known, account=known.account.model_copy(update={"api_base": base}))


def _honour_fakes() -> None:
    """As the local stack's functions do: only they may ask another host than the platform's."""
    from afterhours import settings

    os.environ["AFTERHOURS_LOCAL"] = "1"
    settings.load.cache_clear()


def _local_url() -> str:
    from afterhours_local import session

    running = session.read()
    return running.url if running else ""


def _api_url(stack: str) -> str:
    """Out of the stack's outputs."""
    import boto3

    found = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    return next((each["OutputValue"] for each in found if each["OutputKey"] == "ApiUrl"), "").rstrip("/")


def _row(known: "Known", base: str) -> dict[str, Any]:
    account = known.account
    names = ("channel", "id", "inbox", "app", "source", "name", "enabled")
    return {
        **{name: getattr(account, name) for name in names},
        "webhook": f"{base or '<ApiUrl>'}{known.hook}" if known.hook else None,
        "missing": list(known.missing),
        "expires_at": known.expires_at,
    }


def _say_findings(known: "Known", base: str, findings: list["Finding"]) -> None:
    marks = {True: "ok", False: "WRONG", None: "?"}
    styles = {True: "green", False: "red", None: "yellow"}
    output.say(known.name, style="bold")
    for one in findings:
        output.say(output.plain(f"  {marks[one.ok]:<6} {one.what:<13} {one.detail}"), style=styles[one.ok])
        if one.remedy:
            output.say(f"         {one.remedy}")
    output.say(f"  {account_edits.paste(known.account, base)}", style="dim")

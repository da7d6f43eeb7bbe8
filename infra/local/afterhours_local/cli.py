"""The `afterhours` command. What a command needs is imported when it runs, so that `--help` answers at once."""

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from afterhours_local import (
    accounts,
    agent,
    config_commands,
    erasing,
    event_commands,
    output,
    playbook_commands,
    run,
    why,
)

app = typer.Typer(
    name="afterhours",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Afterhours on this machine: a demo, the local stack, webhook bodies, configuration, an agent's work.",
    epilog="Example: afterhours demo",
)
app.add_typer(event_commands.app, name="events")
app.add_typer(config_commands.app, name="config")
app.add_typer(accounts.app, name="account")
app.add_typer(playbook_commands.app, name="playbook")
app.add_typer(agent.app, name="agent")
app.command(epilog="Example: afterhours run --port 8787")(run.run)
app.command(epilog="Example: afterhours restore --stack afterhours --table afterhours-restored")(erasing.restore)
app.command(
    epilog="Example: afterhours why --playbook hotel.playbook.yaml --channel whatsapp --at 2026-11-14T23:40"
    ' --text "Do you have a parking lot?"'
)(why.why)


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", help="The version.", is_eager=True, callback=lambda asked: _say_version(asked))
    ] = False,
) -> None:
    pass


@app.command(epilog="Example: afterhours demo")
def demo(as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False) -> None:
    """Play a weekend: signed webhooks in, automatic replies out, on Monday an agent. Needs no account anywhere."""
    from rich.console import Console

    from afterhours_local.demo import run_demo

    raise typer.Exit(run_demo(Console(stderr=as_json, soft_wrap=True), json_output=as_json))


def main() -> None:
    """Texts of strangers may hold what the terminal's encoding cannot say; that ends no command."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    app()


def _say_version(asked: bool) -> None:
    if asked:
        try:
            found = version("afterhours")
        except PackageNotFoundError:
            found = "not installed"
        output.say(f"afterhours {found}")
        raise typer.Exit

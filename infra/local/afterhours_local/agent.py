"""`afterhours agent`: an agent's work from the terminal, against the local stack or a deployed one."""

from typing import Annotated

import typer

from afterhours_local import (
    agent_desk,
    agent_files,
    agent_look,
    agent_watch,
    agent_work,
    erasing,
    output,
    session,
    thread_lines,
)
from afterhours_local.agent_verbs import JsonOption, UrlOption

app = typer.Typer(no_args_is_help=True, help="Pull threads, read, answer and resolve them.")


@app.command(epilog="Example: afterhours agent login --stack afterhours")
def login(
    stack: Annotated[str, typer.Option("--stack", help="Read the three addresses from a deployed stack.")] = "",
    url: UrlOption = "",
    sign_in_url: Annotated[str, typer.Option("--sign-in-url", help="The stack's output SignInUrl.")] = "",
    client_id: Annotated[str, typer.Option("--client-id", help="The stack's output UserPoolClientId.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Sign in at a deployed stack with your browser; good for an hour, on this machine only."""
    import webbrowser

    from afterhours_local import login as pages

    if stack:
        found = _outputs(stack)
        url, sign_in_url, client_id = (found.get(name, "") for name in ("ApiUrl", "SignInUrl", "UserPoolClientId"))
    if not (url and sign_in_url and client_id):
        output.stop("say where: --stack NAME, or --url, --sign-in-url and --client-id (outputs of the stack)")

    def open_page(address: str) -> None:
        output.note(f"Sign in at {address}")
        webbrowser.open(address)

    try:
        token = pages.sign_in(pages.UserPoolPages(sign_in_url.rstrip("/"), client_id), open_page)
        session.remember_login(session.Login(url.rstrip("/"), token.access_token, token.expires_at))
    except (pages.LoginFailed, session.UnsafeDirectory, OSError) as error:
        output.stop(output.plain(str(error)), code=1)
    if as_json:
        output.emit({"url": url, "expires_at": token.expires_at})
    else:
        output.say(f"Signed in until {thread_lines.local_time(token.expires_at * 1000)}.")


for each in (agent_work, agent_look, agent_desk, agent_files, agent_watch, erasing):
    app.add_typer(each.app)


def _outputs(stack: str) -> dict[str, str]:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        found = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    except (BotoCoreError, ClientError) as error:
        output.stop(f"AWS: {output.plain(str(error))}")
    return {each["OutputKey"]: each["OutputValue"] for each in found}

"""`afterhours agent`: an agent's work from the terminal, against the local stack or a deployed one."""

import secrets
import sys
import time
from typing import Annotated, Any
from urllib.parse import quote

import typer

from afterhours_local import output, session, thread_lines
from afterhours_local.agent_api_client import Api

app = typer.Typer(no_args_is_help=True, help="Pull threads, read, answer and resolve them.")

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
InboxOption = Annotated[str, typer.Option("--inbox", "-i", help="The inbox; needless where you have just one.")]
ThreadArgument = Annotated[str, typer.Argument(metavar="THREAD", help="The thread's id, as pull and list print it.")]
UrlOption = Annotated[
    str, typer.Option("--url", envvar="AFTERHOURS_URL", help="The API; without it the running local stack.")
]
TokenOption = Annotated[
    str, typer.Option("--token-env", help="The environment variable with your access token (AFTERHOURS_TOKEN).")
]
FenceOption = Annotated[int | None, typer.Option("--fence", help="The claim's fence; else that of what you last saw.")]
LastOption = Annotated[
    str | None,
    typer.Option("--last-inbound", help="The last message that you have read; else that of what you last saw."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


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


@app.command(epilog="Example: afterhours agent pull --inbox support")
def pull(
    inbox: InboxOption = "",
    wait: Annotated[int, typer.Option("--wait", min=0, max=5, help="Seconds to wait for one.")] = 0,
    url: UrlOption = "",
    token_env: TokenOption = "",
    as_json: JsonOption = False,
) -> None:
    """Claim the most urgent thread of an inbox and show it."""
    api = Api(url, token_env, as_json=as_json)
    inbox = inbox or api.only_inbox()
    answer = api.post(f"/api/inboxes/{quote(inbox, safe='')}/pull", {"wait_s": wait})
    if not answer:
        if as_json:
            output.emit(None)
        else:
            output.say(f"Nothing waits in {inbox}.")
        return
    _show(api, answer, as_json=as_json)


@app.command("list", epilog="Example: afterhours agent list --inbox support")
def list_(
    inbox: InboxOption = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=50)] = 50,
    cursor: Annotated[str, typer.Option("--cursor", help="Where the last page ended.")] = "",
    url: UrlOption = "",
    token_env: TokenOption = "",
    as_json: JsonOption = False,
) -> None:
    """The open threads of an inbox, the most urgent first; claims nothing."""
    api = Api(url, token_env, as_json=as_json)
    inbox = inbox or api.only_inbox()
    page = f"?limit={limit}" + (f"&cursor={quote(cursor, safe='')}" if cursor else "")
    answer = api.get(f"/api/inboxes/{quote(inbox, safe='')}/threads{page}")
    if as_json:
        output.emit(answer)
        return
    for thread in answer["threads"]:
        output.say(thread_lines.summary(thread))
    if not answer["threads"]:
        output.say(f"No open threads in {inbox}.")
    if answer.get("cursor"):
        output.note(f"There is more: --cursor {answer['cursor']}")


@app.command(epilog="Example: afterhours agent show whatsapp.106540352242922.mfrggzdfmztwq2lkmfrggzdfmz")
def show(
    thread: ThreadArgument,
    cursor: Annotated[str, typer.Option("--cursor", help="Where the last page ended.")] = "",
    url: UrlOption = "",
    token_env: TokenOption = "",
    as_json: JsonOption = False,
) -> None:
    """A thread and its timeline."""
    api = Api(url, token_env, as_json=as_json)
    answer = api.get(_path(thread) + (f"?cursor={quote(cursor, safe='')}" if cursor else ""), thread)
    _show(api, answer, as_json=as_json)


@app.command(epilog="Example: afterhours agent claim whatsapp.106540352242922.mfrggzdfmztwq2lkmfrggzdfmz")
def claim(
    thread: ThreadArgument, url: UrlOption = "", token_env: TokenOption = "", as_json: JsonOption = False
) -> None:
    """Take a thread, or take it again, and show it."""
    api = Api(url, token_env, as_json=as_json)
    api.post(_path(thread, "claim"), {}, thread)
    _show(api, api.get(_path(thread), thread), as_json=as_json)


@app.command(epilog="Example: afterhours agent heartbeat whatsapp.106540352242922.mfrggzdfmztwq2lkmfrggzdfmz")
def heartbeat(
    thread: ThreadArgument,
    fence: FenceOption = None,
    url: UrlOption = "",
    token_env: TokenOption = "",
    as_json: JsonOption = False,
) -> None:
    """Keep a claim for two more minutes."""
    api = Api(url, token_env, as_json=as_json)
    answer = api.post(_path(thread, "heartbeat"), {"fence": _fence(api, thread, fence)}, thread)
    if as_json:
        output.emit(answer)
    else:
        output.say(f"Yours until {thread_lines.local_time(answer['lease_until'], seconds=True)}.")


@app.command(
    epilog="Example: afterhours agent reply whatsapp.106540352242922.mfrggzdfmztwq2lkmfrggzdfmz 'Good morning, yes.'"
)
def reply(
    thread: ThreadArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to send; - reads standard input.")],
    key: Annotated[str, typer.Option("--key", help="The key of a reply that got no answer, to ask again.")] = "",
    fence: FenceOption = None,
    last_inbound: LastOption = None,
    url: UrlOption = "",
    token_env: TokenOption = "",
    as_json: JsonOption = False,
) -> None:
    """Answer the customer. The text is sent once, also if you ask again with the same --key."""
    api = Api(url, token_env, as_json=as_json)
    text = sys.stdin.read() if text == "-" else text
    key = key or new_ulid()
    body = {
        "key": key,
        "text": text,
        "fence": _fence(api, thread, fence),
        "last_inbound": _last_inbound(api, thread, last_inbound),
    }
    answer = api.post(_path(thread, "reply"), body, thread, retry_hint=f"ask again with --key {key}; it is sent once")
    if as_json:
        output.emit(answer)
    else:
        output.say(f"Accepted as {answer['key']}: {answer['state']}.")


@app.command(epilog="Example: afterhours agent release whatsapp.106540352242922.mfrggzdfmztwq2lkmfrggzdfmz")
def release(
    thread: ThreadArgument,
    fence: FenceOption = None,
    url: UrlOption = "",
    token_env: TokenOption = "",
    as_json: JsonOption = False,
) -> None:
    """Give a thread back to its inbox."""
    api = Api(url, token_env, as_json=as_json)
    _done(api.post(_path(thread, "release"), {"fence": _fence(api, thread, fence)}, thread), as_json=as_json)


@app.command(epilog="Example: afterhours agent resolve whatsapp.106540352242922.mfrggzdfmztwq2lkmfrggzdfmz")
def resolve(
    thread: ThreadArgument,
    fence: FenceOption = None,
    last_inbound: LastOption = None,
    url: UrlOption = "",
    token_env: TokenOption = "",
    as_json: JsonOption = False,
) -> None:
    """Close a thread; refused if the customer has written since you last looked."""
    api = Api(url, token_env, as_json=as_json)
    body = {"fence": _fence(api, thread, fence), "last_inbound": _last_inbound(api, thread, last_inbound)}
    _done(api.post(_path(thread, "resolve"), body, thread), as_json=as_json)


def new_ulid(at_ms: int | None = None) -> str:
    """The time (now, unless told) in ten characters, chance in sixteen."""
    number = (at_ms or time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return "".join(CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def _outputs(stack: str) -> dict[str, str]:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        found = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    except (BotoCoreError, ClientError) as error:
        output.stop(f"AWS: {output.plain(str(error))}")
    return {each["OutputKey"]: each["OutputValue"] for each in found}


def _path(thread: str, verb: str = "") -> str:
    return f"/api/threads/{quote(thread, safe='')}" + (f"/{verb}" if verb else "")


def _fence(api: Api, thread: str, given: int | None) -> int:
    return given if given is not None else _seen(api, thread, "--fence").fence


def _last_inbound(api: Api, thread: str, given: str | None) -> str | None:
    return given if given is not None else _seen(api, thread, "--last-inbound").last_inbound


def _seen(api: Api, thread: str, option: str) -> session.Seen:
    found = session.seen(api.url, thread)
    if found is None:
        output.stop(f"you have not seen this thread yet: afterhours agent claim {thread} (or give {option})")
    return found


def _show(api: Api, answer: Any, *, as_json: bool) -> None:
    thread = answer["thread"]
    session.remember_seen(api.url, thread["id"], session.Seen(thread["fence"], thread.get("last_inbound")))
    if as_json:
        output.emit(answer)
        return
    for line in thread_lines.heading(thread):
        output.say(line, style="bold")
    output.say()
    name = (thread.get("contact") or {}).get("name") or "contact"
    for entry in answer["timeline"]:
        output.say(thread_lines.entry_lines(entry, name), style="dim" if entry.get("by") == "auto" else "")
    if answer.get("cursor"):
        output.note(f"There is more: --cursor {answer['cursor']}")


def _done(answer: Any, *, as_json: bool) -> None:
    if as_json:
        output.emit(answer)
    else:
        output.say(f"{answer['thread']['id']} is {answer['thread']['status']}.")

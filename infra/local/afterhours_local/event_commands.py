"""`afterhours events`: read, check and send webhook bodies by hand."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from afterhours_local import output

if TYPE_CHECKING:
    from afterhours.channels.contract import Piece, Source
    from afterhours.models import Event

app = typer.Typer(no_args_is_help=True, help="Read, check and send webhook bodies.")

# Other names under which people know a channel.
ALIASES = {
    "facebook-page": "facebook_comments",
    "facebook-comments": "facebook_comments",
    "instagram-comments": "instagram_comments",
}
# Always given, also where they are null.
COLUMNS = ("kind", "subkind", "sender_id", "recipient_id", "text", "message_id", "timestamp_ms", "is_echo")

ChannelOption = Annotated[str, typer.Option("--channel", "-c", help="whatsapp, messenger, instagram, webchat, …")]
FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="The body; - reads standard input.")]
SecretOption = Annotated[
    str, typer.Option("--secret-env", help="The environment variable that holds the app's secret.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


@app.command(epilog="Example: afterhours events parse --channel whatsapp body.json")
def parse(
    file: FileArgument,
    channel: ChannelOption,
    _json: Annotated[bool, typer.Option("--json", help="The output is JSON in any case.")] = False,
) -> None:
    """Split a body and print what each event in it says, as a JSON list.

    The channel picks the source; each event is read by the channel that its own content names.
    """
    from afterhours.channels.contract import MalformedPayload

    source, body = _source_of(channel), _read(file)
    if source != "wechat":  # which speaks XML
        _require_json(file, body)
    try:
        # Web chat has no deliveries: a body is the one piece that functions/webchat.py makes of a message.
        pieces = [json.loads(body)] if source in ("webchat", "email") else _source(source).split(body)
    except (MalformedPayload, RecursionError) as error:
        output.stop(f"{file}: cannot be understood as a body of {channel}: {output.plain(str(error))}")
    output.emit([_normalised(piece, source) for piece in pieces])


@app.command(
    epilog="Example: afterhours events verify --channel whatsapp --secret-env META_APP_SECRET"
    " --header 'X-Hub-Signature-256: sha256=…' body.json"
)
def verify(
    file: FileArgument,
    channel: ChannelOption,
    secret_env: SecretOption,
    header: Annotated[list[str], typer.Option("--header", "-H", help="'Name: value', as received; may be repeated.")],
    as_json: JsonOption = False,
) -> None:
    """Say whether the exact bytes are signed with the secret: exit 0 valid, 1 invalid."""
    from afterhours.channels.contract import Request

    source = _signing_source(channel)
    headers = dict(_header(line) for line in header)
    valid = source.verify(Request("POST", headers, {}, _read(file)), [_secret(secret_env)])
    if as_json:
        output.emit({"valid": valid})
    else:
        output.say("valid" if valid else "invalid", style="green" if valid else "red")
    raise typer.Exit(0 if valid else 1)


@app.command(
    epilog="Example: afterhours events send --channel whatsapp --secret-env META_APP_SECRET"
    " --url http://127.0.0.1:8787/hook/meta/main body.json"
)
def send(
    file: FileArgument,
    channel: ChannelOption,
    url: Annotated[str, typer.Option("--url", help="Where to post: https://…/hook/{source}/{app}")],
    secret_env: SecretOption,
    as_json: JsonOption = False,
) -> None:
    """Sign a body as the platform would and post the exact bytes: exit 0 on a 2xx answer, else 1."""
    import requests

    from afterhours_local import web

    if not url.startswith(("https://", "http://")):
        output.stop(f"--url {url}: must begin with https:// or http://")
    source, body = _signing_source(channel), _read(file)
    headers = {"Content-Type": "application/json", **source.sign(body, _secret(secret_env))}
    try:
        with web.opened(url) as http:
            answer = http.post(url, data=body, headers=headers, timeout=web.TIMEOUT_S, allow_redirects=False)
    except requests.RequestException as error:
        output.stop(f"{url}: no answer ({type(error).__name__}); is `afterhours run` up?", code=1)
    said = answer.content.decode("utf-8", "replace")
    if as_json:
        output.emit({"status": answer.status_code, "body": said})
    else:
        output.say(f"{answer.status_code} {output.plain(said[:500])}".rstrip())
    raise typer.Exit(0 if 200 <= answer.status_code < 300 else 1)


@app.command(epilog='Example: afterhours events say --channel whatsapp "Do you have a room for tonight?"')
def say(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What the customer writes.")],
    channel: Annotated[str, typer.Option("--channel", "-c", help="Any that an account is for.")] = "whatsapp",
    account: Annotated[str, typer.Option("--account", help="Our account; else the first of the channel.")] = "",
    contact: Annotated[str, typer.Option("--contact", help="The customer's id: digits.")] = "385911234567",
    name: Annotated[str, typer.Option("--name", help="The customer's name.")] = "Marija",
    as_json: JsonOption = False,
) -> None:
    """Play a customer of the running `afterhours run`: the fake platform signs and delivers the message.

    On webchat a new visitor of the site writes; --contact and --name are not for those.
    """
    import requests

    from afterhours_local import session

    try:
        running = session.read()
    except session.UnsafeDirectory as error:
        output.stop(str(error))
    if running is None:
        output.stop("no local stack is up: start `afterhours run` first", code=1)
    account = account or running.accounts.get(channel, "")
    if not account:
        output.stop(f"--channel {channel}: has no account here; one of {', '.join(sorted(running.accounts))}")
    wish = {"channel": channel, "account": account, "contact": contact, "text": text, "name": name}
    url = running.url if channel == "webchat" else running.platforms_url
    try:
        said = _visit(f"{url}/webchat/{account}", text) if channel == "webchat" else _have_said(url, wish)
    except (requests.RequestException, ValueError) as error:
        output.stop(f"{url}: no answer ({type(error).__name__})", code=1)
    if as_json:
        output.emit(said)
    else:
        output.say(f"{said['message_id']} delivered: the webhook answered {said['status']}.")
    raise typer.Exit(0 if said["status"] in (200, 202) else 1)


def _visit(site: str, text: str) -> dict[str, Any]:
    from afterhours_local.visitor import Visitor

    visitor = Visitor(site)
    return {"status": visitor.say(text), "message_id": visitor.message_id}


def _have_said(url: str, wish: dict[str, str]) -> dict[str, Any]:
    """The fake platform's word on what it delivered."""
    from afterhours_local import web

    with web.opened(url) as http:
        answer = http.post(f"{url}/_fake/say", json=wish, timeout=web.TIMEOUT_S)
    said: dict[str, Any] = answer.json()
    if answer.status_code != 200:
        output.stop(output.plain(f"refused: {said.get('error', answer.status_code)}"))
    return said


def row(event: "Event") -> dict[str, Any]:
    """The event as printed: the columns that are always there, then every other field that says something.

    Attachments, names and watermarks also stand under the names of the public samples' index.
    """
    fields = event.model_dump(mode="json")
    shown = {name: fields.pop(name) for name in COLUMNS}
    shown |= {name: value for name, value in fields.items() if value not in (None, "", False, [])}
    if event.attachments:
        shown["attachment_types"] = [attachment.type for attachment in event.attachments]
    if event.contact_name:
        shown["sender_name"] = event.contact_name
    if event.watermark_ms is not None:
        shown["watermark"] = event.watermark_ms
    return shown


def _normalised(piece: "Piece", source: str) -> dict[str, Any]:
    from afterhours import channels
    from afterhours.channels.contract import MalformedPayload
    from afterhours.models import Kind

    channel = source if source in ("webchat", "email") else _source(source).channel_of(piece)
    nothing = {**dict.fromkeys(COLUMNS), "is_echo": False, "channel": channel or None}
    if not channel:
        return {**nothing, "kind": Kind.IGNORED.value, "problem": "no channel of ours reads this"}
    try:
        return row(channels.channel(channel).normalise(piece))
    except MalformedPayload as error:
        return {**nothing, "kind": Kind.UNKNOWN.value, "problem": str(error)}


def _signing_source(channel: str) -> "Source":
    source = _source_of(channel)
    if source == "webchat":
        output.stop("webchat bodies are not signed: a page shows the session that POST /webchat/{site}/session gave it")
    if source == "wechat":
        output.stop(
            "WeChat signs the query, not the body; say something instead: afterhours events say --channel wechat"
        )
    if source == "email":
        output.stop("mails are not signed: SES takes them in and tells the stack's own topic")
    return _source(source)


def _source_of(channel: str) -> str:
    from afterhours.channels import SOURCE_OF

    name = ALIASES.get(channel, channel)
    if name not in SOURCE_OF:
        output.stop(f"--channel {channel}: is not known; one of {', '.join([*SOURCE_OF, *ALIASES])}")
    return SOURCE_OF[name]


def _source(name: str) -> "Source":
    from afterhours import channels

    return channels.source(name)


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        output.stop(f"{file}: cannot be read: {error.strerror}")


def _require_json(file: str, body: bytes) -> None:
    try:
        json.loads(body)
    except UnicodeDecodeError as error:
        output.stop(f"{file}: is not JSON: not UTF-8 at byte {error.start}")
    except json.JSONDecodeError as error:
        output.stop(f"{file}:{error.lineno}: is not JSON: {error.msg} (column {error.colno})")
    except (ValueError, RecursionError) as error:
        output.stop(f"{file}: is JSON that nobody should read: {type(error).__name__}")


def _secret(name: str) -> str:
    secret = os.environ.get(name, "")
    if not secret:
        output.stop(f"--secret-env {name}: the environment variable is not set, or empty")
    return secret


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        output.stop(f"--header {line!r}: must be 'Name: value'")
    return name.strip().lower(), value.strip()

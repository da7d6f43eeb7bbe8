"""`afterhours account add` and `remove`: guided, shown as a diff, checked as a whole before a line is written."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from afterhours_local import output
from afterhours_local.config_commands import JsonOption, load_or_stop, stop_for

if TYPE_CHECKING:
    from afterhours_local.account_file import Edited
    from afterhours_local.account_guides import Guide
    from afterhours_local.config import Configuration

ADD_EXAMPLE = (
    "Example: afterhours account add afterhours.yaml telegram --id jadran-bot --inbox support"
    " --token env:TELEGRAM_TOKEN --secret env:TELEGRAM_SECRET"
)
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="afterhours.yaml.")]
ChannelArgument = Annotated[str, typer.Argument(metavar="CHANNEL", help="Such as telegram.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask whether to write.")]


class Named(Protocol):
    """An account, of the file or of a stack."""

    @property
    def channel(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def app(self) -> str: ...
    @property
    def source(self) -> str: ...


def add(
    file: FileArgument,
    channel: ChannelArgument,
    id_: Annotated[str, typer.Option("--id", help="What the platform calls the account.")] = "",
    app: Annotated[str, typer.Option("--app", help="Its app; without one, one of its source, or a new one.")] = "",
    inbox: Annotated[str, typer.Option("--inbox", help="Who answers; the only one if there is one.")] = "",
    token: Annotated[str, typer.Option("--token", help="Where the token is: env:NAME or file:PATH.")] = "",
    refresh: Annotated[str, typer.Option("--refresh", help="Where the refresh token is.")] = "",
    secret: Annotated[list[str] | None, typer.Option("--secret", help="Where the app's secret is (new app).")] = None,
    verify_token: Annotated[str, typer.Option("--verify-token", help="Where the verify token is (new app).")] = "",
    client_id: Annotated[str, typer.Option("--client-id", help="The app's client id (new app).")] = "",
    client_secret: Annotated[str, typer.Option("--client-secret", help="Where that secret is (new app).")] = "",
    aes_key: Annotated[str, typer.Option("--aes-key", help="Where WeChat's EncodingAESKey is (new app).")] = "",
    origin: Annotated[list[str] | None, typer.Option("--origin", help="A page of the web chat (new app).")] = None,
    name: Annotated[str, typer.Option("--name", help="What customers see.")] = "",
    page_id: Annotated[str, typer.Option("--page-id", help="The linked Page.")] = "",
    app_id: Annotated[str, typer.Option("--app-id", help="The app's id on Meta.")] = "",
    login: Annotated[str, typer.Option("--login", help="Of Instagram: page or instagram.")] = "",
    ask: Annotated[bool, typer.Option("--ask", help="Ask for what is missing, also without a terminal.")] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write the lines of a new account (and of its app) into the file; say what to paste where.

    Secrets are named by where they are, env:NAME or file:PATH. Nothing is written that `config check` would refuse.
    """
    from afterhours.channels import SOURCE_OF

    from afterhours_local import account_file
    from afterhours_local.account_guides import guide

    if channel not in SOURCE_OF:
        output.stop(output.plain(f"there is no channel {channel}; known: {', '.join(SOURCE_OF)}"))
    found = load_or_stop(file, as_json=as_json)
    of_account = {"id": id_, "token": token, "refresh": refresh, "name": name}
    of_account |= {"page_id": page_id, "app_id": app_id, "login": login}
    of_app = {"verify_token": verify_token, "client_id": client_id, "client_secret": client_secret, "aes_key": aes_key}
    wish = _Wish(channel, SOURCE_OF[channel], found, guide(channel), ask=ask or (sys.stdin.isatty() and not as_json))
    account = wish.account(of_account, app, inbox)
    entries: list[tuple[str, dict[str, Any]]] = []
    if wish.is_new_app(account["app"]):
        lists = {"secrets": list(secret or ()), "origins": list(origin or ())}
        entries.append(("apps", wish.app(account["app"], lists, of_app)))
    entries.append(("accounts", account))
    edited = _checked(lambda: account_file.added(file, entries), as_json=as_json)
    then = next(each for each in edited.check().accounts if (each.channel, each.id) == (channel, account["id"]))
    _write(edited, yes=yes, as_json=as_json, next_steps=[paste(then, ""), *_after(channel, then.id)])


def remove(
    file: FileArgument,
    channel: ChannelArgument,
    account: Annotated[str, typer.Argument(metavar="ID", help="As the file names it.")],
    keep_app: Annotated[bool, typer.Option("--keep-app", help="Keep its app, even if no account uses it now.")] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take an account's lines out of the file, and its app's if nothing uses it; say what to disconnect."""
    from afterhours_local import account_file
    from afterhours_local.account_guides import guide

    found = load_or_stop(file, as_json=as_json)
    index = next((n for n, each in enumerate(found.accounts) if (each.channel, each.id) == (channel, account)), None)
    if index is None:
        known = ", ".join(f"{each.channel} {each.id}" for each in found.accounts)
        output.stop(output.plain(f"{file}: there is no account {channel} {account}; known: {known}"))
    gone = found.accounts[index]
    entries = [("accounts", index)]
    rest = [(each.source, each.app) for n, each in enumerate(found.accounts) if n != index]
    if (gone.source, gone.app) not in rest and not keep_app:
        entries += [
            ("apps", n) for n, each in enumerate(found.apps) if (each.source, each.app) == (gone.source, gone.app)
        ]
    edited = _checked(lambda: account_file.removed(file, entries), as_json=as_json)
    steps = [
        f"At the platform: {guide(channel).leave.replace('{id}', gone.id)}",
        "Then: afterhours config push … --prune takes it out of the stack; its threads stay.",
    ]
    _write(edited, yes=yes, as_json=as_json, next_steps=steps)


def paste(account: Named, base: str) -> str:
    """What to tell the platform."""
    from afterhours_local.account_guides import guide

    way = f"/webchat/{account.id}" if account.source == "webchat" else f"/hook/{account.source}/{account.app}"
    return guide(account.channel).paste.replace("{url}", f"{base or '<ApiUrl>'}{way}").replace("{id}", account.id)


class _Wish:
    """A new account, put together out of what was given and, with `ask`, what is asked for."""

    def __init__(self, channel: str, source: str, found: "Configuration", guide: "Guide", *, ask: bool) -> None:
        self._channel, self._source, self._found, self._guide, self._ask = channel, source, found, guide, ask

    def account(self, given: dict[str, str], app: str, inbox: str) -> dict[str, Any]:
        from afterhours import channels

        if channels.channel(self._channel).ONE_ACCOUNT or self._source == "webchat":
            app = app or given["id"] or self._asked("app", "a name for it, as the app and the account are called here")
            given = {**given, "id": given["id"] or app}
        asks = {"id": "what the platform calls the account", **self._guide.asks}
        for field in [each for each in asks if not given.get(each)]:
            given = {**given, field: self._asked(field, asks[field])}
        fields: dict[str, Any] = {"channel": self._channel, "id": given.pop("id")}
        fields |= {"app": app or self._app(), "inbox": inbox or self._inbox()}
        return fields | {name: value for name, value in given.items() if value}

    def is_new_app(self, name: str) -> bool:
        return (self._source, name) not in [(each.source, each.app) for each in self._found.apps]

    def app(self, name: str, lists: dict[str, list[str]], given: dict[str, str]) -> dict[str, Any]:
        if self._guide.secret and not lists["secrets"]:
            answer = self._asked("secret", self._guide.secret)
            lists = {**lists, "secrets": [answer] if answer else []}
        for field, what in self._guide.app_asks.items():
            if field in lists and not lists[field]:
                answer = self._asked(field, what)
                lists = {**lists, field: [answer] if answer else []}
            elif field in given and not given[field]:
                given = {**given, field: self._asked(field, what)}
        fields = {"source": self._source, "app": name, **lists, **given}
        return {key: value for key, value in fields.items() if value}

    def _app(self) -> str:
        known = [each.app for each in self._found.apps if each.source == self._source]
        if len(known) == 1:
            return known[0]
        name = self._asked("app", f"one of {', '.join(known)}" if known else "a name for the app, such as main")
        return name or output.stop(f"--app: is missing; apps of {self._source}: {', '.join(known) or 'none yet'}")

    def _inbox(self) -> str:
        known = [each.id for each in self._found.inboxes]
        if len(known) == 1:
            return known[0]
        name = self._asked("inbox", f"one of {', '.join(known)}")
        return name or output.stop(f"--inbox: is missing; known: {', '.join(known)}")

    def _asked(self, field: str, what: str) -> str:
        if not self._ask:
            return ""
        is_secret = field in ("token", "refresh", "secret", "verify_token", "client_secret", "aes_key")
        where = "; say where it is, env:NAME or file:PATH" if is_secret else ""
        answer: str = typer.prompt(f"{field} ({what}{where})", default="", show_default=False, err=True)
        return answer.strip()


def _checked(edit: Any, *, as_json: bool) -> "Edited":
    """The change, once the whole file has been found right; else the end of the command with every mistake."""
    from afterhours_local.account_file import NotEditable
    from afterhours_local.config import ConfigError

    try:
        edited: Edited = edit()
        edited.check()
    except ConfigError as error:
        stop_for(error, as_json=as_json)
    except NotEditable as error:
        output.stop(output.plain(str(error)))
    return edited


def _write(edited: "Edited", *, yes: bool, as_json: bool, next_steps: list[str]) -> None:
    if not as_json:
        output.say(output.plain(edited.diff))
    if not yes and not typer.confirm("Write it?", err=True):
        output.stop("Nothing was written.", code=1)
    edited.write()
    if as_json:
        output.emit({"ok": True, "diff": edited.diff, "next": next_steps})
        return
    output.say(f"{edited.path} is written.", style="green")
    for step in next_steps:
        output.say(step)


def _after(channel: str, account: str) -> list[str]:
    from afterhours_local.account_connect import CALLS

    connect = [f"Then: afterhours account connect {channel} {account} --stack NAME"] if channel in CALLS else []
    return ["Then: afterhours config push FILE --stack NAME", *connect, "Last: afterhours account check --stack NAME"]

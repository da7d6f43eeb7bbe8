"""How a verb of `afterhours agent` becomes a command, and the arguments that several of them take."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer

from afterhours_local import output, session
from afterhours_local.agent_api_client import LAST, Api, Refused, Trouble

Verb = TypeVar("Verb", bound=Callable[..., None])

InboxOption = Annotated[str, typer.Option("--inbox", "-i", help="The inbox; needless where you have just one.")]
CursorOption = Annotated[str, typer.Option("--cursor", help="Where the last page ended.")]
UrlOption = Annotated[
    str, typer.Option("--url", envvar="AFTERHOURS_URL", help="The API; without it the running local stack.")
]
TokenOption = Annotated[
    str, typer.Option("--token-env", help="The environment variable with your access token (AFTERHOURS_TOKEN).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
NamedThread = Annotated[
    str, typer.Argument(metavar="THREAD", help=f"Its id or ticket number; `{LAST}` is the one you were shown last.")
]
# Where nothing else follows, the thread may be left out: then it is the one that was shown last.
ThreadArgument = Annotated[
    str, typer.Argument(metavar="THREAD", help="Its id or ticket number; else the one you were shown last.")
]
FenceOption = Annotated[int | None, typer.Option("--fence", help="The claim's fence; else that of what you last saw.")]
LastOption = Annotated[
    str | None,
    typer.Option("--last-inbound", help="The last message that you have read; else that of what you last saw."),
]


def verb(app: typer.Typer, name: str, *, example: str, **settings: Any) -> Callable[[Verb], Verb]:
    """Make a function that takes an Api a command of `app`; --url, --token-env and --json stand beside its options."""

    def register(function: Verb) -> Verb:
        def command(url: str, token_env: str, as_json: bool, **own: Any) -> None:
            api = Api(url, token_env, as_json)
            try:
                function(api, **own)
            except Trouble as trouble:
                if as_json and isinstance(trouble, Refused):
                    output.emit(trouble.document)
                output.stop("\n".join(filter(None, (trouble.words, trouble.hint))), code=trouble.code)

        own = list(inspect.signature(function).parameters.values())[1:]
        shared = inspect.signature(_shared).parameters.values()
        command.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
        command.__doc__ = function.__doc__
        app.command(name, epilog=f"Example: afterhours agent {example}", **settings)(command)
        return function

    return register


def _shared(url: UrlOption = "", token_env: TokenOption = "", as_json: JsonOption = False) -> None:
    """The options that every verb has; never called."""


def fence_of(api: Api, thread: str, given: int | None) -> int:
    return given if given is not None else _seen(api, thread, "--fence").fence


def last_inbound_of(api: Api, thread: str, given: str | None) -> str | None:
    return given if given is not None else _seen(api, thread, "--last-inbound").last_inbound


def _seen(api: Api, thread: str, option: str) -> session.Seen:
    found = session.seen(api.url, thread)
    if found is None:
        raise Trouble(f"you have not seen this thread yet: afterhours agent claim {thread} (or give {option})", code=2)
    return found

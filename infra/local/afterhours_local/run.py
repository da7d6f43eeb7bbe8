"""`afterhours run`: the whole of Afterhours on this machine, kept up for real clients until Ctrl-C."""

import contextlib
import os
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from afterhours_local import output, run_lines, session
from afterhours_local.config_commands import load_or_stop, stop_for

if TYPE_CHECKING:
    from afterhours_local.sandbox import Sandbox

TOKEN_RENEWED_S = 45 * 60  # it lives for an hour


class Engine(StrEnum):
    MINISTACK = "ministack"
    DYNAMODB_LOCAL = "dynamodb-local"


class Executor(StrEnum):
    IN_PROCESS = "in-process"
    RUNTIME = "runtime"


@dataclass
class SignIn:
    """A sample agent, with a password of this run."""

    email: str
    password: str
    token: str = ""
    at: float = 0.0


def run(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Of the HTTP API; 0 takes any free one.")
    ] = 8787,
    engine: Annotated[Engine, typer.Option("--engine", help="What plays AWS, or only its tables.")] = Engine.MINISTACK,
    executor: Annotated[
        Executor, typer.Option("--executor", help="runtime: each function in processes and a role of its own.")
    ] = Executor.IN_PROCESS,
    data_dir: Annotated[Path | None, typer.Option("--data-dir", help="Keep the state here over a clean stop.")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="Your afterhours.yaml; else a sample with sample secrets.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The addresses as one JSON document on stdout, events on stderr.")
    ] = False,
) -> None:
    """Keep the local stack up: HTTP API, functions, queues, tables, user pool and fake platforms. Ctrl-C ends it."""
    from afterhours_local import process, sandbox
    from afterhours_local.config import ConfigError
    from afterhours_local.resources import StackFailed
    from afterhours_local.sam import TemplateError

    environ = dict(os.environ) if config else sandbox.sample_environment()
    file = config or sandbox.SAMPLES / "afterhours.yaml"
    try:
        load_or_stop(file, as_json=as_json).secret_values(environ)
        if port and process.port_is_taken(port):
            output.stop(f"port {port} is taken: give another one with --port, or 0 for any free one")
        with _ending() as ended:
            _keep_up(
                file, environ, ended, port=port, engine=engine, executor=executor, data_dir=data_dir, as_json=as_json
            )
    except ConfigError as error:
        stop_for(error, as_json=as_json)
    except (process.ServerFailed, StackFailed, TemplateError, session.UnsafeDirectory, OSError) as error:
        output.stop(output.plain(str(error)))


def _keep_up(
    file: Path,
    environ: dict[str, str],
    ended: threading.Event,
    *,
    port: int,
    engine: Engine,
    executor: Executor,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    from afterhours_local import sandbox
    from afterhours_local.process import ServerFailed
    from afterhours_local.stack import LocalStack

    output.note("Starting …", style="dim")
    stack = LocalStack(
        sandbox.TEMPLATE,
        engine=engine.value,
        executor=executor.value,
        port=port,
        data_dir=data_dir,
        on_event=run_lines.printer(as_json=as_json),
    )
    with contextlib.ExitStack() as undo:
        undo.enter_context(stack)
        place = undo.enter_context(sandbox.playing(stack, file, environ))
        undo.callback(session.forget)
        agent = _first_agent(place)
        _sign_in(place, agent)
        _introduce(place, agent, as_json=as_json, sample=environ if file.parent == sandbox.SAMPLES else None)
        while not ended.wait(0.5):
            if not stack.engine.is_running():
                raise ServerFailed(f"the engine died:\n{stack.engine.last_lines()}")
            place.graph.deliver_pending()
            if agent and time.monotonic() - agent.at > TOKEN_RENEWED_S:
                _sign_in(place, agent)
        output.note("Draining: no new requests, what is queued is finished …")
    output.note("Stopped." + (f" The state is in {data_dir}." if data_dir else ""))


@contextlib.contextmanager
def _ending() -> Iterator[threading.Event]:
    """Set by the first Ctrl-C (or SIGTERM); the second ends at once, as everywhere."""
    ended = threading.Event()
    before: dict[signal.Signals, Any] = {}

    def end(_number: int, _frame: Any) -> None:
        ended.set()
        give_back()

    def give_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, end)
    try:
        yield ended
    finally:
        give_back()


def _first_agent(place: "Sandbox") -> SignIn | None:
    email = next(iter(place.config.agents), None)
    # The pool's policy asks for capitals, small letters and digits; random ones alone may lack a kind.
    return SignIn(email, f"Aa1-{secrets.token_urlsafe(12)}") if email else None


def _sign_in(place: "Sandbox", agent: SignIn | None) -> None:
    """Sign the agent in as a browser does, and let the other commands know."""
    stack = place.stack
    if agent:
        stack.user_pool.add_user(agent.email, agent.password)
        agent.token = stack.user_pool.sign_in(agent.email, agent.password).access_token
        agent.at = time.monotonic()
    session.write(
        session.Session(
            url=stack.url,
            token=agent.token if agent else "",
            agent=agent.email if agent else "",
            pid=os.getpid(),
            stack=stack.stack_name,
            engine_url=stack.engine.url,
            dynamodb_url=stack.dynamodb_url if stack.dynamodb_url != stack.engine.url else None,
            physical_ids=dict(stack.outputs),
            platforms_url=place.platforms_url,
            accounts={account.channel: account.id for account in reversed(place.config.accounts)},
        )
    )


def _introduce(place: "Sandbox", agent: SignIn | None, *, as_json: bool, sample: dict[str, str] | None) -> None:
    """Where everything is, and what to try first."""
    url = place.stack.url
    webhooks = {f"{app.source}/{app.app}": f"{url}/hook/{app.source}/{app.app}" for app in place.config.apps
                if app.source != "webchat"}  # fmt: skip
    chats = [f"{url}/webchat/{account.id}" for account in place.config.accounts if account.channel == "webchat"]
    if as_json:
        found = {"api": f"{url}/api", "inbox": f"{url}/inbox", "webhooks": webhooks, "webchat": chats}
        found |= {"platforms": place.platforms_url}
        signed_in = {"email": agent.email, "password": agent.password} if agent else None
        output.emit({**found, "engine": place.stack.engine.url, "agent": signed_in, "pid": os.getpid()})
        return
    output.say("Afterhours is up. Ctrl-C ends it.", style="bold green")
    for name, address in webhooks.items():
        output.say(f"  webhook {name:<12} {address}")
    for address in chats:
        output.say(f"  web chat             {address}")
    output.say(f"  agents' inbox        {url}/inbox")
    output.say(f"  agents' API          {url}/api")
    output.say(f"  fake platforms       {place.platforms_url}/_fake/sent")
    if any(inbox.notify and inbox.notify.slack for inbox in place.config.inboxes):
        output.say(f"  fake Slack           {place.platforms_url}/_fake/slack")
    output.say(f"  AWS engine           {place.stack.engine.url}")
    if agent:
        output.say(f"  an agent             {agent.email}  password {agent.password}")
    output.say("Try, in another terminal:", style="bold")
    output.say('  afterhours events say --channel whatsapp "Hello, I want a person please"')
    if agent:
        output.say("  afterhours agent pull")
    hook = next(iter(webhooks.values()), "")
    if hook and sample:
        output.say(f"  META_APP_SECRET={sample['META_APP_SECRET']} \\")
        output.say(f"  afterhours events send --channel whatsapp --secret-env META_APP_SECRET --url {hook} FILE")
    output.say()

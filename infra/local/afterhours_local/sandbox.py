"""A local stack with a configuration pushed and the fake platforms playing its accounts.

What `afterhours run`, `afterhours demo` and the journey tests have in common.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module, resources
from importlib.util import find_spec
from pathlib import Path

from afterhours.channels import SOURCE_OF

from afterhours_local import config, config_push, platforms, stack_config
from afterhours_local.platforms import fake
from afterhours_local.platforms.email import FakeSes, Mailbox
from afterhours_local.platforms.fake import Deliver, FakePlatform, deliver_over_http
from afterhours_local.platforms.graph import FakeAccount, FakeGraph
from afterhours_local.platforms.graph_deliveries import Post, post_signed
from afterhours_local.platforms.server import GraphServer
from afterhours_local.platforms.slack import FakeSlack
from afterhours_local.stack import LocalStack

ROOT = Path(__file__).parents[3]
TEMPLATE = ROOT / "template.yaml"
SAMPLES = Path(str(resources.files("afterhours_local") / "samples"))


@dataclass(frozen=True)
class Sandbox:
    """The stack, the platform's side of it, and what was pushed."""

    stack: LocalStack
    graph: FakeGraph
    slack: FakeSlack
    others: Mapping[str, FakePlatform]  # by source
    config: config.Configuration
    secrets: Mapping[str, str]  # by their `env:` or `file:` reference
    platforms_url: str

    def app_secret(self, app: str) -> str:
        """The current secret with which the platform signs for an app."""
        entry = next(each for each in self.config.apps if each.app == app)
        return self.secrets[entry.secrets[0]]


def sample_environment() -> dict[str, str]:
    """The values of samples/env.example, known to everybody."""
    lines = (SAMPLES / "env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def fakes() -> Iterator[type[FakePlatform]]:
    """The platforms beside Meta's, one a source; not every source has one."""
    for source in dict.fromkeys(SOURCE_OF.values()):
        if find_spec(f"{platforms.__name__}.{source}"):
            yield import_module(f"{platforms.__name__}.{source}").FAKE


def api_bases(url: str) -> dict[str, str]:
    """Where the fake platforms stand that take the place of the real ones, by channel."""
    graphs = {channel: url for channel, source in SOURCE_OF.items() if source == "meta"}
    faked = {each.NAME for each in fakes()}
    others = {channel: f"{url}/{source}" for channel, source in SOURCE_OF.items() if source in faked}
    return {"slack": url, **graphs, **others}


@contextlib.contextmanager
def playing(
    stack: LocalStack,
    configuration: Path,
    environ: Mapping[str, str],
    *,
    platform_port: int = 0,
    post: Post = post_signed,
    deliver: Deliver = deliver_over_http,
    progress: Callable[[stack_config.Change], None] = lambda _change: None,
) -> Iterator[Sandbox]:
    """Push the configuration to a started stack and let the fake platforms play its accounts."""
    loaded = config.load(configuration)
    secrets = loaded.secret_values(environ)
    graph = FakeGraph(stack.clock.now_ms, post=post)
    slack = FakeSlack(
        (secrets[inbox.notify.slack] for inbox in loaded.inboxes if inbox.notify and inbox.notify.slack),
        now_ms=stack.clock.now_ms,
    )
    others = {each.NAME: each(stack.clock.now_ms, deliver) for each in fakes()}
    for ses in (each for each in others.values() if isinstance(each, FakeSes)):
        made = stack.outputs
        ses.mailbox = Mailbox(stack.clients, made["MailBucket"], made["MailTopic"], made["MailQueue"])
    with GraphServer(graph, port=platform_port, slack=slack, others=others.values()) as server:
        config_push.push(
            loaded,
            stack_config.Resources.of(stack.stack_name, stack.outputs),
            stack.clients,
            progress,
            environ=environ,
            today=stack.clock.now().date(),
            api_bases=api_bases(server.url),
            invite=False,
        )
        for account in _fakes(loaded, secrets, stack.url):
            graph.register(account)
        _register_others(others, loaded, secrets, stack.url)
        yield Sandbox(stack, graph, slack, others, loaded, secrets, server.url)


def _register_others(
    others: Mapping[str, FakePlatform], loaded: config.Configuration, secrets: Mapping[str, str], url: str
) -> None:
    apps = {(app.source, app.app): app for app in loaded.apps}
    for account in loaded.accounts:
        if platform := others.get(account.source):
            known = apps[account.source, account.app].secrets
            secret = secrets[known[0]] if known else ""
            token = secrets[account.token] if account.token else secret
            webhook = f"{url}/hook/{account.source}/{account.app}"
            app = apps[account.source, account.app]
            sealing = secrets[app.aes_key] if app.aes_key else ""
            renewal = {
                "refresh": secrets[account.refresh] if account.refresh else "",
                "client_id": app.client_id or "",
                "client_secret": secrets[app.client_secret] if app.client_secret else "",
            }
            platform.register(fake.FakeAccount(account.channel, account.id, token, secret, webhook, sealing, **renewal))


def _fakes(loaded: config.Configuration, secrets: Mapping[str, str], url: str) -> Iterator[FakeAccount]:
    apps = {app.app: app for app in loaded.apps}
    for account in loaded.accounts:
        if account.source == "meta" and account.token:
            yield FakeAccount(
                channel=account.channel,
                id=account.id,
                token=secrets[account.token],
                app_secret=secrets[apps[account.app].secrets[0]],
                webhook_url=f"{url}/hook/{account.source}/{account.app}",
                login=account.login,
                page_id=account.page_id,
                **({"app_id": account.app_id} if account.app_id else {}),
            )

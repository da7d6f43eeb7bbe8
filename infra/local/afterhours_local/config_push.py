"""Writes a checked configuration to a stack, deployed or local, and says what it changed.

A second push of the same configuration changes nothing. Secrets are fetched before the first write, so a missing
one leaves the stack untouched; accounts are written last, so an account never points at what is not there yet.
What the stack has and the file has not is listed and left alone, unless pruning is asked for.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

from afterhours import channels, models
from afterhours.playbook import Playbook

from afterhours_local import public_holidays
from afterhours_local.config import ConfigError, Configuration, Problem
from afterhours_local.config_entries import AccountEntry, InboxEntry
from afterhours_local.stack_config import Change, Clients, Resources, StackConfig, packed

HOLIDAY_YEARS = 3  # this one and the next two
MAX_BODY_BYTES = 350_000
MAX_PARAMETER_BYTES = 4_096
NOT_YET = "not-renewed-yet"  # stands for a token that the platform gives for the app's secret alone


def push(
    config: Configuration,
    resources: Resources,
    clients: Clients,
    progress: Callable[[Change], None] = lambda _change: None,
    *,
    environ: Mapping[str, str],
    today: date,
    api_bases: Mapping[str, str] | None = None,
    invite: bool = True,
    prune: bool = False,
    dry_run: bool = False,
) -> list[Change]:
    """Bring the stack to the configuration. `api_bases` (channel or "slack" -> URL) are for the local stack, which
    alone honours them; without `invite` no e-mail goes out to new agents. Raises ConfigError before the first write,
    PushConflict."""
    values = config.secret_values(environ)
    parameters = {
        **_app_parameters(config, values),
        **_token_parameters(config, values),
        **_notify_parameters(config, values),
    }
    bodies = {name: playbook_body(book, today) for name, book in config.playbooks.items()}
    _fits(config, parameters, bodies)
    stack = StackConfig(resources, clients, dry_run=dry_run)
    changes: list[Change] = []
    for change in _steps(stack, config, parameters, bodies, today, api_bases or {}, invite=invite, prune=prune):
        changes.append(change)
        progress(change)
    return changes


def push_playbook(playbook: Playbook, stack: StackConfig, today: date) -> Change:
    """Store one playbook under its id, as a new version where the content is new. Raises ConfigError, PushConflict."""
    body = playbook_body(playbook, today)
    if problems := list(_oversized({playbook.id: body})):
        raise ConfigError(problems)
    return stack.playbook(playbook.id, body, today)


def playbook_body(playbook: Playbook, today: date) -> str:
    """The playbook as it is stored: JSON, with the dates of its holidays."""
    dated = public_holidays.on_dates(playbook, range(today.year, today.year + HOLIDAY_YEARS))
    return json.dumps(dated.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))


def _steps(
    stack: StackConfig,
    config: Configuration,
    parameters: Mapping[str, str],
    bodies: Mapping[str, str],
    today: date,
    api_bases: Mapping[str, str],
    *,
    invite: bool,
    prune: bool,
) -> Iterator[Change]:
    yield stack.pepper()
    for name, value in parameters.items():
        yield stack.parameter(name, value)
    for name, body in bodies.items():
        yield stack.playbook(name, body, today)
    for inbox in config.inboxes:
        change, queue_url = stack.human_queue(inbox.id)
        yield change
        fields = _inbox(inbox, queue_url, api_bases.get("slack")).model_dump(mode="json", exclude_none=True)
        yield stack.item("inbox", inbox.id, "INBOX", inbox.id, fields)
    subs = []
    for email, inboxes in config.agents.items():
        change, sub = stack.user(email, invite=invite)
        subs.append(sub)
        yield change
        yield stack.item("permissions", email, "AGENT", sub, {"email": email, "inboxes": inboxes})
    keys = []
    for account in config.accounts:
        keys.append(f"{account.channel}#{account.id}")
        fields = account_of(account, api_bases).model_dump(mode="json", exclude_none=True)
        yield stack.item("account", f"{account.channel} {account.id}", "ACCOUNT", keys[-1], fields)
    yield from stack.extra_items("ACCOUNT", keys, prune=prune)
    yield from stack.extra_items("INBOX", [inbox.id for inbox in config.inboxes], prune=prune)
    yield from stack.extra_items("AGENT", subs, prune=prune)
    yield from stack.extra_parameters(parameters, prune=prune)


def _app_parameters(config: Configuration, values: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for app in config.apps:
        if not app.secrets:
            continue
        record: dict[str, Any] = {"secrets": [values[reference] for reference in app.secrets]}
        if app.verify_token:
            record["verify_token"] = values[app.verify_token]
        if app.aes_key:
            record |= {"aes_key": values[app.aes_key], "app_id": app.client_id}
        if app.origins:
            record["origins"] = list(app.origins)
        found[f"app/{app.source}/{app.app}"] = json.dumps(record)
    return found


def _token_parameters(config: Configuration, values: Mapping[str, str]) -> dict[str, str]:
    return {
        f"token/{channels.token_holder(account.channel)}/{account.id}": json.dumps(_token(config, account, values))
        for account in config.accounts
        if account.token or account.customer_service
    }


def _token(config: Configuration, account: AccountEntry, values: Mapping[str, str]) -> dict[str, str]:
    """What is sent with, and renewed with. `pushed` tells later whether it is this pair that was renewed since."""
    record = {"token": values[account.token] if account.token else NOT_YET}
    if not channels.renews(account.channel):
        return record
    app = next(each for each in config.apps if (each.source, each.app) == (account.source, account.app))
    if account.refresh:
        record["refresh"] = values[account.refresh]
    pushed = hashlib.sha256("\n".join(record.values()).encode()).hexdigest()[:16]
    secret = {"client_secret": values[app.client_secret]} if app.client_secret else {}
    return {**record, "client_id": app.client_id or "", **secret, "pushed": pushed}


def _notify_parameters(config: Configuration, values: Mapping[str, str]) -> dict[str, str]:
    return {
        f"notify/{inbox.id}": json.dumps({"slack": values[inbox.notify.slack]})
        for inbox in config.inboxes
        if inbox.notify and inbox.notify.slack
    }


def _fits(config: Configuration, parameters: Mapping[str, str], bodies: Mapping[str, str]) -> None:
    problems = [
        Problem(str(config.path), 0, name, f"is longer than the {MAX_PARAMETER_BYTES} bytes of a parameter")
        for name, value in parameters.items()
        if len(value.encode()) > MAX_PARAMETER_BYTES
    ]
    problems += _oversized(bodies)
    if problems:
        raise ConfigError(problems)


def _oversized(bodies: Mapping[str, str]) -> Iterator[Problem]:
    for name, body in bodies.items():
        if len(packed(body)) > MAX_BODY_BYTES:
            yield Problem(f"playbook {name}", 0, "", f"is larger than {MAX_BODY_BYTES:,} bytes, compressed")


def _inbox(inbox: InboxEntry, queue_url: str, slack_base: str | None) -> models.Inbox:
    notices = None
    if wanted := inbox.notify:
        notices = models.Notices(
            every_s=wanted.every,
            slack=wanted.slack is not None,
            page=wanted.page,
            slack_base=slack_base if wanted.slack else None,
        )
    return models.Inbox(
        id=inbox.id, playbook=inbox.playbook_id, queue_url=queue_url, shards=inbox.shards, notices=notices
    )


def account_of(account: AccountEntry, api_bases: Mapping[str, str]) -> models.Account:
    """The account as the stack has it."""
    return models.Account(
        **account.model_dump(exclude={"token", "refresh"}),
        source=account.source,
        api_base=api_bases.get(account.channel),
    )

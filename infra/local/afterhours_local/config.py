"""afterhours.yaml and the playbooks beside it: read, checked, every mistake named by file, line and field.

Secrets are never written into these files: a reference says where one is (`env:NAME`, `file:PATH`), and
`Configuration.secret_values` fetches them all, or names every one that is missing.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from afterhours import channels, section
from afterhours.channels import email_source, slack
from afterhours.playbook import Playbook
from afterhours.schedule import days
from pydantic import BaseModel, ValidationError

from afterhours_local import playbook_check, playbook_texts, yaml_lines
from afterhours_local.config_entries import AccountEntry, AppEntry, File, InboxEntry, playbook_id

MAX_SECRET_BYTES = 1200  # two of them and a verify token fit a standard parameter of 4 KB

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Problem:
    """One mistake: where it stands, what is wrong, what would be right. Never holds a secret."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"


class ConfigError(Exception):
    """The configuration is wrong; every problem found, in the order of the files."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True)
class Configuration:
    """A configuration that has passed every check which needs no secrets and no stack."""

    path: Path
    apps: tuple[AppEntry, ...]
    accounts: tuple[AccountEntry, ...]
    inboxes: tuple[InboxEntry, ...]
    playbooks: Mapping[str, Playbook] = field(default_factory=dict)
    slack_lines: Mapping[int, int] = field(default_factory=dict)  # by the inbox's index, for mistakes in the secret

    @cached_property
    def agents(self) -> dict[str, dict[str, str]]:
        """E-mail address -> {inbox: role}."""
        found: dict[str, dict[str, str]] = {}
        for inbox in self.inboxes:
            for agent in inbox.agents:
                found.setdefault(agent.email.lower(), {})[inbox.id] = agent.role
        return found

    def references(self) -> Iterator[str]:
        for app in self.apps:
            yield from app.secrets
            yield from (each for each in (app.verify_token, app.client_secret, app.aes_key) if each)
        for account in self.accounts:
            yield from (each for each in (account.token, account.refresh) if each)
        yield from (inbox.notify.slack for inbox in self.inboxes if inbox.notify and inbox.notify.slack)

    def secret_values(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Reference -> secret. Raises ConfigError naming every one that is missing, empty or cannot be one."""
        values: dict[str, str] = {}
        problems: list[Problem] = []
        for reference in dict.fromkeys(self.references()):
            try:
                values[reference] = _fetch(reference, self.path.parent, environ)
            except LookupError as error:
                problems.append(Problem(str(self.path), 0, reference, str(error.args[0])))
        problems += self.unfit(values)
        if problems:
            raise ConfigError(problems)
        return values

    def unfit(self, values: Mapping[str, str]) -> list[Problem]:
        """What is wrong with these of the secrets; they are not shown."""
        message = "the secret is not an address of Slack's such as https://hooks.slack.com/services/T…/B…/…"
        webhooks = {
            index: values.get(inbox.notify.slack)
            for index, inbox in enumerate(self.inboxes)
            if inbox.notify and inbox.notify.slack
        }
        return [
            Problem(str(self.path), self.slack_lines.get(index, 0), f"inboxes[{index}].notify.slack", message)
            for index, webhook in webhooks.items()
            if webhook is not None and not slack.is_webhook(webhook)
        ]

    def known_values(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Reference -> secret, of those that are here."""
        values: dict[str, str] = {}
        for reference in dict.fromkeys(self.references()):
            with suppress(LookupError):
                values[reference] = _fetch(reference, self.path.parent, environ)
        return values


def load(path: Path) -> Configuration:
    """Read and check the file and its playbooks. Raises ConfigError with everything that is wrong."""
    document = _read(path)
    entries = _validated(File, document)
    problems = list(_contradictions(entries, document))
    playbooks: dict[str, Playbook] = {}
    files: dict[str, Path] = {}
    for index, inbox in enumerate(entries.inboxes):
        file = path.parent / inbox.playbook
        first = files.setdefault(inbox.playbook_id, file)
        if first != file:
            message = f"has the same name as {first}; rename one, playbooks are known by the file's name"
            problems.append(_problem(document, ("inboxes", index, "playbook"), message))
        if inbox.playbook_id in [other.playbook_id for other in entries.inboxes[:index]]:
            continue
        if not file.is_file():
            place = ("inboxes", index, "playbook")
            problems.append(_problem(document, place, f"there is no file {file}; the path is relative to {path.name}"))
            continue
        try:
            playbooks[inbox.playbook_id] = _playbook(inbox.playbook_id, _read(file), entries.channels_of(inbox))
        except ConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigError(problems)
    slack_lines = {
        index: document.line_of(("inboxes", index, "notify", "slack")) for index in range(len(entries.inboxes))
    }
    return Configuration(path, entries.apps, entries.accounts, entries.inboxes, playbooks, slack_lines)


def load_playbook(file: Path, name: str = "") -> Playbook:
    """One playbook, read and checked for every channel that could use it; `name` is what the stack calls it, else the
    file's name. Raises ConfigError."""
    return _playbook(name or playbook_id(file.name), _read(file), playbook_texts.CHANNELS)


def _playbook(name: str, document: yaml_lines.Document, channels: Collection[str]) -> Playbook:
    found = _validated(Playbook, document)
    problems = [_plainly(document, *mistake) for mistake in playbook_check.mistakes(found, channels)]
    if found.id not in ("", name):
        problems.append(_problem(document, ("id",), f"must be {name}, as the file is called, or be left out"))
    if problems:
        raise ConfigError(_in_order(problems))
    return found.model_copy(update={"id": name})


def _in_order(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(dict.fromkeys(problems), key=lambda problem: problem.line)


def _read(path: Path) -> yaml_lines.Document:
    try:
        return yaml_lines.read(path)
    except yaml_lines.Unreadable as error:
        raise ConfigError([Problem(str(path), error.line, "", error.message)]) from error


def _validated(model: type[M], document: yaml_lines.Document) -> M:
    if not isinstance(document.data, dict):
        raise ConfigError([Problem(str(document.path), 1, "", "must be a mapping of keys to values")])
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        found = section.problems(error)
        problems = [_plainly(document, place, text) for place, text in found if not _is_echo(place, text, found)]
        raise ConfigError(_in_order(problems)) from error


_PLAINLY = {
    "Field required": "is missing",
    "Input should be a valid string": "must be text; put it in quotes",
    "Input should be a valid tuple": "must be a list",
    "Tuple should have at least 1 item after validation, not 0": "must not be empty",
    "Input should be a valid dictionary": "must be a mapping of keys to values",
    "Input should be a valid dictionary or instance of Hours": "must be a mapping with zone and week",
    "Input should be a valid boolean": "must be true or false",
    "Input should be a valid integer": "must be a whole number",
    "Dictionary should have at least 1 item after validation, not 0": "must not be empty",
    "String should have at least 1 character": "must not be empty",
    "String should match pattern '^[a-z0-9_-]{1,40}$'": "must be small letters, digits, - and _, at most 40",
}


def _is_echo(place: yaml_lines.Place, message: str, found: list[tuple[yaml_lines.Place, str]]) -> bool:
    """pydantic calls a list too short when it means that its items are wrong, which it also says."""
    inside = any(len(other) > len(place) and other[: len(place)] == place for other, _ in found)
    return inside and "after validation" in message


def _plainly(document: yaml_lines.Document, location: yaml_lines.Place, message: str) -> Problem:
    """One mistake in the file's own terms: pydantic's steps that are not in the file (members of a union, the index
    of something written alone) are left out, the key that is missing or unknown stays."""
    place: yaml_lines.Place = ()
    for step in location:
        if (*place, step) in document.lines:
            place = (*place, step)
        elif place[-1:] == ("week",):
            place = _range_of_days(document, place, step)
    if message == "Field required":
        place = (*place, location[-1])
    return _problem(document, place, _PLAINLY.get(message, message))


def _range_of_days(document: yaml_lines.Document, week: yaml_lines.Place, day: str | int) -> yaml_lines.Place:
    """The key that stands for the day in the file, such as mon-fri."""
    keys = [str(place[-1]) for place in document.lines if place[:-1] == week]
    return next(((*week, key) for key in keys if day in set(days(key))), week)


def _problem(document: yaml_lines.Document, place: yaml_lines.Place, message: str) -> Problem:
    return Problem(str(document.path), document.line_of(place), _dotted(place), message)


def _dotted(place: yaml_lines.Place) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).lstrip(".")


def _contradictions(entries: File, document: yaml_lines.Document) -> Iterator[Problem]:
    def problem(message: str, *place: str | int) -> Problem:
        return _problem(document, place, message)

    yield from _twice(document, "apps", [f"{app.source}/{app.app}" for app in entries.apps])
    yield from _twice(document, "accounts", [f"{account.channel} {account.id}" for account in entries.accounts])
    yield from _twice(document, "inboxes", [inbox.id for inbox in entries.inboxes])
    for index, app in enumerate(entries.apps):
        if app.source == "meta" and not app.verify_token:
            yield problem(
                "is missing; the platform asks for it when the webhook is set up: env:NAME",
                "apps",
                index,
                "verify_token",
            )
        if app.source == "email" and (app.secrets or app.app != email_source.APP):
            yield problem(f"is {email_source.APP} for e-mail, without secrets", "apps", index, "app")
        if app.source != "email" and not app.secrets:
            yield problem("must not be empty: [env:NAME]", "apps", index, "secrets")
        if app.source == "webchat" and app.verify_token:
            yield problem("is not used by webchat; remove it", "apps", index, "verify_token")
        if app.aes_key and (app.source != "wechat" or not app.client_id):
            yield problem("is wechat's, and needs the app's AppID beside it as client_id", "apps", index, "aes_key")
        if app.source == "meta" and app.origins:
            yield problem("are for webchat only; remove them", "apps", index, "origins")
    inboxes = {inbox.id for inbox in entries.inboxes}
    for index, account in enumerate(entries.accounts):
        yield from (problem(text, "accounts", index, key) for key, text in _account(account, entries.apps, inboxes))
        yield from (problem(text, "accounts", index, key) for key, text in _renewal(account, entries))
    for index, inbox in enumerate(entries.inboxes):
        emails = [agent.email.lower() for agent in inbox.agents]
        for number, email in enumerate(emails):
            if email in emails[:number]:
                yield problem("stands twice in this inbox", "inboxes", index, "agents", number, "email")


def _account(account: AccountEntry, apps: tuple[AppEntry, ...], inboxes: set[str]) -> Iterator[tuple[str, str]]:
    sources = [app.source for app in apps if app.app == account.app]
    if not sources:
        yield "app", f"there is no app {account.app}; known: {', '.join(sorted({app.app for app in apps}))}"
    elif account.source not in sources:
        yield "app", f"{account.channel} needs an app of source {account.source}; {account.app} is one of {sources[0]}"
    if account.inbox not in inboxes:
        yield "inbox", f"there is no inbox {account.inbox}; known: {', '.join(sorted(inboxes))}"
    if channels.channel(account.channel).ONE_ACCOUNT and account.id != account.app:
        yield "id", f"must be {account.app}: an app of {account.source} has one account, which is called as the app is"
    sends_with_one = channels.sends_with_a_token(account.channel)
    if sends_with_one and not channels.renews(account.channel) and not account.token:
        yield "token", "is missing; without it nothing can be sent: env:NAME"
    if ("@" in account.id) != (account.channel == "email"):
        yield "id", "must be the address in small letters" if account.channel == "email" else "must not be an address"
    if account.token and not sends_with_one:
        yield "token", f"is not used by {account.channel}; remove it"
    if account.channel.startswith("instagram") and account.login == "page" and not account.page_id:
        yield "page_id", "is missing: the Page that the account is linked to (or give login: instagram)"
    if account.channel == "tiktok_comments" and not account.page_id:
        yield "page_id", "is missing: the account's own unique_identifier, by which its own comments are known"
    if account.customer_service and account.channel != "wechat":
        yield "customer_service", "is wechat's only; remove it"
    if account.login == "instagram" and not account.channel.startswith("instagram"):
        yield "login", "instagram is a login of the Instagram channels only"


def _renewal(account: AccountEntry, entries: File) -> Iterator[tuple[str, str]]:
    """Where tokens run out, the channels of one account share a pair, and the app is needed to renew it."""
    if not channels.renews(account.channel):
        if account.refresh:
            yield "refresh", f"the tokens of {account.channel} are not renewed; remove it"
        return
    if account.channel == "wechat":
        yield from _customer_service(account, entries)
        return
    shared = [each for each in entries.accounts if (each.source, each.id) == (account.source, account.id)]
    holder = next((each for each in shared if each.token), None)
    if holder is None:
        yield "token", "is missing; without it nothing can be sent: env:NAME"
    elif account.token and account is not holder:
        yield "token", f"stands at {holder.channel} already; the channels of an account share it, remove it here"
    if account is holder and not account.refresh:
        yield "refresh", "is missing; the token runs out within hours and is renewed with it: env:NAME"
    apps = [app for app in entries.apps if (app.source, app.app) == (account.source, account.app)]
    if apps and not apps[0].client_id:
        yield "app", f"{account.app} has no client_id, without which no token is renewed"


def _customer_service(account: AccountEntry, entries: File) -> Iterator[tuple[str, str]]:
    """WeChat gives its token for the app's id and secret alone."""
    if account.token or account.refresh:
        yield "token" if account.token else "refresh", "is not used by wechat, which gives its own; remove it"
    apps = [app for app in entries.apps if (app.source, app.app) == (account.source, account.app)]
    if account.customer_service and apps and not (apps[0].client_id and apps[0].client_secret):
        yield "customer_service", f"needs client_id and client_secret (AppID, AppSecret) at the app {account.app}"


def _twice(document: yaml_lines.Document, section: str, names: list[str]) -> Iterator[Problem]:
    for index, name in enumerate(names):
        if name in names[:index]:
            first = document.line_of((section, names.index(name)))
            yield _problem(document, (section, index), f"{name} stands twice; first on line {first}")


def _fetch(reference: str, folder: Path, environ: Mapping[str, str]) -> str:
    where, _, name = reference.partition(":")
    if where == "env":
        if name not in environ:
            raise LookupError("the environment variable is not set")
        value = environ[name]
    else:
        try:
            value = (folder / name).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise LookupError("the file cannot be read") from error
    value = value.strip()
    if not value:
        raise LookupError("is empty")
    if len(value.encode()) > MAX_SECRET_BYTES:
        raise LookupError(f"is longer than {MAX_SECRET_BYTES} bytes")
    return value

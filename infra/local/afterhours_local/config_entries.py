"""What may stand in afterhours.yaml: apps, accounts, inboxes and agents, each value with what would be right."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from afterhours.channels import SOURCE_OF
from afterhours.section import Seconds, Section
from pydantic import AfterValidator, BeforeValidator, Field


def _id(value: Any) -> Any:
    """An id is a string; a plain whole number is taken as one, since it can be read in one way only."""
    if isinstance(value, bool | float):
        raise ValueError("put it in quotes")  # noqa: TRY004  pydantic reports a ValueError and no other
    return str(value) if isinstance(value, int) else value


def _channel(value: str) -> str:
    if value in SOURCE_OF:
        return value
    raise ValueError(f"must be one of {', '.join(SOURCE_OF)}")


def _source(value: str) -> str:
    if value in SOURCE_OF.values():
        return value
    raise ValueError(f"must be one of {', '.join(dict.fromkeys(SOURCE_OF.values()))}")


def _reference(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"env:[A-Za-z_][A-Za-z0-9_]*|file:.+", value):
        return value
    raise ValueError(
        "must say where the secret is, never the secret itself: env:NAME (an environment variable) or file:PATH"
    )


def _shaped(pattern: str, right: str) -> AfterValidator:
    """Text of this form; `right` says in words what it would be."""

    def check(value: str) -> str:
        if re.fullmatch(pattern, value):
            return value
        raise ValueError(f"must be {right}")

    return AfterValidator(check)


Id = Annotated[str, BeforeValidator(_id), _shaped(r"[A-Za-z0-9._-]{1,64}", "letters, digits, ., - and _, at most 64")]
AccountId = Annotated[
    str,
    BeforeValidator(_id),
    _shaped(
        r"[A-Za-z0-9._-]{1,64}|[a-z0-9][a-z0-9._+-]{0,63}@[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){1,4}",
        "letters, digits, ., - and _, at most 64; for email an address in small letters",
    ),
]
Name = Annotated[
    str, BeforeValidator(_id), _shaped(r"[a-z0-9][a-z0-9-]{0,39}", "small letters, digits and -, at most 40")
]
Reference = Annotated[str, BeforeValidator(_reference)]
Origin = Annotated[
    str,
    _shaped(
        r"https://[a-z0-9.-]+(:[0-9]+)?|http://(localhost|127\.0\.0\.1)(:[0-9]+)?",
        "an origin such as https://shop.example.org, without a path",
    ),
]
Email = Annotated[
    str, Field(max_length=128), _shaped(r"[^@\s<>,;\"\\]+@[A-Za-z0-9.-]+\.[A-Za-z]+", "an e-mail address")
]


Page = Annotated[
    str,
    _shaped(
        r"(https://[A-Za-z0-9.-]+|http://(localhost|127\.0\.0\.1))(:[0-9]+)?(/[A-Za-z0-9._~/-]*)?",
        "an address such as https://api.example.org/inbox, without a query",
    ),
]


def playbook_id(path: str) -> str:
    """The file's name without `.playbook.yaml`: what the playbook is called in the stack."""
    return Path(path).name.removesuffix(".yaml").removesuffix(".yml").removesuffix(".playbook")


class AppEntry(Section):
    source: Annotated[str, AfterValidator(_source)]
    app: Name
    secrets: tuple[Reference, ...] = Field(default=(), max_length=2)
    verify_token: Reference | None = None
    client_id: Annotated[str, BeforeValidator(_id), Field(max_length=128)] | None = None
    client_secret: Reference | None = None
    aes_key: Reference | None = None
    origins: tuple[Origin, ...] = Field(default=(), max_length=20)


class AccountEntry(Section):
    channel: Annotated[str, AfterValidator(_channel)]
    id: AccountId
    app: Name
    inbox: Name
    token: Reference | None = None
    refresh: Reference | None = None
    name: str = ""
    enabled: bool = True
    login: Literal["page", "instagram"] = "page"
    page_id: Id | None = None
    app_id: Id | None = None
    customer_service: bool = False
    api_version: Annotated[
        str, _shaped(r"v[0-9]{1,3}\.[0-9]|20[0-9]{2}(0[1-9]|1[0-2])", "a version such as v25.0, or 202606 for LinkedIn")
    ] = "v25.0"

    @property
    def source(self) -> str:
        return SOURCE_OF[self.channel]


class AgentEntry(Section):
    email: Email
    role: Literal["agent", "lead", "admin"] = "agent"


class NotifyEntry(Section):
    """Who hears that something waits or is late: the stack's notification topic, and Slack where a webhook is named."""

    slack: Reference | None = None
    every: Seconds = Field(default=5 * 60, ge=60, le=86_400)
    page: Page | None = None


class InboxEntry(Section):
    id: Name
    playbook: str
    agents: tuple[AgentEntry, ...] = ()
    shards: int = Field(default=1, ge=1, le=64)
    notify: NotifyEntry | None = None

    @property
    def playbook_id(self) -> str:
        return playbook_id(self.playbook)


class File(Section):
    apps: tuple[AppEntry, ...] = Field(min_length=1)
    accounts: tuple[AccountEntry, ...] = Field(min_length=1)
    inboxes: tuple[InboxEntry, ...] = Field(min_length=1)

    def channels_of(self, inbox: InboxEntry) -> set[str]:
        """The channels that answer by the playbook of this inbox."""
        inboxes = {each.id for each in self.inboxes if each.playbook_id == inbox.playbook_id}
        return {account.channel for account in self.accounts if account.inbox in inboxes}

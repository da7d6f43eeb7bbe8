"""One stack's configuration, read and written thing by thing: each is written only where it is not so already."""

import json
import secrets
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, Self

from afterhours.stores.dynamo import Item, expression, from_item, to_item

# What a human queue has in common with the template's; the rest of a queue's attributes describe the queue itself.
QUEUE_ATTRIBUTES = (
    "VisibilityTimeout",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "DelaySeconds",
    "MaximumMessageSize",
    "SqsManagedSseEnabled",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
)


# What the stack itself writes into the record of a token that is renewed.
RENEWED = ("token", "refresh", "renewed_at", "expires_at")


class Clients(Protocol):
    """boto3 clients of one account and region."""

    @property
    def dynamodb(self) -> Any: ...
    @property
    def ssm(self) -> Any: ...
    @property
    def sqs(self) -> Any: ...
    @property
    def cognito(self) -> Any: ...


class Action(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    EXTRA = "in the stack, not in the file"


class Change(NamedTuple):
    """What became of one thing. Never holds a secret's value."""

    what: str
    name: str
    action: Action
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.action}: {self.what} {self.name}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True)
class Resources:
    """What the stack has made."""

    stack: str
    config_table: str
    human_queue_url: str  # the template's own, the model of every other inbox's
    user_pool_id: str
    threads_table: str
    mail_bucket: str

    @classmethod
    def of(cls, stack: str, physical_ids: Mapping[str, str]) -> Self:
        """Out of the physical ids by logical id. Raises KeyError."""
        names = ("ConfigTable", "HumanQueue", "UserPool", "ThreadsTable", "MailBucket")
        return cls(stack, *(physical_ids[name] for name in names))


class StoredPlaybook(NamedTuple):
    """One version of a playbook, its content as JSON."""

    version: int
    stored_on: str | None  # the day; unknown of those stored before days were kept
    body: str


class PushConflict(Exception):
    """Someone else pushed at the same time."""


@dataclass
class StackConfig:
    """One stack, read and written item by item; with `dry_run` only read."""

    resources: Resources
    clients: Clients
    dry_run: bool
    template_queue: dict[str, str] = field(default_factory=dict)

    def pepper(self) -> Change:
        """Made at the first use and never again: every thread's key hangs on it."""
        ssm, name = self.clients.ssm, f"/{self.resources.stack}/pepper"
        if _parameter_value(ssm, name) is not None:
            return Change("pepper", name, Action.UNCHANGED)
        if not self.dry_run:
            try:
                ssm.put_parameter(Name=name, Value=secrets.token_hex(32), Type="SecureString", Overwrite=False)
            except ssm.exceptions.ParameterAlreadyExists:
                return Change("pepper", name, Action.UNCHANGED)
        return Change("pepper", name, Action.CREATED)

    def parameter(self, name: str, value: str) -> Change:
        ssm, name = self.clients.ssm, f"/{self.resources.stack}/{name}"
        stored = _parameter_value(ssm, name)
        value = _as_renewed(stored, value)
        if stored == value:
            return Change("secret", name, Action.UNCHANGED)
        if not self.dry_run:
            ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)
            if "pushed" in json.loads(value):
                self._due_at_once(name)
        return Change("secret", name, Action.CREATED if stored is None else Action.UPDATED)

    def _due_at_once(self, name: str) -> None:
        """What is known of the token before is no longer so; whoever renews it now keeps the turn."""
        key = {"pk": "TOKEN", "sk": "#".join(name.split("/")[-2:])}
        forget = expression(values={}, UpdateExpression="REMOVE #expires_at, #renewed_at, #state, #mark, #reason")
        self.clients.dynamodb.update_item(TableName=self.resources.config_table, Key=to_item(key), **forget)

    def item(self, what: str, name: str, pk: str, sk: str, fields: Item) -> Change:
        stored = self._get(pk, sk)
        wanted = {"pk": pk, "sk": sk, **fields}
        if stored == wanted:
            return Change(what, name, Action.UNCHANGED)
        if not self.dry_run:
            self.clients.dynamodb.put_item(TableName=self.resources.config_table, Item=to_item(wanted))
        if stored is None:
            return Change(what, name, Action.CREATED)
        moved = sorted(key for key in stored.keys() | wanted.keys() if stored.get(key) != wanted.get(key))
        return Change(what, name, Action.UPDATED, ", ".join(moved))

    def playbook(self, name: str, body: str, today: date) -> Change:
        """A new version only where the content is new; every version stays."""
        pk = f"PLAYBOOK#{name}"
        stored = self._get(pk, "CURRENT")
        if stored and _unpacked(stored) == body:
            return Change("playbook", name, Action.UNCHANGED, f"version {stored['version']}")
        version = stored["version"] + 1 if stored else 1
        if not self.dry_run:
            self._put_playbook(pk, {"version": version, "stored_on": today.isoformat(), "body": packed(body)})
        return Change("playbook", name, Action.UPDATED if stored else Action.CREATED, f"version {version}")

    def playbook_body(self, name: str, version: int | None = None) -> str | None:
        """The JSON of a version, the current one without a number; None where there is none."""
        stored = self._get(f"PLAYBOOK#{name}", "CURRENT" if version is None else f"V#{version:08d}")
        return _unpacked(stored) if stored else None

    def playbook_versions(self, name: str) -> list[StoredPlaybook]:
        """Every version, the newest first."""
        by_key = expression(
            values={"pk": f"PLAYBOOK#{name}", "sk": "V#"}, KeyConditionExpression="#pk = :pk AND begins_with(#sk, :sk)"
        )
        pages = self.clients.dynamodb.get_paginator("query").paginate(
            TableName=self.resources.config_table, ScanIndexForward=False, ConsistentRead=True, **by_key
        )
        items = [from_item(item) for page in pages for item in page["Items"]]
        return [StoredPlaybook(item["version"], item.get("stored_on"), _unpacked(item)) for item in items]

    def inboxes(self) -> list[Item]:
        """All inboxes."""
        return self._all("INBOX")

    def accounts(self) -> list[Item]:
        """All accounts."""
        return self._all("ACCOUNT")

    def record(self, name: str) -> Item | None:
        """What is kept of an app (`app/<source>/<app>`) or a token (`token/<channel>/<id>`), secrets and all."""
        value = _parameter_value(self.clients.ssm, f"/{self.resources.stack}/{name}")
        found = json.loads(value) if value else None
        return found if isinstance(found, dict) else None

    def _all(self, pk: str) -> list[Item]:
        by_key = expression(values={"pk": pk}, KeyConditionExpression="#pk = :pk")
        pages = self.clients.dynamodb.get_paginator("query").paginate(TableName=self.resources.config_table, **by_key)
        return [from_item(item) for page in pages for item in page["Items"]]

    def _put_playbook(self, pk: str, fields: Item) -> None:
        """Both items or none; refused if the version has moved meanwhile."""
        dynamodb, table, version = self.clients.dynamodb, self.resources.config_table, fields["version"]
        unmoved = expression(values={"seen": version - 1}, ConditionExpression="#version = :seen")
        if version == 1:
            unmoved = expression(values={}, ConditionExpression="attribute_not_exists(#pk)")
        current = to_item({"pk": pk, "sk": "CURRENT", **fields})
        kept = to_item({"pk": pk, "sk": f"V#{version:08d}", **fields})
        try:
            dynamodb.transact_write_items(
                TransactItems=[
                    {"Put": {"TableName": table, "Item": current, **unmoved}},
                    {"Put": {"TableName": table, "Item": kept}},
                ]
            )
        except dynamodb.exceptions.TransactionCanceledException as error:
            raise PushConflict(f"{pk} was changed by someone else meanwhile; push again") from error

    def human_queue(self, inbox: str) -> tuple[Change, str]:
        """The inbox's queue and its URL; its attributes follow those of the template's human queue."""
        sqs, name = self.clients.sqs, f"{self.resources.stack}-human-{inbox}"
        try:
            url = str(sqs.get_queue_url(QueueName=name)["QueueUrl"])
        except sqs.exceptions.QueueDoesNotExist:
            if self.dry_run:
                return Change("human queue", name, Action.CREATED), ""
            url = str(sqs.create_queue(QueueName=name)["QueueUrl"])
            self._follow_template(url)
            return Change("human queue", name, Action.CREATED), url
        if url == self.resources.human_queue_url or _attributes(sqs, url) == self._model():
            return Change("human queue", name, Action.UNCHANGED), url
        if not self.dry_run:
            self._follow_template(url)
        return Change("human queue", name, Action.UPDATED), url

    def _follow_template(self, url: str) -> None:
        sqs = self.clients.sqs
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        model = {name: value.replace("{arn}", arn) for name, value in self._model().items()}
        sqs.set_queue_attributes(QueueUrl=url, Attributes=model)

    def user(self, email: str, *, invite: bool) -> tuple[Change, str]:
        """The agent's user in the pool, and its `sub`, which the permissions hang on."""
        cognito, pool = self.clients.cognito, self.resources.user_pool_id
        try:
            found = cognito.admin_get_user(UserPoolId=pool, Username=email)
            return Change("user", email, Action.UNCHANGED), _sub(found["UserAttributes"])
        except cognito.exceptions.UserNotFoundException:
            if self.dry_run:
                return Change("user", email, Action.CREATED), f"(not made yet: {email})"
        made = cognito.admin_create_user(
            UserPoolId=pool,
            Username=email,
            UserAttributes=[{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}],
            TemporaryPassword=secrets.token_urlsafe(24) + "aA1!",  # fits every policy; goes out with the invitation
            **({"DesiredDeliveryMediums": ["EMAIL"]} if invite else {"MessageAction": "SUPPRESS"}),
        )
        return Change("user", email, Action.CREATED), _sub(made["User"]["Attributes"])

    def extra_items(self, pk: str, known: list[str], *, prune: bool) -> Iterator[Change]:
        dynamodb, table = self.clients.dynamodb, self.resources.config_table
        by_key = expression(values={"pk": pk}, KeyConditionExpression="#pk = :pk")
        for page in dynamodb.get_paginator("query").paginate(TableName=table, **by_key):
            for item in map(from_item, page["Items"]):
                if item["sk"] in known:
                    continue
                if prune and not self.dry_run:
                    dynamodb.delete_item(TableName=table, Key=to_item({"pk": pk, "sk": item["sk"]}))
                what = {"ACCOUNT": "account", "INBOX": "inbox", "AGENT": "permissions"}[pk]
                name = item["email"] if pk == "AGENT" else item["sk"].replace("#", " ")
                yield Change(what, name, Action.REMOVED if prune else Action.EXTRA)

    def extra_parameters(self, known: Mapping[str, str], *, prune: bool) -> Iterator[Change]:
        ssm, stack = self.clients.ssm, self.resources.stack
        for kind in ("app", "token", "notify"):
            pages = ssm.get_paginator("get_parameters_by_path").paginate(Path=f"/{stack}/{kind}/", Recursive=True)
            for name in [found["Name"] for page in pages for found in page["Parameters"]]:
                if name.removeprefix(f"/{stack}/") in known:
                    continue
                if prune and not self.dry_run:
                    ssm.delete_parameter(Name=name)
                yield Change("secret", name, Action.REMOVED if prune else Action.EXTRA)

    def _get(self, pk: str, sk: str) -> Item | None:
        answer = self.clients.dynamodb.get_item(
            TableName=self.resources.config_table, Key=to_item({"pk": pk, "sk": sk}), ConsistentRead=True
        )
        return from_item(answer["Item"]) if "Item" in answer else None

    def _model(self) -> dict[str, str]:
        if not self.template_queue:
            self.template_queue = _attributes(self.clients.sqs, self.resources.human_queue_url)
        return self.template_queue


def packed(body: str) -> bytes:
    """A playbook's JSON as it is stored."""
    return zlib.compress(body.encode(), 9)


def _unpacked(item: Item) -> str:
    return zlib.decompress(item["body"]).decode()


def _parameter_value(ssm: Any, name: str) -> str | None:
    try:
        return str(ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
    except ssm.exceptions.ParameterNotFound:
        return None


def _as_renewed(stored: str | None, value: str) -> str:
    """A token that was renewed since it was pushed stays as it is: what the file has is worth nothing any more."""
    before, new = (json.loads(each) for each in (stored or "{}", value))
    if "pushed" not in new or before.get("pushed") != new["pushed"]:
        return value
    kept = {**new, **{name: before[name] for name in RENEWED if name in before}}
    return stored or value if kept == before else json.dumps(kept)


def _attributes(sqs: Any, url: str) -> dict[str, str]:
    """What the queues have in common; in the policy the queue's own ARN is written `{arn}`."""
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    kept = {name: str(found[name]) for name in QUEUE_ATTRIBUTES if found.get(name)}
    if found.get("Policy"):
        kept["Policy"] = json.dumps(json.loads(found["Policy"]), sort_keys=True).replace(found["QueueArn"], "{arn}")
    return kept


def _sub(attributes: list[dict[str, str]]) -> str:
    return next(attribute["Value"] for attribute in attributes if attribute["Name"] == "sub")

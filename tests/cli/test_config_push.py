"""`config push` against moto: what is stored, that a second push changes nothing, and what is left alone."""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from afterhours.models import Account, Inbox, Notices
from afterhours.playbook import Playbook
from afterhours.stores.dynamo import from_item, to_item
from afterhours_local import config
from afterhours_local.cli import app
from afterhours_local.config_push import push
from afterhours_local.stack_config import Action, Change, Resources
from moto import mock_aws
from typer.testing import CliRunner

from .conftest import SECRETS, Answers

STACK = "afterhours-test"
TODAY = date(2026, 3, 4)


@dataclass
class Stack:
    """What a deployment would have made, and its clients."""

    dynamodb: Any
    ssm: Any
    sqs: Any
    cognito: Any
    resources: Resources

    def push(
        self, files: Path, *, environ: dict[str, str] = SECRETS, today: date = TODAY, **flags: Any
    ) -> list[Change]:
        return push(config.load(files), self.resources, self, environ=environ, today=today, **flags)

    def items(self, pk: str) -> list[dict[str, Any]]:
        answer = self.dynamodb.query(
            TableName=self.resources.config_table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=to_item({":pk": pk}),
        )
        return [from_item(item) for item in answer["Items"]]

    def parameters(self) -> dict[str, str]:
        found = self.ssm.get_parameters_by_path(Path=f"/{STACK}", Recursive=True, WithDecryption=True, MaxResults=10)
        assert all(each["Type"] == "SecureString" for each in found["Parameters"])
        return {each["Name"].removeprefix(f"/{STACK}/"): each["Value"] for each in found["Parameters"]}

    def everything(self) -> Any:
        queues = self.sqs.list_queues()["QueueUrls"]
        attributes = [
            self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"] for url in queues
        ]
        return (
            self.dynamodb.scan(TableName=self.resources.config_table)["Items"],
            self.parameters(),
            [{**each, "LastModifiedTimestamp": ""} for each in attributes],
            self.cognito.list_users(UserPoolId=self.resources.user_pool_id)["Users"],
        )


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield _made()


@cache
def client(service: Any) -> Any:
    """Made once: it takes longer than a test, and works for every moto."""
    return boto3.client(service)


def _made() -> Stack:
    dynamodb, sqs, cognito = client("dynamodb"), client("sqs"), client("cognito-idp")
    dynamodb.create_table(
        TableName="config",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
    )
    url = sqs.create_queue(QueueName=f"{STACK}-human-support", Attributes={"VisibilityTimeout": "90"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(_only_over_tls(arn))})
    pool = cognito.create_user_pool(PoolName="agents", UsernameAttributes=["email"])["UserPool"]["Id"]
    return Stack(dynamodb, client("ssm"), sqs, cognito, Resources(STACK, "config", url, pool, "threads", "mails"))


def _only_over_tls(arn: str) -> dict[str, Any]:
    condition = {"Bool": {"aws:SecureTransport": "false"}}
    statement = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": arn, "Condition": condition}
    return {"Version": "2012-10-17", "Statement": [statement]}


def actions(changes: list[Change]) -> dict[str, str]:
    return {f"{change.what} {change.name}": change.action.value for change in changes}


def test_everything_that_the_functions_read_is_stored(stack: Stack, files: Path) -> None:
    changes = stack.push(files)
    assert {change.action for change in changes} == {Action.CREATED, Action.UNCHANGED}
    assert [change.name for change in changes if change.action is Action.UNCHANGED] == [f"{STACK}-human-support"]
    accounts = {item["sk"]: item for item in stack.items("ACCOUNT")}
    assert set(accounts) == {"whatsapp#106540352242922", "messenger#1234567890", "webchat#shop"}
    fields = {name: value for name, value in accounts["whatsapp#106540352242922"].items() if name not in ("pk", "sk")}
    account = Account.model_validate(fields)
    assert (account.source, account.app, account.inbox, account.api_base) == ("meta", "main", "support", None)
    inbox = next(item for item in stack.items("INBOX") if item["sk"] == "sales")
    model = Inbox.model_validate({name: value for name, value in inbox.items() if name not in ("pk", "sk")})
    assert model.playbook == "hotel"
    assert model.queue_url.endswith(f"{STACK}-human-sales")
    ana = stack.cognito.admin_get_user(UserPoolId=stack.resources.user_pool_id, Username="ana@example.org")
    permissions = next(item for item in stack.items("AGENT") if item["email"] == "ana@example.org")
    assert permissions["sk"] == next(each["Value"] for each in ana["UserAttributes"] if each["Name"] == "sub")
    assert permissions["inboxes"] == {"support": "lead", "sales": "agent"}


def test_secrets_are_secure_strings_the_current_one_first(stack: Stack, files: Path) -> None:
    text = files.read_text().replace("[env:META_APP_SECRET]", "[env:NEXT, env:META_APP_SECRET]")
    files.write_text(text)
    stack.push(files, environ={**SECRETS, "NEXT": "the-next-secret"})
    stored = stack.parameters()
    assert json.loads(stored["app/meta/main"]) == {
        "secrets": ["the-next-secret", "the-app-secret"],
        "verify_token": "the-verify-token",
    }
    assert json.loads(stored["app/webchat/shop"]) == {
        "secrets": ["the-webchat-secret"],
        "origins": ["https://shop.example.org"],
    }
    assert json.loads(stored["token/messenger/1234567890"]) == {"token": "the-page-token"}
    assert "token/webchat/shop" not in stored
    assert len(bytes.fromhex(stored["pepper"])) == 32


WEBHOOK = "https://hooks.slack.com/services/T00000000/B00000000/abcDEF123"


def test_notices_are_stored_with_the_inbox_and_their_webhook_as_a_secret(stack: Stack, files: Path) -> None:
    plain, environ = files.read_text(), {**SECRETS, "HOOK": WEBHOOK}
    wanted = "notify: {slack: env:HOOK, every: 10m, page: 'https://api.example.org/inbox'}, agents: [{email: Ana"
    files.write_text(plain.replace("agents: [{email: Ana", wanted))
    stack.push(files, environ=environ)
    assert json.loads(stack.parameters()["notify/support"]) == {"slack": WEBHOOK}
    support, sales = (Inbox.model_validate(fields(item)) for item in reversed(stack.items("INBOX")))
    assert support.notices == Notices(every_s=600, slack=True, page="https://api.example.org/inbox")
    assert sales.notices is None
    assert {change.action for change in stack.push(files, environ=environ)} == {Action.UNCHANGED}

    files.write_text(plain.replace("agents: [{email: Ana", "notify: {}, agents: [{email: Ana"))
    said = actions(stack.push(files))
    assert said[f"secret /{STACK}/notify/support"] == Action.EXTRA
    stack.push(files, prune=True)
    assert "notify/support" not in stack.parameters()
    assert [Inbox.model_validate(fields(item)).notices for item in stack.items("INBOX")] == [None, Notices()]


def test_only_a_local_stack_posts_to_another_host_than_slacks(stack: Stack, files: Path) -> None:
    files.write_text(
        files.read_text().replace("agents: [{email: Ana", "notify: {slack: env:HOOK}, agents: [{email: Ana")
    )
    environ = {**SECRETS, "HOOK": WEBHOOK}
    stack.push(files, environ=environ, api_bases={"slack": "http://127.0.0.1:9"})
    support = Inbox.model_validate(fields(stack.items("INBOX")[1]))
    assert support.notices == Notices(slack=True, slack_base="http://127.0.0.1:9")


def fields(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in ("pk", "sk")}


def test_a_second_push_changes_nothing(stack: Stack, files: Path) -> None:
    stack.push(files)
    before = stack.everything()
    assert {change.action for change in stack.push(files)} == {Action.UNCHANGED}
    assert stack.everything() == before


def test_a_dry_run_says_the_same_and_writes_nothing(stack: Stack, files: Path) -> None:
    before = stack.everything()
    said = actions(stack.push(files, dry_run=True))
    assert stack.everything() == before
    assert said == actions(stack.push(files))


def test_what_changed_is_said_without_the_secret(stack: Stack, files: Path) -> None:
    stack.push(files)
    files.write_text(files.read_text().replace("name: Hotel Jadran", "name: Jadran"))
    changed = [
        str(change)
        for change in stack.push(files, environ={**SECRETS, "WA_TOKEN": "another-token"})
        if change.action is not Action.UNCHANGED
    ]
    assert changed == [
        f"updated: secret /{STACK}/token/whatsapp/106540352242922",
        "updated: account whatsapp 106540352242922 (name)",
    ]


def test_the_pepper_is_made_once_and_never_again(stack: Stack, files: Path) -> None:
    stack.ssm.put_parameter(Name=f"/{STACK}/pepper", Value="5a" * 32, Type="SecureString")
    assert actions(stack.push(files))[f"pepper /{STACK}/pepper"] == "unchanged"
    assert stack.parameters()["pepper"] == "5a" * 32


def test_a_playbook_gets_a_new_version_only_with_new_content(stack: Stack, files: Path) -> None:
    stack.push(files)
    stack.push(files)
    (files.parent / "hotel.playbook.yaml").write_text(
        (files.parent / "hotel.playbook.yaml").read_text().replace("brand: Hotel Jadran", "brand: Jadran")
    )
    assert "updated: playbook hotel (version 2)" in map(str, stack.push(files))
    versions = {item["sk"]: item for item in stack.items("PLAYBOOK#hotel")}
    assert sorted(versions) == ["CURRENT", "V#00000001", "V#00000002"]
    brands = [Playbook.model_validate_json(zlib.decompress(versions[sk]["body"])).brand for sk in sorted(versions)]
    assert brands == ["Jadran", "Hotel Jadran", "Jadran"]
    assert versions["CURRENT"]["version"] == 2


def test_holidays_are_stored_as_dates_of_three_years(stack: Stack, files: Path) -> None:
    stack.push(files)
    body = zlib.decompress(stack.items("PLAYBOOK#hotel")[0]["body"])
    days = [holiday.date for holiday in Playbook.model_validate_json(body).hours[0].holiday_dates]
    assert {day.year for day in days} == {2026, 2027, 2028}
    assert date(2026, 12, 25) in days
    assert days == sorted(days)
    assert "updated: playbook hotel (version 2)" in map(str, stack.push(files, today=date(2027, 1, 1)))


def test_another_inbox_gets_a_queue_like_the_templates(stack: Stack, files: Path) -> None:
    stack.push(files)
    url = stack.sqs.get_queue_url(QueueName=f"{STACK}-human-sales")["QueueUrl"]
    attributes = stack.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["VisibilityTimeout"] == "90"
    assert json.loads(attributes["Policy"]) == _only_over_tls(attributes["QueueArn"])
    stack.sqs.set_queue_attributes(QueueUrl=stack.resources.human_queue_url, Attributes={"VisibilityTimeout": "120"})
    assert actions(stack.push(files))[f"human queue {STACK}-human-sales"] == "updated"
    attributes = stack.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["VisibilityTimeout"] == "120"


def test_a_missing_secret_leaves_the_stack_untouched(stack: Stack, files: Path) -> None:
    before = stack.everything()
    with pytest.raises(config.ConfigError, match="env:WA_TOKEN"):
        stack.push(files, environ={name: value for name, value in SECRETS.items() if name != "WA_TOKEN"})
    assert stack.everything() == before


def test_what_the_file_no_longer_names_is_listed_and_left_alone(stack: Stack, files: Path) -> None:
    stack.push(files)
    _take_out_sales(files)
    changes = stack.push(files)
    extra = {f"{change.what} {change.name}" for change in changes if change.action is Action.EXTRA}
    assert extra == {
        "account messenger 1234567890",
        "inbox sales",
        "permissions ivo@example.org",
        f"secret /{STACK}/token/messenger/1234567890",
    }
    assert len(stack.items("ACCOUNT")) == 3


def test_pruning_removes_what_the_file_no_longer_names_but_no_queue_and_no_pepper(stack: Stack, files: Path) -> None:
    stack.push(files)
    _take_out_sales(files)
    removed = [change for change in stack.push(files, prune=True) if change.action is Action.REMOVED]
    assert len(removed) == 4
    assert [item["sk"] for item in stack.items("INBOX")] == ["support"]
    assert [item["email"] for item in stack.items("AGENT")] == ["ana@example.org"]
    assert "pepper" in stack.parameters()
    assert stack.sqs.get_queue_url(QueueName=f"{STACK}-human-sales")
    assert {change.action for change in stack.push(files)} == {Action.UNCHANGED}


def test_a_local_stack_gets_the_address_of_the_fake_platforms(stack: Stack, files: Path) -> None:
    stack.push(files, api_bases={"whatsapp": "http://127.0.0.1:9"})
    bases = {item["sk"]: item.get("api_base") for item in stack.items("ACCOUNT")}
    assert bases["whatsapp#106540352242922"] == "http://127.0.0.1:9"
    assert bases["webchat#shop"] is None


def _take_out_sales(files: Path) -> None:
    kept = [line for line in files.read_text().splitlines() if "sales" not in line]
    files.write_text("\n".join(kept))


def test_push_wants_to_know_where_to(files: Path) -> None:
    result = CliRunner().invoke(app, ["config", "push", str(files)])
    assert result.exit_code == 2
    assert "--stack NAME" in result.stderr


def test_push_to_a_stack_that_is_not_there_ends_with_the_reason(
    files: Path, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", answers.url)
    error = "<Error><Code>ValidationError</Code><Message>Stack with id nowhere does not exist</Message></Error>"
    answers.tell(400, f"<ErrorResponse>{error}</ErrorResponse>")
    result = CliRunner().invoke(app, ["config", "push", str(files), "--stack", "nowhere"])
    assert result.exit_code == 2
    assert "Stack with id nowhere does not exist" in result.stderr


def test_push_to_the_local_stack_says_when_none_is_up(files: Path) -> None:
    result = CliRunner().invoke(app, ["config", "push", str(files), "--local"])
    assert result.exit_code == 2
    assert "start `afterhours run` first" in result.stderr

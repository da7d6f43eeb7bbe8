"""Makes the template's resources in an engine, through the engine's own CloudFormation, and resolves expressions.

Mended here is what ministack leaves out: TTL, and that a right to `sqs:SendMessage` holds for SendMessageBatch too.
A stack that a data directory has kept is updated, not made again.
"""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from afterhours_local.clients import Clients
from afterhours_local.process import Wait
from afterhours_local.template import Template

_BUSY = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
_GOOD = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


class StackFailed(RuntimeError):
    """The engine did not take the template."""


@dataclass(frozen=True)
class Made:
    """What exists now: physical ids by logical id, and the values of expressions."""

    ids: Mapping[str, str]
    _values: Mapping[str, str]

    def value(self, expression: Any) -> str:
        """What an expression of the template comes to."""
        return self._values[_key(expression)] if isinstance(expression, dict) else str(expression)


def make(template: Template, clients: Clients, *, stack_name: str, wait: Wait = time.sleep) -> Made:
    """Raises StackFailed."""
    expressions = {_key(each): each for each in _expressions(template) if isinstance(each, dict)}
    names = {key: f"Value{number}" for number, key in enumerate(sorted(expressions))}
    body = {
        "AWSTemplateFormatVersion": "2010-09-09",
        **template.sections,
        "Resources": _with_batch_actions(template.resources),
        "Outputs": {names[key]: {"Value": expression} for key, expression in expressions.items()},
    }
    outputs = _deploy(clients, stack_name, body, template.parameters, wait)
    made = clients.cloudformation.describe_stack_resources(StackName=stack_name)["StackResources"]
    ids = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in made}
    return Made(ids, {key: outputs[name] for key, name in names.items()})


def complete_tables(template: Template, clients: Clients, made: Made) -> None:
    """Set TTL; where another engine serves the tables, make them there first, under the same names."""
    wanted = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "LocalSecondaryIndexes")
    existing = clients.dynamodb.list_tables()["TableNames"]
    for name, table in template.of_type("AWS::DynamoDB::Table").items():
        if made.ids[name] not in existing:
            properties: dict[str, Any] = {key: table["Properties"][key] for key in wanted if key in table["Properties"]}
            clients.dynamodb.create_table(TableName=made.ids[name], BillingMode="PAY_PER_REQUEST", **properties)
    _set_ttl(template, clients, made.ids)


def empty(template: Template, clients: Clients, made: Made) -> None:
    """Delete every item, message and object; the tables, queues and buckets stay."""
    for name, table in template.of_type("AWS::DynamoDB::Table").items():
        _delete_items(clients, made.ids[name], [each["AttributeName"] for each in table["Properties"]["KeySchema"]])
    for name in template.of_type("AWS::SQS::Queue"):
        clients.sqs.purge_queue(QueueUrl=made.ids[name])
    for name in template.of_type("AWS::S3::Bucket"):
        for found in clients.s3.list_objects_v2(Bucket=made.ids[name]).get("Contents", []):
            clients.s3.delete_object(Bucket=made.ids[name], Key=found["Key"])


def _delete_items(clients: Clients, table: str, keys: list[str]) -> None:
    names = {f"#{number}": key for number, key in enumerate(keys)}
    pages = clients.dynamodb.get_paginator("scan").paginate(
        TableName=table, ProjectionExpression=",".join(names), ExpressionAttributeNames=names
    )
    with_keys = [item for page in pages for item in page["Items"]]
    for start in range(0, len(with_keys), 25):
        batch: Any = [{"DeleteRequest": {"Key": item}} for item in with_keys[start : start + 25]]
        clients.dynamodb.batch_write_item(RequestItems={table: batch})


def _key(expression: Any) -> str:
    return json.dumps(expression, sort_keys=True)


def _expressions(template: Template) -> Iterable[Any]:
    for function in template.functions.values():
        yield function.role
        yield from function.environment.values()
    for authorizer in template.authorizers.values():
        yield authorizer.issuer
        yield from authorizer.audience
    for source in template.queue_sources:
        yield {"Fn::GetAtt": [source.queue, "Arn"]}


_BATCHED = ("sqs:SendMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility")


def _with_batch_actions(value: Any) -> Any:
    """The same with the batch actions beside theirs, as names of their own, which they are to ministack alone."""
    if isinstance(value, list):
        return [_with_batch_actions(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    changed = {key: _with_batch_actions(each) for key, each in value.items()}
    if "Action" in changed:
        actions = changed["Action"] if isinstance(changed["Action"], list) else [changed["Action"]]
        changed["Action"] = [*actions, *(f"{action}Batch" for action in actions if action in _BATCHED)]
    return changed


def _deploy(
    clients: Clients, stack_name: str, body: Mapping[str, Any], parameters: Mapping[str, str], wait: Wait
) -> dict[str, str]:
    request: dict[str, Any] = {
        "StackName": stack_name,
        "TemplateBody": json.dumps(body),
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
    }
    engine = clients.cloudformation
    try:
        if _describe(clients, stack_name) is None:
            engine.create_stack(**request)
        else:
            engine.update_stack(**request)
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise StackFailed(f"the engine refused the template: {error}") from error
    deadline = time.monotonic() + 60
    while True:
        stack = _describe(clients, stack_name) or {"StackStatus": "missing"}
        if stack["StackStatus"] in _GOOD:
            return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
        if stack["StackStatus"] not in _BUSY or time.monotonic() > deadline:
            raise StackFailed(f"{stack_name} is {stack['StackStatus']}: {_reasons(clients, stack_name)}")
        wait(0.02)


def _describe(clients: Clients, stack_name: str) -> Any:
    try:
        return clients.cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def _reasons(clients: Clients, stack_name: str) -> str:
    events = clients.cloudformation.describe_stack_events(StackName=stack_name)["StackEvents"]
    failed = (each for each in events if each.get("ResourceStatus", "").endswith("FAILED"))
    return "; ".join(f"{each['LogicalResourceId']}: {each.get('ResourceStatusReason', '')}" for each in failed)


def _set_ttl(template: Template, clients: Clients, ids: Mapping[str, str]) -> None:
    for name, table in template.of_type("AWS::DynamoDB::Table").items():
        wanted = table["Properties"].get("TimeToLiveSpecification")
        if wanted is None:
            continue
        state = clients.dynamodb.describe_time_to_live(TableName=ids[name])["TimeToLiveDescription"]
        if state["TimeToLiveStatus"] in ("DISABLED", "DISABLING"):
            clients.dynamodb.update_time_to_live(TableName=ids[name], TimeToLiveSpecification=wanted)

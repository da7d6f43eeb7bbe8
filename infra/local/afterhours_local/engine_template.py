"""The part of a template that an engine of this machine makes: what holds data and rights."""

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

from afterhours_local.sam import Resource, TemplateError

# What an engine makes. Functions, their triggers and the API are played by the local stack itself.
_MADE_TYPES = frozenset(
    {
        "AWS::ApiGatewayV2::Api",  # as a name to refer to; its routes are ours
        "AWS::Cognito::UserPool",
        "AWS::Cognito::UserPoolClient",
        "AWS::Cognito::UserPoolDomain",
        "AWS::Cognito::UserPoolGroup",
        "AWS::Cognito::UserPoolResourceServer",
        "AWS::DynamoDB::Table",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::KMS::Key",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::Topic",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::Queue",
        "AWS::SQS::QueuePolicy",
        "AWS::SSM::Parameter",
    }
)


def made_locally(resources: Mapping[str, Resource]) -> dict[str, Resource]:
    """Those of the resources that an engine makes, fit for it. Raises TemplateError."""
    made = {name: copy.deepcopy(each) for name, each in resources.items() if each["Type"] in _MADE_TYPES}
    for name, resource in made.items():
        depends = resource.pop("DependsOn", [])
        kept = [each for each in ([depends] if isinstance(depends, str) else depends) if each in made]
        if kept:
            resource["DependsOn"] = kept
        if resource["Type"] == "AWS::ApiGatewayV2::Api":
            resource["Properties"] = {"Name": name, "ProtocolType": "HTTP"}
        if resource["Type"].endswith(("::QueuePolicy", "::BucketPolicy", "::TopicPolicy")):
            _allow_plain_http(resource["Properties"]["PolicyDocument"])
        for other in references(resource):
            if other in resources and other not in made:
                raise TemplateError(f"{name} refers to {other} ({resources[other]['Type']}), which is not made locally")
    return made


def _allow_plain_http(policy: dict[str, Any]) -> None:
    """Take out what refuses everything that does not come over TLS: the engine is on this machine, without it."""
    policy["Statement"] = [
        statement
        for statement in policy["Statement"]
        if statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport") != "false"
    ]


def references(value: Any) -> Iterator[str]:
    """The names that an expression, or anything holding expressions, refers to."""
    if isinstance(value, list):
        for each in value:
            yield from references(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key == "Ref":
                yield each
            elif key == "Fn::GetAtt":
                yield each[0] if isinstance(each, list) else each.split(".")[0]
            elif key == "Fn::Sub":
                text, names = (each[0], each[1]) if isinstance(each, list) else (each, {})
                yield from (name for name in re.findall(r"\$\{(\w+)[.}]", text) if name not in names)
                yield from references(names)
            else:
                yield from references(each)

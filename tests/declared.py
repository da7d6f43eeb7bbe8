"""What the agents' API says of itself, and whether an answer of it is one of those that it declares."""

import json
import re
from functools import cache
from typing import Any

import agent_api
from afterhours_local.http_event import HttpAnswer
from jsonschema import Draft202012Validator

Schema = dict[str, Any]


def description() -> Schema:
    return agent_api.description("https://sign-in.example", "afterhours/agent")


def undeclared(method: str, target: str, answer: HttpAnswer) -> str | None:
    """What the description does not know of this answer; None where all is as declared."""
    path = target.partition("?")[0]
    operation = operation_of(method, path)
    if operation is None:
        return None if answer.status == 404 else f"{method} {path} is not declared, and answers {answer.status}"
    declared = resolved(operation["responses"].get(str(answer.status)))
    if declared is None:
        return f"{operation['operationId']} answers {answer.status}: {answer.body[:300]!r}"
    media_type = dict(answer.headers).get("content-type", "")
    if "content" not in declared:
        return f"{operation['operationId']} {answer.status} has a body" if answer.body else None
    if media_type not in declared["content"]:
        return f"{operation['operationId']} {answer.status} is {media_type}"
    if "json" not in media_type:
        return None
    validator = _validator(json.dumps(declared["content"][media_type]["schema"]))
    wrong = [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(json.loads(answer.body))]
    return f"{operation['operationId']} {answer.status}: {'; '.join(wrong[:5])}" if wrong else None


def resolved(part: Schema | None) -> Schema | None:
    """The part itself, where it is a reference."""
    if part is None or "$ref" not in part:
        return part
    found = description()
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


@cache
def operation_of(method: str, path: str) -> Schema | None:
    paths = description()["paths"]
    for known in sorted(paths, key=lambda each: each.count("{")):
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", known), path) and method.lower() in paths[known]:
            return dict(paths[known][method.lower()])
    return None


@cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator({"components": description()["components"], **json.loads(schema)})

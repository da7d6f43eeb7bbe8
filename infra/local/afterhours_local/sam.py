"""template.yaml as text and after the SAM transform, which is the real one."""

import copy
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from afterhours_local.engine import REGION

Resource = dict[str, Any]


class TemplateError(ValueError):
    """The template says something that the local stack cannot play."""


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short tags as their long form."""


def _short_tag(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    if tag == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


_Loader.add_multi_constructor("!", _short_tag)


def load_yaml(path: Path) -> dict[str, Any]:
    document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506  a SafeLoader with tags
    # `Version: 2012-10-17` is a date to YAML 1.1, and a string to IAM.
    return _with_strings_for_dates(document)  # type: ignore[no-any-return]


def _with_strings_for_dates(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_strings_for_dates(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_strings_for_dates(each) for each in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


class _NoManagedPolicies:
    def load(self) -> dict[str, str]:
        return {}


def transformed(raw: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """The template after the SAM transform. Code stays where it is: the transform only wants an address in S3."""
    from samtranslator.public.exceptions import InvalidDocumentException  # type: ignore[import-untyped]
    from samtranslator.translator.transform import transform  # type: ignore[import-untyped]

    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it misses somebody to publish its metrics
    source = copy.deepcopy(dict(raw))
    source.get("Globals", {}).get("Function", {}).pop("CodeUri", None)
    for resource in source["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://local/code"
        elif resource["Type"] == "AWS::Serverless::LayerVersion":
            resource["Properties"]["ContentUri"] = "s3://local/code"
        resource.pop("Metadata", None)
    before = os.environ.get("AWS_DEFAULT_REGION")
    os.environ["AWS_DEFAULT_REGION"] = REGION  # it asks boto3 which partition it is in
    try:
        return transform(source, dict(parameters), _NoManagedPolicies())  # type: ignore[no-any-return]
    except InvalidDocumentException as error:
        raise TemplateError(f"{error.message} {'; '.join(cause.message for cause in error.causes)}") from error
    finally:
        del os.environ["AWS_DEFAULT_REGION"]
        if before is not None:
            os.environ["AWS_DEFAULT_REGION"] = before

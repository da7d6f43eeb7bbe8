"""Requests to DynamoDB written as the rules they keep: expressions with #names and :values, plain Python values."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer

Item = dict[str, Any]

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def to_item(values: Mapping[str, Any]) -> Item:
    """Plain values to DynamoDB's; None is left out, tuples become lists."""
    return {name: _serialize(list(v) if isinstance(v, tuple) else v) for name, v in values.items() if v is not None}


def from_item(item: Item) -> Item:
    """DynamoDB's values to plain ones: whole numbers as int, binary as bytes."""
    return {name: _plain(_deserialize(value)) for name, value in item.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, Binary):
        raw: Any = value  # the stubs of Binary leave its one attribute out
        return bytes(raw.value)
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    return value


def expression(*, values: Mapping[str, Any], **clauses: str | None) -> Item:
    """Request parameters from clauses such as `UpdateExpression="SET #a = :a"`; names are read off the clauses."""
    given = {clause: text for clause, text in clauses.items() if text}
    names = {name for text in given.values() for name in re.findall(r"#(\w+)", text)}
    return {
        **given,
        **({"ExpressionAttributeNames": {f"#{name}": name for name in sorted(names)}} if names else {}),
        **({"ExpressionAttributeValues": to_item({f":{n}": v for n, v in values.items()})} if values else {}),
    }


def assignments(changes: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """`SET` and `REMOVE` for a mapping of attributes, None meaning remove; the values under the same names."""
    sets = [f"#{name} = :{name}" for name, value in changes.items() if value is not None]
    removes = [f"#{name}" for name, value in changes.items() if value is None]
    text = " ".join(
        part for part in (sets and "SET " + ", ".join(sets), removes and "REMOVE " + ", ".join(removes)) if part
    )
    return text, {name: value for name, value in changes.items() if value is not None}

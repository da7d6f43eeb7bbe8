"""The optional second engine: its tables are the template's, everything else stays with ministack."""

from pathlib import Path

import pytest
from afterhours_local.stack import LocalStack

SMALL = Path(__file__).parent / "small" / "template.yaml"


@pytest.mark.oracle
def test_the_tables_are_made_there_and_the_functions_use_them():
    said = []
    with LocalStack(
        SMALL, serve=False, engine="dynamodb-local", on_event=lambda what, details: said.append(details)
    ) as stack:
        assert stack.environment["AWS_ENDPOINT_URL_DYNAMODB"] == stack.dynamodb_url != stack.engine.url
        stack.clients.sqs.send_message(QueueUrl=stack.outputs["Work"], MessageBody="one")
        assert stack.drain()
        items = stack.clients.dynamodb.scan(TableName=stack.outputs["Things"])["Items"]
        assert [item["pk"]["S"] for item in items] == ["one"]
        described = stack.clients.dynamodb.describe_table(TableName=stack.outputs["Things"])["Table"]
        assert [index["IndexName"] for index in described["GlobalSecondaryIndexes"]] == ["by_owner"]
    assert any("licence" in detail.get("text", "") for detail in said)
    assert any("every address" in detail.get("text", "") for detail in said)

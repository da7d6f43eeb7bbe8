"""A clock that stands still and the resources of one stack, for the fixtures of conftest."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from afterhours import settings
from afterhours.stores import aws

PEPPER = "5a" * 32
STACK = "afterhours-test"


class Clock:
    """Time stands still until it is told to go on."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(datetime(2026, 3, 4, 10, 0, tzinfo=UTC))  # a Wednesday

    @property
    def ms(self) -> int:
        return settings.now_ms()

    def set(self, moment: datetime) -> None:
        self._file.write_text(f"={int(moment.timestamp() * 1000)}", encoding="ascii")

    def advance(self, span: timedelta | float) -> None:
        """By a time span, or by seconds."""
        self.set(settings.now() + (span if isinstance(span, timedelta) else timedelta(seconds=span)))


class Backend:
    """The resources of one stack, and what is in them."""

    def __init__(self) -> None:
        self._clients = {name: aws.client(name) for name in ("sqs", "ssm", "s3", "dynamodb")}
        self.inbound_url = self._queue("inbound")
        self.human_url = self._queue("human-support")
        self.bucket = f"{STACK}-overflow"
        self._clients["s3"].create_bucket(
            Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        work = "owner lease_until kept_for kept_until status due_at warn_at urgent_at sla_stage inbox"
        self._table("threads", work=work.split(), agenda=["status", "inbox", "due_at", "contact_name"])
        self._table("config")
        self.put_parameter("pepper", PEPPER)

    def put_app(self, source: str, app: str, **record: Any) -> None:
        self.put_parameter(f"app/{source}/{app}", json.dumps(record))

    def put_parameter(self, name: str, value: str) -> None:
        self._clients["ssm"].put_parameter(Name=f"/{STACK}/{name}", Value=value, Type="SecureString", Overwrite=True)

    def delete_parameter(self, name: str) -> None:
        self._clients["ssm"].delete_parameter(Name=f"/{STACK}/{name}")

    def inbound(self) -> list[dict[str, Any]]:
        """Take everything off the inbound queue."""
        return self.taken(self.inbound_url)

    def taken(self, queue_url: str) -> list[dict[str, Any]]:
        """Take everything off a queue; a standard queue keeps no order."""
        return [json.loads(body) for body in self.bodies(queue_url)]

    def bodies(self, queue_url: str) -> list[str]:
        """The same as it was sent."""
        sqs, found = self._clients["sqs"], []
        while messages := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(message["Body"])
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def overflow(self) -> dict[str, bytes]:
        """What the overflow bucket holds, by key."""
        s3 = self._clients["s3"]
        keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])]
        return {key: s3.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in keys}

    def _queue(self, name: str) -> str:
        url = self._clients["sqs"].create_queue(QueueName=f"{STACK}-{name}", Attributes={"VisibilityTimeout": "180"})
        return str(url["QueueUrl"])

    def _table(self, name: str, **indexes: list[str]) -> None:
        keys = ["pk", "sk", *(f"{index}_{part}" for index in indexes for part in ("pk", "sk"))]
        sparse = [
            {
                "IndexName": index,
                "KeySchema": _key_schema(f"{index}_pk", f"{index}_sk"),
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": included},
            }
            for index, included in indexes.items()
        ]
        self._clients["dynamodb"].create_table(
            TableName=f"{STACK}-{name}",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=_key_schema("pk", "sk"),
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            **({"GlobalSecondaryIndexes": sparse} if sparse else {}),
        )


def _key_schema(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]

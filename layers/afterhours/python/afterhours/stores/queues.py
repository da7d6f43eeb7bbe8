"""The queues and the overflow bucket.

inbound   {"v":1,"type":"event"|"raw"|"overflow"|"outbound",…}, ASCII JSON, at most 200 KB
human     a doorbell {"v":1,"inbox":…,"pk":…}: ids only
overflow  `<source>/<yyyy>/<mm>/<dd>/<sha256>`: what is too large for a queue, kept 14 days
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from afterhours import settings
from afterhours.stores import aws

BATCH_ENTRIES = 10
BATCH_BYTES = 1024 * 1024
MAX_DELAY_S = 43_000  # SQS counts its 12 hours from the receipt, not from now


class NotEnqueued(Exception):
    """AWS did not say that it has the message: it may be tried again, and must not be acknowledged."""


class Bell(NamedTuple):
    """A doorbell taken from a human queue."""

    inbox: str
    pk: str
    handle: str


def send_inbound(messages: list[str]) -> None:
    """Put ASCII messages on the inbound queue. Raises NotEnqueued unless SQS names every one as accepted."""
    for batch in _batches(messages):
        if rest := _send_batch(batch):
            rest = _send_batch(rest)
        if rest:
            raise NotEnqueued(f"{len(rest)} of {len(batch)} messages")


def enqueue_outbound(pk: str, sk: str) -> None:
    """Put the key of a composed message on the inbound queue. Raises NotEnqueued."""
    _send(settings.load().inbound_queue_url, {"v": 1, "type": "outbound", "pk": pk, "sk": sk})


def ring(queue_url: str, inbox: str, pk: str) -> None:
    """Put a doorbell on a human queue. Raises NotEnqueued."""
    _send(queue_url, {"v": 1, "inbox": inbox, "pk": pk})


def receive_bell(queue_url: str, wait_s: int) -> Bell | None:
    """Take one doorbell, waiting at most `wait_s` (5 s or less); None when there is none. An unreadable one is removed:
    the sweeper rings again for whatever it stood for."""
    answer = aws.client("sqs", read_timeout_s=8, attempts=1).receive_message(
        QueueUrl=queue_url, MaxNumberOfMessages=1, WaitTimeSeconds=wait_s
    )
    for message in answer.get("Messages", []):
        handle = str(message["ReceiptHandle"])
        try:
            body = json.loads(message["Body"])
            return Bell(inbox=str(body["inbox"]), pk=str(body["pk"]), handle=handle)
        except (ValueError, TypeError, KeyError):
            delete_bell(queue_url, handle)
    return None


def delete_bell(queue_url: str, handle: str) -> None:
    _sqs().delete_message(QueueUrl=queue_url, ReceiptHandle=handle)


def return_bell(queue_url: str, handle: str) -> None:
    """Make a taken doorbell visible again."""
    delay(queue_url, handle, 0)


def delay(queue_url: str, handle: str, seconds: int) -> None:
    """Hide a message that we hold for so long from now, at most some 12 hours."""
    timeout = min(max(seconds, 0), MAX_DELAY_S)
    _sqs().change_message_visibility(QueueUrl=queue_url, ReceiptHandle=handle, VisibilityTimeout=timeout)


def depth(queue_url: str) -> int:
    """All messages of a queue, about: visible, in flight and delayed."""
    names = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ]
    answer = _sqs().get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
    return sum(int(answer["Attributes"][name]) for name in names)


def put_overflow(key: str, body: bytes) -> None:
    """Keep what is too large for a queue. Raises NotEnqueued."""
    try:
        answer = aws.client("s3").put_object(
            Bucket=settings.load().overflow_bucket, Key=key, Body=body, ContentType="application/json"
        )
    except (BotoCoreError, ClientError) as error:
        raise NotEnqueued("overflow") from error
    if not answer.get("ETag"):
        raise NotEnqueued("overflow")


def get_overflow(key: str) -> bytes:
    """What was kept under the key; botocore's error says that it is gone or out of reach."""
    answer = aws.client("s3").get_object(Bucket=settings.load().overflow_bucket, Key=key)
    return bytes(answer["Body"].read())


def _sqs() -> Any:
    return aws.client("sqs", read_timeout_s=2, attempts=2)  # within the webhook's 8 s


def _batches(messages: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for message in messages:
        if batch and (len(batch) == BATCH_ENTRIES or size + len(message) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += len(message)
    if batch:
        yield batch


def _send_batch(batch: list[str]) -> list[str]:
    """Send once; what SQS does not name as accepted comes back."""
    entries = [{"Id": str(number), "MessageBody": message} for number, message in enumerate(batch)]
    try:
        answer = _sqs().send_message_batch(QueueUrl=settings.load().inbound_queue_url, Entries=entries)
    except (BotoCoreError, ClientError) as error:
        raise NotEnqueued(f"{len(batch)} messages") from error
    accepted = {entry["Id"] for entry in answer.get("Successful", []) if entry.get("MessageId")}
    return [message for number, message in enumerate(batch) if str(number) not in accepted]


def _send(queue_url: str, body: dict[str, Any]) -> None:
    try:
        answer = _sqs().send_message(QueueUrl=queue_url, MessageBody=json.dumps(body, separators=(",", ":")))
    except (BotoCoreError, ClientError) as error:
        raise NotEnqueued("1 message") from error
    if not answer.get("MessageId"):  # botocore takes an answer cut inside its headers for an empty 200
        raise NotEnqueued("1 message")

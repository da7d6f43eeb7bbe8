"""SQS event sources: what Lambda's poller does between a queue and a function.

Messages of a good batch are deleted; those a function reports as failed, and all of a batch that raised, stay and
come back after their visibility time-out, which the function itself may have moved.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from afterhours_local.engine import REGION
from afterhours_local.executors import FunctionError, Invoke
from afterhours_local.notices import Say
from afterhours_local.template import QueueSource

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

_LONG_POLL_S = 1
_COUNTS: "list[QueueAttributeNameType]" = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
]


class Poller:
    """One event source. `sqs` is asked each time, so that credentials may change."""

    def __init__(
        self,
        source: QueueSource,
        *,
        queue_url: str,
        queue_arn: str,
        sqs: Callable[[], "SQSClient"],
        invoke: Invoke,
        say: Say,
        threads: int = 4,
    ) -> None:
        self._source = source
        self._queue_url = queue_url
        self._queue_arn = queue_arn
        self._sqs = sqs
        self._invoke = invoke
        self._say = say
        self._threads = [
            threading.Thread(target=self._run, name=f"poll-{source.queue}-{number}", daemon=True)
            for number in range(min(threads, source.concurrency))
        ]
        self._stopping = threading.Event()
        self._idle = threading.Condition()
        self._busy = 0
        self._kept: list[str] = []  # receipt handles of messages that failed

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, *, within_s: float = 10.0) -> None:
        """Take nothing more, and wait for what is being handled. A thread that waits for a message may still wait."""
        self._stopping.set()
        with self._idle:
            self._idle.wait_for(lambda: self._busy == 0, within_s)

    def handle_once(self, *, wait_s: int = 0) -> int:
        """Receive one batch and handle it; how many messages it had."""
        answer = self._sqs().receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=min(self._source.batch_size, 10),
            WaitTimeSeconds=wait_s,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages: list[Any] = list(answer.get("Messages", []))
        if not messages:
            return 0
        with self._idle:
            if self._stopping.is_set():
                self._show_again([each["ReceiptHandle"] for each in messages])
                return 0
            self._busy += 1
        try:
            self._handle(messages)
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()
        return len(messages)

    def redeliver(self) -> int:
        """Show the messages that failed at once, instead of after their time-out; how many there were."""
        kept, self._kept = self._kept, []
        self._show_again(kept)
        return len(kept)

    def is_empty(self) -> bool:
        """Nothing visible, in flight or delayed."""
        counts = self._sqs().get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=_COUNTS)["Attributes"]
        return not any(map(int, counts.values()))

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.handle_once(wait_s=_LONG_POLL_S)
            except (BotoCoreError, ClientError) as error:
                if not self._stopping.is_set():
                    self._say("poll_failed", {"queue": self._source.queue, "error": str(error)})
                    self._stopping.wait(1.0)

    def _handle(self, messages: Sequence[Any]) -> None:
        event = {"Records": [self._record(each) for each in messages]}
        try:
            result = self._invoke(self._source.function, event)
        except FunctionError as error:
            self._say("failed", {"function": self._source.function, "error": str(error)})
            failed = {each["MessageId"] for each in messages}
        else:
            failed = self._failed(result, messages)
        self._kept += [each["ReceiptHandle"] for each in messages if each["MessageId"] in failed]
        for each in messages:
            if each["MessageId"] not in failed:
                self._sqs().delete_message(QueueUrl=self._queue_url, ReceiptHandle=each["ReceiptHandle"])

    def _failed(self, result: Any, messages: Sequence[Any]) -> set[str]:
        """The ids that the function reports. A report that cannot be understood fails the whole batch."""
        everything = {each["MessageId"] for each in messages}
        if not self._source.partial_failures or not result:
            return set()
        try:
            reported = {each["itemIdentifier"] for each in result.get("batchItemFailures") or ()}
        except (AttributeError, KeyError, TypeError):
            return everything
        return reported if reported <= everything else everything

    def _record(self, received: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "messageId": received["MessageId"],
            "receiptHandle": received["ReceiptHandle"],
            "body": received["Body"],
            "attributes": received["Attributes"],
            "messageAttributes": {
                name: {
                    "stringValue": value.get("StringValue"),
                    "stringListValues": [],
                    "binaryListValues": [],
                    "dataType": value["DataType"],
                }
                for name, value in received.get("MessageAttributes", {}).items()
            },
            "md5OfBody": received["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self._queue_arn,
            "awsRegion": REGION,
        }

    def _show_again(self, handles: Sequence[str]) -> None:
        for handle in handles:
            try:
                self._sqs().change_message_visibility(
                    QueueUrl=self._queue_url, ReceiptHandle=handle, VisibilityTimeout=0
                )
            except ClientError as error:
                # It is visible already, or has moved to the dead-letter queue.
                self._say("not_shown", {"queue": self._source.queue, "error": str(error)})

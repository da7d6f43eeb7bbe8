"""The queues and the bucket: what counts as sent, and what a doorbell does."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from afterhours.stores import queues
from backend import Backend
from botocore.exceptions import ClientError, EndpointConnectionError
from counting import answered, counted, failing

SEND_ONE, SEND_MANY = "sqs.SendMessage", "sqs.SendMessageBatch"


def down() -> Exception:
    return EndpointConnectionError(endpoint_url="https://sqs.invalid")


def messages(number: int, size: int = 20) -> list[str]:
    return [json.dumps({"n": n, "x": "x" * size}) for n in range(number)]


def refuse(*numbers: str) -> Callable[[dict[str, Any]], None]:
    def change(parsed: dict[str, Any]) -> None:
        refused = [entry for entry in parsed["Successful"] if entry["Id"] in numbers]
        parsed["Successful"] = [entry for entry in parsed["Successful"] if entry["Id"] not in numbers]
        parsed["Failed"] = [{"Id": entry["Id"], "SenderFault": False, "Code": "InternalError"} for entry in refused]

    return change


@pytest.mark.parametrize(("number", "batches"), [(0, 0), (1, 1), (10, 1), (11, 2), (100, 10)])
def test_ten_messages_are_one_request(aws: Backend, number: int, batches: int) -> None:
    with counted() as calls:
        queues.send_inbound(messages(number))
    assert calls[SEND_MANY] == batches
    assert sorted(message["n"] for message in aws.inbound()) == list(range(number))


def test_a_batch_is_a_mebibyte_at_most(aws: Backend) -> None:
    with counted() as calls:
        queues.send_inbound(messages(9, size=204_000))
    assert calls == {SEND_MANY: 2}
    assert len(aws.inbound()) == 9


def test_a_batch_may_be_a_mebibyte_exactly(aws: Backend) -> None:
    quarter = 256 * 1024
    with counted() as calls:
        queues.send_inbound(["x" * quarter] * 4)
        queues.send_inbound(["x" * quarter] * 3 + ["x" * (quarter + 1)])
    assert calls == {SEND_MANY: 3}


def test_what_failed_is_sent_once_more_and_nothing_else(aws: Backend) -> None:
    with counted() as calls, answered(SEND_MANY, refuse("1", "3"), times=1):
        queues.send_inbound(messages(5))
    assert calls == {SEND_MANY: 2}
    assert sorted(message["n"] for message in aws.inbound()) == [0, 1, 1, 2, 3, 3, 4]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(refuse("0"), id="failed twice"),
        pytest.param(lambda parsed: parsed.clear(), id="an empty answer"),
        pytest.param(lambda parsed: parsed["Successful"][0].pop("MessageId"), id="no MessageId"),
        pytest.param(lambda parsed: parsed["Successful"].pop(), id="not mentioned"),
    ],
)
def test_what_is_not_named_as_accepted_is_not_enqueued(aws: Backend, change: Callable[[dict[str, Any]], None]) -> None:
    with answered(SEND_MANY, change), pytest.raises(queues.NotEnqueued):
        queues.send_inbound(messages(1))


def test_a_queue_out_of_reach_is_not_enqueued(aws: Backend) -> None:
    with failing(SEND_MANY, down), pytest.raises(queues.NotEnqueued):
        queues.send_inbound(messages(1))
    with failing(SEND_ONE, down), pytest.raises(queues.NotEnqueued):
        queues.enqueue_outbound("T#x", "E#y")
    with failing(SEND_ONE, down), pytest.raises(queues.NotEnqueued):
        queues.ring(aws.human_url, "support", "T#x")


@pytest.mark.parametrize("change", [lambda parsed: parsed.clear(), lambda parsed: parsed.pop("MessageId")])
def test_one_message_without_a_message_id_is_not_enqueued(
    aws: Backend, change: Callable[[dict[str, Any]], None]
) -> None:
    with answered(SEND_ONE, change), pytest.raises(queues.NotEnqueued):
        queues.ring(aws.human_url, "support", "T#x")


def test_an_outbound_key_travels_on_the_inbound_queue(aws: Backend) -> None:
    queues.enqueue_outbound("T#webchat#shop#abc", "E#1#O#2")
    assert aws.inbound() == [{"v": 1, "type": "outbound", "pk": "T#webchat#shop#abc", "sk": "E#1#O#2"}]


def test_a_doorbell_holds_ids_and_is_hidden_from_others_until_it_is_returned(aws: Backend) -> None:
    queues.ring(aws.human_url, "support", "T#webchat#shop#abc")
    bell = queues.receive_bell(aws.human_url, 0)
    assert bell is not None
    assert (bell.inbox, bell.pk) == ("support", "T#webchat#shop#abc")
    assert queues.receive_bell(aws.human_url, 0) is None
    queues.return_bell(aws.human_url, bell.handle)
    again = queues.receive_bell(aws.human_url, 0)
    assert again is not None
    queues.delete_bell(aws.human_url, again.handle)
    assert queues.depth(aws.human_url) == 0


@pytest.mark.parametrize("body", ["ring", "[]", "1", '{"v":1}'])
def test_a_doorbell_that_cannot_be_read_is_removed(aws: Backend, body: str) -> None:
    queues._sqs().send_message(QueueUrl=aws.human_url, MessageBody=body)
    assert queues.receive_bell(aws.human_url, 0) is None
    assert queues.depth(aws.human_url) == 0


def test_the_depth_counts_visible_hidden_and_delayed_by_one_request(aws: Backend) -> None:
    for number in range(3):
        queues.ring(aws.human_url, "support", f"T#{number}")
    queues._sqs().send_message(QueueUrl=aws.human_url, MessageBody="{}", DelaySeconds=600)
    queues.receive_bell(aws.human_url, 0)
    with counted() as calls:
        assert queues.depth(aws.human_url) == 4
    assert calls == {"sqs.GetQueueAttributes": 1}


@pytest.mark.parametrize("seconds", [-5, 0, 10, 43_200, 1_000_000])
def test_a_delay_is_never_out_of_what_sqs_takes(aws: Backend, seconds: int) -> None:
    queues.ring(aws.human_url, "support", "T#x")
    bell = queues.receive_bell(aws.human_url, 0)
    assert bell is not None
    queues.delay(aws.human_url, bell.handle, seconds)
    assert (queues.receive_bell(aws.human_url, 0) is None) == (seconds > 0)


def test_an_overflow_comes_back_as_it_was_put(aws: Backend) -> None:
    queues.put_overflow("meta/2026/03/04/abc", b'{"v":1}')
    assert queues.get_overflow("meta/2026/03/04/abc") == b'{"v":1}'


def test_an_overflow_that_is_gone_is_botocores_error(aws: Backend) -> None:
    with pytest.raises(ClientError):
        queues.get_overflow("meta/2026/03/04/none")


@pytest.mark.parametrize("change", [lambda parsed: parsed.clear(), lambda parsed: parsed.pop("ETag")])
def test_an_overflow_without_an_answer_is_not_enqueued(aws: Backend, change: Callable[[dict[str, Any]], None]) -> None:
    with answered("s3.PutObject", change), pytest.raises(queues.NotEnqueued):
        queues.put_overflow("meta/2026/03/04/abc", b"{}")

"""The mail function: notices of SES through the queue in, events on the inbound queue out."""

import json
from pathlib import Path
from typing import Any

import mail
import pytest
from afterhours import settings
from afterhours.stores import aws as clients
from backend import Backend

ROOT = Path(__file__).resolve().parents[1]
TOPIC, BUCKET = "arn:aws:sns:eu-central-1:123456789012:afterhours-mail", "afterhours-mails"
EVENT = json.loads((ROOT / "events/lambda/sqs-mail.json").read_text(encoding="utf-8"))
KEY = "mail/o3vrnil0e2ic28trm7dfhrc2v0clambda4nbp0g1"
FAILED = {"batchItemFailures": [{"itemIdentifier": EVENT["Records"][0]["messageId"]}]}
DONE: dict[str, Any] = {"batchItemFailures": []}


@pytest.fixture
def mails(aws: Backend, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of S3 in an account with the bucket of the mails."""
    monkeypatch.setenv("MAIL_TOPIC", TOPIC)
    monkeypatch.setenv("MAIL_BUCKET", BUCKET)
    settings.load.cache_clear()
    s3 = clients.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=(ROOT / "events/email/question.eml").read_bytes())
    return s3


def spoilt(**fields: Any) -> dict[str, Any]:
    [record] = EVENT["Records"]
    return {"Records": [{**record, "body": json.dumps({**json.loads(record["body"]), **fields})}]}


def of_action(**fields: Any) -> dict[str, Any]:
    """The notice with another place of the mail."""
    notice = json.loads(json.loads(EVENT["Records"][0]["body"])["Message"])
    notice["receipt"]["action"] |= fields
    return spoilt(Message=json.dumps(notice))


def test_a_notice_becomes_an_event_with_what_was_said(mails: Any, aws: Backend) -> None:
    assert mail.lambda_handler(EVENT, None) == DONE
    [message] = aws.inbound()
    assert {name: message[name] for name in ("v", "type", "source", "app")} == {
        "v": 1, "type": "event", "source": "email", "app": "ses"
    }  # fmt: skip
    piece = message["piece"]
    assert (piece["recipient"], piece["envelope"], piece["from_name"]) == (
        "support@hotel.example",
        "joerg@customer.example",
        "J\u00f6rg",
    )
    assert piece["text"] == "Guten Tag, gibt es einen Parkplatz f\u00fcr Busse?"
    assert piece["key"] == KEY


def test_the_text_in_front_of_a_huge_mail_is_read(mails: Any, aws: Backend) -> None:
    body = (ROOT / "events/email/question.eml").read_bytes()
    mails.put_object(Bucket=BUCKET, Key=KEY, Body=body.replace(b"--alt--", b"") + b"x" * 12_000_000)
    assert mail.lambda_handler(EVENT, None) == DONE
    [message] = aws.inbound()
    assert message["piece"]["text"].startswith("Guten Tag")


def test_a_mail_that_the_notice_itself_carries_lies_nowhere(mails: Any, aws: Backend) -> None:
    notice = json.loads(json.loads(EVENT["Records"][0]["body"])["Message"])
    notice["content"] = (ROOT / "events/email/question.eml").read_text(encoding="utf-8")
    assert mail.lambda_handler(spoilt(Message=json.dumps(notice)), None) == DONE
    [message] = aws.inbound()
    assert (message["piece"]["key"], message["piece"]["from_name"]) == (None, "J\u00f6rg")


def test_a_mail_that_is_not_there_yet_comes_back(mails: Any, aws: Backend) -> None:
    mails.delete_object(Bucket=BUCKET, Key=KEY)
    assert mail.lambda_handler(EVENT, None) == FAILED
    assert aws.inbound() == []


def test_what_cannot_be_enqueued_comes_back(mails: Any, aws: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INBOUND_QUEUE_URL", aws.inbound_url + "-gone")
    settings.load.cache_clear()
    assert mail.lambda_handler(EVENT, None) == FAILED


def test_a_notice_of_another_topic_is_dropped(mails: Any, aws: Backend) -> None:
    assert mail.lambda_handler(spoilt(TopicArn=TOPIC + "-of-others"), None) == DONE
    assert aws.inbound() == []


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"bucketName": "of-others"},
        {"objectKey": "overflow/x"},
        {"objectKey": None},
        {"objectKey": "mail/" + "x" * 1024},
    ],
)
def test_a_mail_in_another_place_is_not_read_and_not_lost(mails: Any, aws: Backend, elsewhere: dict[str, Any]) -> None:
    assert mail.lambda_handler(of_action(**elsewhere), None) == DONE
    [message] = aws.inbound()
    assert message["piece"].keys() == {"notice"}


@pytest.mark.parametrize("message", ["Hello from SNS!", "[]", '{"notificationType":"Bounce"}', "", None])
def test_what_is_no_mail_is_passed_over(mails: Any, aws: Backend, message: str | None) -> None:
    assert mail.lambda_handler(spoilt(Message=message), None) == DONE
    assert aws.inbound() == []

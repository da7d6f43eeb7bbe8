"""Mails that SES took in: a notice of the topic, through a queue, becomes events on the inbound queue (DESIGN 3.1).

The mail lies in its bucket and stays there; the event says where, and which files it has. Everything may arrive twice:
the worker knows an event by SES's own id. Loads neither pydantic nor requests.
"""

import json
from typing import Any

from afterhours import settings
from afterhours.channels import email_source, untrusted
from afterhours.channels.contract import MalformedPayload
from afterhours.counts import count
from afterhours.stores import mails, queues
from aws_lambda_powertools import Logger

logger = Logger(service="mail")


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    failures = []
    for record in event["Records"]:
        try:
            _receive(record["body"])
        except Exception:
            logger.exception("failed")  # whatever it was, the notice comes back, in the end to the dead-letter queue
            count("mail", "Failed")
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def _receive(body: str) -> None:
    """One notice. Raises whatever AWS raises, NotEnqueued."""
    envelope = _loaded(body)
    if envelope.get("TopicArn") != settings.load().mail_topic:
        logger.warning("refused", extra={"reason": "topic"})
        count("mail", "Refused")
        return
    message = untrusted.text(envelope.get("Message")) or ""
    notice = _loaded(message)
    kind = notice.get("notificationType")
    if kind != "Received" or untrusted.mapping(notice.get("mail")).get("messageId") == email_source.SETUP:
        logger.info("not a mail", extra={"kind": kind if kind in ("Bounce", "Complaint", "Delivery") else "other"})
        return
    common = {"v": 1, "source": "email", "app": email_source.APP, "received_ms": settings.now_ms()}
    try:
        content = email_source.content_of(notice)
        key = _key(notice) if content is None else None
        pieces = email_source.pieces(notice, mails.whole(key) if key else content, key)
        messages = [{**common, "type": "event", "piece": piece} for piece in pieces]
    except MalformedPayload:
        logger.warning("malformed")
        count("mail", "Malformed")
        messages = [{**common, "type": "event", "piece": {"notice": message[:100_000]}}]
    queues.send_inbound([json.dumps(each, separators=(",", ":")) for each in messages])
    logger.info("received", extra={"events": len(messages)})
    count("mail", "Received", len(messages))


def _loaded(text: str) -> dict[str, Any]:
    """Empty where it is no object of JSON."""
    try:
        return untrusted.mapping(untrusted.loads(text.encode("utf-8", "surrogatepass")))
    except MalformedPayload:
        return {}


def _key(notice: dict[str, Any]) -> str:
    """Where the mail lies. Raises MalformedPayload for one that is not in our bucket."""
    action = untrusted.mapping(untrusted.mapping(notice.get("receipt")).get("action"))
    key = untrusted.identifier(action.get("objectKey")) or ""
    if action.get("bucketName") != settings.load().mail_bucket or not key.startswith(mails.PREFIX):
        raise MalformedPayload("a mail that is not in our bucket")
    return key

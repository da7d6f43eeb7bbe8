"""One message of the inbound queue per invocation: normalise, decide, commit, ring, send, record (DESIGN 3.2).

Everything may arrive twice and out of order; the table decides. What cannot go on now raises RetryLater and
comes back through the message's visibility, never by being sent again to our own queue. `answering` is the way of what
customers say, `merging` holds what is stored without an answer, `sends` what leaves.
"""

import json
from typing import Any

import merging
import sends
from afterhours import settings
from afterhours.counts import count
from afterhours.stores import queues
from afterhours.stores.threads import HeadMoved, inbound_key, thread_name
from answering import Answering, Unplaced, placed
from aws_lambda_powertools import Logger
from sends import RetryLater

logger = Logger(service="worker")


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    failures = []
    for record in event["Records"]:
        try:
            handle(json.loads(record["body"]), int(record["attributes"]["ApproximateReceiveCount"]))
        except (RetryLater, HeadMoved) as busy:
            later = busy if isinstance(busy, RetryLater) else RetryLater(1, "thread is busy")
            logger.info("waits", extra={"reason": str(later), "seconds": later.seconds})
            queues.delay(settings.load().inbound_queue_url, record["receiptHandle"], later.seconds)
            failures.append({"itemIdentifier": record["messageId"]})
        except Exception:
            logger.exception("failed")  # whatever it was, the message comes back, in the end to the DLQ
            count("worker", "Failed")
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def handle(message: dict[str, Any], receives: int) -> None:
    """One queue message. Raises RetryLater when it has to come back."""
    if message.get("v") != 1:
        raise ValueError(f"queue message of version {message.get('v')!r}")
    if message["type"] == "overflow":
        message = {**json.loads(queues.get_overflow(message["key"])), "key": message["key"]}
    if message["type"] == "outbound":
        sends.send_composed(message["pk"], message["sk"], receives)
    elif message["type"] == "raw":
        merging.quarantine(message, "not_understood")
    else:
        _receive(message, receives)


def _receive(message: dict[str, Any], receives: int) -> None:
    try:
        event, place = placed(message)
    except Unplaced as unplaced:
        merging.quarantine(message, str(unplaced))
        return
    event = merging.recognised(event, place)
    try:
        if event.kind in merging.MERGED or event.standby:
            merging.merge(event, place)
        elif not event.contact_ids:
            merging.quarantine(message, "no_contact")
        else:
            Answering(merging.tapped(event, place), place, receives).run()
    except merging.Erased as erased:
        sk = inbound_key(event.key_ms, event.event_id)
        logger.info("erased", extra={"thread_id": thread_name(str(erased)), "event": sk})
        count("worker", "Erased")

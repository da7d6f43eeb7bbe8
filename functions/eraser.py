"""POST /api/threads/{thread}/erase {"confirm"}: an admin of the inbox has a customer's thread erased.

The one function that may delete. What is left is a tombstone, which keeps redeliveries out, and a line of hashed ids in
the log of erasures, for the day on which the table is restored. The same request again gives the same answer.
"""

from http import HTTPStatus
from typing import Any, Protocol

import access
from access import Problem
from afterhours import settings
from afterhours.counts import count
from afterhours.models import ThreadHead
from afterhours.stores import aws, config, mails
from afterhours.stores.erasure import Erasing, Unfinished
from afterhours.stores.threads import HeadMoved, Threads, Tombstone, thread_name
from afterhours.timeline import ticket_number
from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError
from calls import Call, EraseBody, Response, answer, refused
from pydantic import ValidationError

logger = Logger(service="eraser")

LAST_MS = 6000  # a transaction with its retries ends within

NOT_CONFIRMED = Problem(
    HTTPStatus.BAD_REQUEST, "not_confirmed", "Repeat the thread's id or its ticket number in `confirm`; it is for ever."
)
UNFINISHED = Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unfinished", "There is more to erase. Send the same again.")
OUT_OF_REACH = Problem(
    HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "The service is out of reach. Send the same again until it is done."
)


class Context(Protocol):
    """What is asked of Lambda's."""

    def get_remaining_time_in_millis(self) -> int: ...


def lambda_handler(event: dict[str, Any], context: Context) -> Response:
    try:
        return _erase(event, context)
    except Problem as problem:
        return refused(problem)
    except ValidationError:
        return refused(NOT_CONFIRMED)
    except (Unfinished, HeadMoved):
        return refused(UNFINISHED)
    except (BotoCoreError, ClientError, config.AnswerCut):
        logger.exception("failed")
        count("eraser", "Failed")
        return refused(OUT_OF_REACH)


def _erase(event: dict[str, Any], context: Context) -> Response:
    """Raises Problem, and what the store raises."""
    known = settings.load()
    jwt = event["requestContext"].get("authorizer", {}).get("jwt", {})
    call = Call(access.agent_of(jwt.get("claims", {})), event, Threads(known.threads_table), settings.now_ms())
    pk, found = access.thread_or_tombstone_of(call.agent, call.threads, event["pathParameters"]["thread"])
    access.must_administer(call.agent, found.inbox)
    if not _is_named(pk, found, call.asked(EraseBody).confirm.strip()):
        raise NOT_CONFIRMED
    inboxes = [inbox.id for inbox in config.inboxes()]
    erasing = Erasing(aws.client("dynamodb"), known.threads_table, known.config_table, inboxes, mails.delete)
    erasure = erasing.erase(
        pk, call.agent.id, call.now_ms, lambda: context.get_remaining_time_in_millis() > LAST_MS
    )  # fmt: skip
    logger.info("erased", extra={"agent": call.agent.id, "thread_id": thread_name(pk), "items": erasure.items})
    count("eraser", "Erased")
    return answer({"thread": thread_name(pk), "erased_at": erasure.erased_at, "items": erasure.items})


def _is_named(pk: str, found: ThreadHead | Tombstone, confirm: str) -> bool:
    """A tombstone does not know any more how often the thread was handed to people."""
    tid = pk.rpartition("#")[2]
    if isinstance(found, ThreadHead):
        return confirm in (thread_name(pk), ticket_number(tid, found.episode))
    episode = confirm.rpartition("-")[2]
    return confirm == thread_name(pk) or (episode.isdecimal() and confirm == ticket_number(tid, int(episode)))

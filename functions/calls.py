"""A request of an agent, read and checked, and how it is answered. Part of agent_api."""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar

import access
from access import Problem
from afterhours import gateway
from afterhours.channels import untrusted
from afterhours.channels.contract import MalformedPayload
from afterhours.counts import count
from afterhours.models import Agent, Inbox, ThreadHead
from afterhours.stores import queues, records
from afterhours.stores.claims import Claims
from afterhours.stores.threads import HeadMoved, Threads, thread_name
from afterhours.timeline import shown
from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict, Field

logger = Logger(service="agent_api")

BODY_LIMIT = 64 * 1024

Response = dict[str, Any]
Asked = TypeVar("Asked", bound=BaseModel)


class Query(BaseModel):
    """What may stand behind the `?`: an unknown word is an error, not ignored."""

    model_config = ConfigDict(extra="forbid")


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class EraseBody(Body):
    confirm: str = Field(max_length=300, description="The thread's id or its ticket number once more")


class Call(NamedTuple):
    """A request of an agent of ours."""

    agent: Agent
    event: Mapping[str, Any]
    threads: Threads
    now_ms: int

    @property
    def claims(self) -> Claims:
        return Claims(self.threads)

    def inbox(self) -> Inbox:
        return access.inbox_of(self.agent, self.event["pathParameters"]["inbox"])

    def thread(self) -> tuple[str, ThreadHead]:
        return access.thread_of(self.agent, self.threads, self.event["pathParameters"]["thread"])

    def asked(self, shape: type[Asked]) -> Asked:
        """What stands behind the `?`, or in the body. Raises ValidationError, Problem."""
        if issubclass(shape, Query):
            return shape.model_validate(self.event.get("queryStringParameters") or {})
        try:
            raw = gateway.raw_body(self.event, BODY_LIMIT)
            return shape.model_validate(untrusted.loads(raw) if raw else {})
        except gateway.BodyTooLarge as error:
            detail = f"The body may have {BODY_LIMIT // 1024} KB; shorten it."
            raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", detail) from error
        except (MalformedPayload, gateway.BodyUnreadable) as error:
            detail = "The body must be a JSON object in UTF-8, and not nested deep."
            raise Problem(HTTPStatus.BAD_REQUEST, "bad_request", detail) from error

    def audit(self, verb: str, pk: str, **detail: Any) -> None:
        """Write down who did what: a log line, and an item beside the thread's events. It is done: what keeps the item
        from being written is no reason to tell the agent otherwise."""
        logger.info(verb, extra={"agent": self.agent.id, "thread_id": thread_name(pk)})
        count("agent_api", verb.title().replace("_", ""))
        try:
            records.audit(self.threads, pk, verb, self.agent.id, self.now_ms, **detail)
        except (HeadMoved, BotoCoreError, ClientError):
            logger.exception("audit item lost", extra={"agent": self.agent.id, "thread_id": thread_name(pk), **detail})
            count("agent_api", "AuditLost")

    def shown(self, pk: str, head: ThreadHead) -> dict[str, Any]:
        return shown(thread_name(pk), head, reply=access.reply_terms(pk, head, self.now_ms))

    def ring(self, inbox: Inbox | None, pk: str) -> None:
        """A bell for what waits now; without it the sweeper rings."""
        if inbox is None:
            return
        try:
            queues.ring(inbox.queue_url, inbox.id, pk)
        except queues.NotEnqueued:
            logger.warning("bell left to the sweeper", extra={"thread_id": thread_name(pk)})

    def enqueue(self, pk: str, sk: str) -> None:
        """Have the worker send a composed text; without it the sweeper does."""
        try:
            queues.enqueue_outbound(pk, sk)
        except queues.NotEnqueued:
            logger.warning("reply left to the sweeper", extra={"thread_id": thread_name(pk)})


class Route(NamedTuple):
    """A route's handler and what it is asked: a Query or a Body."""

    handle: Callable[[Call, Any], Response]
    asks: type[BaseModel]


def refused(problem: Problem) -> Response:
    body = {
        "type": "about:blank",
        "title": problem.status.phrase,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
    }
    return answer(body, problem.status, content_type="application/problem+json")


def answer(
    body: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK, *, content_type: str = "application/json"
) -> Response:
    headers = {"content-type": content_type, "cache-control": "no-store", "x-content-type-options": "nosniff"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body), "isBase64Encoded": False}

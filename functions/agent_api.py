"""/api: agents pull, read, answer and resolve. Reads and moves threads; sends nothing and holds no token.

API Gateway's authorizer has checked the JWT and its times; its claims are checked once more here, permissions are
read anew on each request, and a thread of a foreign inbox does not exist. One map turns errors into problem+json.
"""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar

import access
import pulling
from access import Problem
from afterhours import gateway, settings
from afterhours.channels import untrusted
from afterhours.channels.contract import MalformedPayload
from afterhours.counts import count
from afterhours.models import Agent, Inbox, SendState, ThreadHead, ThreadStatus
from afterhours.stores import config, queues
from afterhours.stores.claims import Claims, NewMessage, StaleFence
from afterhours.stores.threads import HeadMoved, Threads, outbound_key, thread_name
from afterhours.timeline import entries, shown
from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

logger = Logger(service="agent_api")

BODY_LIMIT = 64 * 1024
LONGEST_WAIT_S = 5
PAGE = 50
ULID = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"
LIST_CURSOR = "^([0-9]{13}#.{1,300})?$"
TIMELINE_CURSOR = "^(E#[0-9]{13}#[IO]#[0-9A-Za-z]{1,64})?$"

Response = dict[str, Any]
Asked = TypeVar("Asked", bound=BaseModel)


class ListQuery(BaseModel):
    limit: int = Field(default=PAGE, ge=1, le=PAGE)
    cursor: str = Field(default="", pattern=LIST_CURSOR)


class TimelineQuery(BaseModel):
    cursor: str = Field(default="", pattern=TIMELINE_CURSOR)


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class PullBody(Body):
    wait_s: int = Field(default=0, ge=0, le=LONGEST_WAIT_S)


class FenceBody(Body):
    fence: int = Field(ge=1)


class ResolveBody(FenceBody):
    last_inbound: str | None = Field(max_length=200)


class ReplyBody(ResolveBody):
    key: str = Field(pattern=ULID)
    text: str = Field(max_length=20_000)


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

    def query(self, shape: type[Asked]) -> Asked:
        """Raises ValidationError."""
        return shape.model_validate(self.event.get("queryStringParameters") or {})

    def body(self, shape: type[Asked]) -> Asked:
        """Raises ValidationError, Problem."""
        try:
            raw = gateway.raw_body(self.event, BODY_LIMIT)
            return shape.model_validate(untrusted.loads(raw) if raw else {})
        except (MalformedPayload, gateway.BodyTooLarge, gateway.BodyUnreadable) as error:
            detail = f"The body must be a JSON object: {error}."
            raise Problem(HTTPStatus.BAD_REQUEST, "bad_request", detail) from error


def lambda_handler(event: dict[str, Any], context: object) -> Response:
    try:
        jwt = event["requestContext"].get("authorizer", {}).get("jwt", {})
        agent = access.agent_of(jwt.get("claims", {}))
        return ROUTES[event["routeKey"]](Call(agent, event, Threads(settings.load().threads_table), settings.now_ms()))
    except Problem as problem:
        return _refused(problem)
    except (StaleFence, NewMessage, HeadMoved) as error:
        return _refused(PROBLEMS[type(error)])
    except ValidationError as error:
        fields = "; ".join(f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors()[:5])
        return _refused(Problem(HTTPStatus.BAD_REQUEST, "bad_request", fields[:500]))
    except (BotoCoreError, ClientError, config.AnswerCut):
        logger.exception("failed")
        count("agent_api", "Failed")
        return _refused(OUT_OF_REACH)


PROBLEMS: dict[type[Exception], Problem] = {
    StaleFence: Problem(HTTPStatus.CONFLICT, "stale_fence", "The thread has been claimed since. Look again."),
    NewMessage: Problem(HTTPStatus.CONFLICT, "new_message", "The customer wrote meanwhile. Read it, then resolve."),
    HeadMoved: Problem(HTTPStatus.SERVICE_UNAVAILABLE, "busy", "The thread is busy. Try again with the same key."),
}
OUT_OF_REACH = Problem(
    HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "The service is out of reach. Try again; a reply with the same key."
)


def _me(call: Call) -> Response:
    return _answer({"agent": call.agent.id, "email": call.agent.email, "inboxes": call.agent.inboxes})


def _pull(call: Call) -> Response:
    """Claim the most urgent thread that waits; 204 when none does."""
    claimed = pulling.pull(call.threads, call.inbox(), call.agent, call.body(PullBody).wait_s)
    if claimed is None:
        return {"statusCode": HTTPStatus.NO_CONTENT, "headers": {"cache-control": "no-store"}, "body": ""}
    pk, head = claimed
    _audit("pulled", call.agent, pk)
    items, _ = call.threads.timeline(pk, limit=PAGE)
    return _answer({"thread": shown(thread_name(pk), head), "timeline": entries(items, head)})


def _list(call: Call) -> Response:
    """What is open, most urgent first, a page at a time."""
    inbox, asked = call.inbox(), call.query(ListQuery)
    shards = [f"OPEN#{inbox.id}#{shard}" for shard in range(inbox.shards)]
    found = [entry for shard in shards for entry in call.threads.work(shard, after=asked.cursor, limit=asked.limit)]
    page = sorted(found, key=lambda entry: str(entry["work_sk"]))[: asked.limit]
    summaries = [
        {
            "id": thread_name(entry["pk"]),
            "owner": entry.get("owner"),
            "lease_until": entry.get("lease_until", 0),
            "due_at": entry.get("due_at", 0),
        }
        for entry in page
    ]
    return _answer({"threads": summaries, "cursor": page[-1]["work_sk"] if len(page) == asked.limit else None})


def _show(call: Call) -> Response:
    """The thread and its newest events; `cursor` leads to older ones."""
    pk, head = call.thread()
    cursor = call.query(TimelineQuery).cursor
    items, older = call.threads.timeline(pk, limit=PAGE, **({"before": cursor} if cursor else {}))
    return _answer({"thread": shown(thread_name(pk), head), "timeline": entries(items, head), "cursor": older})


def _claim(call: Call) -> Response:
    pk, _ = call.thread()
    head = call.claims.claim(pk, call.agent.id, call.now_ms)
    if head is None:
        detail = "Another agent has it, or it is resolved. Look again, or pull."
        raise Problem(HTTPStatus.CONFLICT, "not_claimable", detail)
    _audit("claimed", call.agent, pk)
    return _answer({"thread": shown(thread_name(pk), head)})


def _heartbeat(call: Call) -> Response:
    pk, _ = call.thread()
    until = call.claims.heartbeat(pk, call.agent.id, call.body(FenceBody).fence, call.now_ms)
    if until is None:
        raise Problem(HTTPStatus.CONFLICT, "lease_over", "The claim has run out. Claim the thread again.")
    return _answer({"lease_until": until})


def _reply(call: Call) -> Response:
    """Take a composed text; the worker sends it. The same key again gives the stored state, whatever else is asked."""
    pk, head = call.thread()
    body = call.body(ReplyBody)
    item = call.threads.get(pk, outbound_key(body.key))
    if item is None:
        text = body.text.strip()
        access.check_reply(pk, head, key=body.key, text=text, now_ms=call.now_ms)
        item = call.claims.compose(pk, call.agent.id, body.fence, body.key, text, body.last_inbound, call.now_ms)
        _audit("replied", call.agent, pk)
        head = call.threads.head(pk) or head
    if item["reply"] == SendState.PLANNED:
        try:
            queues.enqueue_outbound(pk, item["sk"])
        except queues.NotEnqueued:
            logger.warning("reply left to the sweeper", extra={"thread_id": thread_name(pk)})
    state = {"key": body.key, "state": item["reply"], "reason": item.get("reply_reason")}
    return _answer({**state, "thread": shown(thread_name(pk), head)}, HTTPStatus.ACCEPTED)


def _release(call: Call) -> Response:
    """Give the thread back for anybody."""
    pk, _ = call.thread()
    head = call.claims.release(pk, call.agent.id, call.body(FenceBody).fence)
    _audit("released", call.agent, pk)
    inbox = config.inbox(head.inbox)
    if head.status is ThreadStatus.OPEN and inbox:
        try:
            queues.ring(inbox.queue_url, inbox.id, pk)
        except queues.NotEnqueued:
            logger.warning("bell left to the sweeper", extra={"thread_id": thread_name(pk)})
    return _answer({"thread": shown(thread_name(pk), head)})


def _resolve(call: Call) -> Response:
    """Close the thread, unless something reached it that this agent has not seen."""
    pk, _ = call.thread()
    body = call.body(ResolveBody)
    head = call.claims.resolve(pk, call.agent.id, body.fence, body.last_inbound, call.now_ms)
    _audit("resolved", call.agent, pk)
    return _answer({"thread": shown(thread_name(pk), head)})


ROUTES: dict[str, Callable[[Call], Response]] = {
    "GET /api/me": _me,
    "POST /api/inboxes/{inbox}/pull": _pull,
    "GET /api/inboxes/{inbox}/threads": _list,
    "GET /api/threads/{thread}": _show,
    "POST /api/threads/{thread}/claim": _claim,
    "POST /api/threads/{thread}/heartbeat": _heartbeat,
    "POST /api/threads/{thread}/reply": _reply,
    "POST /api/threads/{thread}/release": _release,
    "POST /api/threads/{thread}/resolve": _resolve,
}


def _audit(verb: str, agent: Agent, pk: str) -> None:
    logger.info(verb, extra={"agent": agent.id, "thread_id": thread_name(pk)})
    count("agent_api", verb.title())


def _refused(problem: Problem) -> Response:
    body = {
        "type": "about:blank",
        "title": problem.status.phrase,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
    }
    return _answer(body, problem.status, content_type="application/problem+json")


def _answer(
    body: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK, *, content_type: str = "application/json"
) -> Response:
    headers = {"content-type": content_type, "cache-control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body), "isBase64Encoded": False}

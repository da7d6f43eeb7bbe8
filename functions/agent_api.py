"""/api: agents pull, read, answer and resolve. Reads and moves threads; sends nothing and holds no token.

API Gateway's authorizer has checked the JWT; its claims are checked once more here, permissions are read anew on each
request, and a thread of a foreign inbox does not exist. One map turns errors into problem+json.
"""

from functools import cache
from http import HTTPStatus
from typing import Any

import access
import reading
import searching
import ticketing
import verbs
from access import Problem
from afterhours import settings
from afterhours.counts import count
from afterhours.stores import config
from afterhours.stores.claims import NewMessage, StaleFence
from afterhours.stores.secrets import SecretsUnavailable
from afterhours.stores.threads import HeadMoved, Threads
from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError
from calls import Call, Response, Route, answer, refused
from pydantic import ValidationError

logger = Logger(service="agent_api")


def lambda_handler(event: dict[str, Any], context: object) -> Response:
    try:
        jwt = event["requestContext"].get("authorizer", {}).get("jwt", {})
        agent = access.agent_of(jwt.get("claims", {}))
        call = Call(agent, event, Threads(settings.load().threads_table), settings.now_ms())
        route = ROUTES[event["routeKey"]]
        return route.handle(call, call.asked(route.asks))
    except Problem as problem:
        return refused(problem)
    except (StaleFence, NewMessage, HeadMoved) as error:
        return refused(PROBLEMS[type(error)])
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[:5]
        fields = "; ".join(f"{'.'.join(map(str, found['loc'])) or 'body'}: {found['msg']}" for found in wrong)
        return refused(Problem(HTTPStatus.BAD_REQUEST, "bad_request", fields[:500]))
    except (BotoCoreError, ClientError, config.AnswerCut, config.NotConfigured, SecretsUnavailable):
        logger.exception("failed")
        count("agent_api", "Failed")
        return refused(OUT_OF_REACH)


def describe(call: Call, asked: reading.NoQuery) -> Response:
    """This description: what every route takes and answers, as OpenAPI 3.1."""
    known = settings.load()
    return answer(description(known.sign_in_url, known.api_scope))


@cache
def description(sign_in_url: str, scope: str) -> dict[str, Any]:
    import openapi  # here: no other request needs the models of all answers

    return openapi.document(ROUTES, sign_in_url=sign_in_url, scope=scope)


PROBLEMS: dict[type[Exception], Problem] = {
    StaleFence: Problem(HTTPStatus.CONFLICT, "stale_fence", "The thread has been claimed since. Look again."),
    NewMessage: Problem(
        HTTPStatus.CONFLICT, "new_message", "Something reached the thread meanwhile. Read it, then try again."
    ),
    HeadMoved: Problem(HTTPStatus.SERVICE_UNAVAILABLE, "busy", "The thread is busy. Try again with the same key."),
}
OUT_OF_REACH = Problem(
    HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "The service is out of reach. Try again; a reply with the same key."
)

ROUTES: dict[str, Route] = {
    "GET /api/openapi.json": Route(describe, reading.NoQuery),
    "GET /api/me": Route(reading.me, reading.NoQuery),
    "POST /api/inboxes/{inbox}/pull": Route(verbs.pull, verbs.PullBody),
    "GET /api/inboxes/{inbox}/threads": Route(reading.threads, reading.ListQuery),
    "GET /api/inboxes/{inbox}/search": Route(searching.find, searching.SearchQuery),
    "GET /api/inboxes/{inbox}/tickets": Route(ticketing.resolved, ticketing.TicketsQuery),
    "GET /api/inboxes/{inbox}/colleagues": Route(reading.colleagues, reading.NoQuery),
    "GET /api/threads/{thread}": Route(reading.show, reading.TimelineQuery),
    "GET /api/threads/{thread}/ticket": Route(ticketing.ticket, reading.NoQuery),
    "GET /api/threads/{thread}/answers": Route(reading.answers, reading.NoQuery),
    "GET /api/threads/{thread}/contact": Route(reading.contact, reading.NoQuery),
    "POST /api/threads/{thread}/claim": Route(verbs.claim, verbs.NoBody),
    "POST /api/threads/{thread}/heartbeat": Route(verbs.heartbeat, verbs.FenceBody),
    "POST /api/threads/{thread}/reply": Route(verbs.reply, verbs.ReplyBody),
    "POST /api/threads/{thread}/note": Route(verbs.note, verbs.NoteBody),
    "POST /api/threads/{thread}/tag": Route(verbs.tag, verbs.TagBody),
    "POST /api/threads/{thread}/assign": Route(verbs.assign, verbs.AssignBody),
    "POST /api/threads/{thread}/transfer": Route(verbs.transfer, verbs.TransferBody),
    "POST /api/threads/{thread}/release": Route(verbs.release, verbs.FenceBody),
    "POST /api/threads/{thread}/snooze": Route(verbs.snooze, verbs.SnoozeBody),
    "POST /api/threads/{thread}/resolve": Route(verbs.resolve, verbs.ResolveBody),
    "POST /api/threads/{thread}/reopen": Route(verbs.reopen, verbs.NoBody),
    "POST /api/threads/{thread}/approve": Route(verbs.approve, verbs.ApproveBody),
    "POST /api/threads/{thread}/reject": Route(verbs.reject, verbs.RejectBody),
}

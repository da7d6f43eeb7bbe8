"""The ways in which a platform misbehaves, and the answers it then gives.

Faults of the connection itself (reset, hang, slow-loris, …) are played by the server.
"""

import json
from enum import StrEnum
from typing import NamedTuple

from afterhours_local.platforms.graph_requests import GraphError


class Fault(StrEnum):
    """What the next send meets."""

    RATE_429 = "429"
    RATE_429_RETRY_AFTER = "429_retry_after"
    THROTTLE_613 = "613"
    THROUGHPUT_130429 = "130429"
    PAIR_131056 = "131056"
    TOKEN_190 = "190"  # noqa: S105 - a platform's code, not a secret
    BAD_REQUEST_400 = "400"
    ERROR_500 = "500"
    BAD_GATEWAY_502 = "502"
    UNAVAILABLE_503 = "503"
    ERROR_THOUGH_SENT = "1357046"
    RESET_BEFORE_READING = "reset_before_reading"
    RESET_AFTER_READING = "reset_after_reading"
    HANG = "hang"
    SLOW_LORIS = "slow_loris"
    EMPTY_BODY = "empty_body"
    HTML = "html"
    TRUNCATED_JSON = "truncated_json"
    CUT_BODY = "cut_body"
    HUGE_BODY = "huge_body"
    WRONG_TYPE = "wrong_type"
    NULL_ID = "null_id"
    REDIRECT_302 = "302"
    REDIRECT_307 = "307"
    KEEP_ALIVE_CLOSED = "keep_alive_closed"

    @property
    def taken(self) -> bool:
        """Does the message reach the customer all the same? Where a sender cannot tell, the worse: yes."""
        return self in TAKEN


TAKEN = frozenset(
    {
        Fault.ERROR_THOUGH_SENT,
        Fault.RESET_AFTER_READING,
        Fault.HANG,
        Fault.SLOW_LORIS,
        Fault.EMPTY_BODY,
        Fault.HTML,
        Fault.TRUNCATED_JSON,
        Fault.CUT_BODY,
        Fault.HUGE_BODY,
        Fault.WRONG_TYPE,
        Fault.NULL_ID,
        Fault.KEEP_ALIVE_CLOSED,
    }
)

HUGE = 10_000_000
RETRY_AFTER_S = 30
REGAIN_ACCESS_MINUTES = 5


class Reply(NamedTuple):
    """What goes back over HTTP."""

    status: int
    body: bytes
    headers: dict[str, str]


def as_json(status: int, body: bytes, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status, body, {"Content-Type": "application/json; charset=UTF-8", **(headers or {})})


def refusal(error: GraphError) -> Reply:
    return as_json(error.status, error.body(), error.headers)


def throttled() -> GraphError:
    """Error 613, with the header that tells when to come back, in minutes."""
    usage = {"call_count": 100, "total_cputime": 25, "total_time": 25}
    wait = {"type": "messenger", **usage, "estimated_time_to_regain_access": REGAIN_ACCESS_MINUTES}
    headers = {"X-App-Usage": json.dumps(usage), "X-Business-Use-Case-Usage": json.dumps({"100000000000002": [wait]})}
    return GraphError(613, "Calls to this api have exceeded the rate limit.", headers=headers)


def throughput() -> GraphError:
    details = "Message failed to send because there were too many messages sent from this phone number."
    return GraphError(130429, "Rate limit hit", status=429, details=details)


def pair_limit() -> GraphError:
    details = "Too many messages sent from this phone number to the same phone number in a short period of time."
    return GraphError(131056, "(Business Account, Consumer Account) pair rate limit hit", details=details)


def answer(fault: Fault, good: bytes, url: str) -> Reply:
    """The reply that the fault puts in the place of `good`, the body of a send that went well."""
    html = {"Content-Type": "text/html; charset=utf-8"}
    usage = {"X-App-Usage": json.dumps({"call_count": 100, "total_cputime": 25, "total_time": 25})}
    match fault:
        case Fault.RATE_429:
            return refusal(GraphError(4, "Application request limit reached", status=429, headers=usage))
        case Fault.RATE_429_RETRY_AFTER:
            headers = {"Retry-After": str(RETRY_AFTER_S), **usage}
            return refusal(GraphError(4, "Application request limit reached", status=429, headers=headers))
        case Fault.THROTTLE_613:
            return refusal(throttled())
        case Fault.THROUGHPUT_130429:
            return refusal(throughput())
        case Fault.PAIR_131056:
            return refusal(pair_limit())
        case Fault.TOKEN_190:
            return refusal(GraphError(190, "Error validating access token: Session has expired.", subcode=463))
        case Fault.BAD_REQUEST_400:
            return refusal(GraphError(100, "Invalid parameter"))
        case Fault.ERROR_500:
            return refusal(GraphError(2, "An unexpected error has occurred.", status=500, transient=True))
        case Fault.BAD_GATEWAY_502:
            return Reply(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", html)
        case Fault.UNAVAILABLE_503:
            return refusal(GraphError(2, "Service temporarily unavailable", status=503, transient=True))
        case Fault.ERROR_THOUGH_SENT:
            return refusal(GraphError(1, "An unknown error occurred", subcode=1357046, status=500))
        case Fault.EMPTY_BODY:
            return as_json(200, b"")
        case Fault.HTML:
            return Reply(200, b"<!DOCTYPE html><html><body>Log in to continue</body></html>", html)
        case Fault.TRUNCATED_JSON:
            return as_json(200, good[: len(good) // 2])
        case Fault.HUGE_BODY:
            return as_json(200, good[:-1] + b',"padding":"' + b"x" * HUGE + b'"}')
        case Fault.WRONG_TYPE:
            return as_json(200, b'["ok"]')
        case Fault.NULL_ID:
            return as_json(200, b'{"messages":[{"id":null}],"recipient_id":null,"message_id":null}')
        case Fault.REDIRECT_302 | Fault.REDIRECT_307:
            return Reply(int(fault), b"", {"Location": url})
    return as_json(200, good)  # faults of the connection spoil the way back, not the reply

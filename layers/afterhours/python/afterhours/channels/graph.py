"""Sending through the Graph API, and what its errors mean. Shared by WhatsApp, Messenger and Instagram.

Contract: platforms/meta.md, sections 1.6 and 7. Graph answers 400 to nearly everything, so the error code
decides, and what may have been sent counts as unknown: no send of Meta's has an idempotency key.
"""

from typing import Any, NamedTuple
from urllib.parse import quote

from afterhours import settings
from afterhours.channels import untrusted
from afterhours.channels.contract import MalformedPayload
from afterhours.channels.http import Answer, Limits, NotSent, Unconfirmed, post_json
from afterhours.channels.sending import LONGEST_WAIT_S
from afterhours.models import Account, Outcome, Result

FACEBOOK = "https://graph.facebook.com"
INSTAGRAM = "https://graph.instagram.com"


class _Throttle(NamedTuple):
    """Certainly not sent; may be tried again after `wait_s`, or after what the headers say."""

    reason: str
    wait_s: int
    account_problem: bool = False


class _Refusal(NamedTuple):
    """Certainly not sent, and never will be."""

    reason: str
    account_problem: bool = False


_GRAPH_LIMIT = _Throttle("rate_limited", 60)  # further calls lengthen the block
_PAGE_RESTRICTED = _Throttle("page_restricted", 1800, account_problem=True)
_THROTTLES: dict[tuple[int, int | None], _Throttle] = {
    **{(code, None): _GRAPH_LIMIT for code in (4, 17, 32, 613, *range(80001, 80009))},
    (10, 1893063): _PAGE_RESTRICTED,
    (10, 2534122): _PAGE_RESTRICTED,
    (10, 2534029): _PAGE_RESTRICTED,
    (130429, None): _Throttle("rate_limited", 5),  # throughput of the number
    (131056, None): _Throttle("pair_limited", 6),  # one message in six seconds to one person
    (131048, None): _Throttle("spam_restricted", 3600, account_problem=True),
    (133016, None): _Throttle("registration_limited", 3600, account_problem=True),
    (131057, None): _Throttle("maintenance", 300),
}

# The platform documents 1/1357046 as "sent, but the endpoint answered with an error".
_TEMPORARY = (1, 2, 1200, 131000, 131016)
_SENT_BUT_ERROR = 1357046
_NOT_LIVE = 2018028

_PERMISSION = _Refusal("permission_missing", account_problem=True)
_WINDOW_CLOSED = _Refusal("window_closed")
_UNAVAILABLE = _Refusal("contact_unavailable")
_NOT_READY = _Refusal("account_not_ready", account_problem=True)
_BAD_REQUEST = _Refusal("bad_request")
_REFUSALS: dict[tuple[int, int | None], _Refusal] = {
    **{(code, None): _Refusal("token_invalid", account_problem=True) for code in (0, 190)},
    **{(code, None): _PERMISSION for code in (3, 10, 131005, *range(199, 300))},
    (100, 33): _PERMISSION,  # the number or page is not there for this token
    (10, 2018278): _WINDOW_CLOSED,
    (10, 2018065): _WINDOW_CLOSED,
    (10, 2534022): _WINDOW_CLOSED,
    (131047, None): _WINDOW_CLOSED,
    (551, None): _UNAVAILABLE,
    (200, 1545041): _UNAVAILABLE,
    (10, 2018108): _UNAVAILABLE,
    (131026, None): _UNAVAILABLE,
    (100, 2018001): _Refusal("contact_unknown"),
    (131062, None): _Refusal("contact_id_refused"),
    (131050, None): _Refusal("contact_opted_out"),
    (131049, None): _Refusal("ecosystem_limit"),
    (130472, None): _Refusal("experiment"),
    (368, None): _Refusal("policy_block", account_problem=True),
    (131031, None): _Refusal("account_locked", account_problem=True),
    (130497, None): _Refusal("country_restricted", account_problem=True),
    **{(code, None): _NOT_READY for code in (131030, 131037, 131042, 131045, 133010)},
    **{(code, None): _BAD_REQUEST for code in (100, 131008, 131009, 131021, 131051, 131052, 131053)},
    **{(code, None): _BAD_REQUEST for code in range(132000, 133000)},
}


def refusal(text: str, units: int, limit: int) -> Outcome | None:
    """The outcome of a text that need not be tried; None where it may be."""
    if not text.strip():
        return Outcome(result=Result.REFUSED, reason="empty")
    if units > limit:
        return Outcome(result=Result.REFUSED, reason="too_long")
    return None


def post_message(
    account: Account,
    token: str,
    *,
    host: str,
    node: str,
    payload: dict[str, Any],
    limits: Limits,
    edge: str = "messages",
) -> Outcome:
    """POST to the node's edge, once: `messages`, or what a comment is answered at, whose answer has a bare `id`."""
    if not can_travel(token):
        return Outcome(result=Result.REFUSED, reason="token_invalid", account_problem=True)
    url = f"{host_of(account, host)}/{quote(account.api_version, safe='')}/{quote(node, safe='')}/{edge}"
    try:
        # The token travels in a header: addresses end in logs.
        answer = post_json(url, payload, {"Authorization": f"Bearer {token}"}, limits=limits)
    except NotSent as error:
        return Outcome(result=Result.NOT_SENT, reason=str(error))
    except Unconfirmed as error:
        return Outcome(result=Result.UNKNOWN, reason=str(error))
    return outcome_of(answer, bare_id=edge != "messages")


def can_travel(token: str) -> bool:
    """Can a header carry it?"""
    return token.isascii() and token.isprintable() and token != ""


def host_of(account: Account, host: str) -> str:
    """The platform's host; another one of the account's in the local stack only."""
    return account.api_base if account.api_base and settings.load().local else host


def outcome_of(answer: Answer, *, bare_id: bool = False) -> Outcome:
    """What an answer of Graph says about the message."""
    if 300 <= answer.status < 400:
        # Whoever redirects has not taken the message; following would show the token to another host.
        return Outcome(result=Result.REFUSED, reason="redirected", code=str(answer.status), account_problem=True)
    try:
        body = untrusted.mapping(untrusted.loads(answer.body))
    except MalformedPayload:
        body = {}
    error = body.get("error")
    if isinstance(error, dict):
        return _outcome_of_error(answer, error)
    if answer.status == 429:
        return _not_sent(answer, _GRAPH_LIMIT, "429")
    if not 200 <= answer.status < 300:
        return Outcome(result=Result.UNKNOWN, reason="unreadable_answer", code=str(answer.status))
    platform_id = untrusted.identifier(body.get("id")) if bare_id else _message_id(body)
    if platform_id is None:
        return Outcome(result=Result.UNKNOWN, reason="no_message_id", code=str(answer.status))
    return Outcome(result=Result.SENT, platform_id=platform_id)


def _message_id(body: dict[str, Any]) -> str | None:
    """`message_id` of Messenger and Instagram, `messages[0].id` of WhatsApp."""
    messages = untrusted.items(body.get("messages"))
    inner = untrusted.mapping(messages[0]) if messages else {}
    return untrusted.identifier(body.get("message_id")) or untrusted.identifier(inner.get("id"))


def _outcome_of_error(answer: Answer, error: dict[str, Any]) -> Outcome:
    code, subcode = untrusted.integer(error.get("code")), untrusted.integer(error.get("error_subcode"))
    if code is None:
        return Outcome(result=Result.UNKNOWN, reason="unreadable_answer", code=str(answer.status))
    shown = str(code) if subcode is None else f"{code}/{subcode}"
    throttle = _THROTTLES.get((code, subcode)) or _THROTTLES.get((code, None))
    if throttle and answer.status < 500:
        return _not_sent(answer, throttle, shown)
    is_temporary = code in _TEMPORARY or subcode == _SENT_BUT_ERROR or error.get("is_transient") is True
    if is_temporary or answer.status >= 500:
        return Outcome(result=Result.UNKNOWN, reason="temporary", code=shown)
    refused = _PERMISSION if subcode == _NOT_LIVE else _REFUSALS.get((code, subcode)) or _REFUSALS.get((code, None))
    if refused is None and answer.status == 429:
        return _not_sent(answer, _GRAPH_LIMIT, shown)
    if refused is None and answer.status < 400:
        return Outcome(result=Result.UNKNOWN, reason="unknown_error", code=shown)
    reason, account_problem = refused or _Refusal("unknown_error")
    return Outcome(result=Result.REFUSED, reason=reason, code=shown, account_problem=account_problem)


def _not_sent(answer: Answer, throttle: _Throttle, code: str) -> Outcome:
    wait = _wait_s(answer) or throttle.wait_s
    return Outcome(
        result=Result.NOT_SENT,
        reason=throttle.reason,
        code=code,
        retry_after_s=min(wait, LONGEST_WAIT_S),
        account_problem=throttle.account_problem,
    )


def _wait_s(answer: Answer) -> int:
    """The longest wait that the headers ask for, in seconds; 0 where they say nothing."""
    waits = [untrusted.integer(answer.headers.get("retry-after"))]
    try:
        usage = untrusted.mapping(untrusted.loads(answer.headers.get("x-business-use-case-usage", "").encode()))
    except MalformedPayload:
        usage = {}
    for uses in usage.values():
        minutes = (
            untrusted.integer(untrusted.mapping(use).get("estimated_time_to_regain_access"))
            for use in untrusted.items(uses)
        )
        waits += [minute * 60 for minute in minutes if minute]
    return max(wait or 0 for wait in waits)

"""X's API: posting with an account's token, what its answers mean, and a new token for an old one. Shared by `x` and
`x_posts`.

Contract: platforms/x.md, sections 6, 7 and 9. The access token lives two hours; the refresh token is good for one use.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any

from afterhours import settings
from afterhours.channels import asking, graph, untrusted
from afterhours.channels.contract import Health, MalformedPayload, NotRenewed, Renewed
from afterhours.channels.http import LIMITS, Answer, Limits, NotSent, Unconfirmed, post_form
from afterhours.channels.sending import posted, throttled
from afterhours.models import Account, Outcome, Result

HOST = "https://api.x.com"
USER_ID = re.compile(r"[0-9]{1,20}", re.ASCII)

_WAIT_S = 900  # X counts in quarters of an hour
_NO_CREDIT_WAIT_S = 900
_LIMITS_OF = ("x-rate-limit", "x-user-limit-24hour", "x-app-limit-24hour")
_GRANT_GONE = {"invalid_grant", "invalid_request", "invalid_client", "unauthorized_client", "access_denied"}
_WORDS = re.compile(r"[a-z0-9_-]{1,64}", re.ASCII)


def post(account: Account, token: str, path: str, payload: Mapping[str, Any], limits: Limits) -> Answer | Outcome:
    """POST once: an answer to read, or the outcome where there is none."""
    if not graph.can_travel(token):
        return Outcome(result=Result.REFUSED, reason="token_invalid", account_problem=True)
    url = f"{graph.host_of(account, HOST)}{path}"
    return posted(url, payload, {"Authorization": f"Bearer {token}"}, limits)


def health(account: Account, token: str) -> Health:
    """Whether the token is this account's. When it ends, the stack knows, and renews it before."""
    if not graph.can_travel(token):
        return Health(False, "token_invalid")
    found = asking.asked(f"{graph.host_of(account, HOST)}/2/users/me", {"Authorization": f"Bearer {token}"})
    if isinstance(found, Health):
        return found
    is_ours = untrusted.identifier(untrusted.mapping(found.get("data")).get("id")) == account.id
    return Health(True, "fine") if is_ours else Health(False, "permission_missing")


def outcome_of(answer: Answer, id_field: str, *, forbidden: str) -> Outcome:
    """What an answer says about the message; `forbidden` is our word for X's 403."""
    body = _mapping(answer)
    code = _code(answer, body)
    if 200 <= answer.status < 300:
        platform_id = untrusted.identifier(untrusted.mapping(body.get("data")).get(id_field))
        if platform_id:
            return Outcome(result=Result.SENT, platform_id=platform_id)
        if untrusted.items(body.get("errors")):  # an error with the status of success
            return _refused(body, code, forbidden)
        return Outcome(result=Result.UNKNOWN, reason="no_message_id", code=code)
    if answer.status == 401:
        return Outcome(result=Result.NOT_SENT, reason="token_expired", code=code)
    if answer.status == 402:
        reason, wait_s = "credits_used_up", _NO_CREDIT_WAIT_S
        return Outcome(result=Result.NOT_SENT, reason=reason, code=code, retry_after_s=wait_s, account_problem=True)
    if answer.status == 429:
        return throttled(answer, _wait_s(answer), code)
    if 400 <= answer.status < 500 and body:
        return _refused(body, code, forbidden)
    return Outcome(result=Result.UNKNOWN, reason="temporary" if body else "unreadable_answer", code=code)


def _refused(body: Mapping[str, Any], code: str, forbidden: str) -> Outcome:
    """Certainly not taken, and never will be."""
    first = untrusted.mapping(next(iter(untrusted.items(body.get("errors"))), body))
    said = " ".join(
        untrusted.text(one.get(key)) or "" for one in (body, first) for key in ("detail", "message")
    ).lower()
    if "suspended" in said or "locked" in said:
        return Outcome(result=Result.REFUSED, reason="account_locked", code=code, account_problem=True)
    if _problem(body) in ("client-forbidden", "unsupported-authentication", "oauth1-permissions"):
        return Outcome(result=Result.REFUSED, reason="permission_missing", code=code, account_problem=True)
    status = untrusted.integer(first.get("status")) or untrusted.integer(body.get("status"))
    reason = forbidden if status == 403 else "contact_unknown" if status == 404 else "bad_request"
    return Outcome(result=Result.REFUSED, reason=reason, code=code)


def _problem(body: Mapping[str, Any]) -> str:
    """The last part of the problem's address, as in `…/problems/client-forbidden`."""
    return (untrusted.text(body.get("type")) or "").rpartition("/")[2]


def _code(answer: Answer, body: Mapping[str, Any]) -> str:
    problem = _problem(body)
    return f"{answer.status}/{problem}" if _WORDS.fullmatch(problem) else str(answer.status)


def _mapping(answer: Answer) -> dict[str, Any]:
    try:
        return untrusted.mapping(untrusted.loads(answer.body))
    except MalformedPayload:
        return {}


def _wait_s(answer: Answer) -> int:
    """Until the last of the limits that are used up is new."""
    resets = [
        untrusted.integer(answer.headers.get(f"{name}-reset"))
        for name in _LIMITS_OF
        if name == _LIMITS_OF[0] or answer.headers.get(f"{name}-remaining") == "0"
    ]
    until = max((reset for reset in resets if reset), default=0)
    left = until - settings.now_ms() // 1000
    return left if left > 0 else 1 if until else _WAIT_S


def renew(account: Account, record: Mapping[str, Any], *, limits: Limits = LIMITS) -> Renewed | NotRenewed:
    """Ask once for a new pair; the old refresh token is worth nothing once X has answered."""
    client_id, refresh, secret = (str(record.get(key) or "") for key in ("client_id", "refresh", "client_secret"))
    if not client_id or not refresh:
        return NotRenewed("not_configured", final=True)
    fields, headers = {"grant_type": "refresh_token", "refresh_token": refresh}, {}
    if secret:
        pair = base64.b64encode(f"{client_id}:{secret}".encode()).decode("ascii")
        headers["Authorization"] = f"Basic {pair}"
    else:
        fields["client_id"] = client_id
    try:
        answer = post_form(f"{graph.host_of(account, HOST)}/2/oauth2/token", fields, headers, limits=limits)
    except NotSent as error:
        return NotRenewed(str(error), final=False)
    except Unconfirmed as error:
        return NotRenewed(str(error), final=False, taken=True)
    return _renewed(answer, refresh)


def _renewed(answer: Answer, refresh: str) -> Renewed | NotRenewed:
    body = _mapping(answer)
    token, lives_s = untrusted.text(body.get("access_token")), untrusted.integer(body.get("expires_in"))
    if answer.status == 200 and token and lives_s:
        return Renewed(token, lives_s, untrusted.text(body.get("refresh_token")) or refresh)
    error = untrusted.text(body.get("error")) or ""
    final = 400 <= answer.status < 500 and error in _GRANT_GONE
    reason = error if _WORDS.fullmatch(error) else str(answer.status)
    return NotRenewed(reason, final=final, taken=answer.status not in (400, 401, 403, 429))

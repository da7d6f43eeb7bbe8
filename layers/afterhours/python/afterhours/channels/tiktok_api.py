"""Calls of TikTok's Business API: one envelope, answered 200 whatever happened, its code says what; and a new token for
an old one. Shared by `tiktok` and `tiktok_comments`.

Contract: platforms/tiktok.md, sections 5, 6 and 8. No send has an idempotency key, so what may have been taken counts
as unknown. The access token lives a day. From public clients, not from the vendor's pages: that `business/get` takes
`fields` as JSON, and that `webhook/list` takes the app's secret in its query and answers `callback_url`.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from afterhours.channels import asking, graph, untrusted
from afterhours.channels.contract import Health, MalformedPayload, NotRenewed, Renewed
from afterhours.channels.http import LIMITS, Answer, Limits
from afterhours.channels.sending import posted, throttled
from afterhours.models import Account, Outcome, Result

HOST = "https://business-api.tiktok.com"
VERSION = "v1.3"
WAIT_S = 60
EVENT_TYPES = {"tiktok": "DIRECT_MESSAGE", "tiktok_comments": "COMMENT"}  # what an app has a callback for, by channel
BAD_PARAMETER = 40002

# Named as TikTok's own SDK does; the contract calls 40100 a token's, and has 40064 from others.
_TOO_MANY = {40016, 40064, 40100, 40132, 61000}
_TOKEN_CODES = {40101, 40102, 40104, 40105}
_GRANT_CODES = {40103, 40107}  # the refresh token is over, or none
_NO_PERMISSION = {40001, 40125, 40130}
_OF_TOKENS = ("token_invalid", "permission_missing")
_GRANT = {"client_id": "client_id", "client_secret": "client_secret", "refresh_token": "refresh"}


class Said(NamedTuple):
    """What TikTok answered; `code` 0 is good."""

    code: int
    message: str
    data: dict[str, Any]


def call(account: Account, token: str, path: str, payload: dict[str, Any], limits: Limits) -> Said | Outcome:
    """What TikTok said, or the outcome where it said nothing that can be read."""
    if not graph.can_travel(token):
        return Outcome(result=Result.REFUSED, reason="token_invalid", account_problem=True)
    return _called(account, path, payload, {"Access-Token": token}, limits)


def _called(
    account: Account, path: str, payload: Mapping[str, Any], headers: Mapping[str, str], limits: Limits
) -> Said | Outcome:
    answer = posted(f"{graph.host_of(account, HOST)}/open_api/{VERSION}/{path}/", payload, headers, limits)
    return answer if isinstance(answer, Outcome) else _read(answer)


def _read(answer: Answer) -> Said | Outcome:
    try:
        body = untrusted.mapping(untrusted.loads(answer.body))
    except MalformedPayload:
        body = {}
    code = untrusted.integer(body.get("code"))
    if answer.status == 429:
        return throttled(answer, WAIT_S)
    if code is None or answer.status >= 500:
        return Outcome(result=Result.UNKNOWN, reason="unreadable_answer", code=str(answer.status))
    return Said(code, (untrusted.text(body.get("message")) or "").lower(), untrusted.mapping(body.get("data")))


def outcome_of(said: Said, platform_id: str | None) -> Outcome:
    """`platform_id` is of what was made, where TikTok told it."""
    code = str(said.code)
    if said.code == 0:
        if platform_id is None:
            return Outcome(result=Result.UNKNOWN, reason="no_message_id", code=code)
        return Outcome(result=Result.SENT, platform_id=platform_id)
    if said.code in _TOO_MANY:
        return Outcome(result=Result.NOT_SENT, reason="rate_limited", code=code, retry_after_s=WAIT_S)
    if not 40000 <= said.code < 50000:  # trouble of its own, after which nobody knows
        return Outcome(result=Result.UNKNOWN, reason="temporary", code=code)
    if said.code in _TOKEN_CODES:  # a new one may be on its way
        return Outcome(result=Result.NOT_SENT, reason="token_expired", code=code, retry_after_s=WAIT_S)
    if said.code in _NO_PERMISSION:
        return Outcome(result=Result.REFUSED, reason="permission_missing", code=code, account_problem=True)
    # The contract names no code of a closed window: the words decide, and only about what an agent reads.
    closed = "window" in said.message or "48 hours" in said.message
    reason = "window_closed" if closed else "bad_request" if said.code == BAD_PARAMETER else "unknown_error"
    return Outcome(result=Result.REFUSED, reason=reason, code=code)


def health(account: Account, token: str) -> Health:
    """Whether the token is good and opens the account. When it ends, the stack knows, and renews it before."""
    if not graph.can_travel(token):
        return Health(False, "token_invalid")
    found = _asked(account, "business/get", {"business_id": account.id, "fields": '["username"]'}, token)
    return found if isinstance(found, Health) else Health(True, "fine")


def app_health(account: Account, app: Mapping[str, Any]) -> Health:
    """Where TikTok delivers what the channel reads: one address an app, for all its accounts."""
    query = {**app_of(app), "event_type": EVENT_TYPES[account.channel]}
    found = _asked(account, "business/webhook/list", query)
    if isinstance(found, Health):  # by the app's own secret: no token has to do with it
        return found._replace(detail="app_refused") if found.detail in _OF_TOKENS else found
    webhook = untrusted.text(found.get("callback_url")) or ""
    return Health(bool(webhook), "fine" if webhook else "not_subscribed", webhook=webhook, subscribed=bool(webhook))


def app_of(app: Mapping[str, Any]) -> dict[str, str]:
    """How an app says who it is."""
    return {"app_id": str(app.get("client_id") or ""), "secret": next(iter(app.get("secrets") or ()), "")}


def _asked(account: Account, path: str, query: Mapping[str, str], token: str = "") -> dict[str, Any] | Health:
    url = f"{graph.host_of(account, HOST)}/open_api/{VERSION}/{path}/?{urlencode(query)}"
    found = asking.asked(url, {"Access-Token": token} if token else {})
    if isinstance(found, Health):
        return found
    code = untrusted.integer(found.get("code"))
    if code == 0:
        return untrusted.mapping(found.get("data"))
    if code is None or not 40000 <= code < 50000:
        return Health(False, "unreadable_answer" if code is None else "unreachable")
    if code in _TOO_MANY:
        return Health(False, "rate_limited")
    return Health(False, "token_invalid" if code in _TOKEN_CODES else "permission_missing")


def renew(account: Account, record: Mapping[str, Any], *, limits: Limits = LIMITS) -> Renewed | NotRenewed:
    """Ask once for a new token; the refresh token that comes with it takes the place of the old one."""
    given = {name: str(record.get(key) or "") for name, key in _GRANT.items()}
    if not all(given.values()):
        return NotRenewed("not_configured", final=True)
    payload = {**given, "grant_type": "refresh_token"}
    said = _called(account, "tt_user/oauth2/refresh_token", payload, {}, limits)
    if isinstance(said, Outcome):
        return NotRenewed(said.reason or "unknown", final=False, taken=said.result is Result.UNKNOWN)
    token, lives_s = untrusted.text(said.data.get("access_token")), untrusted.integer(said.data.get("expires_in"))
    if said.code == 0 and token and lives_s:
        return Renewed(token, lives_s, untrusted.text(said.data.get("refresh_token")) or given["refresh_token"])
    final = said.code in _TOKEN_CODES | _GRANT_CODES | _NO_PERMISSION | {BAD_PARAMETER}
    refused = said.code in _TOO_MANY or 40000 <= said.code < 50000
    return NotRenewed(str(said.code), final=final, taken=not refused)

"""One POST of a channel's `send`: an answer to read, or the outcome where there is none. And what 429 means to all."""

from collections.abc import Mapping
from typing import Any

from afterhours.channels import untrusted
from afterhours.channels.http import Answer, Limits, NotSent, Unconfirmed, post_json
from afterhours.models import Outcome, Result

LONGEST_WAIT_S = 6 * 3600  # a queue message cannot be hidden for longer than twelve hours


def posted(
    url: str, payload: Mapping[str, Any], headers: Mapping[str, str], limits: Limits, *, escaped: bool = True
) -> Answer | Outcome:
    """Post once. A redirect has taken nothing, and following it would show the token to another host."""
    try:
        answer = post_json(url, payload, headers, limits=limits, escaped=escaped)
    except NotSent as error:
        return Outcome(result=Result.NOT_SENT, reason=str(error))
    except Unconfirmed as error:
        return Outcome(result=Result.UNKNOWN, reason=str(error))
    if 300 <= answer.status < 400:
        return Outcome(result=Result.REFUSED, reason="redirected", code=str(answer.status), account_problem=True)
    return answer


def throttled(answer: Answer, usual_s: int, code: str = "429") -> Outcome:
    """Certainly not taken: to be tried again when `Retry-After` says so, else after the usual wait."""
    wait_s = untrusted.integer(answer.headers.get("retry-after")) or usual_s
    return Outcome(result=Result.NOT_SENT, reason="rate_limited", code=code, retry_after_s=min(wait_s, LONGEST_WAIT_S))

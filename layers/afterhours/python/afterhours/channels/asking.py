"""One GET of a channel's `health`: a JSON object to read, or how the account is where there is none."""

from collections.abc import Mapping
from typing import Any

from afterhours.channels import untrusted
from afterhours.channels.contract import Health, MalformedPayload
from afterhours.channels.http import Limits, NotSent, Unconfirmed, get

LIMITS = Limits(connect_s=3.0, total_s=8.0, answer_bytes=65_536)
_TROUBLE = {401: "token_invalid", 403: "permission_missing", 426: "version_retired", 429: "rate_limited"}


def asked(url: str, headers: Mapping[str, str], *, errors: bool = False) -> dict[str, Any] | Health:
    """The object that the platform answers, with `errors` also that of a refusal."""
    try:
        answer = get(url, headers, limits=LIMITS)
    except (NotSent, Unconfirmed):
        return Health(False, "unreachable")
    try:
        body = untrusted.mapping(untrusted.loads(answer.body))
    except MalformedPayload:
        body = {}
    if body and (answer.status == 200 or (errors and 400 <= answer.status < 500)):
        return body
    unreadable = "unreadable_answer" if answer.status < 400 else "refused"
    return Health(False, "unreachable" if answer.status >= 500 else _TROUBLE.get(answer.status, unreadable))

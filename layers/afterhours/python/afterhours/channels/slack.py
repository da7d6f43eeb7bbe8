"""Slack incoming webhooks: one plain text to one place of a team's. Not a channel: no customer is there.

Contract: platforms/helpdesks.md. The address is the secret. Slack answers in plain text, `ok` or a word for what is
wrong, and knows no idempotency key.
"""

import re

from afterhours import settings
from afterhours.channels.http import Answer, Limits, NotSent, Unconfirmed, post_json
from afterhours.models import Outcome, Result

HOST = "https://hooks.slack.com"
LIMITS = Limits(connect_s=2.0, total_s=5.0, answer_bytes=4_096)
LONGEST_WAIT_S = 3_600
WAIT_S = 60  # where Slack does not say how long

_WEBHOOK = re.compile(r"https://hooks\.slack\.com/services/T[A-Z0-9]{1,20}/B[A-Z0-9]{1,20}/[A-Za-z0-9]{1,64}", re.ASCII)
_WORDS = {
    *("invalid_payload", "no_text", "too_many_attachments", "action_prohibited", "invalid_token", "no_service"),
    *("no_team", "channel_not_found", "channel_is_archived"),
}


def is_webhook(url: str) -> bool:
    """Whether it is the address of an incoming webhook, and of nothing else."""
    return _WEBHOOK.fullmatch(url) is not None


def post(url: str, text: str, *, base: str | None = None) -> Outcome:
    """Post the text once."""
    if not is_webhook(url):
        return Outcome(result=Result.REFUSED, reason="not_a_webhook", account_problem=True)
    try:
        answer = post_json(address(url, base), {"text": escaped(text)}, {}, limits=LIMITS)
    except NotSent as error:
        return Outcome(result=Result.NOT_SENT, reason=str(error), retry_after_s=WAIT_S)
    except Unconfirmed as error:
        return Outcome(result=Result.UNKNOWN, reason=str(error))
    return _outcome_of(answer)


def address(url: str, base: str | None) -> str:
    """Where the webhook is; `base` replaces Slack's host in the local stack, and nowhere else."""
    return base + url.removeprefix(HOST) if base and settings.load().local else url


def escaped(text: str) -> str:
    """Slack reads `<…>` as links and mentions, and `&` as the start of an entity."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _outcome_of(answer: Answer) -> Outcome:
    code = str(answer.status)
    if answer.status == 200:
        is_ok = answer.body.strip() == b"ok"
        return Outcome(result=Result.SENT) if is_ok else Outcome(result=Result.UNKNOWN, reason="unreadable", code=code)
    if answer.status == 429:
        wait = answer.headers.get("retry-after", "")
        seconds = int(wait) if re.fullmatch(r"[0-9]{1,6}", wait, re.ASCII) else WAIT_S
        seconds = min(max(seconds, 1), LONGEST_WAIT_S)
        return Outcome(result=Result.NOT_SENT, reason="rate_limited", code=code, retry_after_s=seconds)
    if answer.status >= 500:
        return Outcome(result=Result.UNKNOWN, reason="platform_error", code=code)
    word = answer.body[:40].decode("ascii", "replace").strip()
    return Outcome(result=Result.REFUSED, reason=word if word in _WORDS else "refused", code=code, account_problem=True)

"""Calls of Telegram's Bot API and its envelope; the token stands in the path, so no address of it is ever shown."""

import re
from typing import Any, NamedTuple
from urllib.parse import quote

from afterhours.channels import files, graph, untrusted
from afterhours.channels.contract import Health, MalformedPayload, Missing, NotFetched
from afterhours.channels.http import Answer, Limits
from afterhours.channels.sending import posted, throttled
from afterhours.models import Account, Attachment, Outcome, Result

HOST = "https://api.telegram.org"
HEALTH_LIMITS = Limits(connect_s=3.0, total_s=8.0, answer_bytes=65_536)
WAIT_S = 30  # where a 429 does not say how long

_TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{1,256}", re.ASCII)
_FILE_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*){0,4}", re.ASCII)


class Said(NamedTuple):
    """An answer in Telegram's envelope; `error` is its code, None where it went well."""

    status: int
    error: int | None
    description: str
    result: dict[str, Any]
    parameters: dict[str, Any]

    @property
    def moved_to(self) -> int | None:
        moved = untrusted.integer(self.parameters.get("migrate_to_chat_id")) if self.error == 400 else None
        return moved if self.status == 400 else None


def call(account: Account, token: str, method: str, payload: dict[str, Any], limits: Limits) -> Said | Outcome:
    """What Telegram said, or the outcome where it said nothing that can be read."""
    if not _TOKEN.fullmatch(token):
        return Outcome(result=Result.REFUSED, reason="token_invalid", account_problem=True)
    answer = posted(f"{graph.host_of(account, HOST)}/bot{token}/{method}", payload, {}, limits)
    return answer if isinstance(answer, Outcome) else _read(answer)


def _read(answer: Answer) -> Said | Outcome:
    try:
        body = untrusted.mapping(untrusted.loads(answer.body))
    except MalformedPayload:
        body = {}
    error = untrusted.integer(body.get("error_code"))
    if answer.status == 429 and error is None:
        return throttled(answer, WAIT_S)
    if body.get("ok") is not True and error is None:
        return Outcome(result=Result.UNKNOWN, reason="unreadable_answer", code=str(answer.status))
    description = (untrusted.text(body.get("description")) or "").lower()
    result, parameters = untrusted.mapping(body.get("result")), untrusted.mapping(body.get("parameters"))
    return Said(answer.status, None if body.get("ok") is True else error, description, result, parameters)


def health(account: Account, token: str) -> Health:
    """Whether the token is a bot's, where its updates go, and whether they arrive."""
    said = call(account, token, "getWebhookInfo", {}, HEALTH_LIMITS)
    if isinstance(said, Outcome):
        return Health(False, said.reason if said.reason in ("token_invalid", "rate_limited") else "unreachable")
    if said.error is not None:  # a token that is wrong is no path at all
        return Health(False, "token_invalid" if said.error in (401, 404) else "refused")
    webhook = untrusted.text(said.result.get("url")) or ""
    failing = bool(said.result.get("last_error_message")) and bool(
        untrusted.integer(said.result.get("pending_update_count"))
    )
    detail = "not_subscribed" if not webhook else "delivery_failing" if failing else "fine"
    return Health(detail == "fine", detail, webhook=webhook, subscribed=bool(webhook))


def fetch(account: Account, token: str, attachment: Attachment, *, limits: Limits = files.LIMITS) -> bytes | NotFetched:
    """The id leads to a path that is good for an hour. Its address holds the token and is never shown."""
    if attachment.id is None:
        return NotFetched(Missing.NO_FILE, "no_file_id")
    said = call(account, token, "getFile", {"file_id": attachment.id}, limits)
    if isinstance(said, Outcome):
        return NotFetched(Missing.UNAVAILABLE, said.reason or "unreadable_answer")
    if said.error is not None:
        too_large = "too big" in said.description
        missing = Missing.TOO_LARGE if too_large else Missing.GONE if said.error == 400 else Missing.UNAVAILABLE
        return NotFetched(missing, str(said.error))
    if (untrusted.integer(said.result.get("file_size")) or 0) > limits.answer_bytes:
        return NotFetched(Missing.TOO_LARGE, "answer_too_large")
    path = untrusted.text(said.result.get("file_path")) or ""
    if not _FILE_PATH.fullmatch(path):
        return NotFetched(Missing.UNAVAILABLE, "foreign_address")
    url = f"{graph.host_of(account, HOST)}/file/bot{token}/{quote(path)}"
    return files.body_of(files.got(url, files.HEADERS, limits))

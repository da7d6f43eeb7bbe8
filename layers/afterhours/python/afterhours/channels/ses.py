"""Sends a mail through Amazon SES: raw, with the headers of RFC 3834, once.

The function's own role signs; SES has no idempotency key. SES writes a Message-ID of its own around the id that it
answers with, which is kept as the platform's id.
"""

import json
import re
from email.errors import HeaderParseError
from email.headerregistry import Address, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache
from typing import Any

from afterhours import settings
from afterhours.channels.email_source import ADDRESS
from afterhours.channels.http import Answer
from afterhours.channels.sending import throttled
from afterhours.models import Account, Outcome, Outgoing, Result

CONNECT_S, READ_S = 3, 7
TEXT_LIMIT = 10_000
WAIT_S = 30

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_REPLY = re.compile(r"^(?:re|aw|sv|odg|vs|antw|tr|ref)\s*(?:\[\d+\])?\s*:\s*", re.IGNORECASE)
_ID = re.compile(r"<[!-;=?-~]{1,240}>")
# SES's codes -> our word, and whether the account is the trouble.
_REFUSALS = {
    "MailFromDomainNotVerifiedException": ("sender_unverified", True),
    "AccountSuspendedException": ("account_suspended", True),
    "SendingPausedException": ("sending_paused", True),
    "NotFoundException": ("identity_unknown", True),
    "AccessDeniedException": ("permission_missing", True),
    "AccessDenied": ("permission_missing", True),
    "ExpiredTokenException": ("token_invalid", True),
    "UnrecognizedClientException": ("token_invalid", True),
    "InvalidSignatureException": ("token_invalid", True),
    "InvalidClientTokenId": ("token_invalid", True),
    "BadRequestException": ("bad_request", False),
    "ValidationException": ("bad_request", False),
    "MessageRejected": ("message_rejected", False),
}
_NOT_NOW = {"TooManyRequestsException", "Throttling", "ThrottlingException", "LimitExceededException", "SlowDown"}


def send(account: Account, token: str, outgoing: Outgoing) -> Outcome:
    """Post once. Never raises for what SES or the network does."""
    if not outgoing.text.strip():
        return Outcome(result=Result.REFUSED, reason="empty")
    if len(outgoing.text) > TEXT_LIMIT:
        return Outcome(result=Result.REFUSED, reason="too_long")
    told = _told(outgoing.handle)
    to = _recipient(outgoing, told)
    if to is None:
        return Outcome(result=Result.REFUSED, reason="contact_unknown")
    if to == account.id:
        return Outcome(result=Result.REFUSED, reason="our_own")
    try:
        raw = _mail(account, to, outgoing, told).as_bytes()
    except (ValueError, HeaderParseError, IndexError):
        return Outcome(result=Result.REFUSED, reason="contact_unknown")
    return _posted(account, to, raw)


def _told(handle: str | None) -> dict[str, Any]:
    """What the answered mail left in the handle (email.py)."""
    try:
        told = json.loads(handle or "{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _recipient(outgoing: Outgoing, told: dict[str, Any]) -> str | None:
    """Automatic mails go to the envelope sender and nowhere else; people answer who wrote."""
    first = told.get("from") if outgoing.by_human else told.get("envelope")
    to = str(first or outgoing.to)
    return to if len(to) <= 254 and ADDRESS.fullmatch(to) else None


def _mail(account: Account, to: str, outgoing: Outgoing, told: dict[str, Any]) -> EmailMessage:
    """No header is made of a text that could end it."""
    mail = EmailMessage(policy=_policy())
    mail["From"] = Address(_plain(account.name), addr_spec=account.id)
    mail["To"] = Address(addr_spec=to)
    subject = _REPLY.sub("", _plain(str(told.get("subject") or "")))
    mail["Subject"] = f"Re: {subject or _plain(account.name) or account.id}"
    mail["Date"] = format_datetime(settings.now())
    ids = [each for each in told.get("ids") or () if isinstance(each, str) and _ID.fullmatch(each)]
    if ids:
        mail["In-Reply-To"] = ids[-1]
        mail["References"] = " ".join(ids)
    if not outgoing.by_human:
        mail["Auto-Submitted"] = "auto-replied"
        mail["X-Auto-Response-Suppress"] = "All"
    mail["X-Loop"] = account.id  # whatever brings it back to us is not answered
    mail["X-Afterhours-Id"] = outgoing.correlator  # comes back in a bounce
    mail.set_content(outgoing.text, charset="utf-8", cte="quoted-printable")
    return mail


class _Ids(UnstructuredHeader):
    """Message ids: folded between them, never encoded, as the library would do with long ones."""

    def fold(self: Any, *, policy: Any) -> str:
        return str(f"{self.name}: " + f"{policy.linesep} ".join(self.split()) + policy.linesep)


def _policy() -> Any:
    known: Any = HeaderRegistry()  # its stubs know no headers of others
    for name in ("in-reply-to", "references"):
        known.map_to_type(name, _Ids)
    return SMTP.clone(header_factory=known)


def _plain(text: str) -> str:
    return _CONTROLS.sub(" ", text).strip()[:200]


def _posted(account: Account, to: str, raw: bytes) -> Outcome:
    from botocore.exceptions import (  # with boto3 a third of a second, which no other channel needs
        BotoCoreError,
        ClientError,
        ConnectTimeoutError,
        EndpointConnectionError,
        NoCredentialsError,
        ParamValidationError,
        PartialCredentialsError,
        SSLError,
    )

    local = settings.load().local
    try:
        answer = _client(account.api_base if local else None).send_email(
            FromEmailAddress=account.id,
            Destination={"ToAddresses": [to]},
            Content={"Raw": {"Data": raw}},
        )
    except ClientError as error:
        return _refused(error.response)
    except (EndpointConnectionError, ConnectTimeoutError, SSLError) as error:
        return Outcome(result=Result.NOT_SENT, reason="unreachable", code=type(error).__name__)
    except (NoCredentialsError, PartialCredentialsError) as error:
        return Outcome(result=Result.NOT_SENT, reason="no_credentials", code=type(error).__name__)
    except ParamValidationError:
        return Outcome(result=Result.REFUSED, reason="bad_request")
    # After bytes went out: a time-out, a reset, an answer that cannot be read; botocore trips over JSON of other types.
    except (BotoCoreError, AttributeError, TypeError, KeyError, ValueError, RecursionError) as error:
        return Outcome(result=Result.UNKNOWN, reason="no_answer", code=type(error).__name__)
    message_id = answer.get("MessageId")
    if not isinstance(message_id, str) or not message_id:
        return Outcome(result=Result.UNKNOWN, reason="no_message_id")
    return Outcome(result=Result.SENT, platform_id=message_id[:200])


@cache
def _client(endpoint: str | None) -> Any:
    """Without a second attempt: SES would send twice."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"total_max_attempts": 1, "mode": "standard"}
    )
    return boto3.Session().client("sesv2", endpoint_url=endpoint, config=config)


def forget_clients() -> None:
    """Tests, and a changed environment."""
    _client.cache_clear()


def _refused(response: Any) -> Outcome:
    code = str(response.get("Error", {}).get("Code", ""))[:60]
    told = response.get("ResponseMetadata", {})
    status = int(told.get("HTTPStatusCode", 0))
    if code in _NOT_NOW or status == 429:
        return throttled(Answer(status, told.get("HTTPHeaders", {}), b""), WAIT_S, code)
    if 300 <= status < 400:
        return Outcome(result=Result.REFUSED, reason="redirected", code=code, account_problem=True)
    if code == "MessageRejected" and "not verified" in str(response.get("Error", {}).get("Message", "")).lower():
        return Outcome(result=Result.REFUSED, reason="address_unverified", code=code, account_problem=True)
    if code in _REFUSALS and 400 <= status < 500:
        reason, account_problem = _REFUSALS[code]
        return Outcome(result=Result.REFUSED, reason=reason, code=code, account_problem=account_problem)
    if 400 <= status < 500:
        account_problem = status in (401, 403)
        reason = "permission_missing" if account_problem else "bad_request"
        return Outcome(result=Result.REFUSED, reason=reason, code=code, account_problem=account_problem)
    return Outcome(result=Result.UNKNOWN, reason="temporary", code=code or str(status))

"""GET /api/threads/{thread}/attachments/{event}/{index}: what a customer sent, for the agent who asks for it.

Apart from agent_api because it holds the platforms' tokens. The bytes are fetched anew each time and kept nowhere; a
mail's are read out of the mail, as long as that is kept. A picture may be shown where it stands, everything else is a
download; neither may run anything.
"""

import base64
import re
import unicodedata
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Any, cast
from urllib.parse import quote, unquote, urlsplit

import access
from access import Problem
from afterhours import channels, settings
from afterhours.channels import email
from afterhours.channels.contract import Fetching, Missing, NotFetched
from afterhours.counts import count
from afterhours.models import Attachment
from afterhours.pictures import picture_type
from afterhours.stores import config, mails, secrets
from afterhours.stores.threads import Threads, thread_name
from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError
from calls import Response, refused

logger = Logger(service="attachments")

LONGEST_NAME = 100
HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox; default-src 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
}

_EVENT = re.compile(r"E#[0-9]{13}#I#[0-9A-Za-z]{1,64}")
_INDEX = re.compile(r"[0-9]{1,2}")
_SEPARATORS = re.compile(r'[\\/:*?"<>|]')  # what parts a path or means something to a shell or a file system

UNKNOWN = Problem(HTTPStatus.NOT_FOUND, "unknown_attachment", "There is no such file; look at the thread again.")
OUT_OF_REACH = Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "The service is out of reach. Try again.")
IN_THE_APP = "open it in the platform's own app."
PROBLEMS = {
    missing: Problem(status, code, f"{detail} {IN_THE_APP}")
    for missing, status, code, detail in (
        (Missing.NO_FILE, HTTPStatus.NOT_FOUND, "unknown_attachment", "The platform keeps no file of it;"),
        (Missing.GONE, HTTPStatus.GONE, "gone", "The platform has it no more, or its link has expired;"),
        (Missing.TOO_LARGE, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", "It has more than 4 MB;"),
        (Missing.UNAVAILABLE, HTTPStatus.BAD_GATEWAY, "unavailable", "The platform keeps it back now; try again, or"),
    )
}
PROBLEMS_OF_MAILS = PROBLEMS | {
    Missing.NO_FILE: UNKNOWN,
    Missing.GONE: Problem(HTTPStatus.GONE, "gone", "The mail is no longer kept; ask the customer to send it again."),
    Missing.TOO_LARGE: Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", "It has more than 4 MB; ask for it in another way."
    ),
}


def lambda_handler(event: dict[str, Any], context: object) -> Response:
    try:
        return _attachment(event)
    except Problem as problem:
        return refused(problem)
    except (BotoCoreError, ClientError, config.AnswerCut, secrets.SecretsUnavailable):
        logger.exception("failed")
        count("attachments", "Failed")
        return refused(OUT_OF_REACH)


def _attachment(event: dict[str, Any]) -> Response:
    """Raises Problem for who may not, and for a thread that is not theirs."""
    asked = event["pathParameters"]
    jwt = event["requestContext"].get("authorizer", {}).get("jwt", {})
    agent = access.agent_of(jwt.get("claims", {}))
    threads = Threads(settings.load().threads_table)
    pk, _ = access.thread_of(agent, threads, asked["thread"])
    stored = _stored(threads, pk, unquote(asked["event"]), asked["index"])
    if stored is None:
        return refused(UNKNOWN)
    attachment, mail_key = stored
    found = _in_the_mail(mail_key, attachment) if mail_key else _fetched(pk, attachment)
    told = {"agent": agent.id, "thread_id": thread_name(pk)}
    if isinstance(found, NotFetched):
        logger.info("not fetched", extra={**told, "why": found.missing, "reason": found.reason})
        count("attachments", "NotFetched")
        return refused((PROBLEMS_OF_MAILS if mail_key else PROBLEMS)[found.missing])
    logger.info("fetched", extra={**told, "bytes": len(found)})
    count("attachments", "Fetched")
    return _answer(found, attachment)


def _stored(threads: Threads, pk: str, sk: str, index: str) -> tuple[Attachment, str | None] | None:
    """What the event says of its attachment of this number, and the mail that it came with."""
    if not _EVENT.fullmatch(sk) or not _INDEX.fullmatch(index):
        return None
    event = threads.get(pk, sk) or {}
    attachments = event.get("attachments", [])
    if int(index) >= len(attachments):
        return None
    return Attachment.model_validate(attachments[int(index)]), event.get("mail_key")


def _in_the_mail(key: str, attachment: Attachment) -> bytes | NotFetched:
    try:
        return email.file_of(mails.whole(key), attachment)
    except mails.Gone:
        return NotFetched(Missing.GONE, "mail")


def _fetched(pk: str, attachment: Attachment) -> bytes | NotFetched:
    _, name, account_id, _ = pk.split("#")
    channel = channels.channel(name)
    if "attachments" not in channel.CAPABILITIES:
        return NotFetched(Missing.NO_FILE, "no_capability")
    account = config.account(name, account_id)
    if account is None:
        return NotFetched(Missing.UNAVAILABLE, "account_not_connected")
    token = secrets.token(channels.token_holder(name), account_id)
    return cast(Fetching, channel).fetch(account, token or "", attachment)


def _answer(body: bytes, attachment: Attachment) -> Response:
    shown_as = picture_type(body)
    headers = {
        **HEADERS,
        "content-type": shown_as or "application/octet-stream",
        "content-disposition": "inline" if shown_as else _as_download(attachment),
    }
    encoded = base64.b64encode(body).decode("ascii")
    return {"statusCode": HTTPStatus.OK, "headers": headers, "body": encoded, "isBase64Encoded": True}


def _as_download(attachment: Attachment) -> str:
    """The header of RFC 6266: the name in ASCII, and whole for whoever reads the other form."""
    name = _file_name(attachment)
    plain = re.sub("[^ -~]|%", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _file_name(attachment: Attachment) -> str:
    """The first name that says something; an address says one only where the file was fetched from it."""
    address = "" if attachment.id else unquote(urlsplit(attachment.url or "").path)
    given = (attachment.name or "", PurePosixPath(address).name, attachment.type)
    return next((name for name in map(_harmless, given) if name), "attachment")


def _harmless(name: str) -> str:
    """Without paths, controls and signs that turn the direction of writing; the ending survives the cut."""
    kept = "".join(sign for sign in name if unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    parts = PurePosixPath(_SEPARATORS.sub("_", kept).strip(" ."))
    return f"{parts.stem[:LONGEST_NAME]}{parts.suffix[:20]}"

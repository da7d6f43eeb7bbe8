"""Our own web chat: a session, messages in, replies out by polling.

POST /webchat/{site}/session    {"user_token"?, "locale"?} -> 201 {"visitor_id","session","expires_at"}
POST /webchat/{site}/messages   Bearer session, {"client_message_id","text","type"?,"sent_at"?,"quick_reply_id"?}
                                -> 202 {"message_id","poll_after_s"}; a copy gets the same answer and is dropped by the
                                worker, also one with another text: nothing is read here, so there is no 409
GET  /webchat/{site}/messages   Bearer session, ?after=<cursor> -> 200 {"messages","cursor","poll_after_s"}, a message
                                being {"id","at","from","text","quick_replies": [{"id","title"}]}; pages overlap, the
                                page knows what it has by id; a new "session" comes along when half of it is over.
                                A tapped button is a message with its title as text and its id as quick_reply_id
"""

import json
import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from afterhours import gateway, settings
from afterhours.channels import untrusted, webchat
from afterhours.channels.contract import MalformedPayload
from afterhours.channels.webchat_session import SESSION_MS, Visitor, make_session, read_session, read_user_token
from afterhours.counts import count
from afterhours.stores import queues, secrets
from afterhours.stores.ratings import VIA
from afterhours.stores.threads import Threads, thread_key, ulid_ms
from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

BODY_LIMIT = 16 * 1024
PAGE = 50
OVERLAP_MS = 30_000  # a reply may be stored a little later than the time it bears
EARLIEST_MS, LATEST_MS = 600_000, 300_000  # how far a page's clock may be off before it is ignored

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}")
_QUICK_REPLY = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_CURSOR = re.compile(r"[0-9]{1,13}")

logger = Logger(service="webchat")

Response = dict[str, Any]
T = TypeVar("T")


class Refusal(Exception):
    """The request is not served; `code` and `message` tell the page's author why."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


class Call(NamedTuple):
    """A request to a site that exists, from an origin that it allows."""

    site: str
    secrets: list[str]
    headers: Mapping[str, str]
    event: Mapping[str, Any]
    now_ms: int


def lambda_handler(event: dict[str, Any], context: object) -> Response:
    try:
        return ROUTES[event["routeKey"]](_call(event))
    except Refusal as refusal:
        logger.info("refused", extra={"status": refusal.status, "code": refusal.code})
        return _answer(refusal.status, {"error": {"code": refusal.code, "message": refusal.message}})
    except (secrets.SecretsUnavailable, queues.NotEnqueued, BotoCoreError, ClientError) as error:
        logger.exception("failed", extra={"trouble": type(error).__name__})
        count("webchat", "Failed")
        return _answer(503, {"error": {"code": "unavailable", "message": "try again"}})


def _start(call: Call) -> Response:
    body = _json(call)
    locale = _matching(body, "locale", _LOCALE)
    if body.get("user_token") is None:
        visitor = Visitor(f"v_{os.urandom(16).hex()}")
    else:
        visitor = _known_user(call, str(body["user_token"]))
    session = _session(call, visitor._replace(locale=locale))
    logger.info("session started", extra={"site": call.site})
    return _answer(201, {"visitor_id": visitor.contact_id, **session})


def _write(call: Call) -> Response:
    visitor, _ = _visitor(call)
    body = _json(call)
    piece = _piece(call, visitor, body)
    envelope = {"v": 1, "type": "event", "source": webchat.SOURCE, "app": call.site, "received_ms": call.now_ms}
    queues.send_inbound([json.dumps({**envelope, "piece": piece}, separators=(",", ":"))])
    message_id = webchat.message_id(call.site, visitor.contact_id, piece["client_message_id"])
    logger.info("received", extra={"site": call.site, "message_id": message_id})
    count("webchat", "Received")
    return _answer(202, {"message_id": message_id, "poll_after_s": 2})


def _read(call: Call) -> Response:
    visitor, expires_ms = _visitor(call)
    after = (call.event.get("queryStringParameters") or {}).get("after", "0")
    if not _CURSOR.fullmatch(after):
        raise Refusal(400, "after", "after is a cursor of ours")
    pk = thread_key(secrets.pepper(), "webchat", call.site, visitor.contact_id)
    items = Threads(settings.load().threads_table).recent(pk, PAGE)
    told = sorted((reply for item in items if (reply := _reply(item))), key=lambda reply: reply["at"])
    new = [reply for reply in told if reply["at"] >= int(after) - OVERLAP_MS]
    cursor = max([int(after), *(reply["at"] for reply in new)])
    renewed = _session(call, visitor) if expires_ms - call.now_ms < SESSION_MS // 2 else {}
    return _answer(200, {"messages": new, "cursor": str(cursor), "poll_after_s": _pause(call, items), **renewed})


ROUTES: dict[str, Callable[[Call], Response]] = {
    "POST /webchat/{site}/session": _start,
    "POST /webchat/{site}/messages": _write,
    "GET /webchat/{site}/messages": _read,
}


def _call(event: Mapping[str, Any]) -> Call:
    site = str((event.get("pathParameters") or {}).get("site", ""))
    credentials = secrets.app_credentials(webchat.SOURCE, site)
    if credentials is None:
        raise Refusal(404, "site", "no such site")
    headers = gateway.headers(event)
    origins = credentials.get("origins")
    # A filter for other sites' pages, no authentication: whoever writes own requests writes this header too.
    if origins and "origin" in headers and headers["origin"] not in origins:
        raise Refusal(403, "origin", "this origin may not use the site")
    return Call(site, secrets.usable(credentials), headers, event, settings.now_ms())


def _known_user(call: Call, token: str) -> Visitor:
    user = _verified(call, lambda keys: read_user_token(token, call.site, keys, call.now_ms))
    if user is None:
        raise Refusal(401, "user_token", "the user token is not valid")
    return user


def _visitor(call: Call) -> tuple[Visitor, int]:
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    session = _verified(call, lambda keys: read_session(token, call.site, keys, call.now_ms))
    if session is None or scheme.lower() != "bearer":
        raise Refusal(401, "session", "the session is missing or over; start a new one")
    return session


def _verified(call: Call, read: Callable[[list[str]], T | None]) -> T | None:
    """What the token says; the secrets are read again, at most once in 30 s: they may just have been rotated."""
    found = read(call.secrets)
    if found is None and (renewed := secrets.refetch(webchat.SOURCE, call.site)):
        return read(secrets.usable(renewed))
    return found


def _session(call: Call, visitor: Visitor) -> dict[str, str]:
    expires_ms = call.now_ms + SESSION_MS
    expires_at = datetime.fromtimestamp(expires_ms / 1000, UTC).isoformat(timespec="seconds")
    return {"session": make_session(call.site, visitor, expires_ms, call.secrets[0]), "expires_at": expires_at}


def _json(call: Call) -> dict[str, Any]:
    """The body's object; an empty body is an empty object."""
    try:
        raw = gateway.raw_body(call.event, BODY_LIMIT)
        if not raw:
            return {}
        if call.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refusal(415, "content_type", "send application/json")
        body = untrusted.loads(raw)
    except gateway.BodyTooLarge as error:
        raise Refusal(413, "too_large", f"at most {BODY_LIMIT} bytes") from error
    except (gateway.BodyUnreadable, MalformedPayload) as error:
        raise Refusal(400, "malformed", "not JSON") from error
    if not isinstance(body, dict):
        raise Refusal(400, "malformed", "not a JSON object")
    return body


def _piece(call: Call, visitor: Visitor, body: Mapping[str, Any]) -> dict[str, Any]:
    """The message as the channel reads it; who wrote it is the session's word, never the body's."""
    if body.get("type", "text") != "text":
        raise Refusal(400, "type", "only text")
    client_message_id = _client_message_id(body)
    piece = {
        "site": call.site,
        "visitor_id": visitor.contact_id,
        "client_message_id": client_message_id,
        "text": _text(body),
        "sent_ms": _sent_ms(client_message_id, body, call.now_ms),
        "quick_reply_id": _matching(body, "quick_reply_id", _QUICK_REPLY),
        "name": visitor.name,
        "email": visitor.email,
        "locale": visitor.locale,
    }
    return {name: value for name, value in piece.items() if value is not None}


def _client_message_id(body: Mapping[str, Any]) -> str:
    given = str(body.get("client_message_id", ""))
    for pattern, written in ((_UUID, given.lower()), (_ULID, given.upper())):
        if pattern.fullmatch(written):
            return written
    raise Refusal(400, "client_message_id", "a UUID or ULID, the same for every copy of a message")


def _text(body: Mapping[str, Any]) -> str:
    text = body.get("text")
    if not isinstance(text, str) or not text.strip() or len(text) > webchat.TEXT_LIMIT:
        raise Refusal(400, "text", f"1 to {webchat.TEXT_LIMIT} characters")
    return text


def _sent_ms(client_message_id: str, body: Mapping[str, Any], now_ms: int) -> int | None:
    """When the page says it was written: the same for every copy, so never our clock. None where it says nothing
    credible."""
    if _ULID.fullmatch(client_message_id):
        sent_ms: int | None = ulid_ms(client_message_id)
    elif client_message_id[14] == "7":  # the version of a UUID that begins with its time
        sent_ms = int(client_message_id[:8] + client_message_id[9:13], 16)
    else:
        sent_ms = untrusted.time_ms(body.get("sent_at"))
    credible = sent_ms is not None and now_ms - EARLIEST_MS <= sent_ms <= now_ms + LATEST_MS
    return sent_ms if credible else None


def _matching(body: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str | None:
    value = body.get(name)
    if value is not None and not (isinstance(value, str) and pattern.fullmatch(value)):
        raise Refusal(400, name, f"{name} is malformed")
    return value


def _reply(item: Mapping[str, Any]) -> dict[str, Any] | None:
    """What an item of the thread tells the visitor: an automatic reply lies on the message that it answers."""
    if item.get("reply") != "sent":
        return None
    name = item["sk"].rpartition("#")[2]
    answers = "#I#" in item["sk"]
    automatic = answers or item.get("via") == VIA
    return {
        "id": f"{name}-auto" if answers else name,  # the bare id is the visitor's own message
        "at": item["reply_at"],
        "from": "auto" if automatic else "agent",
        "text": item["reply_text"],
        "quick_replies": item.get("quick_replies", []),
    }


def _pause(call: Call, items: list[dict[str, Any]]) -> int:
    """Seconds until it is worth asking again: soon in a lively thread."""
    newest = max((item.get("reply_at") or int(item["sk"].split("#")[1]) for item in items), default=0)
    quiet_ms = call.now_ms - newest
    return 3 if quiet_ms < 120_000 else 10 if quiet_ms < 900_000 else 30


def _answer(status: int, body: dict[str, Any]) -> Response:
    headers = {"content-type": "application/json", "cache-control": "no-store", "x-content-type-options": "nosniff"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body), "isBase64Encoded": False}

"""GET|POST /hook/{source}/{app}: verify, split, enqueue, 200. Nothing else, ever (DESIGN 3.1).

Loads neither pydantic nor requests: a cold start here is time that a platform waits.
"""

import base64
import hashlib
import json
import os
from datetime import UTC, datetime
from typing import Any

from afterhours import channels, gateway, settings
from afterhours.channels.contract import Request, Source
from afterhours.counts import count
from afterhours.stores import queues, secrets
from aws_lambda_powertools import Logger

BODY_LIMIT = 4 * 1024 * 1024
MESSAGE_LIMIT = 200 * 1024

logger = Logger(service="webhook")
# Stands in for an unknown app, so that its refusal takes the same path and the same time.
_NOBODY = {"secrets": [os.urandom(32).hex()], "verify_token": os.urandom(32).hex()}

Response = dict[str, Any]


def lambda_handler(event: dict[str, Any], context: object) -> Response:
    method = event["requestContext"]["http"]["method"]
    path = event.get("pathParameters") or {}
    source_name, app = str(path.get("source", "")), str(path.get("app", ""))
    if method not in ("GET", "POST"):
        return _answer(405, "method not allowed")
    if source_name not in channels.SOURCES:
        return _refused()
    source = channels.source(source_name)
    try:
        body = gateway.raw_body(event, BODY_LIMIT) if method == "POST" else b""
    except gateway.BodyTooLarge:
        logger.info("refused", extra={"reason": "too_large"})
        count("webhook", "Refused")
        return _answer(413, "too large")
    except gateway.BodyUnreadable:
        return _refused()
    request = Request(method, gateway.headers(event), event.get("queryStringParameters") or {}, body)
    try:
        return (_shake_hands if method == "GET" else _receive)(source, source_name, app, request)
    except (secrets.SecretsUnavailable, queues.NotEnqueued) as error:
        logger.exception("failed", extra={"source": source_name, "trouble": type(error).__name__})
        count("webhook", "Failed")
        return _answer(503, "unavailable")


def _shake_hands(source: Source, source_name: str, app: str, request: Request) -> Response:
    credentials = secrets.app_credentials(source_name, app)
    answer = source.handshake(request, _NOBODY if credentials is None else credentials)
    if answer.status != 200 and (renewed := secrets.refetch(source_name, app)):
        answer = source.handshake(request, renewed)
    logger.info("handshake answered", extra={"source": source_name, "status": answer.status})
    return _answer(answer.status, answer.body, answer.content_type)


def _receive(source: Source, source_name: str, app: str, request: Request) -> Response:
    if not _is_signed(source, source_name, app, request):
        return _refused()
    envelope = {"v": 1, "source": source_name, "app": app, "received_ms": settings.now_ms()}
    try:
        messages = [_ascii({**envelope, "type": "event", "piece": piece}) for piece in source.split(request.body)]
    except Exception as error:  # noqa: BLE001 - whatever a verified body trips, the platform would only send it again
        messages = [_ascii({**envelope, "type": "raw", "body_b64": base64.b64encode(request.body).decode()})]
        logger.warning("malformed", extra={"source": source_name, "app": app, "trouble": type(error).__name__})
        count("webhook", "Malformed")
    queues.send_inbound([_small(message, envelope) for message in messages])
    logger.info("received", extra={"source": source_name, "app": app, "events": len(messages)})
    if messages:
        count("webhook", "Received", len(messages))
    return _answer(200, "ok")


def _is_signed(source: Source, source_name: str, app: str, request: Request) -> bool:
    """Also reads the secrets again, at most once in 30 s: they may just have been rotated."""
    credentials = secrets.app_credentials(source_name, app)
    signed = source.verify(request, secrets.usable(_NOBODY if credentials is None else credentials))
    if credentials is None:
        return False
    if not signed and (renewed := secrets.refetch(source_name, app)):
        return source.verify(request, secrets.usable(renewed))
    return signed


def _small(message: str, envelope: dict[str, Any]) -> str:
    """The message itself if a queue takes it, else one with the key of the object that holds it."""
    if len(message) <= MESSAGE_LIMIT:
        return message
    body = message.encode("ascii")
    day = datetime.fromtimestamp(envelope["received_ms"] / 1000, UTC)
    key = f"{envelope['source']}/{day:%Y/%m/%d}/{hashlib.sha256(body).hexdigest()}"
    queues.put_overflow(key, body)
    return _ascii({**envelope, "type": "overflow", "key": key})


def _ascii(message: dict[str, Any]) -> str:
    return json.dumps(message, separators=(",", ":"))


def _refused() -> Response:
    """One and the same whatever was wrong, also for apps that do not exist."""
    logger.info("refused", extra={"reason": "signature"})
    count("webhook", "Refused")
    return _answer(401, "unauthorized")


def _answer(status: int, body: str, content_type: str = "text/plain; charset=utf-8") -> Response:
    headers = {"content-type": content_type, "x-content-type-options": "nosniff"}
    return {"statusCode": status, "headers": headers, "body": body, "isBase64Encoded": False}

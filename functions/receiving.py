"""A request to /hook/{source}/{app}, read and verified, and what it delivers put on the inbound queue (DESIGN 3.1).

Shared by webhook and answer. Loads neither pydantic nor requests: a cold start here is time that a platform waits.
"""

import base64
import hashlib
import json
import os
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any, NamedTuple

from afterhours import channels, gateway, settings
from afterhours.channels.contract import Piece, Request, Source
from afterhours.counts import count
from afterhours.stores import queues, secrets
from aws_lambda_powertools import Logger

BODY_LIMIT = 4 * 1024 * 1024
MESSAGE_LIMIT = 200 * 1024

# Stands in for an unknown app, so that its refusal takes the same path and the same time.
_NOBODY = {"secrets": [os.urandom(32).hex()], "verify_token": os.urandom(32).hex()}

Response = dict[str, Any]
Credentials = dict[str, Any]  # an app's record


class Hook(NamedTuple):
    """One request, and the log of the function that it came to."""

    logger: Logger
    source_name: str
    app: str
    source: Source
    request: Request

    @property
    def envelope(self) -> dict[str, Any]:
        """What every message of this delivery has on the inbound queue."""
        return {"v": 1, "source": self.source_name, "app": self.app, "received_ms": settings.now_ms()}


Receive = Callable[[Hook, Credentials], Response]
Admit = Callable[[Hook], bool]  # whether a signed request may come now


def respond(
    logger: Logger,
    event: dict[str, Any],
    sources: Collection[str],
    receive: Receive,
    admit: Admit = lambda _: True,
) -> Response:
    """Answer a request of these sources: the handshake here, a verified delivery by `receive`."""
    method = event["requestContext"]["http"]["method"]
    path = event.get("pathParameters") or {}
    source_name, app = str(path.get("source", "")), str(path.get("app", ""))
    if method not in ("GET", "POST"):
        return answer(405, "method not allowed")
    if source_name not in sources:
        return refused(logger)
    try:
        body = gateway.raw_body(event, BODY_LIMIT) if method == "POST" else b""
    except gateway.BodyTooLarge:
        logger.info("refused", extra={"reason": "too_large"})
        count("webhook", "Refused")
        return answer(413, "too large")
    except gateway.BodyUnreadable:
        return refused(logger)
    request = Request(method, gateway.headers(event), event.get("queryStringParameters") or {}, body)
    hook = Hook(logger, source_name, app, channels.source(source_name), request)
    try:
        return _shake_hands(hook, admit) if method == "GET" else _receive(hook, receive, admit)
    except (secrets.SecretsUnavailable, queues.NotEnqueued) as error:
        logger.exception("failed", extra={"source": source_name, "trouble": type(error).__name__})
        count("webhook", "Failed")
        return answer(503, "unavailable")


def _shake_hands(hook: Hook, admit: Admit) -> Response:
    credentials = secrets.app_credentials(hook.source_name, hook.app)
    said = hook.source.handshake(hook.request, _NOBODY if credentials is None else credentials)
    if said.status != 200 and (renewed := secrets.refetch(hook.source_name, hook.app)):
        said = hook.source.handshake(hook.request, renewed)
    if said.status == 200 and not admit(hook):
        return refused(hook.logger)
    hook.logger.info("handshake answered", extra={"source": hook.source_name, "status": said.status})
    return answer(said.status, said.body, said.content_type)


def _receive(hook: Hook, receive: Receive, admit: Admit) -> Response:
    credentials = _signed_with(hook)
    if credentials is None or not admit(hook):
        return refused(hook.logger)
    return receive(hook, credentials)


def _signed_with(hook: Hook) -> Credentials | None:
    """The record of the app that signed; None where nobody did. Also reads the record again, at most once in 30 s: its
    secrets may just have been rotated."""
    credentials = secrets.app_credentials(hook.source_name, hook.app)
    signed = hook.source.verify(hook.request, secrets.usable(_NOBODY if credentials is None else credentials))
    if credentials is None or signed:
        return credentials
    renewed = secrets.refetch(hook.source_name, hook.app)
    return renewed if renewed and hook.source.verify(hook.request, secrets.usable(renewed)) else None


def pieces_of(hook: Hook, body: bytes) -> list[Piece] | None:
    """The events of a verified body; None where it is not understood."""
    try:
        return hook.source.split(body)
    except Exception as error:  # noqa: BLE001 - whatever a verified body trips, the platform would only send it again
        trouble = type(error).__name__
        hook.logger.warning("malformed", extra={"source": hook.source_name, "app": hook.app, "trouble": trouble})
        count("webhook", "Malformed")
        return None


def accept(hook: Hook, body: bytes, pieces: list[Piece] | None) -> None:
    """Put a delivery on the inbound queue, whole where it is not understood. Raises NotEnqueued."""
    envelope = hook.envelope
    if pieces is None:
        messages = [_ascii({**envelope, "type": "raw", "body_b64": base64.b64encode(body).decode()})]
    else:
        messages = [_ascii({**envelope, "type": "event", "piece": piece}) for piece in pieces]
    queues.send_inbound([_small(message, envelope) for message in messages])
    hook.logger.info("received", extra={"source": hook.source_name, "app": hook.app, "events": len(messages)})
    if messages:
        count("webhook", "Received", len(messages))


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


def refused(logger: Logger) -> Response:
    """One and the same whatever was wrong, also for apps that do not exist."""
    logger.info("refused", extra={"reason": "signature"})
    count("webhook", "Refused")
    return answer(401, "unauthorized")


def answer(status: int, body: str, content_type: str = "text/plain; charset=utf-8") -> Response:
    headers = {"content-type": content_type, "x-content-type-options": "nosniff"}
    return {"statusCode": status, "headers": headers, "body": body, "isBase64Encoded": False}

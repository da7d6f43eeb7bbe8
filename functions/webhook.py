"""GET|POST /hook/{source}/{app}: verify, split, enqueue, 200. Nothing else, ever (DESIGN 3.1); `receiving` does it.

Loads neither pydantic nor requests: a cold start here is time that a platform waits.
"""

from typing import Any

import receiving
from afterhours import channels
from aws_lambda_powertools import Logger
from receiving import Credentials, Hook, Response

logger = Logger(service="webhook")


def lambda_handler(event: dict[str, Any], context: object) -> Response:
    return receiving.respond(logger, event, set(channels.SOURCES) - channels.ANSWERED_AT_ONCE, _receive)


def _receive(hook: Hook, credentials: Credentials) -> Response:
    body = hook.request.body
    receiving.accept(hook, body, receiving.pieces_of(hook, body))
    return receiving.answer(200, "ok")

"""The source of Telegram's webhooks: one bot an app, one update a delivery.

Runs in the webhook function: stdlib only. Contract: platforms/telegram.md, sections 1 to 4. The secret comes in clear
in a header and binds nothing to the body, so TLS alone protects it.
"""

import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from afterhours.channels import untrusted
from afterhours.channels.contract import Answer, MalformedPayload, Piece, Request

HEADER = "x-telegram-bot-api-secret-token"
DELETED = "deleted_business_messages"
# What says by itself what it is, should the update's number be missing.
_NUMBERLESS = (
    *("message", "edited_message", "channel_post", "edited_channel_post", "callback_query"),
    *("business_message", "edited_business_message"),
)


def handshake(request: Request, credentials: Mapping[str, Any]) -> Answer:
    """There is none: setWebhook is a call of ours."""
    return Answer(405, "method not allowed")


def verify(request: Request, secrets: Sequence[str]) -> bool:
    given = request.headers.get(HEADER)
    if not isinstance(given, str) or isinstance(secrets, str) or not isinstance(secrets, Sequence):
        return False
    matched = False
    for secret in secrets:  # all of them, so that the time taken does not tell which one matched
        if isinstance(secret, str) and secret:
            pair = (secret.encode("utf-8", "surrogatepass"), given.encode("utf-8", "surrogatepass"))
            matched |= hmac.compare_digest(*pair)
    return matched


def sign(body: bytes, secret: str) -> dict[str, str]:
    return {HEADER: secret}


def split(body: bytes) -> list[Piece]:
    """The update itself; of messages that were deleted together one piece each."""
    update = untrusted.loads(body)
    if not isinstance(update, dict) or not is_update(update):
        raise MalformedPayload("no update")
    deleted = untrusted.mapping(update.get(DELETED))
    ids = untrusted.items(deleted.get("message_ids"))
    if len(ids) < 2:
        return [update]
    return [{**update, DELETED: {**deleted, "message_ids": [one]}} for one in ids]


def is_update(piece: Piece) -> bool:
    return untrusted.integer(piece.get("update_id")) is not None or any(
        untrusted.mapping(piece.get(one)) for one in _NUMBERLESS
    )


def channel_of(piece: Piece) -> str:
    return "telegram"

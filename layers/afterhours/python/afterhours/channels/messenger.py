"""Facebook Messenger: one piece in, an event out; a text in, a request out.

Contract: platforms/meta.md, section 2.
"""

from datetime import timedelta
from typing import Any

from afterhours.channels import graph, graph_health, graph_media, meta_messaging
from afterhours.channels.contract import Health, Piece
from afterhours.channels.http import LIMITS, Limits
from afterhours.models import Account, Event, Outcome, Outgoing

ONE_ACCOUNT = False
CHANNEL = "messenger"
TEXT_LIMIT = 2000
TEXT_UNIT = "code_points"
WINDOW: timedelta | None = timedelta(hours=24)
HUMAN_WINDOW: timedelta | None = timedelta(days=7)  # with the HUMAN_AGENT tag
CAPABILITIES = frozenset({"quick_replies", "receipts", "correlator", "attachments"})

fetch = graph_media.fetch_by_address


def normalise(piece: Piece) -> Event:
    """Read one piece. Raises MalformedPayload where no message stands in it."""
    return meta_messaging.read(CHANNEL, piece)


def text_units(text: str) -> int:
    return len(text)


def send(account: Account, token: str, outgoing: Outgoing, *, limits: Limits = LIMITS) -> Outcome:
    """Post once. `metadata` comes back in the echo."""
    payload: dict[str, Any] = {
        "recipient": {"id": outgoing.to},
        "messaging_type": "RESPONSE",
        **meta_messaging.human_agent_tag(outgoing),
        "message": {**meta_messaging.message(outgoing), "metadata": outgoing.correlator},
    }
    if outgoing.reply_to_id:
        payload["reply_to"] = {"mid": outgoing.reply_to_id}
    return graph.refusal(outgoing.text, text_units(outgoing.text), TEXT_LIMIT) or graph.post_message(
        account, token, host=graph.FACEBOOK, node=account.id, payload=payload, limits=limits
    )


def health(account: Account, token: str) -> Health:
    return graph_health.of_page(account, token, "messages")

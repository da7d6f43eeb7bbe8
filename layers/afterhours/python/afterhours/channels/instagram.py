"""Instagram messages: one piece in, an event out; a text in, a request out.

An account is reached through its Facebook Page or by Instagram Login: the same payloads on different hosts.
Contract: platforms/meta.md, section 4.
"""

from datetime import timedelta
from typing import Any

from afterhours.channels import graph, graph_health, graph_media, meta_messaging
from afterhours.channels.contract import Health, Piece
from afterhours.channels.http import LIMITS, Limits
from afterhours.models import Account, Event, Outcome, Outgoing, Result

ONE_ACCOUNT = False
CHANNEL = "instagram"
TEXT_LIMIT = 1000
TEXT_UNIT = "bytes"
WINDOW: timedelta | None = timedelta(hours=24)
HUMAN_WINDOW: timedelta | None = timedelta(days=7)  # with the HUMAN_AGENT tag
CAPABILITIES = frozenset({"quick_replies", "receipts", "attachments"})  # no correlator: echoes are known by `mid`

fetch = graph_media.fetch_by_address


def normalise(piece: Piece) -> Event:
    """Read one piece. Raises MalformedPayload where no message stands in it."""
    return meta_messaging.read(CHANNEL, piece)


def text_units(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def send(account: Account, token: str, outgoing: Outgoing, *, limits: Limits = LIMITS) -> Outcome:
    """Post once."""
    if refused := graph.refusal(outgoing.text, text_units(outgoing.text), TEXT_LIMIT):
        return refused
    by_page = account.login != "instagram"
    node = account.page_id if by_page else account.id
    if not node:
        return Outcome(result=Result.REFUSED, reason="account_without_page", account_problem=True)
    payload: dict[str, Any] = {
        "recipient": {"id": outgoing.to},
        **meta_messaging.human_agent_tag(outgoing),
        "message": meta_messaging.message(outgoing),
    }
    host = graph.FACEBOOK if by_page else graph.INSTAGRAM
    return graph.post_message(account, token, host=host, node=node, payload=payload, limits=limits)


def health(account: Account, token: str) -> Health:
    return graph_health.of_instagram(account, token, "messages")

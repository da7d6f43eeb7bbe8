"""Our own web chat: messages come from functions/webchat.py, replies are read there.

A piece is {"site","visitor_id","client_message_id","text","sent_ms"?,"quick_reply_id"?,"name"?,"email"?,"locale"?},
put together by us out of a verified session. Sending is storing: the page reads the thread.
"""

from afterhours.channels.contract import MalformedPayload, Piece
from afterhours.models import Account, Event, Kind, Outcome, Outgoing, Result, event_key

SOURCE = "webchat"
ONE_ACCOUNT = False
TEXT_LIMIT = 4000
TEXT_UNIT = "code_points"
WINDOW = None
HUMAN_WINDOW = None
CAPABILITIES = frozenset({"in_process", "quick_replies"})  # no platform, no token; the page shows the buttons


def normalise(piece: Piece) -> Event:
    """Read one piece. Raises MalformedPayload."""
    try:
        site, visitor, client_message_id = piece["site"], piece["visitor_id"], piece["client_message_id"]
        return Event(
            channel="webchat",
            account_id=site,
            kind=Kind.MESSAGE,
            event_id=message_id(site, visitor, client_message_id),
            sender_id=visitor,
            recipient_id=site,
            contact_ids=(visitor,),
            contact_name=piece.get("name"),
            text=piece["text"],
            message_id=client_message_id,
            timestamp_ms=piece.get("sent_ms"),
            payload=piece.get("quick_reply_id"),
            locale=piece.get("locale"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedPayload("webchat piece") from error


def message_id(site: str, visitor: str, client_message_id: str) -> str:
    """The same for every copy of a message; the page may see it, it holds nothing."""
    return event_key(site, visitor, client_message_id)


def text_units(text: str) -> int:
    return len(text)


def send(account: Account, token: str, outgoing: Outgoing) -> Outcome:
    """The commit that follows is the delivery."""
    return Outcome(result=Result.SENT, platform_id=outgoing.correlator)

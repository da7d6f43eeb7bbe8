"""Parley, a platform that does not exist: one message in, an event out; a text in, a request out."""

from datetime import timedelta

from afterhours.channels import graph, untrusted
from afterhours.channels.contract import MalformedPayload, Piece
from afterhours.channels.http import LIMITS, Limits
from afterhours.channels.sending import posted, throttled
from afterhours.models import Account, Event, Kind, Outcome, Outgoing, Result, event_key

ONE_ACCOUNT = True
TEXT_LIMIT = 500
TEXT_UNIT = "code_points"
WINDOW: timedelta | None = None
HUMAN_WINDOW: timedelta | None = None
CAPABILITIES: frozenset[str] = frozenset()

HOST = "https://api.parley.example"


def normalise(piece: Piece) -> Event:
    """Read one message. Raises MalformedPayload where it has no id."""
    message_id, guest = untrusted.identifier(piece.get("id")), untrusted.identifier(piece.get("from"))
    if message_id is None:
        raise MalformedPayload("no id")
    return Event(
        channel="parley",
        kind=Kind.MESSAGE if "text" in piece else Kind.UNKNOWN,
        event_id=event_key("parley", message_id),
        message_id=message_id,
        sender_id=guest,
        contact_ids=(guest,) if guest else (),
        text=untrusted.text(piece.get("text")),
        timestamp_ms=untrusted.time_ms(piece.get("at")),
    )


def text_units(text: str) -> int:
    return len(text)


def send(account: Account, token: str, outgoing: Outgoing, *, limits: Limits = LIMITS) -> Outcome:
    """Post once."""
    if refused := graph.refusal(outgoing.text, text_units(outgoing.text), TEXT_LIMIT):
        return refused
    headers = {"Authorization": f"Bearer {token}"}
    payload = {"to": outgoing.to, "text": outgoing.text}
    answer = posted(f"{graph.host_of(account, HOST)}/messages", payload, headers, limits)
    if isinstance(answer, Outcome):
        return answer
    code = str(answer.status)
    if answer.status == 429:
        return throttled(answer, 60)
    if 400 <= answer.status < 500:
        reason = "token_invalid" if answer.status == 401 else "bad_request"
        return Outcome(result=Result.REFUSED, reason=reason, code=code, account_problem=answer.status == 401)
    try:
        platform_id = untrusted.identifier(untrusted.mapping(untrusted.loads(answer.body)).get("id"))
    except MalformedPayload:
        platform_id = None
    if answer.status != 201 or platform_id is None:
        return Outcome(result=Result.UNKNOWN, reason="unreadable_answer", code=code)
    return Outcome(result=Result.SENT, platform_id=platform_id)

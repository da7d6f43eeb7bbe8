"""Viber bots: one event in, an event out; a text in, a request out.

Contract: platforms/viber.md. A failure comes as a status inside HTTP 200. Whoever wrote or subscribed may be written to
until they unsubscribe. A pressed button comes back as a text message that says its id.
"""

import re
from datetime import timedelta
from typing import Any

from afterhours.channels import files, graph, untrusted
from afterhours.channels.contract import Health, MalformedPayload, NotFetched, Piece
from afterhours.channels.http import LIMITS, Answer, Limits
from afterhours.channels.sending import posted, throttled
from afterhours.channels.viber_source import may_answer, message
from afterhours.models import Account, Attachment, Event, Kind, Outcome, Outgoing, Result, event_key

ONE_ACCOUNT = True
CHANNEL = "viber"
TEXT_LIMIT = 7000
TEXT_UNIT = "code_points"
WINDOW: timedelta | None = None  # messages beyond a day after the customer's last cost, but may be sent
HUMAN_WINDOW: timedelta | None = None
CAPABILITIES = frozenset({"quick_replies", "receipts", "attachments"})

HOST = "https://chatapi.viber.com"
# Inferred: the vendor names none. The first is where its files are seen nowadays, the others are its older ones.
_FILE_HOST, _FILE_DOMAIN = "dl-media.viber.com", ".cdn.viber.com"
_WAIT_S = 60
# The ids of our buttons: a suggestion of the FAQ, a rating. Nobody else's text looks so.
_TAPPED = re.compile(r"faq:[a-z0-9_-]{1,40}|csat:[0-9]{1,6}:[1-5]", re.ASCII)
_RECEIPTS = {"delivered": "delivered", "seen": "read", "failed": "failed"}
_TYPES = {name: name for name in ("video", "file", "sticker", "location")} | {"picture": "image", "contact": "contacts"}
# Status -> our word for it, and whether the account is the trouble.
_REFUSALS = {
    1: ("bad_request", False),
    2: ("token_invalid", True),
    3: ("bad_request", False),
    4: ("bad_request", False),
    5: ("contact_unavailable", False),
    6: ("contact_unavailable", False),
    7: ("account_blocked", True),
    8: ("token_invalid", True),
    9: ("account_blocked", True),
    10: ("webhook_missing", True),
    11: ("contact_cannot_receive", False),
    13: ("contact_cannot_receive", False),
    14: ("bad_request", False),
    15: ("permission_missing", True),
    **dict.fromkeys((16, 17, 18, 19, 20, 22), ("bad_request", False)),
    21: ("contact_unavailable", False),
    23: ("monthly_limit", True),
    24: ("no_balance", True),
}
_BAD_TOKEN = 2
_RATE_LIMITED = 12

Fields = dict[str, Any]  # arguments of Event


def normalise(piece: Piece) -> Event:
    """Read one event. Raises MalformedPayload where it has no name."""
    name = untrusted.identifier(piece.get("event"))
    if name is None:
        raise MalformedPayload("no event")
    token = untrusted.identifier(piece.get("message_token"))
    moment = untrusted.time_ms(piece.get("timestamp"))
    # Receipts have the token of the message that they speak of.
    identity = (name, token or "", "" if token else f"{moment} {_user_id(piece)}")
    return Event(
        channel=CHANNEL,
        event_id=event_key(CHANNEL, *identity),
        message_id=token,
        timestamp_ms=moment,
        **_person(piece),
        **_content(name, piece),
    )


def _user_id(piece: Piece) -> str | None:
    """Where it stands depends on the event."""
    for key in ("sender", "user"):
        if found := untrusted.identifier(untrusted.mapping(piece.get(key)).get("id")):
            return found
    return untrusted.identifier(piece.get("user_id"))


def _person(piece: Piece) -> Fields:
    user_id = _user_id(piece)
    user = untrusted.mapping(piece.get("sender")) or untrusted.mapping(piece.get("user"))
    return {
        "sender_id": user_id,
        "contact_ids": (user_id,) if user_id else (),
        "contact_name": untrusted.text(user.get("name")) or None,
        "locale": untrusted.text(user.get("language")) or None,
    }


def _content(name: str, piece: Piece) -> Fields:
    match name:
        case "message":
            return _message(untrusted.mapping(piece.get("message")))
        case "conversation_started":
            context = untrusted.text(piece.get("context")) or None
            return {"kind": Kind.POSTBACK if may_answer(piece) else Kind.SYSTEM, "subkind": name, "payload": context}
        case "subscribed":
            return {"kind": Kind.FOLLOW, "subkind": name}
        case "unsubscribed":
            return {"kind": Kind.UNFOLLOW, "subkind": name}
    if name in _RECEIPTS:
        return {"kind": Kind.STATUS, "subkind": _RECEIPTS[name]}
    return {"kind": Kind.UNKNOWN, "subkind": name}


def _message(content: dict[str, Any]) -> Fields:
    kind = untrusted.identifier(content.get("type"))
    text = untrusted.text(content.get("text"))
    if kind == "text":
        if text is not None and _TAPPED.fullmatch(text):
            return {"kind": Kind.POSTBACK, "subkind": "button", "payload": text}
        return {"kind": Kind.MESSAGE, "subkind": kind, "text": text}
    if kind == "url":
        link = untrusted.text(content.get("media"))
        return {"kind": Kind.MESSAGE, "subkind": kind, "text": text or link}
    if kind in _TYPES:
        attached = (_attachment(_TYPES[kind], content),)
        return {"kind": Kind.MESSAGE, "subkind": kind, "text": text, "attachments": attached}
    return {"kind": Kind.MESSAGE, "subkind": "unsupported", "text": text}


def _attachment(kind: str, content: dict[str, Any]) -> Attachment:
    if kind == "location":
        place = untrusted.mapping(content.get("location"))
        words = [place.get(key) for key in ("address", "lat", "lon")]
        return Attachment(type=kind, name=", ".join(str(one) for one in words if isinstance(one, str | int | float)))
    if kind == "contacts":
        person = untrusted.mapping(content.get("contact"))
        words = [untrusted.text(person.get(key)) for key in ("name", "phone_number")]
        return Attachment(type=kind, name=", ".join(one for one in words if one) or None)
    return Attachment(
        type=kind,
        url=untrusted.text(content.get("media")),
        id=untrusted.identifier(content.get("sticker_id")),
        name=untrusted.text(content.get("file_name")),
    )


def text_units(text: str) -> int:
    return len(text)


def send(account: Account, token: str, outgoing: Outgoing, *, limits: Limits = LIMITS) -> Outcome:
    """Post once."""
    if refused := graph.refusal(outgoing.text, text_units(outgoing.text), TEXT_LIMIT):
        return refused
    if not graph.can_travel(token):
        return Outcome(result=Result.REFUSED, reason="token_invalid", account_problem=True)
    choices = [(each.id, each.title) for each in outgoing.quick_replies]
    content = message(outgoing.text, account.name or account.id, choices)
    payload = {"receiver": outgoing.to, **content, "tracking_data": outgoing.correlator}
    url = f"{graph.host_of(account, HOST)}/pa/send_message"
    # Not escaped: a long text in Cyrillic letters would pass the 30 KB of a request.
    answer = posted(url, payload, {"X-Viber-Auth-Token": token}, limits, escaped=False)
    return answer if isinstance(answer, Outcome) else _outcome_of(answer)


def _outcome_of(answer: Answer) -> Outcome:
    """What Viber says about the message: a number, whatever HTTP says."""
    code = str(answer.status)
    if answer.status == 429:
        return throttled(answer, _WAIT_S)
    if answer.status >= 500:
        return Outcome(result=Result.UNKNOWN, reason="temporary", code=code)
    try:
        body = untrusted.mapping(untrusted.loads(answer.body))
    except MalformedPayload:
        body = {}
    status = untrusted.integer(body.get("status"))
    if status is None:
        return Outcome(result=Result.UNKNOWN, reason="unreadable_answer", code=code)
    if status == 0:
        platform_id = untrusted.identifier(body.get("message_token"))
        if platform_id is None:
            return Outcome(result=Result.UNKNOWN, reason="no_message_id", code="0")
        return Outcome(result=Result.SENT, platform_id=platform_id)
    if status == _RATE_LIMITED:
        return throttled(answer, _WAIT_S, str(status))
    if status not in _REFUSALS:
        return Outcome(result=Result.UNKNOWN, reason="unknown_status", code=str(status))
    reason, account_problem = _REFUSALS[status]
    return Outcome(result=Result.REFUSED, reason=reason, code=str(status), account_problem=account_problem)


def fetch(account: Account, token: str, attachment: Attachment, *, limits: Limits = files.LIMITS) -> bytes | NotFetched:
    """By the address in the event, which is good for an hour. The token goes nowhere."""
    return files.of_webhook(account, attachment.url, _is_file_host, limits)


def _is_file_host(host: str) -> bool:
    return host == _FILE_HOST or host.endswith(_FILE_DOMAIN)


def health(account: Account, token: str) -> Health:
    """Whether the token is the bot's, and where its events go."""
    if not graph.can_travel(token):
        return Health(False, "token_invalid")
    url = f"{graph.host_of(account, HOST)}/pa/get_account_info"
    answer = posted(url, {}, {"X-Viber-Auth-Token": token}, LIMITS)
    if isinstance(answer, Outcome) or answer.status >= 500:
        return Health(False, "unreachable")
    try:
        body = untrusted.mapping(untrusted.loads(answer.body))
    except MalformedPayload:
        body = {}
    status = untrusted.integer(body.get("status"))
    if status != 0:
        return Health(False, "token_invalid" if status == _BAD_TOKEN else "refused" if status else "unreadable_answer")
    webhook = untrusted.text(body.get("webhook")) or ""
    return Health(bool(webhook), "fine" if webhook else "not_subscribed", webhook=webhook, subscribed=bool(webhook))

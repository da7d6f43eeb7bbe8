"""LINE official accounts: one event in, an event out; a text in, a request out.

Contract: platforms/line.md. An answer goes out on the event's reply token (free, once, about a minute), and as a push
(billed) only after LINE has refused the token. A push has a retry key, so that one whose answer was lost may be asked
for again.
"""

import json
import uuid
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from afterhours.channels import asking, files, graph, untrusted
from afterhours.channels.contract import Health, MalformedPayload, Missing, NotFetched, Piece
from afterhours.channels.http import Answer, Limits
from afterhours.channels.sending import posted, throttled
from afterhours.models import Account, Attachment, Event, Kind, Outcome, Outgoing, QuickReply, Result, event_key

ONE_ACCOUNT = True
CHANNEL = "line"
TEXT_LIMIT = 5000
TEXT_UNIT = "utf16"
WINDOW: timedelta | None = None  # pushes cost, but may come at any time
HUMAN_WINDOW: timedelta | None = None
CAPABILITIES = frozenset({"quick_replies", "attachments", "retry_key"})

HOST = "https://api.line.me"
FILE_HOST = "https://api-data.line.me"
LIMITS = Limits(connect_s=2.0, total_s=6.0)  # reply, push and push again have to fit into one run of the worker

_MAX_CHOICES = 13
_MAX_LABEL = 20
_MAX_DATA = 300
_WAIT_S = 60
_RETRY_KEYS = uuid.UUID("6f1d3f0c-52f5-4c0e-9a3e-0b2f5a4f7e11")
_FILES = {"image", "video", "audio", "file"}
_KINDS = {
    "follow": Kind.FOLLOW,
    "unfollow": Kind.UNFOLLOW,
    **dict.fromkeys(("join", "leave", "memberJoined", "memberLeft"), Kind.SYSTEM),
    "accountLink": Kind.ACCOUNT_LINKING,
    "videoPlayComplete": Kind.READ,
    "delivery": Kind.DELIVERY,  # of a notice to a phone number, which names nobody
    **dict.fromkeys(("beacon", "membership"), Kind.IGNORED),
    **dict.fromkeys(("module", "activated", "deactivated", "botSuspended", "botResumed"), Kind.ACCOUNT),
}

Fields = dict[str, Any]  # arguments of Event


def normalise(piece: Piece) -> Event:
    """Read one piece. Raises MalformedPayload where it is no event."""
    events = untrusted.items(piece.get("events"))
    if len(events) != 1 or not isinstance(events[0], dict):
        raise MalformedPayload("not one event")
    event = events[0]
    name = untrusted.identifier(event.get("type"))
    standby = event.get("mode") == "standby"  # another system has the chat
    return Event(
        channel=CHANNEL,
        event_id=event_key(CHANNEL, *_identity(event)),
        recipient_id=untrusted.identifier(piece.get("destination")),
        timestamp_ms=untrusted.time_ms(event.get("timestamp")),
        standby=standby,
        handle=None if standby else untrusted.identifier(event.get("replyToken")),
        **_place(untrusted.mapping(event.get("source"))),
        **_content(name, event),
    )


def _identity(event: dict[str, Any]) -> tuple[str, ...]:
    """What is the same when it is delivered again; before 2022 events had no id of their own."""
    parts = (event.get("webhookEventId"), event.get("type"), untrusted.mapping(event.get("message")).get("id"))
    if untrusted.identifier(parts[0]):
        return tuple(str(part) for part in parts)
    return (json.dumps({key: value for key, value in event.items() if key != "deliveryContext"}, sort_keys=True),)


def _place(source: dict[str, Any]) -> Fields:
    """Who, and where: a group or room is a thread of its own, whoever speaks in it."""
    user, group, room = (untrusted.identifier(source.get(key)) for key in ("userId", "groupId", "roomId"))
    place = group or room
    contact = place or user
    return {"sender_id": user or place, "contact_ids": (contact,) if contact else (), "group_id": place}


def _content(name: str | None, event: dict[str, Any]) -> Fields:
    message = untrusted.mapping(event.get("message"))
    message_id = untrusted.identifier(message.get("id"))
    match name:
        case "message":
            return {**_message(message), "message_id": message_id}
        case "messageEdited":
            return {**_message(message), "kind": Kind.MESSAGE_EDIT, "message_id": message_id, "target_id": message_id}
        case "unsend":
            taken_back = untrusted.identifier(untrusted.mapping(event.get("unsend")).get("messageId"))
            return {"kind": Kind.MESSAGE_DELETED, "message_id": taken_back, "target_id": taken_back}
        case "postback":
            data = untrusted.text(untrusted.mapping(event.get("postback")).get("data"))
            return {"kind": Kind.POSTBACK, "subkind": name, "payload": data}
    return {"kind": _KINDS.get(name or "", Kind.UNKNOWN), "subkind": name}


def _message(message: dict[str, Any]) -> Fields:
    kind = untrusted.identifier(message.get("type"))
    text = untrusted.text(message.get("text"))
    quoted = untrusted.identifier(message.get("quotedMessageId"))
    fields = {"kind": Kind.MESSAGE, "subkind": kind, "text": text, "reply_to_id": quoted}
    if kind == "text":
        return fields
    if kind in _FILES:
        return {**fields, "attachments": (_file(kind, message),)}
    if kind == "location":
        words = [message.get(key) for key in ("title", "address", "latitude", "longitude")]
        place = ", ".join(str(word) for word in words if isinstance(word, str | int | float))
        found = (Attachment(type=kind, name=place or None),)
        return {**fields, "text": untrusted.text(message.get("title")), "attachments": found}
    if kind == "sticker":
        words = [untrusted.text(word) for word in untrusted.items(message.get("keywords"))]
        shows = ", ".join(word for word in words if word)
        return {**fields, "attachments": (Attachment(type=kind, name=shows or None),)}
    return {**fields, "subkind": "unsupported"}


def _file(kind: str, message: dict[str, Any]) -> Attachment:
    """LINE keeps it under the message's id, unless whoever sent it has it elsewhere."""
    provider = untrusted.mapping(message.get("contentProvider"))
    external = provider.get("type") == "external"
    return Attachment(
        type=kind,
        id=None if external else untrusted.identifier(message.get("id")),
        url=untrusted.text(provider.get("originalContentUrl")) if external else None,
        name=untrusted.text(message.get("fileName")),
    )


def text_units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def send(account: Account, token: str, outgoing: Outgoing, *, limits: Limits = LIMITS) -> Outcome:
    """Answer on the reply token, if there is one; push once LINE has refused it, and never when its answer was lost."""
    if refused := graph.refusal(outgoing.text, text_units(outgoing.text), TEXT_LIMIT):
        return refused
    if not graph.can_travel(token):
        return Outcome(result=Result.REFUSED, reason="token_invalid", account_problem=True)
    url = f"{graph.host_of(account, HOST)}/v2/bot/message"
    headers = {"Authorization": f"Bearer {token}"}
    messages = [_message_of(outgoing)]
    if outgoing.handle:
        reply = {"replyToken": outgoing.handle, "messages": messages}
        outcome = _outcome_of(posted(f"{url}/reply", reply, headers, limits))
        if outcome.reason != "reply_token_invalid":
            return outcome
    push = {"to": outgoing.to, "messages": messages}
    headers["X-Line-Retry-Key"] = str(uuid.uuid5(_RETRY_KEYS, f"{account.id} {outgoing.correlator}"))
    outcome = _outcome_of(posted(f"{url}/push", push, headers, limits))
    if outcome.result is Result.UNKNOWN:  # under the same key LINE takes it at most once
        again = _outcome_of(posted(f"{url}/push", push, headers, limits))
        # What refuses the second may have come over the first.
        return again if again.result is Result.SENT else outcome
    return outcome


def _message_of(outgoing: Outgoing) -> dict[str, Any]:
    message: dict[str, Any] = {"type": "text", "text": outgoing.text}
    if choices := [each for each in outgoing.quick_replies if len(each.id) <= _MAX_DATA][:_MAX_CHOICES]:
        message["quickReply"] = {"items": [{"type": "action", "action": _postback(each)} for each in choices]}
    return message


def _postback(choice: QuickReply) -> dict[str, str]:
    """The id comes back as data, the title stands in the chat as if the customer had written it."""
    label, shown = _cut(choice.title, _MAX_LABEL), _cut(choice.title, _MAX_DATA)
    return {"type": "postback", "label": label, "data": choice.id, "displayText": shown}


def _cut(text: str, units: int) -> str:
    return text.encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "ignore")


def _outcome_of(answer: Answer | Outcome) -> Outcome:
    """What LINE says about the message; 409 says that it has had it under this retry key."""
    if isinstance(answer, Outcome):
        return answer
    code = str(answer.status)
    body = _body(answer)
    sent = [untrusted.mapping(one).get("id") for one in untrusted.items(body.get("sentMessages"))]
    platform_id = untrusted.identifier(sent[0]) if sent else None
    accepted = answer.headers.get("x-line-accepted-request-id")
    if answer.status == 409 and accepted:
        return Outcome(result=Result.SENT, platform_id=platform_id or accepted[:128])
    if 200 <= answer.status < 300:
        if platform_id is None:
            return Outcome(result=Result.UNKNOWN, reason="no_message_id", code=code)
        return Outcome(result=Result.SENT, platform_id=platform_id)
    if answer.status >= 500 or answer.status == 409:
        return Outcome(result=Result.UNKNOWN, reason="temporary", code=code)
    said = (untrusted.text(body.get("message")) or "").lower()
    if answer.status == 429:
        if "monthly limit" in said:  # until the month or the plan changes
            return Outcome(result=Result.REFUSED, reason="monthly_limit", code=code, account_problem=True)
        return throttled(answer, _WAIT_S)
    if not said:
        return Outcome(result=Result.UNKNOWN, reason="unreadable_answer", code=code)
    reason, account_problem = _refusal(answer.status, said)
    return Outcome(result=Result.REFUSED, reason=reason, code=code, account_problem=account_problem)


def _body(answer: Answer) -> dict[str, Any]:
    try:
        return untrusted.mapping(untrusted.loads(answer.body))
    except MalformedPayload:
        return {}


def _refusal(status: int, said: str) -> tuple[str, bool]:
    """Our word for it, and whether the account is the trouble."""
    if status == 401:
        return "token_invalid", True
    if status == 403:
        return "permission_missing", True
    if "invalid reply token" in said:
        return "reply_token_invalid", False
    if "failed to send messages" in said:
        return "contact_unavailable", False
    return "bad_request", False


def fetch(account: Account, token: str, attachment: Attachment, *, limits: Limits = files.LIMITS) -> bytes | NotFetched:
    """By the message's id, from LINE's own host for files."""
    if attachment.id is None:
        return NotFetched(Missing.NO_FILE, "foreign_address" if attachment.url else "no_message_id")
    if not graph.can_travel(token):
        return NotFetched(Missing.UNAVAILABLE, "token_invalid")
    url = f"{graph.host_of(account, FILE_HOST)}/v2/bot/message/{quote(attachment.id, safe='')}/content"
    return files.body_of(files.got(url, {**files.HEADERS, "Authorization": f"Bearer {token}"}, limits))


def health(account: Account, token: str) -> Health:
    """Whether the token is good, and where the events go. LINE tells no end of a token."""
    if not graph.can_travel(token):
        return Health(False, "token_invalid")
    url = f"{graph.host_of(account, HOST)}/v2/bot/channel/webhook/endpoint"
    found = asking.asked(url, {"Authorization": f"Bearer {token}"}, errors=True)
    if isinstance(found, Health):
        return found
    if "endpoint" not in found:  # 404 where none is set
        said = (untrusted.text(found.get("message")) or "").lower()
        return (
            Health(False, "token_invalid") if "authentication" in said else Health(False, "not_subscribed", webhook="")
        )
    webhook = untrusted.text(found["endpoint"]) or ""
    is_active = bool(webhook) and found.get("active") is True
    return Health(is_active, "fine" if is_active else "not_subscribed", webhook=webhook, subscribed=is_active)

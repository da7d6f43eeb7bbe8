"""WeChat Official Accounts: one message or event in, an event out; a text in, a request out.

Contract: platforms/wechat.md. Replies go out in the answer to the delivery (wechat_source.py). Writing later, the
customer-service message, wants a verified service account and a fixed IP: accounts opt in by `customer_service`.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from afterhours.channels import asking, files, graph, untrusted
from afterhours.channels.contract import Health, MalformedPayload, Missing, NotFetched, NotRenewed, Piece, Renewed
from afterhours.channels.http import LIMITS, Answer, Limits, NotSent, Unconfirmed, post_json
from afterhours.channels.sending import posted, throttled
from afterhours.channels.wechat_source import TEXT_LIMIT as TEXT_LIMIT
from afterhours.models import Account, Attachment, Event, Kind, Outcome, Outgoing, Result, event_key

ONE_ACCOUNT = True
CHANNEL = "wechat"
TEXT_UNIT = "bytes"
WINDOW: timedelta | None = timedelta(hours=48)
HUMAN_WINDOW: timedelta | None = timedelta(hours=48)
CAPABILITIES = frozenset({"quick_replies", "attachments", "renews", "at_once"})

HOST = "https://api.weixin.qq.com"
_WAIT_S = 60
_TYPES = {"image": "image", "voice": "audio", "video": "video", "shortvideo": "video", "file": "file"}
# A key of the menu opens the camera, the album or a map; what is chosen there comes as a message of its own.
_CHOOSES = {
    *("SCANCODE_PUSH", "SCANCODE_WAITMSG", "PIC_SYSPHOTO", "PIC_PHOTO_OR_ALBUM", "PIC_WEIXIN", "LOCATION_SELECT"),
}
# How a message to many went, or one after a template: none of ours, and nobody says anything.
_WENT = {"MASSSENDJOBFINISH", "TEMPLATESENDJOBFINISH"}
_EVENTS = {
    "SUBSCRIBE": Kind.FOLLOW,
    "UNSUBSCRIBE": Kind.UNFOLLOW,
    "SCAN": Kind.REFERRAL,
    "CLICK": Kind.POSTBACK,
    **dict.fromkeys(_CHOOSES, Kind.POSTBACK),
    **dict.fromkeys(_WENT, Kind.DELIVERY),
    # Where somebody is, which link of the menu they opened: nobody says anything.
    **dict.fromkeys(("LOCATION", "VIEW"), Kind.IGNORED),
}
_IP_NOT_ALLOWED = 40164
# errcode -> our word for it, and whether the account is the trouble.
_REFUSALS = {
    **dict.fromkeys((40003, 43004, 43019, 50002), ("contact_unavailable", False)),
    _IP_NOT_ALLOWED: ("ip_not_allowed", True),
    45002: ("too_long", False),
    45009: ("daily_limit", True),
    45015: ("window_closed", False),
    45047: ("too_many_unanswered", False),
    **dict.fromkeys((48001, 48004), ("permission_missing", True)),
}
_NO_SUCH_MEDIA = 40007
_NO_TOKEN = (40001, 40014, 42001)
_UNWELL = {
    -1: "unreachable",
    **dict.fromkeys(_NO_TOKEN, "token_invalid"),
    _IP_NOT_ALLOWED: "ip_not_allowed",
    **dict.fromkeys((45009, 45011), "rate_limited"),
    **dict.fromkeys((48001, 48004), "permission_missing"),
}
_NOT_TAKEN = {-1: "busy", 45011: "rate_limited", **dict.fromkeys(_NO_TOKEN, "token_expired")}

Fields = dict[str, Any]  # arguments of Event


def normalise(piece: Piece) -> Event:
    """Read one message or event. Raises MalformedPayload where it has no type."""
    found = untrusted.mapping(piece.get("xml"))
    kind = (_text(found, "MsgType") or "").lower()
    if not kind:
        raise MalformedPayload("no type")
    sender = untrusted.identifier(found.get("FromUserName"))
    message_id = untrusted.identifier(found.get("MsgId") or found.get("MsgID"))
    fields = _event(found) if kind == "event" else _message(kind, found)
    return Event(
        channel=CHANNEL,
        event_id=event_key(CHANNEL, *_identity(found, message_id)),
        message_id=message_id,
        sender_id=sender,
        recipient_id=untrusted.identifier(found.get("ToUserName")),
        contact_ids=(sender,) if sender and fields["kind"] is not Kind.DELIVERY else (),
        timestamp_ms=untrusted.time_ms(found.get("CreateTime")),
        **fields,
    )


def _identity(found: Mapping[str, Any], message_id: str | None) -> tuple[str, ...]:
    """Events have no id; a message without one is known by all that it says."""
    if message_id:
        return ("message", message_id)
    if _text(found, "Event"):
        return tuple(str(found.get(key, "")) for key in ("FromUserName", "CreateTime", "Event", "EventKey"))
    return (json.dumps(dict(found), sort_keys=True),)


def _text(found: Mapping[str, Any], name: str) -> str | None:
    return untrusted.text(found.get(name)) or None


def _event(found: Mapping[str, Any]) -> Fields:
    name = (_text(found, "Event") or "").upper()  # the case differs from event to event
    return {
        "kind": _EVENTS.get(name, Kind.UNKNOWN),
        "subkind": name.lower(),
        "payload": _text(found, "EventKey"),
        "unanswered": "menu" if name in _CHOOSES else None,
    }


def _message(kind: str, found: Mapping[str, Any]) -> Fields:
    text = _text(found, "Content")
    if kind == "text":
        if chosen := _text(found, "bizmsgmenuid"):
            return {"kind": Kind.POSTBACK, "subkind": "menu", "text": text, "payload": chosen}
        return {"kind": Kind.MESSAGE, "subkind": kind, "text": text}
    if kind in _TYPES:
        address, media_id, title = (_text(found, key) for key in ("PicUrl", "MediaId", "Title"))
        file = Attachment(type=_TYPES[kind], url=address, id=media_id, name=title)
        heard = _text(found, "Recognition")
        return {"kind": Kind.MESSAGE, "subkind": kind, "text": heard, "attachments": (file,)}
    if kind == "location":
        words = [_text(found, key) for key in ("Label", "Location_X", "Location_Y")]
        place = Attachment(type=kind, name=", ".join(word for word in words if word) or None)
        return {"kind": Kind.MESSAGE, "subkind": kind, "text": _text(found, "Label"), "attachments": (place,)}
    if kind == "link":
        link = Attachment(type=kind, url=_text(found, "Url"), name=_text(found, "Description"))
        return {"kind": Kind.MESSAGE, "subkind": kind, "text": _text(found, "Title"), "attachments": (link,)}
    return {"kind": Kind.MESSAGE, "subkind": "unsupported"}


def text_units(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def send(account: Account, token: str, outgoing: Outgoing, *, limits: Limits = LIMITS) -> Outcome:
    """Post once, as a message of the customer service, where the account has that."""
    if not account.customer_service:
        return Outcome(result=Result.REFUSED, reason="unsupported")
    if refused := graph.refusal(outgoing.text, text_units(outgoing.text), TEXT_LIMIT):
        return refused
    if not graph.can_travel(token):
        return Outcome(result=Result.REFUSED, reason="token_invalid", account_problem=True)
    url = f"{graph.host_of(account, HOST)}/cgi-bin/message/custom/send?access_token={quote(token, safe='')}"
    # Not escaped: customers would read the escapes.
    answer = posted(url, _request(outgoing), {}, limits, escaped=False)
    return answer if isinstance(answer, Outcome) else _outcome_of(answer)


def _request(outgoing: Outgoing) -> dict[str, Any]:
    request: dict[str, Any] = {"touser": outgoing.to}
    if outgoing.quick_replies:
        choices = [{"id": each.id, "content": each.title} for each in outgoing.quick_replies]
        menu = {"head_content": outgoing.text, "list": choices, "tail_content": ""}
        return {**request, "msgtype": "msgmenu", "msgmenu": menu}
    return {**request, "msgtype": "text", "text": {"content": outgoing.text}}


def _read(answer: Answer) -> dict[str, Any]:
    try:
        return untrusted.mapping(untrusted.loads(answer.body))
    except MalformedPayload:
        return {}


def _errcode(body: Mapping[str, Any]) -> int | None:
    found = body.get("errcode")
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _outcome_of(answer: Answer) -> Outcome:
    """What WeChat says about the message: a number, whatever HTTP says."""
    if answer.status == 429:
        return throttled(answer, _WAIT_S)
    if answer.status >= 500:
        return Outcome(result=Result.UNKNOWN, reason="temporary", code=str(answer.status))
    body = _read(answer)
    code = _errcode(body)
    if code is None:
        return Outcome(result=Result.UNKNOWN, reason="unreadable_answer", code=str(answer.status))
    if code == 0:
        return Outcome(result=Result.SENT, platform_id=untrusted.identifier(body.get("msgid")))
    if code in _NOT_TAKEN:
        return Outcome(result=Result.NOT_SENT, reason=_NOT_TAKEN[code], code=str(code), retry_after_s=_WAIT_S)
    reason, account_problem = _REFUSALS.get(code, ("bad_request", False))
    return Outcome(result=Result.REFUSED, reason=reason, code=str(code), account_problem=account_problem)


def fetch(account: Account, token: str, attachment: Attachment, *, limits: Limits = files.LIMITS) -> bytes | NotFetched:
    """By its media id, for three days, with the token of the customer service. Of a video comes an address in clear,
    which is not followed."""
    if attachment.id is None or not account.customer_service:
        return NotFetched(Missing.NO_FILE, "no_media_id" if account.customer_service else "unsupported")
    if not graph.can_travel(token):
        return NotFetched(Missing.UNAVAILABLE, "token_invalid")
    query = f"access_token={quote(token, safe='')}&media_id={quote(attachment.id, safe='')}"
    found = files.body_of(files.got(f"{graph.host_of(account, HOST)}/cgi-bin/media/get?{query}", files.HEADERS, limits))
    if isinstance(found, NotFetched):
        return found
    told = _read(Answer(200, {}, found))
    if "video_url" in told:
        return NotFetched(Missing.NO_FILE, "video")
    code = _errcode(told)
    if code is None:
        return found
    return NotFetched(Missing.GONE if code == _NO_SUCH_MEDIA else Missing.UNAVAILABLE, str(code))


def renew(account: Account, record: Mapping[str, Any], *, limits: Limits = LIMITS) -> Renewed | NotRenewed:
    """Ask once for a token. It is WeChat's stable one, which does not end the one before at once."""
    app_id, secret = (str(record.get(key) or "") for key in ("client_id", "client_secret"))
    if not app_id or not secret:
        return NotRenewed("not_configured", final=True)
    asked = {"grant_type": "client_credential", "appid": app_id, "secret": secret}
    try:
        answer = post_json(f"{graph.host_of(account, HOST)}/cgi-bin/stable_token", asked, {}, limits=limits)
    except (NotSent, Unconfirmed) as error:
        return NotRenewed(str(error), final=False)  # nothing is used up by asking
    body = _read(answer)
    token, lives_s = untrusted.text(body.get("access_token")), untrusted.integer(body.get("expires_in"))
    if answer.status == 200 and token and lives_s:
        return Renewed(token, lives_s)
    code = _errcode(body)
    return NotRenewed("ip_not_allowed" if code == _IP_NOT_ALLOWED else str(code or answer.status), final=False)


def health(account: Account, token: str) -> Health:
    """Whether WeChat takes the token, and from here: documented is that the white list guards the giving of tokens, and
    inferred that it may guard other calls. Where events go WeChat tells nobody."""
    if not graph.can_travel(token):
        return Health(False, "token_invalid")
    url = f"{graph.host_of(account, HOST)}/cgi-bin/get_api_domain_ip?access_token={quote(token, safe='')}"
    found = asking.asked(url, {})
    if isinstance(found, Health):
        return found
    if untrusted.items(found.get("ip_list")):
        return Health(True, "fine")
    return Health(False, _UNWELL.get(_errcode(found) or 0, "refused"))

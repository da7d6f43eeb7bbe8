"""Comments on a LinkedIn page's posts and mentions of the page, all of them public: one notification in, an event out.

Contract: platforms/linkedin.md, sections 3, 6, 8 and 9. What members wrote may be kept for 48 hours only, see
channels.KEPT_DAYS. An answer stands below the comment that began it: LinkedIn knows one level.
"""

import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from afterhours.channels import asking, graph, untrusted
from afterhours.channels.contract import Health, MalformedPayload, Piece
from afterhours.channels.http import LIMITS, Answer, Limits
from afterhours.channels.linkedin_source import NOTIFICATIONS
from afterhours.channels.sending import posted, throttled
from afterhours.models import Account, Event, Kind, Outcome, Outgoing, Result, event_key

ONE_ACCOUNT = False
CHANNEL = "linkedin"
TEXT_LIMIT = 1250
TEXT_UNIT = "utf16"  # "characters", of a platform that counts these in mentions
WINDOW: timedelta | None = None
HUMAN_WINDOW: timedelta | None = None
CAPABILITIES = frozenset({"public"})

HOST = "https://api.linkedin.com"
VERSION = "202606"  # lives about a year; an account may name a newer one as its api_version
WAIT_S = 900

_ORGANIZATION = "urn:li:organization:"
_COMMENT = re.compile(r"urn:li:comment:\((?:urn:li:)?(activity|share|ugcPost):([0-9]+),([0-9]+)\)", re.ASCII)
_POST = re.compile(r"urn:li:(?:activity|share|ugcPost):[0-9]+", re.ASCII)
_VERSION = re.compile(r"20[0-9]{2}(?:0[1-9]|1[0-2])", re.ASCII)
_KINDS = {
    "COMMENT": (Kind.COMMENT, "add"),
    "ADMIN_COMMENT": (Kind.ECHO, "comment"),
    "COMMENT_EDIT": (Kind.MESSAGE_EDIT, "edited"),
    "COMMENT_DELETE": (Kind.MESSAGE_DELETED, "remove"),
    "SHARE_MENTION": (Kind.MENTION, "share"),
    "SHARE": (Kind.FEED_POST, "share"),
    "LIKE": (Kind.FEED_REACTION, "like"),
}
_CHANGES = (Kind.MESSAGE_EDIT, Kind.MESSAGE_DELETED)
_REFUSALS = {
    401: ("token_invalid", True),
    403: ("permission_missing", True),  # the role, the scope, or the comments of that post
    404: ("post_gone", False),
    426: ("version_retired", True),
}


def normalise(piece: Piece) -> Event:
    """Read one piece. Raises MalformedPayload where it holds no notification."""
    if piece.get("type") != NOTIFICATIONS:
        return Event(
            channel=CHANNEL,
            kind=Kind.UNKNOWN,
            subkind=untrusted.identifier(piece.get("type")),
            event_id=event_key(CHANNEL, json.dumps(piece, sort_keys=True)),
        )
    given = untrusted.items(piece.get("notifications"))
    if len(given) != 1 or not isinstance(given[0], dict):
        raise MalformedPayload("not one notification")
    return _event(given[0])


def _event(notification: dict[str, Any]) -> Event:
    page = untrusted.identifier(notification.get("organizationalEntity"))
    action = untrusted.identifier(notification.get("action")) or ""
    kind, subkind = _KINDS.get(action, (Kind.UNKNOWN, action or None))
    decorated = untrusted.mapping(notification.get("decoratedGeneratedActivity"))
    comment = untrusted.mapping(decorated.get("comment"))
    written = comment or untrusted.mapping(decorated.get("share"))
    about = _urn(notification.get("generatedActivity")) or _urn(written.get("entity"))
    owner = untrusted.identifier(written.get("owner")) or untrusted.identifier(written.get("actor"))
    if kind is Kind.COMMENT and owner is not None and owner == page:
        kind = Kind.ECHO
    own = kind is Kind.ECHO
    at = untrusted.time_ms(notification.get("lastModifiedAt"))
    number = untrusted.identifier(notification.get("notificationId"))
    # Each subscriber's copy has a number of its own.
    told = [about, action, at] if about and at else [number] if number else [json.dumps(notification, sort_keys=True)]
    text = _text(written) if kind not in (Kind.MESSAGE_DELETED, Kind.FEED_REACTION) else None
    return Event(
        channel=CHANNEL,
        account_id=page.removeprefix(_ORGANIZATION) if page and page.startswith(_ORGANIZATION) else None,
        kind=kind,
        subkind=subkind,
        event_id=event_key(CHANNEL, page or "", *map(str, told)),
        sender_id=owner,
        recipient_id=page,
        # Of a restricted post comes neither author nor text: the comment itself is then the thread.
        contact_ids=() if own or not (owner or about) else (owner or str(about),),
        text=text,
        message_id=about,
        target_id=about if kind in _CHANGES else None,
        post_id=_urn(notification.get("sourcePost")),
        parent_id=_urn(comment.get("parentComment")),
        handle=(_urn(comment.get("parentComment")) or about) if kind in (Kind.COMMENT, Kind.MENTION) else None,
        timestamp_ms=at,
        for_person=kind is Kind.MENTION or (kind is Kind.COMMENT and not text),
        is_echo=own,
        from_page_itself=own,
        mids=(number,) if number else (),
    )


def _text(written: dict[str, Any]) -> str | None:
    message = written.get("message")
    found = (written.get("text"), untrusted.mapping(message).get("text"), message)
    return next((text for one in found if (text := untrusted.text(one)) is not None), None)


def _urn(value: object) -> str | None:
    """A URN, those of comments in the long one of their two forms."""
    urn = untrusted.identifier(value)
    comment = _COMMENT.fullmatch(urn) if urn else None
    return f"urn:li:comment:(urn:li:{comment[1]}:{comment[2]},{comment[3]})" if comment else urn


def text_units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def send(account: Account, token: str, outgoing: Outgoing, *, limits: Limits = LIMITS) -> Outcome:
    """Comment once, below the comment or the post that the handle names."""
    if refused := graph.refusal(outgoing.text, text_units(outgoing.text), TEXT_LIMIT):
        return refused
    if not graph.can_travel(token):
        return Outcome(result=Result.REFUSED, reason="token_invalid", account_problem=True)
    below = outgoing.handle or ""
    comment = _COMMENT.fullmatch(below)
    if comment is None and not _POST.fullmatch(below):
        return Outcome(result=Result.REFUSED, reason="comment_unknown")
    request: dict[str, Any] = {
        "actor": _ORGANIZATION + account.id,
        "object": f"urn:li:{comment[1]}:{comment[2]}" if comment else below,
        "message": {"text": outgoing.text},
        **({"parentComment": below} if comment else {}),
    }
    # The whole of it: parentheses and commas have a meaning of their own in such a path.
    url = f"{graph.host_of(account, HOST)}/rest/socialActions/{quote(below, safe='')}/comments"
    answer = posted(url, request, _headers(account, token), limits)
    return answer if isinstance(answer, Outcome) else _outcome_of(answer)


def _outcome_of(answer: Answer) -> Outcome:
    code = str(answer.status)
    if 200 <= answer.status < 300:
        platform_id = untrusted.identifier(answer.headers.get("x-restli-id"))
        if platform_id is None:
            return Outcome(result=Result.UNKNOWN, reason="no_message_id", code=code)
        return Outcome(result=Result.SENT, platform_id=platform_id)
    if answer.status == 429:  # of the day or of a moment; how long, it seldom says
        return throttled(answer, WAIT_S)
    if answer.status >= 500 or answer.status < 400:
        return Outcome(result=Result.UNKNOWN, reason="temporary", code=code)
    reason, account_problem = _REFUSALS.get(answer.status, ("bad_request", False))
    return Outcome(result=Result.REFUSED, reason=reason, code=code, account_problem=account_problem)


def _headers(account: Account, token: str) -> dict[str, str]:
    version = account.api_version if _VERSION.fullmatch(account.api_version) else VERSION
    return {
        "Authorization": f"Bearer {token}",
        "Linkedin-Version": version,
        "X-Restli-Protocol-Version": "2.0.0",
    }


def health(account: Account, token: str) -> Health:
    """Whether the token opens the page, and where its notifications go; when a token ends LinkedIn tells its app only.

    The finder is documented, what stands in its elements is inferred from the call that makes a subscription: so an
    element without `entity` counts as ours, and one without `webhook` says nothing of where."""
    if not graph.can_travel(token):
        return Health(False, "token_invalid")
    rest, headers = f"{graph.host_of(account, HOST)}/rest", _headers(account, token)
    page = asking.asked(f"{rest}/organizations/{quote(account.id, safe='')}", headers)
    if isinstance(page, Health):
        return page
    found = asking.asked(f"{rest}/eventSubscriptions?q=subscriberAndEventType&eventType={NOTIFICATIONS}", headers)
    if isinstance(found, Health):
        return found
    subscriptions = [untrusted.mapping(one) for one in untrusted.items(found.get("elements"))]
    ours = [one for one in subscriptions if one.get("entity", _ORGANIZATION + account.id) == _ORGANIZATION + account.id]
    if not ours:
        return Health(False, "not_subscribed", webhook="")
    return Health(True, "fine", webhook=untrusted.text(ours[0].get("webhook")), subscribed=True)

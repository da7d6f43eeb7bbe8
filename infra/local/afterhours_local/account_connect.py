"""Tells a platform where to deliver, where it has a call for it: all that `account` ever changes over there."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from afterhours import models
from afterhours.channels import graph, http_deadline, line, telegram, telegram_api, tiktok_api, untrusted, viber
from afterhours.channels.contract import MalformedPayload
from afterhours.channels.http import Answer, Limits, NotSent, Unconfirmed

from afterhours_local.account_checks import Known

LIMITS = Limits(connect_s=3.0, total_s=15.0, answer_bytes=65_536)
TELEGRAM_UPDATES = [
    *("message", "edited_message", "callback_query", "my_chat_member", "message_reaction"),
    *("business_connection", "business_message", "edited_business_message", "deleted_business_messages"),
]
VIBER_EVENTS = ["delivered", "seen", "failed", "subscribed", "unsubscribed", "conversation_started"]
PAGE_FIELDS = "messages,messaging_postbacks,message_deliveries,message_reads,message_echoes,message_reactions,feed"
INSTAGRAM_FIELDS = "messages,messaging_postbacks,message_reactions,messaging_seen,comments,live_comments"


def connect(known: Known, url: str) -> str:
    """Set the webhook or subscribe the app. Empty where it went well, else what the platform said."""
    if not known.token or not graph.can_travel(known.token):
        return "token_invalid"
    try:
        status, said = _read(CALLS[known.account.channel](known.account, known.token, known.credentials, url))
    except (NotSent, Unconfirmed) as error:
        return str(error)
    good = said.get("ok") is True or said.get("success") is True or (known.account.channel == "line" and status == 200)
    if good or {"viber": said.get("status"), "tiktok": said.get("code")}.get(known.account.source) == 0:
        return ""
    inner = untrusted.mapping(said.get("error"))
    words = said.get("description") or said.get("status_message") or said.get("message") or inner.get("message")
    return f"{status}: {words}"[:200]


def _read(answer: Answer) -> tuple[int, dict[str, Any]]:
    try:
        return answer.status, untrusted.mapping(untrusted.loads(answer.body))
    except MalformedPayload:
        return answer.status, {}


def _call(method: str, url: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
    content = json.dumps(body).encode("ascii")
    return http_deadline.exchange(method, url, content, {**headers, "Content-Type": "application/json"}, LIMITS)


def _telegram(account: models.Account, token: str, credentials: Mapping[str, Any], url: str) -> Answer:
    secret = next(iter(credentials.get("secrets") or ()), "")
    wish = {"url": url, "secret_token": secret, "allowed_updates": TELEGRAM_UPDATES, "drop_pending_updates": False}
    return _call("POST", f"{graph.host_of(account, telegram_api.HOST)}/bot{token}/setWebhook", wish, {})


def _line(account: models.Account, token: str, credentials: Mapping[str, Any], url: str) -> Answer:
    place = f"{graph.host_of(account, line.HOST)}/v2/bot/channel/webhook/endpoint"
    return _call("PUT", place, {"endpoint": url}, {"Authorization": f"Bearer {token}"})


def _viber(account: models.Account, token: str, credentials: Mapping[str, Any], url: str) -> Answer:
    wish = {"url": url, "event_types": VIBER_EVENTS, "send_name": True, "send_photo": False}
    return _call("POST", f"{graph.host_of(account, viber.HOST)}/pa/set_webhook", wish, {"X-Viber-Auth-Token": token})


def _tiktok(account: models.Account, token: str, credentials: Mapping[str, Any], url: str) -> Answer:
    """One address an app and kind of event, for all its accounts; the app says who it is in the body."""
    kind = tiktok_api.EVENT_TYPES[account.channel]
    wish = {**tiktok_api.app_of(credentials), "event_type": kind, "callback_url": url}
    place = f"{graph.host_of(account, tiktok_api.HOST)}/open_api/{tiktok_api.VERSION}/business/webhook/update/"
    return _call("POST", place, wish, {})


def _meta(account: models.Account, token: str, credentials: Mapping[str, Any], url: str) -> Answer:
    """The callback URL itself is set in the app's dashboard; this subscribes the app to the account."""
    alone = account.channel.startswith("instagram") and account.login == "instagram"
    node = "me" if alone else account.page_id if account.channel.startswith("instagram") else account.id
    host = graph.host_of(account, graph.INSTAGRAM if alone else graph.FACEBOOK)
    fields = INSTAGRAM_FIELDS if alone else PAGE_FIELDS
    place = f"{host}/{quote(account.api_version, safe='')}/{quote(node or '', safe='')}/subscribed_apps"
    return _call("POST", f"{place}?subscribed_fields={fields}", {}, {"Authorization": f"Bearer {token}"})


CALLS: dict[str, Callable[[models.Account, str, Mapping[str, Any], str], Answer]] = {
    telegram.CHANNEL: _telegram,
    line.CHANNEL: _line,
    viber.CHANNEL: _viber,
    **dict.fromkeys(tiktok_api.EVENT_TYPES, _tiktok),
    **dict.fromkeys(("messenger", "instagram", "facebook_comments", "instagram_comments"), _meta),
}

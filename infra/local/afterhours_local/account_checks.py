"""How an account is: do its secrets resolve, does our endpoint answer as its platform wants, is its token good, is the
app subscribed. Looks only; nothing is changed anywhere, and no secret is shown.
"""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast
from urllib.parse import urlencode

from afterhours import channels, models
from afterhours.channels.contract import Checked, CheckedByApp, Health, Request
from afterhours.channels.http import Limits, NotSent, Unconfirmed, get, post_json

from afterhours_local import config, config_push
from afterhours_local.account_guides import REMEDIES
from afterhours_local.config_entries import AppEntry
from afterhours_local.stack_config import StackConfig

SOON_S = 7 * 86_400
RENEWED_SOON_S = 600  # the sweeper renews long before
LIMITS = Limits(connect_s=3.0, total_s=10.0, answer_bytes=65_536)
UNSURE = ("unreachable", "rate_limited", "unreadable_answer")
_WORD = "afterhours"


@dataclass(frozen=True)
class Known:
    """An account and what is known of its secrets, which are never shown."""

    account: models.Account
    token: str | None = field(default=None, repr=False)
    credentials: Mapping[str, Any] = field(default_factory=dict, repr=False)  # as the webhook function has them
    missing: tuple[str, ...] = ()  # references that lead to nothing
    expires_at: int | None = None
    renewed: bool = False

    @property
    def name(self) -> str:
        return f"{self.account.channel} {self.account.id}"

    @property
    def hook(self) -> str | None:
        """The path of its webhook; None where it has none."""
        if self.account.source == "email":
            return None
        if self.account.source == "webchat":
            return f"/webchat/{self.account.id}"
        return f"/hook/{self.account.source}/{self.account.app}"


class Finding(NamedTuple):
    """One thing looked at. `detail` is a word of ours or a place; `remedy` is empty where all is well."""

    what: str  # secrets, webhook, token, subscription
    ok: bool | None  # None: could not be looked at
    detail: str
    remedy: str = ""


def of_file(found: config.Configuration, environ: Mapping[str, str]) -> list[Known]:
    """With the secrets that are here."""
    values = found.known_values(environ)
    apps = {(app.source, app.app): app for app in found.apps}
    return [
        _of_entry(config_push.account_of(entry, {}), entry.token, apps[entry.source, entry.app], found, values)
        for entry in found.accounts
    ]


def _of_entry(
    account: models.Account, token: str | None, app: AppEntry, found: config.Configuration, values: Mapping[str, str]
) -> Known:
    """Where the channels of an account share a token, it is the other's."""
    holder = channels.token_holder(account.channel)
    shared = [each.token for each in found.accounts if (each.id, each.source) == (account.id, account.source)]
    if token is None and holder != account.channel:
        token = next((each for each in shared if each), None)
    wanted = [*app.secrets, *(each for each in (app.verify_token, app.client_secret, token) if each)]
    credentials: dict[str, Any] = {"secrets": [values[each] for each in app.secrets if each in values]}
    if app.verify_token in values:
        credentials["verify_token"] = values[app.verify_token or ""]
    if app.client_id:
        credentials["client_id"] = app.client_id
    return Known(
        account,
        values.get(token or ""),
        credentials,
        tuple(each for each in dict.fromkeys(wanted) if each not in values),
        renewed=channels.renews(account.channel),
    )


def of_stack(stack: StackConfig) -> list[Known]:
    """As they were pushed, with the tokens as they were renewed since."""
    return [_of_item(stack, item) for item in stack.accounts()]


def _of_item(stack: StackConfig, item: Mapping[str, Any]) -> Known:
    account = models.Account.model_validate({key: value for key, value in item.items() if key not in ("pk", "sk")})
    held = f"token/{channels.token_holder(account.channel)}/{account.id}"
    app = f"app/{account.source}/{account.app}"
    token, credentials = stack.record(held), stack.record(app)
    missing = [] if credentials or account.source == "email" else [app]
    needs_one = channels.sends_with_a_token(account.channel) and not channels.only_at_once(account)
    missing += [held] if needs_one and token is None else []
    ends = (token or {}).get("expires_at")
    return Known(
        account,
        (token or {}).get("token"),
        {**(credentials or {}), "client_id": (token or {}).get("client_id")},
        tuple(missing),
        ends // 1000 if isinstance(ends, int) else None,
        channels.renews(account.channel),
    )


def findings(known: Known, base: str, now_s: int) -> Iterator[Finding]:
    """Everything that can be looked at; `base` is where the stack's webhooks stand, or nothing."""
    if known.missing:
        yield Finding("secrets", False, ", ".join(known.missing), REMEDIES["missing_secret"])
    else:
        yield Finding("secrets", True, "all there")
    if known.hook and base:
        yield _endpoint(known, base + known.hook)
    yield from _with_the_platform(known, base, now_s)


def _with_the_platform(known: Known, base: str, now_s: int) -> Iterator[Finding]:
    channel = channels.channel(known.account.channel)
    if known.expires_at is not None:
        yield _ending(known.expires_at, now_s, renewed=known.renewed)
    if known.token == config_push.NOT_YET:
        yield Finding("token", None, "not_renewed_yet", REMEDIES["not_renewed_yet"])
        return
    if not hasattr(channel, "health") or not known.token:
        return
    health = cast(Checked, channel).health(known.account, known.token)
    about_delivery = health.detail in ("not_subscribed", "delivery_failing")
    is_good = health.ok or about_delivery
    remedy = "" if is_good else REMEDIES.get(health.detail, "")
    yield Finding("token", None if health.detail in UNSURE else is_good, "fine" if is_good else health.detail, remedy)
    if health.expires_at is not None:
        yield _ending(health.expires_at, now_s, renewed=known.renewed)
    if is_good and hasattr(channel, "app_health") and known.credentials.get("client_id"):
        health = cast(CheckedByApp, channel).app_health(known.account, known.credentials)
    if is_good:
        yield from _subscription(known, health, base)


def _subscription(known: Known, health: Health, base: str) -> Iterator[Finding]:
    if not health.ok:
        ok = None if health.detail in UNSURE else False
        yield Finding("subscription", ok, health.detail, REMEDIES.get(health.detail, ""))
    elif health.webhook is not None and base and health.webhook != f"{base}{known.hook}":
        yield Finding("subscription", False, "elsewhere", REMEDIES["elsewhere"])
    elif health.subscribed:
        yield Finding("subscription", True, health.webhook or "fine")


def _ending(at: int, now_s: int, *, renewed: bool) -> Finding:
    left = at - now_s
    if left <= 0:
        return Finding("token", False, "token_ended", REMEDIES["token_ended"])
    if left < (RENEWED_SOON_S if renewed else SOON_S):
        return Finding("token", False, "token_ends_soon", REMEDIES["token_ends_soon"])
    span = f"{left // 86_400} days" if left > 2 * 86_400 else f"{left // 60} minutes"
    return Finding("token", True, f"good for {span}")


def _endpoint(known: Known, url: str) -> Finding:
    """Asked as the platform would: what our own source would say is what has to come back."""
    if known.account.source == "webchat":
        return Finding("webhook", None, url)
    query = _challenge(known)
    try:
        if query:
            answer = get(f"{url}?{urlencode(query)}", {}, limits=LIMITS)
            right = channels.source(known.account.source).handshake(Request("GET", {}, query, b""), known.credentials)
            ok = right.status == 200 and (answer.status, answer.body) == (200, right.body.encode())
        else:  # unsigned, it has to be refused, and by us
            ok = post_json(url, {}, {}, limits=LIMITS).status == 401
    except (NotSent, Unconfirmed) as error:
        return Finding("webhook", None, f"{url} ({error})", REMEDIES["unreachable"])
    return Finding("webhook", ok, url, "" if ok else REMEDIES["handshake"])


def _challenge(known: Known) -> dict[str, str]:
    """The query of a handshake; empty where the platform has none, or without what it takes."""
    word = _WORD + secrets.token_hex(4)
    match known.account.source:
        case "meta" if verify := known.credentials.get("verify_token"):
            return {"hub.mode": "subscribe", "hub.verify_token": str(verify), "hub.challenge": word}
        case "x" if known.credentials.get("secrets"):
            return {"crc_token": word}
        case "linkedin" if known.credentials.get("secrets"):
            number = secrets.token_hex(16)
            return {"challengeCode": "-".join((number[:8], number[8:12], number[12:16], number[16:20], number[20:]))}
    return {}

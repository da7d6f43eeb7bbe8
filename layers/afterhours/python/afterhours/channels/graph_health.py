"""How an account of Meta's is: whether its token opens it, and whether the app is subscribed to what happens there.

Contract: platforms/meta.md, sections 1.6, 2 and 7. When a token ends would tell debug_token only, in whose address the
token stands: not asked. A number's subscription hangs on its WABA, whose id we do not have: not asked either.
"""

from typing import Any
from urllib.parse import quote

from afterhours.channels import asking, graph, untrusted
from afterhours.channels.contract import Health
from afterhours.models import Account

_TOKEN_INVALID = (190, 102)


def of_number(account: Account, token: str) -> Health:
    """WhatsApp's."""
    found = _asked(account, token, graph.FACEBOOK, f"{_quoted(account.id)}?fields=id,verified_name")
    return found if isinstance(found, Health) else Health(True, "fine")


def of_page(account: Account, token: str, field: str) -> Health:
    """Of a Page, or of an account that is reached through one; `field` is what the app has to be subscribed to."""
    page = account.page_id if account.channel.startswith("instagram") else account.id
    return _subscribed(account, token, graph.FACEBOOK, page, field)


def of_instagram(account: Account, token: str, field: str) -> Health:
    if account.login != "instagram":
        return of_page(account, token, "feed" if field == "comments" else field)
    return _subscribed(account, token, graph.INSTAGRAM, "me", field)


def _subscribed(account: Account, token: str, host: str, node: str | None, field: str) -> Health:
    if not node:
        return Health(False, "account_without_page")
    found = _asked(account, token, host, f"{_quoted(node)}/subscribed_apps")
    if isinstance(found, Health):
        return found
    apps = [untrusted.mapping(one) for one in untrusted.items(found.get("data"))]
    ours = [one for one in apps if account.app_id in (None, untrusted.identifier(one.get("id")))]
    is_subscribed = any(field in untrusted.items(one.get("subscribed_fields")) for one in ours)
    return Health(True, "fine", subscribed=True) if is_subscribed else Health(False, "not_subscribed")


def _asked(account: Account, token: str, host: str, path: str) -> dict[str, Any] | Health:
    if not graph.can_travel(token):
        return Health(False, "token_invalid")
    url = f"{graph.host_of(account, host)}/{_quoted(account.api_version)}/{path}"
    found = asking.asked(url, {"Authorization": f"Bearer {token}"}, errors=True)
    if isinstance(found, Health) or "error" not in found:
        return found
    code = untrusted.integer(untrusted.mapping(found["error"]).get("code"))
    return Health(False, "token_invalid" if code in _TOKEN_INVALID else "permission_missing")


def _quoted(part: str) -> str:
    return quote(part, safe="")

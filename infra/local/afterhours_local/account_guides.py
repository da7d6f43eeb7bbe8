"""What each platform has to be told, and what it gives: where to find it, where to paste it, what to disconnect.

A channel without an entry has the plain guide. The pages of the platforms move; the words here name things as the
contracts do.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Guide(NamedTuple):
    """`asks` are the fields of an account beside channel, app and inbox, each with what it is and where it stands."""

    secret: str  # what webhooks are signed with; empty where there is none
    asks: dict[str, str]
    paste: str  # what to do with the webhook's URL
    leave: str  # what to disconnect when the account goes
    app_asks: Mapping[str, str] = MappingProxyType({})


_OF_META = "the app secret (App dashboard, Settings, Basic)"
_META = {"verify_token": "a word of your own, the same as is typed in beside the webhook's URL"}
_META_PASTE = (
    "App dashboard, Webhooks, object {object}: callback URL {url}, the verify token of the app; subscribe to {fields}."
)
_OF_PAGE = "a Page access token that does not expire (of a system user)"
_META_LEAVE = "Take the app away from the account: DELETE /{id}/subscribed_apps, or in its settings under Apps."
_X = "the API secret key, also called consumer secret (Developer portal, Keys and tokens)"
_ROTATING = {"client_id": "the app's client id", "client_secret": "the app's client secret"}
_X_ASKS = {
    "id": "the account's numeric user id",
    "token": "an OAuth 2.0 access token of the account",
    "refresh": "the refresh token that came with it",
}
_TIKTOK = "the app's secret (TikTok for Business developers, App detail)"


def _meta(kind: str, fields: str, asks: dict[str, str]) -> Guide:
    paste = _META_PASTE.replace("{object}", kind).replace("{fields}", fields)
    return Guide(_OF_META, asks, paste, _META_LEAVE, _META)


_INSTAGRAM = {
    "id": "the account's professional id (17841…)",
    "token": "an access token of the account, or of its Page",
    "login": "instagram, or page where the account is reached through a Facebook Page",
    "page_id": "the linked Page, with login page only",
}

GUIDES: dict[str, Guide] = {
    "whatsapp": _meta(
        "whatsapp_business_account",
        "messages (and the app to the WABA)",
        {"id": "the phone number id, not the number (WhatsApp, API setup)", "token": "a system user's token"},
    ),
    "messenger": _meta(
        "page",
        "messages, messaging_postbacks, message_echoes, message_deliveries, message_reads",
        {"id": "the Page's id", "token": _OF_PAGE, "app_id": "the app's id, to know its own echoes"},
    ),
    "instagram": _meta("instagram", "messages, messaging_postbacks, messaging_seen", _INSTAGRAM),
    "facebook_comments": _meta("page", "feed", {"id": "the Page's id", "token": _OF_PAGE}),
    "instagram_comments": _meta("instagram", "comments, live_comments", _INSTAGRAM),
    "telegram": Guide(
        "a word of your own of letters, digits, _ and -; Telegram sends it along with each update",
        {"token": "the bot's token (from @BotFather)"},
        "Nothing to paste: setWebhook with {url} and the secret (account connect does it).",
        "deleteWebhook, then /revoke at @BotFather.",
    ),
    "line": Guide(
        "the channel secret (LINE Developers, Basic settings)",
        {"token": "a long-lived channel access token (LINE Developers, Messaging API)"},
        "LINE Developers, Messaging API: webhook URL {url}, Use webhook on, webhook redelivery on; auto-response off.",
        "LINE Developers, Messaging API: Use webhook off, and re-issue the channel access token.",
    ),
    "viber": Guide(
        "the bot's authentication token, which signs as well",
        {"token": "the same authentication token (Viber admin panel, the bot's info)"},
        "Nothing to paste: set_webhook with {url} once the configuration is pushed (account connect does it).",
        "set_webhook with an empty URL.",
    ),
    "wechat": Guide(
        "the token of the server configuration (Official Accounts platform, Basic configuration)",
        {},
        "Official Accounts platform, Basic configuration: URL {url}, the token, safe mode with its EncodingAESKey.",
        "Official Accounts platform, Basic configuration: disable the server configuration.",
        {"aes_key": "the EncodingAESKey of safe mode", "client_id": "the AppID"},
    ),
    "x": Guide(
        _X,
        _X_ASKS,
        "POST /2/webhooks with {url}, which X checks at once, then subscribe the account (Account Activity).",
        "DELETE the subscription of the account, and take the app away in its settings.",
        _ROTATING,
    ),
    "x_posts": Guide(
        _X,
        {"id": "the account's numeric user id; its token is the one of x, or name it here", **_X_ASKS},
        "As for x, with post.mention.create: {url}.",
        "As for x.",
        _ROTATING,
    ),
    "tiktok": Guide(
        _TIKTOK,
        {"id": "the account's business id", "token": "its access token", "refresh": "its refresh token"},
        "business/webhook/update with event type DIRECT_MESSAGE and callback URL {url} (account connect does it).",
        "business/webhook/delete, and take the app away in the account's settings.",
        _ROTATING,
    ),
    "tiktok_comments": Guide(
        _TIKTOK,
        {"id": "the account's business id", "page_id": "its unique_identifier, by which its own comments are known"},
        "business/webhook/update with event type COMMENT and callback URL {url} (account connect does it).",
        "business/webhook/delete, and take the app away in the account's settings.",
        _ROTATING,
    ),
    "linkedin": Guide(
        "the client secret (LinkedIn developers, the app's Auth)",
        {"id": "the organization's number", "token": "an access token of one of its admins"},
        # No call of ours: the configuration knows neither the app's number nor the member's.
        "LinkedIn developers, the app's Webhooks: {url}. Then, with the token, Linkedin-Version: 202606 and"
        " X-Restli-Protocol-Version: 2.0.0, PUT https://api.linkedin.com/rest/eventSubscriptions/(developerApplication:"
        "urn%3Ali%3AdeveloperApplication%3A<app>,user:urn%3Ali%3Aperson%3A<administrator>,entity:urn%3Ali%3Aorganization"
        '%3A{id},eventType:ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS) {"webhook": "{url}"}',
        "DELETE the event subscription of the organization.",
    ),
    "email": Guide(
        "",
        {"id": "the address in small letters"},
        "No webhook: verify the domain in SES, point its MX at SES, make the stack's receipt rule set the active one.",
        "Take the address out of the receipt rule, or its MX away.",
    ),
    "webchat": Guide(
        "a long random secret of your own, for visitors' sessions",
        {},
        "The page posts to {url}; name the page's origin with the app.",
        "Take the widget out of the page.",
        {"origins": "the page's origin, such as https://shop.example.org"},
    ),
    "mentions": Guide(
        "a secret as of Standard Webhooks, whsec_ and base64",
        {},
        "The listening tool: webhook URL {url}, and the secret.",
        "Delete the webhook in the listening tool.",
    ),
}
PLAIN = Guide(
    "what the platform signs with",
    {"token": "what is sent with"},
    "Tell the platform where to deliver: {url}.",
    "Take our address away at the platform.",
)


def guide(channel: str) -> Guide:
    return GUIDES.get(channel, PLAIN)


# What to do where a check finds something wrong, by the word that `health` says.
REMEDIES = {
    "token_invalid": "The token is not valid (any more): make a new one, put it where the configuration says, push.",
    "token_ends_soon": "The token ends soon and was not renewed: make a new one, push.",
    "token_ended": "The token has ended and could not be renewed: authorise the account anew and push the new pair.",
    "permission_missing": "The token does not open this account: check the id, the app's permissions and its review.",
    "not_subscribed": "The platform delivers nothing to us: subscribe the app again, or run account connect.",
    "elsewhere": "The platform delivers to another address: set the webhook again, or run account connect.",
    "delivery_failing": "The platform's last delivery failed: is the stack up, and the secret the same on both sides?",
    "unreachable": "Nobody answered: try again later, and look at this machine's own network first.",
    "rate_limited": "The platform asks to wait: try again later.",
    "app_refused": "The platform does not take the app's client_id and secret: are both of one and the same app?",
    "ip_not_allowed": "WeChat does not know the address that asks: Basic configuration, IP white list. What counts is"
    " the stack's own address (its NAT's); this check asks from here.",
    "not_renewed_yet": "The sweeper has no token yet: that takes a minute after a push. If longer, see its log.",
    "version_retired": "The version of the API has been retired: set a newer api_version at the account, push.",
    "account_without_page": "The account names no Page: give page_id, or login: instagram.",
    "missing_secret": "Set it, or write what it is into the file that the configuration names.",
    "handshake": "The endpoint does not answer as it should: was the configuration pushed with this secret?",
}

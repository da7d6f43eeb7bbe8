"""The one registry of sources and channels; contract.py says what they are. A new channel is one line here.

A channel's module is called as the channel is, a source's `<source>_source`. They are imported when first asked for:
the webhook function must not load a channel's dependencies.
"""

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, cast

from afterhours.channels.contract import Channel, Source

if TYPE_CHECKING:
    from afterhours.models import Account


class Registered(NamedTuple):
    """A channel's line: the source that brings its events, and what is known of few channels only."""

    source: str
    webhook: bool = True  # False: its events come in by a function of its own
    at_once: bool = False  # its platform reads a reply in the answer to its own request, see answer.py
    direct: str | None = None  # where a private reply to a comment is read, its echo arrives and the customer goes on
    kept_days: int | None = None  # for how long what customers wrote may be kept, where the platform limits it


CHANNELS = {
    "whatsapp": Registered("meta"),
    "messenger": Registered("meta"),
    "instagram": Registered("meta"),
    "facebook_comments": Registered("meta", direct="messenger"),
    "instagram_comments": Registered("meta", direct="instagram"),
    "webchat": Registered("webchat", webhook=False),
    "telegram": Registered("telegram"),
    "line": Registered("line"),
    "x": Registered("x"),
    "x_posts": Registered("x"),
    "tiktok": Registered("tiktok"),
    "tiktok_comments": Registered("tiktok"),
    "linkedin": Registered("linkedin", kept_days=2),
    "mentions": Registered("mentions"),
    "email": Registered("email", webhook=False),
    "viber": Registered("viber", at_once=True),
    "wechat": Registered("wechat", at_once=True),
}

SOURCE_OF = {name: each.source for name, each in CHANNELS.items()}
SOURCES = tuple(dict.fromkeys(each.source for each in CHANNELS.values() if each.webhook))
ANSWERED_AT_ONCE = {each.source for each in CHANNELS.values() if each.at_once}
DIRECT = {name: each.direct for name, each in CHANNELS.items() if each.direct}
COMMENTS = {direct: comments for comments, direct in DIRECT.items()}
# By channel, and by source for what no channel could read.
KEPT_DAYS = {key: each.kept_days for name, each in CHANNELS.items() for key in (name, each.source) if each.kept_days}


def source(name: str) -> Source:
    """The source's module. Raises KeyError for an unknown name."""
    if name not in SOURCES:
        raise KeyError(name)
    return cast(Source, import_module(f"{__name__}.{name}_source"))


def channel(name: str) -> Channel:
    """The channel's module. Raises KeyError for an unknown name."""
    if name not in CHANNELS:
        raise KeyError(name)
    return cast(Channel, import_module(f"{__name__}.{name}"))


def only_at_once(account: "Account") -> bool:
    """Whether we may write only in the answer to the platform's own request."""
    return "at_once" in channel(account.channel).CAPABILITIES and not account.customer_service


def sends_with_a_token(name: str) -> bool:
    """Whether an account needs a token of the platform's to write."""
    return {"no_token", "in_process", "receive_only"}.isdisjoint(channel(name).CAPABILITIES)


def renews(name: str) -> bool:
    """Whether the tokens of such accounts run out and are renewed."""
    return "renews" in channel(name).CAPABILITIES


def token_holder(name: str) -> str:
    """Under whose name the token of such an account is kept: where it is renewed, a source's channels share it."""
    return SOURCE_OF[name] if renews(name) else name

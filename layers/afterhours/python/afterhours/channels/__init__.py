"""The one registry of sources and channels; contract.py says what they are. A new one is one line here.

Modules are imported when first asked for: the webhook function must not load a channel's dependencies.
"""

from importlib import import_module
from typing import TYPE_CHECKING, cast

from afterhours.channels.contract import AnsweredAtOnce, Channel, Renewing, Source

SOURCES = {
    "meta": "afterhours.channels.meta",
    "telegram": "afterhours.channels.telegram_source",
    "line": "afterhours.channels.line_source",
    "x": "afterhours.channels.x_source",
    "tiktok": "afterhours.channels.tiktok_source",
    "linkedin": "afterhours.channels.linkedin_source",
    "mentions": "afterhours.channels.mentions_source",
    "viber": "afterhours.channels.viber_source",
    "wechat": "afterhours.channels.wechat_source",
}
ANSWERED_AT_ONCE = {"viber", "wechat"}  # their platforms read a reply in the answer to their own request

CHANNELS = {
    "whatsapp": "afterhours.channels.whatsapp",
    "messenger": "afterhours.channels.messenger",
    "instagram": "afterhours.channels.instagram",
    "facebook_comments": "afterhours.channels.facebook_comments",
    "instagram_comments": "afterhours.channels.instagram_comments",
    "webchat": "afterhours.channels.webchat",
    "telegram": "afterhours.channels.telegram",
    "line": "afterhours.channels.line",
    "x": "afterhours.channels.x",
    "x_posts": "afterhours.channels.x_posts",
    "tiktok": "afterhours.channels.tiktok",
    "tiktok_comments": "afterhours.channels.tiktok_comments",
    "linkedin": "afterhours.channels.linkedin",
    "mentions": "afterhours.channels.mentions",
    "email": "afterhours.channels.email",
    "viber": "afterhours.channels.viber",
    "wechat": "afterhours.channels.wechat",
}

# For how many days what customers wrote may be kept, where a platform limits it; by channel, and by source.
KEPT_DAYS = {"linkedin": 2}

# Where a private reply to a comment is read, its echo arrives and the customer goes on.
DIRECT = {"facebook_comments": "messenger", "instagram_comments": "instagram"}
COMMENTS = {direct: comments for comments, direct in DIRECT.items()}


def source(name: str) -> Source:
    """The source's module. Raises KeyError for an unknown name."""
    return cast(Source, import_module(SOURCES[name]))


def channel(name: str) -> Channel:
    """The channel's module. Raises KeyError for an unknown name."""
    return cast(Channel, import_module(CHANNELS[name]))


def only_at_once(account: "Account") -> bool:
    """Whether we may write only in the answer to the platform's own request."""
    return "at_once" in channel(account.channel).CAPABILITIES and not account.customer_service


def renews(name: str) -> bool:
    """Whether the tokens of such accounts run out and are renewed."""
    return "renews" in getattr(channel(name), "CAPABILITIES", ())


def token_holder(name: str) -> str:
    """Under whose name the token of such an account is kept: where it is renewed, a source's channels share it."""
    return channel(name).SOURCE if renews(name) else name


if TYPE_CHECKING:  # mypy holds each module against its Protocol here
    from afterhours.channels import email, mentions, mentions_source
    from afterhours.models import Account

    _brought: tuple[Source, Channel, Channel] = (mentions_source, mentions, email)

    from afterhours.channels import facebook_comments, instagram_comments

    _comments: tuple[Channel, ...] = (facebook_comments, instagram_comments)

    from afterhours.channels import linkedin, linkedin_source, tiktok, tiktok_comments, tiktok_source

    _videos: tuple[Source, Channel, Channel] = (tiktok_source, tiktok, tiktok_comments)
    _pages: tuple[Source, Channel] = (linkedin_source, linkedin)

    from afterhours.channels import (
        instagram,
        line,
        line_source,
        messenger,
        meta,
        telegram,
        telegram_source,
        whatsapp,
        x,
        x_posts,
        x_source,
    )

    _sources: tuple[Source, ...] = (meta, telegram_source, line_source, x_source)
    _channels: tuple[Channel, ...] = (whatsapp, messenger, instagram, telegram, line, x, x_posts)
    _renewing: tuple[Renewing, ...] = (x, x_posts)

    from afterhours.channels import viber, viber_source, wechat, wechat_source

    _at_once: tuple[AnsweredAtOnce, ...] = (viber_source, wechat_source)
    _theirs: tuple[Source, Channel, Source, Channel, Renewing] = (viber_source, viber, wechat_source, wechat, wechat)

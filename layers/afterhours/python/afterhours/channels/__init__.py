"""The one registry of sources and channels; contract.py says what they are. A new one is one line here.

Modules are imported when first asked for: the webhook function must not load a channel's dependencies.
"""

from importlib import import_module
from typing import TYPE_CHECKING, cast

from afterhours.channels.contract import Channel, Source

SOURCES = {
    "meta": "afterhours.channels.meta",
    "telegram": "afterhours.channels.telegram_source",
    "line": "afterhours.channels.line_source",
    "x": "afterhours.channels.x_source",
}

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
}


def source(name: str) -> Source:
    """The source's module. Raises KeyError for an unknown name."""
    return cast(Source, import_module(SOURCES[name]))


def channel(name: str) -> Channel:
    """The channel's module. Raises KeyError for an unknown name. Comment channels cannot send yet."""
    return cast(Channel, import_module(CHANNELS[name]))


if TYPE_CHECKING:  # mypy holds each module against its Protocol here
    from afterhours.channels import instagram, line, line_source, messenger, meta, telegram, telegram_source, whatsapp

    _sources: tuple[Source, ...] = (meta, telegram_source, line_source)
    _channels: tuple[Channel, ...] = (whatsapp, messenger, instagram, telegram, line)

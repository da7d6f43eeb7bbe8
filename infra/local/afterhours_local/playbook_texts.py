"""The texts that a playbook can send, its own and the default ones: which are missing, which can become too long."""

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from afterhours import channels, phrasebook, texts
from afterhours.channels.contract import Channel
from afterhours.playbook import Playbook
from afterhours.texts import TextKind, Values

Mistake = tuple[tuple[int | str, ...], str]  # a place in the file, and what would be right
Units = Callable[[str], int]

CHANNELS = tuple(channels.CHANNELS)
# Which of `instant` and `away` switches a text off.
SWITCHES = {
    TextKind.INSTANT: "instant",
    TextKind.SURGE: "instant",
    TextKind.AWAY: "away",
    TextKind.AWAY_HOLIDAY: "away",
    TextKind.AWAY_BREAK: "away",
}
CSAT = {TextKind.CSAT_QUESTION, TextKind.CSAT_THANKS}
# Letters beyond the basic plane are the longest in every unit that a platform counts in.
_LONGEST_NAME = "\U00020000" * texts.NAME_LIMIT
# Every way to say when: today, tomorrow, a day of this week, all the dates of a year; at an hour of two figures.
_START = datetime(2028, 1, 3, 22, 40, tzinfo=UTC)
_MOMENTS = [_START + timedelta(days=day) for day in range(7 + 366)]


class Text(NamedTuple):
    """A text that customers may get. `kind` is None for those of the FAQ and of the incident."""

    place: tuple[int | str, ...]
    language: str
    template: str
    kind: TextKind | None = None
    is_default: bool = False


def default(kind: TextKind, language: str) -> str | None:
    """The text that comes with Afterhours in the language, or in one that its readers understand as well."""
    for code in (*phrasebook.stems(language), *phrasebook.relatives(language)):
        if code in phrasebook.NAMES:
            return phrasebook.phrasebook(code).texts[kind]
    return None


def missing(playbook: Playbook) -> Iterator[Mistake]:
    """Languages in which customers would be answered in another one."""
    needed = [kind for kind in TextKind if any(_goes_out(playbook, kind, name) for name in CHANNELS)]
    for number, language in enumerate(playbook.languages):
        own = playbook.texts.get(language, {})
        if kinds := [kind for kind in needed if kind not in own and not default(kind, language)]:
            place = ("texts", language) if own else ("languages", number)
            yield (
                place,
                f'there are no texts in "{language}" for {", ".join(kinds)}, and none by default; write them under '
                f'texts.{language}, or take "{language}" out of `languages`',
            )


def too_long(playbook: Playbook, used_on: Collection[str]) -> Iterator[Mistake]:
    """Texts that a channel would refuse once the longest name and date stand in them."""
    # A channel without a limit cannot send yet.
    sending = {name: channel for name in sorted(used_on) if hasattr(channel := channels.channel(name), "TEXT_LIMIT")}
    sending = {name: channel for name, channel in sending.items() if not _is_silent(playbook, name, channel)}
    counts = {channel.TEXT_UNIT: channel.text_units for channel in sending.values()}  # many channels count alike
    for text in all_texts(playbook):
        over = []
        lengths = {unit: longest(playbook, text, count) for unit, count in counts.items()}
        for name, channel in sending.items():
            if text.kind is None or _goes_out(playbook, text.kind, name):
                units = lengths[channel.TEXT_UNIT]
                if units > channel.TEXT_LIMIT:
                    over.append(f"{name} ({units:,} of {channel.TEXT_LIMIT:,})")
        if over:
            yield text.place, _shorten(text, over)


def _is_silent(playbook: Playbook, name: str, channel: Channel) -> bool:
    """Where all can read what is sent, nothing automatic is, unless the playbook says so."""
    in_public = "public" in channel.CAPABILITIES and "private_reply" not in channel.CAPABILITIES
    return in_public and not playbook.on(name).public


def _shorten(text: Text, over: list[str]) -> str:
    what = f'the default text "{text.kind}" in "{text.language}"' if text.is_default else "the text"
    way_out = f"write a shorter texts.{text.language}.{text.kind}" if text.is_default else "shorten it"
    if text.kind in SWITCHES:
        way_out += f", or set `{SWITCHES[text.kind]}: false` for it under `channels`"
    return f"{what} with the longest name and date is too long for {', '.join(over)}; {way_out}"


def all_texts(playbook: Playbook) -> Iterator[Text]:
    for number, language in enumerate(playbook.languages):
        own = playbook.texts.get(language, {})
        for kind in TextKind:
            if kind in own:
                yield Text(("texts", language, kind.value), language, own[kind], kind)
            elif shipped := default(kind, language):
                yield Text(("languages", number), language, shipped, kind, is_default=True)
    for number, entry in enumerate(playbook.faq):
        for language, answer in entry.answer.items():
            yield Text(("faq", number, "answer", language), language, answer)
    for language, banner in (playbook.incident.text if playbook.incident else {}).items():
        yield Text(("incident", "text", language), language, banner)


def _goes_out(playbook: Playbook, kind: TextKind, channel: str) -> bool:
    if kind in CSAT and not playbook.csat.ask:
        return False
    replies, on = playbook.replies, playbook.on(channel)
    match SWITCHES.get(kind):
        case "instant":
            return replies.instant.enabled and on.instant
        case "away":
            return replies.away.enabled and on.away
    return True


def longest(playbook: Playbook, text: Text, units: Units) -> int:
    """How long the text can become: with the longest name, the longest way to say when, and that it is automatic."""
    values = Values(
        now=_START,
        zone="UTC",
        brand=playbook.brand,
        contact_name=_LONGEST_NAME,
        next_opening=_longest_moment(text.language, units, deadline=False),
        expected_reply_by=_longest_moment(text.language, units, deadline=True),
        week=playbook.week,
        ways=playbook.ways.line,
        languages=playbook.languages,
        start_word=playbook.opt_in[0],
        stop_word=playbook.opt_out[0],
    )
    if text.kind:
        return units(texts.render(text.kind, text.language, values, playbook.texts))
    return units(texts.automatic(text.template, text.language, values, playbook.texts))


@lru_cache(maxsize=256)
def _longest_moment(language: str, units: Units, *, deadline: bool) -> datetime:
    book = phrasebook.spoken(language, "")
    return max(_MOMENTS, key=lambda at: units(phrasebook.when(at, _START, "UTC", book, deadline=deadline)))

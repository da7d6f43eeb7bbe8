"""Named lists of stems per language, and which of them a text holds. Pure.

A list is written "refund*, money back": a star ends a stem, several words are a phrase (in this order, few words
between). Lists named `all` count in every language, `hbs` is Croatian, Bosnian, Serbian and Montenegrin.
"""

import json
import pkgutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from afterhours.wording import is_near, words

Lists = Mapping[str, Mapping[str, str]]  # name -> group -> list of stems

LATIN_GROUPS = ("en", "de", "sl", "hbs")
_GROUP = {"hr": "hbs", "bs": "hbs", "sr": "hbs", "cnr": "hbs", "me": "hbs", "sh": "hbs"}
_MOST_WORDS_BETWEEN = 2
_SHORTEST_STEM_WITH_SLIPS = 5
_SHORTEST_STEM = 2


@lru_cache(maxsize=4)
def shipped(name: str) -> Any:
    """A data file of this package: constants, written as JSON so that they can be read and edited as lists."""
    return json.loads(pkgutil.get_data("afterhours", f"data/{name}.json") or b"{}")


def groups_of(text: str, language: str | None) -> tuple[str, ...]:
    """The lists to look into. The script decides before the language does; where the language is not known, all the
    Latin ones; where it is one without lists, none but `all`."""
    tongue = (language or "").partition("-")[0]
    group = _GROUP.get(tongue, tongue)
    if any("\u0531" <= letter <= "\u0587" for letter in text):
        return ("hy",)
    if any("\u0400" <= letter <= "\u04ff" for letter in text):
        return ("hbs",) if group in ("", *LATIN_GROUPS, "mk") else ("all",)
    if not group:
        return LATIN_GROUPS
    return (group,) if group in LATIN_GROUPS else ("all",)


class Found(NamedTuple):
    """What a text holds: per name the patterns of the list that fit, and the words of the text that fit them."""

    patterns: Mapping[str, tuple[str, ...]]
    words: Mapping[str, frozenset[str]]

    @property
    def covered(self) -> frozenset[str]:
        return frozenset[str]().union(*self.words.values())

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.patterns)


def pattern(text: str) -> tuple[str, ...]:
    """ "Money back*" as ("money", "back*")."""
    parts = [part for piece in text.split() for part in _word_pattern(piece)]
    return tuple(parts)


def _word_pattern(piece: str) -> list[str]:
    found = list(words(piece.removesuffix("*")))
    if found and piece.endswith("*"):
        found[-1] += "*"
    return found


def fits(wanted: str, word: str) -> bool:
    return word.startswith(wanted[:-1]) if wanted.endswith("*") else word == wanted


def holds(text: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """Whether the words stand in the text side by side."""
    span = len(wanted)
    return any(
        all(fits(part, word) for part, word in zip(wanted, text[start : start + span], strict=True))
        for start in range(len(text) - span + 1)
    )


class Lexicon:
    """Lists ready to be looked into, for one group. `slips`: a long word may be misspelt by one letter."""

    def __init__(self, lists: Lists, group: str, *, slips: bool) -> None:
        self._names: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for name, by_group in lists.items():
            for listed in ("all", group):
                for item in by_group.get(listed, "").split(","):
                    if parts := pattern(item):
                        self._names[parts] = list(dict.fromkeys((*self._names[parts], name)))
        self._parts = {part for parts in self._names for part in parts}
        self._phrases: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        for parts in self._names:
            self._phrases[parts[0]].append(parts)
        self._by_letter: dict[str, list[str]] = defaultdict(list)
        for part in sorted(self._parts) if slips else ():
            if len(part.rstrip("*")) >= _SHORTEST_STEM_WITH_SLIPS:
                self._by_letter[part[0]].append(part)

    def find(self, text: tuple[str, ...]) -> Found:
        fitting = [self._fitting(word) for word in text]
        patterns: dict[str, list[str]] = defaultdict(list)
        found: dict[str, set[str]] = defaultdict(set)
        for start, parts_here in enumerate(fitting):
            for part in parts_here:
                for phrase in self._phrases.get(part, ()):
                    if places := _follow(fitting, start, phrase):
                        for name in self._names[phrase]:
                            patterns[name].append(" ".join(phrase))
                            found[name].update(text[place] for place in places)
        return Found(
            {name: tuple(listed) for name, listed in patterns.items()},
            {name: frozenset(listed) for name, listed in found.items()},
        )

    def _fitting(self, word: str) -> frozenset[str]:
        stems = {f"{word[:end]}*" for end in range(_SHORTEST_STEM, len(word) + 1)}
        found = (stems | {word}) & self._parts
        if not found and len(word) >= _SHORTEST_STEM_WITH_SLIPS - 1:
            found = {part for part in self._by_letter.get(word[0], ()) if _nearly_fits(part, word)}
        return frozenset(found)


def _nearly_fits(part: str, word: str) -> bool:
    """One slip inside: the last letter must be right, or endings would count as slips."""
    if not part.endswith("*"):
        return word[-1] == part[-1] and is_near(word, part)
    stem = part[:-1]
    ends = (end for end in range(len(stem) - 1, len(stem) + 2) if word[end - 1 : end] == stem[-1])
    return any(is_near(word[:end], stem) for end in ends)


def _follow(fitting: list[frozenset[str]], start: int, phrase: tuple[str, ...]) -> list[int]:
    """The places of the phrase's words when it begins at `start`; empty when it does not go on."""
    places = [start]
    for part in phrase[1:]:
        nearby = range(places[-1] + 1, min(places[-1] + 2 + _MOST_WORDS_BETWEEN, len(fitting)))
        place = next((place for place in nearby if part in fitting[place]), None)
        if place is None:
            return []
        places.append(place)
    return places


@lru_cache(maxsize=16)
def lexicon(name: str, group: str, *, slips: bool = False) -> Lexicon:
    """The shipped lists of one data file for the group, built at the first use."""
    return Lexicon(shipped(name)["lists"], group, slips=slips)


def names_of(name: str) -> Iterable[str]:
    lists: Lists = shipped(name)["lists"]
    return lists.keys()

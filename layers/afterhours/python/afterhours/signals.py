"""Signs in a text that a person should see it. One-way: they hand over, they never answer and never calm down. Pure.

Lists of phrases find them, so most of what is meant is missed and most of what is found is meant; they tell nothing
about a mood and are not to be read as one. Details that do not belong in public are in afterhours.private_details.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from afterhours.lexicon import Found, groups_of, lexicon, shipped
from afterhours.wording import words

_LONGEST_CALL = 12  # words of a text in which a bare "person" can ask for one
_SHORTEST_CALL = 2  # words of a text in which it needs no verb
_LETTERS_TO_SHOUT = 12
_SHOUTED = 0.7
_DISPLEASED = 2  # weak signs that make a complaint together
_SAME = 0.75
_BEGINNING = 5


class Signal(StrEnum):
    """The reason codes of a handoff, most pressing first."""

    SAFETY = "safety"
    LEGAL = "legal"
    SPAM = "spam"
    PERSON = "asked_for_a_person"
    COMPLAINT = "complaint"


class Raised(NamedTuple):
    """`because`: which entries of our lists fitted, never the customer's words."""

    signal: Signal
    because: tuple[str, ...]


def raised(text: str, language: str | None = None) -> tuple[Raised, ...]:
    """All signals of a text, most pressing first; the first one decides what is done."""
    found = _found(text, language)
    because = {
        Signal.SAFETY: found.get("safety", ()),
        Signal.LEGAL: found.get("legal", ()),
        Signal.SPAM: found.get("spam", ()),
        Signal.PERSON: found.get("person", ()) or _bare_call(found, len(words(text))),
        Signal.COMPLAINT: found.get("complaint", ()) or _displeased(found, text),
    }
    return tuple(Raised(signal, because[signal]) for signal in Signal if because[signal])


def same_question(text: str, earlier: Iterable[str]) -> bool:
    """Whether a text says again what one of the contact's earlier texts said; one-word texts say too little."""
    now = _beginnings(text)
    return len(now) > 1 and any(_overlap(now, _beginnings(before)) >= _SAME for before in earlier)


def _found(text: str, language: str | None) -> dict[str, tuple[str, ...]]:
    plain = words(text)
    merged: dict[str, tuple[str, ...]] = {}
    for found in (_in_group(plain, group) for group in groups_of(text, language)):
        for name, patterns in found.patterns.items():
            merged[name] = tuple(dict.fromkeys((*merged.get(name, ()), *patterns)))
    return merged


def _in_group(plain: tuple[str, ...], group: str) -> Found:
    return lexicon("signals", group).find(plain)


def _bare_call(found: dict[str, tuple[str, ...]], length: int) -> tuple[str, ...]:
    """ "Human!" or "I must speak to somebody": a noun counts in a very short text or beside a verb of talking."""
    nouns, verbs = found.get("person_noun", ()), found.get("person_verb", ())
    asked = nouns and (length <= _SHORTEST_CALL or (verbs and length <= _LONGEST_CALL))
    return (*nouns, *verbs) if asked else ()


def _displeased(found: dict[str, tuple[str, ...]], text: str) -> tuple[str, ...]:
    """Two weak signs or more; capitals and exclamation marks alone prove nothing."""
    signs = [*found.get("displeased", ())[:1]]
    letters = [letter for letter in text if letter.isalpha()]
    if len(letters) >= _LETTERS_TO_SHOUT and sum(map(str.isupper, letters)) > _SHOUTED * len(letters):
        signs.append("capitals")
    if "!!" in text or "?!" in text or "!?" in text:
        signs.append("!!")
    if any(sign in text for sign in shipped("signals")["angry"].split(", ")):
        signs.append("angry emoji")
    return tuple(signs) if len(signs) >= _DISPLEASED else ()


def _beginnings(text: str) -> frozenset[str]:
    return frozenset(word[:_BEGINNING] for word in words(text))


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 0.0

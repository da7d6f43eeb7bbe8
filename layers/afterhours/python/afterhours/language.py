"""Which language a customer writes, and in which one we answer. Pure.

What one message says comes from `letters`; here messages add up, and the inbox's languages, the contact's wish and the
platform's hint come in. Cyrillic goes only to those who write it or ask for it.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from afterhours.letters import NOTHING, Evidence, evidence, fold, tokens

SURE = 0.9  # below it a wrong guess does more harm than the platform's hint
ENOUGH_WORDS = 2
_STRANGER = -30  # log prior of a class that the inbox does not answer in
_WORST = -120  # scores are cut here, so that no history is beyond change
_MEMORY = 0.4  # what earlier messages count once the next has come
_MOST_WORDS = 99
_TELLING = 15  # a variant this much worse than another is out

Running = Mapping[str, int]
"""What a contact's messages have said so far, kept on the thread head: class or variant -> log score in tenths of a
nat, from -200 to 0, and `words`. Flat, at most 21 whole numbers, JSON."""


class Guess(NamedTuple):
    """`language` is None where the text speaks for none of those asked about. `words` is what the guess rests on."""

    language: str | None
    confidence: float
    words: int


class Choice(NamedTuple):
    """`why`: explicit, detected, remembered, locale, default or script. The thread head keeps `explicit`, `running`."""

    language: str
    why: str
    explicit: str | None
    running: Running


def detect(text: str, among: tuple[str, ...]) -> Guess:
    """Which of these languages one text is in, however unsure."""
    return _best(_add({}, evidence(text)), among, among)


def choose(
    event_text: str, *, explicit: str | None, remembered: str | None, locale: str | None,
    inbox_languages: tuple[str, ...], running: Running,
) -> Choice:  # fmt: skip
    """The language to answer in, one of the inbox's. `explicit` (what the contact once asked for), `remembered` and
    `running` are what the thread head holds, `locale` is the platform's."""
    seen = evidence(event_text)
    if seen.script == "Latn" and seen.words < ENOUGH_WORDS and _script_written(running) != "Latn":
        seen = NOTHING  # "ok" and "wifi" do not make a Cyrillic writer a Latin one
    running = _add(running, seen)
    for wish in (_asked_for(event_text), explicit):
        if wish and (language := _granted(wish, inbox_languages)):
            return Choice(language, "explicit", wish, running)
    readable = _readable(inbox_languages, seen.script)
    hints = {"remembered": remembered, "locale": locale and locale.replace("_", "-"), "default": inbox_languages[0]}
    guess = _best(running, readable, [hint for hint in hints.values() if hint])
    if guess.language and seen.words and guess.words >= ENOUGH_WORDS and guess.confidence >= SURE:
        return Choice(guess.language, "detected", explicit, running)
    for why, hint in hints.items():
        if hint and (language := _offered(hint, readable)):
            return Choice(language, why, explicit, running)
    return Choice(readable[0], "script", explicit, running)


_SCRIPT_OF = {"sr-Cyrl": "Cyrl", "mk": "Cyrl", "ru": "Cyrl", "uk": "Cyrl", "hy": "Armn", "ar": "Arab"}  # others: Latn
_VARIANT_OF = {"hr": "hr", "bs": "bs", "sr": "sr-Latn", "cnr": "sr-Latn", "sh": "sr-Latn"}
_VARIANTS = frozenset(_VARIANT_OF.values())


def _base(language: str) -> str:
    return language.partition("-")[0]


def _class_of(language: str) -> str:
    if language.startswith("sr-Cyrl"):
        return "sr-Cyrl"
    return "hbs" if _base(language) in _VARIANT_OF else _base(language)


def _script_of(language: str) -> str:
    return _SCRIPT_OF.get(_class_of(language), "Latn")


def _offered(wish: str, among: Sequence[str]) -> str | None:
    """The one of these that a wish means: itself, else without country or script, else one that is understood."""
    exact = [one for one in among if wish == one or wish.startswith(one + "-")]
    alike = [one for one in among if _base(one) == _base(wish)]
    understood = [one for one in among if _base(wish) in _VARIANT_OF and _class_of(one) == "hbs"]
    return next(iter([*exact, *alike, *understood]), None)


def _granted(wish: str, languages: Sequence[str]) -> str | None:
    """What is offered to an explicit wish, in the script it is for if that can be."""
    return _offered(wish, _readable(languages, _script_of(wish))) or _offered(wish, languages)


def _readable(languages: Sequence[str], script: str | None) -> Sequence[str]:
    """Those in the writer's script; all if there are none. Latin writers may be answered in any but Cyrillic, as
    Armenian is often typed in Latin; whoever writes Serbian Cyrillic reads Latin too."""
    if script == "Latn":
        kept = [one for one in languages if _script_of(one) != "Cyrl"]
    elif script == "Cyrl" and "sr-Cyrl" not in map(_class_of, languages):
        kept = [one for one in languages if _script_of(one) == "Cyrl" or _class_of(one) == "hbs"]
    else:
        kept = [one for one in languages if script in (None, _script_of(one))]
    return kept or languages


_NAMES = {
    name: language
    for language, names in {
        "en": "english",
        "de": "deutsch",
        "sl": "slovensko slovenski slovenscina slovenscini",
        "hr": "hrvatski hrvatskom",
        "sr-Latn": "srpski srpskom latinica latinicom",
        "sr-Cyrl": "српски српском ћирилица ћирилицом cirilica cirilicom",
        "hy": "հայերեն hayeren",
        "fr": "francais",
        "es": "espanol castellano",
        "it": "italiano",
        "pt": "portugues",
        "bs": "bosanski bosanskom",
        "mk": "македонски makedonski",
        "hu": "magyar magyarul",
        "ru": "русский русском русски",
        "uk": "українська українською українськи",
        "tr": "turkce",
        "ar": "العربية عربي بالعربية",
    }.items()
    for name in names.split()
}
_AROUND_A_NAME = """please pls plz can could do we you i speak write talk reply in bitte auf molim vas lijepo lepo na
prosim po v s il vous plait en por favor per piacere kerem szepen lutfen молим вас на пожалуйста по будь ласка
խնդրում եմ xndrum khndrum em من فضلك"""


def _asked_for(text: str) -> str | None:
    """The language that a message asks for, if it says nothing else: "English please", "hrvatski molim", "հայերեն"."""
    said = [word for word in map(fold, tokens(text)) if word not in _AROUND_A_NAME.split()]
    return _NAMES.get(said[0]) if len(said) == 1 else None


def _add(running: Running, seen: Evidence) -> Running:
    """Fade what was said before and add what is said now; a class that either does not speak of is at its worst."""
    if not seen.words:
        return running
    total = {"words": min(running.get("words", 0) + seen.words, _MOST_WORDS)}
    for name in sorted({*running, *seen.scores} - {"words"}):
        silent = 0 if name in _VARIANTS else _WORST
        total[name] = round(_MEMORY * running.get(name, silent) + max(seen.scores.get(name, silent), _WORST))
    return total


def _classes(running: Running) -> Mapping[str, int]:
    return {name: score for name, score in running.items() if name not in _VARIANTS and name != "words"}


def _script_written(running: Running) -> str:
    """The script that the contact wrote in so far; of a new one we think Latin."""
    classes = _classes(running)
    return _SCRIPT_OF.get(max(classes, key=lambda name: classes[name]), "Latn") if classes else "Latn"


def _best(running: Running, among: Sequence[str], preferred: Sequence[str]) -> Guess:
    """The likeliest language; where the variants of `hbs` are left undecided, the preferred one."""
    speakers: dict[str, list[str]] = {}
    weights: dict[str, float] = {}
    for name, score in _classes(running).items():
        speakers[name] = [one for one in among if _class_of(one) == name.removesuffix("-Latn")]
        if name == "sr-Cyrl" and not speakers[name]:
            speakers[name] = [one for one in among if _class_of(one) == "hbs"]
        weights[name] = math.exp((score if speakers[name] else score + _STRANGER) / 10)
    best = max((name for name in weights if speakers[name]), key=lambda name: weights[name], default=None)
    if best is None:
        return Guess(None, 0.0, running.get("words", 0))
    votes = {one: running.get(_VARIANT_OF.get(_base(one), ""), 0) for one in speakers[best]}
    left = [one for one, vote in votes.items() if vote > max(votes.values()) - _TELLING]
    hinted = filter(None, (_offered(hint, left) for hint in preferred))
    return Guess(next(hinted, left[0]), weights[best] / sum(weights.values()), running["words"])

"""What the letters of one message say of its language: script gate, then naive Bayes on words without diacritics. Pure.

Croatian, Bosnian and Serbian in Latin script are one class, `hbs`; marker words speak for its variants. Cyrillic is not
folded (as `wording` does), for its letters tell languages apart. infra/language_data.py makes the data file.
"""

import functools
import operator
import pkgutil
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

_READ = 600  # characters looked at; more say nothing new
_TEMPERATURE = 4.0  # letter groups overlap, so naive Bayes counts each piece of evidence several times

_SCRIPTS = {
    "Latn": re.compile(r"[A-Za-z\u00aa-\u024f\u1e00-\u1eff]"),
    "Cyrl": re.compile(r"[\u0400-\u052f]"),
    "Armn": re.compile(r"[\u0531-\u0587]"),
    "Arab": re.compile(r"[\u0620-\u06ff]"),
}
_ONLY = {"Armn": "hy", "Arab": "ar"}  # the one class of a script


class Evidence(NamedTuple):
    """`scores`: class, and variant of `hbs` -> log score in tenths of a nat, 0 is the best."""

    words: int
    script: str | None
    scores: Mapping[str, int]


NOTHING = Evidence(0, None, {})


def evidence(text: str) -> Evidence:
    """What one message says; NOTHING where it has no letters that we know."""
    words = tokens(text)
    letters = "".join(words)
    script = max(_SCRIPTS, key=lambda name: len(_SCRIPTS[name].findall(letters)))
    words = [word for word in words if _SCRIPTS[script].match(word)]
    if not words:
        return NOTHING
    if script in _ONLY:
        return Evidence(len(words), script, {_ONLY[script]: 0})
    found = (feature for word in words for feature in features(word))
    scores = _tables()[script].scores(found, _TEMPERATURE)
    variants = _tables()["hbs"].scores(_marks(words)) if script == "Latn" else {}
    return Evidence(len(words), script, {**scores, **variants})


_NOT_WORDS = re.compile(r"(?:https?://|www\.)\S+|[^\s@]{1,64}@[^\s@]+\.\w+|(?<!\w)[@#]\w+")
_WORD = re.compile(r"[^\W\d_]+")
_CONTRACTED = re.compile(r"['’](?=(?:s|t|m|d|ll|re|ve)\b)")
_UNFOLDED = str.maketrans({"đ": "dj", "ı": "i", "ß": "ss", "æ": "ae", "ø": "o", "ł": "l", "œ": "oe"})
_MARKS = re.compile(r"[\u0300-\u036f]")


def tokens(text: str) -> list[str]:
    """The words in lower case with their diacritics; addresses, mentions and tags are none."""
    bare = _NOT_WORDS.sub(
        " ", unicodedata.normalize("NFC", text[:_READ]).lower().replace("i\u0307", "i")
    )  # the Turkish İ
    return _WORD.findall(_CONTRACTED.sub("", bare))


def fold(word: str) -> str:
    """The word as people type it without diacritics; Cyrillic, which is not typed so, stays."""
    if _SCRIPTS["Cyrl"].match(word):
        return word
    return _MARKS.sub("", unicodedata.normalize("NFD", word.translate(_UNFOLDED)))


def features(word: str) -> Iterator[str]:
    """Groups of two to four letters, the whole word, and the letters that a folded word would not have."""
    whole = f"_{fold(word)}_"
    for size in (2, 3, 4):
        for start in range(len(whole) - size + 1):
            yield whole[start : start + size]
    if len(whole) > 4:
        yield whole
    yield from (letter for letter in word if letter > "\x7f")


def _marks(words: Sequence[str]) -> Iterator[str]:
    """What may tell Croatian, Bosnian and Serbian apart: words, and verbs with "da" or an infinitive soon after."""
    folded = [fold(word) for word in words]
    yield from folded
    for at, word in enumerate(folded):
        for after in folded[at + 1 : at + 3]:
            yield f"{word} da" if after == "da" else f"{word} -{after[-2:]}"


class _Table(NamedTuple):
    classes: Sequence[str]
    rows: Mapping[str, bytes]  # feature -> for each class, how many nats it is worse than the best one

    def scores(self, found: Iterable[str], temperature: float = 1.0) -> Mapping[str, int]:
        worse = [0] * len(self.classes)
        for row in filter(None, map(self.rows.get, found)):
            worse = list(map(operator.add, worse, row))
        least = min(worse)
        return {name: round(10 * (least - nats) / temperature) for name, nats in zip(self.classes, worse, strict=True)}


@functools.cache
def _tables() -> Mapping[str, _Table]:
    data = pkgutil.get_data("afterhours", "data/language.txt")
    if data is None:
        raise FileNotFoundError("data/language.txt is not in the package")
    values = bytes.maketrans(b"0123456789ab", bytes(range(12)))
    tables = {}
    for block in data.decode().split("\n@")[1:]:
        head, *lines = block.splitlines()
        name, *classes = head.split(" ")
        rows: dict[str, bytes] = {}
        for line in lines:
            row, *found = line.split("\t")
            rows |= dict.fromkeys(found, row.encode().translate(values))
        tables[name] = _Table(classes, rows)
    return tables

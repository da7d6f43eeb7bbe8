"""How close a text is to the examples of each FAQ entry: cosines of letters, word beginnings and concepts. Pure.

Plain arithmetic on a few hundred examples: far from enough to answer by itself, good enough to rank suggestions and
to stop a rule that fits by accident.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

_WEIGHTS = {"letters": 0.25, "beginnings": 0.25, "concepts": 0.5}
_LETTERS = (2, 3, 4)
_BEGINNING = 4


class Sample(NamedTuple):
    """One example, or the text that is compared with them."""

    words: tuple[str, ...]
    concepts: frozenset[str]
    topics: frozenset[str]  # the concepts without those that any question may hold
    telling: int  # how many of the words speak of a topic
    strange: frozenset[str]  # the words that no list knows


class Index:
    """The examples, ready to be compared with."""

    def __init__(self, examples: Iterable[tuple[str, Sample]]) -> None:
        listed = list(examples)
        entries: dict[str, set[str]] = defaultdict(set)
        for entry, sample in listed:
            for counts in _features(sample).values():
                for feature in counts:
                    entries[feature].add(entry)
        total = len({entry for entry, _ in listed})
        self._rarity = {feature: math.log(1 + total / len(found)) for feature, found in entries.items()}
        self._unseen = math.log(1 + 2 * total)
        self._entry_of = [entry for entry, _ in listed]
        self._postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for number, (_, sample) in enumerate(listed):
            for feature, weight in self._vector(sample).items():
                self._postings[feature].append((number, weight))

    def scores(self, sample: Sample) -> dict[str, float]:
        """Entry -> 0..1, that of its closest example; entries without anything in common are left out."""
        sums: dict[int, float] = defaultdict(float)
        for feature, weight in self._vector(sample).items():
            for number, other in self._postings.get(feature, ()):
                sums[number] += weight * other
        best: dict[str, float] = {}
        for number, score in sums.items():
            entry = self._entry_of[number]
            best[entry] = max(best.get(entry, 0.0), score)
        return best

    def _vector(self, sample: Sample) -> Mapping[str, float]:
        """Each kind of feature on its own has the length of the root of its weight."""
        vector: dict[str, float] = {}
        for kind, counts in _features(sample).items():
            weighed = {
                feature: (1 + math.log(count)) * self._rarity.get(feature, self._unseen)
                for feature, count in counts.items()
            }
            length = math.sqrt(sum(weight * weight for weight in weighed.values())) or 1.0
            scale = math.sqrt(_WEIGHTS[kind]) / length
            vector |= {feature: weight * scale for feature, weight in weighed.items()}
        return vector


def beginnings(words: Iterable[str]) -> frozenset[str]:
    return frozenset(word[:_BEGINNING] for word in words)


def _features(sample: Sample) -> dict[str, Counter[str]]:
    letters = Counter(
        f"_{word}_"[start : start + size]
        for word in sample.words
        for size in _LETTERS
        for start in range(len(word) + 3 - size)
    )
    return {
        "letters": letters,
        "beginnings": Counter(f"{word[:_BEGINNING]}*" for word in sample.words),
        "concepts": Counter(f"#{name}" for name in sample.topics),
    }

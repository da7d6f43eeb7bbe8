"""Which FAQ entry answers a text. Pure.

An automatic answer needs two witnesses: the entry's phrase rule holds, of this entry alone, with nothing else asked
beside it, and its examples are the closest ones. Less than that gives suggestions for the customer to tap, or nothing.
A text that is one of the examples word by word is answered without more ado.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from afterhours import rules
from afterhours.lexicon import groups_of, lexicon, shipped
from afterhours.playbook import FaqEntry
from afterhours.rules import Rule, WrongRule
from afterhours.similarity import Index, Sample, beginnings
from afterhours.wording import words

MOST_SUGGESTIONS = 3
MOST_WORDS = 20  # a longer text tells a story, which a ready answer seldom fits
MOST_STRANGE_WORDS = 1  # in an answered text; none where one word alone says what it is about
READ = 1_000  # characters looked at
LEAST_SCORE = 0.15  # of an answer
LEAST_SUGGESTED = 0.25
FITS, HOLDS, HOLDS_IN_PART = 0.3, 0.15, 0.2  # what a rule adds to the score in the order of suggestions


class Answer(NamedTuple):
    entry_id: str
    score: float
    reason: str


class Suggestions(NamedTuple):
    """The closest entries, best first; the texts of their buttons are the caller's business."""

    ids: tuple[str, ...]
    scores: tuple[float, ...]
    reason: str


class Entry(NamedTuple):
    """An entry ready to be matched: `concepts` and `words` (their beginnings) may stand in a text that it answers,
    `ways` are the sets of concepts that its rule is content with."""

    id: str
    rule: Rule | None
    concepts: frozenset[str]
    words: frozenset[str]
    ways: tuple[frozenset[str], ...]


class Matcher(NamedTuple):
    entries: tuple[Entry, ...]
    closeness: Index
    exact: Mapping[tuple[str, ...], str]


def compile(entries: Iterable[FaqEntry]) -> Matcher:  # as in re.compile
    """The entries ready to be matched; takes tens of milliseconds, so keep it for as long as the playbook's version.

    Raises WrongRule, which names the entry.
    """
    ready, samples = [], []
    owners: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for entry in entries:
        examples = [_sample(example, None) for example in entry.examples]
        rule = _rule(entry, examples)
        ready.append(
            Entry(
                entry.id,
                rule,
                frozenset[str]().union(rule.wanted() if rule else (), *(example.concepts for example in examples)),
                frozenset[str]().union(*(beginnings(example.words) for example in examples)),
                tuple(way for way in rule.ways() if way) if rule else (),
            )
        )
        for example in examples:
            samples.append((entry.id, example))
            owners[example.words].add(entry.id)
    exact = {text: min(ids) for text, ids in owners.items() if text and len(ids) == 1}
    return Matcher(tuple(ready), Index(samples), exact)


def match(matcher: Matcher, text: str, language: str | None) -> Answer | Suggestions | None:
    """What to do with a text; `language` as detected, None where it is not known."""
    sample = _sample(text, language)
    if owner := matcher.exact.get(sample.words):
        return Answer(owner, 1.0, "it is one of the examples")
    scores = matcher.closeness.scores(sample)
    holding = [entry for entry in matcher.entries if entry.rule and entry.rule.holds(sample.concepts, sample.words)]
    fitting = [entry for entry in holding if not _beside(sample, entry)]
    doubt = _doubt(sample, scores, holding, fitting)
    if not doubt:
        score = scores[fitting[0].id]
        return Answer(fitting[0].id, score, f"its rule holds and its examples are the closest ({score:.2f})")
    bonus = {entry.id: _bonus(sample, entry, holding, fitting) for entry in matcher.entries}
    worth = {id: scores.get(id, 0.0) + bonus[id] for id in bonus}
    close = [id for id in sorted(worth, key=lambda id: (-worth[id], id)) if worth[id] >= LEAST_SUGGESTED]
    if not close:
        return None
    ids = tuple(close[:MOST_SUGGESTIONS])
    return Suggestions(ids, tuple(scores.get(id, 0.0) for id in ids), doubt)


def _beside(sample: Sample, entry: Entry) -> frozenset[str]:
    """What the text speaks of besides that of the entry."""
    return sample.topics - entry.concepts


def _bonus(sample: Sample, entry: Entry, holding: list[Entry], fitting: list[Entry]) -> float:
    if entry in holding:
        return FITS if entry in fitting else HOLDS
    if not sample.topics - _listed("question"):
        return 0.0
    return HOLDS_IN_PART * max((_share(sample, way) for way in entry.ways), default=0.0)


def _share(sample: Sample, way: frozenset[str]) -> float:
    """How much of what a rule asks for the text has; a thing counts twice as much as a question about it."""
    weight = {name: 0.5 if name in _listed("question") or name in _listed("neutral") else 1.0 for name in way}
    return sum(weight[name] for name in way & sample.concepts) / sum(weight.values())


def _doubt(sample: Sample, scores: Mapping[str, float], holding: list[Entry], fitting: list[Entry]) -> str:
    """Why no entry answers by itself; empty when one does."""
    if not holding:
        return "no rule holds"
    if not fitting:
        least = min((_beside(sample, entry) for entry in holding), key=lambda names: (len(names), sorted(names)))
        return f"it also speaks of {', '.join(sorted(least))}"
    if len(fitting) > 1:
        return f"several rules hold: {', '.join(sorted(entry.id for entry in fitting))}"
    entry = fitting[0]
    if len(sample.words) > MOST_WORDS:
        return f"it has more than {MOST_WORDS} words"
    strange = sum(not beginnings((word,)) <= entry.words for word in sample.strange)
    if strange > min(MOST_STRANGE_WORDS, max(sample.telling - 1, 0)):
        return f"it has words that neither the concepts nor the examples know: {strange}"
    score = scores.get(entry.id, 0.0)
    following = max((other for id, other in scores.items() if id != entry.id), default=0.0)
    if score < LEAST_SCORE:
        return f"no example of the entry whose rule holds is close ({score:.2f})"
    if score < following:
        return f"another entry's examples are closer ({score:.2f} against {following:.2f})"
    return ""


def _sample(text: str, language: str | None) -> Sample:
    """The text with its concepts, in the group of lists that covers most of its words where the language is open."""
    plain = words(text[:READ])
    by_group = [lexicon("concepts", group, slips=True).find(plain) for group in groups_of(text, language)]
    found = max(by_group, key=lambda one: len(one.covered))
    concepts = found.names - {"FILLER"}
    topics = concepts - _listed("neutral")
    telling = frozenset[str]().union(*(found.words[name] for name in topics))
    strange = {word for word in plain if len(word) > 2 and not word.isdecimal()} - found.covered
    return Sample(plain, concepts, topics, len(telling), frozenset(strange))


def _rule(entry: FaqEntry, examples: list[Sample]) -> Rule | None:
    if entry.when is not None:
        try:
            return rules.parse(entry.when)
        except WrongRule as error:
            raise WrongRule(f"FAQ {entry.id}: {error}") from error
    return _derived(examples)


def _derived(examples: list[Sample]) -> Rule | None:
    """The rule of an entry without one: all the concepts of any one example, where one of them names a thing."""
    sets = {example.topics for example in examples}
    telling = sorted(tuple(sorted(names)) for names in sets if names - _listed("question"))
    ways = [rules.joined("&", [Rule("name", name) for name in names]) for names in telling]
    return rules.joined("|", ways) if ways else None


def _listed(kind: str) -> frozenset[str]:
    """`neutral`: concepts that may stand in any question without changing it. `question`: those that name no thing."""
    return frozenset(shipped("concepts")[kind].split(", "))

"""What the FAQ and the signals do with wordings that their lists were not written from; the figures are printed (-s).

The texts lie beside the project. Rules (faq_rules.yaml) and stems were written from the first two wordings of each
entry and language; the other two, and the texts of other.jsonl, are only counted here and never shown.
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from afterhours import faq, signals
from afterhours.playbook import FaqEntry

HERE = Path(__file__).parent
TEXTS = HERE.parents[2] / "shared" / "faq"
SEEN = 2  # wordings of each entry and language that rules and examples come from

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not TEXTS.is_dir(), reason="the measured texts lie beside the project, not in it"),
]


class Text(NamedTuple):
    language: str
    text: str
    entry_id: str | None = None


def rows(name: str) -> Iterator[dict[str, str]]:
    for line in (TEXTS / name).read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def wordings() -> tuple[dict[str, list[str]], list[Text]]:
    """The examples of each entry, and the wordings held out."""
    seen: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows("faq.jsonl"):
        seen[row["faq_id"], row["lang"]].append(row["text"])
    examples: dict[str, list[str]] = defaultdict(list)
    held_out = []
    for (entry_id, language), texts in seen.items():
        examples[entry_id] += texts[:SEEN]
        held_out += [Text(language, text, entry_id) for text in texts[SEEN:]]
    return examples, held_out


def matcher(examples: dict[str, list[str]]) -> faq.Matcher:
    written = yaml.safe_load((HERE / "faq_rules.yaml").read_text(encoding="utf-8"))
    assert written.keys() == examples.keys()
    entries = [FaqEntry(id=i, when=written[i], examples=tuple(examples[i]), answer={"en": "."}) for i in written]
    return faq.compile(entries)


def count(ready: faq.Matcher, texts: list[Text], *, language_known: bool) -> dict[str, Counter[str]]:
    """By language: n, right, wrong, and `in_three`: the answer, else one of the three closest, is the right one."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for text in texts:
        language = text.language if language_known else None
        said = faq.match(ready, text.text, language)
        offered = said.ids if isinstance(said, faq.Suggestions) else ()
        found = (said.entry_id,) if isinstance(said, faq.Answer) else offered
        for group in (text.language, "all"):
            counts[group]["n"] += 1
            counts[group]["in_three"] += text.entry_id in found
            counts[group]["nothing"] += said is None
            if isinstance(said, faq.Answer):
                counts[group]["right" if said.entry_id == text.entry_id else "wrong"] += 1
    return counts


def test_held_out_wordings_are_answered_rightly_or_not_at_all() -> None:
    examples, held_out = wordings()
    begun = time.process_time()
    ready = matcher(examples)
    compiled = time.process_time() - begun
    for language_known in (False, True):
        begun = time.process_time()
        counts = count(ready, held_out, language_known=language_known)
        each = (time.process_time() - begun) / len(held_out)
        print(f"\nlanguage {'known' if language_known else 'not known'}; compile {compiled * 1e3:.0f} ms,", end=" ")
        print(f"match {each * 1e3:.2f} ms a text")
        for language, found in counts.items():
            answered = found["right"] + found["wrong"]
            print(
                f"{language:>4} n {found['n']:3}  recall {found['right'] / found['n']:.1%}  "
                f"wrong {found['wrong']} ({found['wrong'] / found['n']:.1%})  "
                f"precision {found['right'] / answered:.1%}  in three {found['in_three'] / found['n']:.1%}  "
                f"nothing {found['nothing'] / found['n']:.1%}"
            )
        if language_known:
            found = counts["all"]
            assert found["wrong"] <= 0.01 * found["n"]
            assert found["right"] >= 0.97 * (found["right"] + found["wrong"])
            assert found["in_three"] >= 0.85 * found["n"]


def test_other_texts_are_not_answered() -> None:
    ready = matcher(wordings()[0])
    answered: Counter[str] = Counter()
    behind_signals: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for row in rows("other.jsonl"):
        total[row["kind"]] += 1
        said = isinstance(faq.match(ready, row["text"], row["lang"]), faq.Answer)
        answered[row["kind"]] += said
        behind_signals[row["kind"]] += said and not signals.raised(row["text"], row["lang"])
    for kind, number in total.items():
        print(f"\n{kind:>10} n {number:3}  answered {answered[kind]}  after signals {behind_signals[kind]}", end="")
    assert behind_signals.total() <= 0.01 * total.total()


def test_faq_texts_raise_no_signal() -> None:
    """And what the lists find of the texts meant to be found: one author's texts, so no measure of recall at large."""
    _, held_out = wordings()
    for language_known in (True, False):
        raised = sum(bool(signals.raised(text.text, text.language if language_known else None)) for text in held_out)
        print(f"\nFAQ texts that raise a signal: {raised} of {len(held_out)}", end="")
        assert raised <= 0.005 * len(held_out)
    meant = {"complaint": "complaint", "human": "asked_for_a_person", "legal": "legal", "safety": "safety"}
    meant["spam"] = "spam"
    first: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows("other.jsonl"):
        found = signals.raised(row["text"], row["lang"])
        first[row["kind"]][str(found[0].signal) if found else "none"] += 1
    for kind, counts in first.items():
        print(f"\n{kind:>10} -> {dict(counts)}; meant: {meant.get(kind, 'none')}", end="")

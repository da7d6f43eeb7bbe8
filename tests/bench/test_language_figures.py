"""How often a language is known, and what that does to replies; the figures are printed (-s).

Nothing was made from the texts measured, which lie beside the project: the data file comes from two word lists alone,
and its settings were chosen on the Universal Declaration of Human Rights and on our own replies, both cut to pieces.
"Grouped": Croatian, Bosnian and Serbian in Latin script count as one.
"""

import json
import re
import subprocess
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest
from afterhours.language import ENOUGH_WORDS, SURE, choose, detect

ROOT = Path(__file__).parents[2]
TEXTS = ROOT.parent / "shared" / "faq"
FIRST = ("en", "de", "sl", "hr", "sr-Latn", "sr-Cyrl", "hy")
ALL = (*FIRST, "fr", "es", "it", "pt", "bs", "mk", "hu", "ru", "uk", "tr", "ar")
LOCALES = {"en": "en_US", "de": "de_DE", "sl": "sl_SI", "hr": "hr_HR", "sr": "sr_RS", "hy": "hy_AM"}
LENGTHS = (20, 40, 80, 10_000)

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not TEXTS.is_dir(), reason="the measured texts lie beside the project, not in it"),
]


class Text(NamedTuple):
    language: str
    text: str


def texts() -> list[Text]:
    lines = [line for name in ("faq", "other") for line in (TEXTS / f"{name}.jsonl").read_text("utf-8").splitlines()]
    rows = [json.loads(line) for line in lines]
    return [Text(script_added(row["lang"], row["text"]), row["text"]) for row in rows]


def script_added(language: str, text: str) -> str:
    script = "sr-Cyrl" if re.search("[а-шА-Ш]", text) else "sr-Latn"
    return script if language == "sr" else language


def stripped(text: str) -> str:
    """As typed on a keyboard without diacritics; Cyrillic and Armenian are not typed so."""
    latin = text.translate(str.maketrans({"đ": "dj", "Đ": "Dj", "ß": "ss", "ı": "i"}))
    return latin if re.search("[а-шА-Ш]", text) else re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFD", latin))


def group(language: str | None) -> str | None:
    return "hbs" if language in {"hr", "bs", "sr-Latn"} else language


def share(right: Iterable[bool]) -> float:
    answers = list(right)
    return 100 * sum(answers) / len(answers)


def told(title: str, measured: list[Text], among: tuple[str, ...]) -> float:
    """Print how often the group is right, by language and length; the overall figure."""
    guesses = [(one, detect(one.text, among)) for one in measured]
    right = [(one, group(guess.language) == group(one.language)) for one, guess in guesses]
    sure = [
        group(guess.language) == group(one.language)
        for one, guess in guesses
        if guess.confidence >= SURE and guess.words >= ENOUGH_WORDS
    ]
    by: dict[str, dict[str | int, list[bool]]] = {"language": defaultdict(list), "length": defaultdict(list)}
    for one, is_right in right:
        by["language"][one.language].append(is_right)
        by["length"][next(most for most in LENGTHS if len(one.text) <= most)].append(is_right)
    overall = share(is_right for _, is_right in right)
    print(
        f"\n{title}: {overall:.1f} % of {len(right)}; sure of {100 * len(sure) / len(right):.0f} %: {share(sure):.1f} %"
    )
    for what, parts in by.items():
        print(
            f"  by {what}: " + ", ".join(f"{key} {share(parts[key]):.1f} ({len(parts[key])})" for key in sorted(parts))
        )
    return overall


@pytest.mark.parametrize(("among", "name"), [(FIRST, "of 7"), (ALL, "of 18")])
def test_languages_are_known_with_and_without_diacritics(among: tuple[str, ...], name: str) -> None:
    written = texts()
    folded = [Text(one.language, stripped(one.text)) for one in written]
    changed = [new for old, new in zip(written, folded, strict=True) if old != new]
    assert told(f"as written, {name}", written, among) >= 94
    assert told(f"without diacritics, {name}", folded, among) >= 95
    assert told(f"those that had diacritics, without them, {name}", changed, among) >= 95


ARMENIAN = "աբգդզէեթիլհյնշպջսվտրփօֆոճչռմձխծցկքըղժ"
# A third habit, between the two that the data are made with.
IN_LATIN = "a b g d z e e t i l h y n sh p j s v t r p o f o tch ch r m dz kh c c k q @ gh j"
ROMANISED = dict(zip(ARMENIAN, IN_LATIN.split(), strict=True)) | {"և": "ev", "ու": "u", "՞": "", "՛": "", "՜": ""}


def test_armenian_in_latin_letters_is_known_and_nothing_else_is_taken_for_it() -> None:
    romanised = [
        Text("hy", "".join(ROMANISED.get(letter, letter) for letter in re.split("(ու|.)", one.text.lower())))
        for one in texts()
        if one.language == "hy"
    ]
    others = [one for one in texts() if one.language != "hy"]
    assert told("Armenian in Latin letters, of 7", romanised, FIRST) >= 95
    taken = share(detect(one.text, FIRST).language == "hy" for one in others)
    print(f"  others taken for it: {taken:.2f} % of {len(others)}")
    assert taken <= 0.5


def test_croatian_and_serbian_are_told_apart_where_a_word_tells() -> None:
    """The hint is turned against the truth: what is right then was known from the text."""
    both, wrong = {"hr", "sr-Latn"}, {"hr": "sr-Latn", "sr-Latn": "hr"}
    measured = [one for one in texts() if one.language in both]
    decided = [
        one for one in measured if detect(one.text, ("hr", "sr-Latn"))[0] == detect(one.text, ("sr-Latn", "hr"))[0]
    ]
    right = share(detect(one.text, (wrong[one.language], one.language))[0] == one.language for one in decided)
    print(
        f"\nhr or sr-Latn: decided {100 * len(decided) / len(measured):.0f} % of {len(measured)}, {right:.1f} % right"
    )
    assert right >= 92


def test_replies_are_seldom_in_a_wrong_language() -> None:
    """Every text is a new contact's first message, with each locale: the right one weighs 90 %, the others 10 %."""
    for name, change in (("as written", str), ("without diacritics", stripped)):
        wrong, exact, cyrillic = [], [], 0
        for language, text in texts():
            own = LOCALES[language.partition("-")[0]]
            hints = {locale: 0.9 if locale == own else 0.1 / (len(LOCALES) - 1) for locale in LOCALES.values()}
            replies = {locale: reply(change(text), locale) for locale in hints}
            wrong.append(sum(hints[one] for one in hints if group(replies[one]) != group(language)))
            exact.append(sum(hints[one] for one in hints if replies[one] != language))
            cyrillic += language != "sr-Cyrl" and "sr-Cyrl" in replies.values()
        rates = [100 * sum(each) / len(each) for each in (wrong, exact)]
        print(f"\nwrong replies, {name}: {rates[0]:.2f} %; with hr for sr-Latn or the reverse {rates[1]:.2f} %")
        assert rates[0] <= 3
        assert cyrillic == 0


def reply(text: str, locale: str) -> str:
    return choose(text, explicit=None, remembered=None, locale=locale, inbox_languages=FIRST, running={}).language


COST = """
import json, time, tracemalloc
from afterhours import language, letters
def spent(what, times):
    start = time.process_time()
    for _ in range(times):
        what()
    return 1000 * (time.process_time() - start) / times
def choose():
    text = "Dobar dan, zanima me imate li slobodnih soba za vikend"
    language.choose(text, explicit=None, remembered=None, locale=None, inbox_languages=("hr", "en", "de"), running={})
load, call = spent(letters._tables, 1), spent(choose, 300)
letters._tables.cache_clear()
tracemalloc.start()
letters._tables()
print(json.dumps([load, tracemalloc.get_traced_memory()[0] / 1e6, call]))
"""


def test_the_detector_costs_little() -> None:
    """Processor time, the best of three runs; the bounds leave room for a slower machine."""
    path = str(ROOT / "layers/afterhours/python")
    runs = [
        subprocess.check_output([sys.executable, "-c", COST], env={"PYTHONPATH": path}, text=True) for _ in range(3)
    ]
    load, megabytes, call = (min(figures) for figures in zip(*map(json.loads, runs), strict=True))
    size = (ROOT / "layers/afterhours/python/afterhours/data/language.txt").stat().st_size / 1e6
    print(f"\nload {load:.0f} ms once a container, {megabytes:.1f} MB, {call:.2f} ms a message; the file {size:.2f} MB")
    assert load < 100
    assert megabytes < 25
    assert call < 2
    assert size < 1.1

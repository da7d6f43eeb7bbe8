"""Texts that machines write: out-of-office notes, other companies' instant replies, and our own. Pure.

Two Afterhours wired to each other stop here. An automatic text of ours says in its language that it is one, but only
now and then within a conversation: so the shipped texts, and those of the playbook, are known by their words as well.
"""

import pkgutil
import re
from functools import cache, lru_cache

from afterhours.case import plain_words
from afterhours.phrasebook import LANGUAGES, phrasebook
from afterhours.playbook import Playbook

_READ = 2_000  # characters of a text
_TELLING = 5  # words; people write shorter phrases too
_SYNTAX = re.compile(r"\{[^{}]*\}|\[\[|\]\]")


def is_auto_response(text: str) -> bool:
    """Whether a text says of itself that a machine wrote it, or is one of ours."""
    said = f" {plain_words(text[:_READ])} "
    return any(f" {phrase} " in said for phrase in (*_phrases(), *_of_our_texts()))


def repeats_the_playbook(text: str, playbook: Playbook) -> bool:
    """Whether a text begins with an answer of the FAQ or holds the team's own wording, as a machine's would that has
    the same playbook."""
    said, plain = text.strip(), f" {plain_words(text[:_READ])} "
    answers = (answer.strip() for entry in playbook.faq for answer in entry.answer.values())
    own = (_run(template) for wording in playbook.texts.values() for template in wording.values())
    return any(said.startswith(answer) for answer in answers if len(answer.split()) >= _TELLING) or any(
        f" {run} " in plain for run in own if run
    )


@cache
def _phrases() -> tuple[str, ...]:
    lines = (pkgutil.get_data("afterhours", "data/auto_responders.txt") or b"").decode().splitlines()
    return tuple(plain_words(line) for line in lines if line and not line.startswith("#"))


@cache
def _of_our_texts() -> tuple[str, ...]:
    texts = [text for language in LANGUAGES for text in phrasebook(language).texts.values()]
    return tuple(dict.fromkeys(run for run in map(_run, texts) if run))


@lru_cache(maxsize=1_024)
def _run(template: str) -> str:
    """The longest run of words of a text without a placeholder; empty where that tells too little."""
    run = max(map(plain_words, _SYNTAX.split(template)), key=lambda words: len(words.split()))
    return run if len(run.split()) >= _TELLING else ""

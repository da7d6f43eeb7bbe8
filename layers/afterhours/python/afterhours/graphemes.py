"""Cutting texts: into characters as people see them, and into pieces that fit a platform. Pure."""

import re
import unicodedata
from collections.abc import Callable, Iterator

_LINK = re.compile(r"(?:https?://|www\.)\S+|[^\s@]{1,64}@[^\s@]{1,255}\.\w+", re.IGNORECASE)
_BREAKS = (re.compile(r"\n\s*\n"), re.compile(r"\n|(?<=[.!?…։。！？])\s+"), re.compile(r"[^\S\u00a0\u202f]+"))
_ZWJ = "\u200d"


def split(text: str, limit: int, units: Callable[[str], int] = len) -> list[str]:
    """The text in pieces of at most `limit` units: cut between paragraphs, else sentences, else words, else
    characters as people see them. A link stays whole unless it alone is too long."""
    pieces = []
    rest = text.strip()
    while units(rest) > limit:
        head = _fitting(rest, limit, units)
        cut = _best_break(rest, len(head))
        pieces.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*pieces, rest] if rest else pieces


def _fitting(text: str, limit: int, units: Callable[[str], int]) -> str:
    """The longest beginning within the limit that ends between two atoms (links, else clusters); when not even one
    atom fits, it is cut as well, so that every piece moves on."""
    for atoms in (_atoms, clusters, iter):
        head, used = "", 0
        for atom in atoms(text):
            used += units(atom)
            if used > limit:
                break
            head += atom
        if head:
            return head
    raise ValueError(f"no character fits into {limit} units")


def _atoms(text: str) -> Iterator[str]:
    end = 0
    for link in _LINK.finditer(text):
        yield from clusters(text[end : link.start()])
        yield link[0]
        end = link.end()
    yield from clusters(text[end:])


def _best_break(text: str, end: int) -> int:
    """Where to cut `text[:end]`: the last break of the best sort that leaves the piece at least half full."""
    for sort in _BREAKS:
        cuts = [found.start() for found in sort.finditer(text, 0, end + 1) if 0 < found.start() <= end]
        if cuts and (cuts[-1] >= end // 2 or sort is _BREAKS[-1]):
            return cuts[-1]
    return end


def clusters(text: str) -> Iterator[str]:
    """Characters as people see them, closely enough to cut between them: marks, joined emoji, skin tones, flags,
    Hangul letters and Indic conjuncts stay together (Unicode annex 29 without its rare rules)."""
    start = 0
    for position in range(1, len(text)):
        if _may_cut(text, start, position):
            yield text[start:position]
            start = position
    if text:
        yield text[start:]


def _may_cut(text: str, start: int, position: int) -> bool:
    before, after = text[position - 1], text[position]
    if before == "\r":
        return after != "\n"
    if _extends(after):
        return before == "\n"
    if before == _ZWJ:
        return after.isspace() or after.isascii()
    if _is_flag(before) and _is_flag(after):
        return position - start != 1
    if "\u1100" <= before <= "\u115f":  # a Hangul initial waits for its syllable
        return not ("\u1100" <= after <= "\u115f" or "\uac00" <= after <= "\ud7a3")
    return not (unicodedata.combining(before) == 9 and unicodedata.category(after) == "Lo")  # 9: virama


def _extends(sign: str) -> bool:
    joined = sign in ("\u200c", _ZWJ, "\u0e33", "\u0eb3")  # the last two: Thai and Lao am
    tone_or_tag = "\U0001f3fb" <= sign <= "\U0001f3ff" or "\U000e0020" <= sign <= "\U000e007f"
    hangul = "\u1160" <= sign <= "\u11ff" or "\ud7b0" <= sign <= "\ud7ff"
    return unicodedata.category(sign)[0] == "M" or joined or tone_or_tag or hangul


def _is_flag(sign: str) -> bool:
    return "\U0001f1e6" <= sign <= "\U0001f1ff"

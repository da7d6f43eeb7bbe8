"""How X counts the length of a post: twitter-text's algorithm with its configuration 3.

A link counts 23, an emoji however long 2, letters of most alphabets 1, all else 2. Where it is not certain that X takes
something for a link, the longer of both counts: a text that fits here fits there. Direct messages are counted plainly.
"""

import re
import unicodedata
from collections.abc import Iterator

LINK = 23
_LIGHT = ((0x0000, 0x10FF), (0x2000, 0x200D), (0x2010, 0x201F), (0x2032, 0x2037))

_PICTURE = (
    r"[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe\u2600-\u27bf\u2934\u2935"
    r"\u2b05-\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff]"
)
_TONED = rf"{_PICTURE}(?:\ufe0f|[\U0001f3fb-\U0001f3ff]\ufe0f?)?"
_EMOJI = (
    r"[\U0001f1e6-\U0001f1ff]{2}"  # a flag
    r"|\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f"  # a flag of a region
    r"|[0-9#*]\ufe0f?\u20e3"  # a key
    rf"|{_TONED}(?:\u200d{_TONED}){{0,7}}"
)
_LABEL = r"[a-z0-9\u00c0-\u024f](?:[a-z0-9_\u00c0-\u024f-]*[a-z0-9\u00c0-\u024f])?"
# Narrower than X's: what is left over counts by itself, which is never less.
_REST = r"(?::[0-9]+)?(?:/(?:[a-z0-9_/.%~+=&?#\u00c0-\u024f\u0400-\u04ff-]*[a-z0-9_/#=+\u00c0-\u024f\u0400-\u04ff-])?)?"
_LINK = (
    r"(?P<link>(?<![a-z0-9@\uff20$#\uff03])https?://(?P<own>t\.co)/[a-z0-9]+"  # X's own end there
    rf"|(?<![a-z0-9@\uff20$#\uff03])https?://(?:{_LABEL}\.)+(?P<ending>[a-z]{{2,}})(?![a-z0-9@]){_REST}"
    rf"|(?<![a-z0-9@$#_./-])(?:{_LABEL}\.)+(?P<bare>[a-z]{{2,}})(?![a-z0-9@]){_REST})"
)
_ATOM = re.compile(rf"{_LINK}|(?P<emoji>{_EMOJI})|.", re.IGNORECASE | re.DOTALL)
# Endings that X certainly takes for one of a link: those of countries, and some of a thousand others.
_KNOWN = re.compile(
    r"a[cdefgilmorstuwz]|b[abdefghijmnorstwyz]|c[acdfghiklmnoruvxyz]|d[ejkmoz]|e[cegstu]|f[ijmor]|"
    r"g[adefghilmnpqrstuwy]|h[kmnrtu]|i[delmnoqrst]|j[emop]|k[eghimnrwyz]|l[abcikrstuvy]|"
    r"m[acdeghklmnopqrstuvwxyz]|n[acefgilopruz]|o[m]|p[aefghklmnrstwy]|q[a]|r[eosuw]|"
    r"s[abcdeghiklmnortuvxyz]|t[cdfghjklmnortvwz]|u[agksyz]|v[aceginu]|w[fs]|y[et]|z[amw]|"
    r"com|net|org|info|biz|edu|gov|int|mil|app|dev|shop|online|travel|hotel"
)


def weight(text: str) -> int:
    return sum(_weights(unicodedata.normalize("NFC", text)))


def _weights(text: str) -> Iterator[int]:
    for atom in _ATOM.finditer(text):
        if atom["emoji"]:
            yield 2
        elif atom["link"]:
            ending = (atom["own"] and "co") or (atom["ending"] or atom["bare"]).lower()
            spelt = sum(map(_letter, atom["link"]))
            yield LINK if _KNOWN.fullmatch(ending) else max(LINK, spelt)
        else:
            yield _letter(atom[0])


def _letter(letter: str) -> int:
    return 1 if any(first <= ord(letter) <= last for first, last in _LIGHT) else 2

"""Words as they are compared: lower case, no diacritics, Latin letters for Cyrillic, Armenian without its marks. Pure.

What the FAQ, the signals and their lexicons have in common; nothing folded here is ever shown to anyone.
"""

import re
import unicodedata

_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_ARMENIAN_MARKS = re.compile("[\u0559-\u055f]")  # they stand inside a word: the question mark of Armenian is one
_APOSTROPHE = re.compile(r"(?<=\w)['\u2019\u02bc](?=\w)")
_LONE_LETTER = re.compile(r"\b([^\W\d_])-(?=\w)")  # e-mail, e-pošta
_DRAWN_OUT = re.compile(r"(.)\1{2,}")
_WORD = re.compile(r"[^\W_]+")
_LATIN = str.maketrans(
    {
        **dict(zip("абвгдезијклмнопрстуфхцчћшж", "abvgdezijklmnoprstufhcccsz", strict=True)),
        "љ": "lj",
        "њ": "nj",
        "џ": "dz",
        "ђ": "dj",
        "ѕ": "dz",
        "й": "j",
        "щ": "sc",
        "ъ": "",
        "ь": "",
        "ы": "y",
        "э": "e",
        "ю": "ju",
        "я": "ja",
        "і": "i",
        "є": "e",
        "ґ": "g",
        "đ": "dj",
        "ı": "i",
        "ł": "l",
        "ø": "o",
        "æ": "ae",
        "œ": "oe",
    }
)


def fold(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).casefold()
    plain = _ARMENIAN_MARKS.sub("", plain).replace("\u0587", "\u0565\u0582")
    apart = unicodedata.normalize("NFKD", plain)
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).translate(_LATIN)


def words(text: str) -> tuple[str, ...]:
    """The folded words; links are left out, a letter drawn out for emphasis counts twice at most."""
    plain = _LONE_LETTER.sub(r"\1", _APOSTROPHE.sub("", fold(_LINK.sub(" ", text))))
    return tuple(_WORD.findall(_DRAWN_OUT.sub(r"\1\1", plain)))


def is_near(word: str, other: str) -> bool:
    """Whether one slip of the keyboard lies between them: a letter more, less, wrong, or two in the wrong order."""
    if abs(len(word) - len(other)) > 1:
        return False
    start = 0
    while start < min(len(word), len(other)) and word[start] == other[start]:
        start += 1
    left, right = word[start:], other[start:]
    if len(left) == len(right):
        return left[1:] == right[1:] or (left[:2] == right[1::-1] and left[2:] == right[2:])
    return left[1:] == right or left == right[1:]

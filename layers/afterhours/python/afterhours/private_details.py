"""Details that do not belong where all can read: card, IBAN, e-mail address, phone and booking numbers. Pure.

They ask for a person (or for a hint to go private) on a public channel; what was found is named, never repeated.
"""

import re
from collections.abc import Callable
from enum import StrEnum

from afterhours.lexicon import fits, groups_of, pattern, shipped
from afterhours.wording import fold

_CARD = re.compile(r"(?<![\w+])\d(?:[ -]?\d){12,18}(?!\w)", re.ASCII)
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?!\w)", re.ASCII | re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_PHONE = re.compile(r"(?<![\w.,-])(?:\+|00|0|\(\+?\d{1,3}\))[\d ()/.-]{6,20}\d(?!\w)", re.ASCII)
_NUMBER = re.compile(r"(?<!\w)(?=[A-Z0-9-]{0,19}\d)[A-Z0-9][A-Z0-9-]{3,18}[A-Z0-9](?!\w)", re.ASCII | re.IGNORECASE)
_LETTERS_APART = 80
_WORDS_APART = 4  # a number belongs to the "booking" at most so many words before it
_PHONE_DIGITS = range(8, 16)


class Detail(StrEnum):
    """The reason codes of a handoff."""

    CARD = "public_card_number"
    IBAN = "public_iban"
    EMAIL = "public_email_address"
    PHONE = "public_phone_number"
    BOOKING = "public_booking_number"


def found(text: str, language: str | None = None) -> tuple[Detail, ...]:
    """What kinds of detail a text holds. ASCII digits only, as cards and bookings are written."""
    holds: dict[Detail, Callable[[], bool]] = {
        Detail.CARD: lambda: any(_is_card(match[0]) for match in _CARD.finditer(text)),
        Detail.IBAN: lambda: any(_is_iban(match[0]) for match in _IBAN.finditer(text)),
        Detail.EMAIL: lambda: _EMAIL.search(text) is not None,
        Detail.PHONE: lambda: any(_is_phone(match[0]) for match in _PHONE.finditer(_IBAN.sub(" ", text))),
        Detail.BOOKING: lambda: _names_a_booking(text, language),
    }
    return tuple(detail for detail in Detail if holds[detail]())


def _digits(text: str) -> list[int]:
    return [int(letter) for letter in text if letter in "0123456789"]


def _is_card(text: str) -> bool:
    """Luhn's check, which one accidental number in ten passes."""
    digits = _digits(text)
    if len(set(digits)) == 1:
        return False
    doubled = [digit * 2 - 9 * (digit > 4) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def _is_iban(text: str) -> bool:
    """ISO 13616; the words that may follow are cut off one by one, as their length depends on the country."""
    packed = text.replace(" ", "").upper()
    return any(_adds_up(packed[:end]) for end in range(15, min(len(packed), 34) + 1))


def _adds_up(packed: str) -> bool:
    return int("".join(str(int(letter, 36)) for letter in packed[4:] + packed[:4])) % 97 == 1


def _is_phone(text: str) -> bool:
    return len(_digits(text)) in _PHONE_DIGITS


def _names_a_booking(text: str, language: str | None) -> bool:
    lists = shipped("signals")["lists"]["order_word"]
    named = [
        part
        for group in groups_of(text, language)
        for item in lists.get(group, "").split(", ")
        for part in pattern(item)
    ]
    for match in _NUMBER.finditer(text):
        before = re.findall(r"\w+", fold(text[max(0, match.start() - _LETTERS_APART) : match.start()]))[-_WORDS_APART:]
        if any(fits(part, word) for word in before for part in named):
            return True
    return False

"""The phrase rule of a FAQ entry: `REFUND & TIME`, `PARKING & !PRICE`, `(ORDER | PACKAGE) & "where is"`. Pure.

Names are those of the shipped concepts; words in quotes are looked for as they stand (a star ends a stem). `&` binds
closer than `|`, `!` closest.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Literal, NamedTuple

from afterhours.lexicon import holds, names_of, pattern

_TOKEN = re.compile(r'\s*(?:(?P<name>\w+)|"(?P<words>[^"]*)"|(?P<sign>[&|!()]))')
_LONGEST = 500
_DEEPEST = 40
_MOST_WAYS = 64


class WrongRule(ValueError):
    """A rule that cannot be read; the message says what would be right."""


class Rule(NamedTuple):
    """A name or quoted words, or a sign with the parts that it joins."""

    sign: Literal["name", "words", "&", "|", "!"]
    value: str = ""
    parts: tuple["Rule", ...] = ()

    def holds(self, concepts: frozenset[str], text: tuple[str, ...]) -> bool:
        match self.sign:
            case "name":
                return self.value in concepts
            case "words":
                return holds(text, pattern(self.value))
            case "&":
                return all(part.holds(concepts, text) for part in self.parts)
            case "|":
                return any(part.holds(concepts, text) for part in self.parts)
            case "!":
                return not self.parts[0].holds(concepts, text)

    def wanted(self) -> Iterator[str]:
        """The names that the rule asks for, without those that it forbids."""
        if self.sign == "name":
            yield self.value
        elif self.sign != "!":
            for part in self.parts:
                yield from part.wanted()

    def ways(self) -> list[frozenset[str]]:
        """Sets of names that are each enough for the rule, but for quoted words and what it forbids; at most 64."""
        match self.sign:
            case "name":
                return [frozenset({self.value})]
            case "|":
                return [way for part in self.parts for way in part.ways()][:_MOST_WAYS]
            case "&":
                joint = [frozenset[str]()]
                for part in self.parts:
                    joint = [one | other for one in joint for other in part.ways()][:_MOST_WAYS]
                return joint
            case _:
                return [frozenset()]

    def __str__(self) -> str:
        if self.sign in ("name", "words"):
            return self.value if self.sign == "name" else f'"{self.value}"'
        shown = [f"({part})" if part.sign in ("&", "|") else str(part) for part in self.parts]
        return f"!{shown[0]}" if self.sign == "!" else f" {self.sign} ".join(shown)


def parse(text: str) -> Rule:
    """The rule as written, checked; raises WrongRule."""
    if len(text) > _LONGEST:
        raise WrongRule(f"the rule is longer than {_LONGEST} characters; write several entries")
    if text.count("(") + text.count("!") > _DEEPEST:
        raise WrongRule(f"the rule has more than {_DEEPEST} parentheses and !; write several entries")
    reader = _Reader(_tokens(text))
    rule = reader.either()
    if reader.rest:
        _refuse_rest(reader.rest[0])
    if rule.holds(frozenset(), ()):
        raise WrongRule("this rule fits every message; name at least one concept that must be there")
    return rule


def joined(sign: Literal["&", "|"], parts: list[Rule]) -> Rule:
    return parts[0] if len(parts) == 1 else Rule(sign, parts=tuple(parts))


def _tokens(text: str) -> list[tuple[str, str]]:
    found, end = [], 0
    rest = text.rstrip()
    while end < len(rest):
        token = _TOKEN.match(rest, end)
        if token is None:
            raise WrongRule(_odd(rest[end:].lstrip()))
        found.append((str(token.lastgroup), token[str(token.lastgroup)]))
        end = token.end()
    return found


def _odd(rest: str) -> str:
    if rest.startswith('"'):
        return 'a quote is not closed; write for example "gift card"'
    return f'"{rest[0]}" is not understood; write names joined by & (and), | (or), ! (not) and parentheses'


def _refuse_rest(token: tuple[str, str]) -> None:
    kind, value = token
    if kind == "sign" and value == ")":
        raise WrongRule('a ")" has no "("; take it out')
    if value.upper() in ("AND", "OR", "NOT"):
        raise WrongRule(f'write & for and, | for or, ! for not, in place of "{value}"')
    raise WrongRule(f'before "{value}" an & (and) or | (or) is missing')


class _Reader:
    """Reads the tokens from left to right, one method for each level of binding."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.rest = tokens

    def either(self) -> Rule:
        return self._joined("|")

    def _joined(self, sign: Literal["&", "|"]) -> Rule:
        parts = [self._joined("&") if sign == "|" else self._one()]
        while self.rest and self.rest[0] == ("sign", sign):
            self.rest = self.rest[1:]
            parts.append(self._joined("&") if sign == "|" else self._one())
        return joined(sign, parts)

    def _one(self) -> Rule:
        if not self.rest:
            raise WrongRule("the rule ends too early; write for example REFUND & TIME")
        (kind, value), *self.rest = self.rest
        if kind == "name":
            return Rule("name", _known(value))
        if kind == "words":
            if not pattern(value):
                raise WrongRule('there are no words between the quotes; write for example "gift card"')
            return Rule("words", value)
        if value == "!":
            return Rule("!", parts=(self._one(),))
        if value == "(":
            return self._inside()
        raise WrongRule(f'before "{value}" a name is missing; write for example REFUND & TIME')

    def _inside(self) -> Rule:
        rule = self.either()
        if self.rest and self.rest[0] != ("sign", ")"):
            _refuse_rest(self.rest[0])
        if not self.rest:
            raise WrongRule('a "(" is not closed; write for example PARKING & (PRICE | FREE)')
        self.rest = self.rest[1:]
        return rule


def _known(name: str) -> str:
    names = list(names_of("concepts"))
    if name in names:
        return name
    if close := get_close_matches(name.upper(), names, n=1):
        raise WrongRule(f'unknown concept "{name}"; did you mean {close[0]}? Words of your own go in quotes: "{name}"')
    raise WrongRule(f'unknown concept "{name}"; words of your own go in quotes: "{name}"')

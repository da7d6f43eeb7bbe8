"""Reads the YAML that people write, strictly, and remembers on which line everything stands.

Plain words stay words (`no` is Norwegian, `20:00` a time of day, `2026-12-24` a date in a string); only
`true`, `false`, `null` and plain decimal numbers are something else. Refused: tabs, tags, anchors and aliases,
a key that stands twice, numbers that YAML readers disagree about, more than 1 MB, nesting beyond 50.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")
# 0123, 0x1F, 1_000, 1e5, 1., .5, +1: read as numbers by some, and not as the same number by all.
_DISPUTED = re.compile(
    r"[-+]?(0[0-9_]+|0[xob][0-9A-Fa-f_]+|[0-9][0-9_]*_[0-9_]*|[0-9.]+[eE][-+]?[0-9]+|[0-9]+\.|\.[0-9]+|\+[0-9.]+)"
)
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}

Place = tuple[str | int, ...]


class Unreadable(Exception):
    """The file cannot be read as YAML of ours. `line` is 0 where no line is to blame."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


@dataclass(frozen=True)
class Document:
    """What a file says, and the line of every place in it."""

    path: Path
    data: Any
    lines: dict[Place, int]

    def line_of(self, place: Place) -> int:
        """The line of the place, or of the nearest thing around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def read(path: Path) -> Document:
    """Read one file. Raises Unreadable."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise Unreadable(0, f"cannot be read: {error.strerror}") from error
    if len(raw) > MAX_BYTES:
        raise Unreadable(0, f"is larger than {MAX_BYTES:,} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise Unreadable(line, "is not UTF-8; save the file as UTF-8") from error
    return _compose(path, text)


def _compose(path: Path, text: str) -> Document:
    try:
        node = _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        raise Unreadable(_line(error.problem_mark or error.context_mark), _in_words(error)) from error
    except yaml.reader.ReaderError as error:
        line = text[: int(error.position)].count("\n") + 1
        raise Unreadable(line, f"holds the character U+{_code_point(error):04X}, which YAML does not allow") from error
    if node is None:
        raise Unreadable(0, "is empty")
    lines: dict[Place, int] = {}
    return Document(path, _value(node, (), lines), lines)


class _Loader(yaml.BaseLoader):
    """Composes nodes without guessing types; refuses aliases before anything can be multiplied with them."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Unreadable(
                _line(event.start_mark), "anchors (&) and aliases (*) are not allowed; write the value out"
            )
        if getattr(event, "tag", None):
            raise Unreadable(_line(event.start_mark), "tags (!) are not allowed; put text in quotes")
        if self.depth > MAX_DEPTH:
            raise Unreadable(_line(event.start_mark), f"is nested more than {MAX_DEPTH} deep")
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _value(node: Any, place: Place, lines: dict[Place, int]) -> Any:
    lines[place] = _line(node.start_mark)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*place, index), lines) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, place, lines)
    return _scalar(node)


def _mapping(node: Any, place: Place, lines: dict[Place, int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = _line(key_node.start_mark)
        if not isinstance(key_node, yaml.ScalarNode):
            raise Unreadable(line, "a key must be a word, not a list or a mapping")
        key = key_node.value
        if key in found:
            first = lines[(*place, key)]
            raise Unreadable(line, f"the key {key!r} stands here for the second time (first on line {first})")
        found[key] = _value(value_node, (*place, key), lines)
        lines[(*place, key)] = line
    return found


def _scalar(node: Any) -> str | int | float | bool | None:
    text: str = node.value
    if node.style is not None:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _DISPUTED.fullmatch(text):
        raise Unreadable(
            _line(node.start_mark), f"{text} is read as different numbers by different programs; put it in quotes"
        )
    if _INTEGER.fullmatch(text) and len(text) < 40:
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) and len(text) < 40 else text


def _line(mark: Any) -> int:
    return mark.line + 1 if mark is not None else 0


def _code_point(error: yaml.reader.ReaderError) -> int:
    character = error.character
    return character if isinstance(character, int) else ord(character)


def _in_words(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "is not YAML"
    if "'\\t'" in problem:
        return "a tab stands where only spaces may; indent with spaces"
    if "found another document" in problem or "but found another document" in str(error.context):
        return "holds more than one document (---); one is allowed"
    return f"is not YAML: {problem}; text with signs such as : ? # , {{ or [ belongs in quotes"

"""Lines put into afterhours.yaml and taken out of it, everything else left as it is, comments and all.

What comes out is read again: it must say what the file said, and the change, and nothing else; else nothing is written.
"""

import contextlib
import dataclasses
import difflib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from afterhours_local import config, yaml_lines

_PLAIN = re.compile(r"(?!(?:true|false|null)$)[A-Za-z][A-Za-z0-9_.:/@+-]*(?<!:)")
_TOP = re.compile(r"(?P<key>[A-Za-z_]+):\s*(#.*)?")


class NotEditable(Exception):
    """The file cannot be changed by lines; its only argument says why."""


@dataclasses.dataclass(frozen=True)
class Edited:
    """The file as it would be."""

    path: Path
    before: str
    after: str

    @property
    def diff(self) -> str:
        name = self.path.name
        lines = difflib.unified_diff(
            self.before.splitlines(), self.after.splitlines(), f"{name} (now)", f"{name} (then)", n=1, lineterm=""
        )
        return "\n".join(lines)

    def check(self) -> config.Configuration:
        """Raises ConfigError with the mistakes that the file would have, by the lines that it would have."""
        with _beside(self.path, self.after) as fresh:
            try:
                return dataclasses.replace(config.load(fresh), path=self.path)
            except config.ConfigError as error:
                named = (
                    dataclasses.replace(each, file=str(self.path)) if each.file == str(fresh) else each
                    for each in error.problems
                )
                raise config.ConfigError(named) from error

    def write(self) -> None:
        with _beside(self.path, self.after) as fresh:
            shutil.copymode(self.path, fresh)
            fresh.replace(self.path)


def added(path: Path, entries: Sequence[tuple[str, Mapping[str, Any]]]) -> Edited:
    """With these entries (section, fields) as the last of their sections. Raises NotEditable, ConfigError."""
    document = _read(path)
    before = after = _text(path)
    for section, fields in entries:
        after = _with(after, section, fields)
        document[section] = [*document[section], dict(fields)]
    return _proved(Edited(path, before, after), document)


def removed(path: Path, entries: Sequence[tuple[str, int]]) -> Edited:
    """Without these entries (section, index). Raises NotEditable, ConfigError."""
    document, lines = _read(path), _lines(path)
    before = _text(path)
    kept = before.splitlines(keepends=True)
    for section, index in sorted(entries, key=lambda entry: lines[entry], reverse=True):
        first = lines[section, index] - 1
        del kept[first : _end(kept, first)]
        del document[section][index]
    return _proved(Edited(path, before, "".join(kept)), document)


def line(fields: Mapping[str, Any]) -> str:
    """One entry as it stands in the file."""
    return "{" + ", ".join(f"{key}: {_value(value)}" for key, value in fields.items()) + "}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    return value if _PLAIN.fullmatch(value) else json.dumps(value, ensure_ascii=False)


def _with(text: str, section: str, fields: Mapping[str, Any]) -> str:
    lines = text.splitlines(keepends=True)
    start = next((n for n, each in enumerate(lines) if (m := _TOP.match(each)) and m["key"] == section), None)
    if start is None or not _TOP.fullmatch(lines[start].rstrip()):
        raise NotEditable(f"{section} is no list of lines with a dash; add this to it by hand: {line(fields)}")
    end, dash = start + 1, "  "
    for number, each in enumerate(lines[start + 1 :], start + 1):
        if each.strip() and not each.lstrip().startswith("#"):
            if not each.startswith((" ", "-")):
                break
            if each.lstrip().startswith("- ") and end == start + 1:
                dash = each[: len(each) - len(each.lstrip())]
            end = number + 1
    if not lines[end - 1].endswith("\n"):
        lines[end - 1] += "\n"
    newline = "\r\n" if lines[start].endswith("\r\n") else "\n"
    return "".join([*lines[:end], f"{dash}- {line(fields)}{newline}", *lines[end:]])


def _end(lines: Sequence[str], first: int) -> int:
    """The line after the entry that begins in `first`: what is indented deeper belongs to it."""
    dash = lines[first].find("-")
    for number in range(first + 1, len(lines)):
        text = lines[number].strip()
        indent = len(lines[number]) - len(lines[number].lstrip())
        if not text or indent <= dash:
            return number
    return len(lines)


def _proved(edited: Edited, wanted: Any) -> Edited:
    with _beside(edited.path, edited.after) as fresh:
        if _read(fresh) != wanted:
            raise NotEditable(f"{edited.path} cannot be changed line by line; change it by hand")
    return edited


def _text(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()


def _document(path: Path) -> yaml_lines.Document:
    try:
        return yaml_lines.read(path)
    except yaml_lines.Unreadable as error:
        raise config.ConfigError([config.Problem(str(path), error.line, "", error.message)]) from error


def _read(path: Path) -> Any:
    return _document(path).data


def _lines(path: Path) -> Mapping[yaml_lines.Place, int]:
    return _document(path).lines


@contextlib.contextmanager
def _beside(path: Path, text: str) -> Iterator[Path]:
    """A file of this content in the same folder, where playbooks and secrets are found; gone afterwards."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    fresh = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        yield fresh
    finally:
        fresh.unlink(missing_ok=True)

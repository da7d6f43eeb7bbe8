"""How the command speaks: results on stdout, messages on stderr, nothing of strangers that a terminal obeys.

Colours only on a terminal (rich sees to it). With `--json` stdout holds one JSON document and nothing else.
"""

import json
import re
import sys
from typing import Any, NoReturn, TextIO

import typer

# What moves the cursor, changes colours or turns the writing direction: C0 (but newline and tab), DEL, C1,
# the bidirectional controls and lone surrogates, which cannot be printed at all.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def plain(text: str) -> str:
    """The text without characters that steer a terminal; each becomes U+FFFD, a carriage return vanishes."""
    return _UNPRINTABLE.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def say(text: str = "", *, style: str = "") -> None:
    """One line of the result, for people."""
    write_line(sys.stdout, text, style)


def note(text: str, *, style: str = "") -> None:
    """One line beside the result: progress, warnings, hints."""
    write_line(sys.stderr, text, style)


def emit(document: Any) -> None:
    """The result, for machines. ASCII, so that no terminal and no encoding gets in the way."""
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
    sys.stdout.flush()  # `run` goes on for hours, and whoever reads its pipe wants the addresses now


def stop(message: str, *, code: int = 2) -> NoReturn:
    """End the command: the message on stderr, no traceback."""
    note(message, style="red")
    raise typer.Exit(code)


def write_line(stream: TextIO, text: str, style: str = "") -> None:
    from rich.console import Console  # 40 ms that `--help` need not pay

    console = Console(file=stream, highlight=False, emoji=False, markup=False, soft_wrap=True)
    console.print(text, style=style or None)

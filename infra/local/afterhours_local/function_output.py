"""What functions print in our own process (their logs and metrics), kept apart from what we print.

While it is installed, lines that a thread writes inside `running(function)` go to a callback with the function's
name; everything else goes where it always went.
"""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

_here = threading.local()


@contextlib.contextmanager
def running(function: str) -> Iterator[None]:
    """This thread now runs the function."""
    _here.function, _here.begun = function, ""
    try:
        yield
    finally:
        _here.function = None


class FunctionOutput:
    def __init__(self, on_line: Callable[[str, str], None]) -> None:
        self._on_line = on_line
        self._before: Any = sys.stdout

    def install(self) -> None:
        self._before = sys.stdout
        sys.stdout = cast("Any", self)

    def remove(self) -> None:
        if self._is_installed:
            sys.stdout = self._before

    def write(self, text: str) -> int:
        function = getattr(_here, "function", None)
        if function is None or not self._is_installed:
            return int(self._target.write(text))
        *lines, _here.begun = (_here.begun + text).split("\n")
        _here.function = None  # what the callback prints is not the function's
        try:
            for line in lines:
                self._on_line(function, line)
        finally:
            _here.function = function
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    @property
    def _is_installed(self) -> bool:
        return cast("Any", sys.stdout) is self

    @property
    def _target(self) -> Any:
        """A logger made under an earlier installation still writes here: it means whoever is stdout now."""
        return self._before if self._is_installed else sys.stdout

"""What functions print in our own process (their logs and metrics), kept apart from what we print.

While it is installed, lines written inside `running(function)`, also by threads that were given its context, go to a
callback with the function's name; everything else goes where it always went.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, cast

_function: ContextVar[str | None] = ContextVar("function", default=None)
_begun: ContextVar[str] = ContextVar("begun", default="")


@contextlib.contextmanager
def running(function: str) -> Iterator[None]:
    """This thread now runs the function."""
    token = _function.set(function)
    _begun.set("")
    try:
        yield
    finally:
        _function.reset(token)


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
        function = _function.get()
        if function is None or not self._is_installed:
            return int(self._target.write(text))
        *lines, begun = (_begun.get() + text).split("\n")
        _begun.set(begun)
        token = _function.set(None)  # what the callback prints is not the function's
        try:
            for line in lines:
                self._on_line(function, line)
        finally:
            _function.reset(token)
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

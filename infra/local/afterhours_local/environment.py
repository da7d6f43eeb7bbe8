"""The environment of this process while a local stack runs: that of its functions, and no way to a real account."""

import contextlib
import os
import sys
from collections.abc import Mapping

from afterhours_local.engine import ACCESS_KEY, SECRET_KEY


class DisagreeingEnvironments(ValueError):
    """Functions of one process want different values of one variable."""


def agreed(environments: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """One environment for all functions. Raises DisagreeingEnvironments. Powertools' variables may differ: they are
    read when a module is loaded, and the in-process executor sets a function's own then."""
    together: dict[str, str] = {}
    for function, environment in environments.items():
        for name, value in environment.items():
            if together.setdefault(name, value) != value and not name.startswith("POWERTOOLS_"):
                raise DisagreeingEnvironments(
                    f"{function} wants {name}={value!r}, another function {together[name]!r}: "
                    "use the executor `runtime`, which gives each its own"
                )
    return together


class BorrowedEnvironment:
    """Put on by `borrow`, taken off by `give_back`; whatever AWS settings were there before do not shine through."""

    def __init__(self) -> None:
        self._before: dict[str, str] | None = None

    def borrow(self, variables: Mapping[str, str]) -> None:
        self._before = dict(os.environ)
        for name in [each for each in os.environ if each.startswith("AWS_")]:
            del os.environ[name]
        os.environ.update(variables)
        os.environ.update(
            AWS_ACCESS_KEY_ID=ACCESS_KEY,
            AWS_SECRET_ACCESS_KEY=SECRET_KEY,
            AWS_CONFIG_FILE=os.devnull,
            AWS_SHARED_CREDENTIALS_FILE=os.devnull,
            AWS_EC2_METADATA_DISABLED="true",
        )
        forget_cached()

    def give_back(self) -> None:
        if self._before is not None:
            os.environ.clear()
            os.environ.update(self._before)
            self._before = None
            forget_cached()


def forget_cached() -> None:
    """Have the product's modules forget what they know of another environment: whatever they keep in a
    functools.cache, and what their own `clear()` forgets."""
    for name, module in list(sys.modules.items()):
        if name == "afterhours" or name.startswith("afterhours."):
            for value in list(vars(module).values()):
                with contextlib.suppress(AttributeError):
                    value.cache_clear()
            clear = getattr(module, "clear", None)
            if callable(clear) and clear.__module__ == name:
                clear()

"""Sweeps over many cases: each so-manieth of them in the default run, every one as a proof."""

from collections.abc import Iterable
from typing import Any

import pytest


def sweep(every: int) -> pytest.MarkDecorator:
    """For a test that goes through its cases itself: it gets `every`, the step between two of them."""
    return pytest.mark.parametrize(
        "every", [pytest.param(every, id="slice"), pytest.param(1, id="all", marks=pytest.mark.proof)]
    )


def sliced(cases: Iterable[Any], every: int) -> list[Any]:
    """For a test with a parameter for each case: those between the slices are proofs."""
    return [
        case if number % every == 0 else pytest.param(*_values(case), marks=pytest.mark.proof)
        for number, case in enumerate(cases)
    ]


def _values(case: Any) -> tuple[Any, ...]:
    return case if isinstance(case, tuple) else (case,)

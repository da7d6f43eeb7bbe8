"""Each module of the registry against its Protocol: mypy knows its own types, this compares them with the contract's.

A channel that is one line in the registry is compared, too; nobody has to name it anywhere for that.
"""

import inspect
import types
from collections.abc import Callable, Iterator
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from afterhours import channels, models
from afterhours.channels import contract

NAMES = {**vars(models), **vars(contract)}  # what stands in the annotations
# What a module is as well, by what tells so.
BY_CAPABILITY = {
    "attachments": contract.Fetching,
    "acknowledge": contract.Acknowledging,
    "renews": contract.Renewing,
}


def protocols() -> Iterator[Any]:
    for name in channels.SOURCES:
        yield pytest.param(channels.source, name, contract.Source, id=f"{name}-Source")
        if name in channels.ANSWERED_AT_ONCE:
            yield pytest.param(channels.source, name, contract.AnsweredAtOnce, id=f"{name}-AnsweredAtOnce")
    for name in channels.CHANNELS:
        module = channels.channel(name)
        theirs = [
            contract.Channel,
            *(BY_CAPABILITY[word] for word in sorted(BY_CAPABILITY.keys() & module.CAPABILITIES)),
        ]
        for protocol in [*theirs, *([contract.Checked] if hasattr(module, "health") else [])]:
            yield pytest.param(channels.channel, name, protocol, id=f"{name}-{protocol.__name__}")


def differences(module: Any, protocol: type) -> list[str]:
    """What the module lacks, or has otherwise than the protocol says."""
    wanted = {name: part for name, part in vars(protocol).items() if inspect.isfunction(part) and name[0] != "_"}
    constants = get_type_hints(protocol, localns=NAMES)
    found = [name for name, kind in constants.items() if not _is_a(getattr(module, name, _NOTHING), kind)]
    return found + [name for name, part in wanted.items() if _signed(part)[1:] != _signed(getattr(module, name, None))]


_NOTHING = object()


def _is_a(value: Any, kind: Any) -> bool:
    if isinstance(kind, types.UnionType):
        return any(_is_a(value, each) for each in get_args(kind))
    if origin := get_origin(kind):  # a collection
        return isinstance(value, origin) and all(_is_a(each, get_args(kind)[0]) for each in value)
    return isinstance(value, kind)


def _signed(function: Callable[..., Any] | None) -> list[Any]:
    """The parameters that have to be given, with their kinds and types, and last what comes back."""
    if not inspect.isfunction(function):
        return []
    hints = get_type_hints(function, localns=NAMES)
    parameters = inspect.signature(function).parameters.values()
    asked = [(each.name, each.kind, hints.get(each.name)) for each in parameters if each.default is each.empty]
    return [*asked, hints.get("return")]


@pytest.mark.parametrize(("load", "name", "protocol"), list(protocols()))
def test_a_module_has_all_that_its_protocol_asks_for_and_as_it_asks(
    load: Callable[[str], Any], name: str, protocol: type
) -> None:
    assert differences(load(name), protocol) == []


def _longer(text: str, unit: str) -> int:
    return len(text + unit)


def _in_words(text: str) -> str:
    return text


SPOILT: dict[str, Any] = {
    "a function is missing": {"text_units": None},
    "a constant is missing": {"TEXT_LIMIT": None},
    "a constant of another type": {"WINDOW": 24},
    "a capability that is no word": {"CAPABILITIES": frozenset({1})},
    "a parameter more": {"text_units": _longer},
    "another type comes back": {"text_units": _in_words},
}


@pytest.mark.parametrize("what", SPOILT)
def test_what_differs_is_named(what: str) -> None:
    right = channels.channel("line")
    spoilt = types.SimpleNamespace(**{**vars(right), **SPOILT[what]})
    assert differences(spoilt, contract.Channel) == list(SPOILT[what])

"""CloudFormation expressions that come to a value with nothing but the template's parameters."""

from collections.abc import Mapping
from typing import Any


class Unknown(ValueError):
    """The expression needs more than parameters, or is none of those understood here."""


class NoValue:
    """`AWS::NoValue`: the property it stands for is not there."""


NO_VALUE = NoValue()


def parameter_values(sections: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    """What is given, and the defaults of the rest."""
    declared = sections.get("Parameters", {})
    return {name: str(each["Default"]) for name, each in declared.items() if "Default" in each} | dict(given)


def evaluate(value: Any, parameters: Mapping[str, str], conditions: Mapping[str, Any]) -> Any:
    """The value, with every expression in it replaced. Raises Unknown."""

    def inner(each: Any) -> Any:
        return evaluate(each, parameters, conditions)

    if isinstance(value, list):
        return [each for each in map(inner, value) if each is not NO_VALUE]
    if not isinstance(value, dict):
        return value
    if len(value) != 1 or not _is_function(next(iter(value))):
        together = {key: inner(each) for key, each in value.items()}
        return {key: each for key, each in together.items() if each is not NO_VALUE}
    name, argument = next(iter(value.items()))
    match name, argument:
        case "Ref", "AWS::NoValue":
            return NO_VALUE
        case "Ref", str() if argument in parameters:
            return parameters[argument]
        case "Condition", str():
            return inner(conditions[argument])
        case "Fn::If", [condition, then, otherwise]:
            return inner(then if inner({"Condition": condition}) else otherwise)
        case "Fn::Equals", [one, other]:
            return str(inner(one)) == str(inner(other))
        case "Fn::Not", [condition]:
            return not inner(condition)
        case "Fn::And", [*several]:
            return all(map(inner, several))
        case "Fn::Or", [*several]:
            return any(map(inner, several))
        case "Fn::Split", [separator, text]:
            return inner(text).split(separator)
        case "Fn::Join", [separator, parts]:
            return separator.join(inner(parts))
    raise Unknown(f"{name} cannot be told from parameters alone: {argument}")


def _is_function(key: str) -> bool:
    return key in ("Ref", "Condition") or key.startswith("Fn::")

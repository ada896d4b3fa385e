"""Base class of groups of parameters, and messages about their faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from benchmark.common.errors import InputError

T = TypeVar("T")


class Section(BaseModel):
    """Immutable group of parameters without unknown keys."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        use_attribute_docstrings=True,
        protected_namespaces=(),
    )


def merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping with the values of another in it, section by section."""
    nested = {
        key: merged(base[key], value)
        for key, value in own.items()
        if isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
    }
    return {**base, **own, **nested}


def flattened(section: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value of nested mappings with its dotted name."""
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def validated(kind: TypeAdapter[T], raw: Any, origin: str, prefix: Sequence[str] = (), context: Any = None) -> T:
    """Validate the content of a file, whose name is ``origin`` and whose keys are below ``prefix`` in messages.

    Raises InputError if a rule is broken; :func:`in_words` formats the message.
    """
    try:
        return kind.validate_python(raw, context=context)
    except ValidationError as error:
        raise InputError(in_words(error, origin, prefix)) from error


def in_words(
    error: ValidationError,
    origin: str,
    prefix: Sequence[str] = (),
    near: Callable[[tuple[Any, ...]], str] = lambda _: "",
    fix: Callable[[str], str] = lambda _: "correct it",
) -> str:
    """Describe every fault by key, rule, value and fix.

    ``near`` returns a hint at the key that an unknown one may mean, and ``fix`` the fix for a key.
    """

    def sentence(fault: Any) -> str:
        key = ".".join([*prefix, *map(str, fault["loc"])])
        where = f"{origin}: `{key}`" if key else f"{origin}:"
        rule = fault["msg"].removeprefix("Value error, ").removeprefix("Input ")
        if fault["type"] == "extra_forbidden":
            return f"{where} is not a parameter{near(fault['loc'])}: remove or rename it"
        if fault["type"].startswith("missing"):
            return f"{where} must be given, but is missing: add it"
        # Rules of this project name the value themselves; values of whole sections are too long.
        if fault["type"] == "value_error" or isinstance(fault["input"], dict):
            return f"{where} {rule}: correct it"
        return f"{where} {rule}, but got {fault['input']!r}: {fix(key)}"

    return "; ".join(map(sentence, error.errors(include_url=False)))

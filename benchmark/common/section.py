"""What every group of parameters is, and how its faults are told: immutable, strict about keys, one sentence each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from benchmark.common.errors import InputError

T = TypeVar("T")


class Section(BaseModel):
    """A group of parameters: immutable, and strict about keys."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        use_attribute_docstrings=True,
        protected_namespaces=(),
    )


def validated(kind: TypeAdapter[T], raw: Any, origin: str, prefix: Sequence[str] = (), context: Any = None) -> T:
    """Validate what a file holds.

    Args:
        kind: what it should be.
        raw: the keys and values.
        origin: what the sentence calls the file.
        prefix: keys above ``raw`` in the file.
        context: for the rules that need one.

    Raises:
        InputError: a rule is broken; :func:`in_words` says how it is told.
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
    mend: Callable[[str], str] = lambda _: "correct it",
) -> str:
    """Every fault: the key, the rule, the value and the mend.

    Args:
        error: what was raised.
        origin: what the sentence calls the file, or the place in it.
        prefix: keys above the validated part.
        near: of an unknown key, what may be meant.
        mend: of a key, where to correct it.
    """

    def sentence(fault: Any) -> str:
        key = ".".join([*prefix, *map(str, fault["loc"])])
        where = f"{origin}: `{key}`" if key else f"{origin}:"
        rule = fault["msg"].removeprefix("Value error, ").removeprefix("Input ")
        if fault["type"] == "extra_forbidden":
            return f"{where} is not a parameter{near(fault['loc'])}: remove or rename it"
        if fault["type"].startswith("missing"):
            return f"{where} must be given, but is missing: add it"
        # A rule of ours names the value itself, and of a whole section the keys are enough.
        if fault["type"] == "value_error" or isinstance(fault["input"], dict):
            return f"{where} {rule}: correct it"
        return f"{where} {rule}, but got {fault['input']!r}: {mend(key)}"

    return "; ".join(map(sentence, error.errors(include_url=False)))

"""The exception for bad input, and a hint at names with a typing error."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Bad input: one sentence that names the rule, the value and the fix (the command exits with code 2)."""

    def __str__(self) -> str:
        """Return the sentence on one line, with control characters of file contents escaped."""
        return printable(super().__str__())


def printable(text: str) -> str:
    """Escape what is no printable character: a terminal obeys control characters, and no file has half a surrogate."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint at up to three known names that resemble a name; empty if it is known or none resembles it."""
    near = difflib.get_close_matches(name, sorted(known), n=3)
    return f" (did you mean {' or '.join(near)}?)" if near and name not in near else ""

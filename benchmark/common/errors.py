"""The one exception that a user is meant to read."""

from __future__ import annotations


class InputError(ValueError):
    """Bad input: one sentence that names the rule, the value and the mend (the command ends with code 2)."""

    def __str__(self) -> str:
        """The sentence on one line: what files hold may have line ends and signs that steer a terminal."""
        return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in super().__str__())

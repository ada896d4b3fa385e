"""The one exception that a user is meant to read."""

from __future__ import annotations


class InputError(ValueError):
    """Bad input: one sentence that names the rule, the value and the mend (the command ends with code 2)."""

"""Parameters in which two sets of parameters differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

NO_RESULT = ("tracking", "sweep")
"""Sections that no table depends on."""


def differing(a: Any, b: Any, prefix: str = "") -> dict[str, tuple[Any, Any]]:
    """Return both values of each parameter or section that differs, by dotted name; None where a side lacks it."""
    if not (isinstance(a, dict) and isinstance(b, dict)):
        return {} if a == b else {prefix: (a, b)}
    found: dict[str, tuple[Any, Any]] = {}
    for name in dict.fromkeys((*a, *b)):
        if prefix or name not in NO_RESULT:
            found |= differing(a.get(name), b.get(name), f"{prefix}.{name}" if prefix else str(name))
    return found


def from_default(root: Path, params: Any) -> str:
    """Describe in one line what parameters, as params.yaml has them, differ in from the composed default.

    Where another data set is used, its section is one entry. Without profiles nothing is known, and it is empty.
    """
    from benchmark.settings.composition import CONF, compose

    if not (root / CONF).is_dir():
        return ""
    default = compose(root)
    if default["data"].get("source") != params["data"].get("source"):
        default["data"], params = default["data"]["source"], {**params, "data": params["data"]["source"]}
    changed = differing(default, params).items()
    parts = [f"{name} {_value(ours)} (default: {_value(theirs)})" for name, (theirs, ours) in changed]
    return "; ".join(parts) or "nothing"


def _value(value: Any) -> str:
    return "absent" if value is None else "declared" if isinstance(value, dict) and value else str(value)

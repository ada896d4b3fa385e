"""Parameters in which two sets of parameters differ, and their wording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmark.common.files import read_yaml
from benchmark.settings.data_loading import PARAMS

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


def from_default(root: Path) -> list[str] | None:
    """Describe each parameter of params.yaml that differs from the composed default; None if either is missing.

    Where another data set is used, its section is one entry. Sections that one side lacks are named together.
    """
    from benchmark.settings.composition import CONF, compose

    if not ((root / CONF).is_dir() and (root / PARAMS).exists()):
        return None
    default, params = compose(root), read_yaml(root / PARAMS, "the parameters")
    if default["data"].get("source") != params["data"].get("source"):
        default["data"], params = default["data"]["source"], {**params, "data": params["data"]["source"]}
    changed = differing(default, params)
    without = [name for name, (theirs, ours) in changed.items() if ours is None and isinstance(theirs, dict)]
    added = [name for name, (theirs, ours) in changed.items() if theirs is None and isinstance(ours, dict)]
    single = [name for name in changed if name not in (*without, *added) and not name.endswith("_sha256")]
    single.sort(key=lambda name: name.startswith("systems."))
    texts = {name: [_without_folder(value_text(value)) for value in changed[name]] for name in single}
    found = [f"{name} {ours} (default {theirs})" for name, (theirs, ours) in texts.items()]
    found += [f"without {', '.join(without)}"] * bool(without)
    return found + [f"also {', '.join(added)}"] * bool(added)


def _without_folder(text: str) -> str:
    """Return the name of a file whose path is absolute, because captions are published; any other text unchanged."""
    return Path(text).name if text.startswith("/") else text


def value_text(value: Any) -> str:
    """Return a parameter's value as text, the same wherever parameters are compared."""
    if isinstance(value, dict):
        return "declared" if value else "empty"
    if isinstance(value, list):
        return ", ".join(map(value_text, value)) or "empty"
    if isinstance(value, float):
        return f"{value:.5g}"
    return "absent" if value is None else str(value) or "empty"

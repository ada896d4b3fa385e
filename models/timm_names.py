"""What timm calls its networks and optimisers, read from its sources: to import them takes ten seconds."""

from __future__ import annotations

import difflib
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_MODEL = re.compile(r"^@register_model\s*\ndef (\w+)\(", re.MULTILINE)
_OPTIMIZER = re.compile(r"(?:OptimInfo\(\s*(?:name=)?|register_alias\()'(\w+)'")
_PACKAGES = {"bnb": "bitsandbytes", "fused": "apex"}
"""What the names of optimisers begin with that timm takes from elsewhere -> where from."""


@cache
def networks() -> frozenset[str]:
    """Names of ``timm.list_models()``."""
    return frozenset(name for file in (_timm() / "models").glob("*.py") for name in _MODEL.findall(file.read_text()))


@cache
def optimizers() -> frozenset[str]:
    """Names of ``timm.optim.list_optimizers()``, less those whose own packages are not installed."""
    names = _OPTIMIZER.findall((_timm() / "optim/_optim_factory.py").read_text())
    absent = tuple(start for start, package in _PACKAGES.items() if find_spec(package) is None)
    return frozenset(name for name in names if not name.startswith(absent))


def nearest(name: str, known: frozenset[str]) -> str:
    """Known names that resemble one, in words; empty where none does."""
    near = difflib.get_close_matches(name, sorted(known), n=3)
    return f" (did you mean {' or '.join(near)}?)" if near else ""


def _timm() -> Path:
    spec = find_spec("timm")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0])

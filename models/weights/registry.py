"""Interface and metadata of the mappings in this package, from tensor names of other projects to those of timm.

Each file is one mapping and describes itself in ``ABOUT``. A mapping is a module with ``rename(names, wanted)``, which
maps the names in a file, in their order, to timm's names of the same tensors (``wanted``, in timm's order), without
batch counters on either side. The caller refuses missing names and pairs of unequal shapes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from benchmark.common.plugins import discover

Rename = Callable[[Sequence[str], Sequence[str]], dict[str, str]]


@dataclass(frozen=True, slots=True)
class MappingInfo:
    """Metadata of a mapping."""

    backbones: str
    """Regular expression for the full timm names of the networks that it maps to."""
    sign: str
    """Name of a tensor that identifies a file of this kind."""
    example: str
    """A package with such a file."""


MAPPINGS = discover(__package__, MappingInfo)
"""Metadata by name of the file."""


def mappings_for(backbone: str) -> list[str]:
    """List the mappings to a timm network, without reading its weights file."""
    base = backbone.partition(".")[0]
    return [name for name, entry in MAPPINGS.items() if re.fullmatch(entry.backbones, base)]


def load_mapping(name: str) -> Rename:
    """Import a mapping: ``rename(names, wanted) -> {name: name in timm}``."""
    module: Any = import_module(f"{__package__}.{name}")
    return module.rename  # type: ignore[no-any-return]

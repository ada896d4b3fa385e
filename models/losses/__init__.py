"""Objectives, one file each, behind one interface.

A loss is a module with:

* ``loss(outputs, grade, **parameters)``: the mean loss of a batch, in float32.

Adding a loss is adding its file and its line in :data:`LOSSES`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Entry:
    """Registry line of a loss, readable without importing torch."""

    title: str
    """How tables call it."""
    heads: tuple[str, ...]
    """The heads it trains, the main one first."""
    defaults: dict[str, float] = field(default_factory=dict)
    """Its parameters and their published values."""


LOSSES: dict[str, Entry] = {
    "ce": Entry("CE", ("prob",)),
    "ce_mse": Entry("CE + weight x MSE", ("score", "prob"), {"weight": 1.0}),
    "mse": Entry("MSE", ("score",)),
}
"""Name in ``arms.*.objective`` (and of the file in models/losses) -> its registry line."""


def load_loss(name: str) -> Callable[..., Tensor]:
    """Import a loss: ``loss(outputs: dict[str, Tensor], grade: Tensor, **parameters) -> Tensor``."""
    module: Any = import_module(f"models.losses.{name}")
    return module.loss  # type: ignore[no-any-return]

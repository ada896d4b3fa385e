"""Objectives, one file each, behind one interface.

A loss is a module with ``loss(outputs, grade, **parameters)``, where ``outputs`` holds the raw outputs of its heads and
``grade`` the labels 0-4, shape (n,). It returns the loss of each image, float32, shape (n,); or, where it is no mean
over images (``per_image=False`` in its registry line), the loss of the batch, shape ().

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
    heads: dict[str, str]
    """Outputs that it trains (``score``, ``prob``), the main one first, and the file of models/heads for each."""
    defaults: dict[str, float] = field(default_factory=dict)
    """Its parameters and their published values."""
    per_image: bool = True
    """Whether it is a mean over images, so that class weights apply."""


LOSSES: dict[str, Entry] = {
    "ce": Entry("CE", {"prob": "softmax"}),
    "ce_mse": Entry("CE + weight x MSE", {"score": "regression", "prob": "softmax"}, {"weight": 1.0}),
    "coral": Entry("CORAL", {"prob": "coral"}),
    "corn": Entry("CORN", {"prob": "corn"}, per_image=False),
    "mse": Entry("MSE", {"score": "regression"}),
    "mse_free_ends": Entry("MSE, free beyond the ends", {"score": "regression"}),
    "smooth_l1": Entry("smooth L1", {"score": "regression"}, {"beta": 1.0}),
    "soft_kappa": Entry("soft kappa", {"prob": "softmax"}, per_image=False),
}
"""Name in ``arms.*.objective`` (and of the file in models/losses) -> its registry line."""


def load_loss(name: str) -> Callable[..., Tensor]:
    """Import a loss: ``loss(outputs: dict[str, Tensor], grade: Tensor, **parameters) -> Tensor``."""
    module: Any = import_module(f"models.losses.{name}")
    return module.loss  # type: ignore[no-any-return]

"""Interface and metadata of the losses in this package; each file is one loss and describes itself in ``ABOUT``.

A loss is a module with ``loss(outputs, grade, **parameters)``, where ``outputs`` holds the raw outputs of its heads and
``grade`` the labels 0-4, shape (n,). It returns the loss of each image, float32, shape (n,). A loss that is not a mean
over images declares ``per_image=False`` and returns the loss of the batch, shape ().
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmark.common.plugins import discover
from models.heads.registry import HEADS

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


@dataclass(frozen=True, slots=True)
class LossInfo:
    """Metadata of a loss."""

    title: str
    """Name in tables."""
    head_names: tuple[str, ...]
    """Files of models/heads that it trains, the main head first."""
    defaults: dict[str, float] = field(default_factory=dict)
    """Parameters and their published values."""
    per_image: bool = True
    """True for a mean over images, to which class weights apply."""

    @property
    def heads(self) -> dict[str, str]:
        """Files of models/heads by output (``score``, ``prob``), the main head first."""
        return {HEADS[name].output: name for name in self.head_names}


LOSSES = discover(__package__, LossInfo)
"""Metadata by name of the file, which is the name in ``arms.*.loss``."""


def load_loss(name: str) -> Callable[..., Tensor]:
    """Import a loss: ``loss(outputs: dict[str, Tensor], grade: Tensor, **parameters) -> Tensor``."""
    module: Any = import_module(f"{__package__}.{name}")
    return module.loss  # type: ignore[no-any-return]

"""What stands between pooled features and an output, one file each.

A head is a module with ``build(channels) -> nn.Module``, which maps features (n, channels) to raw outputs, and
``answer(raw) -> Tensor``, which maps those to what is predicted: scores (n,) or probabilities (n, 5). The raw outputs
are what a loss takes. Adding one is adding its file and naming it in a loss's registry line.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from torch import Tensor, nn


class Head(Protocol):
    """The interface of a module in this package."""

    @staticmethod
    def build(channels: int) -> nn.Module:
        """A layer from features (n, channels) to raw outputs."""
        ...

    @staticmethod
    def answer(raw: Tensor) -> Tensor:
        """Scores (n,) or probabilities (n, 5) from raw outputs."""
        ...


def load_head(name: str) -> Head:
    """Import a head by the name of its file."""
    return cast("Head", import_module(f"models.heads.{name}"))

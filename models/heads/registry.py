"""Interface and metadata of the heads in this package; each file is one head and describes itself in ``ABOUT``.

A head is a module with ``build(channels) -> nn.Module``, which maps pooled features (n, channels) to raw outputs, and
``predict(raw) -> Tensor``, which maps those to scores (n,) or probabilities (n, 5). Losses are computed from the raw
outputs. A loss names its heads in its own metadata.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from benchmark.common.plugins import discover
from benchmark.common.terms import Head as Output

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class HeadInfo:
    """Metadata of a head."""

    output: Output
    """Output that it predicts: ``score`` or ``prob``."""


HEADS = discover(__package__, HeadInfo)
"""Metadata by name of the file."""


class Head(Protocol):
    """The interface of a module in this package; a function of a module takes no ``self``."""

    def build(self, channels: int) -> nn.Module:
        """Build a layer from features (n, channels) to raw outputs."""
        ...

    def predict(self, raw: Tensor) -> Tensor:
        """Return scores (n,) or probabilities (n, 5) from raw outputs."""
        ...


def load_head(name: str) -> Head:
    """Import a head by the name of its file."""
    return cast("Head", import_module(f"{__package__}.{name}"))

"""CORAL (Cao, Mirjalili and Raschka 2020): one slope, four thresholds, for the events grade > 0 to grade > 3."""

from __future__ import annotations

from coral_pytorch.layers import CoralLayer
from torch import Tensor, nn

from models.heads.corn import between
from models.heads.registry import HeadInfo

ABOUT = HeadInfo(output="prob")


def build(channels: int) -> nn.Module:
    """Features (n, channels) to logits of grade > k, (n, 4)."""
    layer: nn.Module = CoralLayer(channels, 5)
    return layer


def predict(raw: Tensor) -> Tensor:
    """Probability of each grade, (n, 5): differences of neighbouring P(grade > k)."""
    return between(raw.sigmoid())

"""CORAL (Cao, Mirjalili and Raschka 2020): logits of grade > 0 to grade > 3 with shared weights and four biases."""

from __future__ import annotations

from coral_pytorch.layers import CoralLayer
from torch import Tensor, nn

from models.heads.corn import grade_probabilities
from models.heads.registry import HeadInfo

ABOUT = HeadInfo(output="prob")


def build(channels: int) -> nn.Module:
    """Build a layer from features (n, channels) to logits of grade > k, (n, 4)."""
    layer: nn.Module = CoralLayer(channels, 5)
    return layer


def predict(raw: Tensor) -> Tensor:
    """Return the probability of each grade, (n, 5): differences of consecutive P(grade > k)."""
    return grade_probabilities(raw.sigmoid())

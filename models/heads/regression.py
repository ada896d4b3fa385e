"""Linear regression of the grade, one score per image."""

from __future__ import annotations

from torch import Tensor, nn

from models.heads.registry import HeadInfo

ABOUT = HeadInfo(output="score")


def build(channels: int) -> nn.Module:
    """Build a layer from features (n, channels) to scores (n,)."""
    return nn.Sequential(nn.Linear(channels, 1), nn.Flatten(0))


def predict(raw: Tensor) -> Tensor:
    """Return the raw output, which is the score."""
    return raw

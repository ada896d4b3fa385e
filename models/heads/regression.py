"""One linear output: the grade itself as a score."""

from __future__ import annotations

from torch import Tensor, nn

from models.heads.registry import HeadInfo

ABOUT = HeadInfo(output="score")


def build(channels: int) -> nn.Module:
    """Features (n, channels) to scores (n,)."""
    return nn.Sequential(nn.Linear(channels, 1), nn.Flatten(0))


def predict(raw: Tensor) -> Tensor:
    """The score is the output."""
    return raw

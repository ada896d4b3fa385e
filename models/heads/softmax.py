"""Linear classifier with one logit per grade."""

from __future__ import annotations

from torch import Tensor, nn

from models.heads.registry import HeadInfo

ABOUT = HeadInfo(output="prob")


def build(channels: int) -> nn.Module:
    """Build a layer from features (n, channels) to logits (n, 5)."""
    return nn.Linear(channels, 5)


def predict(raw: Tensor) -> Tensor:
    """Return the probability of each grade, (n, 5)."""
    return raw.softmax(dim=1)

"""CORN (Shi, Cao and Raschka 2021): logits of grade > k given grade > k - 1, for k = 0..3."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.heads.registry import HeadInfo

ABOUT = HeadInfo(output="prob")


def build(channels: int) -> nn.Module:
    """Build a layer from features (n, channels) to conditional logits (n, 4)."""
    return nn.Linear(channels, 4)


def predict(raw: Tensor) -> Tensor:
    """Return the probability of each grade, (n, 5); P(grade > k) is the product of the conditional probabilities."""
    return grade_probabilities(raw.sigmoid().cumprod(dim=1))


def grade_probabilities(above: Tensor) -> Tensor:
    """Return the probabilities of grades 0-4, (n, 5), from P(grade > k) for k = 0..3, (n, 4).

    P(grade > k) is capped at P(grade > k - 1), so no probability is negative.
    """
    ordered = above.cummin(dim=1).values
    padded = torch.cat((torch.ones_like(ordered[:, :1]), ordered, torch.zeros_like(ordered[:, :1])), dim=1)
    return padded[:, :-1] - padded[:, 1:]

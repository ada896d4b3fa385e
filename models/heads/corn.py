"""CORN (Shi, Cao and Raschka 2021): four outputs, each for grade > k given grade > k - 1."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.heads.registry import HeadInfo

ABOUT = HeadInfo(output="prob")


def build(channels: int) -> nn.Module:
    """Features (n, channels) to conditional logits (n, 4)."""
    return nn.Linear(channels, 4)


def predict(raw: Tensor) -> Tensor:
    """Probability of each grade, (n, 5): P(grade > k) is the product of the conditional ones up to k."""
    return between(raw.sigmoid().cumprod(dim=1))


def between(above: Tensor) -> Tensor:
    """Probabilities of grades 0-4, (n, 5), from P(grade > k) for k = 0..3, (n, 4).

    Where a training has not ordered them, P(grade > k) is lowered to its left neighbour, so that none is negative.
    """
    ordered = above.cummin(dim=1).values
    padded = torch.cat((torch.ones_like(ordered[:, :1]), ordered, torch.zeros_like(ordered[:, :1])), dim=1)
    return padded[:, :-1] - padded[:, 1:]

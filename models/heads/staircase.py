"""One linear output through a soft staircase whose steps are learnt (StepLayer of Xu, Dunavent and Kainkaryam 2015)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.heads.registry import HeadInfo
from models.heads.regression import predict as predict

ABOUT = HeadInfo(output="score")

SLOPE = 10.0
"""Slope of each step before training."""


class Staircase(nn.Module):
    """Numbers x (n,) to the sum over steps of sigmoid(slope * (x - threshold)), in 0-4."""

    def __init__(self) -> None:
        super().__init__()
        self.thresholds = nn.Parameter(torch.tensor([0.5, 1.5, 2.5, 3.5]))
        self.slopes = nn.Parameter(torch.full((4,), SLOPE))

    def forward(self, x: Tensor) -> Tensor:
        return (self.slopes * (x[:, None] - self.thresholds)).sigmoid().sum(1)


def build(channels: int) -> nn.Module:
    """Features (n, channels) to scores (n,)."""
    return nn.Sequential(nn.Linear(channels, 1), nn.Flatten(0), Staircase())

"""Linear regression through a learnable soft staircase (StepLayer of Xu, Dunavent and Kainkaryam 2015)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.heads.registry import HeadInfo
from models.heads.regression import predict as predict

ABOUT = HeadInfo(output="score")

SLOPE = 10.0
"""Initial slope of each step."""


class Staircase(nn.Module):
    """Sum over steps of sigmoid(slope * (x - threshold)): maps x (n,) into the range 0-4."""

    def __init__(self) -> None:
        super().__init__()
        self.thresholds = nn.Parameter(torch.tensor([0.5, 1.5, 2.5, 3.5]))
        self.slopes = nn.Parameter(torch.full((4,), SLOPE))

    def forward(self, x: Tensor) -> Tensor:
        return (self.slopes * (x[:, None] - self.thresholds)).sigmoid().sum(1)


def build(channels: int) -> nn.Module:
    """Build a layer from features (n, channels) to scores (n,)."""
    return nn.Sequential(nn.Linear(channels, 1), nn.Flatten(0), Staircase())

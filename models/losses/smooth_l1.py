"""Smooth L1 (Huber) loss of the scores: quadratic near the grade and linear beyond, so outliers weigh less."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from models.losses.registry import LossInfo

ABOUT = LossInfo(title="smooth L1", head_names=("regression",), defaults={"beta": 1.0})


def loss(outputs: dict[str, Tensor], grade: Tensor, beta: float = 1.0) -> Tensor:
    """Return the smooth L1 loss of each ``score``, shape (n,), which is linear beyond ``beta`` >= 0 grades."""
    return smooth_l1_loss(outputs["score"].float(), grade.float(), reduction="none", beta=beta)

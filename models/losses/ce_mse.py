"""The paper's multi-task loss: cross-entropy plus weighted MSE (L = L1 + L2)."""

from __future__ import annotations

from torch import Tensor

from models.losses import ce, mse
from models.losses.registry import LossInfo

ABOUT = LossInfo(title="CE + weight x MSE", head_names=("regression", "softmax"), defaults={"weight": 1.0})


def loss(outputs: dict[str, Tensor], grade: Tensor, weight: float = 1.0) -> Tensor:
    """Return CE + weight x MSE of each image, shape (n,), from ``score``, (n,), and ``prob``, logits (n, 5).

    The paper prints no weight, so the default is 1.
    """
    return ce.loss(outputs, grade) + weight * mse.loss(outputs, grade)

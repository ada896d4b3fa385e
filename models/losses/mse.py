"""Squared error of the scores (L2 of the paper)."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import mse_loss

from models.losses.registry import LossInfo

ABOUT = LossInfo(title="MSE", head_names=("regression",))


def loss(outputs: dict[str, Tensor], grade: Tensor) -> Tensor:
    """Return (score - grade)^2 of each image, shape (n,), from ``score`` and labels 0-4, both of shape (n,)."""
    return mse_loss(outputs["score"].float(), grade.float(), reduction="none")

"""Squared error without a penalty beyond the ends of the scale (Xu, Dunavent and Kainkaryam 2015)."""

from __future__ import annotations

from torch import Tensor

from models.losses.registry import LossInfo

ABOUT = LossInfo(title="MSE, free beyond the ends", head_names=("regression",))

LAST = 4
"""Highest grade."""


def loss(outputs: dict[str, Tensor], grade: Tensor) -> Tensor:
    """Return (score - grade)^2 of each image, shape (n,); it is 0 below 0 for grade 0, and above 4 for grade 4."""
    score = outputs["score"].float()
    beyond = ((grade == 0) & (score < 0)) | ((grade == LAST) & (score > LAST))
    return (score - grade.float()).masked_fill(beyond, 0).square()

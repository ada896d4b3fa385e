"""Square error that costs nothing beyond the ends of the scale (Xu, Dunavent and Kainkaryam 2015)."""

from __future__ import annotations

from torch import Tensor

from models.losses.registry import LossInfo

ABOUT = LossInfo(title="MSE, free beyond the ends", head_names=("regression",))

LAST = 4
"""The highest grade."""


def loss(outputs: dict[str, Tensor], grade: Tensor) -> Tensor:
    """(score - grade)^2 of each image, shape (n,); 0 for a score below 0 of a grade 0, or above 4 of a grade 4.

    Args:
        outputs: ``score``, shape (n,).
        grade: labels 0-4, shape (n,).
    """
    score = outputs["score"].float()
    beyond = ((grade == 0) & (score < 0)) | ((grade == LAST) & (score > LAST))
    return (score - grade.float()).masked_fill(beyond, 0).square()

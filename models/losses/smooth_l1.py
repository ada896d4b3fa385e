"""Smooth L1 (Huber) of the scores: square near the grade, linear beyond, so that a wrong label weighs less."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from models.losses.registry import LossInfo

ABOUT = LossInfo(title="smooth L1", head_names=("regression",), defaults={"beta": 1.0})


def loss(outputs: dict[str, Tensor], grade: Tensor, beta: float = 1.0) -> Tensor:
    """Smooth L1 of each image, shape (n,).

    Args:
        outputs: ``score``, shape (n,).
        grade: labels 0-4, shape (n,).
        beta: distance, in grades, where square turns to linear, >= 0.
    """
    return smooth_l1_loss(outputs["score"].float(), grade.float(), reduction="none", beta=beta)

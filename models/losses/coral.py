"""CORAL loss: binary cross-entropy of grade > k, summed over k (coral-pytorch)."""

from __future__ import annotations

import torch
from coral_pytorch.losses import coral_loss
from torch import Tensor

from models.losses.registry import LossInfo

ABOUT = LossInfo(title="CORAL", head_names=("coral",))


def loss(outputs: dict[str, Tensor], grade: Tensor) -> Tensor:
    """Return the sum over k of each image's binary cross-entropy, shape (n,).

    Args:
        outputs: ``prob``, logits of grade > k, shape (n, 4).
        grade: labels 0-4, shape (n,).
    """
    levels = (grade[:, None] > torch.arange(4, device=grade.device)).float()
    value: Tensor = coral_loss(outputs["prob"].float(), levels, reduction=None)
    return value

"""CORAL loss: binary cross-entropy of grade > k, summed over k (coral-pytorch)."""

from __future__ import annotations

import torch
from coral_pytorch.losses import coral_loss
from torch import Tensor

from models.losses.registry import LossInfo

ABOUT = LossInfo(title="CORAL", head_names=("coral",))


def loss(outputs: dict[str, Tensor], grade: Tensor) -> Tensor:
    """Return the sum over k of each image's binary cross-entropy, (n,); ``prob`` has logits of grade > k, (n, 4)."""
    levels = (grade[:, None] > torch.arange(4, device=grade.device)).float()
    value: Tensor = coral_loss(outputs["prob"].float(), levels, reduction=None)
    return value

"""CORN loss: binary cross-entropy of grade > k over the images with grade > k - 1 (coral-pytorch)."""

from __future__ import annotations

from coral_pytorch.losses import corn_loss
from torch import Tensor

from models.losses.registry import LossInfo

ABOUT = LossInfo(title="CORN", head_names=("corn",), per_image=False)


def loss(outputs: dict[str, Tensor], grade: Tensor) -> Tensor:
    """Return the mean cross-entropy of the batch's conditional binary tasks; ``prob`` has their logits, (n, 4)."""
    value: Tensor = corn_loss(outputs["prob"].float(), grade, 5)
    return value

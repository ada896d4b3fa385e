"""CORN's loss: each event grade > k is learnt on the images with grade > k - 1 alone (coral-pytorch)."""

from __future__ import annotations

from coral_pytorch.losses import corn_loss
from torch import Tensor

from models.losses.registry import LossInfo

ABOUT = LossInfo(title="CORN", head_names=("corn",), per_image=False)


def loss(outputs: dict[str, Tensor], grade: Tensor) -> Tensor:
    """Mean cross-entropy over all (image, event) pairs of the batch, shape ().

    Args:
        outputs: ``prob``, conditional logits, shape (n, 4).
        grade: labels 0-4, shape (n,).
    """
    value: Tensor = corn_loss(outputs["prob"].float(), grade, 5)
    return value

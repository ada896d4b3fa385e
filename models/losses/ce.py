"""Softmax cross-entropy of the five grades (L1 of the paper)."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy

from models.losses.registry import LossInfo

ABOUT = LossInfo(title="CE", head_names=("softmax",))


def loss(outputs: dict[str, Tensor], grade: Tensor) -> Tensor:
    """Return -log Prob[grade] of each image, shape (n,), from ``prob``, logits (n, 5), and labels 0-4, int64, (n,)."""
    return cross_entropy(outputs["prob"].float(), grade, reduction="none")

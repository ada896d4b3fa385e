"""One minus quadratic weighted kappa, with probabilities in place of predicted grades (de la Torre et al. 2018)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from models.losses.registry import LossInfo

ABOUT = LossInfo(title="soft kappa", head_names=("softmax",), per_image=False)


def loss(outputs: dict[str, Tensor], grade: Tensor) -> Tensor:
    """Observed over expected disagreement of the batch, shape (), from 0 (perfect) over 1 (chance) to 2.

    Args:
        outputs: ``prob``, logits, shape (n, 5).
        grade: labels 0-4, int64, shape (n,).
    """
    prob = outputs["prob"].float().softmax(dim=1)
    label = one_hot(grade, 5).to(prob)
    distance = torch.arange(5, device=prob.device, dtype=prob.dtype)
    weight = (distance[:, None] - distance) ** 2
    observed = (weight * (label.T @ prob)).sum()
    expected = (weight * torch.outer(label.sum(0), prob.sum(0))).sum() / len(grade)
    # A batch of one grade, all predicted so, expects no disagreement and shows none.
    return observed / (expected + 1e-6)

"""One minus quadratic weighted kappa of predicted probabilities (de la Torre et al. 2018)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from models.losses.registry import LossInfo

ABOUT = LossInfo(title="soft kappa", head_names=("softmax",), per_image=False)


def loss(outputs: dict[str, Tensor], grade: Tensor) -> Tensor:
    """Return observed / expected disagreement of the batch: 0 is perfect, 1 is chance level, 2 the maximum."""
    prob = outputs["prob"].float().softmax(dim=1)
    label = one_hot(grade, 5).to(prob)
    distance = torch.arange(5, device=prob.device, dtype=prob.dtype)
    weight = (distance[:, None] - distance) ** 2
    observed = (weight * (label.T @ prob)).sum()
    expected = (weight * torch.outer(label.sum(0), prob.sum(0))).sum() / len(grade)
    # Both terms are 0 for a batch of one grade that is predicted correctly with certainty.
    return observed / (expected + 1e-6)

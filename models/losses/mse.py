"""Mean square error of the scores (L2 of the paper)."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import mse_loss


def loss(outputs: dict[str, Tensor], grade: Tensor) -> Tensor:
    """Mean over the batch of (score - grade)^2.

    Args:
        outputs: ``score``, shape (n,).
        grade: labels 0-4, shape (n,).
    """
    return mse_loss(outputs["score"].float(), grade.float())

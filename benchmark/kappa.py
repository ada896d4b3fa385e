"""Quadratic weighted kappa, computed from the 5 x 5 confusion matrix alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

GRADES = 5


def confusion_matrix(grade: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Count images by label (rows) and prediction (columns).

    Args:
        grade: labels 0-4, shape (n,).
        predicted: predictions 0-4, shape (n,).

    Returns:
        Counts, shape (5, 5).
    """
    return np.bincount(grade * GRADES + predicted, minlength=GRADES**2).reshape(GRADES, GRADES).astype(np.int64)


def quadratic_weighted_kappa(confusion: npt.NDArray[np.int64]) -> float:
    """Cohen's kappa with weights (i - j)^2.

    Args:
        confusion: counts, shape (5, 5), labels in rows.

    Returns:
        At most 1; 0 is chance agreement; NaN where no disagreement can be expected (no image at all, or every label
        and every prediction of one grade).
    """
    weight = np.subtract.outer(np.arange(GRADES), np.arange(GRADES)) ** 2
    expected = np.outer(confusion.sum(1), confusion.sum(0)) / max(confusion.sum(), 1)
    chance = float((weight * expected).sum())
    return float("nan") if chance == 0 else 1.0 - float((weight * confusion).sum()) / chance

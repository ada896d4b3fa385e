"""Quadratic weighted kappa (Cohen 1968), computed from the 5 x 5 confusion matrix alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmark.common.terms import GRADES

_COST = np.subtract.outer(np.arange(GRADES), np.arange(GRADES)).astype(np.float64) ** 2
"""Disagreement (i - j)^2 of label i and prediction j."""
_PARTS = 1 + 2 * GRADES
"""Number of sums over a confusion matrix that kappa is computed from."""
_SUMS = np.column_stack([_COST.ravel(), np.repeat(np.eye(GRADES), GRADES, 0), np.tile(np.eye(GRADES), (GRADES, 1))])
"""Weights that turn the 25 cells of a matrix into its disagreement, its labels and its predictions by grade."""


def confusion_matrix(grade: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Count images by label (rows) and prediction (columns), both 0-4 and of shape (n,); returns shape (5, 5)."""
    return np.bincount(grade * GRADES + predicted, minlength=GRADES**2).reshape(GRADES, GRADES).astype(np.int64)


def weighted_kappa(confusion: npt.NDArray[np.int64] | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Compute kappa, shape (...), of confusion matrices, shape (..., 5, 5), labels in rows.

    Kappa is at most 1; 0 is chance agreement; it is NaN where :func:`why_undefined` has a reason.
    """
    return kappa_of_parts(kappa_parts(confusion))


def kappa_parts(confusion: npt.NDArray[np.int64] | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Compute the sums that kappa needs, shape (..., 11), from confusion matrices, shape (..., 5, 5), labels in rows.

    They are additive over images like the matrices, and fewer than half as many.
    """
    cells = confusion.reshape(*confusion.shape[:-2], GRADES**2).astype(np.float64)
    return cells @ _SUMS


def kappa_of_parts(parts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Compute kappa, shape (...), from the result of :func:`kappa_parts`, shape (..., 11)."""
    labels, predictions = parts[..., 1 : GRADES + 1], parts[..., GRADES + 1 :]
    observed = parts[..., 0] * (labels @ np.ones(GRADES))
    chance = np.einsum("...i,...i->...", labels @ _COST, predictions)
    ratio = np.full(np.shape(chance), np.nan)
    np.divide(observed, chance, out=ratio, where=chance > 0)
    kappas: npt.NDArray[np.float64] = 1.0 - ratio
    return kappas


def quadratic_weighted_kappa(confusion: npt.NDArray[np.int64]) -> float:
    """Compute kappa of one confusion matrix by :func:`weighted_kappa`."""
    return float(weighted_kappa(confusion))


def why_undefined(confusion: npt.NDArray[np.int64]) -> str | None:
    """Return why kappa of a confusion matrix is undefined: chance predicts no disagreement; None if defined."""
    if not confusion.any():
        return "no image was graded"
    grade = int(confusion.sum(1).argmax())
    if confusion[grade, grade] == confusion.sum():
        return f"every label and every prediction is grade {grade}"
    return None

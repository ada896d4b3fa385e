"""Quadratic weighted kappa (Cohen 1968), computed from the 5 x 5 confusion matrix alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmark.common.terms import GRADES

_COST = np.subtract.outer(np.arange(GRADES), np.arange(GRADES)).astype(np.float64) ** 2
"""Of a prediction j for a label i: (i - j)^2."""
PARTS = 1 + 2 * GRADES
"""Sums over a confusion matrix that kappa is computed from."""
_SUMS = np.column_stack([_COST.ravel(), np.repeat(np.eye(GRADES), GRADES, 0), np.tile(np.eye(GRADES), (GRADES, 1))])
"""From a matrix's 25 cells to its disagreement, its labels by grade, and its predictions by grade."""


def confusion_matrix(grade: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Count images by label (rows) and prediction (columns).

    Args:
        grade: labels 0-4, shape (n,).
        predicted: predictions 0-4, shape (n,).

    Returns:
        Counts, shape (5, 5).
    """
    return np.bincount(grade * GRADES + predicted, minlength=GRADES**2).reshape(GRADES, GRADES).astype(np.int64)


def weighted_kappa(confusion: npt.NDArray[np.int64] | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Kappa of every confusion matrix in a stack.

    Args:
        confusion: counts, shape (..., 5, 5), labels in rows.

    Returns:
        Shape (...): at most 1; 0 is chance agreement; NaN where :func:`why_undefined` has a reason.
    """
    return kappa_of_parts(kappa_parts(confusion))


def kappa_parts(confusion: npt.NDArray[np.int64] | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The sums that kappa is computed from, additive over images as the matrix itself and less than half as many.

    Args:
        confusion: counts, shape (..., 5, 5), labels in rows.

    Returns:
        Shape (..., 11).
    """
    cells = confusion.reshape(*confusion.shape[:-2], GRADES**2).astype(np.float64)
    return cells @ _SUMS


def kappa_of_parts(parts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Kappa of what :func:`kappa_parts` gives, shape (..., 11): as :func:`weighted_kappa`, shape (...)."""
    labels, predictions = parts[..., 1 : GRADES + 1], parts[..., GRADES + 1 :]
    observed = parts[..., 0] * labels.sum(-1)
    chance = ((labels @ _COST) * predictions).sum(-1)
    ratio = np.full(np.shape(chance), np.nan)
    np.divide(observed, chance, out=ratio, where=chance > 0)
    kappas: npt.NDArray[np.float64] = 1.0 - ratio
    return kappas


def quadratic_weighted_kappa(confusion: npt.NDArray[np.int64]) -> float:
    """Kappa with weights (i - j)^2 of one confusion matrix.

    Args:
        confusion: counts, shape (5, 5), labels in rows.

    Returns:
        At most 1; 0 is chance agreement; NaN where :func:`why_undefined` has a reason.
    """
    return float(weighted_kappa(confusion))


def why_undefined(confusion: npt.NDArray[np.int64]) -> str | None:
    """Say why a confusion matrix has no kappa: no disagreement can be expected by chance.

    Args:
        confusion: counts, shape (5, 5), labels in rows.

    Returns:
        The reason, or None where kappa is defined.
    """
    if not confusion.any():
        return "there is no image"
    grade = int(confusion.sum(1).argmax())
    if confusion[grade, grade] == confusion.sum():
        return f"every label and every prediction is grade {grade}"
    return None

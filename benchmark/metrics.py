"""Every other measure of a grading that the field reports, beside quadratic weighted kappa.

Those of decoded grades follow from the confusion matrix (labels in rows); the rest read scores or probabilities. A
measure is NaN where the images cannot show it, for instance the recall of a grade that no label has.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmark.kappa import GRADES, confusion_matrix, weighted_kappa
from benchmark.predictions import Predictions

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

REFERABLE = 2
"""Referable diabetic retinopathy: this grade or a higher one."""
BINS = 15
"""Confidence bins of the calibration error."""

_OFF = np.abs(np.subtract.outer(np.arange(GRADES), np.arange(GRADES)))


def all_metrics(predictions: Predictions, grades: Ints) -> dict[str, float]:
    """Compute all that the available heads allow.

    Args:
        predictions: labels and outputs.
        grades: decoded grades 0-4, shape (n,).

    Returns:
        Name -> value. Always: kappa, kappa_linear, accuracy, f1_macro, recall_0 .. recall_4, mae, amae, off_by_one,
        referable_sensitivity, referable_specificity. With a regression head: referable_auc_score. With a softmax head:
        referable_auc_prob, rps, ece.
    """
    confusion = confusion_matrix(predictions.grade, grades)
    sensitivity, specificity = referable_rates(confusion)
    values = {
        "kappa": float(weighted_kappa(confusion)),
        "kappa_linear": float(weighted_kappa(confusion, "linear")),
        "accuracy": accuracy(confusion),
        "f1_macro": macro_f1(confusion),
        "mae": mean_absolute_error(confusion),
        "amae": average_mean_absolute_error(confusion),
        "off_by_one": off_by_one_rate(confusion),
        "referable_sensitivity": sensitivity,
        "referable_specificity": specificity,
    }
    values |= {f"recall_{grade}": recall for grade, recall in enumerate(recalls(confusion).tolist())}
    referable = predictions.grade >= REFERABLE
    if predictions.score is not None:
        values["referable_auc_score"] = auc(referable, predictions.score.astype(np.float64))
    if predictions.prob is not None:
        prob = predictions.prob.astype(np.float64)
        values["referable_auc_prob"] = auc(referable, prob[:, REFERABLE:].sum(1))
        values["rps"] = ranked_probability_score(predictions.grade, prob)
        values["ece"] = expected_calibration_error(predictions.grade, prob)
    return values


def accuracy(confusion: Ints) -> float:
    """Share of images whose grade is right, 0-1; NaN without images."""
    return _ratio(np.trace(confusion), confusion.sum())


def recalls(confusion: Ints) -> Floats:
    """Share found of each grade's images, 0-1, shape (5,); NaN for a grade that no label has."""
    return _ratios(np.diag(confusion), confusion.sum(1))


def macro_f1(confusion: Ints) -> float:
    """F1 averaged over the grades that occur among labels or predictions, 0-1; NaN without images."""
    return _mean(_ratios(2 * np.diag(confusion), confusion.sum(0) + confusion.sum(1)))


def mean_absolute_error(confusion: Ints) -> float:
    """Mean distance from the label in grades, 0-4; NaN without images."""
    return _ratio((confusion * _OFF).sum(), confusion.sum())


def average_mean_absolute_error(confusion: Ints) -> float:
    """Mean absolute error of each grade's images, averaged over the grades that occur (Baccianella 2009), 0-4."""
    return _mean(_ratios((confusion * _OFF).sum(1), confusion.sum(1)))


def off_by_one_rate(confusion: Ints) -> float:
    """Share of images graded exactly one grade too high or too low, 0-1; NaN without images."""
    return _ratio(confusion[_OFF == 1].sum(), confusion.sum())


def referable_rates(confusion: Ints) -> tuple[float, float]:
    """Sensitivity and specificity, 0-1, for referable retinopathy; NaN where the labels lack that side."""
    sick, healthy = confusion[REFERABLE:], confusion[:REFERABLE]
    return _ratio(sick[:, REFERABLE:].sum(), sick.sum()), _ratio(healthy[:, :REFERABLE].sum(), healthy.sum())


def auc(positive: npt.NDArray[np.bool_], values: Floats) -> float:
    """Area under the ROC curve: the chance that a positive has the higher value, ties counted half.

    Args:
        positive: shape (n,).
        values: higher means more likely positive, shape (n,).

    Returns:
        0-1; NaN where one side is empty.
    """
    _, place, ties = np.unique(values, return_inverse=True, return_counts=True)
    rank = (ties.cumsum() - (ties - 1) / 2)[place]
    n = int(positive.sum())
    return _ratio(rank[positive].sum() - n * (n + 1) / 2, n * (len(values) - n))


def ranked_probability_score(grade: Ints, prob: Floats) -> float:
    """Squared distance between cumulative probabilities and the label's step, summed over grades (Epstein 1969).

    Args:
        grade: labels 0-4, shape (n,).
        prob: shape (n, 5), rows summing to 1.

    Returns:
        Mean over the images: 0 (sure and right) to 4; NaN without images.
    """
    step = grade[:, None] <= np.arange(GRADES)
    return _ratio(((prob.cumsum(1) - step) ** 2)[:, :-1].sum(), len(grade))


def expected_calibration_error(grade: Ints, prob: Floats) -> float:
    """Distance between confidence and accuracy of the most probable grade, over equal-width bins (Guo 2017).

    Args:
        grade: labels 0-4, shape (n,).
        prob: shape (n, 5), rows summing to 1.

    Returns:
        0-1, bins weighted by their images; NaN without images.
    """
    confidence, right = prob.max(1, initial=0), prob.argmax(1) == grade
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    gaps = np.bincount(bins, weights=confidence - right, minlength=BINS)
    return _ratio(np.abs(gaps).sum(), len(grade))


def _ratio(part: float | np.number, whole: float | np.number) -> float:
    return float(part / whole) if whole else float("nan")


def _ratios(part: Ints, whole: Ints) -> Floats:
    ratios = np.full(len(whole), np.nan)
    np.divide(part, whole, out=ratios, where=whole > 0)
    return ratios


def _mean(values: Floats) -> float:
    """Mean of those that are defined."""
    return _ratio(np.nansum(values), (~np.isnan(values)).sum())

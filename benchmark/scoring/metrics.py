"""Metrics that the field reports for a grading, including quadratic weighted kappa.

Each metric is computed for many resamples at once, so one formula gives the value and its bootstrap. Metrics of grades
are functions of the 5 x 5 confusion matrix (:func:`of_confusion` takes a stack of them). Metrics of outputs are
functions of the images' weights (:func:`of_outputs` takes a row of weights per resample). A metric is NaN where the
images do not determine it, for instance the recall of a grade that no label has. Tests compare them with scikit-learn,
torchmetrics and dlordinal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from benchmark.common.arrays import Floats, Grades, Ints
from benchmark.common.terms import GRADES, Head
from benchmark.runs.predictions import Predictions
from benchmark.scoring.kappa import confusion_matrix, weighted_kappa

Truths = npt.NDArray[np.bool_]
Family = Literal["agreement", "grades", "outputs"]

REFERABLE = 2
"""Lowest grade of referable diabetic retinopathy."""
BINS = 15
"""Number of confidence bins of the calibration error."""
_FEW_PAIRS = GRADES**2
"""Number of distinct pairs of label and output up to which images are merged."""
_DISTANCE = np.abs(np.subtract.outer(np.arange(GRADES), np.arange(GRADES))).astype(np.float64)
"""Distance between label and prediction in grades."""
_IS_REFERABLE = (np.arange(GRADES) >= REFERABLE).astype(np.float64)
_EACH, _ALL = np.eye(GRADES), np.ones((GRADES, GRADES))
_SUMS = np.stack(
    [
        *(row[:, None] * _ALL for row in _EACH),  # Labels of each grade.
        *(_ALL * column for column in _EACH),  # Predictions of each grade.
        *(np.diag(row) for row in _EACH),  # Right ones of each grade.
        *(row[:, None] * _DISTANCE for row in _EACH),  # Grades between prediction and label, by label.
        _ALL,
        _DISTANCE,
        (_DISTANCE == 1).astype(np.float64),
        np.outer(_IS_REFERABLE, _IS_REFERABLE),
        np.outer(1 - _IS_REFERABLE, 1 - _IS_REFERABLE),
    ],
    axis=-1,
).reshape(GRADES**2, -1)
"""Weights of the 25 cells of a confusion matrix, in columns, in each sum that the metrics of grades need."""


@dataclass(frozen=True, slots=True)
class Metric:
    """Metadata of a metric."""

    title: str
    """Name in tables."""
    family: Family
    """Subject: overall agreement, single grades, or outputs (referable disease and probabilities)."""
    better: Literal["higher", "lower"]
    head: Head | None = None
    """Only head that has the metric; None if both have it."""


METRICS: dict[str, Metric] = {
    "kappa": Metric("kappa", "agreement", "higher"),
    "kappa_linear": Metric("linear kappa", "agreement", "higher"),
    "accuracy": Metric("accuracy", "agreement", "higher"),
    "f1_macro": Metric("macro F1", "agreement", "higher"),
    "mae": Metric("MAE", "agreement", "lower"),
    "amae": Metric("AMAE", "agreement", "lower"),
    "off_by_one": Metric("off by one", "agreement", "lower"),
    **{f"recall_{grade}": Metric(f"recall of {grade}", "grades", "higher") for grade in range(GRADES)},
    "referable_auc": Metric("AUC", "outputs", "higher"),
    "referable_sensitivity": Metric("sensitivity", "outputs", "higher"),
    "referable_specificity": Metric("specificity", "outputs", "higher"),
    "auc_grades": Metric("AUC of grades", "outputs", "higher", "prob"),
    "rps": Metric("RPS", "outputs", "lower", "prob"),
    "ece": Metric("ECE", "outputs", "lower", "prob"),
    "ece_calibrated": Metric("ECE if calibrated", "outputs", "lower", "prob"),
}
"""Metadata by name of the metric, in the order of the tables."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Value of a metric and the number of images behind it."""

    value: float
    """NaN where it is undefined."""
    n: int
    """Images behind the value: those of the grade for a recall, those of one side for sensitivity and specificity."""


def measure(head: Head, predictions: Predictions, predicted: Grades) -> dict[str, Measure]:
    """Compute the metrics of one head on one split, by name, from its outputs and its grades, shape (n,)."""
    names = [name for name, metric in METRICS.items() if metric.head in (None, head)]
    if not len(predictions):
        return dict.fromkeys(names, Measure(float("nan"), 0))
    grade = predictions.grade
    values = {name: float(value) for name, value in of_confusion(confusion_matrix(grade, predicted)).items()}
    once = np.ones((1, len(grade)))
    values |= {name: float(value[0]) for name, value in of_outputs(head, predictions)(once).items()}
    return {name: Measure(values[name], _images(name, grade)) for name in names}


def of_confusion(confusion: Ints | Floats) -> dict[str, Floats]:
    """Compute metrics of grades, shape (...), by name, of confusion matrices, shape (..., 5, 5), labels in rows.

    Linear kappa has weights abs(i - j). Macro F1 is over the grades that occur among labels or predictions. AMAE is the
    mean absolute error of each grade's images, averaged over the grades that occur (Baccianella 2009); dlordinal's
    differs where a grade between two others is absent.
    """
    counts = np.asarray(confusion, np.float64)
    parts = counts.reshape(*counts.shape[:-2], GRADES**2) @ _SUMS
    labels, predictions, right, far = (parts[..., i * GRADES : (i + 1) * GRADES] for i in range(4))
    images, errors, adjacent, found, cleared = np.moveaxis(parts[..., 4 * GRADES :], -1, 0)
    recall = _ratio(right, labels)
    chance = np.einsum("...i,...i->...", labels @ _DISTANCE, predictions)
    return {
        "kappa": weighted_kappa(counts),
        "kappa_linear": 1 - _ratio(errors * images, chance),
        "accuracy": _ratio(right @ np.ones(GRADES), images),
        "f1_macro": _mean_of_known(_ratio(2 * right, labels + predictions)),
        "mae": _ratio(errors, images),
        "amae": _mean_of_known(_ratio(far, labels)),
        "off_by_one": _ratio(adjacent, images),
        **{f"recall_{grade}": recall[..., grade] for grade in range(GRADES)},
        "referable_sensitivity": _ratio(found, labels @ _IS_REFERABLE),
        "referable_specificity": _ratio(cleared, labels @ (1 - _IS_REFERABLE)),
    }


def of_outputs(head: Head, predictions: Predictions) -> Callable[[Floats], dict[str, Floats]]:
    """Return a function that computes the metrics of a head's outputs, by name, from the images' weights.

    Its argument has the shape (resamples, n), its results have the shape (resamples,).
    """
    grade, output = predictions.grade, getattr(predictions, head).astype(np.float64)
    if head == "score":
        referable = auc(grade >= REFERABLE, output)
        return lambda weights: {"referable_auc": referable(weights)}
    referable = auc(grade >= REFERABLE, output[:, REFERABLE:].sum(1))
    each = [auc(grade == one, output[:, one]) for one in range(GRADES)]
    rps, (gaps, variances) = ranked_probability_scores(grade, output), calibration_gaps(grade, output)
    return lambda weights: {
        "referable_auc": referable(weights),
        # One grade against the rest, averaged over the grades; NaN where one is absent.
        "auc_grades": np.mean([one(weights) for one in each], axis=0),
        "rps": weights @ rps / weights.sum(1),
        "ece": np.abs(weights @ gaps).sum(1) / weights.sum(1),
        # The mean absolute value of a normal variable of this variance in each bin.
        "ece_calibrated": np.sqrt(2 / np.pi * (weights @ variances)).sum(1) / weights.sum(1),
    }


def auc(positive: Truths, values: Floats) -> Callable[[Floats], Floats]:
    """Return a function that computes areas under the ROC curve, 0-1, from weights, shape (resamples, n).

    ``positive`` and ``values`` have the shape (n,); higher values mean more likely positive, and ties count half. An
    area is NaN where one side is empty.
    """
    side, values, merge = _merged(positive.astype(np.int64), values)
    order, ranked = mid_ranks(values)
    sick = side[order].astype(np.float64)

    def area(weights: Floats) -> Floats:
        # Mann-Whitney: the ranks of the positives, less those that they have among themselves.
        ordered, ranks = ranked(merge(weights))
        ranks *= ordered
        positives = ordered @ sick
        return _ratio(ranks @ sick - positives**2 / 2, positives * (ordered.sum(1) - positives))

    return area


def rank_correlation(grade: Grades, values: Floats) -> Callable[[Floats], Floats]:
    """Return a function that computes Spearman's rank correlation of labels and values, with mean ranks for ties.

    Args:
        grade: labels 0-4, shape (n,).
        values: shape (n,).

    Returns:
        A function from weights, shape (resamples, n), to correlations, shape (resamples,); NaN where labels or values
        are constant.
    """
    grade, values, merge = _merged(grade, values)
    order, ranked = mid_ranks(values)
    is_grade = np.eye(GRADES)[grade[order]]

    def correlation(weights: Floats) -> Floats:
        ordered, ranks = ranked(merge(weights))
        by_grade = ordered @ is_grade
        half = by_grade.sum(1)[:, None] / 2
        labels = by_grade.cumsum(1) - by_grade / 2 - half
        ranks -= half
        ordered *= ranks
        spread = (by_grade * labels * labels).sum(1) * np.einsum("bi,bi->b", ordered, ranks)
        return _ratio(((ordered @ is_grade) * labels).sum(1), np.sqrt(spread))

    return correlation


def _merged(label: Ints, values: Floats) -> tuple[Ints, Floats, Callable[[Floats], Floats]]:
    """Merge images with one label and one value where there are few of these pairs, as where an output is a grade.

    Returns the label and the value of each merged image, shape (m,), and a function that adds up the weights, shape
    (resamples, n), to shape (resamples, m).
    """
    pairs, place = np.unique(np.stack([values, label]), axis=1, return_inverse=True)
    if pairs.shape[1] > _FEW_PAIRS:
        return label, values, lambda weights: weights
    is_pair = np.eye(pairs.shape[1])[place.ravel()]
    return pairs[1].astype(np.int64), pairs[0], lambda weights: weights @ is_pair


def mid_ranks(values: Floats) -> tuple[Ints, Callable[[Floats], tuple[Floats, Floats]]]:
    """Return the ascending order of values, shape (n,), and a function that ranks them by weights.

    The function takes weights, shape (resamples, n), and returns the weights and the ranks in that order, both of that
    shape: the weight of all smaller values and half of that of equal ones. For whole weights they are exact.
    """
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    starts = np.flatnonzero(np.append(True, ascending[1:] > ascending[:-1]))
    ends = np.append(starts[1:], len(order))
    index = np.repeat(np.arange(len(starts)), ends - starts)

    def ranked(weights: Floats) -> tuple[Floats, Floats]:
        ordered = np.take(weights, order, axis=1)
        upto = ordered.cumsum(1)
        if len(starts) == len(order):
            upto -= ordered / 2
            return ordered, upto
        upto = upto[:, ends - 1]
        below = np.concatenate([np.zeros((len(upto), 1)), upto[:, :-1]], axis=1)
        return ordered, np.take((below + upto) / 2, index, axis=1)

    return order, ranked


def ranked_probability_scores(grade: Grades, prob: Floats) -> Floats:
    """Compute the ranked probability score of each image (Epstein 1969), shape (n,), from 0 (certain and correct) to 4.

    It is the squared distance between the cumulative probabilities and the step of the label, summed over grades.
    """
    step = np.arange(GRADES) >= grade[:, None]
    scores: Floats = ((prob.cumsum(1) - step)[:, :-1] ** 2).sum(1)
    return scores


def calibration_gaps(grade: Grades, prob: Floats) -> tuple[Floats, Floats]:
    """Compute each image's part of the gap between confidence and accuracy in its bin (Guo 2017), and its variance.

    Both have shape (n, bins) and are 0 outside the image's bin. The gap is the confidence (the highest probability),
    minus 1 if the grade is correct; its variance assumes that the confidence is the probability of a correct grade. The
    expected calibration error is the sum of the bins' absolute gaps over the number of images. It is above 0 for a
    calibrated network, too, whose gaps are only noise; the variances say by how much. Bins have equal width and include
    their lower end; a confidence of 1 has a separate bin, as in torchmetrics.
    """
    confidence, best = prob.max(1).clip(0, 1), prob.argmax(1)
    edges = np.linspace(0, 1, BINS + 1, dtype=np.float32).astype(np.float64)
    place = np.arange(len(grade)), np.searchsorted(edges, confidence, side="right") - 1
    gaps, variances = np.zeros((2, len(grade), BINS + 1))
    gaps[place], variances[place] = confidence - (best == grade), confidence * (1 - confidence)
    return gaps, variances


def _images(name: str, grade: Grades) -> int:
    """Count the images behind a metric."""
    if name.startswith("recall_"):
        return int((grade == int(name.removeprefix("recall_"))).sum())
    sides = {"referable_sensitivity": grade >= REFERABLE, "referable_specificity": grade < REFERABLE}
    return int(sides[name].sum()) if name in sides else len(grade)


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Divide, with NaN where the whole is 0."""
    ratio = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=ratio, where=np.asarray(whole) > 0)
    return ratio


def _mean_of_known(values: Floats) -> Floats:
    """Average the values that are not NaN over the last axis."""
    known = ~np.isnan(values)
    return _ratio(np.where(known, values, 0).sum(-1), known.sum(-1))

"""Metrics that the field reports for a grading, including quadratic weighted kappa.

Each metric is computed for many resamples at once, so one formula gives the value and its bootstrap. Metrics of grades
are functions of the 5 x 5 confusion matrix (:func:`of_confusion` takes a stack of them). Metrics of outputs are
functions of the images' weights (:func:`of_outputs` takes a row of whole weights per resample). A metric is NaN where
the images do not determine it, for instance the recall of a grade that no label has. Tests compare them with
scikit-learn, torchmetrics and dlordinal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from benchmark.common.arrays import Floats, Grades, Ints
from benchmark.common.terms import GRADES, Head
from benchmark.runs.predictions import Predictions
from benchmark.scoring.kappa import confusion_matrix

Truths = npt.NDArray[np.bool_]
Weights = npt.NDArray[Any]
"""Whole weights, as integers or floats."""
Family = Literal["agreement", "grades", "outputs"]

REFERABLE = 2
"""Lowest grade of referable diabetic retinopathy."""
BINS = 15
"""Number of confidence bins of the calibration error."""
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
        _DISTANCE**2,
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
    """Compute metrics of grades, shape (...), by name, of confusion matrices, shape (..., 5, 5), labels in rows."""
    return of_sums(np.moveaxis(confusion_sums(confusion), -1, 0))


def confusion_sums(confusion: Ints | Floats) -> Floats:
    """Compute the sums of :func:`of_sums`, shape (..., sums), of confusion matrices, shape (..., 5, 5)."""
    sums: Floats = np.asarray(confusion, np.float64).reshape(*np.shape(confusion)[:-2], GRADES**2) @ _SUMS
    return sums


def of_sums(sums: Floats) -> dict[str, Floats]:
    """Compute metrics of grades, shape (...), by name, from sums over the cells of a confusion matrix (sums, ...).

    Linear kappa has weights abs(i - j). Macro F1 is over the grades that occur among labels or predictions. AMAE is the
    mean absolute error of each grade's images, averaged over the grades that occur (Baccianella 2009); dlordinal's
    differs where a grade between two others is absent.
    """
    labels, predictions, right, far = sums[: 4 * GRADES].reshape(4, GRADES, *sums.shape[1:])
    images, errors, adjacent, found, cleared, squares = sums[4 * GRADES :]
    recall, (healthy, sick) = _ratio(right, labels), (labels[:REFERABLE].sum(0), labels[REFERABLE:].sum(0))
    by_chance = ((np.tensordot(distance, labels, 1) * predictions).sum(0) for distance in (_DISTANCE**2, _DISTANCE))
    quadratic, linear = (
        1 - _ratio(measured * images, chance) for measured, chance in zip((squares, errors), by_chance, strict=True)
    )
    return {
        "kappa": quadratic,
        "kappa_linear": linear,
        "accuracy": _ratio(right.sum(0), images),
        "f1_macro": _mean_of_known(_ratio(2 * right, labels + predictions)),
        "mae": _ratio(errors, images),
        "amae": _mean_of_known(_ratio(far, labels)),
        "off_by_one": _ratio(adjacent, images),
        **{f"recall_{grade}": recall[grade] for grade in range(GRADES)},
        "referable_sensitivity": _ratio(found, sick),
        "referable_specificity": _ratio(cleared, healthy),
    }


def of_outputs(
    head: Head, predictions: Predictions, cluster: Ints | None = None
) -> Callable[[Weights], dict[str, Floats]]:
    """Return a function that computes the metrics of a head's outputs, by name, from whole weights.

    Its argument has the shape (resamples, n), its results have the shape (resamples,). With the ``cluster`` of each
    image, shape (n,), the weights are those of the clusters, shape (resamples, clusters).
    """
    grade, output = predictions.grade, getattr(predictions, head).astype(np.float64)
    if head == "score":
        referable = auc(grade >= REFERABLE, output, cluster)
        return lambda weights: {"referable_auc": referable(weights)}
    referable = auc(grade >= REFERABLE, output[:, REFERABLE:].sum(1), cluster)
    each = [auc(grade == one, output[:, one], cluster) for one in range(GRADES)]
    columns = np.column_stack(
        [np.ones(len(grade)), ranked_probability_scores(grade, output), *calibration_gaps(grade, output)]
    )
    if cluster is not None:
        columns = np.stack([np.bincount(cluster, column) for column in columns.T], axis=1)

    def measured(weights: Weights) -> dict[str, Floats]:
        images, rps, *bins = (weights.astype(np.float64) @ columns).T
        gaps, variances = np.split(np.array(bins), 2)
        return {
            "referable_auc": referable(weights),
            # One grade against the rest, averaged over the grades; NaN where one is absent.
            "auc_grades": np.mean([one(weights) for one in each], axis=0),
            "rps": rps / images,
            "ece": np.abs(gaps).sum(0) / images,
            # The mean absolute value of a normal variable of this variance in each bin.
            "ece_calibrated": np.sqrt(2 / np.pi * variances).sum(0) / images,
        }

    return measured


def auc(positive: Truths, values: Floats, cluster: Ints | None = None) -> Callable[[Weights], Floats]:
    """Return a function that computes areas under the ROC curve, 0-1, from weights as in :func:`of_outputs`.

    ``positive`` and ``values`` have the shape (n,); higher values mean more likely positive, and ties count half. An
    area is NaN where one side is empty.
    """
    ranked = _rank_sums(positive.astype(np.int64), values, cluster, 2)

    def area(weights: Weights) -> Floats:
        # Mann-Whitney: the ranks of the positives, less those that they have among themselves.
        (negatives, positives), (_, ranks), _ = ranked(weights)
        return _ratio(ranks - positives**2 / 2, positives * negatives)

    return area


def rank_correlation(grade: Grades, values: Floats, cluster: Ints | None = None) -> Callable[[Weights], Floats]:
    """Return a function that computes Spearman's rank correlation of labels and values, with mean ranks for ties.

    Args:
        grade: labels 0-4, shape (n,).
        values: shape (n,).
        cluster: as in :func:`of_outputs`.

    Returns:
        A function from weights, as in :func:`of_outputs`, to correlations, shape (resamples,); NaN where labels or
        values are constant.
    """
    ranked = _rank_sums(grade, values, cluster, GRADES)

    def correlation(weights: Weights) -> Floats:
        by_grade, ranks, cubes = ranked(weights)
        images = by_grade.sum(0)
        labels = by_grade.cumsum(0) - by_grade / 2 - images / 2
        # Twelve times the sum of squared ranks, centred, is this for ranks of any ties.
        cube = images * images * images
        spread = (cube - (by_grade * by_grade * by_grade).sum(0)) * (cube - cubes)
        return _ratio(12 * (labels * (ranks - by_grade * images / 2)).sum(0), np.sqrt(spread))

    return correlation


def _rank_sums(
    label: Ints, values: Floats, cluster: Ints | None, labels: int
) -> Callable[[Weights], tuple[Floats, Floats, Floats]]:
    """Return a function that ranks values, shape (n,), by weights as in :func:`of_outputs`.

    The rank of an image is the weight of all smaller values and half of that of equal ones. The function returns the
    sum of the weights and that of the weighted ranks by label, both of shape (labels, resamples), and the sum of the
    cubed weights of equal values, shape (resamples,). For whole weights they are exact.
    """
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    starts = np.flatnonzero(np.append(True, ascending[1:] > ascending[:-1]))
    ends = np.append(starts[1:], len(order))
    index = np.repeat(np.arange(len(starts)), ends - starts)
    is_label = np.eye(labels)[label[order]]
    column = order if cluster is None else cluster[order]

    def sums(weights: Weights) -> tuple[Floats, Floats, Floats]:
        ordered = np.take(weights, column, axis=1)
        # Sums of whole numbers are four times as fast as sums of floats.
        upto = ordered.cumsum(1, ordered.dtype)
        equal = ordered
        if len(starts) < len(order):
            upto = upto[:, ends - 1]
            equal = np.diff(upto, axis=1, prepend=0)
        twice = 2 * upto - equal
        if len(starts) < len(order):
            twice = np.take(twice, index, axis=1)
        twice *= ordered
        equal = equal.astype(np.float64)
        return (ordered @ is_label).T, (twice @ is_label).T / 2, np.einsum("bi,bi->b", equal * equal, equal)

    return sums


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
    """Average the values that are not NaN over the first axis."""
    known = ~np.isnan(values)
    return _ratio(np.where(known, values, 0).sum(0), known.sum(0))

"""Every other measure of a grading that the field reports, beside quadratic weighted kappa.

scikit-learn, dlordinal and torchmetrics compute them; here is what they are computed of, and NaN where the images
cannot show a measure, for instance the recall of a grade that no label has. Kappa itself is :mod:`.kappa`'s,
whose one formula also serves the bootstrap. The libraries are imported when something is measured, for they take
seconds (dlordinal and torchmetrics import torch).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from benchmark.common.arrays import Floats, Grades
from benchmark.common.terms import Head
from benchmark.runs.predictions import Predictions
from benchmark.scoring.kappa import GRADES, confusion_matrix, quadratic_weighted_kappa

Truths = npt.NDArray[np.bool_]
Family = Literal["agreement", "grades", "outputs"]

REFERABLE = 2
"""Referable diabetic retinopathy: this grade or a higher one."""
BINS = 15
"""Confidence bins of the calibration error."""


@dataclass(frozen=True, slots=True)
class Metric:
    """Registry line of a metric."""

    title: str
    """How tables call it."""
    family: Family
    """What it is about: agreement in all, each grade by itself, or referable disease and the probabilities."""
    better: Literal["higher", "lower"]
    head: Head | None = None
    """The head that alone has it; None where both have it."""


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
}
"""Name of the metric -> its registry line, in the order of the tables."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric's value and the images that it speaks of."""

    value: float
    """NaN where the images cannot show it."""
    n: int
    """Of the recall of a grade, the images of that grade; of sensitivity and specificity, those of that side."""


def measure(head: Head, predictions: Predictions, predicted: Grades) -> dict[str, Measure]:
    """Measure one head on one split.

    Args:
        head: the head that was decoded.
        predictions: labels and outputs, with a finite number of that head for every image.
        predicted: its decoded grades 0-4, shape (n,).

    Returns:
        By name, the metrics of :data:`METRICS` that the head has.
    """
    names = [name for name, metric in METRICS.items() if metric.head in (None, head)]
    if not len(predictions):
        return dict.fromkeys(names, Measure(float("nan"), 0))
    grade, output = predictions.grade, getattr(predictions, head).astype(np.float64)
    values = _of_grades(grade, predicted)
    values["referable_auc"] = auc(grade >= REFERABLE, output if head == "score" else output[:, REFERABLE:].sum(1))
    if head == "prob":
        values |= {
            "auc_grades": auc_of_grades(grade, output),
            "rps": ranked_probability_score(grade, output),
            "ece": expected_calibration_error(grade, output),
        }
    return {name: Measure(values[name], _images(name, grade)) for name in names}


def _of_grades(grade: Grades, predicted: Grades) -> dict[str, float]:
    """Metrics of decoded grades; see the functions below for what they are, and scikit-learn for the rest."""
    from dlordinal.metrics import accuracy_off1
    from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error, recall_score

    found = recall_score(grade, predicted, labels=range(GRADES), average=None, zero_division=np.nan)
    sides = recall_score(
        grade >= REFERABLE, predicted >= REFERABLE, labels=[False, True], average=None, zero_division=np.nan
    )
    accuracy = float(accuracy_score(grade, predicted))
    return {
        "kappa": quadratic_weighted_kappa(confusion_matrix(grade, predicted)),
        "kappa_linear": linear_kappa(grade, predicted),
        "accuracy": accuracy,
        # Over the grades that occur among labels or predictions.
        "f1_macro": float(f1_score(grade, predicted, average="macro", zero_division=np.nan)),
        "mae": float(mean_absolute_error(grade, predicted)),
        "amae": average_mean_absolute_error(grade, predicted),
        # dlordinal counts the right ones, too.
        "off_by_one": float(accuracy_off1(grade, predicted, labels=range(GRADES))) - accuracy,
        **{f"recall_{each}": float(recall) for each, recall in enumerate(found)},
        "referable_sensitivity": float(sides[1]),
        "referable_specificity": float(sides[0]),
    }


def _images(name: str, grade: Grades) -> int:
    """Images that a metric speaks of."""
    if name.startswith("recall_"):
        return int((grade == int(name.removeprefix("recall_"))).sum())
    sides = {"referable_sensitivity": grade >= REFERABLE, "referable_specificity": grade < REFERABLE}
    return int(sides[name].sum()) if name in sides else len(grade)


def linear_kappa(grade: Grades, predicted: Grades) -> float:
    """Kappa with weights abs(i - j), at most 1; NaN where labels and predictions are all one grade."""
    from sklearn.metrics import cohen_kappa_score

    if len(np.union1d(grade, predicted)) < 2:
        return float("nan")
    return float(cohen_kappa_score(grade, predicted, labels=range(GRADES), weights="linear"))


def average_mean_absolute_error(grade: Grades, predicted: Grades) -> float:
    """Mean absolute error of each grade's images, averaged over the grades that occur (Baccianella 2009), 0-4.

    As scikit-learn's error with balanced weights. dlordinal's ``amae`` is another where a grade between two others is
    absent: it counts distances in places among the grades that occur.
    """
    from sklearn.metrics import mean_absolute_error
    from sklearn.utils.class_weight import compute_sample_weight

    return float(mean_absolute_error(grade, predicted, sample_weight=compute_sample_weight("balanced", grade)))


def auc(positive: Truths, values: Floats) -> float:
    """Area under the ROC curve: the chance that a positive has the higher value, ties counted half.

    Args:
        positive: shape (n,).
        values: higher means more likely positive, shape (n,).

    Returns:
        0-1; NaN where one side is empty.
    """
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(positive, values)) if len(np.unique(positive)) == 2 else float("nan")


def auc_of_grades(grade: Grades, prob: Floats) -> float:
    """Area under the ROC curve of each grade against the rest, averaged over the grades; NaN where one is absent.

    Args:
        grade: labels 0-4, shape (n,).
        prob: shape (n, 5).
    """
    return float(np.mean([auc(grade == each, prob[:, each]) for each in range(GRADES)]))


def ranked_probability_score(grade: Grades, prob: Floats) -> float:
    """Squared distance between cumulative probabilities and the label's step, summed over grades (Epstein 1969).

    Args:
        grade: labels 0-4, shape (n,).
        prob: shape (n, 5), rows summing to 1.

    Returns:
        Mean over the images: 0 (sure and right) to 4.
    """
    from dlordinal.metrics import ranked_probability_score as score

    return float(score(grade, prob))


def expected_calibration_error(grade: Grades, prob: Floats) -> float:
    """Distance between confidence and accuracy of the most probable grade, over equal-width bins (Guo 2017).

    torchmetrics' bins hold their lower end, and a confidence of exactly 1 is a bin of its own.

    Args:
        grade: labels 0-4, shape (n,).
        prob: shape (n, 5), rows summing to 1.

    Returns:
        0-1, bins weighted by their images.
    """
    import torch
    from torchmetrics.functional.classification import multiclass_calibration_error

    # A probability that rounding takes out of [0, 1] would be read as a logit, and all the others with it.
    outputs, labels = torch.tensor(prob.clip(0, 1)), torch.tensor(grade)
    return float(multiclass_calibration_error(outputs, labels, GRADES, BINS, "l1"))

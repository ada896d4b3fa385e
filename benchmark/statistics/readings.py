"""Readings of an output: its grades under every common decision rule, and its rank correlation without any rule.

Two arms are comparable only under one rule. A run's own rule is not always shared: a compared system may have
thresholds tuned on its held-out patients, where the paper's arms round. A *common rule* treats every output alike.
Thresholds are tuned on val by one procedure for every arm. Val itself is graded by cross-fitting: its patients are
halved, and each half is graded by thresholds tuned on the other. The fixed thresholds of another network are not a
common rule, because they suit some outputs by chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from benchmark.common.arrays import Floats, Grades
from benchmark.common.terms import DEFAULT, Head, Split
from benchmark.runs.predictions import Predictions, clusters
from benchmark.scoring.decision_rules.expected import expected_grade
from benchmark.scoring.decision_rules.registry import apply_rule, fit_on
from benchmark.scoring.metrics import rank_correlation
from benchmark.statistics.bootstrap import Graded, graded, weights_in_blocks

CommonRule = Literal["default", "rounded", "tuned"]
COMMON_RULES: Mapping[CommonRule, Mapping[Head, str]] = {
    "default": DEFAULT,
    "rounded": {"score": "nearest", "prob": "expected"},
    "tuned": {"score": "tuned", "prob": "expected_tuned"},
}
"""Decision rule of each head, by common rule."""
N_RANK_RESAMPLES = 1000
"""Resamples of a rank correlation, which needs a pass over all images."""


@dataclass(frozen=True, eq=False, slots=True)
class Reading:
    """Readings of one output of an arm on one split.

    Attributes:
        by_rule: grades under each common rule; without the tuned one where val has too few grades to tune on.
        correlations: Spearman's rank correlation of labels and outputs of each run, shape (runs,).
        resampled: the same on resampled patients, shape (resamples, runs); the draws are those of every arm.
    """

    by_rule: Mapping[CommonRule, Graded]
    correlations: Floats
    resampled: Floats


def read_output(
    head: Head, split: Split, outputs: Mapping[Split, Sequence[Predictions]], seeds: Sequence[int]
) -> Reading:
    """Read one output of an arm's runs on a split.

    Args:
        head: the output.
        split: the split to grade.
        outputs: predictions of each run, by split; val is needed for tuning.
        seeds: seed of each run.
    """
    runs = outputs[split]
    by_rule: dict[CommonRule, Graded] = {}
    for rule, names in COMMON_RULES.items():
        if rule == "tuned":
            tuned = [_tuned(names[head], split, run, val) for run, val in zip(runs, outputs["val"], strict=True)]
            grades = [one for one in tuned if one is not None]
        else:
            grades = [apply_rule(names[head], run) for run in runs]
        if len(grades) == len(runs):
            by_rule[rule] = graded(runs, grades, seeds)
    return Reading(by_rule, *_rank_correlations(head, runs))


def _rank_correlations(head: Head, runs: Sequence[Predictions]) -> tuple[Floats, Floats]:
    """Compute the rank correlation of each run, shape (runs,), and on resampled patients, shape (resamples, runs)."""
    cluster = clusters(runs[0].patient)
    images = len(cluster)
    if not images:
        return np.full(len(runs), np.nan), np.full((N_RANK_RESAMPLES, len(runs)), np.nan)
    measures = [rank_correlation(run.grade, _value(head, run), cluster) for run in runs]
    draws = weights_in_blocks(patients := int(cluster.max()) + 1, images, N_RANK_RESAMPLES, 0)
    blocks = [np.stack([of_run(drawn) for of_run in measures], axis=1) for drawn in draws]
    return np.concatenate([of_run(np.ones((1, patients))) for of_run in measures]), np.concatenate(blocks)


def _value(head: Head, predictions: Predictions) -> Floats:
    """Return the number that an output orders images by: the score or the expected grade, shape (n,)."""
    if head == "prob":
        return expected_grade(predictions)
    assert predictions.score is not None
    return predictions.score.astype(np.float64)


def _tuned(name: str, split: Split, predictions: Predictions, val: Predictions) -> Grades | None:
    """Grade by thresholds tuned on val patients other than those graded; None where these have a single grade."""
    if split == "val":
        half = clusters(val.patient) % 2 == 0
        parts = [(half, _subset(val, ~half)), (~half, _subset(val, half))]
    else:
        parts = [(np.ones(len(predictions), np.bool_), val)]
    grades = np.zeros(len(predictions), np.int64)
    for rows, fitted_on in parts:
        if len(np.unique(fitted_on.grade)) < 2:
            return None
        grades[rows] = fit_on("val", name, fitted_on).apply(_subset(predictions, rows))
    return grades


def _subset(predictions: Predictions, rows: npt.NDArray[np.bool_]) -> Predictions:
    """Return some images of predictions."""
    score, prob = (None if values is None else values[rows] for values in (predictions.score, predictions.prob))
    named = {name: getattr(predictions, name)[rows] for name in ("image_id", "patient", "eye", "grade")}
    return replace(predictions, **named, score=score, prob=prob)

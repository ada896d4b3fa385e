"""Stacked elastic nets: one per network, its score cut to a grade; then one on these grades (Xu et al. 2015)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmark.common.arrays import Floats, Ints
from benchmark.common.terms import GRADES
from benchmark.common.thresholds import NEAREST, apply_thresholds, best_thresholds
from models.blends.elastic_net import columns, fit_line
from models.blends.registry import BlendInfo, Columns, State

ABOUT = BlendInfo(
    title="two levels of elastic nets",
    head="score",
    rule="tuned",
    pairs=True,
    defaults={"mix": 0.5, "folds": 30, "penalties": 300, "mix_of_grades": 0.01},
)


def fit(
    x: Columns, grade: Ints, seed: int, *, mix: float, mix_of_grades: float, folds: float, penalties: float
) -> State:
    """Fit weights, intercept and thresholds per network, then weights and intercept for the resulting grades."""
    rest = {"folds": folds, "penalties": penalties}
    read = _networks(x)
    lines = [fit_line(each, grade, seed, mix=mix, **rest) for each in read]
    fitted = [each @ weights + intercept for each, (weights, intercept) in zip(read, lines, strict=True)]
    varied = np.ptp(grade) > 0
    thresholds = np.array([best_thresholds(value, grade) if varied else NEAREST for value in fitted])
    weights, intercept = fit_line(_one_hot(fitted, thresholds), grade, seed, mix=mix_of_grades, **rest)
    return {
        "weights": np.array([line[0] for line in lines]),
        "intercepts": np.array([line[1] for line in lines]),
        "thresholds": thresholds,
        "grade_weights": weights,
        "grade_intercept": np.array([intercept]),
    }


def predict(state: State, x: Columns) -> npt.NDArray[np.float32]:
    """Predict scores (n,)."""
    lines = zip(_networks(x), state["weights"], state["intercepts"], strict=True)
    grades = _one_hot([each @ weights + intercept for each, weights, intercept in lines], state["thresholds"])
    return np.asarray(grades @ state["grade_weights"] + state["grade_intercept"], np.float32)


def _networks(x: Columns) -> list[Floats]:
    """Return the elastic net columns of each network; ``x`` has own scores, fellow scores and the side."""
    values = x.astype(np.float64)
    own, fellow = np.split(values[:, :-1], 2, axis=1)
    return [columns(*pair, values[:, -1]) for pair in zip(own.T, fellow.T, strict=True)]


def _one_hot(scores: list[Floats], thresholds: Floats) -> Floats:
    """Return the one-hot grades of each network, five columns each."""
    return np.hstack(
        [np.eye(GRADES)[apply_thresholds(score, tuple(each))] for score, each in zip(scores, thresholds, strict=True)]
    )

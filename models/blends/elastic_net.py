"""Elastic net on one network's scores of both eyes (scikit-learn), as strong as the one-standard-error rule allows.

Of own and fellow's score, their larger, their smaller and the eye's side, all products of two are columns, too (Xu,
Dunavent and Kainkaryam 2015, with R's glmnet). Folds are drawn by row, as glmnet draws them: the two eyes of a patient
may lie in different ones, which touches the choice of the penalty alone.
"""

from __future__ import annotations

import warnings
from itertools import combinations

import numpy as np
import numpy.typing as npt

from benchmark.common.arrays import Floats, Ints
from models.blends.registry import BlendInfo, Columns, State

ABOUT = BlendInfo(
    title="elastic net",
    head="score",
    rule="tuned",
    pairs=True,
    defaults={"mix": 0.5, "folds": 30, "penalties": 300},
)

SMALLEST = 1e-3
"""The weakest penalty tried, as a share of the one at which all weights are 0."""
_SWEEPS = 2_000
"""Over all weights, at most, for a penalty."""


def fit(x: Columns, grade: Ints, seed: int, **parameters: float) -> State:
    """Weights of the columns and an intercept; parameters as of :func:`fit_line`."""
    weights, intercept = fit_line(columns(*x.astype(np.float64).T), grade, seed, **parameters)
    return {"weights": weights, "intercept": np.array([intercept])}


def predict(state: State, x: Columns) -> npt.NDArray[np.float32]:
    """Scores (n,)."""
    value = columns(*x.astype(np.float64).T) @ state["weights"] + state["intercept"]
    return np.asarray(value, np.float32)


def columns(own: Floats, fellow: Floats, side: Floats) -> Floats:
    """Side, own, fellow's, larger and smaller score, and all products of two of these: shape (n, 15)."""
    given = [side, own, fellow, np.maximum(own, fellow), np.minimum(own, fellow)]
    return np.column_stack([*given, *(a * b for a, b in combinations(given, 2))])


def fit_line(x: Floats, y: Ints, seed: int, *, mix: float, folds: float, penalties: float) -> tuple[Floats, float]:
    """The elastic net with the strongest penalty whose held-out error is within a standard error of the least.

    Args:
        x: columns, shape (n, d); each is brought to the standard deviation 1 before it is penalised.
        y: targets, shape (n,).
        seed: of the folds.
        mix: share of the penalty that is of absolute weights; the rest is of squares (glmnet's alpha).
        folds: parts that the rows are cut into for the held-out error.
        penalties: how many are tried.

    Returns:
        Weights (d,) and the intercept.
    """
    tried = _penalties(x, y, mix, int(penalties))
    fold = np.random.default_rng(seed).permutation(len(x)) % min(int(folds), len(x))
    errors = np.empty((fold.max() + 1, len(tried)))
    for number, error in enumerate(errors):
        weights, intercepts = _path(x[fold != number], y[fold != number], mix, tried)
        missed = x[fold == number] @ weights + intercepts - y[fold == number, None]
        error[:] = (missed**2).mean(0)
    place = one_standard_error(errors, np.bincount(fold))
    weights, intercepts = _path(x, y, mix, tried)
    return weights[:, place].copy(), float(intercepts[place])


def one_standard_error(errors: Floats, sizes: Ints) -> int:
    """Place of the first penalty whose mean error over folds is within a standard error of the least.

    Args:
        errors: by fold and penalty, the strongest first, shape (folds, penalties).
        sizes: rows of each fold, by which it is weighted.
    """
    mean = np.average(errors, axis=0, weights=sizes)
    error = np.sqrt(np.average((errors - mean) ** 2, axis=0, weights=sizes) / max(len(errors) - 1, 1))
    least = int(mean.argmin())
    return int(np.flatnonzero(mean <= mean[least] + error[least])[0])


def _penalties(x: Floats, y: Ints, mix: float, count: int) -> Floats:
    """From that at which all weights are 0 down, evenly on a logarithmic scale."""
    standard, _, _ = _standard(x)
    strongest = np.abs(standard.T @ (y - y.mean())).max() / (len(x) * mix)
    return np.geomspace(1, SMALLEST, count) * (strongest or 1.0)


def _path(x: Floats, y: Ints, mix: float, tried: Floats) -> tuple[Floats, Floats]:
    """Weights (d, penalties) and intercepts (penalties,) for columns as they are."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import enet_path

    standard, mean, scale = _standard(x)
    with warnings.catch_warnings():
        # Where columns are nearly equal, the weakest penalties leave open which of them carries the weight.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # It would check its own products anew for every penalty, which takes longer than the descent itself.
        found = enet_path(standard, y - y.mean(), l1_ratio=mix, alphas=tried, max_iter=_SWEEPS, check_input=False)[1]
    weights = found / scale[:, None]
    return weights, y.mean() - mean @ weights


def _standard(x: Floats) -> tuple[Floats, Floats, Floats]:
    """Columns with mean 0 and standard deviation 1, or 0 throughout where they do not vary; mean and deviation."""
    mean, scale = x.mean(0), np.where(np.ptp(x, axis=0) > 0, x.std(0), 1.0)
    return np.asfortranarray((x - mean) / scale), mean, scale

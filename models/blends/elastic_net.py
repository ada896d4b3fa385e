"""Elastic net on one network's scores of both eyes (scikit-learn), its penalty chosen by the one-standard-error rule.

The columns are the eye's score, the fellow eye's score, their maximum, their minimum, the eye's side, and all pairwise
products (Xu, Dunavent and Kainkaryam 2015, with R's glmnet). Folds are drawn by row, as in glmnet. The two eyes of a
patient may be in different folds, which affects only the choice of the penalty.
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
"""The weakest penalty, as a fraction of the penalty at which all weights become 0."""
_SWEEPS = 2_000
"""Maximum number of coordinate-descent sweeps per penalty."""


def fit(x: Columns, grade: Ints, seed: int, **parameters: float) -> State:
    """Fit the weights of the columns and an intercept; the parameters are those of :func:`fit_line`."""
    weights, intercept = fit_line(columns(*x.astype(np.float64).T), grade, seed, **parameters)
    return {"weights": weights, "intercept": np.array([intercept])}


def predict(state: State, x: Columns) -> npt.NDArray[np.float32]:
    """Predict scores (n,)."""
    value = columns(*x.astype(np.float64).T) @ state["weights"] + state["intercept"]
    return np.asarray(value, np.float32)


def columns(own: Floats, fellow: Floats, side: Floats) -> Floats:
    """Build the columns (n, 15): side, own, fellow's, maximum and minimum score, and their pairwise products."""
    base = [side, own, fellow, np.maximum(own, fellow), np.minimum(own, fellow)]
    return np.column_stack([*base, *(a * b for a, b in combinations(base, 2))])


def fit_line(x: Floats, y: Ints, seed: int, *, mix: float, folds: float, penalties: float) -> tuple[Floats, float]:
    """Fit an elastic net with the strongest penalty whose held-out error is within a standard error of the minimum.

    Columns (n, d) are standardised before the penalty applies; ``mix`` is the L1 fraction of the penalty (glmnet's
    alpha). Returns weights (d,) and the intercept.
    """
    path = _penalties(x, y, mix, int(penalties))
    fold = np.random.default_rng(seed).permutation(len(x)) % min(int(folds), len(x))
    errors = np.empty((fold.max() + 1, len(path)))
    for number, error in enumerate(errors):
        weights, intercepts = _path(x[fold != number], y[fold != number], mix, path)
        residual = x[fold == number] @ weights + intercepts - y[fold == number, None]
        error[:] = (residual**2).mean(0)
    best = one_standard_error(errors, np.bincount(fold))
    weights, intercepts = _path(x, y, mix, path)
    return weights[:, best].copy(), float(intercepts[best])


def one_standard_error(errors: Floats, sizes: Ints) -> int:
    """Return the index of the first penalty whose mean error is within a standard error of the minimum.

    ``errors`` has the shape (folds, penalties), the strongest penalty first; ``sizes``, the rows per fold, weight the
    mean.
    """
    mean = np.average(errors, axis=0, weights=sizes)
    error = np.sqrt(np.average((errors - mean) ** 2, axis=0, weights=sizes) / max(len(errors) - 1, 1))
    least = int(mean.argmin())
    return int(np.flatnonzero(mean <= mean[least] + error[least])[0])


def _penalties(x: Floats, y: Ints, mix: float, count: int) -> Floats:
    """Return penalties in descending order on a logarithmic scale, from the one at which all weights become 0."""
    standard, _, _ = _standard(x)
    strongest = np.abs(standard.T @ (y - y.mean())).max() / (len(x) * mix)
    return np.geomspace(1, SMALLEST, count) * (strongest or 1.0)


def _path(x: Floats, y: Ints, mix: float, penalties: Floats) -> tuple[Floats, Floats]:
    """Return weights (d, penalties) and intercepts (penalties,) for unstandardised columns."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import enet_path

    standard, mean, scale = _standard(x)
    with warnings.catch_warnings():
        # With nearly collinear columns the weakest penalties do not converge.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Checking the input again for every penalty would take longer than the descent.
        coefficients = enet_path(
            standard, y - y.mean(), l1_ratio=mix, alphas=penalties, max_iter=_SWEEPS, check_input=False
        )[1]
    weights = coefficients / scale[:, None]
    return weights, y.mean() - mean @ weights


def _standard(x: Floats) -> tuple[Floats, Floats, Floats]:
    """Return standardised columns (constant columns become 0), their means and their standard deviations."""
    mean, scale = x.mean(0), np.where(np.ptp(x, axis=0) > 0, x.std(0), 1.0)
    return np.asfortranarray((x - mean) / scale), mean, scale

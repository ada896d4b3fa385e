"""Cost of training to a given val kappa, and the share of it that another way to train saves.

Cost is counted in multiply-adds of forward passes over training images, including those of every ancestor of a run. For
each seed the target is the lower of the two runs' final val kappas, so that both reach it. The kappa of an epoch is
noisy, and the first epoch above a target comes earlier on a noisier curve. Curves are therefore fitted by rising ones
(isotonic regression, by least squares), which halves that bias and does not remove it. A curve has one kappa per epoch,
so the exact cost of a target is somewhere within the epoch that ends there; the interval allows for this and for the
spread between seeds. Patients are not resampled, because a learning curve contains no predictions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmark.common.arrays import Floats
from benchmark.common.errors import InputError
from benchmark.common.terms import Arm, Head
from benchmark.evaluation.tables import EVALUATION
from benchmark.runs.spec import RunResult

CURVES = EVALUATION / "curves.csv"


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """Learning curve of one run.

    Attributes:
        before: multiply-adds spent by its ancestors.
        macs: multiply-adds spent after each epoch, including ``before``, shape (epochs,).
        kappa: on val after each epoch, shape (epochs,); NaN where undefined.
    """

    before: float
    macs: Floats
    kappa: Floats

    @property
    def rising(self) -> Floats:
        """Kappa after each epoch, fitted by a curve that never falls, shape (epochs,); NaN if one is undefined."""
        from scipy.optimize import isotonic_regression

        if np.isnan(self.kappa).any():
            return np.full(len(self.kappa), np.nan)
        fitted: Floats = isotonic_regression(self.kappa).x
        return fitted

    def reach(self, kappa: float) -> tuple[float, float]:
        """Return the multiply-adds at the start and end of the first epoch that reaches a kappa; NaN if none does."""
        reached = np.flatnonzero(self.rising >= kappa)
        if not len(reached):
            return float("nan"), float("nan")
        first = int(reached[0])
        return float(self.macs[first - 1]) if first else self.before, float(self.macs[first])


@dataclass(frozen=True, slots=True)
class SavedShare:
    """Share of the multiply-adds that is saved: 1 minus a ratio of costs, 0 for no saving, below 0 for a loss.

    Attributes:
        estimate: 1 minus the geometric mean over seeds of the ratio of costs; NaN where a kappa is undefined.
        low, high: ends of the interval; NaN with fewer than two seeds.
    """

    estimate: float
    low: float
    high: float


def share_saved(
    cheaper: Sequence[LearningCurve], dearer: Sequence[LearningCurve], confidence_level: float
) -> SavedShare:
    """Estimate the share of multiply-adds that the first way to train saves of the second.

    Both sides need runs with the same seeds in the same order, at least one.
    """
    targets = [min(a.rising[-1], b.rising[-1]) for a, b in zip(cheaper, dearer, strict=True)]
    a = np.array([curve.reach(target) for curve, target in zip(cheaper, targets, strict=True)])
    b = np.array([curve.reach(target) for curve, target in zip(dearer, targets, strict=True)])
    with np.errstate(divide="ignore"):
        least, value, most = np.log(b[:, 0] / a[:, 1]), np.log(b[:, 1] / a[:, 1]), np.log(b[:, 1] / a[:, 0])
    low, high = (
        _t_end(ratios, tail)
        for ratios, tail in ((least, (1 - confidence_level) / 2), (most, (1 + confidence_level) / 2))
    )
    with np.errstate(over="ignore"):
        shares = 1 - np.exp(-np.array([value.mean(), low, high]))
    return SavedShare(*shares.tolist())


def learning_curve(
    run: RunResult, head: Head, runs: Mapping[Arm, Sequence[RunResult]], curves: pd.DataFrame
) -> LearningCurve | None:
    """Return a head's learning curve over the multiply-adds of a run and its ancestors; None if one has not run.

    Raises InputError if the table lacks a run.
    """
    own = _epochs(run, curves)
    before, needed = 0.0, list(run.needs)
    while needed:
        name = needed.pop()
        ancestor = next((one for found in runs.values() for one in found if one.name == name), None)
        if ancestor is None:
            return None
        before += float(_epochs(ancestor, curves)["images"].max()) * ancestor.macs_per_image
        needed += ancestor.needs
    macs = before + own["images"].to_numpy(np.float64) * run.macs_per_image
    return LearningCurve(before, macs, own[f"val_kappa_{head}"].to_numpy(np.float64))


def _epochs(run: RunResult, curves: pd.DataFrame) -> pd.DataFrame:
    rows = curves[(curves["method"] == run.method) & (curves["arm"] == run.arm) & (curves["seed"] == run.seed)]
    if rows.empty:
        msg = f"{CURVES} must contain the learning curve of {run.title}, but lacks it: run `fundusbench evaluate` again"
        raise InputError(msg)
    return rows


def _t_end(values: Floats, quantile: float) -> float:
    """Return an end of the t interval of a mean: infinite if any value is, NaN with fewer than two values."""
    from scipy.special import stdtrit

    if len(values) < 2:
        return float("nan")
    if np.isinf(values).any():
        return float(values[np.isinf(values)][0])
    return float(values.mean() + stdtrit(len(values) - 1, quantile) * values.std(ddof=1) / len(values) ** 0.5)

"""What training to a given val kappa costs, and what share of it another way to train saves.

Cost is in multiply-adds of forward passes over training images, those of every arm that a run descends from included.
For each seed the target is the lower of the two runs' final val kappas, so that both reach it. A curve knows kappa
after whole epochs only, so the cost of reaching a target lies within the epoch that ends there; the interval allows for
that beside the spread between seeds. Patients are not resampled: a learning curve holds no predictions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmark.common.arrays import Floats
from benchmark.common.errors import InputError
from benchmark.common.terms import Arm, Head
from benchmark.evaluation.tables import EVALUATION, read_table
from benchmark.runs.spec import RunResult

CURVES = EVALUATION / "curves.csv"


@dataclass(frozen=True, slots=True)
class Curve:
    """Learning curve of one run.

    Attributes:
        before: multiply-adds that its ancestors took.
        macs: multiply-adds spent after each epoch, ``before`` included, shape (epochs,).
        kappa: on val after each epoch, shape (epochs,); NaN where undefined.
    """

    before: float
    macs: Floats
    kappa: Floats

    def reach(self, kappa: float) -> tuple[float, float]:
        """Multiply-adds between which the curve first reaches a kappa: at the epoch's start and at its end.

        NaN where it never does.
        """
        places = np.flatnonzero(self.kappa >= kappa)
        if not len(places):
            return float("nan"), float("nan")
        first = int(places[0])
        return float(self.macs[first - 1]) if first else self.before, float(self.macs[first])


@dataclass(frozen=True, slots=True)
class Share:
    """Share of the multiply-adds saved, 1 minus a ratio of costs: 0 is no saving, below 0 is a loss.

    Attributes:
        estimate: from the geometric mean over seeds of the ratio of costs; NaN where a kappa is undefined.
        low, high: ends of its interval; NaN with fewer than two seeds.
    """

    estimate: float
    low: float
    high: float


def share_saved(cheaper: Sequence[Curve], dearer: Sequence[Curve], confidence_level: float) -> Share:
    """Share of its multiply-adds that the second way could have saved by the first.

    Args:
        cheaper: runs of the first way, at least one.
        dearer: runs of the second way, with the same seeds in the same order.
        confidence_level: nominal coverage of the interval, between 0 and 1.
    """
    targets = [min(a.kappa[-1], b.kappa[-1]) for a, b in zip(cheaper, dearer, strict=True)]
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
    return Share(*shares.tolist())


def read_curves() -> pd.DataFrame:
    """Learning curves of all runs, as the evaluation wrote them.

    Raises:
        InputError: there is no evaluation yet, or the table is not as it was written.
    """
    return read_table("curves")


def learning_curve(
    run: RunResult, head: Head, runs: Mapping[Arm, Sequence[RunResult]], curves: pd.DataFrame
) -> Curve | None:
    """A run's learning curve by what it and all that it descends from have spent.

    Args:
        run: the run.
        head: whose kappa.
        runs: the runs of each arm, among them the ancestors.
        curves: what :func:`read_curves` gives.

    Returns:
        The curve, or None where an ancestor did not run.

    Raises:
        InputError: the table lacks a run.
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
    return Curve(before, macs, own[f"val_kappa_{head}"].to_numpy(np.float64))


def _epochs(run: RunResult, curves: pd.DataFrame) -> pd.DataFrame:
    rows = curves[(curves["stage"] == run.stage) & (curves["arm"] == run.arm) & (curves["seed"] == run.seed)]
    if rows.empty:
        msg = f"{CURVES} must hold the learning curve of {run.title}, but does not: run `fundusbench evaluate` again"
        raise InputError(msg)
    return rows


def _t_end(values: Floats, quantile: float) -> float:
    """End of the t interval of a mean; infinite as soon as one value is, NaN with fewer than two."""
    from scipy.special import stdtrit

    if len(values) < 2:
        return float("nan")
    if np.isinf(values).any():
        return float(values[np.isinf(values)][0])
    return float(values.mean() + stdtrit(len(values) - 1, quantile) * values.std(ddof=1) / len(values) ** 0.5)

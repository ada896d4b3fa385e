"""Intervals by a bootstrap over patients, whose two eyes move together.

Kappa needs only counts, so patients who add the same counts to the confusion matrices are interchangeable: at EyePACS
size 21,335 patients show about a hundred distinct patterns. A resample of patients is then one multinomial draw over
the patterns, with exactly the distribution of drawing patients one by one, and all replicates are a matrix product.

Two choices rest on simulated coverage (tests/statistics/test_bootstrap.py repeats the check):

* The ends are percentiles at levels widened for few clusters (the expanded percentile interval of Hesterberg 2015, The
  American Statistician 69:371). The basic interval misses too often on the side of 1; BCa gains nothing over it.
* The runs of an arm differ by their seed, too. Drawing S runs with replacement understates the variance of their mean
  by (S - 1) / S, a third at three runs, and its tails more. The resampled mean therefore gets an error drawn from
  Student's t with S - 1 degrees of freedom, scaled by the runs' standard error: with runs alone that is the t interval,
  with one run the patient bootstrap, and between them it errs on the wide side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmark.common.arrays import Floats, Ints
from benchmark.common.errors import InputError
from benchmark.runs.predictions import Predictions, clusters
from benchmark.scoring.kappa import GRADES, weighted_kappa

LEVEL = 0.95
REPLICATES = 10_000
_CELLS = GRADES**2
_BLOCK = 4_000_000
"""Draws held in memory at once."""


@dataclass(frozen=True, slots=True)
class Graded:
    """Runs of one arm on one split after decoding: all that the statistics need.

    Attributes:
        image_id, patient: arrays of str, shape (n,); patient is "" where unknown.
        grade: labels 0-4, shape (n,).
        predicted: grades 0-4, shape (runs, n).
    """

    image_id: npt.NDArray[np.str_]
    patient: npt.NDArray[np.str_]
    grade: Ints
    predicted: Ints


@dataclass(frozen=True, slots=True)
class Interval:
    """A statistic and its confidence interval.

    Attributes:
        value: the statistic itself; NaN where it is undefined.
        low, high: the interval's ends; NaN with fewer than two patients, or where the statistic itself is undefined.
        level: nominal coverage, 0-1.
        replicates: resamples drawn.
        clusters: patients (an image of an unknown patient counts as a patient).
        undefined: replicates left out because kappa is undefined on them.
        error: standard error of the statistic, over patients and, with several runs, over runs.
    """

    value: float
    low: float
    high: float
    level: float
    replicates: int
    clusters: int
    undefined: int
    error: float


@dataclass(frozen=True, slots=True)
class Patterns:
    """Distinct contributions of patients to the confusion matrices, the most frequent first.

    Attributes:
        counts: images by label and prediction, shape (patterns, runs, 25).
        patients: how many patients show each pattern, shape (patterns,).
    """

    counts: Ints
    patients: Ints

    @property
    def size(self) -> int:
        """Patients."""
        return int(self.patients.sum())

    @property
    def total(self) -> Ints:
        """Confusion matrices of all patients together, shape (runs, 5, 5)."""
        return np.tensordot(self.patients, self.counts, 1).reshape(self.counts.shape[1], GRADES, GRADES)


def graded(runs: Sequence[Predictions], predicted: Sequence[Ints]) -> Graded:
    """Join the decoded runs of one arm.

    Args:
        runs: predictions of each run on the same images in the same order.
        predicted: their decoded grades, one array of shape (n,) per run.

    Raises:
        InputError: there is no run, or two runs differ in their images or labels.
    """
    if not runs:
        msg = "an interval needs at least one run, but got none: train the arm first"
        raise InputError(msg)
    first = runs[0]
    for run in runs[1:]:
        if not (np.array_equal(first.image_id, run.image_id) and np.array_equal(first.grade, run.grade)):
            msg = "runs of an arm must share their images and labels in one order, but two differ: predict them again"
            raise InputError(msg)
    return Graded(first.image_id, first.patient, first.grade, np.stack(predicted))


def collapse(patient: npt.NDArray[np.str_], grade: Ints, predicted: Ints) -> Patterns:
    """Count per patient, and keep each distinct set of counts once.

    Args:
        patient: shape (n,); "" where unknown.
        grade: labels 0-4, shape (n,).
        predicted: grades 0-4, shape (runs, n).
    """
    cluster, runs = clusters(patient), len(predicted)
    size = int(cluster.max(initial=-1)) + 1
    cells = (cluster * runs + np.arange(runs)[:, None]) * _CELLS + grade * GRADES + predicted
    counts = np.bincount(cells.ravel(), minlength=size * runs * _CELLS).reshape(size, runs * _CELLS)
    distinct, patients = np.unique(counts.astype(np.int32), axis=0, return_counts=True)
    order = np.argsort(-patients, kind="stable")
    return Patterns(distinct[order].astype(np.int64).reshape(-1, runs, _CELLS), patients[order].astype(np.int64))


def weighted_sums(draw: Callable[[int], Ints], counts: Ints, replicates: int) -> Floats:
    """Sum pattern counts weighted by random draws, in blocks of bounded memory.

    Args:
        draw: given a number of replicates, their weights, shape (replicates, patterns).
        counts: shape (patterns, runs, 25).
        replicates: how many sums.

    Returns:
        Exact whole numbers, shape (replicates, runs, 5, 5).
    """
    flat = counts.reshape(len(counts), counts.shape[1] * _CELLS).astype(np.float64)
    block = max(1, _BLOCK // max(len(counts), 1))
    sums = [draw(min(block, replicates - start)) @ flat for start in range(0, replicates, block)]
    return np.concatenate(sums).reshape(replicates, counts.shape[1], GRADES, GRADES)


def resample(patterns: Patterns, replicates: int, rng: np.random.Generator) -> Floats:
    """Confusion matrices of as many patients, drawn with replacement: shape (replicates, runs, 5, 5)."""
    n = patterns.size
    if n == 0:
        return np.zeros((replicates, patterns.counts.shape[1], GRADES, GRADES))
    share = patterns.patients / n
    return weighted_sums(lambda size: rng.multinomial(n, share, size), patterns.counts, replicates)


def kappa_interval(arm: Graded, *, level: float = LEVEL, replicates: int = REPLICATES, seed: int = 0) -> Interval:
    """Quadratic weighted kappa, its mean over the runs, with an interval over patients and runs.

    Args:
        arm: the runs, decoded.
        level: nominal coverage, between 0 and 1.
        replicates: resamples.
        seed: equal seeds give equal intervals.
    """
    patterns, rng = collapse(arm.patient, arm.grade, arm.predicted), np.random.default_rng(seed)
    over_patients = weighted_kappa(resample(patterns, replicates, rng)).mean(1)
    kappas = weighted_kappa(patterns.total)
    values, error = add_runs(over_patients, [kappas], rng)
    # The few runs' t can reach beyond what a kappa can be; to cut there takes no true value out of the interval.
    return interval_of(float(kappas.mean()), np.clip(values, -1, 1), error, patterns.size, level)


def add_runs(over_patients: Floats, groups: Sequence[Floats], rng: np.random.Generator) -> tuple[Floats, float]:
    """Add to resampled statistics the error that the choice of runs leaves in them (see the module's notes).

    Args:
        over_patients: the statistic on resampled patients, shape (replicates,); NaN where undefined.
        groups: arrays of one value per run, shape (runs,), each drawn apart from the others and entering the statistic
            by its mean. A single run adds nothing: its seed-to-seed spread is unknown.
        rng: source of the draws.

    Returns:
        The replicates, shape (replicates,), and their standard error over patients and runs, NaN where undefined.
    """
    defined = over_patients[~np.isnan(over_patients)]
    variance = float(defined.var(ddof=1)) if len(defined) > 1 else float("nan")
    for runs in groups:
        if len(runs) > 1:
            error = float(runs.std(ddof=1)) / len(runs) ** 0.5
            over_patients = over_patients + error * rng.standard_t(len(runs) - 1, len(over_patients))
            variance += error**2
    return over_patients, variance**0.5


def interval_of(value: float, replicates: Floats, error: float, patients: int, level: float) -> Interval:
    """Interval of a statistic from its replicates.

    Args:
        value: the statistic itself.
        replicates: its values on resamples, shape (replicates,); NaN where undefined.
        error: its standard error.
        patients: clusters resampled.
        level: nominal coverage, between 0 and 1.
    """
    defined = replicates[~np.isnan(replicates)]
    low = high = float("nan")
    if patients > 1 and len(defined) and not np.isnan(value):
        low, high = np.quantile(defined, _levels(level, patients)).tolist()
    else:
        error = float("nan")
    undefined = len(replicates) - len(defined)
    return Interval(value, low, high, level, len(replicates), patients, undefined, error)


def _levels(level: float, patients: int) -> Floats:
    """Percentile levels, widened so that the normal limit has the width of a t interval over that many patients."""
    from scipy.special import ndtr, stdtrit

    tail = np.sqrt(patients / (patients - 1)) * stdtrit(patients - 1, (1 - level) / 2)
    return np.array([ndtr(tail), ndtr(-tail)])

"""Quadratic weighted kappa on resampled patients, whose two eyes move together.

Kappa needs only counts, so patients who add the same counts to the confusion matrices are interchangeable: at EyePACS
size 21,335 patients show about a hundred distinct patterns. A resample of patients is then one multinomial draw over
the patterns, with exactly the distribution of drawing patients one by one, and all replicates are a matrix product.

**Few patients who tell something.** A sample without an error, or in which two arms never differ, resamples to itself:
an interval of no width, whatever the number of patients. Two imaginary patients are therefore added before resampling,
one whom an arm grades right and one whom it grades like those with errors; of two arms compared, one whom the first
grades right and the second with errors, and one the other way round. That is the adjusted interval for proportions
(Agresti and Coull 1998, The American Statistician 52:119; for paired ones Bonett and Price 2012, Journal of Educational
and Behavioral Statistics 37:479), a score kind: where arms never differ, three more patients who do are thought
possible on either side, as by the rule of three. Where m patients differ, the variance grows by about 2 / m.

Coverage is simulated in tests/statistics/test_bootstrap.py; the spread between runs is :mod:`.confidence`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from benchmark.common.arrays import Floats, Ints
from benchmark.common.errors import InputError
from benchmark.runs.predictions import Predictions, clusters
from benchmark.scoring.kappa import (
    GRADES,
    confusion_matrix,
    kappa_of_parts,
    kappa_parts,
    quadratic_weighted_kappa,
    weighted_kappa,
)
from benchmark.statistics.confidence import COLLAPSED, LEVEL, ONE_LABEL, ONE_RUN, Confidence, Interval, spread_of

REPLICATES = 10_000
_CELLS = GRADES**2
_BLOCK = 4_000_000
"""Draws held in memory at once."""
_FRACTION = 64
"""An imaginary patient has whole 64ths of images, so that sums over patients are exact in whatever order."""


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

    @property
    def kappas(self) -> list[float]:
        """Quadratic weighted kappa of each run; NaN where it is not defined."""
        return [quadratic_weighted_kappa(confusion_matrix(self.grade, predicted)) for predicted in self.predicted]


@dataclass(frozen=True, slots=True)
class Patterns:
    """Distinct contributions of patients to the confusion matrices, the most frequent first.

    Attributes:
        counts: images by label and prediction, shape (patterns, runs, 25): whole numbers, but for imaginary patients.
        patients: how many patients show each pattern, shape (patterns,).
    """

    counts: Floats
    patients: Ints

    @property
    def size(self) -> int:
        """Patients."""
        return int(self.patients.sum())

    @property
    def kappa_parts(self) -> Floats:
        """What a patient adds to the sums that kappa is computed from, shape (patterns, runs, 11)."""
        return kappa_parts(self.counts.reshape(*self.counts.shape[:2], GRADES, GRADES))

    @property
    def total(self) -> Floats:
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
    return Patterns(distinct[order].astype(np.float64).reshape(-1, runs, _CELLS), patients[order].astype(np.int64))


def resample(patterns: Patterns, values: Floats, replicates: int, seed: int) -> Floats:
    """Sums of the patterns' values over as many patients, drawn with replacement.

    Args:
        patterns: of patients.
        values: what a patient of each pattern adds, shape (patterns, ...).
        replicates: resamples.
        seed: of the draws; equal numbers of patients are drawn alike.

    Returns:
        Shape (replicates, ...).
    """
    n = patterns.size
    if n == 0:
        return np.zeros((replicates, *values.shape[1:]))
    if n * replicates <= _BLOCK:
        return weighted_sums(_drawn(n, replicates, seed), values.repeat(patterns.patients, axis=0))
    rng, share = np.random.default_rng(seed), patterns.patients / n
    return in_blocks(lambda size: rng.multinomial(n, share, size), values, replicates)


def exchange(patterns: Patterns, values: Floats, replicates: int, seed: int) -> Floats:
    """Sums of the patterns' values over patients of whom each is taken with probability one half; as :func:`resample`.

    Of m patients with one pattern, a binomial number is taken.
    """
    n = patterns.size
    if n * replicates <= _BLOCK:
        return weighted_sums(_tossed(n, replicates, seed), values.repeat(patterns.patients, axis=0))
    moves = values.reshape(len(values), -1).any(1)
    rng, patients = np.random.default_rng(seed), patterns.patients[moves]
    return in_blocks(lambda size: rng.binomial(patients, 0.5, (size, len(patients))), values[moves], replicates)


def in_blocks(draw: Callable[[int], Ints], values: Floats, replicates: int) -> Floats:
    """Sums of values by random weights, in blocks of bounded memory.

    Args:
        draw: given a number of replicates, their weights, shape (replicates, patterns).
        values: shape (patterns, ...).
        replicates: how many sums.

    Returns:
        Shape (replicates, ...).
    """
    block = max(1, _BLOCK // max(len(values), 1))
    sums = [weighted_sums(draw(min(block, replicates - start)), values) for start in range(0, replicates, block)]
    return np.concatenate(sums)


def weighted_sums(weights: Ints | npt.NDArray[np.float32], values: Floats) -> Floats:
    """Sums of values, shape (patterns, ...), by each row of whole weights, shape (replicates, patterns).

    Where all values are multiples of a 64th, the sums are exact, and the same on every machine.
    """
    flat = values.reshape(len(values), int(np.prod(values.shape[1:])))
    most = len(flat) * np.abs(flat).max(initial=0)
    # Single precision is twice as fast, and holds so many whole 64ths.
    kind = np.float32 if weights.dtype == np.float32 and most < 2**24 / _FRACTION else np.float64
    sums: Floats = (weights.astype(kind, copy=False) @ flat.astype(kind)).astype(np.float64)
    return sums.reshape(len(weights), *values.shape[1:])


def weights_in_blocks(patients: int, images: int, replicates: int, seed: int) -> Iterator[Floats]:
    """How often each patient is drawn, by replicate: shapes (some replicates, patients), of bounded memory.

    Args:
        patients: how many there are.
        images: how many there are, which are held for as many replicates at once.
        replicates: resamples.
        seed: of the draws.
    """
    rng, block = np.random.default_rng(seed), max(1, _BLOCK // max(images, 1))
    for start in range(0, replicates, block):
        yield _counted(rng, patients, min(block, replicates - start)).astype(np.float64)


@lru_cache(maxsize=4)
def _drawn(patients: int, replicates: int, seed: int) -> npt.NDArray[np.float32]:
    """How often each patient is drawn in each replicate: kept, for all arms on a split have equally many patients."""
    return _counted(np.random.default_rng(seed), patients, replicates).astype(np.float32)


def _counted(rng: np.random.Generator, patients: int, replicates: int) -> Ints:
    """Draw as many patients with replacement, and count each: shape (replicates, patients)."""
    cells = rng.integers(0, patients, (replicates, patients)) + np.arange(replicates)[:, None] * patients
    return np.bincount(cells.ravel(), minlength=cells.size).reshape(replicates, patients)


@lru_cache(maxsize=4)
def _tossed(patients: int, replicates: int, seed: int) -> npt.NDArray[np.float32]:
    """A fair coin for each patient in each replicate."""
    return np.random.default_rng(seed).integers(0, 2, (replicates, patients), dtype=np.uint8).astype(np.float32)


def with_imagined(patterns: Patterns, first: npt.NDArray[np.bool_]) -> Patterns:
    """Add the two imaginary patients of the module's notes.

    Args:
        patterns: of real patients.
        first: the runs that grade the first of them right and the second with errors, shape (runs,); the other runs do
            so the other way round.
    """
    wrong = np.rint(_with_errors(patterns) * _FRACTION) / _FRACTION
    right = wrong.sum(1)[:, None] * np.eye(GRADES)
    pair = [np.where(runs[:, None, None], right, wrong) for runs in (first, ~first)]
    imagined = np.stack(pair).reshape(2, len(first), _CELLS)
    return Patterns(np.concatenate([patterns.counts, imagined]), np.append(patterns.patients, [1, 1]))


def _with_errors(patterns: Patterns) -> Floats:
    """What a patient with an error adds to a run's confusion matrix, on average over runs and patients: shape (5, 5).

    Where no run errs, what a patient adds who is graded by chance.
    """
    errs = patterns.counts[:, :, ~np.eye(GRADES, dtype=np.bool_).ravel()].any(2)
    weight = patterns.patients[:, None] * errs
    if weight.any():
        summed: Floats = np.tensordot(weight, patterns.counts, 2).reshape(GRADES, GRADES) / weight.sum()
        return summed
    labels = patterns.total[0].sum(1)
    by_chance: Floats = np.outer(labels, labels) / max(labels.sum() * patterns.size, 1)
    return by_chance


def silence(patterns: Patterns, fewest_runs: int) -> str:
    """Why nothing may be concluded of training anew; empty where something may.

    Args:
        patterns: all patients.
        fewest_runs: of the side that has fewest.
    """
    total = patterns.total
    if (total.sum(2) > 0).sum(1).min() < 2:
        return ONE_LABEL
    if (total.sum(1) > 0).sum(1).min() < 2:
        return COLLAPSED
    return ONE_RUN if fewest_runs < 2 else ""


def kappa_interval(arm: Graded, *, level: float = LEVEL, replicates: int = REPLICATES, seed: int = 0) -> Interval:
    """Quadratic weighted kappa, its mean over the runs, with an interval over patients and runs.

    Args:
        arm: the runs, decoded.
        level: nominal coverage, between 0 and 1.
        replicates: resamples.
        seed: equal seeds give equal intervals.
    """
    patterns = collapse(arm.patient, arm.grade, arm.predicted)
    kappas = weighted_kappa(patterns.total)
    over_patients = resampled_kappa(patterns, np.ones(len(kappas), np.bool_), replicates, seed).mean(1)
    return Confidence(
        value=float(kappas.mean()),
        over_patients=over_patients,
        runs=spread_of(kappas),
        patients=patterns.size,
        no_evidence=silence(patterns, len(kappas)),
    ).interval(level, (-1, 1))


def resampled_kappa(patterns: Patterns, first: npt.NDArray[np.bool_], replicates: int, seed: int) -> Floats:
    """Kappa of each run on resampled patients, two imaginary ones among them: shape (replicates, runs).

    Args:
        patterns: of real patients.
        first: as in :func:`with_imagined`.
        replicates: resamples.
        seed: of the draws.
    """
    patterns = with_imagined(patterns, first)
    return kappa_of_parts(resample(patterns, patterns.kappa_parts, replicates, seed))

"""Cluster bootstrap of quadratic weighted kappa: patients are resampled with both their eyes.

Kappa needs only counts, so patients who add the same counts to the confusion matrices are interchangeable: at EyePACS
size 21,335 patients show about a hundred distinct patterns. A resample of patients is one multinomial draw over the
patterns, with exactly the distribution of drawing patients one by one, and all resamples are one matrix product.

**Pseudo-patients.** A sample without errors, or in which two arms never differ, resamples to itself: the interval would
have no width, whatever the number of patients. Two pseudo-patients are therefore added before resampling: one whom the
arm grades right, and one whom it grades like those with errors. In a comparison the first arm grades one of them right
and the second arm grades it with errors, and the other way round. This is the adjusted interval for proportions
(Agresti and Coull 1998, The American Statistician 52:119; for paired ones Bonett and Price 2012, Journal of Educational
and Behavioral Statistics 37:479), of the score type: where arms never differ, the interval allows for about three
further patients who do on either side, as the rule of three does. Where m patients differ, the variance grows by about
2 / m.

Coverage is simulated in tests/statistics/test_bootstrap.py. :mod:`.confidence` adds the spread between runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from benchmark.common.arrays import Floats, Ints
from benchmark.common.errors import InputError
from benchmark.common.terms import GRADES
from benchmark.runs.predictions import Predictions, clusters
from benchmark.scoring.kappa import weighted_kappa
from benchmark.statistics.confidence import (
    CONFIDENCE_LEVEL,
    NOT_LEARNED,
    ONE_LABEL,
    ONE_RUN,
    Confidence,
    Interval,
    Spread,
    spread_of,
)

N_RESAMPLES = 10_000
_CELLS = GRADES**2
_BLOCK = 4_000_000
"""Number of draws held in memory at once."""
_MANY = 4000
"""Number of patterns above which patients are drawn one by one if most of them have a pattern of their own: this is
then faster than a draw per pattern."""
_FRACTION = 64
"""Pseudo-patients have whole 64ths of images, so that sums over patients are exact in any order."""
_MEASURED = 2**18
"""Number of images, over resamples, that are measured at once: few enough for the processor's cache."""
_LABEL, _PREDICTION = np.indices((GRADES, GRADES)).reshape(2, _CELLS).astype(np.float64)
_OF_LABELS = np.stack([np.ones(_CELLS), _LABEL, _LABEL**2], 1)
_OF_PREDICTIONS = np.stack([(_LABEL - _PREDICTION) ** 2, _PREDICTION, _PREDICTION**2], 1)
"""Weights that turn the 25 cells of a confusion matrix into sums over its images: their number, label and label
squared; and the squared distance of label and prediction, the prediction and the prediction squared."""


@dataclass(frozen=True, slots=True)
class Graded:
    """Labels and predicted grades of an arm's runs on one split.

    Attributes:
        image_id, patient: arrays of str, shape (n,); patient is "" where unknown.
        grade: labels 0-4, shape (n,).
        predicted: grades 0-4, shape (runs, n).
        seeds: seed of each run; empty for runs without seeds, which are numbered from 0.
    """

    image_id: npt.NDArray[np.str_]
    patient: npt.NDArray[np.str_]
    grade: Ints
    predicted: Ints
    seeds: tuple[int, ...] = ()

    @property
    def seed_ids(self) -> tuple[int, ...]:
        """Seed of each run, or its number where runs have no seeds."""
        return self.seeds or tuple(range(len(self.predicted)))

    def of_seeds(self, seeds: Sequence[int]) -> Graded:
        """Return the runs of some seeds, in their order."""
        rows = [self.seed_ids.index(seed) for seed in seeds]
        return replace(self, predicted=self.predicted[rows], seeds=tuple(seeds))

    @property
    def kappas(self) -> list[float]:
        """Quadratic weighted kappa of each run; NaN where it is undefined."""
        runs = len(self.predicted)
        cells = np.arange(runs)[:, None] * _CELLS + self.grade * GRADES + self.predicted
        counts = np.bincount(cells.ravel(), minlength=runs * _CELLS).reshape(runs, GRADES, GRADES)
        return [float(kappa) for kappa in weighted_kappa(counts.astype(np.float64))]


@dataclass(frozen=True, slots=True)
class Patterns:
    """Distinct contributions of patients to the confusion matrices, the most frequent first.

    Attributes:
        counts: images by label and prediction, shape (patterns, runs, 25): whole numbers, except for pseudo-patients.
        patients: how many patients show each pattern, shape (patterns,).
    """

    counts: Floats
    patients: Ints

    @property
    def size(self) -> int:
        """Number of patients."""
        return int(self.patients.sum())

    @property
    def kappa_sums(self) -> Floats:
        """Contribution of a patient to the sums of :func:`kappa_of_sums`, shape (patterns, 3 + 3 x runs)."""
        # All runs have the same labels.
        own = (self.counts @ _OF_PREDICTIONS).swapaxes(1, 2)
        return np.concatenate([self.counts[:, 0] @ _OF_LABELS, own.reshape(len(own), -1)], axis=1)

    @property
    def total(self) -> Floats:
        """Confusion matrices of all patients together, shape (runs, 5, 5)."""
        return np.tensordot(self.patients, self.counts, 1).reshape(self.counts.shape[1], GRADES, GRADES)


def graded(runs: Sequence[Predictions], predicted: Sequence[Ints], seeds: Sequence[int] = ()) -> Graded:
    """Join the graded runs of one arm, with their seeds if any, on the same images in the same order.

    Raises:
        InputError: no run was given, or two runs differ in their images or labels.
    """
    if not runs:
        msg = "an interval needs at least one run, but got none: train the arm first"
        raise InputError(msg)
    first = runs[0]
    for run in runs[1:]:
        if not (np.array_equal(first.image_id, run.image_id) and np.array_equal(first.grade, run.grade)):
            msg = "runs of an arm must share their images and labels in one order, but two differ: predict them again"
            raise InputError(msg)
    return Graded(first.image_id, first.patient, first.grade, np.stack(predicted), tuple(seeds))


def collapse(patient: npt.NDArray[np.str_], grade: Ints, predicted: Ints) -> Patterns:
    """Count per patient, and keep each distinct set of counts once.

    Args:
        patient: shape (n,); "" where unknown.
        grade: labels 0-4, shape (n,).
        predicted: grades 0-4, shape (runs, n).
    """
    cluster, runs = clusters(patient), len(predicted)
    cells = grade * GRADES + predicted
    # A random number per run and cell: their sum over a patient's images identifies the patient's counts, up to a
    # chance of 2^-64 per pair of patients, and is sorted a hundred times faster than the counts.
    numbers = np.random.default_rng(0).integers(0, 2**64, (runs, _CELLS), np.uint64)
    sums = np.zeros(int(cluster.max(initial=-1)) + 1, np.uint64)
    np.add.at(sums, cluster, numbers[np.arange(runs)[:, None], cells].sum(0, np.uint64))
    _, first, patients = np.unique(sums, return_index=True, return_counts=True)
    place = np.full(len(sums), -1)
    place[first] = np.arange(len(first))
    shown = np.flatnonzero(place[cluster] >= 0)
    shown_cells = (place[cluster[shown]] * runs + np.arange(runs)[:, None]) * _CELLS + cells[:, shown]
    counts = np.bincount(shown_cells.ravel(), minlength=len(first) * runs * _CELLS).reshape(len(first), runs * _CELLS)
    # Patterns as frequent as each other are in the order of their counts.
    order = np.lexsort((*counts.T[::-1], -patients))
    return Patterns(counts[order].astype(np.float64).reshape(-1, runs, _CELLS), patients[order].astype(np.int64))


def kappa_of_sums(sums: Floats) -> Floats:
    """Compute kappa of each run, shape (runs, ...), from sums of shape (3 + 3 x runs, ...); NaN where undefined.

    They are those of the images, labels and squared labels, then of each run's squared distances, predictions and
    squared predictions, and add up over patients. The squared distance by chance follows from them.
    """
    images, labels, squares = sums[:3]
    distances, predictions, predicted_squares = sums[3:].reshape(3, -1, *sums.shape[1:])
    chance = images * (squares + predicted_squares) - 2 * labels * predictions
    kappas = np.full(chance.shape, np.nan)
    np.divide(distances * images, chance, out=kappas, where=chance > 0)
    return np.subtract(1, kappas, out=kappas)


def resample(patterns: Patterns, values: Floats, n_resamples: int, seed: int) -> Floats:
    """Sum values over as many patients, drawn with replacement: shape (..., n_resamples).

    ``values`` are the contribution of a patient of each pattern, shape (patterns, ...). Equal seeds give equal
    draws of equally many patients.
    """
    n = patterns.size
    if n == 0:
        return np.zeros((*values.shape[1:], n_resamples))
    if n * n_resamples <= _BLOCK:
        return weighted_sums(_drawn(n, n_resamples, seed), values.repeat(patterns.patients, axis=0))
    rng, share = np.random.default_rng(seed), patterns.patients / n
    if len(share) > max(_MANY, n / 4):
        shown = np.arange(len(share)).repeat(patterns.patients)
        return in_blocks(lambda size: _counted(rng, n, size, shown), values, n_resamples)
    if len(share) * n_resamples <= _BLOCK:
        return weighted_sums(_multinomial(patterns.patients.tobytes(), n_resamples, seed), values)
    return in_blocks(lambda size: rng.multinomial(n, share, size), values, n_resamples)


def exchange(patterns: Patterns, values: Floats, n_resamples: int, seed: int) -> Floats:
    """Sum values over patients, each taken with probability one half; arguments as of :func:`resample`.

    Of m patients with one pattern, a binomial number is taken.
    """
    n = patterns.size
    if n * n_resamples <= _BLOCK:
        return weighted_sums(_tossed(n, n_resamples, seed), values.repeat(patterns.patients, axis=0))
    moves = values.reshape(len(values), -1).any(1)
    rng, patients = np.random.default_rng(seed), patterns.patients[moves]
    return in_blocks(lambda size: rng.binomial(patients, 0.5, (size, len(patients))), values[moves], n_resamples)


def in_blocks(draw: Callable[[int], Ints | npt.NDArray[np.int32]], values: Floats, n_resamples: int) -> Floats:
    """Sum values, shape (patterns, ...), by random weights, in blocks of bounded memory.

    ``draw`` returns the weights of a number of resamples, shape (resamples, patterns).
    """
    block = max(1, _BLOCK // max(len(values), 1))
    sums = [weighted_sums(draw(min(block, n_resamples - start)), values) for start in range(0, n_resamples, block)]
    return np.concatenate(sums, axis=-1)


def weighted_sums(weights: Ints | npt.NDArray[np.int32 | np.float32], values: Floats) -> Floats:
    """Sum values, shape (patterns, ...), by each row of whole weights, shape (n_resamples, patterns).

    The result has the shape (..., n_resamples). Where all values are multiples of a 64th, the sums are exact, and the
    same on every machine.
    """
    flat = values.reshape(len(values), int(np.prod(values.shape[1:])))
    most = len(flat) * np.abs(flat).max(initial=0)
    # Single precision is twice as fast, and exact up to this many whole 64ths.
    kind = np.float32 if weights.dtype == np.float32 and most < 2**24 / _FRACTION else np.float64
    sums: Floats = (flat.T.astype(kind) @ weights.T.astype(kind, copy=False)).astype(np.float64)
    return sums.reshape(*values.shape[1:], len(weights))


def weights_in_blocks(patients: int, images: int, n_resamples: int, seed: int) -> Iterator[npt.NDArray[np.int32]]:
    """Draw patients with replacement: yield counts of shape (some resamples, patients).

    The number of ``images`` bounds the number of resamples yielded at once.
    """
    drawn, block = _drawn_again(patients, n_resamples, seed), max(1, _MEASURED // max(images, 1))
    for start in range(0, n_resamples, block):
        yield drawn[start : start + block]


@lru_cache(maxsize=4)
def _drawn_again(patients: int, n_resamples: int, seed: int) -> npt.NDArray[np.int32]:
    """Count how often each patient is drawn; cached like :func:`_drawn`."""
    return _counted(np.random.default_rng(seed), patients, n_resamples)


@lru_cache(maxsize=4)
def _drawn(patients: int, n_resamples: int, seed: int) -> npt.NDArray[np.float32]:
    """Count how often each patient is drawn; cached, because all arms on a split have equally many patients."""
    return _counted(np.random.default_rng(seed), patients, n_resamples).astype(np.float32)


def _counted(
    rng: np.random.Generator, patients: int, n_resamples: int, pattern: Ints | None = None
) -> npt.NDArray[np.int32]:
    """Draw as many patients with replacement and count each, shape (n_resamples, patients).

    With the ``pattern`` of each patient, shape (patients,), patterns are counted, shape (n_resamples, patterns).
    """
    kinds = patients if pattern is None else int(pattern[-1]) + 1
    counts, block = np.empty((n_resamples, kinds), np.int32), max(1, _MEASURED // max(patients, 1))
    for start in range(0, n_resamples, block):
        rows = counts[start : start + block]
        drawn = rng.integers(0, patients, (len(rows), patients), np.int32)
        cells = (drawn if pattern is None else pattern[drawn]) + np.arange(len(rows))[:, None] * kinds
        rows[:] = np.bincount(cells.ravel(), minlength=rows.size).reshape(rows.shape)
    return counts


@lru_cache(maxsize=4)
def _multinomial(patients: bytes, n_resamples: int, seed: int) -> npt.NDArray[np.int32]:
    """Draw patients of each pattern; cached, because several rules often give an arm the same grades."""
    counts = np.frombuffer(patients, np.int64)
    n = int(counts.sum())
    return np.random.default_rng(seed).multinomial(n, counts / n, n_resamples).astype(np.int32)


@lru_cache(maxsize=4)
def _tossed(patients: int, n_resamples: int, seed: int) -> npt.NDArray[np.float32]:
    """Toss a fair coin for each patient in each resample."""
    return np.random.default_rng(seed).integers(0, 2, (n_resamples, patients), dtype=np.uint8).astype(np.float32)


def with_pseudo_patients(patterns: Patterns, first: npt.NDArray[np.bool_]) -> Patterns:
    """Add the two pseudo-patients of the module's notes.

    Args:
        patterns: patterns of real patients.
        first: runs that grade the first pseudo-patient right and the second with errors, shape (runs,). The other runs
            do it the other way round.
    """
    wrong = np.rint(_with_errors(patterns) * _FRACTION) / _FRACTION
    right = wrong.sum(1)[:, None] * np.eye(GRADES)
    pair = [np.where(runs[:, None, None], right, wrong) for runs in (first, ~first)]
    pseudo = np.stack(pair).reshape(2, len(first), _CELLS)
    return Patterns(np.concatenate([patterns.counts, pseudo]), np.append(patterns.patients, [1, 1]))


def _with_errors(patterns: Patterns) -> Floats:
    """Return the mean contribution of a patient with an error to a run's confusion matrix, shape (5, 5).

    Where no run errs, it is the contribution of a patient who is graded by chance.
    """
    errs = patterns.counts[:, :, ~np.eye(GRADES, dtype=np.bool_).ravel()].any(2)
    weight = patterns.patients[:, None] * errs
    if weight.any():
        summed: Floats = np.tensordot(weight, patterns.counts, 2).reshape(GRADES, GRADES) / weight.sum()
        return summed
    labels = patterns.total[0].sum(1)
    by_chance: Floats = np.outer(labels, labels) / max(labels.sum() * patterns.size, 1)
    return by_chance


def above_chance(kappas: Floats, resampled: Floats, patients: int) -> npt.NDArray[np.bool_]:
    """Return for each run whether its kappa is clear of 0, the agreement by chance: whether it learned, shape (runs,).

    Args:
        kappas: kappa of each run, shape (runs,).
        resampled: on resampled patients, shape (runs, n_resamples).
        patients: number of patients.
    """
    runs = zip(kappas.tolist(), resampled, strict=True)
    return np.array([Confidence(kappa, of_run, Spread(), patients).above_zero for kappa, of_run in runs])


def inconclusive_reason(patterns: Patterns, learned: bool, fewest_runs: int) -> str:
    """Return why no conclusion about newly trained networks is allowed; empty where it is.

    Args:
        patterns: patterns of the patients.
        learned: True if every arm's kappa is clear of 0.
        fewest_runs: number of runs of the side with fewer.
    """
    if (patterns.total.sum(2) > 0).sum(1).min() < 2:
        return ONE_LABEL
    return "" if learned and fewest_runs > 1 else ONE_RUN if learned else NOT_LEARNED


def kappa_interval(
    arm: Graded, *, confidence_level: float = CONFIDENCE_LEVEL, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> Interval:
    """Estimate quadratic weighted kappa, averaged over the runs, with an interval over patients and runs."""
    patterns = collapse(arm.patient, arm.grade, arm.predicted)
    kappas = weighted_kappa(patterns.total)
    resampled = resampled_kappa(patterns, np.ones(len(kappas), np.bool_), n_resamples, seed)
    learned = bool(above_chance(kappas, resampled, patterns.size).all())
    return Confidence(
        estimate=float(kappas.mean()),
        over_patients=resampled.mean(0),
        runs=spread_of(kappas),
        patients=patterns.size,
        inconclusive_reason=inconclusive_reason(patterns, learned, len(kappas)),
    ).interval(confidence_level, (-1, 1))


def resampled_kappa(patterns: Patterns, first: npt.NDArray[np.bool_], n_resamples: int, seed: int) -> Floats:
    """Compute kappa of each run on resampled patients, shape (runs, n_resamples).

    ``patterns`` are those of real patients; :func:`with_pseudo_patients` adds two, and explains ``first``.
    """
    patterns = with_pseudo_patients(patterns, first)
    return kappa_of_sums(resample(patterns, patterns.kappa_sums, n_resamples, seed))

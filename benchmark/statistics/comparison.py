"""Paired comparison of two arms on the same images, over patients and, with several runs each, over runs.

Two questions are kept apart. Do *these trained networks* differ on new patients? A permutation test answers it: under
the null hypothesis a patient's predictions can be exchanged between the arms, so each patient's are exchanged with
probability one half. Would *newly trained networks* differ? This also needs the spread between runs, which only the
interval and its p-value contain.

Runs of one seed share their initial weights and the order of their images, so their kappas are correlated: runs are
paired by seed, and only seeds that both arms have are compared. Where the arms share fewer than two seeds, all runs are
compared, as independent samples.

A training whose kappa is not clear of 0 has failed. Failed trainings are counted and left out of the difference, which
is that of the trainings that learned: a mean over both kinds describes neither, and no interval over a few runs covers
a mixture of two. An arm that never learned allows no conclusion.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from benchmark.common.arrays import Floats
from benchmark.common.errors import InputError
from benchmark.scoring.kappa import weighted_kappa
from benchmark.statistics.bootstrap import (
    N_RESAMPLES,
    Graded,
    Patterns,
    above_chance,
    collapse,
    exchange,
    inconclusive_reason,
    kappa_of_sums,
    resampled_kappa,
)
from benchmark.statistics.confidence import (
    CONFIDENCE_LEVEL,
    NOT_LEARNED,
    Confidence,
    Interval,
    run_differences,
    spread_of,
)

POWER = 0.8
_ROUNDING = 1e-12
"""Differences of kappa closer than this are equal."""


@dataclass(frozen=True)
class Comparison:
    """Difference of two arms on the same images.

    Attributes:
        a, b: quadratic weighted kappa of each arm, its mean over the compared runs; NaN where undefined.
        difference: a minus b with its interval, over patients and, with several runs on each side, over runs.
        confidence: distribution of the difference, from which the interval is taken.
        permuted: computes ``p``, which costs as much as the interval.
        images: number of images compared.
        seeds: seeds of the compared runs of each arm.
        failed: number of trainings of each arm that did not learn.
    """

    a: float
    b: float
    difference: Interval
    confidence: Confidence = field(compare=False, repr=False)
    permuted: Callable[[], float] = field(compare=False, repr=False)
    images: int
    seeds: tuple[tuple[int, ...], tuple[int, ...]]
    failed: tuple[int, int] = (0, 0)

    @cached_property
    def p(self) -> float:
        """Two-sided p-value of no difference between these runs on new patients, by permutation.

        NaN where a kappa is undefined or the arms have unequal numbers of runs.
        """
        return self.permuted()

    @property
    def p_retrained(self) -> float:
        """The same for newly trained runs, consistent with the interval; NaN where an arm has a single run."""
        return self.confidence.p_differs() if self.confidence.runs.freedom else math.nan

    @cached_property
    def min_detectable_difference(self) -> float:
        """Smallest true difference that this many patients and runs detect with a power of 80 %.

        The test is two-sided, at the interval's confidence level. NaN where an arm never learned.
        """
        if self.difference.inconclusive_reason == NOT_LEARNED:
            return math.nan
        return self.confidence.min_detectable_difference(POWER, self.difference.confidence_level)

    @property
    def p_beats(self) -> float:
        """Probability that one further run of a beats one of b on as many new patients; NaN without a conclusion."""
        return float("nan") if self.difference.inconclusive_reason else self.confidence.of_new_pair(0)

    def p_at_least(self, x: float) -> float:
        """Return the one-sided p-value of a true difference of ``x`` or more; NaN where no conclusion is allowed."""
        return float("nan") if self.difference.inconclusive_reason else self.confidence.p_at_least(x)

    def p_at_most(self, x: float) -> float:
        """Return the one-sided p-value of a true difference of ``x`` or less; NaN where no conclusion is allowed."""
        return float("nan") if self.difference.inconclusive_reason else self.confidence.p_at_most(x)


def compare(
    a: Graded,
    b: Graded,
    *,
    keep_failed: bool = False,
    confidence_level: float = CONFIDENCE_LEVEL,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Compare two arms on the same images, in any order of the images.

    With a single run on a side the interval is over patients alone and says nothing about newly trained networks.

    Args:
        a: the first arm.
        b: the second arm, which is subtracted.
        keep_failed: compare all runs, also those of failed trainings, which are still counted.
        confidence_level: nominal coverage of the interval.
        n_resamples: number of resamples of the patients.
        seed: of the draws.

    Raises:
        InputError: the arms differ in their images, labels or patients.
    """
    b = _in_order_of(a, b)
    every = _resampled(a, b, n_resamples, seed)
    learned = every.learned
    sides = [
        arm
        if keep_failed or not of_arm.any()
        else arm.of_seeds([one for one, good in zip(arm.seed_ids, of_arm, strict=True) if good])
        for arm, of_arm in zip((a, b), learned, strict=True)
    ]
    first, second = _matched(*sides)
    same = (first.seed_ids, second.seed_ids) == (a.seed_ids, b.seed_ids)
    pair = every if same else _resampled(first, second, n_resamples, seed)
    (kappa_a, kappa_b), (over_a, over_b) = pair.kappas, pair.over_patients
    confidence = Confidence(
        estimate=float(kappa_a.mean() - kappa_b.mean()),
        over_patients=over_a.mean(0) - over_b.mean(0),
        runs=spread_of(run_differences(kappa_a, kappa_b)),
        patients=pair.patterns.size,
        inconclusive_reason=inconclusive_reason(pair.patterns, pair.both_learned, min(len(kappa_a), len(kappa_b))),
    )
    return Comparison(
        a=float(kappa_a.mean()),
        b=float(kappa_b.mean()),
        difference=confidence.interval(confidence_level, (-2, 2)),
        confidence=confidence,
        permuted=lambda: _permutation_p(pair.patterns, len(kappa_a), len(kappa_b), n_resamples, seed),
        images=len(a.grade),
        seeds=(first.seed_ids, second.seed_ids),
        failed=(int((~learned[0]).sum()), int((~learned[1]).sum())),
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Pair:
    """Two arms on the same patients: patterns, and per arm the kappas of its runs, as they are and resampled."""

    patterns: Patterns
    kappas: tuple[Floats, Floats]
    over_patients: tuple[Floats, Floats]

    @property
    def learned(self) -> list[npt.NDArray[np.bool_]]:
        """Return for each run of each arm whether its kappa is clear of 0."""
        sides = zip(self.kappas, self.over_patients, strict=True)
        return [above_chance(kappas, resampled, self.patterns.size) for kappas, resampled in sides]

    @property
    def both_learned(self) -> bool:
        """True if the mean kappa of both arms is clear of 0, over patients and runs."""
        sides = zip(self.kappas, self.over_patients, strict=True)
        means = (
            Confidence(float(kappas.mean()), resampled.mean(0), spread_of(kappas), self.patterns.size)
            for kappas, resampled in sides
        )
        return all(mean.above_zero for mean in means)


def _resampled(a: Graded, b: Graded, n_resamples: int, seed: int) -> _Pair:
    """Resample the patients of two arms together."""
    runs = len(a.predicted)
    patterns = collapse(a.patient, a.grade, np.concatenate([a.predicted, b.predicted]))
    kappas = weighted_kappa(patterns.total)
    resampled = resampled_kappa(patterns, np.arange(len(kappas)) < runs, n_resamples, seed)
    return _Pair(patterns, (kappas[:runs], kappas[runs:]), (resampled[:runs], resampled[runs:]))


def _matched(a: Graded, b: Graded) -> tuple[Graded, Graded]:
    """Return the runs of the seeds that both arms have, in one order; all runs if they share too few of several."""
    shared = sorted({*a.seed_ids} & {*b.seed_ids})
    enough = len(shared) >= min(2, len(a.predicted), len(b.predicted))
    return (a.of_seeds(shared), b.of_seeds(shared)) if enough else (a, b)


def holm(p: Sequence[float] | Floats) -> Floats:
    """Adjust p-values for multiple testing by Holm's method (Holm 1979).

    Args:
        p: p-values of one table, shape (n,); NaN marks a test that was not made and is not counted.

    Returns:
        Adjusted p-values in the same order, shape (n,). Rejecting those below alpha keeps the chance of any false
        rejection in the table below alpha.
    """
    adjusted = np.array(p, np.float64)
    made = np.flatnonzero(~np.isnan(adjusted))
    order = made[np.argsort(adjusted[made])]
    steps = adjusted[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def _in_order_of(a: Graded, b: Graded) -> Graded:
    """Put ``b`` in the order of ``a``'s images."""
    if not np.array_equal(a.image_id, b.image_id):
        alone = np.setxor1d(a.image_id, b.image_id)
        if len(alone) or len(a.image_id) != len(b.image_id):
            example = f"{str(alone[0])!r} and {len(alone) - 1} more are" if len(alone) else "an image"
            msg = f"both sides of a comparison must hold the same images once, but {example} on one side only: fix it"
            raise InputError(msg)
        rows = np.argsort(b.image_id)[np.argsort(np.argsort(a.image_id))]
        b = Graded(b.image_id[rows], b.patient[rows], b.grade[rows], b.predicted[:, rows], b.seeds)
    for name, left, right in (("label", a.grade, b.grade), ("patient", a.patient, b.patient)):
        if not np.array_equal(left, right):
            first = int(np.flatnonzero(left != right)[0])
            msg = (
                f"both sides of a comparison must give an image one {name}, but {str(a.image_id[first])!r} has "
                f"{left[first].item()!r} and {right[first].item()!r}: predict from the same manifest"
            )
            raise InputError(msg)
    return b


def _permutation_p(patterns: Patterns, runs: int, others: int, n_resamples: int, seed: int) -> float:
    """Compute the permutation p-value of exchanging the arms' predictions patient by patient.

    The real assignment counts as one of the permutations, so p is never 0 and never too small.
    """
    if runs != others:
        return math.nan
    counts = patterns.counts
    a, b = (replace(patterns, counts=of_arm).kappa_sums for of_arm in (counts[:, :runs], counts[:, runs:]))
    moved = exchange(patterns, b - a, n_resamples, seed)
    total_a, total_b = (patterns.patients @ sums for sums in (a, b))
    permuted = (kappa_of_sums(total_a[:, None] + moved) - kappa_of_sums(total_b[:, None] - moved)).mean(0)
    real = float((kappa_of_sums(total_a) - kappa_of_sums(total_b)).mean())
    if np.isnan(real):
        return real
    smaller = np.abs(permuted) < abs(real) - _ROUNDING
    return (1 + int((~smaller).sum())) / (n_resamples + 1)

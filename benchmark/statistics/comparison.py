"""Paired comparison of two arms on the same images, over patients and, with several runs each, over runs.

Two questions are kept apart. Do *these trained networks* differ on new patients? A permutation test answers it: under
the null hypothesis a patient's predictions can be exchanged between the arms, so each patient's are exchanged with
probability one half. Would *newly trained networks* differ? This also needs the spread between runs, which only the
interval and its p-value contain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmark.common.arrays import Floats
from benchmark.common.errors import InputError
from benchmark.scoring.kappa import kappa_of_parts, weighted_kappa
from benchmark.statistics.bootstrap import (
    N_RESAMPLES,
    Graded,
    Patterns,
    collapse,
    exchange,
    inconclusive_reason,
    resampled_kappa,
)
from benchmark.statistics.confidence import (
    COLLAPSED,
    CONFIDENCE_LEVEL,
    Confidence,
    Interval,
    run_differences,
    spread_of,
)

POWER = 0.8
_ROUNDING = 1e-12
"""Differences of kappa closer than this are equal."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Difference of two arms on the same images.

    Attributes:
        a, b: quadratic weighted kappa of each arm, its mean over the runs; NaN where undefined.
        difference: a minus b with its interval, over patients and, with several runs on each side, over runs.
        confidence: distribution of the difference, from which the interval is taken.
        p: two-sided p-value of no difference between these runs on new patients, by permutation, or from the resampled
            patients where the arms have unequal numbers of runs. NaN where a kappa is undefined.
        p_retrained: the same for newly trained runs, consistent with the interval. NaN where an arm has a single run.
        min_detectable_difference: smallest true difference that this many patients and runs detect with a power of 80 %
            in a two-sided test at the interval's confidence level. NaN where a head collapsed.
        images: number of images compared.
    """

    a: float
    b: float
    difference: Interval
    confidence: Confidence = field(compare=False, repr=False)
    p: float
    p_retrained: float
    min_detectable_difference: float
    images: int

    def p_at_least(self, x: float) -> float:
        """Return the one-sided p-value of a true difference of ``x`` or more; NaN where no conclusion is allowed."""
        return float("nan") if self.difference.inconclusive_reason else self.confidence.p_at_least(x)


def compare(
    a: Graded, b: Graded, *, confidence_level: float = CONFIDENCE_LEVEL, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> Comparison:
    """Compare two arms on the same images, in any order of the images.

    Runs are paired as :func:`benchmark.statistics.confidence.run_differences` says. With a single run on a side the
    interval is over patients alone and says nothing about newly trained networks.

    Raises:
        InputError: the arms differ in their images, labels or patients.
    """
    b = _in_order_of(a, b)
    runs, paired = len(a.predicted), len(a.predicted) == len(b.predicted)
    patterns = collapse(a.patient, a.grade, np.concatenate([a.predicted, b.predicted]))

    kappas = weighted_kappa(patterns.total)
    kappa_a, kappa_b = kappas[:runs], kappas[runs:]
    resampled = resampled_kappa(patterns, np.arange(len(kappas)) < runs, n_resamples, seed)
    over_patients = resampled[:, :runs].mean(1) - resampled[:, runs:].mean(1)
    confidence = Confidence(
        estimate=float(kappa_a.mean() - kappa_b.mean()),
        over_patients=over_patients,
        runs=spread_of(run_differences(kappa_a, kappa_b)),
        patients=patterns.size,
        inconclusive_reason=inconclusive_reason(patterns, min(runs, len(kappa_b))),
    )
    interval = confidence.interval(confidence_level, (-2, 2))
    these = _permutation_p(patterns, runs, n_resamples, seed) if paired else confidence.of_these_runs().p_differs()

    return Comparison(
        a=float(kappa_a.mean()),
        b=float(kappa_b.mean()),
        difference=interval,
        confidence=confidence,
        p=these,
        p_retrained=confidence.p_differs() if confidence.runs.freedom else float("nan"),
        min_detectable_difference=_min_detectable_difference(interval),
        images=len(a.grade),
    )


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
        b = Graded(b.image_id[rows], b.patient[rows], b.grade[rows], b.predicted[:, rows])
    for name, left, right in (("label", a.grade, b.grade), ("patient", a.patient, b.patient)):
        if not np.array_equal(left, right):
            first = int(np.flatnonzero(left != right)[0])
            msg = (
                f"both sides of a comparison must give an image one {name}, but {str(a.image_id[first])!r} has "
                f"{left[first].item()!r} and {right[first].item()!r}: predict from the same manifest"
            )
            raise InputError(msg)
    return b


def _permutation_p(patterns: Patterns, runs: int, n_resamples: int, seed: int) -> float:
    """Compute the permutation p-value of exchanging the arms' predictions patient by patient.

    The real assignment counts as one of the permutations, so p is never 0 and never too small.
    """
    parts = patterns.kappa_parts
    change = parts[:, runs:] - parts[:, :runs]
    moved = exchange(patterns, change, n_resamples, seed)
    total = np.tensordot(patterns.patients, parts, 1)
    permuted = (kappa_of_parts(total[:runs] + moved) - kappa_of_parts(total[runs:] - moved)).mean(1)
    real = float((kappa_of_parts(total[:runs]) - kappa_of_parts(total[runs:])).mean())
    if np.isnan(real):
        return real
    smaller = np.abs(permuted) < abs(real) - _ROUNDING
    return (1 + int((~smaller).sum())) / (n_resamples + 1)


def _min_detectable_difference(interval: Interval) -> float:
    """Return half the interval's width, which has a power of 50 %, plus what 80 % of power need."""
    from scipy.special import ndtri

    if interval.inconclusive_reason == COLLAPSED:
        return float("nan")
    return (interval.high - interval.low) / 2 + float(ndtri(POWER)) * interval.se

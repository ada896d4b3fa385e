"""Do two arms differ? Paired comparison on the same images, over patients and, with several runs each, over runs.

Two questions are kept apart. Do *these trained networks* differ on new patients? A permutation answers it: if the arms
were alike, exchanging all their predictions for a patient would change nothing, so every patient's are exchanged with
probability one half. Would *networks trained anew* differ? That also needs the spread between runs, which only the
interval and its p-value contain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmark.common.arrays import Floats
from benchmark.common.errors import InputError
from benchmark.scoring.kappa import kappa_of_parts, weighted_kappa
from benchmark.statistics.bootstrap import REPLICATES, Graded, Patterns, collapse, exchange, resampled_kappa, silence
from benchmark.statistics.confidence import COLLAPSED, LEVEL, Confidence, Interval, run_differences, spread_of

POWER = 0.8
_ROUNDING = 1e-12
"""Differences of kappa closer than this are equal."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two arms on the same images differ by.

    Attributes:
        a, b: quadratic weighted kappa of each arm, its mean over the runs; NaN where undefined.
        difference: a minus b with its interval, over patients and, with several runs on each side, over runs.
        confidence: all of what the interval is two ends of.
        p: two-sided p-value of no difference between the runs at hand on new patients: by permutation, or by the share
            of resampled patients with the other sign where the arms have unequal numbers of runs. NaN where a kappa is
            undefined.
        p_retrained: the same for runs trained anew; it agrees with the interval. NaN where an arm has a single run.
        resolvable: the smallest true difference that this many patients and runs would tell from 0, two-sided at the
            interval's level, four times in five. NaN where a head collapsed.
        images: images compared.
    """

    a: float
    b: float
    difference: Interval
    confidence: Confidence = field(compare=False, repr=False)
    p: float
    p_retrained: float
    resolvable: float
    images: int

    def p_at_least(self, x: float) -> float:
        """One-sided p-value of the true difference being ``x`` or more; NaN where nothing may be concluded."""
        return float("nan") if self.difference.no_evidence else self.confidence.p_at_least(x)


def compare(a: Graded, b: Graded, *, level: float = LEVEL, replicates: int = REPLICATES, seed: int = 0) -> Comparison:
    """Compare two arms on the same images, in whichever order each lists them.

    Runs are paired as :func:`benchmark.statistics.confidence.run_differences` says. With a single run on a side the
    interval is over patients alone, and no evidence of what training anew would give.

    Args:
        a: runs of the first arm, decoded.
        b: runs of the second arm, decoded.
        level: nominal coverage of the interval, between 0 and 1.
        replicates: resamples, and permutations.
        seed: equal seeds give equal results.

    Raises:
        InputError: the arms differ in their images, labels or patients.
    """
    b = _in_order_of(a, b)
    runs, paired = len(a.predicted), len(a.predicted) == len(b.predicted)
    patterns = collapse(a.patient, a.grade, np.concatenate([a.predicted, b.predicted]))

    kappas = weighted_kappa(patterns.total)
    kappa_a, kappa_b = kappas[:runs], kappas[runs:]
    resampled = resampled_kappa(patterns, np.arange(len(kappas)) < runs, replicates, seed)
    over_patients = resampled[:, :runs].mean(1) - resampled[:, runs:].mean(1)
    confidence = Confidence(
        value=float(kappa_a.mean() - kappa_b.mean()),
        over_patients=over_patients,
        runs=spread_of(run_differences(kappa_a, kappa_b)),
        patients=patterns.size,
        no_evidence=silence(patterns, min(runs, len(kappa_b))),
    )
    interval = confidence.interval(level, (-2, 2))
    these = _permutation_p(patterns, runs, replicates, seed) if paired else confidence.of_these_runs().p_differs()

    return Comparison(
        a=float(kappa_a.mean()),
        b=float(kappa_b.mean()),
        difference=interval,
        confidence=confidence,
        p=these,
        p_retrained=confidence.p_differs() if confidence.runs.freedom else float("nan"),
        resolvable=_resolvable(interval),
        images=len(a.grade),
    )


def holm(p: Sequence[float] | Floats) -> Floats:
    """Adjust p-values for having looked at all of them (Holm 1979).

    Args:
        p: p-values of one table, shape (n,); NaN stands for a test that was not made and is not counted.

    Returns:
        Adjusted p-values in the same order, shape (n,): the chance of even one false alarm in the table stays below the
        threshold that they are held against.
    """
    adjusted = np.array(p, np.float64)
    made = np.flatnonzero(~np.isnan(adjusted))
    order = made[np.argsort(adjusted[made])]
    steps = adjusted[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def _in_order_of(a: Graded, b: Graded) -> Graded:
    """Rows of ``b`` in the order of ``a``'s images."""
    if not np.array_equal(a.image_id, b.image_id):
        alone = np.setxor1d(a.image_id, b.image_id)
        if len(alone) or len(a.image_id) != len(b.image_id):
            example = f"{str(alone[0])!r} and {len(alone) - 1} more are" if len(alone) else "an image"
            msg = f"both sides of a comparison must hold the same images once, but {example} on one side only: mend it"
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


def _permutation_p(patterns: Patterns, runs: int, replicates: int, seed: int) -> float:
    """Exchange the arms' predictions patient by patient; how often is the difference as large as the real one?

    The real assignment counts as one of the permutations, so p is never 0 and never too small.
    """
    parts = patterns.kappa_parts
    change = parts[:, runs:] - parts[:, :runs]
    moved = exchange(patterns, change, replicates, seed)
    total = np.tensordot(patterns.patients, parts, 1)
    permuted = (kappa_of_parts(total[:runs] + moved) - kappa_of_parts(total[runs:] - moved)).mean(1)
    real = float((kappa_of_parts(total[:runs]) - kappa_of_parts(total[runs:])).mean())
    if np.isnan(real):
        return real
    smaller = np.abs(permuted) < abs(real) - _ROUNDING
    return (1 + int((~smaller).sum())) / (replicates + 1)


def _resolvable(interval: Interval) -> float:
    """Half the interval's width finds a true difference of that size half the time; the rest is for the power."""
    from scipy.special import ndtri

    if interval.no_evidence == COLLAPSED:
        return float("nan")
    return (interval.high - interval.low) / 2 + float(ndtri(POWER)) * interval.error

"""From a statistic's replicates over patients, and its spread over runs, to intervals and p-values.

The runs of an arm differ by their seed. Drawing S runs with replacement understates the variance of their mean by
(S - 1) / S, a third at three runs, and its tails more. A replicate therefore carries an error that follows Student's t
with S - 1 degrees of freedom, scaled by the runs' standard error: with runs alone that is the t interval, and between
that and patients alone it errs on the wide side. The error is integrated, not drawn: below x lies the mean over
replicates b of F((x - b) / error), and an interval's end is where that reaches its percentile. Drawn, the tails of a t
with two degrees of freedom would move the ends by a hundredth from one bootstrap seed to the next.

The ends are percentiles at levels widened for few patients (the expanded percentile interval of Hesterberg 2015, The
American Statistician 69:371). The basic interval misses too often on the side of 1; BCa gains nothing over it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from benchmark.common.arrays import Floats

LEVEL = 0.95
ONE_RUN: Final = "one run says nothing of training anew"
COLLAPSED: Final = "a head that gives every image one grade is no evidence"
ONE_LABEL: Final = "labels of one grade tell nothing apart"
_TOLERANCE = 1e-12
"""Statistics closer than this are equal."""
_FINE = 1e-7
"""How exactly an interval's end is found."""
_MERGED = 50
"""Replicates within this fraction of the runs' error count as one, which moves an end by a 10,000th of that error."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A statistic and its confidence interval.

    Attributes:
        value: the statistic itself; NaN where it is undefined.
        low, high: the interval's ends; NaN with fewer than two patients, or where the statistic itself is undefined.
        level: nominal coverage, 0-1.
        replicates: resamples drawn.
        clusters: patients (an image of an unknown patient counts as a patient).
        undefined: replicates left out because the statistic is undefined on them.
        error: standard error of the statistic, over patients and, with several runs, over runs.
        no_evidence: why nothing may be concluded from it about networks trained anew; empty where something may.
    """

    value: float
    low: float
    high: float
    level: float
    replicates: int
    clusters: int
    undefined: int
    error: float
    no_evidence: str = ""

    @property
    def evidence(self) -> tuple[float, float]:
        """The ends to judge by: NaN where nothing may be concluded."""
        return (float("nan"), float("nan")) if self.no_evidence else (self.low, self.high)


@dataclass(frozen=True, slots=True)
class Spread:
    """What the choice of runs leaves open in a statistic.

    Attributes:
        error: standard error over runs.
        freedom: degrees of freedom of that error; 0 where it is not known, for there is one run.
    """

    error: float = 0.0
    freedom: int = 0


@dataclass(frozen=True, eq=False, slots=True)
class Confidence:
    """Distribution of a statistic over patients and runs.

    Attributes:
        value: the statistic itself; NaN where it is undefined.
        over_patients: its values on resampled patients, shape (replicates,); NaN where undefined.
        runs: what the choice of runs adds.
        patients: clusters resampled.
        no_evidence: as in :class:`Interval`.
    """

    value: float
    over_patients: Floats
    runs: Spread
    patients: int
    no_evidence: str = ""

    @property
    def defined(self) -> Floats:
        """The replicates that have a value; none where the statistic, or an interval of it, is undefined."""
        known = self.over_patients[~np.isnan(self.over_patients)]
        return known if self.patients > 1 and not np.isnan(self.value) else known[:0]

    def of_these_runs(self) -> Confidence:
        """The same over patients alone."""
        return replace(self, runs=Spread())

    def interval(self, level: float = LEVEL, bounds: tuple[float, float] = (-np.inf, np.inf)) -> Interval:
        """Interval of the statistic.

        Args:
            level: nominal coverage, between 0 and 1.
            bounds: what the statistic can be. The few runs' t can reach beyond; to cut there loses no true value.
        """
        known, low, high, error = self.defined, float("nan"), float("nan"), float("nan")
        if len(known):
            variance = float(known.var(ddof=1)) if len(known) > 1 else float("nan")
            error = (variance + self.runs.error**2) ** 0.5
            share = _widened((1 - level) / 2, self.patients)
            low, high = np.clip([_quantile(known, self.runs, at) for at in (share, 1 - share)], *bounds).tolist()
        undefined = int(np.isnan(self.over_patients).sum())
        replicates = len(self.over_patients)
        return Interval(self.value, low, high, level, replicates, self.patients, undefined, error, self.no_evidence)

    def p_at_least(self, x: float) -> float:
        """One-sided p-value of the true statistic being ``x`` or more; it agrees with the intervals. NaN where none."""
        return self._p(self.defined, x)

    def p_at_most(self, x: float) -> float:
        """The same of its being ``x`` or less."""
        return self._p(-self.defined, -x)

    def p_differs(self) -> float:
        """Two-sided p-value of the true statistic being 0; never 0. NaN where there is no interval."""
        return float(np.minimum(1, 2 * np.minimum(self.p_at_least(0), self.p_at_most(0))))

    def _p(self, known: Floats, x: float) -> float:
        if not len(known):
            return float("nan")
        if self.runs.error:
            from scipy.special import stdtr

            above = float(stdtr(self.runs.freedom, (known - x) / self.runs.error).sum())
        else:
            above = float((known >= x - _TOLERANCE).sum())
        return _narrowed((1 + above) / (1 + len(known)), self.patients)


def spread_of(values: Floats) -> Spread:
    """What the choice of runs adds to a statistic that is the mean of one value per run, shape (runs,).

    A single run adds nothing, for its seed-to-seed spread is unknown.
    """
    if len(values) < 2:
        return Spread()
    return Spread(float(values.std(ddof=1)) / len(values) ** 0.5, len(values) - 1)


def run_differences(a: Floats, b: Floats) -> Floats:
    """Differences whose mean is that of the means of two samples of runs, and whose spread is right for it.

    Run i of the one is paired with run i of the other (any pairing that was not chosen by its result is valid; equal
    seeds are the natural one). Where one sample has more runs, these are Scheffe's: as many as the smaller sample has,
    with the variance of the difference of means times their number, whatever the two samples' own variances. Their t
    test is exact; Welch's errs in 6 to 10 of 100 with five runs against two. Scheffe 1943, The Annals of Mathematical
    Statistics 14:35.

    Args:
        a: one value per run, shape (runs of the first,).
        b: shape (runs of the second,).

    Returns:
        Shape (the smaller number of runs,).
    """
    if len(a) > len(b):
        return -run_differences(b, a)
    few, many = len(a), len(b)
    paired = b[:few]
    differences: Floats = a - (few / many) ** 0.5 * paired + paired.sum() / (few * many) ** 0.5 - b.mean()
    return differences


def _quantile(known: Floats, runs: Spread, share: float) -> float:
    """Where so large a share of the distribution lies below."""
    if not runs.error:
        return float(np.quantile(known, share))
    from scipy.optimize import brentq
    from scipy.special import stdtr, stdtrit

    # Each replicate alone has its percentile here; that of all of them lies between the lowest and the highest.
    reach = runs.error * float(stdtrit(runs.freedom, share))
    low, high = float(known.min()) + reach, float(known.max()) + reach
    if high - low < _TOLERANCE:
        return low
    values, counts = _merged(known, runs.error / _MERGED)

    def excess(x: float) -> float:
        return float(counts @ stdtr(runs.freedom, (x - values) / runs.error)) / len(known) - share

    return float(brentq(excess, low, high, xtol=_FINE))


def _merged(known: Floats, width: float) -> tuple[Floats, Floats]:
    """Replicates that lie close together as their mean, and how many each mean stands for."""
    if (known.max() - known.min()) / width >= len(known):
        return known, np.ones(len(known))
    place = ((known - known.min()) / width).astype(np.int64)
    counts = np.bincount(place).astype(np.float64)
    there = counts > 0
    return np.bincount(place, known)[there] / counts[there], counts[there]


def _widened(share: float, patients: int) -> float:
    """Percentile level for a nominal one, so that the normal limit has the width of a t interval over the patients."""
    from scipy.special import ndtr, stdtrit

    return float(ndtr(np.sqrt(patients / (patients - 1)) * stdtrit(patients - 1, share)))


def _narrowed(share: float, patients: int) -> float:
    """Nominal level of a percentile level: the inverse of :func:`_widened`."""
    from scipy.special import ndtri, stdtr

    return float(stdtr(patients - 1, ndtri(share) / np.sqrt(patients / (patients - 1))))

"""Confidence intervals and p-values from a statistic's resamples over patients and its spread over runs.

The runs of an arm differ by their seed. Resampling S runs with replacement understates the variance of their mean by
(S - 1) / S (a third at three runs), and its tails even more. Each resample of patients is therefore given an error that
follows Student's t with S - 1 degrees of freedom, scaled by the standard error over runs. With runs alone this is the t
interval; with patients and runs it is slightly too wide. The error is integrated, not drawn: the distribution function
at x is the mean over resamples b of F((x - b) / se), and an interval's end is where it reaches the percentile. Drawing
a t with two degrees of freedom would move the ends by a hundredth from one bootstrap seed to the next.

The ends are percentiles at levels widened for few patients (the expanded percentile interval of Hesterberg 2015, The
American Statistician 69:371). The basic interval misses too often on the side of 1, and BCa gains nothing over it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from benchmark.common.arrays import Floats

CONFIDENCE_LEVEL = 0.95
ONE_RUN: Final = "a single seed gives no estimate of seed variance"
NOT_LEARNED: Final = "an arm whose kappa is not clear of 0, agreement by chance, allows no conclusion"
ONE_LABEL: Final = "agreement cannot be measured on labels of one grade"
_TOLERANCE = 1e-12
"""Statistics closer than this are equal."""
_FINE = 1e-7
"""Absolute tolerance of an interval's end."""
_MERGED = 50
"""Resamples within this fraction of the seeds' standard error are merged; it moves an end by 1/10,000 of that error."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A statistic and its confidence interval.

    Attributes:
        estimate: the statistic itself; NaN where it is undefined.
        low, high: ends of the interval; NaN with fewer than two patients, or where the statistic itself is undefined.
        confidence_level: nominal coverage, 0-1.
        n_resamples: number of resamples.
        n_patients: patients (an image of an unknown patient counts as a patient).
        n_undefined: resamples left out because the statistic is undefined on them.
        se: standard error of the statistic, over patients and, with several runs, over runs.
        inconclusive_reason: why the interval allows no conclusion about newly trained networks; empty where it does.
        one_run: prediction interval of the statistic of one further run, or pair of runs, on the same images: a
            published number stems from one. NaN with a single run.
    """

    estimate: float
    low: float
    high: float
    confidence_level: float
    n_resamples: int
    n_patients: int
    n_undefined: int
    se: float
    inconclusive_reason: str = ""
    one_run: tuple[float, float] = (float("nan"), float("nan"))

    @property
    def evidence(self) -> tuple[float, float]:
        """Return the ends used by verdicts: NaN where no conclusion is allowed."""
        return (float("nan"), float("nan")) if self.inconclusive_reason else (self.low, self.high)


@dataclass(frozen=True, slots=True)
class Spread:
    """Uncertainty of a statistic due to the choice of runs.

    Attributes:
        se: standard error over runs.
        freedom: degrees of freedom of that error; 0 where it is unknown because there is one run.
    """

    se: float = 0.0
    freedom: int = 0


@dataclass(frozen=True, eq=False, slots=True)
class Confidence:
    """Distribution of a statistic over patients and runs.

    Attributes:
        estimate: the statistic itself; NaN where it is undefined.
        over_patients: its values on resampled patients, shape (n_resamples,); NaN where undefined.
        runs: uncertainty due to the choice of runs.
        patients: number of patients resampled.
        inconclusive_reason: see :class:`Interval`.
    """

    estimate: float
    over_patients: Floats
    runs: Spread
    patients: int
    inconclusive_reason: str = ""

    @property
    def defined(self) -> Floats:
        """Resamples on which the statistic is defined; none where the statistic or its interval is undefined."""
        known = self.over_patients[~np.isnan(self.over_patients)]
        return known if self.patients > 1 and not np.isnan(self.estimate) else known[:0]

    @property
    def above_zero(self) -> bool:
        """Whether the low end of the confidence interval is above 0."""
        known = self.defined
        if not len(known):
            return False
        tail = _widened((1 - CONFIDENCE_LEVEL) / 2, self.patients)
        if not self.runs.se:
            return bool(known.min() > 0 or np.quantile(known, tail) > 0)
        return float(_t_below(-known / self.runs.se, self.runs.freedom).mean()) < tail

    def of_one_run(self, confidence_level: float) -> tuple[float, float]:
        """Return the prediction interval of one further run, or pair of runs, on the same images."""
        from scipy.special import stdtrit

        if not self.runs.freedom:
            return float("nan"), float("nan")
        # The error of the mean of n runs and that of the new one, whose variance is n times as large.
        reach = float(stdtrit(self.runs.freedom, (1 + confidence_level) / 2)) * self.runs.se
        reach *= (self.runs.freedom + 2) ** 0.5
        return self.estimate - reach, self.estimate + reach

    def of_new_pair(self, x: float) -> float:
        """Return the probability that one further pair of runs, on as many new patients, differs by more than ``x``.

        The patients count twice: those of the estimate, and the new ones. NaN with one run or without an interval.
        """
        if not self.runs.freedom or not len(self.defined):
            return float("nan")
        drawn = self.estimate + 2**0.5 * (self.defined - self.defined.mean())
        scale = max(self.runs.se * (self.runs.freedom + 2) ** 0.5, _TOLERANCE)
        return float(_t_below((drawn - x) / scale, self.runs.freedom).mean())

    def interval(
        self, confidence_level: float = CONFIDENCE_LEVEL, bounds: tuple[float, float] = (-np.inf, np.inf)
    ) -> Interval:
        """Compute the confidence interval.

        Args:
            confidence_level: nominal coverage, between 0 and 1.
            bounds: range of the statistic. The t of few runs can reach beyond it; clipping there loses no true value.
        """
        known, low, high, se = self.defined, float("nan"), float("nan"), float("nan")
        if len(known):
            variance = float(known.var(ddof=1)) if len(known) > 1 else float("nan")
            se = (variance + self.runs.se**2) ** 0.5
            tail = _widened((1 - confidence_level) / 2, self.patients)
            low, high = np.clip(_quantiles(known, self.runs, [tail, 1 - tail]), *bounds).tolist()
        return Interval(
            estimate=self.estimate,
            low=low,
            high=high,
            confidence_level=confidence_level,
            n_resamples=len(self.over_patients),
            n_patients=self.patients,
            n_undefined=int(np.isnan(self.over_patients).sum()),
            se=se,
            inconclusive_reason=self.inconclusive_reason,
            one_run=self.of_one_run(confidence_level),
        )

    def min_detectable_difference(self, power: float, confidence_level: float = CONFIDENCE_LEVEL) -> float:
        """Return the smallest true difference that a two-sided test detects with a power; NaN without an interval.

        The test's statistic follows a noncentral t, whose degrees of freedom are those of both errors together (Welch
        and Satterthwaite). The standard deviation over runs is an estimate that is on average too small; it is divided
        by its expectation.
        """
        from scipy.optimize import brentq
        from scipy.special import nctdtr

        found = self.interval(confidence_level)
        if not found.se > 0:
            return float("nan")
        freedom, runs = self.runs.freedom, 0.0
        if freedom:
            runs = (self.runs.se / sd_bias(freedom)) ** 2
        patients = float(self.defined.var(ddof=1))
        total = patients + runs
        spent = patients**2 / (self.patients - 1) + (runs**2 / freedom if freedom else 0.0)
        critical = (found.high - found.low) / 2 / found.se

        def excess(shift: float) -> float:
            return 1 - float(nctdtr(total**2 / spent, shift, critical)) - power

        return float(brentq(excess, 0.0, 4 * critical + 10) * total**0.5)

    def p_at_least(self, x: float) -> float:
        """Return the one-sided p-value of a true value of ``x`` or more; NaN without an interval."""
        return self._p(self.defined, x)

    def p_at_most(self, x: float) -> float:
        """Return the one-sided p-value of a true value of ``x`` or less."""
        return self._p(-self.defined, -x)

    def p_differs(self) -> float:
        """Return the two-sided p-value of a true value of 0; never 0, and NaN without an interval."""
        return float(np.minimum(1, 2 * np.minimum(self.p_at_least(0), self.p_at_most(0))))

    def _p(self, known: Floats, x: float) -> float:
        if not len(known):
            return float("nan")
        if self.runs.se:
            above = float(_t_below((known - x) / self.runs.se, self.runs.freedom).sum())
        else:
            above = float((known >= x - _TOLERANCE).sum())
        return _narrowed((1 + above) / (1 + len(known)), self.patients)


def sd_bias(freedom: int) -> float:
    """Return the expectation of a sample standard deviation of normal values, divided by the true one."""
    from scipy.special import gammaln

    return float((2 / freedom) ** 0.5 * np.exp(gammaln((freedom + 1) / 2) - gammaln(freedom / 2)))


def spread_of(values: Floats) -> Spread:
    """Return the uncertainty over runs of the mean of one value per run, shape (runs,).

    With a single run it is 0, because the seed-to-seed spread is unknown.
    """
    if len(values) < 2:
        return Spread()
    return Spread(float(values.std(ddof=1)) / len(values) ** 0.5, len(values) - 1)


def run_differences(a: Floats, b: Floats) -> Floats:
    """Return per-run differences whose mean is the difference of the two samples' means, with the right spread.

    Where both samples have as many runs, run i of one is paired with run i of the other. Otherwise the samples must be
    independent, and Scheffe's differences are returned (Scheffe 1943, The Annals of Mathematical Statistics 14:35).
    There are as many as the smaller sample has, and their variance is that of the difference of means times their
    number, whatever the two samples' own variances. Their t test is exact; Welch's errs in 6 to 10 of 100 cases with
    five runs against two.

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


def _quantiles(known: Floats, runs: Spread, shares: Sequence[float]) -> Sequence[float]:
    """Return the quantiles of the distribution at some probabilities."""
    if not runs.se:
        return [float(end) for end in np.quantile(known, shares)]
    from scipy.optimize import brentq
    from scipy.special import stdtrit

    lowest, highest = float(known.min()), float(known.max())
    values, counts = _merged(known, runs.se / _MERGED)

    def excess(x: float, share: float) -> float:
        return float(counts @ _t_below((x - values) / runs.se, runs.freedom)) / len(known) - share

    found = []
    for share in shares:
        # The percentile of the mixture is between those of its lowest and its highest component.
        reach = runs.se * float(stdtrit(runs.freedom, share))
        low, high = lowest + reach, highest + reach
        found.append(low if high - low < _TOLERANCE else float(brentq(excess, low, high, (share,), xtol=_FINE)))
    return found


def _t_below(x: Floats, freedom: int) -> Floats:
    """Return the distribution function of Student's t, a finite sum for whole degrees of freedom.

    It is the sum 26.7.3 and 26.7.4 of Abramowitz and Stegun 1964, five to thirty times as fast as scipy's stdtr.
    """
    squared_cosine = 1 / (1 + x * x / freedom)
    terms: Floats | float = 1.0 if freedom > 1 else 0.0
    for k in range(freedom - 2, 1, -2):
        terms = 1 + terms * squared_cosine * ((k - 1) / k)
    sine = x * np.sqrt(squared_cosine / freedom)
    if freedom % 2 == 0:
        return 0.5 + sine * terms / 2
    angle: Floats = np.arctan(x / freedom**0.5)
    return 0.5 + (angle + sine * np.sqrt(squared_cosine) * terms) / np.pi


def _merged(known: Floats, width: float) -> tuple[Floats, Floats]:
    """Merge resamples within a width; return the mean and the number of resamples of each group."""
    if (known.max() - known.min()) / width >= len(known):
        return known, np.ones(len(known))
    place = ((known - known.min()) / width).astype(np.int64)
    counts = np.bincount(place).astype(np.float64)
    there = counts > 0
    return np.bincount(place, known)[there] / counts[there], counts[there]


@cache
def _widened(share: float, patients: int) -> float:
    """Widen a tail probability so that, in the normal limit, the interval is the t interval over the patients."""
    from scipy.special import ndtr, stdtrit

    return float(ndtr(np.sqrt(patients / (patients - 1)) * stdtrit(patients - 1, share)))


def _narrowed(share: float, patients: int) -> float:
    """Invert :func:`_widened`."""
    from scipy.special import ndtri, stdtr

    return float(stdtr(patients - 1, ndtri(share) / np.sqrt(patients / (patients - 1))))

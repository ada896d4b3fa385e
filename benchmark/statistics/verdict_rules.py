"""When is a claim reproduced? The rules, on nothing but a measured value's interval and the declared tolerance.

**An ordering** (this kappa is higher than that one; or a saving). The *margin* is the difference from which on one
counts as higher: the tolerance, but never more than half of the printed difference, so that one as small as printed can
be found. The printed difference enters only where it was measured in the same setting (see :mod:`.verdicts`)
and is positive. Of the interval of the measured difference, in the claimed direction:

* reproduced: all of it lies above the margin.
* not reproduced: all of it lies below.
* inconclusive: it reaches across, or there is none.

Where there is no difference, "reproduced" comes up less often than the interval errs on one side, 2.5 times in 100. A
larger tolerance demands more, so it never makes a verdict better. There is one cut alone, so that a wider interval
never makes a verdict firmer. Whether a difference is also as large as printed (``magnitude``) is therefore a question
of its own, answered by the band for numbers: an interval can exclude the printed difference and yet leave the ordering
open, or show it.

**A number** (the kappa is this). The band is the printed number plus and minus the tolerance.

* reproduced: the interval lies inside the band.
* not reproduced: it lies outside.
* inconclusive: it reaches over an end, or there is none.

Here a larger tolerance allows more.

**Several parts claimed together** are reproduced if all are, not reproduced if some part is after Holm's adjustment
for the number of parts, not run if none is, else inconclusive. To claim all needs no adjustment; but that one of k true
parts is found wanting happens up to k times as often as for one, and would speak against the claim as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from benchmark.statistics.comparison import holm
from benchmark.statistics.confidence import CONFIDENCE_LEVEL

Verdict = Literal[
    "reproduced",
    "not reproduced",
    "inconclusive",
    "not run",
    "not comparable: other data",
    "not comparable: other network or input size",
    "consistent",
    "inconsistent",
]
"""The last two are of the paper's own numbers."""

Magnitude = Literal["", "as printed", "smaller than printed", "larger than printed", "unresolved"]
"""How a measured value stands to the printed one; empty where the two cannot be compared."""

Ends = tuple[float, float]
"""Low and high end of an interval; NaN where there is none."""


def margin(tolerance: float, printed: float | None) -> float:
    """The difference from which on one kappa counts as higher than another.

    Args:
        tolerance: the declared one, above 0.
        printed: the printed difference in the claimed direction; None where it cannot be compared.
    """
    return min(tolerance, printed / 2) if printed is not None and printed > 0 else tolerance


def judge_ordering(ends: Ends, tolerance: float, printed: float | None) -> Verdict:
    """Judge a measured difference in the claimed direction; tolerance and printed difference as in :func:`margin`."""
    low, high = ends
    cut = margin(tolerance, printed)
    if low > cut:
        return "reproduced"
    return "not reproduced" if high < cut else "inconclusive"


def judge_number(ends: Ends, tolerance: float, printed: float) -> Verdict:
    """Judge a measured number."""
    verdicts: dict[Magnitude, Verdict] = {"as printed": "reproduced", "unresolved": "inconclusive"}
    return verdicts.get(judge_magnitude(ends, tolerance, printed), "not reproduced")


def judge_magnitude(ends: Ends, tolerance: float, printed: float) -> Magnitude:
    """Where an interval lies to the band around a printed value."""
    low, high = ends
    if high < printed - tolerance:
        return "smaller than printed"
    if low > printed + tolerance:
        return "larger than printed"
    inside = printed - tolerance <= low and high <= printed + tolerance
    return "as printed" if inside else "unresolved"


def judge_all(verdicts: Iterable[Verdict], p_short: Sequence[float]) -> Verdict:
    """Judge several parts that are claimed together.

    Args:
        verdicts: of each part.
        p_short: of each part, the one-sided p-value of its difference being the margin or more, which is small where
            the part is not reproduced; NaN where it was not judged.
    """
    found = set(verdicts)
    if len(found) == 1 and "not reproduced" not in found:
        return found.pop()
    return "not reproduced" if (holm(p_short) < (1 - CONFIDENCE_LEVEL) / 2).any() else "inconclusive"

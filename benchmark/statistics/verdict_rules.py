"""Rules for verdicts, applied to the interval of a measured value and the declared tolerance alone.

**An ordering** (one kappa is higher than another, or a saving). The *margin* is the smallest difference that counts as
higher: the tolerance, but at most half of the printed difference, so that a difference as small as the printed one can
be confirmed. The printed difference counts only if it was measured in the same setting (see :mod:`.verdicts`) and is
positive. The interval of the measured difference, in the claimed direction, decides:

* reproduced: the whole interval is above the margin.
* not reproduced: the whole interval is below the margin.
* inconclusive: the interval contains the margin or does not exist.

A verdict is firm only if every decision rule that treats both sides alike finds a difference on the same side of the
margin; otherwise it *depends on the decision rule*, and nothing is concluded.

Without a true difference, "reproduced" is rarer than the interval's one-sided error rate of 2.5 %. A larger tolerance
demands more, so it never improves a verdict. There is only one threshold, so a wider interval never makes a verdict
firmer. The size of the difference relative to the printed one (``magnitude``) is therefore a separate question, which
the band for numbers answers: an interval can exclude the printed difference and still leave the ordering open, or
confirm it.

**A number** (the kappa is this). The band is the printed number plus and minus the tolerance. A printed number is that
of one run, so the interval is the prediction interval of one further run on the same images, not that of a mean.

* reproduced: the interval is inside the band.
* not reproduced: the interval is outside the band.
* inconclusive: the interval contains an end of the band or does not exist.

Here a larger tolerance allows more.

**A pair whose printed numbers say the opposite of the claim** is *contradicted in print*: a perfect replication would
fail it. It is measured but left out of the claim as a whole.

**Several parts claimed together** are reproduced if all parts are; not reproduced if some part is, after Holm's
adjustment for the number of parts; not run if no part was run; otherwise inconclusive. Claiming all parts needs no
adjustment. But of k true parts, one fails up to k times as often as a single one, and that would count against the
claim as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal

from benchmark.statistics.comparison import holm
from benchmark.statistics.confidence import CONFIDENCE_LEVEL

Verdict = Literal[
    "reproduced",
    "not reproduced",
    "inconclusive",
    "depends on the decision rule",
    "contradicted in print",
    "not run",
    "not comparable: other data",
    "not comparable: other settings",
    "consistent",
    "inconsistent",
]
"""Verdict on a claim; the last two are about the paper's own numbers."""

ONE_RUN_MAGNITUDE: Final = "cannot be told apart by one run"
Magnitude = Literal["", "as printed", "smaller than printed", "larger than printed", "cannot be told apart by one run"]
"""Measured value relative to the printed one; empty where the two cannot be compared."""

_Ends = tuple[float, float]
"""Low and high end of an interval; NaN where there is none."""


def margin(tolerance: float, printed: float | None) -> float:
    """Return the smallest difference by which one kappa counts as higher than another.

    Args:
        tolerance: declared tolerance, above 0.
        printed: printed difference in the claimed direction; None where it cannot be compared.
    """
    return min(tolerance, printed / 2) if printed is not None and printed > 0 else tolerance


def judge_ordering(ends: _Ends, tolerance: float, printed: float | None) -> Verdict:
    """Judge a measured difference in the claimed direction; tolerance and printed difference as in :func:`margin`."""
    low, high = ends
    threshold = margin(tolerance, printed)
    if low > threshold:
        return "reproduced"
    return "not reproduced" if high < threshold else "inconclusive"


def judge_number(ends: _Ends, tolerance: float, printed: float) -> Verdict:
    """Judge a measured number by the prediction interval of one run."""
    verdicts: dict[Magnitude, Verdict] = {"as printed": "reproduced", ONE_RUN_MAGNITUDE: "inconclusive"}
    return verdicts.get(judge_magnitude(ends, tolerance, printed), "not reproduced")


def judge_magnitude(ends: _Ends, tolerance: float, printed: float) -> Magnitude:
    """Compare the prediction interval of one run, or pair of runs, with the band around a printed value."""
    low, high = ends
    if high < printed - tolerance:
        return "smaller than printed"
    if low > printed + tolerance:
        return "larger than printed"
    inside = printed - tolerance <= low and high <= printed + tolerance
    return "as printed" if inside else ONE_RUN_MAGNITUDE


def judge_all(verdicts: Iterable[Verdict], p_short: Sequence[float]) -> Verdict:
    """Judge several parts that are claimed together.

    Args:
        verdicts: verdict on each part.
        p_short: one-sided p-value of each part's difference being the margin or more, small where the part is not
            reproduced; NaN where it was not judged.
    """
    found = set(verdicts)
    if len(found) == 1 and "not reproduced" not in found:
        return found.pop()
    return "not reproduced" if (holm(p_short) < (1 - CONFIDENCE_LEVEL) / 2).any() else "inconclusive"

"""Rules for verdicts, applied to the interval of a measured value and the declared tolerance alone.

docs/explanation/verdicts.md explains the rules. An ordering has a single threshold, the *margin*, so a wider interval
never makes a verdict firmer, and a larger tolerance never improves it. Of a number, a larger tolerance allows more. The
size of a difference relative to the printed one (``magnitude``) is a separate question: an interval can exclude the
printed difference and still leave the ordering open.

Parts claimed together are reproduced if all parts are. That needs no adjustment; but of k true parts, one fails up to k
times as often as a single one, so that they are not reproduced only after Holm's adjustment.
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

"""Mean of a result over repeated splits of the same patients into train, val and test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.statistics.confidence import CONFIDENCE_LEVEL


@dataclass(frozen=True, slots=True)
class OverSplits:
    """Mean over splits with its interval, and the sample standard deviation between splits."""

    mean: float
    sd: float
    low: float
    high: float


def over_splits(values: Sequence[float], overlap: float) -> OverSplits:
    """Estimate the mean over splits with the corrected t interval of Nadeau and Bengio (2003, Machine Learning 52:239).

    Splits share most of their patients, so their values are correlated, and the standard error of the mean of J values
    is not sd / sqrt(J), but sd * sqrt(1 / J + overlap).

    Args:
        values: one per split, at least two; the result is NaN if one is NaN.
        overlap: images evaluated divided by images trained on; 0 if the splits have no patient in common.
    """
    from scipy.special import stdtrit

    mean, sd = float(np.mean(values)), float(np.std(values, ddof=1))
    reach = float(stdtrit(len(values) - 1, (1 + CONFIDENCE_LEVEL) / 2)) * sd * (1 / len(values) + overlap) ** 0.5
    return OverSplits(mean, sd, mean - reach, mean + reach)

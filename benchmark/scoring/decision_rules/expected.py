"""Nearest grade to the expected grade under the probabilities."""

from __future__ import annotations

import numpy as np

from benchmark.common.arrays import Floats, Grades
from benchmark.common.terms import GRADES
from benchmark.common.thresholds import NEAREST, apply_thresholds
from benchmark.runs.predictions import Predictions
from benchmark.scoring.decision_rules.registry import DecisionRuleInfo

ABOUT = DecisionRuleInfo(title="nearest to the expected grade", head="prob", order=2)


def apply(predictions: Predictions) -> Grades:
    """Round each expected grade to the nearest grade, or to the upper grade half-way between two."""
    return apply_thresholds(expected_grade(predictions), NEAREST)


def expected_grade(predictions: Predictions) -> Floats:
    """Return the expected grade of each image, shape (n,), 0-4."""
    assert predictions.prob is not None
    return predictions.prob.astype(np.float64) @ np.arange(GRADES)

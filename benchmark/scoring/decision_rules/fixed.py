"""Score compared with fixed thresholds."""

from __future__ import annotations

from benchmark.common.arrays import Grades
from benchmark.common.thresholds import Thresholds, apply_thresholds
from benchmark.runs.predictions import Predictions
from benchmark.scoring.decision_rules.registry import DecisionRuleInfo

ABOUT = DecisionRuleInfo(title="fixed thresholds", head="score", thresholds="given", order=5)

THRESHOLDS: Thresholds = (0.57, 1.37, 2.30, 3.12)
"""Thresholds of B. Graham, the winner of the Kaggle contest of 2015, for an expected grade on the same 0-4 scale."""


def apply(predictions: Predictions, thresholds: Thresholds = THRESHOLDS) -> Grades:
    """Compare each score with the thresholds."""
    assert predictions.score is not None
    return apply_thresholds(predictions.score, thresholds)

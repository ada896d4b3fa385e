"""Nearest grade to the score: thresholds at 0.5, 1.5, 2.5 and 3.5."""

from __future__ import annotations

from benchmark.common.arrays import Grades
from benchmark.common.thresholds import NEAREST, apply_thresholds
from benchmark.runs.predictions import Predictions
from benchmark.scoring.decision_rules.registry import DecisionRuleInfo

ABOUT = DecisionRuleInfo(title="nearest grade", head="score", order=4)


def apply(predictions: Predictions) -> Grades:
    """Round each score to the nearest grade, or to the upper grade half-way between two."""
    assert predictions.score is not None
    return apply_thresholds(predictions.score, NEAREST)

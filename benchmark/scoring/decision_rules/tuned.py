"""Score compared with thresholds that maximise kappa on val."""

from __future__ import annotations

from benchmark.common.arrays import Grades
from benchmark.common.thresholds import Thresholds, apply_thresholds, best_thresholds
from benchmark.runs.predictions import Predictions
from benchmark.scoring.decision_rules.registry import DecisionRuleInfo

ABOUT = DecisionRuleInfo(title="thresholds tuned on val", head="score", thresholds="tuned", order=6)


def fit(predictions: Predictions) -> Thresholds:
    """Return the thresholds of the scores with the highest kappa on these predictions."""
    assert predictions.score is not None
    return best_thresholds(predictions.score, predictions.grade)


def apply(predictions: Predictions, thresholds: Thresholds) -> Grades:
    """Compare each score with the thresholds."""
    assert predictions.score is not None
    return apply_thresholds(predictions.score, thresholds)

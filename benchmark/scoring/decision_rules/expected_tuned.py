"""Expected grade under the probabilities, compared with thresholds that maximise kappa on val."""

from __future__ import annotations

from benchmark.common.arrays import Grades
from benchmark.common.thresholds import Thresholds, apply_thresholds, best_thresholds
from benchmark.runs.predictions import Predictions
from benchmark.scoring.decision_rules.expected import expected_grade
from benchmark.scoring.decision_rules.registry import DecisionRuleInfo

ABOUT = DecisionRuleInfo(title="expected grade, thresholds tuned on val", head="prob", thresholds="tuned", order=3)


def fit(predictions: Predictions) -> Thresholds:
    """Return the best thresholds for the predictions."""
    return best_thresholds(expected_grade(predictions), predictions.grade)


def apply(predictions: Predictions, thresholds: Thresholds) -> Grades:
    """Compare each expected grade with the thresholds."""
    return apply_thresholds(expected_grade(predictions), thresholds)

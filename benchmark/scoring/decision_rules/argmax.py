"""Grade with the highest probability."""

from __future__ import annotations

import numpy as np

from benchmark.common.arrays import Grades
from benchmark.runs.predictions import Predictions
from benchmark.scoring.decision_rules.registry import DecisionRuleInfo

ABOUT = DecisionRuleInfo(title="most probable grade", head="prob", order=1)


def apply(predictions: Predictions) -> Grades:
    """Return the most probable grade, or the lower one of two equals."""
    assert predictions.prob is not None
    grades: Grades = predictions.prob.argmax(axis=1).astype(np.int64)
    return grades

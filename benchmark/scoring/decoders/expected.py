"""The grade nearest to the mean grade under the probabilities."""

from __future__ import annotations

import numpy as np

from benchmark.common.arrays import Floats, Grades
from benchmark.common.cuts import GRADES, NEAREST, cut
from benchmark.runs.predictions import Predictions


def decode(predictions: Predictions) -> Grades:
    """Nearest grade to each expected one; half-way goes to the upper one."""
    return cut(expected_grade(predictions), NEAREST)


def expected_grade(predictions: Predictions) -> Floats:
    """Mean grade under each image's probabilities, shape (n,), 0-4."""
    assert predictions.prob is not None
    return predictions.prob.astype(np.float64) @ np.arange(GRADES)

"""The grade nearest to the mean grade under the probabilities."""

from __future__ import annotations

from benchmark.common.arrays import Grades
from benchmark.runs.predictions import Predictions
from benchmark.scoring.decoders._cuts import NEAREST, cut, expected_grade


def decode(predictions: Predictions) -> Grades:
    """Nearest grade to each expected one; half-way goes to the upper one."""
    return cut(expected_grade(predictions), NEAREST)

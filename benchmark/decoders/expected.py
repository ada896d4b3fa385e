"""The grade nearest to the mean grade under the probabilities."""

from __future__ import annotations

from benchmark.decoders import Grades
from benchmark.decoders._cuts import NEAREST, cut, expected_grade
from benchmark.predictions import Predictions


def decode(predictions: Predictions) -> Grades:
    """Nearest grade to each expected one; half-way goes to the upper one."""
    return cut(expected_grade(predictions), NEAREST)

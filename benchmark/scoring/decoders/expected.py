"""The grade nearest to the mean grade under the probabilities."""

from __future__ import annotations

import numpy as np

from benchmark.common.arrays import Floats, Grades
from benchmark.common.cuts import GRADES, NEAREST, cut
from benchmark.runs.predictions import Predictions
from benchmark.scoring.decoders.registry import DecoderInfo

ABOUT = DecoderInfo(title="nearest to the expected grade", head="prob", order=2)


def decode(predictions: Predictions) -> Grades:
    """Nearest grade to each expected one; half-way goes to the upper one."""
    return cut(expected_grade(predictions), NEAREST)


def expected_grade(predictions: Predictions) -> Floats:
    """Mean grade under each image's probabilities, shape (n,), 0-4."""
    assert predictions.prob is not None
    return predictions.prob.astype(np.float64) @ np.arange(GRADES)

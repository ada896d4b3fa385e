"""The grade with the highest probability."""

from __future__ import annotations

import numpy as np

from benchmark.common.arrays import Grades
from benchmark.runs.predictions import Predictions
from benchmark.scoring.decoders.registry import DecoderInfo

ABOUT = DecoderInfo(title="most probable grade", head="prob", order=1)


def decode(predictions: Predictions) -> Grades:
    """Most probable grade; the lower one of equals."""
    assert predictions.prob is not None
    grades: Grades = predictions.prob.argmax(axis=1).astype(np.int64)
    return grades

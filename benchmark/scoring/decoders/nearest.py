"""Round the score to the nearest grade: cuts at 0.5, 1.5, 2.5 and 3.5."""

from __future__ import annotations

from benchmark.common.arrays import Grades
from benchmark.common.cuts import NEAREST, cut
from benchmark.runs.predictions import Predictions
from benchmark.scoring.decoders.registry import DecoderInfo

ABOUT = DecoderInfo(title="nearest grade", head="score", order=4)


def decode(predictions: Predictions) -> Grades:
    """Nearest grade to each score; a score half-way between two grades goes to the upper one."""
    assert predictions.score is not None
    return cut(predictions.score, NEAREST)

"""The score, cut where kappa on the validation split is highest."""

from __future__ import annotations

from benchmark.common.arrays import Grades
from benchmark.common.cuts import Cuts, best_cuts, cut
from benchmark.runs.predictions import Predictions
from benchmark.scoring.decoders.registry import DecoderInfo

ABOUT = DecoderInfo(title="cuts tuned on val", head="score", cuts="tuned", order=6)


def fit(predictions: Predictions) -> Cuts:
    """Best cuts for these predictions, which must be of the validation split."""
    assert predictions.score is not None
    return best_cuts(predictions.score, predictions.grade)


def decode(predictions: Predictions, cuts: Cuts) -> Grades:
    """Grade of each score by its place among the cuts."""
    assert predictions.score is not None
    return cut(predictions.score, cuts)

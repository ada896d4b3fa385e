"""The mean grade under the probabilities, cut where kappa on the validation split is highest."""

from __future__ import annotations

from benchmark.common.arrays import Grades
from benchmark.common.cuts import Cuts, best_cuts, cut
from benchmark.runs.predictions import Predictions
from benchmark.scoring.decoders.expected import expected_grade
from benchmark.scoring.decoders.registry import DecoderInfo

ABOUT = DecoderInfo(title="expected grade, cuts tuned on val", head="prob", cuts="tuned", order=3)


def fit(predictions: Predictions) -> Cuts:
    """Best cuts for these predictions, which must be of the validation split."""
    return best_cuts(expected_grade(predictions), predictions.grade)


def decode(predictions: Predictions, cuts: Cuts) -> Grades:
    """Grade of each expected grade by its place among the cuts."""
    return cut(expected_grade(predictions), cuts)

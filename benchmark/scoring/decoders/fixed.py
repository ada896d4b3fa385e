"""The score, cut at places fixed beforehand."""

from __future__ import annotations

from benchmark.common.arrays import Grades
from benchmark.common.cuts import Cuts, cut
from benchmark.runs.predictions import Predictions
from benchmark.scoring.decoders.registry import DecoderInfo

ABOUT = DecoderInfo(title="fixed cuts", head="score", cuts="given", order=5)

CUTS: Cuts = (0.57, 1.37, 2.30, 3.12)
"""Those of the 2015 Kaggle contest's winner (B. Graham), who cut a mean grade on the same 0-4 scale."""


def decode(predictions: Predictions, cuts: Cuts = CUTS) -> Grades:
    """Grade of each score by its place among the cuts."""
    assert predictions.score is not None
    return cut(predictions.score, cuts)

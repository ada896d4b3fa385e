"""Round the score to the nearest grade: cuts at 0.5, 1.5, 2.5 and 3.5."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmark.predictions import Predictions


def decode(predictions: Predictions) -> npt.NDArray[np.int64]:
    """Nearest grade to each score; a score half-way between two grades goes to the upper one."""
    assert predictions.score is not None
    return np.clip(np.floor(predictions.score + 0.5), 0, 4).astype(np.int64)

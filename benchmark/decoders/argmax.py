"""The grade with the highest probability."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmark.predictions import Predictions


def decode(predictions: Predictions) -> npt.NDArray[np.int64]:
    """Most probable grade; the lower one of equals."""
    assert predictions.prob is not None
    return predictions.prob.argmax(axis=1).astype(np.int64)

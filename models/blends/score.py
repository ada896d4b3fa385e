"""Identity blend of the first network's score: nothing is fitted."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmark.common.arrays import Ints
from models.blends.registry import BlendInfo, Columns, State

ABOUT = BlendInfo(title="the score as it is", head="score", rule="tuned", learns=False)


def fit(x: Columns, grade: Ints, seed: int) -> State:
    """Return a placeholder state, because safetensors files must not be empty."""
    return {"nothing": np.zeros(1, np.float32)}


def predict(state: State, x: Columns) -> npt.NDArray[np.float32]:
    """Return scores (n,), the first column."""
    return np.ascontiguousarray(x[:, 0], np.float32)

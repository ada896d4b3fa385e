"""Identity blend of probabilities: nothing is fitted."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmark.common.arrays import Ints
from benchmark.common.terms import GRADES
from models.blends.registry import BlendInfo, Columns, State

ABOUT = BlendInfo(title="the probabilities as they are", head="prob", rule="expected_tuned", learns=False)


def fit(x: Columns, grade: Ints, seed: int) -> State:
    """Return a placeholder state, because safetensors files must not be empty."""
    return {"nothing": np.zeros(1, np.float32)}


def predict(state: State, x: Columns) -> npt.NDArray[np.float32]:
    """Return probabilities (n, 5): the first five columns, normalised to the sum 1."""
    prob: npt.NDArray[np.float32] = x[:, :GRADES] / x[:, :GRADES].sum(1, keepdims=True)
    return prob

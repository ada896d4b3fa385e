"""Random forest on all columns (scikit-learn), stored as its training rows and refitted from them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from benchmark.common.arrays import Ints
from benchmark.common.terms import GRADES
from models.blends.registry import BlendInfo, Columns, State

ABOUT = BlendInfo(title="random forest", head="prob", rule="expected_tuned", defaults={"trees": 1000})

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier


def fit(x: Columns, grade: Ints, seed: int, trees: float) -> State:
    """Return the training rows, their labels, the seed and the number of trees, from which the forest is refitted."""
    rows = np.ascontiguousarray(x, np.float32)
    return {"rows": rows, "grade": grade.astype(np.int64), "seed": np.array([seed]), "trees": np.array([int(trees)])}


def predict(state: State, x: Columns) -> npt.NDArray[np.float32]:
    """Predict probabilities (n, 5), the mean over trees; a grade without training rows has probability 0."""
    rows, grade = state["rows"], state["grade"]
    forest = _fit_forest(rows.tobytes(), grade.tobytes(), rows.shape[1], int(state["seed"][0]), int(state["trees"][0]))
    prob = np.zeros((len(x), GRADES), np.float32)
    prob[:, forest.classes_] = forest.predict_proba(np.ascontiguousarray(x, np.float32))
    return prob


@lru_cache(maxsize=2)
def _fit_forest(rows: bytes, grade: bytes, columns: int, seed: int, trees: int) -> RandomForestClassifier:
    from sklearn.ensemble import RandomForestClassifier

    # The scikit-learn of the source used sqrt(columns) per split by default.
    forest = RandomForestClassifier(trees, max_features="sqrt", random_state=seed % 2**32, n_jobs=1)
    return forest.fit(np.frombuffer(rows, np.float32).reshape(-1, columns), np.frombuffer(grade, np.int64))

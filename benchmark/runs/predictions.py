"""Predictions: the interface between training and every later step.

A file holds one row per image: ``image_id, patient, eye, grade, score, prob_0 .. prob_4``. ``score`` is the
regression head's output (empty without that head), ``prob_*`` the softmax head's (empty without it). Numbers are
written with enough digits to restore the same float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmark.common.arrays import Ints
from benchmark.common.csv_rows import ColumnType, read_frame
from benchmark.common.files import write_text
from benchmark.common.terms import Head

PROBS = tuple(f"prob_{grade}" for grade in range(5))
OUTPUTS: dict[Head, tuple[str, ...]] = {"score": ("score",), "prob": PROBS}
"""Columns of each head."""
COLUMNS = ("image_id", "patient", "eye", "grade", "score", *PROBS)
_TYPES: dict[str, ColumnType] = {
    **dict.fromkeys(COLUMNS, float),
    "image_id": str,
    "patient": str,
    "eye": str,
    "grade": int,
}


@dataclass(frozen=True, slots=True)
class Predictions:
    """Outputs of one run on one split, in manifest order.

    Attributes:
        image_id, patient, eye: arrays of str, shape (n,); an unknown patient is "".
        grade: labels, int64, shape (n,), values 0-4.
        score: float32, shape (n,), or None without a regression head.
        prob: float32, shape (n, 5), rows summing to 1, or None without a softmax head.
    """

    image_id: npt.NDArray[np.str_]
    patient: npt.NDArray[np.str_]
    eye: npt.NDArray[np.str_]
    grade: npt.NDArray[np.int64]
    score: npt.NDArray[np.float32] | None
    prob: npt.NDArray[np.float32] | None

    def __len__(self) -> int:
        return len(self.image_id)


def write_predictions(predictions: Predictions, path: Path) -> None:
    """Write one split's predictions as csv, atomically."""
    import pandas as pd

    n = len(predictions)
    frame = pd.DataFrame(
        {
            "image_id": predictions.image_id,
            "patient": predictions.patient,
            "eye": predictions.eye,
            "grade": predictions.grade,
            "score": np.full(n, np.nan, np.float32) if predictions.score is None else predictions.score,
        }
    )
    prob = np.full((n, 5), np.nan, np.float32) if predictions.prob is None else predictions.prob
    for grade, column in enumerate(PROBS):
        frame[column] = prob[:, grade]
    write_text(path, frame.to_csv(index=False, float_format="%.9g", lineterminator="\n"))


def read_predictions(path: Path) -> Predictions:
    """Read a run's predictions.

    Raises:
        InputError: the file does not exist, or it was changed after it was written.
    """
    frame = read_frame(path, _TYPES, "dvc repro")
    score = frame["score"].to_numpy(np.float32)
    prob = frame[list(PROBS)].to_numpy(np.float32)
    return Predictions(
        image_id=frame["image_id"].to_numpy(str),
        patient=frame["patient"].to_numpy(str),
        eye=frame["eye"].to_numpy(str),
        grade=frame["grade"].to_numpy(np.int64),
        score=None if np.isnan(score).all() else score,
        prob=None if np.isnan(prob).all() else prob,
    )


def patients_in_words(patient: npt.NDArray[np.str_]) -> str:
    """Return the number of patients, with a note on images of unknown patients.

    Args:
        patient: one per image; "" for an unknown one.
    """
    unknown, n = int((patient == "").sum()), int(clusters(patient).max(initial=-1)) + 1
    if not unknown:
        return str(n)
    if unknown == len(patient):
        return "unknown: each image its own cluster"
    return f"{n}, with {unknown} images of unknown patients as their own clusters"


def clusters(patient: npt.NDArray[np.str_]) -> Ints:
    """Number the patients from 0; every image of an unknown patient ("") is a cluster of its own. Shape (n,)."""
    return _clusters(patient.dtype.str, patient.tobytes())


@lru_cache(maxsize=16)
def _clusters(dtype: str, patients: bytes) -> Ints:
    """Number the patients of an array; cached, because all arms on a split have the same patients."""
    patient = np.frombuffer(patients, dtype)
    names, number = np.unique(patient, return_inverse=True)
    unknown = patient == ""
    number[unknown] = len(names) + np.arange(unknown.sum())
    numbered = np.unique(number, return_inverse=True)[1].astype(np.int64)
    numbered.flags.writeable = False
    return numbered

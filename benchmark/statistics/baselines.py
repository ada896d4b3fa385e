"""Trivial baselines: grades made without looking at the image, which a kappa is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmark.common.terms import GRADES, Split
from benchmark.runs.predictions import Predictions
from benchmark.statistics.bootstrap import Graded, graded

FROM: Split = "val"
"""Split whose labels give the grade frequencies; of the two splits with predictions, it is not test."""
N_BASELINE_DRAWS = 20
"""Seeds of the random grades."""

_OTHER = {"left": "right", "right": "left"}


@dataclass(frozen=True, slots=True)
class TrivialBaseline:
    """Metadata of a trivial baseline."""

    title: str
    """Name in tables."""
    draws: int = 0
    """Number of random draws; 0 where nothing is random."""


TRIVIAL_BASELINES: dict[str, TrivialBaseline] = {
    "majority": TrivialBaseline(f"the most frequent grade of {FROM}"),
    "prior": TrivialBaseline(f"random grades, as frequent as on {FROM}", N_BASELINE_DRAWS),
    "fellow": TrivialBaseline("the label of the fellow eye"),
}


def trivial_baselines(outputs: Mapping[Split, Predictions], split: Split) -> dict[str, Graded]:
    """Grade a split by each of :data:`TRIVIAL_BASELINES`; draws of a random one take the place of runs.

    Args:
        outputs: labels of :data:`FROM` and of the split; predictions are not read.
        split: the split to grade.
    """
    predictions = outputs[split]
    counts = np.bincount(outputs[FROM].grade, minlength=GRADES)
    n = len(predictions)
    drawn = [np.random.default_rng(seed).choice(GRADES, n, p=counts / counts.sum()) for seed in range(N_BASELINE_DRAWS)]
    return {
        "majority": graded([predictions], [np.full(n, counts.argmax(), np.int64)]),
        "prior": graded([predictions] * N_BASELINE_DRAWS, [grades.astype(np.int64) for grades in drawn]),
        "fellow": fellow_grades(predictions),
    }


def fellow_grades(predictions: Predictions) -> Graded:
    """Grade every image by the label of the same patient's other eye.

    An image without exactly one fellow is left out: its patient or eye is unknown, or the patient has no image of the
    other eye, or several of one eye.
    """
    places: dict[tuple[str, str], list[int]] = {}
    for row, key in enumerate(zip(predictions.patient.tolist(), predictions.eye.tolist(), strict=True)):
        places.setdefault(key, []).append(row)
    pairs = [
        (rows[0], others[0])
        for (patient, eye), rows in places.items()
        if patient and eye in _OTHER and len(rows) == len(others := places.get((patient, _OTHER[eye]), [])) == 1
    ]
    rows, fellows = np.array(sorted(pairs), np.int64).reshape(-1, 2).T
    grade = predictions.grade
    return Graded(predictions.image_id[rows], predictions.patient[rows], grade[rows], grade[fellows][None])

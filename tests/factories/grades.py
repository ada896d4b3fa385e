"""Simulated patients whose two eyes are correlated in their disease and in the errors of the networks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri

from benchmark.statistics.bootstrap import Graded

SHARES = (0.735, 0.07, 0.15, 0.025, 0.02)
"""Grades among the photographs of EyePACS, rounded."""
CUTS = ndtri(np.cumsum(SHARES)[:-1])


def simulate(
    patients: int, rng: np.random.Generator, own: Sequence[float] = (0.2,), common: float = 0.4, likeness: float = 0.85
) -> Graded:
    """Grade both eyes of some patients by several runs.

    Args:
        patients: number of patients; there are twice as many images.
        rng: source of the draws.
        own: standard deviation of each run's own error, on the scale of the disease (standard deviation 1).
        common: standard deviation of the error that all runs share.
        likeness: correlation between a patient's eyes, of the disease and of the errors.
    """

    def both_eyes() -> np.ndarray:
        person, eye = rng.normal(size=(patients, 1)), rng.normal(size=(patients, 2))
        return (likeness**0.5 * person + (1 - likeness) ** 0.5 * eye).ravel()

    disease, error = both_eyes(), common * both_eyes()
    seen = [(disease + error + sd * both_eyes()) / np.sqrt(1 + common**2 + sd**2) for sd in own]
    person = np.repeat(np.arange(patients), 2)
    image = [f"{p}_{eye}" for p in range(patients) for eye in ("left", "right")]
    return Graded(
        image_id=np.array(image, dtype=str),
        patient=person.astype(str),
        grade=np.searchsorted(CUTS, disease).astype(np.int64),
        predicted=np.searchsorted(CUTS, np.array(seen)).astype(np.int64),
    )

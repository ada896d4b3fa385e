"""Who is photographed: patients, their two eyes, true grades, labels and splits, by exact quotas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from benchmark.common.terms import SPLITS, Split

if TYPE_CHECKING:
    from benchmark.sources._phantom.params import Params

Grades = NDArray[np.int64]

_NEARNESS = 0.15
"""Eyes of a disagreeing patient differ by d grades with a weight of this to the power d - 1."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One eye to be photographed."""

    patient: int
    eye: Literal["left", "right"]
    split: Split
    grade: int
    """What is drawn."""
    label: int
    """What the grader says: the grade, or a neighbour of it."""

    @property
    def image_id(self) -> str:
        """Named as in EyePACS."""
        return f"{self.patient}_{self.eye}"


def cohort(params: Params) -> list[Shot]:
    """Deal patients to splits, grades to eyes and errors to labels; ordered by patient, left eye first."""
    rng, graders = np.random.default_rng((params.seed, 0)).spawn(2)
    sizes = [getattr(params.patients, split) for split in SPLITS]
    numbers = np.split(rng.permutation(sum(sizes)) + 1, np.cumsum(sizes)[:-1])
    shots: list[Shot] = []
    for split, patients in zip(SPLITS, numbers, strict=True):
        left = rng.permutation(np.repeat(np.arange(5), quotas(params.grades, len(patients))))
        grades = np.stack([left, fellows(left, params.agreement, rng)], axis=1).ravel()
        labels = mislabel(grades, params.label_noise, graders)
        for i, (grade, label) in enumerate(zip(grades.tolist(), labels.tolist(), strict=True)):
            shots.append(Shot(int(patients[i // 2]), "right" if i % 2 else "left", split, grade, label))
    return sorted(shots, key=lambda shot: (shot.patient, shot.eye))


def quotas(shares: Sequence[float], total: int) -> list[int]:
    """Whole numbers that sum to ``total`` and lie nearest to the shares of it (largest remainders, first of equals)."""
    exact = np.array(shares) / sum(shares) * total
    whole = np.floor(exact + 1e-9).astype(int)
    whole[np.argsort(whole - exact, kind="stable")[: total - whole.sum()]] += 1
    return [int(n) for n in whole]


def fellows(grades: Grades, agreement: float, rng: np.random.Generator) -> Grades:
    """Grade of each patient's other eye, with the same number of eyes per grade.

    The share ``1 - agreement`` of the patients (rounded down to an even number) is paired off across grades, mostly
    neighbouring ones, and the two of a pair exchange the grades of their other eyes. While no grade's share exceeds
    ``agreement`` there are always patients of two grades left to pair.
    """
    other = grades.copy()
    alone = np.ones(len(grades), bool)
    distance = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    closeness = np.where(distance > 0, _NEARNESS ** (distance - 1.0), 0.0)
    for _ in range(int(len(grades) * (1 - agreement) / 2 + 1e-9)):
        count = np.bincount(grades[alone], minlength=5)
        weight = (np.outer(count, count) * closeness).ravel()
        pair = divmod(int(rng.choice(25, p=weight / weight.sum())), 5)
        one, two = (int(rng.choice(np.flatnonzero(alone & (grades == grade)))) for grade in pair)
        other[one], other[two] = other[two], other[one]
        alone[[one, two]] = False
    return other


def mislabel(grades: Grades, share: float, rng: np.random.Generator) -> Grades:
    """Move the labels of a share of the images (rounded to a whole number) to a neighbouring grade."""
    wrong = rng.choice(len(grades), round(len(grades) * share), replace=False)
    step = rng.choice([-1, 1], len(wrong))
    labels = grades.copy()
    labels[wrong] += np.where((labels[wrong] + step < 0) | (labels[wrong] + step > 4), -step, step)
    return labels

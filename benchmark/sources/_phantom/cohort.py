"""Cohort of patients: their eyes, true grades, labels and splits, with exact counts per grade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from benchmark.common.terms import SPLITS, Split

if TYPE_CHECKING:
    from benchmark.sources._phantom.params import Params

_Grades = NDArray[np.int64]

_NEARNESS = 0.15
"""Base of the weight, base ** (d - 1), with which the eyes of a disagreeing patient differ by d grades."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One eye to be photographed."""

    patient: int
    eye: Literal["left", "right"]
    split: Split
    grade: int
    """True grade, which is drawn."""
    label: int
    """Grade by the grader: the true grade or, with label noise, a neighbouring one."""

    @property
    def image_id(self) -> str:
        """Image id in the style of EyePACS."""
        return f"{self.patient}_{self.eye}"


def cohort(params: Params) -> list[Shot]:
    """Assign splits to patients, grades to eyes and errors to labels; sort by patient, left eye first."""
    rng, graders = np.random.default_rng((params.seed, 0)).spawn(2)
    sizes = [getattr(params.patients, split) for split in SPLITS]
    numbers = np.split(rng.permutation(sum(sizes)) + 1, np.cumsum(sizes)[:-1])
    shots: list[Shot] = []
    for split, patients in zip(SPLITS, numbers, strict=True):
        left = rng.permutation(np.repeat(np.arange(5), quotas(params.grades, len(patients))))
        grades = np.stack([left, draw_fellow_grades(left, params.agreement, rng)], axis=1).ravel()
        labels = mislabel(grades, params.label_noise, graders)
        for i, (grade, label) in enumerate(zip(grades.tolist(), labels.tolist(), strict=True)):
            shots.append(Shot(int(patients[i // 2]), "right" if i % 2 else "left", split, grade, label))
    return sorted(shots, key=lambda shot: (shot.patient, shot.eye))


def quotas(shares: Sequence[float], total: int) -> list[int]:
    """Round the shares of ``total`` to whole numbers with the same sum by the largest-remainder method."""
    exact = np.array(shares) / sum(shares) * total
    whole = np.floor(exact + 1e-9).astype(int)
    whole[np.argsort(whole - exact, kind="stable")[: total - whole.sum()]] += 1
    return [int(n) for n in whole]


def draw_fellow_grades(grades: _Grades, agreement: float, rng: np.random.Generator) -> _Grades:
    """Draw the grade of each patient's other eye, with the same number of eyes per grade.

    A fraction ``1 - agreement`` of the patients (rounded down to an even number) is paired across grades, mostly
    neighbouring ones, and the two patients of a pair exchange the grades of their other eyes. Patients of two grades
    remain to be paired as long as no grade's fraction exceeds ``agreement``.
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


def mislabel(grades: _Grades, share: float, rng: np.random.Generator) -> _Grades:
    """Move the labels of a fraction of the images (rounded to a whole number) to a neighbouring grade."""
    wrong = rng.choice(len(grades), round(len(grades) * share), replace=False)
    step = rng.choice([-1, 1], len(wrong))
    labels = grades.copy()
    labels[wrong] += np.where((labels[wrong] + step < 0) | (labels[wrong] + step > 4), -step, step)
    return labels

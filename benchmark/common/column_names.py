"""What tables of this field call their columns, splits and eyes: one vocabulary for every command that reads them.

Case, blanks and signs do not matter: ``Image name`` and ``image_name`` are one word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from benchmark.common.terms import Eye, Split

Role = Literal["image", "grade", "split", "patient", "eye", "prediction", "score"]

_PREDICTED = ("pred", "preds", "predicted", "prediction", "predictions")
_GRADE = ("level", "grade", "diagnosis", "label", "class", "severity")
_TRUTH = ("target", "targets", "truth", "ground_truth", "gt", "y_true", "true", "actual")
"""Of a grade that no prediction is called by."""
NAMES: Mapping[Role, tuple[tuple[str, ...], ...]] = {
    "image": (
        ("image", "images", "id_code", "Image name", "image_id", "img", "img_id", "img_name", "Fundus_images"),
        ("file", "files", "filename", "filenames", "file_path", "image_path", "path", "name", "names", "id"),
    ),
    "grade": (
        (
            *_GRADE,
            *("Retinopathy grade", "adjudicated_dr_grade", "DR_grade", "DR_Level", "DR_Levels", "DR_ICDR", "icdr"),
            *("final_icdr", "DR_grade_International_Clinical_DR_Severity_Scale", "labels", "grades", "levels"),
            *_TRUTH,
        ),
    ),
    "split": (("split", "usage", "subset", "partition", "set"),),
    "patient": (("patient", "patient_id", "patient_code", "subject", "subject_id"),),
    "eye": (("eye", "laterality", "side", "exam_eye"),),
    "prediction": (
        (
            *_PREDICTED,
            *("y_pred", "y_hat"),
            *(f"{said}_{grade}" for said in _PREDICTED for grade in _GRADE),
            *(f"{grade}_{said}" for said in _PREDICTED for grade in _GRADE),
        ),
    ),
    "score": (
        (
            *("score", "scores", "raw_score", "regression", "output", "outputs", "raw_output", "y_score"),
            *(f"{said}_score" for said in _PREDICTED),
        ),
    ),
}
"""Role of a column -> its names; those of a later group count only where a table has none of the groups before."""

SPLIT_NAMES: Mapping[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "public": "val",
    "test": "test",
    "testing": "test",
    "private": "test",
}
"""What tables call the splits, in lower case; Public and Private are Kaggle's two halves of its test set."""
EYE_NAMES: Mapping[str, Eye] = {
    "left": "left",
    "l": "left",
    "os": "left",
    "right": "right",
    "r": "right",
    "od": "right",
    "unknown": "unknown",
    "": "unknown",
}
"""What tables call the eyes, in lower case."""

_GRADE_WORDS = {
    "nodr": 0,
    "noapparentretinopathy": 0,
    "noretinopathy": 0,
    "normal": 0,
    "healthy": 0,
    "mild": 1,
    "mildnpdr": 1,
    "milddr": 1,
    "moderate": 2,
    "moderatenpdr": 2,
    "moderatedr": 2,
    "severe": 3,
    "severenpdr": 3,
    "severedr": 3,
    "pdr": 4,
    "proliferate": 4,
    "proliferative": 4,
    "proliferatedr": 4,
    "proliferativedr": 4,
}
"""The international DR scale in words."""
_WORD = re.compile(f"(.*?)({'|'.join(sorted(_GRADE_WORDS, key=len, reverse=True))})")
_DIGIT = re.compile(r"(.*?)([0-9]+)")


def find(columns: Iterable[str], role: Role) -> list[str]:
    """The columns that a table may mean for a role, in its order."""
    columns = list(columns)
    known = [{_plain(name) for name in group} for group in NAMES[role]]
    groups = ([column for column in columns if _plain(column) in group] for group in known)
    return next(filter(None, groups), [])


def is_known(column: str) -> bool:
    """Whether a column's name is a word for any role."""
    return any(_plain(column) == _plain(name) for groups in NAMES.values() for group in groups for name in group)


def may_be_predicted(column: str) -> bool:
    """Whether a word for a grade may as well stand for a predicted one, as in what contests are sent."""
    return _plain(column) not in {_plain(name) for name in _TRUTH}


def by_grade(columns: Iterable[str]) -> list[tuple[str, ...]]:
    """Sets of five columns whose names hold the grades 0-4 (in digits or words) after one beginning, in that order."""
    found: dict[str, list[tuple[int, str]]] = {}
    for column in columns:
        if parts := _grade_in(_plain(column)):
            found.setdefault(parts[0], []).append((parts[1], column))
    whole = [sorted(members) for members in found.values()]
    return [tuple(column for _, column in five) for five in whole if [grade for grade, _ in five] == [0, 1, 2, 3, 4]]


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())


def _grade_in(name: str) -> tuple[str, int] | None:
    """What a plain name begins with, and the grade that it ends with; a digit before a word must say the same."""
    if match := _WORD.fullmatch(name):
        start, grade = match[1], _GRADE_WORDS[match[2]]
        if digit := _DIGIT.fullmatch(start):
            return (digit[1], grade) if digit[2] == str(grade) else None
        return start, grade
    match = _DIGIT.fullmatch(name)
    return (match[1], int(match[2])) if match and len(match[2]) < 3 else None

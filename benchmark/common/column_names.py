"""Common names of columns, splits and eyes in tables of this field, for every command that reads such tables.

Case, blanks and punctuation are ignored: ``Image name`` and ``image_name`` are the same name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from benchmark.common.tables import whole
from benchmark.common.terms import GRADES, Eye, Split

ColumnRole = Literal["image", "grade", "split", "patient", "eye", "prediction", "score"]

_PREDICTED = ("pred", "preds", "predicted", "prediction", "predictions")
_GRADE = ("level", "grade", "diagnosis", "label", "class", "severity")
_TRUE = ("target", "truth", "ground_truth", "gt", "true", "actual")
_TRUTH = (*_TRUE, "targets", "y_true", *(f"{true}_{grade}" for true in _TRUE for grade in _GRADE))
"""Names of a true grade that are never used for a prediction."""
COLUMN_NAMES: Mapping[ColumnRole, tuple[tuple[str, ...], ...]] = {
    "image": (
        ("image", "images", "id_code", "Image name", "image_id", "img", "img_id", "img_name", "Fundus_images"),
        ("file", "files", "filename", "filenames", "file_path", "image_path", "path", "name", "names", "id"),
    ),
    "grade": (
        (
            *_GRADE,
            *(f"DR_{grade}" for grade in _GRADE),
            *("Retinopathy grade", "adjudicated_dr_grade", "DR_Levels", "DR_ICDR", "icdr"),
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
"""Role of a column -> its names in groups; a later group is used only if a table has no name of the earlier ones."""

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
"""Names of the splits in lower case; Public and Private are the two halves of Kaggle's test set."""
EYE_NAMES: Mapping[str, Eye] = {
    "left": "left",
    "l": "left",
    "os": "left",
    "le": "left",
    "left eye": "left",
    "right": "right",
    "r": "right",
    "od": "right",
    "re": "right",
    "right eye": "right",
    "unknown": "unknown",
    "": "unknown",
}
"""Names of the eyes in lower case."""

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
"""Grades of the international DR scale in words, without blanks."""
_SHORTER = {
    "nonproliferativediabeticretinopathy": "",
    "proliferativediabeticretinopathy": "pdr",
    "diabeticretinopathy": "dr",
    "nonproliferative": "",
    "npdr": "",
    "apparent": "",
    "retinopathy": "dr",
}
"""Long words in the name of a grade -> the short ones of the list above, replaced in this order."""
_PREFIXES = ("grade", "level", "class", "label", "stage", "diagnosis", "dr", "")
"""Words before a grade in a value or in the name of a folder."""
_NUMBERED = re.compile(rf"({'|'.join(_PREFIXES)})[\s_:=-]*([0-4])")
_WORD = re.compile(f"(.*?)({'|'.join(sorted(_GRADE_WORDS, key=len, reverse=True))})")
_DIGIT = re.compile(r"(.*?)([0-9]+)")


def find(columns: Iterable[str], role: ColumnRole) -> list[str]:
    """Return the columns that may have a role, in the table's order."""
    columns = list(columns)
    known = [{_plain(name) for name in group} for group in COLUMN_NAMES[role]]
    groups = ([column for column in columns if _plain(column) in group] for group in known)
    return next(filter(None, groups), [])


def is_known(column: str) -> bool:
    """Return whether a column's name belongs to any role."""
    return any(_plain(column) == _plain(name) for groups in COLUMN_NAMES.values() for group in groups for name in group)


def may_be_predicted(column: str) -> bool:
    """Return whether a name for a grade may also name a predicted one, as in submissions to contests."""
    return _plain(column) not in {_plain(name) for name in _TRUTH}


def columns_by_grade(columns: Iterable[str]) -> list[tuple[str, ...]]:
    """Return sets of five columns, named by one prefix and the grades 0-4 in digits or words, ordered by grade."""
    found: dict[str, list[tuple[int, str]]] = {}
    for column in columns:
        if parts := _grade_in(_plain(column)):
            found.setdefault(parts[0], []).append((parts[1], column))
    whole = [sorted(members) for members in found.values()]
    return [tuple(column for _, column in five) for five in whole if [grade for grade, _ in five] == [0, 1, 2, 3, 4]]


def grade_of(text: str) -> int | None:
    """Return the grade 0-4 that a value or a folder's name means, such as 2, 2.0, Moderate or 0_No_DR; else None."""
    if (number := whole(text)) is not None:
        return number if 0 <= number < GRADES else None
    if match := _NUMBERED.fullmatch(text.strip().casefold()):
        return int(match[2])
    plain = _plain(text)
    for long, short in _SHORTER.items():
        plain = plain.replace(long, short)
    if not (match := _WORD.fullmatch(plain)):
        return None
    start, grade = match[1], _GRADE_WORDS[match[2]]
    return grade if start.replace(str(grade), "", 1) in _PREFIXES else None


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())


def _grade_in(name: str) -> tuple[str, int] | None:
    """Split a plain name into its prefix and its final grade; a digit before a word must be the same grade."""
    if match := _WORD.fullmatch(name):
        start, grade = match[1], _GRADE_WORDS[match[2]]
        if digit := _DIGIT.fullmatch(start):
            return (digit[1], grade) if digit[2] == str(grade) else None
        return start, grade
    match = _DIGIT.fullmatch(name)
    return (match[1], int(match[2])) if match and len(match[2]) < 3 else None

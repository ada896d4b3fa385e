"""Labels and predictions as other people keep them: csv under many column names, or npy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.common.arrays import Floats, Ints
from benchmark.common.errors import InputError
from benchmark.runs.predictions import PROBS, Predictions
from benchmark.scoring.kappa import GRADES

Texts = npt.NDArray[np.str_]

_GRADE_NAMES = ("level", "grade", "diagnosis", "Retinopathy grade")
COLUMNS: dict[str, tuple[str, ...]] = {
    "image": ("image", "image_id", "id_code", "Image name"),
    "grade": _GRADE_NAMES,
    "patient": ("patient", "patient_id"),
    "split": ("split", "Usage"),
    "prediction": ("prediction", *_GRADE_NAMES),
    "score": ("score",),
    **{column: (column,) for column in PROBS},
}
"""Role of a column -> the names that it is found by; the first that a file has counts."""

SPLITS = {
    "public": "val",
    "val": "val",
    "validation": "val",
    "private": "test",
    "test": "test",
    "train": "train",
    "training": "train",
}
"""What a file may call a split, in any case -> the split. Public and Private are Kaggle's."""
ALL = "all"
"""The one split of labels that name none."""
TOLERANCE = 0.01
"""How far from 1 five rounded probabilities may add up to."""

Table = dict[str, "pd.Series[str]"]
"""Column name -> its values as text."""
Names = dict[str, str]
"""Role -> column name, as asked for on the command line."""


@dataclass(frozen=True, slots=True)
class Labels:
    """The truth, in the file's order: arrays of shape (n,).

    Attributes:
        image_id, patient, split: str; patient is "" where unknown.
        grade: int64, 0-4.
        patients_from: a sentence on where the patients were found.
    """

    image_id: Texts
    patient: Texts
    grade: Ints
    split: Texts
    patients_from: str


@dataclass(frozen=True, slots=True)
class Answers:
    """What a file predicts on one split.

    Attributes:
        predictions: labels, and outputs where the file holds outputs.
        grades: where it holds grades instead, int64, shape (n,), 0-4.
    """

    predictions: Predictions
    grades: Ints | None


@dataclass(frozen=True, slots=True)
class _Outputs:
    """A file's outputs, in its own order; exactly those that it has are not None."""

    score: Floats | None = None
    prob: Floats | None = None
    grades: Ints | None = None


def parse_names(given: Sequence[str], files: Sequence[Path]) -> Names:
    """Read ``role=name`` pairs.

    Raises:
        InputError: a pair is malformed, its role unknown, or its column in none of the csv files.
    """
    names = dict(pair.partition("=")[::2] for pair in given)
    known = {column for file in files if file.suffix != ".npy" for column in _read(file)}
    for role, name in names.items():
        if role not in COLUMNS or name not in known:
            msg = (
                f"--columns takes ROLE=NAME with a role of {', '.join(COLUMNS)} and a column that a file has "
                f"({', '.join(sorted(known))}), but got {role}={name}: correct it"
            )
            raise InputError(msg)
    return names


def read_labels(path: Path, names: Names) -> Labels:
    """Read images and grades, and splits and patients where there are columns for them.

    Without a column for them, patients follow from image names such as ``10_left``.

    Raises:
        InputError: the file cannot be read, lacks a column, repeats an image, or holds an unknown grade or split.
    """
    table = _read(path)
    images = _images(table, names, path)
    grade = _grades(table[_column(table, "grade", names, path)], images, path)
    split = _splits(table, images, names, path)
    patient, source = _patients(table, images, names)
    return Labels(images, patient, grade, split, source)


def read_answers(path: Path, labels: Labels, names: Names) -> dict[str, Answers]:
    """Read predictions: split -> what is predicted there, in the labels' order; unpredicted splits are left out.

    Raises:
        InputError: the file cannot be read, holds no outputs or bad ones, repeats an image, covers a split in part, or
            has an image without a label.
    """
    if path.suffix == ".npy":
        outputs, row = _read_array(path, len(labels.image_id)), np.arange(len(labels.image_id))
    else:
        table = _read(path)
        images = _images(table, names, path)
        outputs, row = _outputs(table, images, names, path), _rows(images, labels, path)
    return {
        split: _answers(labels, np.flatnonzero(labels.split == split), outputs, row)
        for split in _covered(labels, row, path)
    }


def _answers(labels: Labels, at: Ints, outputs: _Outputs, row: Ints) -> Answers:
    """The labels ``at`` these places with their outputs; ``row`` is each label's row among the outputs."""
    score, prob, grades = outputs.score, outputs.prob, outputs.grades
    predictions = Predictions(
        image_id=labels.image_id[at],
        patient=labels.patient[at],
        eye=np.full(len(at), "unknown"),
        grade=labels.grade[at],
        score=None if score is None else score[row[at]].astype(np.float32),
        prob=None if prob is None else prob[row[at]].astype(np.float32),
    )
    return Answers(predictions, None if grades is None else grades[row[at]])


def _rows(images: Texts, labels: Labels, path: Path) -> Ints:
    """Row of each label's image in the file; -1 where it has none."""
    place = pd.Index(labels.image_id).get_indexer(pd.Index(images))
    if (place < 0).any():
        stranger = str(images[place < 0][0])
        msg = (
            f"every predicted image needs a label, but {int((place < 0).sum())} of {path} have none, for instance "
            f"{stranger!r} (labels have names like {str(labels.image_id[0])!r}): add their labels or drop them"
        )
        raise InputError(msg)
    row = np.full(len(labels.image_id), -1)
    row[place] = np.arange(len(images))
    return row


def _covered(labels: Labels, row: Ints, path: Path) -> list[str]:
    """Splits that are predicted, in the order train, val, test."""
    covered = []
    for split in ("train", "val", "test", ALL):
        missing = row[labels.split == split] < 0
        if missing.all():
            continue
        if missing.any():
            example = str(labels.image_id[labels.split == split][missing][0])
            msg = (
                f"a split must be predicted whole or not at all, but {path} lacks {int(missing.sum())} of the "
                f"{len(missing)} images of {split}, for instance {example!r}: predict them"
            )
            raise InputError(msg)
        covered.append(split)
    return covered


def _outputs(table: Table, images: Texts, names: Names, path: Path) -> _Outputs:
    """Score and probabilities where there are columns for them, else grades, else five further columns.

    A column of grades that the user named goes first: a file may hold both.
    """
    score = _find(table, "score", names)
    prob = [column for role in PROBS if (column := _find(table, role, names))]
    filled = [column for column in (score, *prob) if column and (table[column] != "").any()]
    if filled and "prediction" not in names:
        scores = _numbers(table, [score], images, path)[:, 0] if score in filled else None
        probs = _probabilities(_numbers(table, prob, images, path), images, path) if set(prob) & set(filled) else None
        return _Outputs(score=scores, prob=probs)
    if column := _find(table, "prediction", names):
        return _Outputs(grades=_grades(table[column], images, path))
    others = [column for column in table if column != _find(table, "image", names)]
    if len(others) != GRADES:
        msg = (
            f"predictions need a column `score`, `prediction` (of grades), {PROBS[0]} to {PROBS[-1]}, or five columns "
            f"beside the image, but {path} has {', '.join(table)}: name them with --columns ROLE=NAME"
        )
        raise InputError(msg)
    return _Outputs(prob=_probabilities(_numbers(table, others, images, path), images, path))


def _read_array(path: Path, n: int) -> _Outputs:
    """Probabilities in the labels' order."""
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        msg = f"{path} must be a readable npy file of numbers: {' '.join(str(error).split())}"
        raise InputError(msg) from error
    if not isinstance(values, np.ndarray) or values.shape != (n, GRADES) or values.dtype.kind not in "fiu":
        shape = getattr(values, "shape", "no array")
        msg = (
            f"an npy file must hold numbers of shape ({n}, {GRADES}), a row per label, but {path} has {shape}: mend it"
        )
        raise InputError(msg)
    return _Outputs(prob=_probabilities(values.astype(np.float64), np.arange(n).astype(str), path))


def _probabilities(values: Floats, images: Texts, path: Path) -> Floats:
    """Check that rows are probabilities and make them add up to 1."""
    if values.shape[1] != GRADES:
        msg = f"probabilities need five columns, {', '.join(PROBS)}, but {path} has {values.shape[1]}: add the others"
        raise InputError(msg)
    total = values.sum(1)
    bad = ~((values >= 0).all(1) & (np.abs(total - 1) <= TOLERANCE))
    if bad.any():
        example = f"{path} has {values[bad][0].tolist()} for image {str(images[bad][0])!r}"
        msg = f"the five probabilities of an image must be 0 or more and add up to 1, but {example}: apply a softmax"
        raise InputError(msg)
    scaled: Floats = values / total[:, None]
    return scaled


def _patients(table: Table, images: Texts, names: Names) -> tuple[Texts, str]:
    """Patient of each image, and where it was found."""
    if column := _find(table, "patient", names):
        patient, source = table[column], f"column {column!r}"
    else:
        patient, source = pd.Series(images).str.extract(r"^(.+)_(?:left|right)$")[0].fillna(""), "the image names"
    unknown = int((patient == "").sum())
    if unknown == len(images):
        source = "unknown: each image counts as a patient, so intervals are too narrow where two eyes are one patient's"
    elif unknown:
        source += f"; {unknown} images of unknown patients count as a patient each"
    return patient.to_numpy(str), f"patients: {source}"


def _splits(table: Table, images: Texts, names: Names, path: Path) -> Texts:
    column = _find(table, "split", names)
    if not column:
        return np.full(len(images), ALL)
    split = table[column].str.lower().map(SPLITS)
    _refuse(split.isna().to_numpy(), table[column], images, path, f"a split must be one of {', '.join(SPLITS)}")
    return split.to_numpy(str)


def _grades(column: pd.Series[str], images: Texts, path: Path) -> Ints:
    grade = pd.to_numeric(column, errors="coerce").to_numpy(np.float64)
    rule = "a grade must be 0, 1, 2, 3 or 4 (an output to be decoded belongs in a column `score`)"
    _refuse(~np.isin(grade, np.arange(GRADES)), column, images, path, rule)
    return grade.astype(np.int64)


def _numbers(table: Table, columns: Sequence[str], images: Texts, path: Path) -> Floats:
    """Finite numbers, shape (n, columns)."""
    numbers = np.empty((len(images), len(columns)))
    for place, name in enumerate(columns):
        numbers[:, place] = pd.to_numeric(table[name], errors="coerce")
        rule = f"column {name!r} must hold a finite number everywhere"
        _refuse(~np.isfinite(numbers[:, place]), table[name], images, path, rule)
    return numbers


def _images(table: Table, names: Names, path: Path) -> Texts:
    column = table[_column(table, "image", names, path)]
    images = column.to_numpy(str)
    if not len(images):
        msg = f"{path} must hold at least one image, but has none: fill it"
        raise InputError(msg)
    _refuse(column.duplicated().to_numpy(), column, images, path, "an image may occur once")
    return images


def _refuse(bad: npt.NDArray[np.bool_], column: pd.Series[str], images: Texts, path: Path, rule: str) -> None:
    """Raise on the first bad value, if there is one."""
    if bad.any():
        first, more = int(bad.argmax()), f" ({int(bad.sum())} such rows)" if bad.sum() > 1 else ""
        msg = f"{rule}, but {path} has {column.iloc[first]!r} for image {str(images[first])!r}{more}: correct it"
        raise InputError(msg)


def _column(table: Table, role: str, names: Names, path: Path) -> str:
    """Name of a column that must be there."""
    if column := _find(table, role, names):
        return column
    msg = (
        f"{path} needs a column for the {role}, called {' or '.join(COLUMNS[role])}, but has {', '.join(table)}: "
        f"name it with --columns {role}=NAME"
    )
    raise InputError(msg)


def _find(table: Table, role: str, names: Names) -> str | None:
    candidates = ([names[role]] if role in names else []) + list(COLUMNS[role])
    return next((name for name in candidates if name in table), None)


def _read(path: Path) -> Table:
    """A csv file, every value as text."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False).fillna("")
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        msg = f"{path} must be a readable csv file with a header: {' '.join(str(error).split())}"
        raise InputError(msg) from error
    return {str(name): table[name] for name in table}

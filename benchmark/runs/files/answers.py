"""Labels and predictions in other people's files: tables with common column names, or an array."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmark.common.arrays import Ints
from benchmark.common.column_names import SPLIT_NAMES
from benchmark.common.errors import InputError
from benchmark.common.eyes import patient_and_eye, warn_of_torn_patients
from benchmark.common.patients import clean_patients
from benchmark.common.tables import TextTable
from benchmark.images.names import image_id, why_unmatched
from benchmark.runs.files.columns import Array, Names, column_of, grades_in, refuse, required
from benchmark.runs.files.outputs import ScoredOutputs, array_outputs, table_outputs
from benchmark.runs.predictions import Predictions

Texts = npt.NDArray[np.str_]

UNNAMED_SPLIT = "all"
"""Name of the only split, if labels name none."""


@dataclass(frozen=True, slots=True)
class Labels:
    """True grades in the file's order: arrays of shape (n,).

    Attributes:
        image_id, patient, split: str; an unknown patient is "".
        grade: int64, 0-4.
        patients_from: a sentence on the source of the patients.
    """

    image_id: Texts
    patient: Texts
    grade: Ints
    split: Texts
    patients_from: str


@dataclass(frozen=True, slots=True)
class Answers:
    """Predictions of a file on one split.

    Attributes:
        predictions: labels, with outputs if the file holds outputs.
        grades: int64, shape (n,), 0-4, if the file holds grades.
    """

    predictions: Predictions
    grades: Ints | None


@dataclass(frozen=True, slots=True)
class Answered:
    """Predictions of a file by split, in the labels' order, and remarks on how the file was read."""

    splits: dict[str, Answers]
    notes: tuple[str, ...]


def read_labels(file: TextTable | Array, names: Names) -> Labels:
    """Read images and grades, and splits and patients if there are columns for them.

    Without such a column, patients follow from image names such as ``10_left``. Raises InputError if the file is not a
    table, lacks a column, repeats an image, or holds an unknown grade or split.
    """
    if isinstance(file, Array):
        msg = f"labels must be a table with a column for the image and one for the grade, but {file.path} is an array"
        raise InputError(f"{msg}: write them as csv")
    images = _images(file, names)
    _refuse_recurring([image_id(image) for image in images], images, file.path)
    grade = grades_in(file, required(file, "grade", names), images)
    split = _splits(file, images, names)
    patient, source = _patients(file, images, names)
    return Labels(np.array(images), patient, grade, split, source)


def read_answers(file: TextTable | Array, labels: Labels, names: Names, only: Sequence[str] = ()) -> Answered:
    """Read predictions by split; splits without predictions are left out.

    Args:
        file: the predictions.
        labels: labels of these images, and perhaps of more.
        names: requested columns.
        only: splits that the file must hold, and no image of another one; empty for any.

    Raises:
        InputError: the file holds no outputs or bad ones, is ambiguous, repeats an image, covers a split only in part,
            has an image without a label, or holds other splits than ``only``.
    """
    if isinstance(file, Array):
        outputs, row = array_outputs(file, len(labels.image_id)), np.arange(len(labels.image_id))
    else:
        images = _images(file, names)
        place = _places(images, labels, file.path)
        outputs = table_outputs(file, images, labels.grade[place], names)
        row = np.full(len(labels.image_id), -1)
        row[place] = np.arange(len(images))
    splits = {
        split: _answers(labels, np.flatnonzero(labels.split == split), outputs, row)
        for split in _covered(labels, row, file.path, only)
    }
    return Answered(splits, tuple(f"{file.path}: {note}" for note in outputs.notes))


def _answers(labels: Labels, at: Ints, outputs: ScoredOutputs, row: Ints) -> Answers:
    """Join the labels ``at`` these places with their outputs; ``row`` is each label's row among the outputs."""
    score, prob, grades = outputs.score, outputs.prob, outputs.grades
    # Keep the file's precision: rounding could move an output over a threshold.
    heads: dict[str, Any] = {
        "score": None if score is None else score[row[at]],
        "prob": None if prob is None else prob[row[at]],
    }
    predictions = Predictions(
        image_id=labels.image_id[at],
        patient=labels.patient[at],
        eye=np.broadcast_to("unknown", len(at)),
        grade=labels.grade[at],
        **heads,
    )
    return Answers(predictions, None if grades is None else grades[row[at]])


def _places(images: Sequence[str], labels: Labels, path: Path) -> Ints:
    """Find each image's place among the labels; either name may lack the extension and leading folders."""
    ids = [image_id(name) for name in labels.image_id.tolist()]
    exact = {name: place for place, name in enumerate(ids)}
    chosen = np.array([exact.get(image_id(image), -1) for image in images], np.int64)
    others = np.flatnonzero(chosen < 0).tolist()
    if others:
        by_stem: dict[str, list[int]] = defaultdict(list)
        parts = [name.split("/") for name in ids]
        for place, folders in enumerate(parts):
            by_stem[folders[-1]].append(place)
        owns = [image_id(images[row]).split("/") for row in others]
        found = [[place for place in by_stem.get(own[-1], []) if _ends_alike(own, parts[place])] for own in owns]
        strangers = [images[row] for row, places in zip(others, found, strict=True) if not places]
        if strangers:
            msg = (
                f"every predicted image needs a label, but {len(strangers)} of {path} have none, for instance "
                f"{strangers[0]!r} (labels have names like {str(labels.image_id[0])!r}): "
                f"{why_unmatched(strangers, ids) or 'add their labels or drop them'}"
            )
            raise InputError(msg)
        for row, places in zip(others, found, strict=True):
            if len(places) > 1:
                msg = (
                    f"every predicted image needs one label, but {images[row]!r} of {path} may be "
                    f"{' or '.join(repr(str(labels.image_id[place])) for place in places[:3])}: write its folder, too"
                )
                raise InputError(msg)
            chosen[row] = places[0]
    _refuse_recurring(chosen.tolist(), images, path)
    return chosen


def _ends_alike(one: Sequence[str], other: Sequence[str]) -> bool:
    shared = min(len(one), len(other))
    return one[-shared:] == other[-shared:]


def _covered(labels: Labels, row: Ints, path: Path, only: Sequence[str]) -> list[str]:
    """Return the predicted splits in the order train, val, test."""
    others = (row >= 0) & ~np.isin(labels.split, only)
    if only and others.any():
        split, example = (str(values[others][0]) for values in (labels.split, labels.image_id))
        msg = (
            f"{path} must hold {' and '.join(only)} alone, but has {int(others.sum())} images of other splits, for "
            f"instance {example!r} of {split}: remove them"
        )
        raise InputError(msg)
    covered = []
    for split in ("train", "val", "test", UNNAMED_SPLIT):
        missing = row[labels.split == split] < 0
        if missing.all() and split not in only:
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


def _patients(table: TextTable, images: Sequence[str], names: Names) -> tuple[Texts, str]:
    """Return each image's patient and a sentence on its source."""
    column = column_of(table, "patient", names)
    written = table.columns[column] if column else [patient_and_eye(image_id(image))[0] for image in images]
    known, remarks = clean_patients(written)
    patient, source = np.array(known), "; ".join([f"column {column!r}" if column else "the image names", *remarks])
    unknown = int((patient == "").sum())
    if unknown == len(images):
        source = "unknown: each image counts as a patient, so intervals are too narrow where two eyes are one patient's"
    elif unknown:
        source += f"; {unknown} images of unknown patients count as a patient each"
    if warning := warn_of_torn_patients(zip(map(image_id, images), patient.tolist(), strict=True)):
        source += f"; {warning}"
    return patient, f"patients: {source}"


def _splits(table: TextTable, images: Sequence[str], names: Names) -> Texts:
    column = column_of(table, "split", names)
    if not column:
        return np.full(len(images), UNNAMED_SPLIT)
    written = table.columns[column]
    found = [SPLIT_NAMES.get(value.lower()) for value in written]
    rule = f"a split must be one of {', '.join(SPLIT_NAMES)}"
    refuse(np.array([split is None for split in found]), written, images, table.path, rule)
    return np.array(found, np.str_)


def _images(table: TextTable, names: Names) -> Sequence[str]:
    images = table.columns[required(table, "image", names)]
    if "" in images:
        msg = f"each row must name its image, but {table.path} has {list(images).count('')} without: name or drop them"
        raise InputError(msg)
    return images


def _refuse_recurring(keys: Sequence[object], images: Sequence[str], path: Path) -> None:
    """Raise InputError if a key, which identifies an image, occurs twice."""
    if len(set(keys)) == len(keys):
        return
    first: dict[object, str] = {}
    for key, image in zip(keys, images, strict=True):
        if key in first:
            other = f", once as {first[key]!r}" if first[key] != image else ""
            msg = f"an image may occur once, but {path} has {image!r} twice{other}: drop a row"
            raise InputError(msg)
        first[key] = image

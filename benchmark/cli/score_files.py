"""Labels and predictions as other people keep them: any table under the field's column names, or an array."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmark.common import column_names
from benchmark.common.arrays import Floats, Ints
from benchmark.common.column_names import SPLIT_NAMES, Role
from benchmark.common.errors import InputError
from benchmark.common.tables import NUMPY, Table, numbers, read_bytes, read_table, whole
from benchmark.images.names import image_id
from benchmark.runs.predictions import COLUMNS as OWN
from benchmark.runs.predictions import PROBS, Predictions
from benchmark.scoring.kappa import GRADES
from benchmark.sources.csv import patient_and_eye

Texts = npt.NDArray[np.str_]
Flags = npt.NDArray[np.bool_]

ROLES = ("image", "grade", "patient", "split", "prediction", "score", *PROBS)
"""What ``--columns`` may name."""
ALL = "all"
"""The one split of labels that name none."""
TOLERANCE = 0.01
"""How far from 1 five probabilities may add up to, where they are not rounded more coarsely."""
MOST_DECIMALS = 6
"""Values with more are not taken as rounded."""

Names = Mapping[str, str]
"""Role -> column name, as asked for on the command line."""


@dataclass(frozen=True, slots=True)
class Array:
    """Contents of an npy file: numbers of any shape."""

    path: Path
    values: Floats


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
        grades: where it holds grades, int64, shape (n,), 0-4.
    """

    predictions: Predictions
    grades: Ints | None


@dataclass(frozen=True, slots=True)
class Answered:
    """What a file predicts: split -> answers, in the labels' order, and what is to be said of how it was read."""

    splits: dict[str, Answers]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Outputs:
    """A file's outputs, in its own order; those that it has are not None."""

    score: Floats | None = None
    prob: Floats | None = None
    grades: Ints | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to read predictions out of a table: its kind, its columns, and the roles that ask for them."""

    kind: str
    columns: tuple[str, ...]
    roles: tuple[str, ...]

    def __str__(self) -> str:
        asked = " ".join(f"{role}={name}" for role, name in zip(self.roles, self.columns, strict=True))
        return f"{self.kind} (--columns {asked})"


def read_file(path: Path) -> Table | Array:
    """Read a table, or an array (.npy); what a file is follows from its content.

    Raises:
        InputError: it is missing, damaged or of another kind.
    """
    data = read_bytes(path)
    if not data.startswith(NUMPY):
        return read_table(path)
    try:
        values = np.load(io.BytesIO(data), allow_pickle=False)
        fault = "" if values.dtype.kind in "fiu" else f"values of the type {values.dtype}"
    # What numpy raises on a damaged header is open-ended: errors of its parser, of memory, of overflow.
    except Exception as error:
        fault = f"a fault ({' '.join(str(error).split())})"
    if fault:
        msg = f"{path} must be a whole npy file of numbers, but has {fault}: save the array again with numpy.save"
        raise InputError(msg)
    return Array(path, values.astype(np.float64))


def parse_names(given: Sequence[str], files: Iterable[Table | Array]) -> Names:
    """Read ``role=name`` pairs.

    Raises:
        InputError: a pair is malformed, its role unknown or given twice, or its column in none of the tables.
    """
    names: dict[str, str] = {}
    known = {column for file in files if isinstance(file, Table) for column in file.columns}
    for role, _, name in (pair.partition("=") for pair in given):
        if role not in ROLES or name not in known or role in names:
            msg = (
                f"--columns takes ROLE=NAME, each role once, with a role of {', '.join(ROLES)} and a column that a "
                f"file has ({', '.join(sorted(known))}), but got {role}={name}: correct it"
            )
            raise InputError(msg)
        names[role] = name
    return names


def read_labels(file: Table | Array, names: Names) -> Labels:
    """Take images and grades, and splits and patients where there are columns for them.

    Without a column for them, patients follow from image names such as ``10_left``.

    Raises:
        InputError: the file is no table, lacks a column, repeats an image, or holds an unknown grade or split.
    """
    if isinstance(file, Array):
        msg = f"labels must be a table with a column for the image and one for the grade, but {file.path} is an array"
        raise InputError(f"{msg}: write them as csv")
    images = _images(file, names)
    _refuse_recurring([image_id(image) for image in images], images, file.path)
    grade = _grades(file, _required(file, "grade", names), images)
    split = _splits(file, images, names)
    patient, source = _patients(file, images, names)
    return Labels(np.array(images), patient, grade, split, source)


def read_answers(file: Table | Array, labels: Labels, names: Names) -> Answered:
    """Take predictions, split by split; unpredicted splits are left out.

    Raises:
        InputError: the file holds no outputs or bad ones, leaves open which are meant, repeats an image, covers a split
            in part, or has an image without a label.
    """
    if isinstance(file, Array):
        outputs, row = _array_outputs(file, len(labels.image_id)), np.arange(len(labels.image_id))
    else:
        images = _images(file, names)
        place = _places(images, labels, file.path)
        outputs = _outputs(file, images, labels.grade[place], names)
        row = np.full(len(labels.image_id), -1)
        row[place] = np.arange(len(images))
    splits = {
        split: _answers(labels, np.flatnonzero(labels.split == split), outputs, row)
        for split in _covered(labels, row, file.path)
    }
    return Answered(splits, tuple(f"{file.path}: {note}" for note in outputs.notes))


def _answers(labels: Labels, at: Ints, outputs: _Outputs, row: Ints) -> Answers:
    """The labels ``at`` these places with their outputs; ``row`` is each label's row among the outputs."""
    score, prob, grades = outputs.score, outputs.prob, outputs.grades
    # In the precision that they came in: in a lower one, an output just below a cut could pass it.
    heads: dict[str, Any] = {
        "score": None if score is None else score[row[at]],
        "prob": None if prob is None else prob[row[at]],
    }
    predictions = Predictions(
        image_id=labels.image_id[at],
        patient=labels.patient[at],
        eye=np.full(len(at), "unknown"),
        grade=labels.grade[at],
        **heads,
    )
    return Answers(predictions, None if grades is None else grades[row[at]])


def _places(images: Sequence[str], labels: Labels, path: Path) -> Ints:
    """Place of each image among the labels; one of two names may lack the extension, and the first folders."""
    by_stem: dict[str, list[int]] = defaultdict(list)
    parts = [PurePosixPath(image_id(str(name))).parts for name in labels.image_id]
    for place, folders in enumerate(parts):
        by_stem[folders[-1]].append(place)
    found = []
    for image in images:
        own = PurePosixPath(image_id(image)).parts
        alike = [place for place in by_stem.get(own[-1], []) if _ends_alike(own, parts[place])]
        found.append([place for place in alike if parts[place] == own] or alike)
    strangers = [image for image, places in zip(images, found, strict=True) if not places]
    if strangers:
        msg = (
            f"every predicted image needs a label, but {len(strangers)} of {path} have none, for instance "
            f"{strangers[0]!r} (labels have names like {str(labels.image_id[0])!r}): add their labels or drop them"
        )
        raise InputError(msg)
    for image, places in zip(images, found, strict=True):
        if len(places) > 1:
            msg = (
                f"every predicted image needs one label, but {image!r} of {path} may be "
                f"{' or '.join(repr(str(labels.image_id[place])) for place in places[:3])}: write its folder, too"
            )
            raise InputError(msg)
    chosen = [places[0] for places in found]
    _refuse_recurring(chosen, images, path)
    return np.array(chosen, np.int64)


def _ends_alike(one: Sequence[str], other: Sequence[str]) -> bool:
    shared = min(len(one), len(other))
    return one[-shared:] == other[-shared:]


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


def _outputs(table: Table, images: Sequence[str], truth: Ints, names: Names) -> _Outputs:
    """What the user asked for; else the one reading that the columns allow; of a run of this project both heads.

    Args:
        table: predictions.
        images: their names, for messages.
        truth: their labels, which no column is taken for that equals them everywhere, unless it is asked for.
        names: what was asked for.
    """
    asked = _asked(table, names)
    readings = asked or _readings(table, names)
    equal = [reading for reading in readings if _equals(table, reading, truth)]
    if not asked:
        readings = [reading for reading in readings if reading not in equal]
        if not readings or (len(readings) > 1 and not _are_heads_of_a_run(table, readings)):
            raise InputError(_no_reading(table, readings, equal))
    parts = [_read(table, reading, images) for reading in readings]
    used = {column for reading in readings for column in reading.columns}
    notes = [note for part in parts for note in part.notes]
    notes += [f"column {reading.columns[0]!r} equals the labels in every image" for reading in equal if asked]
    notes += [
        f"column {column!r} is left as the truth, which {_told(table.columns[column], truth)}"
        for column in _truths(table, names)
        if column not in used
    ]
    merged = _Outputs(notes=tuple(notes))
    for part in parts:
        heads = {head: values for head in ("score", "prob", "grades") if (values := getattr(part, head)) is not None}
        merged = replace(merged, **heads)
    return merged


def _are_heads_of_a_run(table: Table, readings: Sequence[_Reading]) -> bool:
    """Whether these are the outputs of this project's networks with two heads."""
    return set(OWN) <= set(table.columns) and {reading.columns for reading in readings} == {("score",), PROBS}


def _no_reading(table: Table, readings: Sequence[_Reading], equal: Sequence[_Reading]) -> str:
    listed = "; ".join(map(str, readings or equal))
    if readings:
        return f"predictions must be readable in one way, but {table.path} is in {len(readings)}: choose from {listed}"
    if equal:
        return (
            "a column that equals the labels in every image is not taken for predictions unasked, but "
            f"{table.path} has no other: if it is no copy of the truth, ask for it: {listed}"
        )
    return (
        "predictions need a column `prediction` of grades, one `score`, or five columns whose names hold the grades "
        f"({PROBS[0]} to {PROBS[-1]}, class_0 to class_4, No_DR to Proliferate_DR), but {table.path} has "
        f"{', '.join(table.columns)}: name them with --columns ROLE=NAME"
    )


def _asked(table: Table, names: Names) -> list[_Reading]:
    """The readings whose columns the user named, as far as this table has them."""
    here = {role: name for role, name in names.items() if name in table.columns}
    asked = [_Reading(_HEADS[role][0], (here[role],), (role,)) for role in ("prediction", "score") if role in here]
    if probs := {PROBS.index(role): name for role, name in here.items() if role in PROBS}:
        sets = [five for five in column_names.by_grade(table.columns) if all(five[g] == n for g, n in probs.items())]
        five = tuple(probs[grade] for grade in sorted(probs)) if len(probs) == GRADES else (sets or [()])[0]
        if not five:
            msg = (
                f"the five probabilities must all be named where names do not hold the grades, but of {table.path} "
                f"only {', '.join(probs.values())} is: add --columns for {', '.join(PROBS)}"
            )
            raise InputError(msg)
        asked.append(_Reading("probabilities", five, PROBS))
    return asked


def _readings(table: Table, names: Names) -> list[_Reading]:
    """Every reading that the names of filled columns suggest; words for the truth count where there is none else."""
    filled = [column for column, values in table.columns.items() if any(values)]
    fives = [_Reading("probabilities", five, PROBS) for five in column_names.by_grade(filled)]
    inside = {column for five in fives for column in five.columns}
    scores = [_Reading("a score", (column,), ("score",)) for column in column_names.find(filled, "score")]
    predicted = [_predicted(table, column) for column in column_names.find(filled, "prediction")]
    found = [reading for reading in (*predicted, *scores) if reading.columns[0] not in inside] + fives
    return found or [_predicted(table, column) for column in _truths(table, names) if column in filled]


def _predicted(table: Table, column: str) -> _Reading:
    """Grades, or a score where any number has a fraction."""
    values = numbers(table.columns[column])
    if np.isfinite(values).all() and (values % 1 != 0).any():
        return _Reading("a score", (column,), ("score",))
    return _Reading("grades", (column,), ("prediction",))


def _truths(table: Table, names: Names) -> list[str]:
    """Columns called as the truth is; a bare word may as well stand for a prediction, as in Kaggle's submissions."""
    named = [names["grade"]] if names.get("grade") in table.columns else []
    return list(dict.fromkeys([*named, *column_names.find(table.columns, "grade")]))


def _equals(table: Table, reading: _Reading, truth: Ints) -> bool:
    return len(reading.columns) == 1 and bool((numbers(table.columns[reading.columns[0]]) == truth).all())


def _told(values: Sequence[str], truth: Ints) -> str:
    other = int((numbers(values) != truth).sum())
    return f"differs from the labels in {other} of {len(truth)} images" if other else "equals the labels"


def _read(table: Table, reading: _Reading, images: Sequence[str]) -> _Outputs:
    return _HEADS[reading.roles[0]][1](table, reading, images)


def _read_grades(table: Table, reading: _Reading, images: Sequence[str]) -> _Outputs:
    (column,) = reading.columns
    return _Outputs(grades=_grades(table, column, images), notes=(f"grades are read from column {column!r}",))


def _read_score(table: Table, reading: _Reading, images: Sequence[str]) -> _Outputs:
    (column,) = reading.columns
    score = _finite(table, reading.columns, images)[:, 0]
    return _Outputs(score=score, notes=(f"a score is read from column {column!r}",))


def _read_prob(table: Table, reading: _Reading, images: Sequence[str]) -> _Outputs:
    prob, notes = _probabilities(_finite(table, reading.columns, images), images, table.path)
    first = f"probabilities of the grades 0 to 4 are read from the columns {', '.join(reading.columns)}"
    return _Outputs(prob=prob, notes=(first, *notes))


_Read = Callable[[Table, _Reading, Sequence[str]], _Outputs]
_HEADS: Mapping[str, tuple[str, _Read]] = {
    "prediction": ("grades", _read_grades),
    "score": ("a score", _read_score),
    PROBS[0]: ("probabilities", _read_prob),
}
"""First role of a reading -> its kind, and what reads it."""


def _array_outputs(array: Array, n: int) -> _Outputs:
    """Probabilities in the labels' order."""
    if array.values.shape != (n, GRADES):
        msg = (
            f"an npy file must hold numbers of shape ({n}, {GRADES}), a row per label and a column per grade, but "
            f"{array.path} has {array.values.shape}: mend it"
        )
        raise InputError(msg)
    rows = [f"row {place}" for place in range(n)]
    if not np.isfinite(array.values).all():
        first = rows[int((~np.isfinite(array.values)).any(1).argmax())]
        msg = f"an npy file must hold finite numbers, but {array.path} does not in {first}: predict that image"
        raise InputError(msg)
    prob, notes = _probabilities(array.values, rows, array.path)
    return _Outputs(prob=prob, notes=("probabilities are read in the order of the labels and of the grades", *notes))


def _probabilities(values: Floats, images: Sequence[str], path: Path) -> tuple[Floats, list[str]]:
    """Make rows of probabilities or percentages, rounded or not, add up to 1, and say what was done.

    Raises:
        InputError: they are neither.
    """
    total = values.sum(1)
    decimals = _decimals(values)
    off = {scale: np.abs(total - scale) <= _slack(decimals, scale) for scale in (1, 100)}
    scale = 100 if off[100].all() else 1
    bad = ~((values >= 0).all(1) & off[scale])
    if bad.any():
        first = int(bad.argmax())
        logits = "which logits become by a softmax" if (values < 0).any() else "as the network gives them"
        msg = (
            f"the five probabilities of an image must be 0 or more and add up to 1 (or 100), but {path} has "
            f"{values[first].tolist()} for image {images[first]!r} ({int(bad.sum())} such rows): write probabilities, "
            f"{logits}, or the most probable grade in a column `prediction`"
        )
        raise InputError(msg)
    notes = ["percentages are read as probabilities"] if scale == 100 else []
    if (np.abs(total - scale) > 1e-6 * scale).any():
        rounded = "" if decimals is None else f", rounded to {decimals} decimals,"
        notes.append(f"as the values{rounded} do not all add up to {scale}, each row is divided by its sum")
    ties = int(((values == values.max(1, keepdims=True)).sum(1) > 1).sum())
    if ties:
        notes.append(f"in {ties} images two grades are equally probable, and the lower counts")
    scaled: Floats = values / total[:, None]
    return scaled, notes


def _decimals(values: Floats) -> int | None:
    """To how many decimals all values are rounded, as single precision tells; None if beyond :data:`MOST_DECIMALS`."""
    found = (places for places in range(MOST_DECIMALS + 1) if np.allclose(values, values.round(places), 1e-7, 1e-7))
    return next(found, None)


def _slack(decimals: int | None, scale: int) -> float:
    """How far from ``scale`` the sum of five values may be that were rounded to so many decimals each."""
    # Whole numbers can be percentages, but no rounded probabilities.
    rounding = 0.0 if decimals is None or (decimals == 0 and scale == 1) else GRADES / 2 * 10.0**-decimals
    return max(rounding, TOLERANCE * scale) + 1e-9


def _patients(table: Table, images: Sequence[str], names: Names) -> tuple[Texts, str]:
    """Patient of each image, and where it was found."""
    if column := _column(table, "patient", names):
        patient, source = np.array(table.columns[column]), f"column {column!r}"
    else:
        patient, source = np.array([patient_and_eye(image_id(image))[0] for image in images]), "the image names"
    unknown = int((patient == "").sum())
    if unknown == len(images):
        source = "unknown: each image counts as a patient, so intervals are too narrow where two eyes are one patient's"
    elif unknown:
        source += f"; {unknown} images of unknown patients count as a patient each"
    return patient, f"patients: {source}"


def _splits(table: Table, images: Sequence[str], names: Names) -> Texts:
    column = _column(table, "split", names)
    if not column:
        return np.full(len(images), ALL)
    written = table.columns[column]
    found = [SPLIT_NAMES.get(value.lower()) for value in written]
    rule = f"a split must be one of {', '.join(SPLIT_NAMES)}"
    _refuse(np.array([split is None for split in found]), written, images, table.path, rule)
    return np.array(found, np.str_)


def _grades(table: Table, column: str, images: Sequence[str]) -> Ints:
    written = table.columns[column]
    found = [whole(value) for value in written]
    rule = "a grade must be 0, 1, 2, 3 or 4 (an output to be decoded belongs in a column `score`)"
    _refuse(np.array([grade not in range(GRADES) for grade in found]), written, images, table.path, rule)
    return np.array(found, np.int64)


def _finite(table: Table, columns: Sequence[str], images: Sequence[str]) -> Floats:
    """Finite numbers, shape (n, columns)."""
    found = []
    for name in columns:
        written = table.columns[name]
        found.append(numbers(written))
        comma = " (decimals after a point, not a comma)" if any("," in value for value in written) else ""
        rule = f"column {name!r} must hold a finite number everywhere{comma}"
        _refuse(~np.isfinite(found[-1]), written, images, table.path, rule)
    return np.column_stack(found)


def _images(table: Table, names: Names) -> Sequence[str]:
    images = table.columns[_required(table, "image", names)]
    if "" in images:
        msg = f"each row must name its image, but {table.path} has {list(images).count('')} without: name or drop them"
        raise InputError(msg)
    return images


def _refuse_recurring(keys: Sequence[object], images: Sequence[str], path: Path) -> None:
    """Raise where a key, which stands for an image, occurs twice."""
    first: dict[object, str] = {}
    for key, image in zip(keys, images, strict=True):
        if key in first:
            other = f", once as {first[key]!r}" if first[key] != image else ""
            msg = f"an image may occur once, but {path} has {image!r} twice{other}: drop a row"
            raise InputError(msg)
        first[key] = image


def _refuse(bad: Flags, written: Sequence[str], images: Sequence[str], path: Path, rule: str) -> None:
    """Raise on the first bad value, if there is one."""
    if bad.any():
        first, more = int(bad.argmax()), f" ({int(bad.sum())} such rows)" if bad.sum() > 1 else ""
        msg = f"{rule}, but {path} has {written[first]!r} for image {images[first]!r}{more}: correct it"
        raise InputError(msg)


def _required(table: Table, role: Role, names: Names) -> str:
    """Name of a column that must be there."""
    if column := _column(table, role, names):
        return column
    msg = (
        f"{table.path} needs a column for the {role}, called {', '.join(column_names.NAMES[role][0][:5])} or the like, "
        f"but has {', '.join(table.columns)}: name it with --columns {role}=NAME"
    )
    raise InputError(msg)


def _column(table: Table, role: Role, names: Names) -> str | None:
    """The column that was asked for, else the one that the vocabulary finds; None where there is none.

    Raises:
        InputError: several columns, of different content, may be meant.
    """
    asked = [names[role]] if names.get(role) in table.columns else []
    found = asked or column_names.find(table.columns, role)
    if len({tuple(table.columns[name]) for name in found}) > 1:
        flags = ", ".join(f"--columns {role}={name}" for name in found)
        msg = f"{table.path} must have one column for the {role}, but {len(found)} may be meant: choose with {flags}"
        raise InputError(msg)
    return found[0] if found else None

"""Choice of the columns that hold predictions, and of their kind; an ambiguous table is refused with all readings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote

import numpy as np

from benchmark.common import column_names
from benchmark.common.arrays import Floats, Ints
from benchmark.common.errors import InputError
from benchmark.common.tables import TextTable, parse_numbers
from benchmark.common.terms import GRADES
from benchmark.runs.files.columns import Array, Names, finite, grades_in
from benchmark.runs.predictions import COLUMNS as OWN
from benchmark.runs.predictions import PROBS

TOLERANCE = 0.01
"""Allowed distance of the sum of five probabilities from 1, unless they are rounded more coarsely."""
MOST_DECIMALS = 6
"""Values with more decimals count as not rounded."""

_PROB_SDS = tuple(name.replace("prob", "prob_sd") for name in PROBS)
"""Columns of ``fundusbench predict`` with standard deviations over runs."""


@dataclass(frozen=True, slots=True)
class ScoredOutputs:
    """Outputs in the file's order; None for heads that the file lacks."""

    score: Floats | None = None
    prob: Floats | None = None
    grades: Ints | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to read predictions from a table: kind, columns, and the roles that request these columns."""

    kind: str
    columns: tuple[str, ...]
    roles: tuple[str, ...]

    def __str__(self) -> str:
        asked = " ".join(quote(f"{role}={name}") for role, name in zip(self.roles, self.columns, strict=True))
        return f"{self.kind} (--columns {asked})"


def table_outputs(table: TextTable, images: Sequence[str], truth: Ints, names: Names) -> ScoredOutputs:
    """Read the requested columns, or else the only possible reading; both heads of a run of this project.

    A column that equals the labels everywhere counts as predictions only on request.
    """
    asked = _asked(table, names)
    readings = asked or _distinct(table, _readings(table, names))
    equal = [reading for reading in readings if _equals(table, reading, truth)]
    if not asked:
        readings = [reading for reading in readings if reading not in equal]
        if not readings or (len(readings) > 1 and not _are_heads_of_a_run(table, readings)):
            raise InputError(_no_reading(table, readings, equal))
    parts = [_read(table, reading, images) for reading in readings]
    used = {column for reading in readings for column in reading.columns}
    notes = [note for part in parts for note in part.notes]
    notes += [f"column {', '.join(reading.columns)} equals the labels in every image" for reading in equal if asked]
    truths = [] if _is_from_predict(table) else _truths(table, names)
    others = dict.fromkeys([*truths, *(one.columns[0] for one in equal if len(one.columns) == 1)])
    notes += [
        f"column {column!r} is left as the truth, which {_told(table.columns[column], truth)}"
        for column in others
        if column not in used
    ]
    merged = ScoredOutputs(notes=tuple(notes))
    for part in parts:
        heads = {head: values for head in ("score", "prob", "grades") if (values := getattr(part, head)) is not None}
        merged = replace(merged, **heads)
    return merged


def _are_heads_of_a_run(table: TextTable, readings: Sequence[_Reading]) -> bool:
    """Return whether the readings are both heads of a network of this project."""
    is_own = set(OWN) <= set(table.columns) or _is_from_predict(table)
    return is_own and {reading.columns for reading in readings} == {("score",), PROBS}


def _is_from_predict(table: TextTable) -> bool:
    """Return whether ``fundusbench predict`` wrote the table; its column ``grade`` follows from the outputs."""
    return {"remark", "graded_by"} <= set(table.columns)


def _no_reading(table: TextTable, readings: Sequence[_Reading], equal: Sequence[_Reading]) -> str:
    listed = "; ".join(map(str, readings or equal))
    if readings:
        return f"predictions must be readable in one way, but {table.path} is in {len(readings)}: choose from {listed}"
    if equal:
        return (
            "predictions must differ from the labels in some image, but every such column of "
            f"{table.path} equals them: if it is not a copy of the labels, request it with {listed}"
        )
    return (
        "predictions need a column `prediction` of grades, one `score`, or five columns whose names hold the grades "
        f"({PROBS[0]} to {PROBS[-1]}, class_0 to class_4, No_DR to Proliferate_DR), but {table.path} has "
        f"{table.listed()}: name them with --columns ROLE=NAME, or add them"
    )


def _asked(table: TextTable, names: Names) -> list[_Reading]:
    """Return the readings of requested columns that this table has."""
    here = {role: name for role, name in names.items() if name in table.columns}
    asked = [_Reading(_HEADS[role][0], (here[role],), (role,)) for role in ("prediction", "score") if role in here]
    if probs := {PROBS.index(role): name for role, name in here.items() if role in PROBS}:
        sets = [
            five for five in column_names.columns_by_grade(table.columns) if all(five[g] == n for g, n in probs.items())
        ]
        five = tuple(probs[grade] for grade in sorted(probs)) if len(probs) == GRADES else (sets or [()])[0]
        if not five:
            msg = (
                f"the five probabilities must all be named where names do not hold the grades, but of {table.path} "
                f"only {', '.join(probs.values())} is: add --columns for {', '.join(PROBS)}"
            )
            raise InputError(msg)
        asked.append(_Reading("probabilities", five, PROBS))
    return asked


def _readings(table: TextTable, names: Names) -> list[_Reading]:
    """Return every reading that the names of filled columns suggest; names for the truth count last.

    Raises:
        InputError: a name for the truth and a column of numbers with an unknown name may both be predictions.
    """
    filled = [column for column, values in table.columns.items() if any(values)]
    found = [_predicted(table, column) for column in column_names.find(filled, "prediction")]
    found += [_Reading("a score", (column,), ("score",)) for column in column_names.find(filled, "score")]
    fives = [five for five in column_names.columns_by_grade(filled) if five != _PROB_SDS]
    found += [_Reading("probabilities", five, PROBS) for five in fives]
    if found:
        return found
    submitted = [column for column in _truths(table, names) if column_names.may_be_predicted(column)]
    truths = [_predicted(table, column) for column in submitted if column in filled]
    unknown = [_predicted(table, column) for column in filled if _is_unknown(table, column, names)]
    if truths and unknown:
        raise InputError(_no_reading(table, truths + unknown, ()))
    return truths


def _distinct(table: TextTable, readings: Sequence[_Reading]) -> list[_Reading]:
    """Drop readings whose values equal those of an earlier one."""
    if len(readings) < 2:
        return list(readings)
    first: dict[tuple[Sequence[str], ...], _Reading] = {}
    for reading in readings:
        first.setdefault(tuple(tuple(table.columns[column]) for column in reading.columns), reading)
    return list(first.values())


def _is_unknown(table: TextTable, column: str, names: Names) -> bool:
    """Return whether a column holds numbers under an unknown name."""
    is_known = column_names.is_known(column) or column in names.values()
    return not is_known and bool(np.isfinite(parse_numbers(table.columns[column])).all())


def _predicted(table: TextTable, column: str) -> _Reading:
    """Read a column as grades, or as a score if any number has a fraction."""
    values = parse_numbers(table.columns[column])
    if np.isfinite(values).all() and (values % 1 != 0).any():
        return _Reading("a score", (column,), ("score",))
    return _Reading("grades", (column,), ("prediction",))


def _truths(table: TextTable, names: Names) -> list[str]:
    """Return the columns with a name for the true grade."""
    named = [names["grade"]] if names.get("grade") in table.columns else []
    return list(dict.fromkeys([*named, *column_names.find(table.columns, "grade")]))


def _equals(table: TextTable, reading: _Reading, truth: Ints) -> bool:
    """Return whether one column equals the labels, or five columns are their one-hot encoding."""
    values = np.column_stack([parse_numbers(table.columns[column]) for column in reading.columns])
    copy = truth[:, None] if len(reading.columns) == 1 else np.eye(GRADES)[truth]
    return bool((values == copy).all())


def _told(values: Sequence[str], truth: Ints) -> str:
    other = int((parse_numbers(values) != truth).sum())
    return f"differs from the labels in {other} of {len(truth)} images" if other else "equals the labels"


def _read(table: TextTable, reading: _Reading, images: Sequence[str]) -> ScoredOutputs:
    return _HEADS[reading.roles[0]][1](table, reading, images)


def _read_grades(table: TextTable, reading: _Reading, images: Sequence[str]) -> ScoredOutputs:
    (column,) = reading.columns
    grades = grades_in(table, column, images)
    # Grades 1 to 5 without a 5, or whether a patient is referable, would have a kappa as well.
    scale = "" if np.ptp(grades) == GRADES - 1 else f": {grades.min()} to {grades.max()} on the scale 0 to {GRADES - 1}"
    return ScoredOutputs(grades=grades, notes=(f"grades are read from column {column!r}{scale}",))


def _read_score(table: TextTable, reading: _Reading, images: Sequence[str]) -> ScoredOutputs:
    (column,) = reading.columns
    score = finite(table, reading.columns, images)[:, 0]
    # A score on another scale, such as 0 to 1, has a kappa as well, but a meaningless one.
    scale = f"{score.min():.3g} to {score.max():.3g} on the scale of the grades, 0 to {GRADES - 1}"
    return ScoredOutputs(score=score, notes=(f"a score is read from column {column!r}: {scale}",))


def _read_prob(table: TextTable, reading: _Reading, images: Sequence[str]) -> ScoredOutputs:
    prob, notes = _probabilities(finite(table, reading.columns, images), images, table.path)
    first = f"probabilities of the grades 0 to 4 are read from the columns {', '.join(reading.columns)}"
    return ScoredOutputs(prob=prob, notes=(first, *notes))


_Read = Callable[[TextTable, _Reading, Sequence[str]], ScoredOutputs]
_HEADS: Mapping[str, tuple[str, _Read]] = {
    "prediction": ("grades", _read_grades),
    "score": ("a score", _read_score),
    PROBS[0]: ("probabilities", _read_prob),
}
"""First role of a reading -> its kind and the function that reads it."""


def array_outputs(array: Array, n: int) -> ScoredOutputs:
    """Read probabilities in the labels' order."""
    if array.values.shape != (n, GRADES):
        msg = (
            f"an npy file must hold numbers of shape ({n}, {GRADES}), a row per label and a column per grade, but "
            f"{array.path} has {array.values.shape}: save the array in that shape"
        )
        raise InputError(msg)
    rows = [f"row {place}" for place in range(n)]
    if not np.isfinite(array.values).all():
        first = rows[int((~np.isfinite(array.values)).any(1).argmax())]
        msg = f"an npy file must hold finite numbers, but {array.path} does not in {first}: predict that image"
        raise InputError(msg)
    prob, notes = _probabilities(array.values, rows, array.path)
    return ScoredOutputs(
        prob=prob, notes=("probabilities are read in the order of the labels and of the grades", *notes)
    )


def _probabilities(values: Floats, images: Sequence[str], path: Path) -> tuple[Floats, list[str]]:
    """Scale rows of probabilities or percentages, rounded or not, to a sum of 1, with remarks on the changes.

    Raises InputError if the rows are neither.
    """
    total = values.sum(1)
    decimals = _decimals(values)
    off = {scale: np.abs(total - scale) <= _slack(decimals, scale) for scale in (1, 100)}
    scale = 100 if off[100].all() else 1
    bad = ~((values >= 0).all(1) & off[scale])
    if bad.any():
        first = int(bad.argmax())
        msg = (
            f"the five probabilities of an image must be 0 or more and add up to 1 (or 100), but {path} has "
            f"{values[first].tolist()} for image {images[first]!r} ({int(bad.sum())} such rows): {_mend(values)}"
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


def _mend(values: Floats) -> str:
    """Say how values that are no probabilities become some."""
    falling = (np.diff(values) <= 0.05).all(1)
    if (values >= 0).all() and (values <= 1).all() and (values[:, 0] > 0).any() and falling.mean() > 0.9:
        return (
            "these look cumulative, each the probability of its grade or a higher one: subtract from each the next, or "
            "write the grade, the number of those above 0.5 less one, in a column `prediction`"
        )
    logits = "which logits become by a softmax" if (values < 0).any() else "as the network gives them"
    return f"write probabilities, {logits}, or the most probable grade in a column `prediction`"


def _decimals(values: Floats) -> int | None:
    """Number of decimals of all values in single precision; None if more than :data:`MOST_DECIMALS`."""
    found = (places for places in range(MOST_DECIMALS + 1) if np.allclose(values, values.round(places), 1e-7, 1e-7))
    return next(found, None)


def _slack(decimals: int | None, scale: int) -> float:
    """Allowed distance from ``scale`` of the sum of five values that are rounded to a number of decimals."""
    # Whole numbers can be percentages, but no rounded probabilities.
    rounding = 0.0 if decimals is None or (decimals == 0 and scale == 1) else GRADES / 2 * 10.0**-decimals
    return max(rounding, TOLERANCE * scale) + 1e-9

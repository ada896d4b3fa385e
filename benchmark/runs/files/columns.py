"""Tables and arrays for ``fundusbench score``, and the columns of each role in them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr

import numpy as np
import numpy.typing as npt

from benchmark.common import column_names
from benchmark.common.arrays import Floats, Ints
from benchmark.common.column_names import ColumnRole
from benchmark.common.errors import InputError
from benchmark.common.tables import NUMPY, TextTable, parse_numbers, read_bytes, read_text_table
from benchmark.common.terms import GRADES
from benchmark.runs.predictions import PROBS

Flags = npt.NDArray[np.bool_]

SCORE_ROLES = ("image", "grade", "patient", "split", "prediction", "score", *PROBS)
"""Roles that ``--columns`` accepts."""

Names = Mapping[str, str]
"""Role -> column name, as given on the command line."""


@dataclass(frozen=True, slots=True)
class Array:
    """Content of an npy file: numbers of any shape."""

    path: Path
    values: Floats


def read_file(path: Path) -> TextTable | Array:
    """Read a table or an array (.npy), recognised by its content.

    Raises InputError if the file is missing, damaged or of another kind.
    """
    data = read_bytes(path)
    if not data.startswith(NUMPY):
        return read_text_table(path)
    try:
        values = np.load(io.BytesIO(data), allow_pickle=False)
        fault = "" if values.dtype.kind in "fiu" else f"values of the type {values.dtype}"
    # For a damaged header numpy raises errors of many types: of its parser, of memory, of overflow.
    except Exception as error:
        fault = f"a fault ({' '.join(str(error).split())})"
    if fault:
        msg = f"{path} must be a whole npy file of numbers, but has {fault}: save the array again with numpy.save"
        raise InputError(msg)
    return Array(path, values.astype(np.float64))


def parse_names(given: Sequence[str], labels: TextTable | Array, predictions: Iterable[TextTable | Array]) -> Names:
    """Read ``role=name`` pairs.

    Raises InputError if a pair is malformed, its role is unknown or given twice, or no table that may have the role has
    the column.
    """
    truth, outputs = _columns_of([labels]), _columns_of(predictions)
    known = dict.fromkeys(SCORE_ROLES, outputs) | dict.fromkeys(("grade", "patient", "split"), truth)
    known["image"] = truth + outputs
    names: dict[str, str] = {}
    for role, _, name in (pair.partition("=") for pair in given):
        if role not in known:
            raise InputError(f"a role of --columns must be one of {', '.join(known)}, but is {role!r}: correct it")
        if role in names:
            raise InputError(f"--columns must name each role once, but has {role}={name}, too: remove one")
        if name not in known[role]:
            columns = ", ".join(dict.fromkeys(known[role]))
            raise InputError(
                f"--columns {role}=NAME must name a column of the file ({columns}), not {name!r}: correct it"
            )
        names[role] = name
    return names


def _columns_of(files: Iterable[TextTable | Array]) -> list[str]:
    return [column for file in files if isinstance(file, TextTable) for column in file.columns]


def required(table: TextTable, role: ColumnRole, names: Names) -> str:
    """Return the name of a column that the table must have."""
    if column := column_of(table, role, names):
        return column
    msg = (
        f"{table.path} needs a column for the {role}, called {', '.join(column_names.COLUMN_NAMES[role][0][:5])} or "
        f"the like, but has {table.listed()}: name it with --columns {role}=NAME, or add it with a first line of names"
    )
    raise InputError(msg)


def column_of(table: TextTable, role: ColumnRole, names: Names) -> str | None:
    """Return the requested column, or else the one with a common name for the role; None if there is none.

    Raises InputError if several columns of different content match.
    """
    asked = [names[role]] if names.get(role) in table.columns else []
    found = asked or column_names.find(table.columns, role)
    if len(found) > 1 and len({tuple(table.columns[name]) for name in found}) > 1:
        flags = ", ".join(f"--columns {role}={name}" for name in found)
        msg = f"{table.path} must have one column for the {role}, but {len(found)} may be meant: choose with {flags}"
        raise InputError(msg)
    return found[0] if found else None


def grades_in(table: TextTable, column: str, images: Sequence[str]) -> Ints:
    """Parse grades 0-4, shape (n,); the message on a bad value names its image."""
    written = table.columns[column]
    known = {value: column_names.grade_of(value) for value in set(written)}
    found = [known[value] for value in written]
    rule = "a grade must be 0, 1, 2, 3 or 4 (an output to be decoded belongs in a column `score`)"
    refuse(np.array([grade not in range(GRADES) for grade in found]), written, images, table.path, rule)
    return np.array(found, np.int64)


def finite(table: TextTable, columns: Sequence[str], images: Sequence[str]) -> Floats:
    """Parse finite numbers, shape (n, columns)."""
    found = []
    for name in columns:
        written = table.columns[name]
        found.append(parse_numbers(written))
        comma = " (decimals after a point, not a comma)" if any("," in value for value in written) else ""
        rule = f"column {name!r} must hold a finite number everywhere{comma}"
        refuse(~np.isfinite(found[-1]), written, images, table.path, rule)
    return np.column_stack(found)


def refuse(bad: Flags, written: Sequence[str], images: Sequence[str], path: Path, rule: str) -> None:
    """Raise InputError for the first bad value, if there is one."""
    if bad.any():
        first, more = int(bad.argmax()), f" ({int(bad.sum())} such rows)" if bad.sum() > 1 else ""
        msg = f"{rule}, but {path} has {repr(written[first])} for image {repr(images[first])}{more}: correct it"
        raise InputError(msg)

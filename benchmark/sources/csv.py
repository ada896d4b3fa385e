"""Your own data: a folder of photographs and a table of their grades."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field

from benchmark.common import column_names
from benchmark.common.column_names import EYE_NAMES, SPLIT_NAMES, ColumnRole, grade_of
from benchmark.common.errors import InputError
from benchmark.common.eyes import patient_and_eye
from benchmark.common.patients import clean_patients, is_unknown
from benchmark.common.section import Section
from benchmark.common.tables import TextTable, read_text_table, whole
from benchmark.common.terms import Counts, Split
from benchmark.common.units import some
from benchmark.images import names
from benchmark.images.reading import EXTENSIONS
from benchmark.sources._labels import yield_photographs
from benchmark.sources._own import describe, find_labels, find_photographs
from benchmark.sources._splits import GradedFile, SplitFractions, assign_splits
from benchmark.sources.registry import OnProgress, Photograph, SourceInfo, SourceParams

ABOUT = SourceInfo(
    title="Your own photographs",
    homepage="",
    terms="the owner of the photographs decides on their use",
    citation="the publication of the data set that the table describes",
)

NO_GRADE = -1
"""Grade that replaces a label that is not a whole number."""


_DEFAULT_TABLE, _DEFAULT_IMAGES = "labels.csv", "."


class ColumnNames(Section):
    """Names of the table's columns; empty for a column that the table lacks. The image and the grade are required.

    If a column of a default name is missing, synonyms of the field are tried, such as ``id_code`` or ``diagnosis``.
    """

    image: Annotated[str, Field(min_length=1)] = "image"
    """File name below ``images``, with or without extension; without the extension it is the image id."""
    level: Annotated[str, Field(min_length=1)] = "level"
    """Grade, 0-4; the check ``labels`` reports other values."""
    split: str = "split"
    """train, val (validation, Public) or test (Private). A row without one is assigned a split by ``split``."""
    patient: str = "patient"
    """Patient. Without this column, names like 17_left or 17-OD are parsed; otherwise patients are unknown."""
    eye: str = "eye"
    """left (l, OS) or right (r, OD). Without this column, names like 17_left are parsed."""


class Params(SourceParams):
    """Parameters of your own data under ``data:``."""

    table: str = _DEFAULT_TABLE
    """Path of the table, relative to root. If the default does not exist, another table with images and grades is
    looked for, then tables per split, then folders per grade (``train/0``, ``Mild``)."""
    images: str = _DEFAULT_IMAGES
    """Folder that the file names in the table are relative to; itself relative to root. By default, photographs are
    also looked for by name below root."""
    columns: ColumnNames = ColumnNames()
    split: SplitFractions = SplitFractions()
    expected: dict[Split, Counts] | None = None
    """Expected photographs per grade 0-4 of some or all splits, for the check ``counts``."""


T = TypeVar("T")


def photographs(params: SourceParams, folder: Path, progress: OnProgress) -> Iterator[Photograph]:
    """Yield the rows of the table in order; the files are read in place, so ``folder`` stays empty.

    With the default ``table`` and ``images``, they are looked for below ``root``, and one line says what was found.

    Repeated images, labels that are not grades and missing files are passed on: the data checks report them. Raises
    InputError if the table or a column is missing, or the name of a split or an eye is unknown.
    """
    assert isinstance(params, Params)
    root = Path(params.root)
    looked_for = params.table == _DEFAULT_TABLE and not (root / params.table).exists() and root.is_dir()
    table = find_labels(root) if looked_for else read_text_table(root / params.table)
    columns, files = read_graded_files(table, params.columns, root / params.images)
    if params.images == _DEFAULT_IMAGES:
        files = find_photographs(files, root)
    print(describe(table, columns, files, root), flush=True)
    yield from yield_photographs(assign_splits(files, params.split), progress)


def expected(params: SourceParams) -> Mapping[Split, Counts] | None:
    """Return the counts that the parameters of this source, or of labels alone, declare."""
    counts: Mapping[Split, Counts] | None = getattr(params, "expected", None)
    return counts


def read_graded_files(table: TextTable, names_of: ColumnNames, images: Path) -> tuple[dict[str, str], list[GradedFile]]:
    """Read a table of grades; ``images`` is the folder of the photographs, which need not be there.

    Returns:
        The names of the columns by field of :class:`ColumnNames`, and the rows.

    Raises:
        InputError: as :func:`photographs`.
    """
    chosen = _select(table, names_of)
    columns = {field: table.columns[name] for field, name in chosen.items()}
    written = [names.posix(name) for name in columns["image"]]
    if "" in written:
        count = written.count("")
        msg = f"each row must name its image, but {table.path} has {count} without: name the images or remove the rows"
        raise InputError(msg)
    ids = [names.image_id(name) for name in written]
    levels = [_level(value) for value in columns["level"]]
    splits = _values(columns, "split", ids, {**SPLIT_NAMES, "": None}, "train, val, test or empty")
    eyes = _values(columns, "eye", ids, EYE_NAMES, "left, right or empty")
    listing = cache(_listing)
    paths = [_find(images, name, listing) for name in written]
    parsed = [patient_and_eye(image_id) for image_id in ids]
    patients, remarks = clean_patients(columns.get("patient") or [patient for patient, _ in parsed])
    for remark in remarks:
        print(f"warning: {remark}", file=sys.stderr)
    rows = zip(
        ids, paths, levels, splits or [None] * len(ids), patients, eyes or [eye for _, eye in parsed], strict=True
    )
    return chosen, [GradedFile(i, path, grade, split, p, eye, label) for i, path, (grade, label), split, p, eye in rows]


def _select(table: TextTable, columns: ColumnNames) -> dict[str, str]:
    """Return the names of the existing columns by field of :class:`ColumnNames`."""
    found: dict[str, str] = {}
    for field, name in columns.model_dump().items():
        default = ColumnNames.model_fields[field].default
        if name in table.columns:
            found[field] = name
        elif name == default and (column := _find_synonym(table, field)):
            found[field] = column
        # A name that the user sets must exist; optional columns with a default name may be missing.
        elif field in ("image", "level") or name not in ("", default):
            msg = (
                f"data.columns.{field} must name a column of {table.path}, but got {name!r}: "
                f"choose one of {table.listed()}, or add it with a first line of names"
            )
            raise InputError(msg)
    return found


def _find_synonym(table: TextTable, field: str) -> str:
    """Return the column whose name is a synonym of a field; empty if there is none.

    Raises InputError if several columns with different content match.
    """
    role: ColumnRole = "grade" if field == "level" else field  # type: ignore[assignment]
    found = column_names.find(table.columns, role)
    if len({tuple(table.columns[name]) for name in found}) > 1:
        msg = f"data.columns.{field} must name one column of {table.path}, but may mean {' or '.join(found)}: set it"
        raise InputError(msg)
    return found[0] if found else ""


def _level(written: str) -> tuple[int, str]:
    """Parse a label as a grade, in digits or words, or another whole number; else return NO_GRADE and the label."""
    grade = grade_of(written)
    grade = whole(written) if grade is None else grade
    return (NO_GRADE, written or "nothing") if grade is None else (grade, "")


def _values(
    columns: Mapping[str, Sequence[str]], field: str, ids: list[str], known: Mapping[str, T], rule: str
) -> list[T]:
    """Translate the values of a column to our names; return an empty list if the table has no such column."""
    written = ["" if value.lower() not in known and is_unknown(value) else value for value in columns.get(field, [])]
    wrong = [f"{i} has {value!r}" for i, value in zip(ids, written, strict=False) if value.lower() not in known]
    if wrong:
        msg = (
            f"each {field} must be {rule}, but {some(wrong)}: correct the table, or set "
            f"data.columns.{field} to another column, or to '' for none"
        )
        raise InputError(msg)
    return [known[value.lower()] for value in written]


def _find(images: Path, name: str, listing: Callable[[Path], dict[str, list[str]]]) -> Path:
    """Find the file of that exact name, or else with the preferred extension; return its expected path if missing."""
    image_id = images / names.image_id(name)
    found = listing(image_id.parent).get(image_id.name)
    if not found:
        return images / name
    exact = Path(name).name
    return image_id.with_name(exact if exact in found else found[0])


def _listing(folder: Path) -> dict[str, list[str]]:
    """Group the photographs of a folder by stem, the preferred extension first."""
    stems: dict[str, list[str]] = {}
    files: list[Path] = []
    with suppress(OSError):  # The name may be too long for a folder.
        files = [file for file in folder.glob("*") if file.suffix.lower() in EXTENSIONS]
    for file in sorted(files, key=lambda file: (EXTENSIONS.index(file.suffix.lower()), file.name)):
        stems.setdefault(names.stem(file.name), []).append(file.name)
    return stems

"""Any folder of photographs with a table of their grades."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field

from benchmark.common import column_names
from benchmark.common.column_names import EYE_NAMES, SPLIT_NAMES, Role
from benchmark.common.errors import InputError
from benchmark.common.eyes import patient_and_eye
from benchmark.common.section import Section
from benchmark.common.tables import Table, read_table, whole
from benchmark.common.terms import Counts, Split
from benchmark.common.units import some
from benchmark.images import names
from benchmark.images.reading import EXTENSIONS
from benchmark.sources._splits import Entry, Shares, deal
from benchmark.sources.registry import Photograph, Progress, SourceInfo, SourceParams

ABOUT = SourceInfo(
    title="Your own photographs",
    homepage="",
    terms="whoever gave you the photographs decides what they may be used for",
    citation="the publication of the data set that the table describes",
)

NO_GRADE = -1
"""Stands for a label that is no whole number."""


class Columns(Section):
    """Names of the table's columns. An empty one says that the table has none; image and level it must have.

    A default one stands for the field's other words, too, where the table lacks it (``id_code`` and ``diagnosis``).
    """

    image: Annotated[str, Field(min_length=1)] = "image"
    """File name below ``images``, with or without extension; without it, this is the image id."""
    level: Annotated[str, Field(min_length=1)] = "level"
    """Grade, 0-4; what else stands there is for the check ``labels`` to judge."""
    split: str = "split"
    """train, val (validation, Public) or test (Private); empty in a row: the row is dealt."""
    patient: str = "patient"
    """Whom the eye belongs to; without such a column, names like 17_left or 17-OD tell it; else it is unknown."""
    eye: str = "eye"
    """left (l, OS) or right (r, OD); without such a column, names like 17_left tell it."""


class Params(SourceParams):
    """Where the table and the photographs are."""

    table: str = "labels.csv"
    """The table, relative to root."""
    images: str = "."
    """Folder that the table's file names start from, relative to root."""
    columns: Columns = Columns()
    split: Shares = Shares()
    expected: dict[Split, Counts] | None = None
    """Photographs per grade 0-4 that a split should have, for the check ``counts``; splits may be left out."""


T = TypeVar("T")


def photographs(params: SourceParams, folder: Path, progress: Progress) -> Iterator[Photograph]:
    """Yield the table's rows in its order; ``folder`` stays empty, as the files are used where they are.

    Recurring images, labels that are no grade and files that are not there are passed on as they are.

    Raises:
        InputError: the table or a column is missing, or a split or an eye has no known name.
    """
    assert isinstance(params, Params)
    table = read_table(Path(params.root) / params.table)
    columns = _select(table, params.columns)
    entries = deal(_entries(table, columns, Path(params.root) / params.images), params.split)
    for done, entry in enumerate(entries, start=1):
        assert entry.split is not None
        yield Photograph(entry.image_id, entry.path, entry.grade, entry.split, entry.patient, entry.eye, entry.written)
        progress(done, len(entries))


def expected(params: SourceParams) -> Mapping[Split, Counts] | None:
    """The counts that the parameters give."""
    assert isinstance(params, Params)
    return params.expected


def _select(table: Table, columns: Columns) -> dict[str, Sequence[str]]:
    """Values of the columns that there are, under the names of the fields of :class:`Columns`."""
    found = {}
    for field, name in columns.model_dump().items():
        default = Columns.model_fields[field].default
        if name in table.columns:
            found[field] = table.columns[name]
        elif name == default and (column := _one(table, field)):
            found[field] = table.columns[column]
        # A name of the user's own must be there; a default one asks for an optional column only where there is one.
        elif field in ("image", "level") or name not in ("", default):
            msg = (
                f"data.columns.{field} must name a column of {table.path}, but got {name!r}: "
                f"choose one of {table.listed()}"
            )
            raise InputError(msg)
    return found


def _one(table: Table, field: str) -> str:
    """The column that the field's words find, if there is one.

    Raises:
        InputError: several columns, of different content, may be meant.
    """
    role: Role = "grade" if field == "level" else field  # type: ignore[assignment]
    found = column_names.find(table.columns, role)
    if len({tuple(table.columns[name]) for name in found}) > 1:
        msg = f"data.columns.{field} must name one column of {table.path}, but may mean {' or '.join(found)}: set it"
        raise InputError(msg)
    return found[0] if found else ""


def _entries(table: Table, columns: Mapping[str, Sequence[str]], images: Path) -> list[Entry]:
    """Read every row and find its file."""
    written = [names.posix(name) for name in columns["image"]]
    if "" in written:
        msg = f"each row must name its image, but {table.path} has {written.count('')} without: name or drop them"
        raise InputError(msg)
    ids = [names.image_id(name) for name in written]
    levels = [_level(value) for value in columns["level"]]
    splits = _values(columns, "split", ids, {**SPLIT_NAMES, "": None}, "train, val, test or empty")
    eyes = _values(columns, "eye", ids, EYE_NAMES, "left, right or empty")
    listing = cache(_listing)
    paths = [_find(images, name, listing) for name in written]
    told = [patient_and_eye(image_id) for image_id in ids]
    patients = columns.get("patient", [patient for patient, _ in told])
    rows = zip(ids, paths, levels, splits or [None] * len(ids), patients, eyes or [eye for _, eye in told], strict=True)
    return [Entry(i, path, grade, split, p, eye, label) for i, path, (grade, label), split, p, eye in rows]


def _level(written: str) -> tuple[int, str]:
    """The whole number that a label is; else NO_GRADE and what is written."""
    grade = whole(written)
    return (NO_GRADE, written or "nothing") if grade is None else (grade, "")


def _values(
    columns: Mapping[str, Sequence[str]], field: str, ids: list[str], known: Mapping[str, T], rule: str
) -> list[T]:
    """A column's values under our names; empty where the table has no such column."""
    written = columns.get(field, [])
    wrong = [f"{i} has {value!r}" for i, value in zip(ids, written, strict=False) if value.lower() not in known]
    if wrong:
        msg = (
            f"each {field} must be {rule}, but {some(wrong)}: correct the table, or set "
            f"data.columns.{field} to another column, or empty for none"
        )
        raise InputError(msg)
    return [known[value.lower()] for value in written]


def _find(images: Path, name: str, listing: Callable[[Path], dict[str, list[str]]]) -> Path:
    """The file of exactly that name, else the one with the first of the known extensions; or where it should be."""
    image_id = images / names.image_id(name)
    found = listing(image_id.parent).get(image_id.name)
    if not found:
        return images / name
    exact = Path(name).name
    return image_id.with_name(exact if exact in found else found[0])


def _listing(folder: Path) -> dict[str, list[str]]:
    """Names of a folder's photographs by their stem, the preferred extension first."""
    stems: dict[str, list[str]] = {}
    files: list[Path] = []
    with suppress(OSError):  # No folder has so long a name.
        files = [file for file in folder.glob("*") if file.suffix.lower() in EXTENSIONS]
    for file in sorted(files, key=lambda file: (EXTENSIONS.index(file.suffix.lower()), file.name)):
        stems.setdefault(file.stem, []).append(file.name)
    return stems

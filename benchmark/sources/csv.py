"""Any folder of photographs with a table of their grades."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, TypeVar

import pandas as pd
from pydantic import Field

from benchmark.common.errors import InputError
from benchmark.common.eyes import patient_and_eye
from benchmark.common.section import Section
from benchmark.common.terms import Counts, Eye, Split
from benchmark.images.reading import EXTENSIONS
from benchmark.sources._splits import Entry, Shares, deal
from benchmark.sources.registry import About, Photograph, Progress, SourceParams

ABOUT = About(
    title="Your own photographs",
    homepage="",
    terms="whoever gave you the photographs decides what they may be used for",
    citation="the publication of the data set that the table describes",
)

SPLIT_NAMES: dict[str, Split] = {
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
EYE_NAMES: dict[str, Eye] = {
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

NO_GRADE = -1
"""Stands for a label that is no whole number."""


class Columns(Section):
    """Names of the table's columns. An empty one says that the table has none; image and level it must have."""

    image: Annotated[str, Field(min_length=1)] = "image"
    """File name below ``images``, with or without extension; without it, this is the image id."""
    level: Annotated[str, Field(min_length=1)] = "level"
    """Grade, 0-4; what else stands there is for the gate ``labels`` to judge."""
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
    """Photographs per grade 0-4 that a split should have, for the gate ``counts``; splits may be left out."""


T = TypeVar("T")


def photographs(params: SourceParams, folder: Path, progress: Progress) -> Iterator[Photograph]:
    """Yield the table's rows in its order; ``folder`` stays empty, as the files are used where they are.

    Recurring images, labels that are no grade and files that are not there are passed on as they are.

    Raises:
        InputError: the table or a column is missing, or a split or an eye has no known name.
    """
    assert isinstance(params, Params)
    path = Path(params.root) / params.table
    table = _select(_read(path), path, params.columns)
    entries = deal(_entries(table, Path(params.root) / params.images), params.split)
    for done, entry in enumerate(entries, start=1):
        assert entry.split is not None
        yield Photograph(entry.image_id, entry.path, entry.grade, entry.split, entry.patient, entry.eye, entry.written)
        progress(done, len(entries))


def expected(params: SourceParams) -> Mapping[Split, Counts] | None:
    """The counts that the parameters give."""
    assert isinstance(params, Params)
    return params.expected


def _read(path: Path) -> pd.DataFrame:
    """The table as text without blanks around it."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False)
    except FileNotFoundError as error:
        msg = f"data.table must name the table of grades below data.root, but there is no {path}: correct one of them"
        raise InputError(msg) from error
    except (OSError, ValueError) as error:
        why = " ".join(str(error).split())
        msg = f"data.table must be a csv file in UTF-8, but {path} cannot be read as one ({why}): convert it"
        raise InputError(msg) from error
    table = pd.DataFrame({str(name).strip(): column.str.strip() for name, column in table.items()})
    table = table[(table != "").any(axis=1)]
    if table.empty:
        msg = f"data.table must have a row per image, but {path} has none: fill it"
        raise InputError(msg)
    return table


def _select(table: pd.DataFrame, path: Path, columns: Columns) -> pd.DataFrame:
    """The columns that are asked for, under the names of the fields of :class:`Columns`."""
    fields = {}
    for field, name in columns.model_dump().items():
        if name in table:
            fields[name] = field
        # A name of the user's own must be there; a default one asks for an optional column only where there is one.
        elif field in ("image", "level") or name not in ("", field):
            msg = (
                f"data.columns.{field} must name a column of {path}, but got {name!r}: "
                f"choose one of {', '.join(table.columns)}"
            )
            raise InputError(msg)
    return table[list(fields)].rename(columns=fields)


def _entries(table: pd.DataFrame, images: Path) -> list[Entry]:
    """Read every row and find its file."""
    names = table["image"].tolist()
    ids = [_image_id(name) for name in names]
    levels = [_level(written) for written in table["level"]]
    splits = _values(table, "split", ids, {**SPLIT_NAMES, "": None}, "train, val, test or empty")
    eyes = _values(table, "eye", ids, EYE_NAMES, "left, right or empty")
    listing = cache(_listing)
    paths = [_find(images, name, listing) for name in names]
    told = [patient_and_eye(image_id) for image_id in ids]
    patients = table.get("patient", [patient for patient, _ in told])
    eyes = eyes or [eye for _, eye in told]
    rows = zip(ids, paths, levels, splits or [None] * len(ids), patients, eyes, strict=True)
    return [Entry(i, path, grade, split, p, eye, written) for i, path, (grade, written), split, p, eye in rows]


def _level(written: str) -> tuple[int, str]:
    """The whole number that a label is; else NO_GRADE and what is written."""
    try:
        return int(written), ""
    except ValueError:
        return NO_GRADE, written or "nothing"


def _values(table: pd.DataFrame, column: str, ids: list[str], known: Mapping[str, T], rule: str) -> list[T]:
    """A column's values under our names; empty where the table has no such column."""
    if column not in table:
        return []
    written = table[column].tolist()
    wrong = [f"{i} has {value!r}" for i, value in zip(ids, written, strict=True) if value.lower() not in known]
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        msg = f"each {column} must be {rule}, but {', '.join(wrong[:5])}{more}: correct the table"
        raise InputError(msg)
    return [known[value.lower()] for value in written]


def _image_id(name: str) -> str:
    path = Path(name)
    return (path.with_suffix("") if path.suffix.lower() in EXTENSIONS else path).as_posix()


def _find(images: Path, name: str, listing: Callable[[Path], dict[str, list[str]]]) -> Path:
    """The file of exactly that name, else the one with the first of the known extensions; or where it should be."""
    image_id = images / _image_id(name)
    found = listing(image_id.parent).get(image_id.name)
    if not found:
        return images / name
    exact = Path(name).name
    return image_id.with_name(exact if exact in found else found[0])


def _listing(folder: Path) -> dict[str, list[str]]:
    """Names of a folder's photographs by their stem, the preferred extension first."""
    stems: dict[str, list[str]] = {}
    files = [file for file in folder.glob("*") if file.suffix.lower() in EXTENSIONS]
    for file in sorted(files, key=lambda file: (EXTENSIONS.index(file.suffix.lower()), file.name)):
        stems.setdefault(file.stem, []).append(file.name)
    return stems

"""The manifest: one row per photograph, the table that every later step reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmark.common.csv_rows import read_rows
from benchmark.common.errors import InputError
from benchmark.common.files import write_text
from benchmark.common.terms import SPLITS

DATA = Path("data")
"""Folder of the data set that is trained on; another set has a folder of its own, with the same names in it."""
MANIFEST = DATA / "manifest.csv"
COLUMNS = ("image_id", "path", "patient", "eye", "grade", "split", "sha256", "width", "height", "source")


@dataclass(frozen=True, slots=True)
class Row:
    """One photograph. ``width`` and ``height`` are 0 where the file's header cannot be read."""

    image_id: str
    path: str
    patient: str
    eye: str
    grade: int
    split: str
    sha256: str
    width: int
    height: int
    source: str


def write_manifest(rows: list[Row], path: Path = MANIFEST) -> None:
    """Write the rows, ordered by split and image id, so that the file depends on the data alone.

    Raises:
        InputError: two rows share an image id, or a grade is not 0-4.
    """
    import pandas as pd

    seen: set[str] = set()
    for row in rows:
        if row.image_id in seen:
            msg = f"each image id may occur once, but {row.image_id!r} recurs: remove one of its rows"
            raise InputError(msg)
        seen.add(row.image_id)
        if row.grade not in range(5):
            msg = f"a grade must be 0, 1, 2, 3 or 4, but {row.image_id!r} has {row.grade!r}: correct its label"
            raise InputError(msg)
    order = {"train": 0, "val": 1, "test": 2}
    rows = sorted(rows, key=lambda row: (order[row.split], row.image_id))
    frame = pd.DataFrame([[getattr(row, column) for column in COLUMNS] for row in rows], columns=list(COLUMNS))
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))


def read_manifest(path: Path = MANIFEST) -> list[Row]:
    """Read the rows in the file's order.

    Raises:
        InputError: there is no manifest yet, or it is damaged.
    """
    rows = read_rows(path, Row, "fundusbench fetch")
    for row in rows:
        if row.grade not in range(5) or row.split not in SPLITS:
            msg = (
                f"{path} must hold grades 0-4 of train, val and test, but {row.image_id!r} has the grade {row.grade} "
                f"and the split {row.split!r}: make it again with `fundusbench fetch`"
            )
            raise InputError(msg)
    return rows

"""The manifest: one row per photograph, the table that every later stage reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmark.common.csv_rows import read_rows, write_rows
from benchmark.common.errors import InputError
from benchmark.common.terms import SPLITS

DATA = Path("data")
"""Folder of the training data set; another data set has its own folder with the same names in it."""
MANIFEST = DATA / "manifest.csv"


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One image. ``width`` and ``height`` are 0 if the file's header cannot be read.

    Labels without photographs have neither path nor hash.
    """

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


def write_manifest(rows: list[ManifestRow], path: Path = MANIFEST) -> None:
    """Write the rows, sorted by split and image id, so that the file depends only on the data.

    Raises:
        InputError: two rows have one image id, or a grade is not 0-4.
    """
    seen: set[str] = set()
    for row in rows:
        if row.image_id in seen:
            msg = f"each image id may occur once, but {row.image_id!r} has several rows: remove all but one"
            raise InputError(msg)
        seen.add(row.image_id)
        if row.grade not in range(5):
            msg = f"a grade must be 0, 1, 2, 3 or 4, but {row.image_id!r} has {row.grade!r}: correct its label"
            raise InputError(msg)
    splits: tuple[str, ...] = SPLITS
    write_rows(path, ManifestRow, sorted(rows, key=lambda row: (splits.index(row.split), row.image_id)))


def read_manifest(path: Path = MANIFEST) -> list[ManifestRow]:
    """Read the rows in the file's order.

    Raises:
        InputError: the manifest is missing or damaged.
    """
    rows = read_rows(path, ManifestRow, "fundusbench fetch")
    for row in rows:
        if row.grade not in range(5) or row.split not in SPLITS:
            msg = (
                f"{path} must hold grades 0-4 of train, val and test, but {row.image_id!r} has the grade {row.grade} "
                f"and the split {row.split!r}: make it again with `fundusbench fetch`"
            )
            raise InputError(msg)
    return rows

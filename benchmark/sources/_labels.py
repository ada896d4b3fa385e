"""Shared steps from a data set's own tables to photographs: read the columns, find the files, parse the grades."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmark.common.errors import InputError
from benchmark.common.tables import read_text_table, whole
from benchmark.common.terms import GRADES, SPLITS, Counts, Eye, Split
from benchmark.common.units import some
from benchmark.images.names import stem
from benchmark.images.reading import EXTENSIONS
from benchmark.sources._splits import GradedFile, SplitFractions, assign_splits
from benchmark.sources.registry import OnProgress, Photograph


@dataclass(frozen=True, slots=True)
class Label:
    """One image as a table describes it."""

    image: str
    """Name of its file, with or without extension."""
    grade: str
    """Grade as written."""
    split: Split | None = None
    """None if a split is still to be assigned."""
    patient: str = ""
    eye: Eye = "unknown"


class Tree:
    """All files below a folder, except hidden ones."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def files(self) -> list[Path]:
        """All files, sorted by path."""
        found: list[Path] = []
        for folder, subfolders, names in os.walk(self.root, followlinks=True):
            subfolders[:] = [name for name in subfolders if not name.startswith(".") and name != "__MACOSX"]
            found += [Path(folder, name) for name in names if not name.startswith(".")]
        return sorted(found)

    def table(self, name: str) -> Path:
        """Find the file of that name, ignoring case, or else its zip or gz.

        Raises InputError if there is none, or there are several.
        """
        wanted = name.lower()
        plain = [path for path in self.files if path.name.lower() == wanted]
        found = plain or [path for path in self.files if path.name.lower() in (f"{wanted}.zip", f"{wanted}.gz")]
        if len(found) != 1:
            what = f"there are {len(found)} ({', '.join(map(str, found[:3]))})" if found else "there is none"
            msg = f"a copy must have one file {name} below {self.root}, but {what}: correct data.root or the copy"
            raise InputError(msg)
        return found[0]

    def photographs(self, part: str = "") -> dict[str, list[Path]]:
        """Group the photographs by the stem of their name; only those below a folder whose name contains ``part``."""
        found: dict[str, list[Path]] = defaultdict(list)
        for path in self.files:
            folders = path.relative_to(self.root).parts[:-1]
            if path.suffix.lower() in EXTENSIONS and (not part or any(part in name.lower() for name in folders)):
                found[stem(path.name)].append(path)
        return found


def exists(path: Path) -> bool:
    """Return whether a file exists; its name may be too long for one."""
    try:
        return path.exists()
    except OSError:
        return False


def read_columns(path: Path, columns: Sequence[str], *others: Sequence[str]) -> list[tuple[str, ...]]:
    """Read columns of a data set's own table as text, row by row; case is ignored in their names.

    ``others`` are the names of these columns in other versions of the table. Raises InputError if the table cannot be
    read, or lacks a column.
    """
    table = read_text_table(path)
    known = {name.casefold(): values for name, values in table.columns.items()}
    versions = [[name for name in names if name.casefold() not in known] for names in (columns, *others)]
    missing = versions[0]
    if all(versions):
        msg = f"{path} must have a column {missing[0]!r}, but has {table.listed()}: get the original table"
        raise InputError(msg)
    complete = (columns, *others)[versions.index([])]
    return list(zip(*(known[name.casefold()] for name in complete), strict=True))


def match_files(labels: Iterable[Label], files: Mapping[str, Sequence[Path]], prefix: str = "") -> list[GradedFile]:
    """Parse the grade of each label and find its file among those of the copy by stem; ``prefix`` precedes image ids.

    Repeated images, numbers that are not grades and missing files (whose path is the bare name) are passed on: the data
    checks report them. Raises InputError if a label is not a number, or an image has several files.
    """
    labels = list(labels)
    grades = [whole(label.grade) for label in labels]
    wrong = [f"{label.image} has {label.grade!r}" for label, grade in zip(labels, grades, strict=True) if grade is None]
    _raise_if(wrong, "each grade must be 0, 1, 2, 3 or 4")
    stems = [stem(label.image) for label in labels]
    several = [f"{name} has {len(files[name])}" for name in stems if len(files.get(name, ())) > 1]
    _raise_if(several, "each image must have one file below data.root")
    return [
        GradedFile(
            image_id=f"{prefix}{name}",
            path=files[name][0] if name in files else Path(label.image),
            grade=grade,
            split=label.split,
            patient=label.patient,
            eye=label.eye,
        )
        for label, name, grade in zip(labels, stems, grades, strict=True)
        if grade is not None
    ]


def _raise_if(faults: list[str], rule: str) -> None:
    if faults:
        msg = f"{rule}, but {some(faults)}: complete or correct the copy"
        raise InputError(msg)


def yield_photographs(files: Sequence[GradedFile], progress: OnProgress) -> Iterator[Photograph]:
    """Yield the photographs of files whose split is assigned."""
    for done, file in enumerate(files, start=1):
        assert file.split is not None
        yield Photograph(file.image_id, file.path, file.grade, file.split, file.patient, file.eye, file.written)
        progress(done, len(files))


def report_ungradable(title: str, ungradable: int) -> None:
    """Print how many images are excluded because they have no grade."""
    if ungradable:
        print(f"{title}: {ungradable} images that its graders call ungradable are excluded", flush=True)


def expected_counts(known: Mapping[Split | None, Counts], fractions: SplitFractions) -> dict[Split, Counts]:
    """Compute the number of images per split and grade after :func:`assign_splits`, if no patient is known.

    Every image is then split by itself in the order of the grades, so the counts before the split (those of images
    without a split under None) determine the counts after it.
    """
    files = [
        GradedFile(f"{split} {grade} {i}", Path(), grade, split, "", "unknown")
        for split, counts in known.items()
        for grade, count in enumerate(counts)
        for i in range(count)
    ]
    found = Counter((file.split, file.grade) for file in assign_splits(files, fractions))
    return {split: tuple(found[split, grade] for grade in range(GRADES)) for split in SPLITS}  # type: ignore[misc]

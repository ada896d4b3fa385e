"""From the tables that data sets come with to photographs: find the files, read the grades, deal what has no split."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmark.common.errors import InputError
from benchmark.common.tables import read_table, whole
from benchmark.common.terms import SPLITS, Counts, Eye, Split
from benchmark.common.units import some
from benchmark.images.names import stem
from benchmark.images.reading import EXTENSIONS
from benchmark.sources._splits import Entry, Shares, deal
from benchmark.sources.registry import Photograph, Progress


@dataclass(frozen=True, slots=True)
class Label:
    """What a table says of one image."""

    image: str
    """Name of its file, with or without extension."""
    grade: str
    """As written."""
    split: Split | None = None
    """None where it is still to be dealt."""
    patient: str = ""
    eye: Eye = "unknown"


class Tree:
    """The files below a folder, but for hidden ones."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def files(self) -> list[Path]:
        """All of them, in the order of their paths."""
        found: list[Path] = []
        for folder, subfolders, names in os.walk(self.root, followlinks=True):
            subfolders[:] = [name for name in subfolders if not name.startswith(".") and name != "__MACOSX"]
            found += [Path(folder, name) for name in names if not name.startswith(".")]
        return sorted(found)

    def has(self, name: str) -> bool:
        """Whether there is a file of that name, whatever the case of its letters."""
        return any(path.name.lower() == name.lower() for path in self.files)

    def table(self, name: str) -> Path:
        """The file of that name, or the same packed.

        Raises:
            InputError: there is none, or there are several.
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
        """Photographs by the stem of their name; only those with ``part`` in a folder's name below the root."""
        found: dict[str, list[Path]] = defaultdict(list)
        for path in self.files:
            folders = path.relative_to(self.root).parts[:-1]
            if path.suffix.lower() in EXTENSIONS and (not part or any(part in name.lower() for name in folders)):
                found[path.stem].append(path)
        return found


def read_columns(path: Path, columns: Sequence[str]) -> list[tuple[str, ...]]:
    """Columns of a data set's own table as text, row by row.

    Args:
        path: any table.
        columns: their names, but for the case of letters, in the order that they are wanted in.

    Raises:
        InputError: it cannot be read, or lacks a column.
    """
    table = read_table(path)
    known = {name.casefold(): values for name, values in table.columns.items()}
    missing = [name for name in columns if name.casefold() not in known]
    if missing:
        msg = f"{path} must have a column {missing[0]!r}, but has {table.listed()}: get the original table"
        raise InputError(msg)
    return list(zip(*(known[name.casefold()] for name in columns), strict=True))


def find_entries(labels: Iterable[Label], files: Mapping[str, Sequence[Path]], prefix: str = "") -> list[Entry]:
    """Give each label its grade as a number and its file.

    An image that recurs, a number that is no grade and a file that is not there (its path is then the bare name) are
    passed on: whoever reads the files and writes the manifest refuses them.

    Args:
        labels: of one table.
        files: those of the copy, by stem.
        prefix: goes before the stem to make the image id, where stems recur in a data set.

    Raises:
        InputError: a label is no number, or an image has several files.
    """
    labels = list(labels)
    grades = [whole(label.grade) for label in labels]
    told = zip(labels, grades, strict=True)
    _refuse(
        "each grade must be 0, 1, 2, 3 or 4", [f"{one.image} has {one.grade!r}" for one, grade in told if grade is None]
    )
    found = [(label, stem(label.image)) for label in labels]
    several = [f"{name} has {len(files[name])}" for _, name in found if len(files.get(name, ())) > 1]
    _refuse("each image must have one file below data.root", several)
    return [
        Entry(
            image_id=f"{prefix}{name}",
            path=files[name][0] if name in files else Path(label.image),
            grade=grade,
            split=label.split,
            patient=label.patient,
            eye=label.eye,
        )
        for (label, name), grade in zip(found, grades, strict=True)
        if grade is not None
    ]


def photographs_of(entries: Sequence[Entry], progress: Progress) -> Iterator[Photograph]:
    """Yield what every entry says; each has its split by now."""
    for done, entry in enumerate(entries, start=1):
        assert entry.split is not None
        yield Photograph(entry.image_id, entry.path, entry.grade, entry.split, entry.patient, entry.eye)
        progress(done, len(entries))


def leave_out(title: str, ungradable: int) -> None:
    """Say how many images have no grade."""
    if ungradable:
        print(f"{title}: {ungradable} images that its graders call ungradable are left out", flush=True)


def dealt(known: Mapping[Split | None, Counts], shares: Shares) -> dict[Split, Counts]:
    """Images per grade after :func:`benchmark.sources.registry.csv.deal`, where no patient is known.

    Each image is then dealt by itself, in the order of the grades, so that the counts beforehand (under None those
    without a split) decide the counts afterwards.
    """
    entries = [
        Entry(f"{split} {grade} {i}", Path(), grade, split, "", "unknown")
        for split, counts in known.items()
        for grade, count in enumerate(counts)
        for i in range(count)
    ]
    found = Counter((entry.split, entry.grade) for entry in deal(entries, shares))
    return {split: tuple(found[split, grade] for grade in range(5)) for split in SPLITS}  # type: ignore[misc]


def _refuse(rule: str, faults: list[str]) -> None:
    if faults:
        msg = f"{rule}, but {some(faults)}: complete or correct the copy"
        raise InputError(msg)

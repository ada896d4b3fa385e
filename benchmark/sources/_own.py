"""Labels and photographs in a folder whose layout is not declared: a table, tables per split, or folders per grade."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from benchmark.common import column_names
from benchmark.common.column_names import SPLIT_NAMES, grade_of
from benchmark.common.errors import InputError
from benchmark.common.tables import TextTable, read_text_table
from benchmark.common.terms import Split
from benchmark.common.units import some
from benchmark.images.names import stem, why_unmatched
from benchmark.images.reading import EXTENSIONS
from benchmark.sources._labels import Tree, exists
from benchmark.sources._splits import GradedFile

_TABLES = (".csv", ".tsv", ".xlsx", ".xlsb", ".xls", ".ods", ".csv.gz", ".csv.zip")
_SUBFOLDERS = 2
"""Depth of folders below the root in which tables are looked for."""
_MAX_TABLES = 50
_PREFERRED = ("labels", "label", "trainlabels", "train", "grades", "annotations")
"""Names of a table of labels, the likeliest first."""


def find_labels(root: Path) -> TextTable:
    """Return the labels of a folder of photographs: of the one table with images and grades, or of folders per grade.

    Raises InputError if there are neither, or if several tables may be meant.
    """
    tree = Tree(root)
    if found := [table for path in _table_paths(tree) if (table := _graded(path))]:
        return _one_of(found, root)
    labels = _grades_of_folders(tree)
    if labels is None:
        msg = (
            f"a folder of photographs needs a table with their names and grades ({', '.join(_TABLES)}), or a folder "
            f"per grade such as train/0 or Mild, but {root} has neither: add one, or set data.table"
        )
        raise InputError(msg)
    return labels


def find_photographs(files: Sequence[GradedFile], root: Path) -> list[GradedFile]:
    """Return the files of a table with the paths of those that are elsewhere below the root, found by their names.

    Of several photographs of one name, that in the folder with most of the others is taken.
    """
    if all(exists(file.path) for file in files):
        return list(files)
    known = Tree(root).photographs()
    candidates = [[] if exists(file.path) else _named(file.image_id, known) for file in files]
    missing = [file.image_id for file, paths in zip(files, candidates, strict=True) if not (paths or exists(file.path))]
    if reason := why_unmatched(missing, known):
        print(f"warning: {len(missing)} photographs of the table are missing; {reason}", file=sys.stderr)
    folders = Counter(paths[0].parent for paths in candidates if len(paths) == 1)
    return [
        replace(file, path=max(paths, key=lambda path: folders[path.parent])) if paths else file
        for file, paths in zip(files, candidates, strict=True)
    ]


def _named(name: str, known: dict[str, list[Path]]) -> list[Path]:
    """Return the photographs whose path ends in an image id."""
    parts = PurePosixPath(name).parts
    paths = known.get(stem(name), [])
    return [path for path in paths if path.with_suffix("").parts[-len(parts) :] == parts] or paths


def _table_paths(tree: Tree) -> list[Path]:
    near = (path for path in tree.files if len(path.relative_to(tree.root).parts) <= _SUBFOLDERS + 1)
    return [path for path in near if path.name.lower().endswith(_TABLES)][:_MAX_TABLES]


def _graded(path: Path) -> TextTable | None:
    """Return a table with a column for the image and one for the grade; None if it lacks one."""
    try:
        table = read_text_table(path)
    except InputError:
        return None
    has_both = all(column_names.find(table.columns, role) for role in ("image", "grade"))
    return table if has_both else None


def _one_of(found: list[TextTable], root: Path) -> TextTable:
    """Return the one table, or the tables of the splits as one."""
    if len(found) == 1:
        return found[0]
    splits = [_split_in(table.path.name) for table in found]
    if None not in splits and len(set(splits)) == len(splits):
        return _joined(found, [split for split in splits if split], root)
    names = [re.split(r"\W", table.path.name.lower())[0] for table in found]
    for name in _PREFERRED:
        if names.count(name) == 1:
            return found[names.index(name)]
    listed = some([str(table.path.relative_to(root)) for table in found])
    msg = f"a folder must have one table of grades, but {root} has {listed}: choose one with data.table"
    raise InputError(msg)


def _split_in(name: str) -> Split | None:
    """Return the split that the name of a table or folder begins with; None if it names none."""
    word = re.match(r"[a-z]+", name.lower().removesuffix(".csv"))
    text = re.sub(r"(labels?|set|ing|images?|data|csv)+$", "", word[0]) if word else ""
    return SPLIT_NAMES.get(word[0] if word else "") or SPLIT_NAMES.get(text)


def _joined(tables: Sequence[TextTable], splits: Sequence[Split], root: Path) -> TextTable:
    """Return the tables of several splits as one, with the columns that all of them have."""
    columns: dict[str, list[str]] = {"split": []}
    for table, split in zip(tables, splits, strict=True):
        columns["split"] += [split] * len(table)
    for role, name in (("image", "image"), ("grade", "level"), ("patient", "patient"), ("eye", "eye")):
        named = [column_names.find(table.columns, role) for table in tables]  # type: ignore[arg-type]
        if all(named):
            values = (table.columns[names[0]] for table, names in zip(tables, named, strict=True))
            columns[name] = [value for column in values for value in column]
    return TextTable(root / " + ".join(table.path.name for table in tables), columns)


def _grades_of_folders(tree: Tree) -> TextTable | None:
    """Return the labels of photographs in folders per grade, as torchvision reads them, with the splits above them."""
    rows: list[tuple[str, str, str]] = []
    for path in tree.files:
        name = path.relative_to(tree.root)
        folders = name.parts[:-1] if path.suffix.lower() in EXTENSIONS else ()
        if (grade := next((g for part in reversed(folders) if (g := grade_of(part)) is not None), None)) is not None:
            rows.append((name.as_posix(), str(grade), next(filter(None, map(_split_in, folders)), "")))
    if len({grade for _, grade, _ in rows}) < 2:
        return None
    return TextTable(tree.root, dict(zip(("image", "level", "split"), zip(*rows, strict=True), strict=True)))


def describe(table: TextTable, columns: dict[str, str], files: Sequence[GradedFile], root: Path) -> str:
    """Return one line on the labels and photographs that were read."""
    named = ", ".join(f"{field} from `{name}`" for field, name in columns.items())
    missing = [f"{field} {how}" for field, how in _WITHOUT.items() if field not in columns]
    folders = Counter(file.path.parent for file in files)
    (folder, _), more = folders.most_common(1)[0], len(folders) - 1
    place = f"{folder}" + f" and {more} more folders" * bool(more)
    source = f"folders per grade in {root}" if table.path == root else str(table.path)
    return f"data: {len(files)} photographs in {place}, labels of {source} ({', '.join([named, *missing])})"


_WITHOUT = {"split": "assigned by patient", "patient": "from the file names if possible"}
"""Origin of a field for which the table has no column."""

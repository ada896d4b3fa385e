"""The stage ``fetch``: locate or generate the photographs, run the data checks, and write the manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from benchmark.common.errors import InputError
from benchmark.common.progress import progress_bar
from benchmark.common.terms import SPLITS, Counts, Split
from benchmark.data.checks.registry import InspectedDataset
from benchmark.data.manifest import DATA, MANIFEST, ManifestRow, write_manifest
from benchmark.data.outcome import CHECKS_CSV, raise_if_stopped, run_checks, write_check_rows
from benchmark.data.outcome import format_checks as check_summary
from benchmark.data.shortcuts import graded_photographs, predict_from_shortcuts, write_shortcuts
from benchmark.images.fingerprint import ImageInfo, unreadable
from benchmark.images.names import stem
from benchmark.images.reading import EXTENSIONS
from benchmark.sources._labels import Tree, exists
from benchmark.sources.registry import Photograph, SourceParams, load_source

if TYPE_CHECKING:
    from benchmark.settings.data import DataParams

PHOTOGRAPHS_FOLDER = DATA / "photographs"
"""Folder of generated or downloaded photographs; others stay where they are."""
_NO_FILE = unreadable(0, 0, "labels alone")
"""Properties of an image whose photograph the data set does not have."""


def run(params: DataParams, folder: Path = DATA, splits: Collection[Split] = SPLITS) -> None:
    """Write the checks, the manifest and the predictions by shortcuts of the data set, and print a summary.

    Args:
        params: parameters of the data stages.
        folder: folder of the data set.
        splits: splits of the manifest; photographs of other splits are not read.

    Raises:
        InputError: the source rejects its input, a check with the policy stop finds issues, or a split is left empty;
            ``data/checks.csv`` then still lists the issues.
    """
    checks_csv, manifest = folder / CHECKS_CSV.name, folder / MANIFEST.name
    source = load_source(params.data.source)
    photographs = [one for one in locate(params.data, folder / PHOTOGRAPHS_FOLDER.name) if one.split in splits]
    known = source.expected(params.data) or {}
    expected = {split: known[split] for split in splits if split in known}
    dataset = inspect(params.data, photographs, expected, params.prepare.workers)
    outcome = run_checks(dataset, params.checks)
    write_check_rows(outcome.rows, checks_csv)
    print(check_summary(outcome.rows))
    raise_if_stopped(outcome, checks_csv)
    _refuse_empty(photographs, outcome.dropped, checks_csv)
    found = enumerate(zip(photographs, dataset.infos or [_NO_FILE] * len(photographs), strict=True))
    kept = [pair for index, pair in found if index not in outcome.dropped]
    rows = [_row(photograph, info, params.data.name) for photograph, info in kept]
    write_manifest(rows, manifest)
    write_shortcuts(predict_from_shortcuts(graded_photographs(kept)), folder)
    print(f"{manifest}: {len(rows)} images of {params.data.name}; {len(outcome.dropped)} dropped")
    print(f"cite: {source.ABOUT.citation}")
    print(format_splits(rows))


def _refuse_empty(photographs: Sequence[Photograph], dropped: Container[int], listed: Path) -> None:
    """Raise if all photographs of a split were dropped, because the later stages need all splits."""
    before = Counter(photograph.split for photograph in photographs)
    after = Counter(photograph.split for index, photograph in enumerate(photographs) if index not in dropped)
    emptied = [f"all {before[split]} of {split}" for split in before if not after[split]]
    if emptied:
        msg = (
            f"checks must leave photographs in each split, but drop {' and '.join(emptied)}: see {listed}, and "
            "correct the data or the splits"
        )
        raise InputError(msg)


def inspect(
    data: SourceParams,
    photographs: Sequence[Photograph],
    expected: Mapping[Split, Counts] | None,
    workers: int = 0,
    *,
    labels_only: bool = False,
) -> InspectedDataset:
    """Open every photograph of a data set; none of labels alone, or on request.

    Raises:
        InputError: no photograph is where its table says, or a worker was killed.
    """
    if labels_only or not load_source(data.source).ABOUT.has_photographs:
        return InspectedDataset(tuple(photographs), expected=expected)
    from benchmark.data.inspection import inspect_dataset

    refuse_absent(photographs, Path(data.root))
    return inspect_dataset(photographs, expected, workers)


def locate(data: SourceParams, folder: Path) -> list[Photograph]:
    """Return every photograph of a data set; generated or downloaded files go into ``folder``.

    Raises:
        InputError: the source rejects its input.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # The delay lets a downloading source print its messages first.
    with progress_bar(unit=" photographs", desc="locate", delay=1) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return list(load_source(data.source).photographs(data, folder, progress))


def refuse_absent(photographs: Sequence[Photograph], root: Path) -> None:
    """Raise if no photograph is where its table says, naming the folder in which most of them are."""
    if not photographs or any(exists(photograph.path) for photograph in photographs):
        return
    files = Tree(root).photographs()
    elsewhere = [(path, photograph) for photograph in photographs for path in files.get(stem(photograph.image_id), [])]
    folders = Counter(_base_folder(path, photograph.image_id) for path, photograph in elsewhere)
    if folders:
        ((folder, count),) = folders.most_common(1)
        fix = f"{count} are in {folder}: set data.images (or data.root) to it, from data.root"
    else:
        fix = f"no photograph with such a name is below {root} (as {' '.join(EXTENSIONS)}): correct data.root"
    msg = (
        f"photographs must be where their table says, but none of {len(photographs)} is, for instance "
        f"{photographs[0].path}: {fix}"
    )
    raise InputError(msg)


def _base_folder(path: Path, image_id: str) -> Path:
    """Return the folder that an image id is relative to, or the file's own folder if the id names other folders."""
    folders = PurePosixPath(image_id).parts[:-1]
    matches = path.parent.parts[-len(folders) :] == folders if folders else False
    return path.parents[len(folders)] if matches else path.parent


def format_splits(rows: Iterable[ManifestRow]) -> str:
    """Format a table of images, patients and grades per split."""
    lines = [f"{'split':<6}{'images':>8}{'patients':>10}" + "".join(f"{f'grade {grade}':>9}" for grade in range(5))]
    for split in SPLITS:
        inside = [row for row in rows if row.split == split]
        patients = {row.patient for row in inside}
        known = str(len(patients)) if "" not in patients else "unknown"
        grades = Counter(row.grade for row in inside)
        lines.append(f"{split:<6}{len(inside):>8}{known:>10}" + "".join(f"{grades[grade]:>9}" for grade in range(5)))
    return "\n".join(lines)


def _row(photograph: Photograph, info: ImageInfo, source: str) -> ManifestRow:
    return ManifestRow(
        image_id=photograph.image_id,
        path="" if info is _NO_FILE else photograph.path.as_posix(),
        patient=photograph.patient,
        eye=photograph.eye,
        grade=photograph.grade,
        split=photograph.split,
        sha256=info.sha256,
        width=info.width,
        height=info.height,
        source=source,
    )

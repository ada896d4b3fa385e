"""The step ``fetch``: locate or generate the photographs, and write the manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.errors import InputError
from benchmark.files import sha256_file
from benchmark.images import read_size
from benchmark.manifest import DATA, MANIFEST, Row, write_manifest
from benchmark.progress import progress_bar
from benchmark.sources import SPLITS, Photograph, Split, load_source

if TYPE_CHECKING:
    from benchmark.params import Params

PHOTOGRAPHS = DATA / "photographs"
"""Where a source puts what it generates or downloads; files that lie elsewhere stay there."""


def run(params: Params, folder: Path = DATA, splits: Collection[Split] = SPLITS) -> None:
    """Write ``manifest.csv`` for the data set of ``params.data``, and print what it holds.

    Args:
        params: all parameters.
        folder: of that data set.
        splits: what the manifest shall hold; photographs of other splits are not read.

    Raises:
        InputError: the source finds its input wrong, or a file cannot be opened.
    """
    source = load_source(params.data.source)
    photographs, manifest = folder / PHOTOGRAPHS.name, folder / MANIFEST.name
    photographs.mkdir(parents=True, exist_ok=True)
    with progress_bar(unit=" photographs", desc="locate") as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        found = [one for one in source.photographs(params.data, photographs, progress) if one.split in splits]
    with ThreadPoolExecutor() as pool:
        described = pool.map(lambda photograph: _row(photograph, params.data.name), found)
        rows = list(progress_bar(described, total=len(found), unit=" photographs", desc="hash"))
    write_manifest(rows, manifest)
    print(f"{manifest}: {len(rows)} photographs of {params.data.name}")
    print(summary(rows))


def summary(rows: Iterable[Row]) -> str:
    """Table of images, patients and grades per split."""
    lines = [f"{'split':<6}{'images':>8}{'patients':>10}" + "".join(f"{f'grade {grade}':>9}" for grade in range(5))]
    for split in SPLITS:
        inside = [row for row in rows if row.split == split]
        patients = {row.patient for row in inside}
        known = str(len(patients)) if "" not in patients else "unknown"
        grades = Counter(row.grade for row in inside)
        lines.append(f"{split:<6}{len(inside):>8}{known:>10}" + "".join(f"{grades[grade]:>9}" for grade in range(5)))
    return "\n".join(lines)


def _row(photograph: Photograph, source: str) -> Row:
    """Describe one file, reading its bytes and its header but none of its pixels."""
    try:
        sha256 = sha256_file(photograph.path)
    except OSError as error:
        msg = (
            f"every photograph must be a file that can be opened, but {photograph.path} of {photograph.image_id} "
            f"cannot ({error.strerror}): restore it or drop its row"
        )
        raise InputError(msg) from error
    width, height = read_size(photograph.path)
    return Row(
        image_id=photograph.image_id,
        path=photograph.path.as_posix(),
        patient=photograph.patient,
        eye=photograph.eye,
        grade=photograph.grade,
        split=photograph.split,
        sha256=sha256,
        width=width,
        height=height,
        source=source,
    )

"""The step ``fetch``: locate or generate the photographs, pass them through the checks, and write the manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from benchmark.common.errors import InputError
from benchmark.common.progress import progress_bar
from benchmark.common.terms import SPLITS, Split
from benchmark.data import outcome as gating
from benchmark.data.checks.registry import Look
from benchmark.data.manifest import DATA, MANIFEST, Row, write_manifest
from benchmark.images.names import stem
from benchmark.images.reading import EXTENSIONS
from benchmark.sources._labels import Tree
from benchmark.sources.registry import Photograph, SourceParams, load_source

if TYPE_CHECKING:
    from benchmark.settings.params import Params

PHOTOGRAPHS = DATA / "photographs"
"""Where a source puts what it generates or downloads; files that lie elsewhere stay there."""


def run(params: Params, folder: Path = DATA, splits: Collection[Split] = SPLITS) -> None:
    """Write ``checks.csv`` and ``manifest.csv`` for the data set of ``params.data``, and print what they hold.

    Args:
        params: all parameters.
        folder: of that data set.
        splits: what the manifest shall hold; photographs of other splits are not read.

    Raises:
        InputError: the source finds its input wrong, a check whose policy is stop found something, or nothing is left
            of a split; the findings are in ``data/checks.csv`` all the same.
    """
    from benchmark.data.inspection import describe

    findings, manifest = folder / gating.FINDINGS.name, folder / MANIFEST.name
    found = [one for one in locate(params.data, folder / PHOTOGRAPHS.name) if one.split in splits]
    refuse_absent(found, Path(params.data.root))
    expected = load_source(params.data.source).expected(params.data) or {}
    described = describe(
        found, {split: expected[split] for split in splits if split in expected}, params.prepare.workers
    )
    judgement = gating.judge(described, params.checks)
    gating.write_findings(judgement.rows, findings)
    print(gating.summary(judgement.rows))
    gating.refuse(judgement, findings)
    _refuse_empty(described.photographs, judgement.dropped, findings)
    seen = zip(described.photographs, described.looks, strict=True)
    kept = [pair for place, pair in enumerate(seen) if place not in judgement.dropped]
    rows = [_row(photograph, look, params.data.name) for photograph, look in kept]
    write_manifest(rows, manifest)
    print(f"{manifest}: {len(rows)} photographs of {params.data.name}; {len(judgement.dropped)} dropped")
    print(f"cite: {load_source(params.data.source).ABOUT.citation}")
    print(summary(rows))


def _refuse_empty(photographs: Sequence[Photograph], dropped: Container[int], listed: Path) -> None:
    """Raise where all photographs of a split were dropped, as nothing can then be trained or measured on it."""
    before = Counter(photograph.split for photograph in photographs)
    after = Counter(photograph.split for place, photograph in enumerate(photographs) if place not in dropped)
    emptied = [f"all {before[split]} of {split}" for split in before if not after[split]]
    if emptied:
        msg = (
            f"checks must leave photographs in each split, but drop {' and '.join(emptied)}: see {listed}, and "
            "mend the data or the splits"
        )
        raise InputError(msg)


def locate(data: SourceParams, folder: Path) -> list[Photograph]:
    """Every photograph of a data set; what is generated or downloaded goes into ``folder``.

    Raises:
        InputError: the source finds its input wrong.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # The delay lets a source that downloads speak first.
    with progress_bar(unit=" photographs", desc="locate", delay=1) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return list(load_source(data.source).photographs(data, folder, progress))


def refuse_absent(photographs: Sequence[Photograph], root: Path) -> None:
    """Raise once where no photograph at all lies where its table says, naming the folder in which most do."""
    if not photographs or any(_is_there(photograph.path) for photograph in photographs):
        return
    files = Tree(root).photographs()
    lying = [(path, photograph) for photograph in photographs for path in files.get(stem(photograph.image_id), [])]
    folders = Counter(_above(path, photograph.image_id) for path, photograph in lying)
    if folders:
        ((folder, count),) = folders.most_common(1)
        mend = f"{count} lie in {folder}: set data.images (or data.root) to it, from data.root"
    else:
        mend = f"no photograph of such a name lies below {root} (as {' '.join(EXTENSIONS)}): correct data.root"
    msg = (
        f"photographs must lie where their table says, but of {len(photographs)} none does, for instance "
        f"{photographs[0].path}: {mend}"
    )
    raise InputError(msg)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # No file has so long a name.
        return False


def _above(path: Path, image_id: str) -> Path:
    """The folder from which an image's id leads to its file; where the id names other folders, that of the file."""
    folders = PurePosixPath(image_id).parts[:-1]
    matches = path.parent.parts[-len(folders) :] == folders if folders else False
    return path.parents[len(folders)] if matches else path.parent


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


def _row(photograph: Photograph, look: Look, source: str) -> Row:
    return Row(
        image_id=photograph.image_id,
        path=photograph.path.as_posix(),
        patient=photograph.patient,
        eye=photograph.eye,
        grade=photograph.grade,
        split=photograph.split,
        sha256=look.sha256,
        width=look.width,
        height=look.height,
        source=source,
    )

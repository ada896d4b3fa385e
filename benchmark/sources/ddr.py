"""DDR: photographs from 147 hospitals in China, its part for grading.

The split into train, valid and test (6,835, 2,733 and 4,105 images) is official; 1,151 images with grade 5, which means
ungradable, are excluded and counted. Patients are unknown.

Its owners share it through file hosts that need a browser, so it cannot be downloaded here. A copy on disk is the
folder ``DR_grading`` or a folder around it: ``train.txt``, ``valid.txt`` and ``test.txt`` with a file name and a grade
per line, and folders of the same names. The counts per grade of the whole set (6266, 630, 4477, 236 and 913) are
published; those of valid and test were counted by users of the lists. With the ungradable images they add up to the
sizes above.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmark.common.errors import InputError
from benchmark.common.tables import whole
from benchmark.common.terms import Counts, Split
from benchmark.sources._copy import RealParams, find_copy, manual_download
from benchmark.sources._labels import Label, Tree, match_files, read_columns, report_ungradable, yield_photographs
from benchmark.sources.registry import OnProgress, Photograph, SourceInfo, SourceParams

ABOUT = SourceInfo(
    title="DDR",
    homepage="https://github.com/nkicsl/DDR-dataset",
    terms="its owners offer it for research; ask them for any other use",
    citation="Li et al.: Diagnostic assessment of deep learning algorithms for diabetic retinopathy screening. "
    "Information Sciences 501:511-522, 2019, doi:10.1016/j.ins.2019.06.011",
    restricted=True,
)
FOLDERS: Mapping[str, Split] = {"train": "train", "valid": "val", "test": "test"}
_UNGRADABLE = 5
_EXPECTED: Mapping[Split, Counts] = {
    "train": (3133, 315, 2238, 118, 456),
    "val": (1253, 126, 895, 47, 182),
    "test": (1880, 189, 1344, 71, 275),
}


class Params(RealParams):
    """Parameters of DDR under ``data:``."""


def photographs(params: SourceParams, folder: Path, progress: OnProgress) -> Iterator[Photograph]:
    """Yield the gradable photographs, split by split, in the order of their lists.

    Raises InputError if the copy is incomplete or missing.
    """
    steps = f"follow the links at {ABOUT.homepage}, unpack the archive, and set data.root to its folder DR_grading"
    root = _grading(find_copy(params, ABOUT, folder, manual_download(ABOUT, steps)))
    entries, ungradable = [], 0
    for name, split in FOLDERS.items():
        rows = read_columns(root / f"{name}.txt", ("image", "grade"))
        labels = [Label(image, grade, split) for image, grade in rows if whole(grade) != _UNGRADABLE]
        ungradable += len(rows) - len(labels)
        entries += match_files(labels, Tree(root / name).photographs(), prefix=f"{name}/")
    report_ungradable(ABOUT.title, ungradable)
    yield from yield_photographs(entries, progress)


def expected(params: SourceParams) -> Mapping[Split, Counts] | None:
    """Return the counts of the official split without the ungradable images."""
    return _EXPECTED


def _grading(root: Path) -> Path:
    """Find the folder of the three lists; other parts of DDR contain photographs of the same names."""
    for folder in (root, *sorted(root.rglob("DR_grading"))):
        if (folder / "train.txt").is_file():
            return folder
    msg = f"a copy of DDR must have DR_grading/train.txt, but there is none below {root}: correct data.root"
    raise InputError(msg)

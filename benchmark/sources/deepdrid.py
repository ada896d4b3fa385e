"""DeepDRiD: the regular fundus photographs of the ISBI 2020 challenge, two per eye.

The split is official: training (300 patients, 1,200 images), validation (100, 400) and the challenge's evaluation set
(100, 400). An image has the grade of its eye. Image ids name the patient and the eye (``265_l1``). Images with grade 5,
which means ungradable, are excluded and counted.

A copy on disk is the authors' repository, or its folder ``regular_fundus_images``. A download (1.4 GB) is their release
v1.1 at Zenodo (record 8248825), which publishes only an md5. The counts of validation are from its table; those of
training are from RetinaMNIST, which split the same 1,200 images. The counts of the evaluation set are unknown here and
are not checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmark.common.errors import InputError
from benchmark.common.tables import whole
from benchmark.common.terms import Counts, Eye, Split
from benchmark.sources._archive import unpack
from benchmark.sources._copy import DOWNLOADS, RealParams, find_copy
from benchmark.sources._download import RemoteFile, download
from benchmark.sources._labels import Label, Tree, match_files, read_columns, report_ungradable, yield_photographs
from benchmark.sources.registry import OnProgress, Photograph, SourceInfo, SourceParams

ABOUT = SourceInfo(
    title="DeepDRiD regular fundus images",
    homepage="https://github.com/deepdrdoc/DeepDRiD",
    terms="CC BY-SA 4.0",
    citation="Liu et al.: DeepDRiD: Diabetic Retinopathy - Grading and Image Quality Estimation Challenge. Patterns "
    "3(6):100512, 2022, doi:10.1016/j.patter.2022.100512",
)
_ARCHIVE = RemoteFile(
    "https://zenodo.org/api/records/8248825/files/deepdrdoc/DeepDRiD-v1.1.zip/content",
    "DeepDRiD-v1.1.zip",
    "md5:3379e2fd7a2dd398545a67148420a5d3",
)
_TABLES: Mapping[str, Split] = {"regular-fundus-training.csv": "train", "regular-fundus-validation.csv": "val"}
_EVALUATION = "Challenge1_labels.xlsx"
_UNGRADABLE = 5
EYES: Mapping[str, Eye] = {"l": "left", "r": "right"}
_EXPECTED: Mapping[Split, Counts] = {"train": (540, 140, 234, 214, 72), "val": (174, 46, 92, 68, 20)}


class Params(RealParams):
    """Parameters of DeepDRiD under ``data:``."""


def photographs(params: SourceParams, folder: Path, progress: OnProgress) -> Iterator[Photograph]:
    """Yield the photographs, set by set, in the order of their tables.

    Raises InputError if the copy is incomplete, or cannot be downloaded.
    """
    tree = Tree(find_copy(params, ABOUT, folder, _fetch))
    rows: list[tuple[str, str, Split]] = []
    for name, split in _TABLES.items():
        table = read_columns(tree.table(name), ("image_id", "left_eye_DR_Level", "right_eye_DR_Level"))
        rows += [(image, left or right, split) for image, left, right in table]
    evaluation = read_columns(tree.table(_EVALUATION), ("image_id", "DR_Levels"))
    rows += [(image, grade, "test") for image, grade in evaluation]
    labels = [_label(image, grade, split) for image, grade, split in rows if whole(grade) != _UNGRADABLE]
    report_ungradable(ABOUT.title, len(rows) - len(labels))
    yield from yield_photographs(match_files(labels, tree.photographs("images")), progress)


def expected(params: SourceParams) -> Mapping[Split, Counts] | None:
    """Return the counts of training and validation; those of the evaluation set are unknown."""
    return _EXPECTED


def _label(image: str, grade: str, split: Split) -> Label:
    patient, _, shot = image.partition("_")
    if shot[:1] not in EYES:
        msg = f"an image of DeepDRiD must be named like 265_l1, but got {image!r}: get the original table"
        raise InputError(msg)
    return Label(image, grade, split, patient, EYES[shot[:1]])


def _fetch(folder: Path) -> None:
    if not (folder / "regular").exists():
        archive = download(_ARCHIVE, folder / DOWNLOADS)
        unpack([archive], folder / "regular", keep=lambda name: "/regular_fundus_images/" in f"/{name}")

"""IDRiD, the Indian Diabetic Retinopathy Image Dataset: its part for disease grading.

The split into train (413) and test (103) is official. Patients are unknown, so val is drawn from train by image,
stratified by grade. File names repeat in train and test, so the image ids begin with the split (``train/IDRiD_001``).

A copy on disk is the official archive unpacked (tables "a. IDRiD_Disease Grading_Training Labels.csv" and "b. ...
Testing Labels.csv"), or ``images/{train,test}`` with one ``labels.csv`` of image, level and split. The official page at
IEEE DataPort requires an account, so the download (212 MB) uses Zenodo record 17219542: the same archive, which the
licence allows others to distribute, but not uploaded by its authors. Zenodo publishes its md5
(b9239a4b956021a1cf0225522f11f58f); our sha256 was computed from a download with that md5. The counts are from
its tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmark.common.terms import Counts, Split
from benchmark.sources import csv
from benchmark.sources._archive import unpack
from benchmark.sources._copy import DOWNLOADS, RealParams, find_copy
from benchmark.sources._download import RemoteFile, download
from benchmark.sources._labels import Label, Tree, expected_counts, match_files, read_columns, yield_photographs
from benchmark.sources._splits import GradedFile, SplitFractions, assign_splits
from benchmark.sources.csv import ColumnNames
from benchmark.sources.registry import OnProgress, Photograph, SourceInfo, SourceParams

ABOUT = SourceInfo(
    title="IDRiD disease grading",
    homepage="https://ieee-dataport.org/open-access/indian-diabetic-retinopathy-image-dataset-idrid",
    terms="CC BY 4.0",
    citation="Porwal et al.: Indian Diabetic Retinopathy Image Dataset (IDRiD). Data 3(3):25, 2018, "
    "doi:10.3390/data3030025",
)
_ARCHIVE = RemoteFile(
    "https://zenodo.org/records/17219542/files/B.%20Disease%20Grading.zip?download=1",
    "B. Disease Grading.zip",
    "sha256:8a9f4752b35d74cc35ff48b21ad44f295a6f800110ec218fc2d1c264803e4d8c",
)
_TABLES: Mapping[Split, str] = {
    "train": "a. IDRiD_Disease Grading_Training Labels.csv",
    "test": "b. IDRiD_Disease Grading_Testing Labels.csv",
}
OFFICIAL: Mapping[Split | None, Counts] = {"train": (134, 20, 136, 74, 49), "test": (34, 5, 32, 19, 13)}


class Params(RealParams):
    """Parameters of IDRiD under ``data:``."""

    split: SplitFractions = SplitFractions(val=0.2)
    """``val`` is the fraction of the official train set that becomes val; ``test`` is unused."""


def photographs(params: SourceParams, folder: Path, progress: OnProgress) -> Iterator[Photograph]:
    """Yield the photographs in the order of their tables.

    Raises InputError if the copy is incomplete, or cannot be downloaded.
    """
    assert isinstance(params, Params)
    root = find_copy(params, ABOUT, folder, _fetch)
    if (root / "labels.csv").exists():
        columns = ColumnNames(patient="", eye="")
        flat = csv.Params(
            source="csv", name=params.name, root=str(root), images="images", columns=columns, split=params.split
        )
        yield from csv.photographs(flat, folder, progress)
        return
    tree = Tree(root)
    entries = [entry for split in _TABLES for entry in _official(tree, split)]
    yield from yield_photographs(assign_splits(entries, params.split), progress)


def expected(params: SourceParams) -> Mapping[Split, Counts] | None:
    """Compute the counts of the official test set, and of the official train set after val is drawn from it."""
    assert isinstance(params, Params)
    return expected_counts(OFFICIAL, params.split)


def _official(tree: Tree, split: Split) -> list[GradedFile]:
    rows = read_columns(tree.table(_TABLES[split]), ("Image name", "Retinopathy grade"))
    labels = [Label(image, grade, split) for image, grade in rows]
    return match_files(labels, tree.photographs(split), prefix=f"{split}/")


def _fetch(folder: Path) -> None:
    if not (folder / "grading").exists():
        unpack([download(_ARCHIVE, folder / DOWNLOADS)], folder / "grading")

"""EyePACS: Kaggle's competition of 2015, whose split the paper uses.

Train is the competition's train set. Val and test are the public and private part of its test set, by the column
``Usage`` of the solution file that Kaggle published afterwards. Image ids name the patient and the eye (``17_left``).

A copy on disk holds ``trainLabels.csv``, ``retinopathy_solution.csv`` and the photographs, in any folders. A download
(88 GB, and as much again while a part is unpacked) gets the photographs and the train labels through Kaggle's client.
The solution comes from Kaggle's storage and is verified by the checksum that TensorFlow Datasets lists. The counts are
from the two label files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from benchmark.common.column_names import SPLIT_NAMES
from benchmark.common.errors import InputError
from benchmark.common.terms import Counts, Eye, Split
from benchmark.sources._archive import unpack
from benchmark.sources._copy import DOWNLOADS, RestrictedParams, find_copy
from benchmark.sources._download import RemoteFile, download
from benchmark.sources._kaggle import competition_files
from benchmark.sources._labels import Label, Tree, match_files, read_columns, yield_photographs
from benchmark.sources.registry import OnProgress, Photograph, SourceInfo, SourceParams

_COMPETITION = "diabetic-retinopathy-detection"
ABOUT = SourceInfo(
    title="EyePACS (Kaggle Diabetic Retinopathy Detection 2015)",
    homepage="https://www.kaggle.com/c/diabetic-retinopathy-detection",
    terms="the rules of the competition at Kaggle, which you accept there with your own account",
    citation="Dugas, Jared, Jorge, Cukierski: Diabetic Retinopathy Detection. Kaggle 2015, "
    "https://www.kaggle.com/c/diabetic-retinopathy-detection",
    restricted=True,
)
_PARTS = {
    "train": r"train\.zip\.\d{3}",
    "test": r"test\.zip\.\d{3}",
    "labels": r"trainLabels\.csv\.zip",
}
"""Pattern of the files at Kaggle that make up the archive of each folder."""
SOLUTION = RemoteFile(
    "https://storage.googleapis.com/kaggle-forum-message-attachments/90528/2877/retinopathy_solution.csv",
    "retinopathy_solution.csv",
    "sha256:a6af3d66804e81887da89b9261bcfb7da4f5bacedb070f1b5db83fa879ab60c9",
)
_EXPECTED: Mapping[Split, Counts] = {
    "train": (25810, 2443, 5292, 873, 708),
    "val": (8130, 720, 1579, 237, 240),
    "test": (31403, 3042, 6282, 977, 966),
}


class Params(RestrictedParams):
    """Parameters of EyePACS under ``data:``."""


def photographs(params: SourceParams, folder: Path, progress: OnProgress) -> Iterator[Photograph]:
    """Yield train, then val and test, each in the order of its table.

    Raises InputError if the copy is incomplete, or cannot be downloaded.
    """
    tree = Tree(find_copy(params, ABOUT, folder, _fetch))
    train = read_columns(tree.table("trainLabels.csv"), ("image", "level"))
    solution = read_columns(tree.table("retinopathy_solution.csv"), ("image", "level", "Usage"))
    labels = [_label(image, level, "train") for image, level in train]
    labels += [_label(image, level, usage) for image, level, usage in solution]
    yield from yield_photographs(match_files(labels, tree.photographs()), progress)


def expected(params: SourceParams) -> Mapping[Split, Counts] | None:
    """Return the counts of Kaggle's split."""
    return _EXPECTED


def _label(image: str, level: str, usage: str) -> Label:
    patient, _, eye = image.rpartition("_")
    if not patient or eye not in ("left", "right") or usage.lower() not in SPLIT_NAMES:
        msg = f"a row must be like 17_left, 0, Public or Private, but got {image!r}, {usage!r}: get the original table"
        raise InputError(msg)
    return Label(image, level, SPLIT_NAMES[usage.lower()], patient, cast("Eye", eye))


def _fetch(folder: Path) -> None:
    """Fetch and unpack one archive after the other, so that only one of them takes twice its space."""
    download(SOLUTION, folder)
    for name, pattern in _PARTS.items():
        if not (folder / name).exists():
            parts = competition_files(_COMPETITION, pattern, folder / DOWNLOADS)
            unpack(parts, folder / name)
            for part in parts:
                part.unlink()

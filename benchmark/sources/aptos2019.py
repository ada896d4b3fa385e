"""APTOS 2019 Blindness Detection: a Kaggle competition of the Asia Pacific Tele-Ophthalmology Society.

Only its train set has public grades (3,662 images), so train, val and test are all drawn from it. Patients are unknown,
so the split is by image, stratified by grade. These splits are this project's and not official.

A copy on disk holds ``train.csv`` and ``train_images``. A download (10 GB) comes through Kaggle's client.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmark.common.terms import Counts, Split
from benchmark.sources._archive import unpack
from benchmark.sources._copy import DOWNLOADS, RestrictedParams, find_copy
from benchmark.sources._kaggle import competition_archive
from benchmark.sources._labels import Label, Tree, expected_counts, match_files, read_columns, yield_photographs
from benchmark.sources._splits import SplitFractions, assign_splits
from benchmark.sources.registry import OnProgress, Photograph, SourceInfo, SourceParams

_COMPETITION = "aptos2019-blindness-detection"
ABOUT = SourceInfo(
    title="APTOS 2019 Blindness Detection",
    homepage="https://www.kaggle.com/c/aptos2019-blindness-detection",
    terms="the rules of the competition at Kaggle, which you accept there with your own account",
    citation="Karthik, Maggie, Dane: APTOS 2019 Blindness Detection. Kaggle 2019, "
    "https://www.kaggle.com/c/aptos2019-blindness-detection",
    restricted=True,
)
_GRADED: Counts = (1805, 370, 999, 193, 295)
"""Images per grade of the whole train set."""


class Params(RestrictedParams):
    """Parameters of APTOS 2019 under ``data:``."""

    split: SplitFractions = SplitFractions()


def photographs(params: SourceParams, folder: Path, progress: OnProgress) -> Iterator[Photograph]:
    """Yield the graded images in the order of their table.

    Raises InputError if the copy is incomplete, or cannot be downloaded.
    """
    assert isinstance(params, Params)
    tree = Tree(find_copy(params, ABOUT, folder, _fetch))
    rows = read_columns(tree.table("train.csv"), ("id_code", "diagnosis"))
    entries = match_files([Label(image, grade) for image, grade in rows], tree.photographs("train"))
    yield from yield_photographs(assign_splits(entries, params.split), progress)


def expected(params: SourceParams) -> Mapping[Split, Counts] | None:
    """Compute the counts of the graded images after the random split."""
    assert isinstance(params, Params)
    return expected_counts({None: _GRADED}, params.split)


def _fetch(folder: Path) -> None:
    if not (folder / "graded").exists():
        archive = competition_archive(_COMPETITION, folder / DOWNLOADS)
        unpack([archive], folder / "graded", keep=lambda name: name.startswith("train"))

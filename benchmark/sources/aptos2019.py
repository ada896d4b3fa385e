"""APTOS 2019 Blindness Detection: a Kaggle competition of the Asia Pacific Tele-Ophthalmology Society.

Only its train set has public grades (3,662 images; those of the test set were never published), so train, val and test
are dealt from it by image, stratified by grade: the set names no patients. These splits are this project's, not
official ones.

A copy on disk holds ``train.csv`` and ``train_images``. A download (10 GB) comes through Kaggle's client.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmark.common.terms import Counts, Split
from benchmark.sources._archive import unpack
from benchmark.sources._copy import DOWNLOADS, RestrictedParams, find_copy
from benchmark.sources._kaggle import competition_archive
from benchmark.sources._labels import Label, Tree, dealt, find_entries, photographs_of, read_columns
from benchmark.sources._splits import Shares, deal
from benchmark.sources.registry import Photograph, Progress, SourceInfo, SourceParams

COMPETITION = "aptos2019-blindness-detection"
ABOUT = SourceInfo(
    title="APTOS 2019 Blindness Detection",
    homepage="https://www.kaggle.com/c/aptos2019-blindness-detection",
    terms="the rules of the competition at Kaggle, which you accept there with your own account",
    citation="Karthik, Maggie, Dane: APTOS 2019 Blindness Detection. Kaggle 2019, "
    "https://www.kaggle.com/c/aptos2019-blindness-detection",
    restricted=True,
)
GRADED: Counts = (1805, 370, 999, 193, 295)
"""The whole train set."""


class Params(RestrictedParams):
    """What ``data:`` may hold for APTOS 2019."""

    split: Shares = Shares()


def photographs(params: SourceParams, folder: Path, progress: Progress) -> Iterator[Photograph]:
    """Yield the graded images in their table's order.

    Raises:
        InputError: the copy is incomplete, or cannot be downloaded.
    """
    assert isinstance(params, Params)
    tree = Tree(find_copy(params, ABOUT, folder, _fetch))
    rows = read_columns(tree.table("train.csv"), ("id_code", "diagnosis"))
    entries = find_entries([Label(image, grade) for image, grade in rows], tree.photographs("train"))
    yield from photographs_of(deal(entries, params.split), progress)


def expected(params: SourceParams) -> Mapping[Split, Counts] | None:
    """The graded images, dealt by the shares."""
    assert isinstance(params, Params)
    return dealt({None: GRADED}, params.split)


def _fetch(folder: Path) -> None:
    if not (folder / "graded").exists():
        archive = competition_archive(COMPETITION, folder / DOWNLOADS)
        unpack([archive], folder / "graded", keep=lambda name: name.startswith("train"))

"""Messidor-2, with the grades that Google's retina specialists adjudicated.

The set has no official grades or splits. The grades are those of Krause et al. 2018 (``messidor_data.csv``; 1,748
images, of which 4 are ungradable and excluded; the others have 1017, 270, 347, 75 and 35 of the grades 0-4). Train, val
and test are split by patient, stratified by grade; these splits are this project's and not official. The file
``messidor-2.csv`` (``left;right``), which comes with the photographs, lists the two eyes of each patient.

Its owners send the photographs on request, so they cannot be downloaded here. A copy on disk holds the photographs and
the two tables, in any folders.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmark.common.errors import InputError
from benchmark.common.tables import whole
from benchmark.common.terms import Counts, Eye, Split
from benchmark.images.names import stem
from benchmark.sources._copy import RealParams, find_copy, manual_download
from benchmark.sources._labels import (
    Label,
    Tree,
    expected_counts,
    match_files,
    read_columns,
    report_ungradable,
    yield_photographs,
)
from benchmark.sources._splits import SplitFractions, assign_splits
from benchmark.sources.registry import OnProgress, Photograph, SourceInfo, SourceParams

ABOUT = SourceInfo(
    title="Messidor-2",
    homepage="https://www.adcis.net/en/third-party/messidor2/",
    terms="given to each user on request, for research and teaching; the grades by Kaggle's terms",
    citation="Decencière et al.: Feedback on a publicly distributed image database: the Messidor database. Image "
    "Analysis & Stereology 33:231-234, 2014, doi:10.5566/ias.1155; Abràmoff et al., JAMA Ophthalmology 131:351-357, "
    "2013; grades: Krause et al., Ophthalmology 125:1264-1272, 2018, doi:10.1016/j.ophtha.2018.01.034",
    restricted=True,
)
_COLUMNS = (
    ("image_id", "adjudicated_dr_grade", "adjudicated_gradable"),
    # The same table as it comes with copies of the photographs at Kaggle.
    ("id_code", "diagnosis", "adjudicated_gradable"),
)
_GRADED: Counts = (1017, 270, 347, 75, 35)


class Params(RealParams):
    """Parameters of Messidor-2 under ``data:``."""

    pairs: str = "messidor-2.csv"
    """Table of the two eyes of each patient. Empty if you have none; a patient may then be in two splits."""
    split: SplitFractions = SplitFractions()


def photographs(params: SourceParams, folder: Path, progress: OnProgress) -> Iterator[Photograph]:
    """Yield the gradable photographs in the order of their table.

    Raises InputError if the copy is incomplete or missing.
    """
    assert isinstance(params, Params)
    steps = (
        f"request the photographs at {ABOUT.homepage}, add messidor_data.csv of Kaggle's data set "
        "google-brain/messidor2-dr-grades, and set data.root to their folder"
    )
    tree = Tree(find_copy(params, ABOUT, folder, manual_download(ABOUT, steps)))
    rows = read_columns(tree.table("messidor_data.csv"), *_COLUMNS)
    eyes = _eyes(tree.table(params.pairs)) if params.pairs else {}
    labels = [_label(image, grade, eyes) for image, grade, gradable in rows if whole(gradable) != 0]
    report_ungradable(ABOUT.title, len(rows) - len(labels))
    yield from yield_photographs(assign_splits(match_files(labels, tree.photographs()), params.split), progress)


def expected(params: SourceParams) -> Mapping[Split, Counts] | None:
    """Compute the counts after a split by image; return None if patients are known, whose grades are not."""
    assert isinstance(params, Params)
    return None if params.pairs else expected_counts({None: _GRADED}, params.split)


def _eyes(path: Path) -> dict[str, tuple[str, Eye]]:
    """Return the patient, named after the file of the left eye, and the eye of each photograph by its stem."""
    pairs = [(stem(left), stem(right)) for left, right in read_columns(path, ("left", "right"))]
    found: dict[str, tuple[str, Eye]] = {}
    for left, right in pairs:
        found |= {left: (left, "left"), right: (left, "right")}
    return found


def _label(image: str, grade: str, eyes: Mapping[str, tuple[str, Eye]]) -> Label:
    if eyes and stem(image) not in eyes:
        msg = f"each image must have its row in data.pairs, but {image} has none: get the original table"
        raise InputError(msg)
    patient, eye = eyes.get(stem(image), ("", "unknown"))
    return Label(image, grade, None, patient, eye)

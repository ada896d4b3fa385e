"""Messidor-2, with the grades that Google's retina specialists adjudicated.

The set has neither grades nor splits of its own. The grades are those of Krause et al. 2018 (``messidor_data.csv``;
1,748 images, of which 4 are ungradable and left out; the rest 1017, 270, 347, 75 and 35 of the grades 0-4); train, val
and test are dealt by patient, stratified by grade. These splits are this project's, not official ones. Which two images
are a patient's left and right eye stands in ``messidor-2.csv`` (``left;right``), which comes with the photographs; file
names do not say it.

Its owners give the photographs out on request, so nothing is downloaded here. A copy on disk holds the photographs and
the two tables, in whatever folders.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmark.common.errors import InputError
from benchmark.common.tables import whole
from benchmark.common.terms import Counts, Eye, Split
from benchmark.images.names import stem
from benchmark.sources._copy import RealParams, find_copy, not_fetched
from benchmark.sources._labels import Label, Tree, dealt, find_entries, leave_out, photographs_of, read_columns
from benchmark.sources._splits import Shares, deal
from benchmark.sources.registry import Photograph, Progress, SourceInfo, SourceParams

ABOUT = SourceInfo(
    title="Messidor-2",
    homepage="https://www.adcis.net/en/third-party/messidor2/",
    terms="given to each user on request, for research and teaching; the grades by Kaggle's terms",
    citation="Decencière et al.: Feedback on a publicly distributed image database: the Messidor database. Image "
    "Analysis & Stereology 33:231-234, 2014, doi:10.5566/ias.1155; Abràmoff et al., JAMA Ophthalmology 131:351-357, "
    "2013; grades: Krause et al., Ophthalmology 125:1264-1272, 2018, doi:10.1016/j.ophtha.2018.01.034",
    restricted=True,
)
GRADED: Counts = (1017, 270, 347, 75, 35)


class Params(RealParams):
    """What ``data:`` may hold for Messidor-2."""

    pairs: str = "messidor-2.csv"
    """Table of the two eyes of each patient; empty says that you have none: a patient may then be in two splits."""
    split: Shares = Shares()


def photographs(params: SourceParams, folder: Path, progress: Progress) -> Iterator[Photograph]:
    """Yield the gradable photographs in their table's order.

    Raises:
        InputError: the copy is incomplete, or there is none.
    """
    assert isinstance(params, Params)
    ask = (
        f"request the photographs at {ABOUT.homepage}, put messidor_data.csv of Kaggle's data set "
        "google-brain/messidor2-dr-grades beside them, and name their folder in data.root"
    )
    tree = Tree(find_copy(params, ABOUT, folder, not_fetched(ABOUT, ask)))
    wanted = ("image_id", "adjudicated_dr_grade", "adjudicated_gradable")
    rows = read_columns(tree.table("messidor_data.csv"), wanted)
    eyes = _eyes(tree.table(params.pairs)) if params.pairs else {}
    labels = [_label(image, grade, eyes) for image, grade, gradable in rows if whole(gradable) != 0]
    leave_out(ABOUT.title, len(rows) - len(labels))
    yield from photographs_of(deal(find_entries(labels, tree.photographs()), params.split), progress)


def expected(params: SourceParams) -> Mapping[Split, Counts] | None:
    """Where patients are known, they decide what is dealt to where; else the grades' counts do."""
    assert isinstance(params, Params)
    return None if params.pairs else dealt({None: GRADED}, params.split)


def _eyes(path: Path) -> dict[str, tuple[str, Eye]]:
    """Patient, named after the left eye's file, and eye of each photograph, by its stem."""
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

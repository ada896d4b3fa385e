"""The worst errors as photographs, with their labels and what the arm that is best on val says of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmark.evaluation.outputs import WorstRow
from benchmark.report.captions import HEADS
from benchmark.report.figure_style import Photographs, Plot, photographs, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results

ABOUT = FigureInfo(order=11, photographs=True)


if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plots(inputs: Inputs) -> dict[str, Plot]:
    """The figure; none where the photographs do not lie here."""
    rows = inputs.worst_errors
    images = inputs.photographs([row.image_id for row in rows])
    return {"worst_errors": partial(_plot, rows=rows, images=images, results=inputs.results)} if len(images) else {}


def _plot(figure: Figure, rows: Sequence[WorstRow], images: Photographs, results: Results) -> str:
    photographs(figure, [[image] for image in images], [_words(row) for row in rows], per_line=5)
    first = rows[0]
    arm = f"{first.method}/{first.arm}"
    set_title(figure, f"The {len(rows)} worst errors of {arm} on test of {results.data}", results)
    return (
        f"The {len(rows)} test photographs of {results.data} (n = {results.images('test')}) that {arm}, the arm with "
        f"the highest val kappa, grades farthest from their labels by {HEADS[first.head]}: label; output, mean over "
        f"{len(first.seeds.split())} seeds ± standard deviation; probabilities of grades 0 to 4, mean over seeds, "
        "where there are. Which of the two is wrong, the picture may show and the label does not say."
    )


def _words(row: WorstRow) -> str:
    sd = "" if np.isnan(row.sd) else f" ± {row.sd:.1f}"
    probabilities = [row.prob_0, row.prob_1, row.prob_2, row.prob_3, row.prob_4]
    said = "" if np.isnan(probabilities).any() else "\n" + " ".join(f"{100 * one:.0f}" for one in probabilities) + " %"
    return f"label {row.grade}, output {row.output:.1f}{sd}{said}"

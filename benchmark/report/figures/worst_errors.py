"""Photographs with the largest errors of the arm that is best on val, with label and output."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from benchmark.evaluation.outputs import WorstRow
from benchmark.report.captions import HEAD_NAMES
from benchmark.report.figure_style import draw_photographs, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs

ABOUT = FigureInfo(order=11, photographs=True)


def draw(figure: Figure, inputs: Inputs) -> str:
    """Draw each photograph with its label and output; nothing without the photographs on this machine."""
    rows, results = inputs.worst_errors, inputs.results
    images = inputs.photographs(rows)
    if not len(images):
        return ""
    draw_photographs(figure, [[image] for image in images], list(map(_words, rows)), per_line=5)
    first = rows[0]
    arm = f"{first.method}/{first.arm}"
    set_title(figure, f"The {len(rows)} worst errors of {arm} on test of {results.data}", results.synthetic)
    return (
        f"The {len(rows)} test photographs of {results.data} (n = {results.images('test')}) with the largest error of "
        f"{arm}, the arm with the highest val kappa, by {HEAD_NAMES[first.head]}. Below each: label; output, mean over "
        f"{len(first.seeds.split())} seeds ± standard deviation; probabilities of grades 0 to 4, mean over seeds, if "
        "the arm has them. Either the network or the label may be wrong."
    )


def _words(row: WorstRow) -> str:
    sd = "" if np.isnan(row.sd) else f" ± {row.sd:.1f}"
    probabilities = [row.prob_0, row.prob_1, row.prob_2, row.prob_3, row.prob_4]
    numbers = ", ".join(f"{100 * one:.0f}" for one in probabilities if not np.isnan(one))
    said = f"\nP(0-4): {numbers} %" if numbers else ""
    return f"label {row.grade}, output {row.output:.1f}{sd}{said}"

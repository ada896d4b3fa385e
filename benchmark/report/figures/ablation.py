"""Ablation: kappa by input size, method and output, measured and published."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmark.report.captions import seeds_in_words
from benchmark.report.figure_style import HEAD_MARKERS, MARKERS, bare, colour, legend, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.report.printed import PrintedCells, published_for, size_label

ABOUT = FigureInfo(order=2, training=True, section="ablation")


def draw(figure: Figure, inputs: Inputs) -> str:
    """Draw kappa by input size on val: a mark per column of the paper's ablation, published ones hollow."""
    build, printed, results = PrintedCells(inputs), inputs.printed["ablation"], inputs.results
    figure.set_size_inches(7.6, 4.2)
    figure.subplots_adjust(left=0.08, right=0.79, bottom=0.17, top=0.86)
    axes = figure.add_subplot()
    for index, column in enumerate(printed.columns):
        cells = [printed.cell(row, column) for row in printed.rows]
        measure = next((cell.measured_by for cell in cells if cell.measured_by), None)
        found = [build.estimate(cell, "val") for cell in cells]
        means, low, high = (
            np.array([getattr(row, end, np.nan) for row in found]) for end in ("estimate", "low", "high")
        )
        # The sizes are not joined, because they are categories.
        places = np.arange(len(cells)) + 0.12 * (index - (len(printed.columns) - 1) / 2)
        style: Any = {"color": colour(measure.method if measure else column), "markersize": 5, "ls": ""}
        style["marker"] = HEAD_MARKERS[measure.head] if measure else MARKERS[-1]
        axes.errorbar(places, means, np.abs((low - means, high - means)), **style, lw=1.2, capsize=2.5, label=column)
        axes.plot(places, [float(published_for(cell, "val") or "nan") for cell in cells], **style, mfc="none")
    seeds = seeds_in_words(results.runs["seed"].nunique())
    bars = f"mean over {seeds}, {results.confidence_level} interval; n = {results.images('val')} images"
    axes.set(xticks=range(len(printed.rows)), xlabel=f"input size\n({bars})", ylabel="quadratic weighted kappa on val")
    axes.set_xticklabels([size_label(printed.cell(row, printed.columns[0]), inputs.params) for row in printed.rows])
    bare(axes, grid="y")
    axes.plot([], [], "o", color="k", mfc="none", ms=5, label="published")
    legend(axes, 1)
    set_title(figure, f"Kappa by input size on {results.data}, and as published for EyePACS", results.synthetic)
    return (
        f"Kappa by input size, method and output on val of {results.data} (filled; n = {results.images('val')} images, "
        f"mean over {seeds}) and as published for EyePACS (hollow). Bars: {results.confidence_level} intervals over "
        "patients and, with several seeds, over seeds. A higher mark does not show that two methods differ."
    )

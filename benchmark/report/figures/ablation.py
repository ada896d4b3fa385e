"""Ablation: kappa by input size, method and output, measured and published."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmark.report.captions import seeds_in_words
from benchmark.report.figure_style import HEAD_MARKERS, MARKERS, bare, colour, legend, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.report.table import Number
from benchmark.report.tables import ablation
from benchmark.statistics.published.tables import Selector

ABOUT = FigureInfo(order=2, training=True, section="ablation")


def draw(figure: Figure, inputs: Inputs) -> str:
    """Draw kappa by input size on the first split of the ablation table: a mark per column, published ones hollow."""
    table, results = ablation.make(inputs), inputs.results
    measures = {cell.column: cell.measured_by for cell in inputs.printed["ablation"].cells if cell.measured_by}
    figure.set_size_inches(7.6, 4.2)
    figure.subplots_adjust(left=0.08, right=0.79, bottom=0.17, top=0.86)
    axes = figure.add_subplot()
    rows = table.groups()[0][1]
    columns = table.columns[1:]
    for index, column in enumerate(columns):
        cells = [cell for row in rows for cell in row.cells[index : index + 1] if isinstance(cell, Number)]
        _column(axes, 0.12 * (index - (len(columns) - 1) / 2), column, cells, measures.get(column))
    seeds = seeds_in_words(results.runs["seed"].nunique())
    bars = f"mean over {seeds}, {results.confidence_level} interval; n = {results.images('val')} images"
    axes.set(xticks=range(len(rows)), xlabel=f"input size\n({bars})", ylabel="quadratic weighted kappa on val")
    axes.set_xticklabels([row.label for row in rows])
    bare(axes, grid="y")
    axes.plot([], [], "o", color="k", mfc="none", ms=5, label="published")
    legend(axes, 1)
    set_title(figure, f"Kappa by input size on {results.data}, and as published for EyePACS", results.synthetic)
    return (
        f"Kappa by input size, method and output on val of {results.data} (filled; n = {results.images('val')} images, "
        f"mean over {seeds}) and as published for EyePACS (hollow). Bars: {results.confidence_level} intervals over "
        "patients and, with several seeds, over seeds. A higher mark does not show that two methods differ."
    )


def _column(axes: Axes, shift: float, column: str, cells: list[Number], measure: Selector | None) -> None:
    """Draw a column of the table, shifted horizontally; the sizes are not joined, because they are categories."""
    places = np.arange(len(cells)) + shift
    means = np.array([np.nan if cell.value is None else cell.value for cell in cells])
    ends = np.array([cell.ends or (np.nan, np.nan) for cell in cells])
    marker = HEAD_MARKERS[measure.head] if measure else MARKERS[-1]
    style: Any = {"color": colour(measure.method if measure else column), "marker": marker, "markersize": 5, "ls": ""}
    axes.errorbar(places, means, np.abs(ends.T - means), **style, lw=1.2, capsize=2.5, label=column)
    axes.plot(places, [float(cell.published or "nan") for cell in cells], **style, mfc="none")

"""Ablation: kappa by input size and method, measured and published."""

from __future__ import annotations

from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmark.report.figure_style import Plot, bare, legend, look, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results
from benchmark.report.table import Number, Table
from benchmark.report.tables import ablation

ABOUT = FigureInfo(order=2, training=True)


def plots(inputs: Inputs) -> dict[str, Plot]:
    """Return the figure of the ablation table."""
    return {"ablation": partial(_plot, table=ablation.make(inputs), results=inputs.results)}


def _plot(figure: Figure, table: Table, results: Results) -> str:
    """Draw kappa by input size on the table's first split: a line per column, published numbers hollow."""
    figure.set_size_inches(7.6, 4.4)
    figure.subplots_adjust(left=0.08, right=0.79, bottom=0.12, top=0.86)
    axes = figure.add_subplot()
    rows = table.groups()[0][1]
    columns = table.columns[1:]
    for index, column in enumerate(columns):
        cells = [cell for row in rows for cell in row.cells[index : index + 1] if isinstance(cell, Number)]
        _line(axes, index, 0.1 * (index - (len(columns) - 1) / 2), column, cells)
    axes.set(xticks=range(len(rows)), xlabel="input size", ylabel="quadratic weighted kappa on val")
    axes.set_xticklabels([row.label for row in rows])
    bare(axes, grid="y")
    legend(axes, 1)
    set_title(figure, f"Kappa by input size: on {results.data} (filled), published on EyePACS (hollow)", results)
    return (
        f"Kappa by input size and method on val, on {results.data} (filled; n = {results.images('val')} images, mean "
        f"over seeds) and as published for EyePACS (hollow). Bars: {results.confidence_level} intervals over patients "
        "and, with several seeds, over seeds. A higher line does not show that two methods differ."
    )


def _line(axes: Axes, index: int, shift: float, column: str, cells: list[Number]) -> None:
    """Draw a column of the table, shifted horizontally."""
    places = np.arange(len(cells)) + shift
    means = np.array([np.nan if cell.value is None else cell.value for cell in cells])
    ends = np.array([cell.ends or (np.nan, np.nan) for cell in cells])
    style = look(index) | {"markersize": 5}
    axes.errorbar(places, means, np.abs(ends.T - means), **style, lw=1.2, capsize=2.5, label=column)
    published = [float(cell.published or "nan") for cell in cells]
    axes.plot(places + 0.04, published, **style | {"linestyle": ""}, mfc="none")

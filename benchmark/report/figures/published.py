"""Published against measured: every cell of the ablation that has both numbers."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from benchmark.report.figure_style import GREY, Plot, bare, legend, look, plot_if_any, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results
from benchmark.report.table import Number
from benchmark.report.tables import ablation

ABOUT = FigureInfo(order=1)

Point = tuple[int, Number]
"""Input size in the paper, and the cell of the table."""


def plots(inputs: Inputs) -> dict[str, Plot]:
    """Return the figure of the cells that have both numbers; none without such a cell."""
    table, printed = ablation.make(inputs), inputs.printed["ablation"]
    series: dict[str, list[Point]] = {}
    for row, name in zip(table.rows, printed.rows * 2, strict=False):  # The rows of added arms follow.
        for column, cell in zip(table.columns[1:], row.cells, strict=True):
            if isinstance(cell, Number) and cell.published and cell.value is not None:
                series.setdefault(column, []).append((printed.cell(name, column).pixels or 0, cell))
    ordered = {column: series[column] for column in table.columns[1:] if column in series}
    return plot_if_any("published", _plot, ordered, inputs)


def _plot(figure: Figure, items: dict[str, list[Point]], results: Results) -> str:
    """Draw measured against published kappa: a style per column, larger marks for larger inputs."""
    figure.set_size_inches(6.6, 4.8)
    figure.subplots_adjust(left=0.1, right=0.74, bottom=0.11, top=0.87)
    axes = figure.add_subplot()
    for index, (name, cells) in enumerate(items.items()):
        published = np.array([float(cell.published) for _, cell in cells])
        measured = np.array([cell.value for _, cell in cells], np.float64)
        ends = np.array([cell.ends or (np.nan, np.nan) for _, cell in cells])
        style = look(index) | {"linestyle": "", "mec": "white", "mew": 0.4}
        axes.errorbar(published, measured, np.abs(ends.T - measured), ls="", color=style["color"], lw=1, capsize=2)
        for (pixels, _), x, y in zip(cells, published, measured, strict=True):
            axes.plot(x, y, **style, markersize=3.5 + pixels / 150)
        axes.plot([], [], **style, markersize=6, label=name)
    low, high = (end(axes.get_xlim()[side], axes.get_ylim()[side]) for side, end in enumerate((min, max)))
    left, right = axes.get_xlim()
    axes.plot([low, high], [low, high], color=GREY, lw=0.9, ls="--", zorder=0)
    axes.annotate("as published", (left, left), (6, 6), textcoords="offset points", fontsize=8)
    axes.set(xlim=(left, right), ylim=(low, high))
    axes.set(xlabel="published kappa (EyePACS, val)", ylabel=f"measured kappa ({results.data}, val)")
    bare(axes, grid="both")
    legend(axes, 1)
    set_title(figure, f"Published against measured on {results.data}", results)
    return (
        f"Published against measured kappa: each printed cell of the ablation, and ours on {results.data} (val, n = "
        f"{results.images('val')} images). Bars: {results.confidence_level} intervals over patients and, with several "
        "seeds, over seeds. Dashed: measured equals published. Larger marks are larger "
        f"inputs: {', '.join(f'{pixels} px' for pixels in _pixels(items))} in the paper. "
        "Other data than the paper's give other kappas; only their order can be compared."
    )


def _pixels(series: dict[str, list[Point]]) -> list[int]:
    """Return the paper's input sizes that are drawn."""
    return sorted({pixels for cells in series.values() for pixels, _ in cells})

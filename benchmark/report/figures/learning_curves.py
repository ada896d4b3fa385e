"""Learning curves: per arm, val kappa above and training loss below."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmark.report.captions import HEADS
from benchmark.report.figures.style import Plot, bare, colour, set_title
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PER_LINE = 6
"""Arms side by side."""


def plots(inputs: Inputs) -> dict[str, Plot]:
    """One figure of every arm that ran."""
    return {"learning_curves.png": partial(_plot, results=inputs.results)}


def _plot(figure: Figure, results: Results) -> str:
    arms = results.arms()
    lines = -(-len(arms) // PER_LINE)
    height = 3.5 * lines + 0.7
    figure.set_size_inches(11, height)
    grid = figure.add_gridspec(lines, 1, left=0.05, right=0.99, top=1 - 1 / height, bottom=0.45 / height, hspace=0.32)
    for index, arm in enumerate(arms):
        place = grid[index // PER_LINE, 0].subgridspec(2, PER_LINE, hspace=0.12, wspace=0.3)
        upper, lower = (figure.add_subplot(place[half, index % PER_LINE]) for half in range(2))
        _panel(upper, lower, results.curves_of(*arm))
        upper.set_title("/".join(arm), fontsize=9)
        if index % PER_LINE == 0:
            upper.set_ylabel("val kappa")
            lower.set_ylabel("training loss")
    for index, title in enumerate(HEADS.values()):
        left, top = 0.02 + 0.08 * index, 1 - 0.15 / height
        figure.text(left, top, f"— {title}", color=colour(index), va="top", fontsize=10)
    set_title(figure, f"Learning curves on {results.data}: thin, one seed; thick, mean over seeds", results)
    return "Learning curves: val kappa (above) and training loss (below) by epoch; thin: one seed, thick: their mean."


def _panel(upper: Axes, lower: Axes, curves: pd.DataFrame) -> None:
    for index, head in enumerate(HEADS):
        _by_seed(upper, curves, f"val_kappa_{head}", colour(index))
    _by_seed(lower, curves, "train_loss", "#444444")
    upper.set(ylim=(min(-0.1, upper.dataLim.y0), 1), xticklabels=[])
    lower.set(ylim=(0, None), xlabel="epoch")
    lower.locator_params(axis="x", integer=True, nbins=4)
    for axes in (upper, lower):
        axes.tick_params(labelsize=7, length=2)
        bare(axes)


def _by_seed(axes: Axes, curves: pd.DataFrame, column: str, shade: str) -> None:
    table = curves.pivot(index="epoch", columns="seed", values=column).dropna(how="all")
    if table.empty:
        return
    axes.plot(table.index, table.to_numpy(), color=shade, lw=0.6, alpha=0.6)
    axes.plot(table.index, table.mean(axis=1), color=shade, lw=1.6)

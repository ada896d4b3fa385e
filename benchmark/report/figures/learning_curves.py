"""Learning curves: val kappa by training images and by multiply-adds, a line per arm."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from benchmark.common.terms import Arm, Size
from benchmark.common.units import quantity
from benchmark.report.costs import Spent, chain, curve, targets
from benchmark.report.figure_style import DASHES, GREY, MARKERS, bare, colour, legend, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs

ABOUT = FigureInfo(order=6, section="cost")

COSTS = {"images": "training images seen", "macs": "multiply-adds of forward passes"}
"""Title of the horizontal axis by attribute of a point."""


def draw(figure: Figure, inputs: Inputs) -> str:
    """Draw a row per size and a panel per cost, with the arms whose whole chain ran; nothing without such an arm."""
    results = inputs.results
    sizes: dict[Size, list[list[Spent]]] = {}
    for links in filter(None, (chain(results, arm) for arm in results.methods())):
        sizes.setdefault(links[-1].size, []).append(links)
    if not sizes:
        return ""
    height = 2.6 * len(sizes) + 0.9
    figure.set_size_inches(10.4, height)
    figure.subplots_adjust(0.075, 0.5 / height, 0.8, 1 - 0.7 / height, wspace=0.1, hspace=0.32)
    grid = figure.subplots(len(sizes), len(COSTS), squeeze=False)
    wanted = targets(results)
    for (size, chains), line in zip(sizes.items(), grid, strict=True):
        for (cost, title), axes in zip(COSTS.items(), line, strict=True):
            for _, same in groupby(chains, lambda links: links[-1].arm.method):
                for index, links in enumerate(same):
                    _line(axes, curve(results, links), cost, index, links[-1].arm)
            axes.set(xlabel=f"{title}, chain included", xscale="log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 4, 7)))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_formatter(lambda value, _: quantity(value))
            bare(axes, grid="both")
            for fraction, kappa in wanted.get(size, {}).items():
                axes.axhline(kappa, color=GREY, lw=0.7, ls=":")
                axes.text(
                    1.003, kappa, f"{fraction:.0%}", transform=axes.get_yaxis_transform(), va="center", fontsize=6
                )
        line[0].set_ylabel(f"val kappa, {chains[0][-1].pixels} px")
        line[1].set_ylim(line[0].get_ylim())
        line[1].tick_params(labelleft=False)
        legend(line[1], 1.04, f"{size} size")
    set_title(figure, f"Learning curves on {results.data}", results.synthetic)
    return (
        f"Learning curves: val kappa (main output, n = {results.images('val')} images of {results.data}) after each "
        "epoch, by training images and by multiply-adds of their forward passes. Mean over seeds; shaded: one sample "
        "standard deviation to either side. The costs include those of the arms that an arm starts from. Dotted "
        "horizontal lines: the kappas of the cost table."
    )


def _line(axes: Axes, points: pd.DataFrame, cost: str, index: int, arm: Arm) -> None:
    """Draw the learning curve of an arm in the colour of its method; markers and dashes by its place in the method."""
    costs, kappas, sds, shade = points[cost], points["kappa"], points["sd"].fillna(0), colour(arm.method)
    axes.fill_between(costs, kappas - sds, kappas + sds, color=shade, alpha=0.08, lw=0)
    style: Any = {"marker": MARKERS[index % len(MARKERS)], "ls": DASHES[index % len(DASHES)], "color": shade}
    axes.plot(costs, kappas, **style, lw=1.3, markersize=3.5, label=str(arm))

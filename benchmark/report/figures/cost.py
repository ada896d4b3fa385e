"""What kappa costs, drawn: the learning curves of the arms at the large size by the multiply-adds that they took."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.common.arrays import Floats
from benchmark.common.terms import Arm, Size
from benchmark.common.units import quantity
from benchmark.report.costs import CurvePoint, Spent, chain, curve, targets
from benchmark.report.figures.style import GREY, Plot, bare, legend, look, set_title
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LARGE: Size = "large"


def plots(inputs: Inputs) -> dict[str, Plot]:
    """A figure of all arms at the large size; none where none of them ran."""
    found = [chain(inputs.results, arm) for arm in inputs.results.arms()]
    large = [links for links in found if links and links[-1].size == LARGE]
    return {"cost.png": partial(_plot, chains=large, results=inputs.results)} if large else {}


def _plot(figure: Figure, chains: list[tuple[Spent, ...]], results: Results) -> str:
    """Val kappa by multiply-adds spent, a line per chain of arms: the last of them thick, those before it thin."""
    figure.set_size_inches(8.6, 4.8)
    figure.subplots_adjust(left=0.08, right=0.76, bottom=0.12, top=0.86)
    axes = figure.add_subplot()
    named: set[Arm] = set()
    for index, links in enumerate(chains):
        segments = [_places(curve(results, links[:end])) for end in range(1, len(links) + 1)]
        _draw_chain(axes, segments, look(index) | {"markersize": 4, "label": "/".join(links[-1].arm)})
        for link, segment in zip(links[:-1], segments, strict=False):
            if link.arm not in named:
                named.add(link.arm)
                offset = (-4, 5 if index % 2 else -9)
                axes.annotate(f"{link.pixels} px", segment[0], offset, textcoords="offset points", fontsize=7)
    for fraction, kappa in targets(results).get(LARGE, {}).items():
        axes.axhline(kappa, color=GREY, lw=0.7, ls=":")
        axes.text(1.005, kappa, f"{fraction:.0%}", transform=axes.get_yaxis_transform(), va="center", fontsize=7)
    _scale(axes)
    bare(axes, grid="both")
    legend(axes, 1.05, "arms at the large size")
    set_title(figure, f"What kappa costs, on {results.data}", results)
    return (
        "Highest val kappa so far (main head, mean over seeds) against multiply-adds spent, one point per epoch, one "
        "line per arm at the large size; thin: the arms that it starts from, at their own sizes; dotted across: the "
        "kappas of the cost table."
    )


def _scale(axes: Axes) -> None:
    from matplotlib.ticker import LogLocator

    axes.set_xlabel("multiply-adds spent on training images (forward passes, chain included)")
    axes.set_ylabel("highest val kappa so far")
    axes.set_xscale("log", subs=[])
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda value, _: quantity(value))


def _draw_chain(axes: Axes, segments: list[Floats], style: dict[str, Any]) -> None:
    """Consecutive learning curves: the last thick, those before it thin, dots between."""
    thin = {"color": style["color"], "lw": 0.9}
    for segment in segments[:-1]:
        axes.plot(*segment.T, **thin)
    for before, after in pairwise(segments):
        axes.plot(*np.stack((before[-1], after[0])).T, **thin, ls=":")
    axes.plot(*segments[-1].T, **style, lw=1.6)


def _places(points: list[CurvePoint]) -> Floats:
    """Multiply-adds and the highest kappa so far, per epoch, shape (epochs, 2)."""
    kappas = np.maximum.accumulate([point.kappa for point in points])
    return np.column_stack(([point.macs for point in points], kappas)).astype(np.float64)

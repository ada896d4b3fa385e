"""Confusion matrices: a figure per arm."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from benchmark.common.arrays import Floats
from benchmark.common.terms import EVALUATED, GRADES, Arm
from benchmark.report.captions import HEADS
from benchmark.report.figure_style import DARK, Plot, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results
from benchmark.statistics.systems import steps
from models.systems.registry import SYSTEMS

ABOUT = FigureInfo(order=10)


if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STEP = GRADES + 2
"""From one matrix to the next, in cells: the room for titles and labels between them."""


def plots(inputs: Inputs) -> dict[str, Plot]:
    """A figure per arm that ran; of another system, of the whole alone."""
    whole = {steps(system)[-1][0] for system in SYSTEMS}
    shown = [arm for arm in inputs.results.arms() if arm.method not in SYSTEMS or arm in whole]
    return {f"confusion_{'_'.join(arm)}": partial(_plot, results=inputs.results, arm=arm) for arm in shown}


def _plot(figure: Figure, results: Results, arm: Arm) -> str:
    """Counts summed over seeds, coloured by their share of the label's row; a row per head, val beside test."""
    counts = results.confusion_of(*arm)
    heads = [head for head in HEADS if (head, "val") in counts]
    height = 3.2 * len(heads) + 0.6
    figure.set_size_inches(6.6, height)
    # All matrices share one pair of axes: axes and their ticks cost more than all that is drawn in them.
    axes = figure.add_axes((0, 0, 1, 1 - 0.6 / height))
    axes.axis("off")
    shares = np.full((STEP * len(heads) - 2, STEP * len(EVALUATED) - 2), np.nan)
    for row, head in enumerate(heads):
        for column, split in enumerate(EVALUATED):
            matrix, x, y = counts[head, split], STEP * column, STEP * row
            share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
            shares[y : y + GRADES, x : x + GRADES] = share
            title = f"{HEADS[head]}, {split}: n = {results.images(split)} × {_seeds(results, arm)}"
            _draw(axes, matrix, share, title, x, y)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="equal", interpolation="nearest")
    axes.set(xlim=(-1.6, STEP + GRADES), ylim=(STEP * len(heads) - 0.6, -1.1))
    set_title(figure, f"{'/'.join(arm)} on {results.data} (colour: share of the row)", results)
    sizes = ", ".join(f"{split} n = {results.images(split)}" for split in EVALUATED)
    return (
        f"{arm} on {results.data} ({sizes}): images by label and predicted grade, summed over {_seeds(results, arm)}; "
        "colour: share of the label's images."
    )


def _seeds(results: Results, arm: Arm) -> str:
    count = len(results.runs_of(*arm))
    return f"{count} seed{'s'[: count > 1]}"


def _draw(axes: Axes, counts: npt.NDArray[np.int64], share: Floats, title: str, x: float, y: float) -> None:
    """What stands in and around one matrix, whose first cell is centred at (x, y)."""
    from matplotlib.patches import Rectangle

    left, top, bottom = x - 0.5, y - 0.5, y + GRADES - 0.5
    axes.add_patch(Rectangle((left, top), GRADES, GRADES, fill=False, ec=DARK, lw=0.8))
    centred: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8}
    for label, predicted in zip(*counts.nonzero(), strict=True):
        shade = "white" if share[label, predicted] > 0.55 else DARK
        axes.text(x + predicted, y + label, str(counts[label, predicted]), color=shade, **centred)
    for grade in range(GRADES):
        axes.text(left - 0.3, y + grade, str(grade), **centred)
        axes.text(x + grade, bottom + 0.3, str(grade), **centred)
    middle = (GRADES - 1) / 2
    axes.text(x + middle, top - 0.25, title, ha="center", va="center", fontsize=9)
    axes.text(x + middle, bottom + 0.75, "predicted grade", **centred)
    axes.text(left - 0.75, y + middle, "label", rotation=90, **centred)

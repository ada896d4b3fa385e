"""Confusion matrices: a figure per arm."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from benchmark.common.arrays import Floats
from benchmark.common.terms import EVALUATED, GRADES, Arm
from benchmark.report.captions import HEAD_NAMES, seeds_in_words
from benchmark.report.figure_style import DARK, Plot, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results
from benchmark.statistics.systems import steps
from models.systems.registry import SYSTEMS

ABOUT = FigureInfo(order=10)


MATRIX_SPACING = GRADES + 2
"""Distance between matrices in cells, with space for titles and labels."""


def plots(inputs: Inputs) -> dict[str, Plot]:
    """Return a figure per arm that ran, and per compared system of its last step only."""
    whole = {steps(system)[-1][0] for system in SYSTEMS}
    shown = [arm for arm in inputs.results.arms() if arm.method not in SYSTEMS or arm in whole]
    return {f"confusion_{'_'.join(arm)}": partial(_plot, results=inputs.results, arm=arm) for arm in shown}


def _plot(figure: Figure, results: Results, arm: Arm) -> str:
    """Draw counts summed over seeds, coloured by their proportion of the label; a row per head, a column per split."""
    counts, seeds = results.confusion_of(*arm), seeds_in_words(len(results.runs_of(*arm)))
    heads = [head for head in HEAD_NAMES if (head, "val") in counts]
    height = 3.2 * len(heads) + 0.6
    figure.set_size_inches(6.6, height)
    # All matrices share one pair of axes, because axes and ticks are slow to draw.
    axes = figure.add_axes((0, 0, 1, 1 - 0.6 / height))
    axes.axis("off")
    shares = np.full((MATRIX_SPACING * len(heads) - 2, MATRIX_SPACING * len(EVALUATED) - 2), np.nan)
    for row, head in enumerate(heads):
        for column, split in enumerate(EVALUATED):
            matrix, x, y = counts[head, split], MATRIX_SPACING * column, MATRIX_SPACING * row
            share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
            shares[y : y + GRADES, x : x + GRADES] = share
            title = f"{HEAD_NAMES[head]}, {split}: n = {results.images(split)} × {seeds}"
            _draw(axes, matrix, share, title, x, y)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="equal", interpolation="nearest")
    axes.set(xlim=(-1.6, MATRIX_SPACING + GRADES), ylim=(MATRIX_SPACING * len(heads) - 0.6, -1.1))
    set_title(figure, f"{arm} on {results.data} (colour: proportion of the row)", results)
    sizes = ", ".join(f"{split} n = {results.images(split)}" for split in EVALUATED)
    return (
        f"Confusion matrices of {arm} on {results.data} ({sizes}): images by label and predicted grade, summed over "
        f"{seeds}. Colour: proportion of the label's images."
    )


def _draw(axes: Axes, counts: npt.NDArray[np.int64], share: Floats, title: str, x: float, y: float) -> None:
    """Draw the numbers and labels of one matrix, whose first cell is centred at (x, y)."""
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

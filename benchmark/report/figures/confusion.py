"""Confusion matrices: a figure per arm."""

from __future__ import annotations

from functools import partial

import numpy as np
from matplotlib.figure import Figure

from benchmark.common.terms import EVALUATED, Arm
from benchmark.report.captions import HEAD_NAMES, seeds_in_words
from benchmark.report.figure_style import Plot, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results
from benchmark.statistics.systems import steps
from models.systems.registry import SYSTEMS

ABOUT = FigureInfo(order=10)


def plots(inputs: Inputs) -> dict[str, Plot]:
    """Return a figure per arm that ran, and per compared system of its last step only."""
    whole = {steps(system)[-1][0] for system in SYSTEMS}
    shown = [arm for arm in inputs.results.arms() if arm.method not in SYSTEMS or arm in whole]
    return {f"confusion_{'_'.join(arm)}": partial(_plot, results=inputs.results, arm=arm) for arm in shown}


def _plot(figure: Figure, results: Results, arm: Arm) -> str:
    """Draw counts summed over seeds, coloured by their proportion of the label; a row per head, a column per split."""
    import seaborn as sns

    counts, seeds = results.confusion_of(*arm), seeds_in_words(len(results.runs_of(*arm)))
    heads = [head for head in HEAD_NAMES if (head, "val") in counts]
    height = 3.2 * len(heads) + 0.6
    figure.set_size_inches(6.6, height)
    figure.subplots_adjust(0.08, 0.5 / height, 0.98, 1 - 0.85 / height, hspace=0.35)
    grid = figure.subplots(len(heads), len(EVALUATED), squeeze=False)
    for head, line in zip(heads, grid, strict=True):
        for split, axes in zip(EVALUATED, line, strict=True):
            matrix = counts[head, split]
            share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
            texts = np.where(matrix, matrix.astype(str), "")
            style = {"cmap": "Blues", "vmin": 0, "vmax": 1, "cbar": False, "square": True}
            sns.heatmap(share, ax=axes, annot=texts, fmt="", annot_kws={"fontsize": 8}, **style)
            title = f"{HEAD_NAMES[head]}, {split}: n = {results.images(split)} × {seeds}"
            axes.set(title=title, xlabel="predicted grade", ylabel="label")
            axes.spines[:].set_visible(True)
            axes.tick_params(length=0)
    set_title(figure, f"{arm} on {results.data} (colour: proportion of the row)", results.synthetic)
    sizes = ", ".join(f"{split} n = {results.images(split)}" for split in EVALUATED)
    return (
        f"Confusion matrices of {arm} on {results.data} ({sizes}): images by label and predicted grade, summed over "
        f"{seeds}. Colour: proportion of the label's images."
    )

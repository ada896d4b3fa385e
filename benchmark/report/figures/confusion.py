"""Confusion matrices: a figure per arm."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from benchmark.common.terms import EVALUATED, GRADES, Arm
from benchmark.report.captions import HEAD_NAMES, seeds_in_words
from benchmark.report.figure_style import draw_heatmap, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.statistics.systems import steps
from models.systems.registry import SYSTEMS

ABOUT = FigureInfo(order=10, each_arm=True)


def draw(figure: Figure, inputs: Inputs, arm: Arm) -> str:
    """Draw counts summed over seeds, coloured by their proportion of the label; a row per head, a column per split.

    Of a compared system only the last step is drawn.
    """
    results = inputs.results
    if arm.method in SYSTEMS and arm != steps(arm.method)[-1][0]:
        return ""
    counts, seeds = results.confusion_of(*arm), seeds_in_words(len(results.runs_of(*arm)))
    grades = np.arange(GRADES)
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
            draw_heatmap(axes, share, texts, fontsize=8)
            title = f"{HEAD_NAMES[head]}, {split}: n = {results.images(split)} × {seeds}"
            axes.set(title=title, xlabel="predicted grade", ylabel="label")
            axes.set(aspect="equal", xticks=grades + 0.5, yticks=grades + 0.5, xticklabels=grades, yticklabels=grades)
            axes.tick_params(length=0)
            axes.tick_params(axis="y", labelrotation=90)
    set_title(figure, f"{arm} on {results.data} (colour: proportion of the row)", results.synthetic)
    sizes = ", ".join(f"{split} n = {results.images(split)}" for split in EVALUATED)
    return (
        f"Confusion matrices of {arm} on {results.data} ({sizes}): images by label and predicted grade, summed over "
        f"{seeds}. Colour: proportion of the label's images."
    )

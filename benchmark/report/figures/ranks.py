"""Rank probabilities of the arms of each size, on test."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from benchmark.common.units import percent
from benchmark.report.figure_style import draw_heatmap, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.statistics.estimates import Estimate

ABOUT = FigureInfo(order=4, section="comparisons")

_SHOWN = 0.045
"""Smallest probability that is shown as a number."""


def draw(figure: Figure, inputs: Inputs) -> str:
    """Draw a block per size: a line per arm, by expected rank, and a column per rank; nothing without several arms."""
    items, results = [row for row in inputs.estimates("rank") if row.split == "test"], inputs.results
    if not items:
        return ""
    sizes: dict[str, list[list[Estimate]]] = {}
    for row in items:
        block = sizes.setdefault(row.about, [])
        if row.rank == 1:
            block.append([])
        block[-1].append(row)
    heights = [len(block) + 1.4 for block in sizes.values()]
    width, height = max(0.55 * max(row.rank for row in items) + 2.75, 5.6), 0.27 * sum(heights) + 0.75
    figure.set_size_inches(width, height)
    figure.subplots_adjust(2.6 / width, 0.1 / height, 1 - 0.15 / width, 1 - 0.95 / height, hspace=0.3)
    grid = figure.subplots(len(sizes), height_ratios=heights, squeeze=False)[:, 0]
    for axes, (size, block) in zip(grid, sizes.items(), strict=True):
        chances = np.array([[row.estimate for row in found] for found in block])
        # By expected rank; arms without ranks are last.
        order = np.argsort(chances @ np.arange(1, chances.shape[1] + 1), kind="stable")
        chances, ordered = chances[order], [block[place] for place in order]
        texts = [[percent(one) if one >= _SHOWN else "" for one in line] for line in chances]
        draw_heatmap(axes, chances, np.array(texts), fontsize=7.5, gap=1)
        axes.set_xticks(np.arange(chances.shape[1]) + 0.5, range(1, chances.shape[1] + 1))
        axes.set_yticks(np.arange(len(block)) + 0.5, [f"{found[0].method}/{found[0].arm}" for found in ordered])
        axes.spines[:].set_visible(False)
        for line in np.flatnonzero(np.isnan(chances).all(1)):
            axes.text(0.1, line + 0.5, "not clear of chance", va="center", fontsize=7.5)
        axes.set_title(f"{size} size, by rank", loc="left", weight="bold", x=-0.1)
        axes.tick_params(length=0, labeltop=True, labelbottom=False, labelrotation=0)
    set_title(figure, f"Rank probabilities on {results.data}", results.synthetic)
    first = items[0]
    return (
        f"Probability of each rank (1: highest kappa) among the arms of an input size, main output, on the test split "
        f"of {results.data} (n = {first.n_images} images). Proportions of {first.n_resamples:,} resamples of patients, "
        f"shared by all arms, with the error of the seeds by Student's t. Values below {np.ceil(100 * _SHOWN):.0f} % "
        "are not shown. An arm whose kappa is not clear of 0 has no rank. This is not a test."
    )

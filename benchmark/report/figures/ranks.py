"""Rank probabilities of the arms of each size, on test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from benchmark.report.figure_style import DARK, Plot, plot_if_any, set_title, shade
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results
from benchmark.statistics.estimates import Estimate

ABOUT = FigureInfo(order=4)
_SHOWN = 0.045
"""Smallest probability that is shown as a number."""


def plots(inputs: Inputs) -> dict[str, Plot]:
    """Return one figure of all sizes with several arms; none without such a size."""
    rows = [row for row in inputs.estimates("rank") if row.split == "test"]
    return plot_if_any("ranks", _plot, rows, inputs)


def _plot(figure: Figure, items: Sequence[Estimate], results: Results) -> str:
    """Draw a block per size: a line per arm, by expected rank, and a column per rank."""
    sizes: dict[str, list[list[Estimate]]] = {}
    for row in items:
        block = sizes.setdefault(row.about, [])
        if row.rank == 1:
            block.append([])
        block[-1].append(row)
    lines = sum(len(block) + 1.4 for block in sizes.values())
    ranks = max(row.rank for row in items)
    width, height = 0.55 * ranks + 2.75, 0.27 * lines + 0.95
    figure.set_size_inches(max(width, 5.6), height)
    axes = figure.add_axes((0, 0.01, 1, 1 - 0.75 / height))
    axes.axis("off")
    top = 0.0
    for size, block in sizes.items():
        ordered = sorted(block, key=lambda found: sum(row.rank * row.estimate for row in found))
        axes.text(-0.1, top + 0.5, f"{size} size", ha="right", va="center", fontsize=9, weight="bold")
        for rank in range(len(block)):
            axes.text(rank + 0.5, top + 0.5, f"{rank + 1}", ha="center", va="center", fontsize=8)
        for line, found in enumerate(ordered, 1):
            axes.text(-0.1, top + line + 0.5, f"{found[0].method}/{found[0].arm}", ha="right", va="center", fontsize=8)
            for place, row in enumerate(found):
                axes.add_patch(Rectangle((place, top + line), 1, 1, fc=shade(row.estimate), ec="white", lw=1.2))
                if row.estimate >= _SHOWN:
                    ink = "white" if row.estimate > 0.55 else DARK
                    axes.text(
                        place + 0.5,
                        top + line + 0.5,
                        _words(row.estimate),
                        ha="center",
                        va="center",
                        fontsize=7.5,
                        color=ink,
                    )
        top += len(block) + 1.4
    axes.set(xlim=(-2.6 / 0.55, max(width, 5.6) / 0.55 - 2.6 / 0.55), ylim=(top, 0))
    set_title(figure, f"Rank probabilities on {results.data}", results)
    first = items[0]
    return (
        f"Probability of each rank (1: highest kappa) among the arms of an input size, main output, on the test split "
        f"of {results.data} (n = {first.n_images} images). Proportions of {first.n_resamples:,} resamples of patients, "
        f"shared by all arms, with the error of the seeds by Student's t. Values below {np.ceil(100 * _SHOWN):.0f} % "
        "are not shown. This is not a test; the paired differences test whether two arms differ."
    )


def _words(probability: float) -> str:
    """Return a percentage that is never rounded up to 100 %."""
    return ">99%" if 0.995 <= probability < 1 else f"{probability:.0%}"

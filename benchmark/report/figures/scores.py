"""Distribution of the scores by label, a panel per arm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmark.common.terms import GRADES
from benchmark.evaluation.outputs import SCORE_BIN_WIDTH, SCORE_MAX, SCORE_MIN, ScoreRow
from benchmark.report.figure_style import DARK, GREY, colour, panels, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.runs.declared import by_arm

ABOUT = FigureInfo(order=8, section="metrics")

TALL = 0.85
"""Height of the highest bar of a label, in units of the label axis."""


def draw(figure: Figure, inputs: Inputs) -> str:
    """Draw every arm with scores; nothing without such an arm."""
    items, results = by_arm(inputs.scores), inputs.results
    if not items:
        return ""
    grid = panels(figure, list(map(str, items)), (SCORE_MIN, SCORE_MAX), range(GRADES), ("score", "label"))
    for axes, rows in zip(grid, items.values(), strict=True):
        _panel(axes, rows)
    set_title(figure, f"Scores by label on {results.data}", results.synthetic)
    return (
        f"Distribution of the scores by label, on test of {results.data} (n = {results.images('test')} images per "
        "seed, all seeds together). Each label's histogram is scaled to the same height; bar: interquartile range, "
        "dot: median. Dotted: boundaries of the nearest grade. Scores outside the frame are counted at its edge."
    )


def _panel(axes: Axes, rows: Sequence[ScoreRow]) -> None:
    bars = round((SCORE_MAX - SCORE_MIN) / SCORE_BIN_WIDTH)
    for boundary in np.arange(GRADES - 1) + 0.5:
        axes.axvline(boundary, color=GREY, lw=0.5, ls=":")
    edges = SCORE_MIN + SCORE_BIN_WIDTH * np.arange(bars + 1)
    for grade in range(GRADES):
        counts = np.zeros(bars)
        for row in rows:
            if row.grade == grade:
                counts[round((row.low - SCORE_MIN) / SCORE_BIN_WIDTH)] = row.images
        if not counts.sum():
            continue
        base = grade - 0.45
        shade = colour(rows[0].method)
        axes.stairs(base + TALL * counts / counts.max(), edges, baseline=base, fill=True, color=shade, alpha=0.7)
        low, middle, high = np.interp((0.25, 0.5, 0.75), np.append(0, counts.cumsum()) / counts.sum(), edges)
        axes.plot((low, high), (base, base), color=DARK, lw=1.6, solid_capstyle="butt")
        axes.plot(middle, base, "o", color=DARK, ms=2.6)

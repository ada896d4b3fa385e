"""Score distributions: what scores the images of each label get, a panel per arm."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmark.common.terms import GRADES, Arm
from benchmark.evaluation.outputs import HIGH, LOW, STEP, ScoreRow
from benchmark.report.figure_style import DARK, GREY, Panel, Plot, panels, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results

ABOUT = FigureInfo(order=8)


if TYPE_CHECKING:
    from matplotlib.figure import Figure

TALL = 0.85
"""Height of the highest bar of a label, in labels."""


def plots(inputs: Inputs) -> dict[str, Plot]:
    """A figure of every arm with scores; none without such."""
    arms: dict[Arm, list[ScoreRow]] = {}
    for row in inputs.scores:
        arms.setdefault(Arm(row.method, row.arm), []).append(row)
    return {"scores": partial(_plot, arms=arms, results=inputs.results)} if arms else {}


def _plot(figure: Figure, arms: dict[Arm, list[ScoreRow]], results: Results) -> str:
    for panel, (arm, rows) in zip(panels(figure, len(arms), LOW, HIGH), arms.items(), strict=True):
        runs = len(results.runs_of(*arm))
        panel.frame(f"{arm}, {runs} seed{'s'[: runs > 1]}", range(GRADES))
        _draw(panel, rows)
    set_title(figure, f"Scores by label on {results.data} (across: score; up: label)", results)
    return (
        f"Scores on test of {results.data} (n = {results.images('test')} images per seed, all seeds together) by the "
        "image's label, each label's shares to its own height; bar: their middle half, dot: median. Dotted: where the "
        "nearest grade changes. What lies beyond the frame is counted at its edge."
    )


def _draw(panel: Panel, rows: Sequence[ScoreRow]) -> None:
    axes, bars = panel.axes, round((HIGH - LOW) / STEP)
    for cut in np.arange(GRADES - 1) + 0.5:
        axes.plot(panel.across((cut, cut)), panel.up((LOW, HIGH)), color=GREY, lw=0.5, ls=":")
    edges = LOW + STEP * np.arange(bars + 1)
    for grade in range(GRADES):
        counts = np.zeros(bars)
        for row in rows:
            if row.grade == grade:
                counts[round((row.low - LOW) / STEP)] = row.images
        if not counts.sum():
            continue
        base = grade - 0.45
        tops = base + TALL * np.append(counts, counts[-1]) / counts.max()
        axes.fill_between(
            panel.across(edges), panel.up(np.full(bars + 1, base)), panel.up(tops), step="post", color="#56a0d3", lw=0
        )
        low, middle, high = np.interp((0.25, 0.5, 0.75), np.append(0, counts.cumsum()) / counts.sum(), edges)
        axes.plot(panel.across((low, high)), panel.up((base, base)), color=DARK, lw=1.6, solid_capstyle="butt")
        axes.plot(panel.across(middle), panel.up(base), "o", color=DARK, ms=2.6)

"""Calibration: accuracy of the most probable grade by its probability, a panel per arm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from benchmark.common.terms import Arm
from benchmark.evaluation.outputs import CalibrationRow
from benchmark.report.figure_style import GREY, Panel, Plot, colour, panels, plot_if_any, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results
from benchmark.runs.declared import by_arm
from benchmark.scoring.metrics import BINS

ABOUT = FigureInfo(order=9)


FEW = 5
"""Bins with fewer images, of all seeds together, are not drawn."""


def plots(inputs: Inputs) -> dict[str, Plot]:
    """Return one figure of all arms with probabilities; none without such an arm."""
    return plot_if_any("calibration", _plot, by_arm(inputs.calibration), inputs)


def _plot(figure: Figure, items: dict[Arm, list[CalibrationRow]], results: Results) -> str:
    for panel, (arm, rows) in zip(panels(figure, len(items), 0, 1), items.items(), strict=True):
        found = results.measured(arm, "prob", "test", "ece")
        panel.frame(str(arm), (0, 0.5, 1))
        if found is not None:
            label = f"ECE {found.estimate:.2f}\n[{found.low:.2f}, {found.high:.2f}]"
            panel.axes.text(float(panel.across(0.04)), float(panel.up(0.97)), label, va="top", fontsize=6.5)
        _draw(panel, rows)
    set_title(figure, f"Calibration on {results.data}: accuracy by probability of the most probable grade", results)
    return (
        f"Calibration on test of {results.data} (n = {results.images('test')} images per seed): accuracy of the most "
        f"probable grade by its probability. There are {BINS} bins; dots: mean over seeds, weighted by images; bars: "
        f"range over seeds; grey bars below: fraction of the images in a bin; bins of fewer than {FEW} images are left "
        "out. On the diagonal probabilities are calibrated; below it they are too high. ECE: expected calibration "
        "error with its 95 % interval."
    )


def _draw(panel: Panel, rows: Sequence[CalibrationRow]) -> None:
    axes = panel.axes
    axes.plot(panel.across((0, 1)), panel.up((0, 1)), color=GREY, lw=0.8, ls="--")
    images, accuracy, confidence = (
        np.array([getattr(row, name) for row in rows], np.float64) for name in ("images", "accuracy", "confidence")
    )
    place = np.array([row.bin for row in rows])
    held = np.bincount(place, images, BINS)
    edges = np.arange(BINS) / BINS
    axes.bar(
        panel.across(edges),
        0.25 * held / held.sum(),
        1 / BINS,
        panel.y,
        align="edge",
        color="#cccccc",
    )
    for one in np.flatnonzero(held >= FEW):
        inside = place == one
        x = panel.across(np.average(confidence[inside], weights=images[inside]))
        low, high = accuracy[inside].min(), accuracy[inside].max()
        axes.plot((x, x), panel.up((low, high)), color=colour(0), lw=0.9)
        axes.plot(x, panel.up(np.average(accuracy[inside], weights=images[inside])), "o", color=colour(0), ms=3.2)

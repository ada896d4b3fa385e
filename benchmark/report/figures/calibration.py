"""Calibration: accuracy of the most probable grade by its probability, a panel per arm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmark.evaluation.outputs import CalibrationRow
from benchmark.report.figure_style import GREY, colour, panels, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.runs.declared import by_arm
from benchmark.scoring.metrics import BINS

ABOUT = FigureInfo(order=9, section="metrics")

FEW = 5
"""Bins with fewer images, of all seeds together, are not drawn."""


def draw(figure: Figure, inputs: Inputs) -> str:
    """Draw every arm with probabilities; nothing without such an arm."""
    items, results = by_arm(inputs.calibration), inputs.results
    if not items:
        return ""
    labels = "probability of the most probable grade", "accuracy"
    grid = panels(figure, list(map(str, items)), (0, 1), (0, 0.5, 1), labels)
    for axes, (arm, rows) in zip(grid, items.items(), strict=True):
        found, level = (results.measured(arm, "prob", "test", name) for name in ("ece", "ece_calibrated"))
        if found is not None and level is not None:
            label = f"ECE {found.estimate:.2f}\n[{found.low:.2f}, {found.high:.2f}]\ncalibrated: {level.estimate:.2f}"
            axes.text(0.04, 0.97, label, va="top", fontsize=6.5)
        _panel(axes, rows)
    set_title(figure, f"Calibration on {results.data}", results.synthetic)
    return (
        f"Calibration on test of {results.data} (n = {results.images('test')} images per seed): accuracy of the most "
        f"probable grade by its probability. There are {BINS} bins; dots: mean over seeds, weighted by images; bars: "
        f"range over seeds; grey bars below: fraction of the images in a bin; bins of fewer than {FEW} images are left "
        "out. On the diagonal probabilities are calibrated; below it they are too high. ECE: expected calibration "
        "error with its 95 % interval, and the error that a calibrated network has from noise alone."
    )


def _panel(axes: Axes, rows: Sequence[CalibrationRow]) -> None:
    shade = colour(rows[0].method)
    axes.plot((0, 1), (0, 1), color=GREY, lw=0.8, ls="--")
    images, accuracy, confidence = (
        np.array([getattr(row, name) for row in rows], np.float64) for name in ("images", "accuracy", "confidence")
    )
    place = np.array([row.bin for row in rows])
    held = np.bincount(place, images, BINS)
    axes.bar(np.arange(BINS) / BINS, 0.25 * held / held.sum(), 1 / BINS, align="edge", color="#cccccc")
    for one in np.flatnonzero(held >= FEW):
        inside = place == one
        x = np.average(confidence[inside], weights=images[inside])
        axes.plot((x, x), (accuracy[inside].min(), accuracy[inside].max()), color=shade, lw=0.9)
        axes.plot(x, np.average(accuracy[inside], weights=images[inside]), "o", color=shade, ms=3.2, clip_on=False)

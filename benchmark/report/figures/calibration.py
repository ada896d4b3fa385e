"""Calibration: how often the most probable grade is right, by how probable it is said to be; a panel per arm."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmark.common.terms import Arm
from benchmark.evaluation.outputs import CalibrationRow
from benchmark.report.figure_style import GREY, Panel, Plot, colour, panels, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results
from benchmark.scoring.metrics import BINS

ABOUT = FigureInfo(order=9)


if TYPE_CHECKING:
    from matplotlib.figure import Figure

FEW = 5
"""Images in a bin of all seeds together, below which its share is not drawn."""


def plots(inputs: Inputs) -> dict[str, Plot]:
    """A figure of every arm with probabilities; none without such."""
    arms: dict[Arm, list[CalibrationRow]] = {}
    for row in inputs.calibration:
        arms.setdefault(Arm(row.method, row.arm), []).append(row)
    return {"calibration": partial(_plot, arms=arms, results=inputs.results)} if arms else {}


def _plot(figure: Figure, arms: dict[Arm, list[CalibrationRow]], results: Results) -> str:
    for panel, (arm, rows) in zip(panels(figure, len(arms), 0, 1), arms.items(), strict=True):
        found = results.measured(arm, "prob", "test", "ece")
        panel.frame(str(arm), (0, 0.5, 1))
        if found is not None:
            label = f"ECE {found.estimate:.2f}\n[{found.low:.2f}, {found.high:.2f}]"
            panel.axes.text(float(panel.across(0.04)), float(panel.up(0.97)), label, va="top", fontsize=6.5)
        _draw(panel, rows)
    set_title(figure, f"Calibration on {results.data}: share right by probability of the most probable grade", results)
    return (
        f"Calibration on test of {results.data} (n = {results.images('test')} images per seed): share of images whose "
        f"most probable grade is the label, by its probability, in {BINS} bins, mean over seeds weighted by images; "
        f"bars: range over seeds; grey bars below: share of the images in a bin; bins of fewer than {FEW} images are "
        "left out. On the diagonal a probability is what it says; below, it promises too much. ECE with its 95 % "
        "interval."
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
        0.25 * panel.side * held / held.sum(),
        panel.side / BINS,
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

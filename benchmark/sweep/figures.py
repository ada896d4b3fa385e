"""Figure of a sweep: kappa by swept value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmark.report.figure_style import GREY, bare, draw_legend, save_figure, set_title, styled
from benchmark.settings.sweep import Value
from benchmark.statistics.confidence import Interval
from benchmark.sweep.results import SweepResults
from benchmark.sweep.retrain import SweepSide

ZERO_GAP = 3.0
"""Factor below the smallest other value at which a logarithmic axis shows 0."""


def draw_slice(results: SweepResults, path: Path) -> str:
    """Draw a panel per parameter: val kappa of each trial by its value, and the retrained values; return a caption."""
    params = results.params
    space = params.sweep.space
    with styled():
        figure = Figure(figsize=(max(3.4 * len(space), 5.4), 3.8))
        grid = figure.subplots(1, len(space), sharey=True, squeeze=False)[0]
        figure.subplots_adjust(0.65 / figure.get_figwidth(), 0.14, 0.97, 0.7, wspace=0.08)
        for name, axes in zip(space, grid, strict=True):
            _slice(axes, name, results)
        grid[0].set_ylabel("val kappa")
        draw_legend(figure, *grid[0].get_legend_handles_labels())
        set_title(figure, f"Sweep {params.sweep.study} on {params.data.name}", params.data.synthetic)
        save_figure(figure, path)
    return (
        f"Val kappa (n = {results.n_images['val']} images) by swept value. Bars: 95 % intervals over seeds and "
        f"patients; squares: the best and the {results.reference} values, retrained on new seeds. On a logarithmic "
        "axis a value of 0 is drawn at the left end."
    )


def _slice(axes: Axes, name: str, results: SweepResults) -> None:
    declared = results.params.sweep.space[name]
    tried = [trial for trial in results.trials if trial.interval and name in trial.values]
    found: list[tuple[str, Value, Interval, dict[str, Any]]] = [
        ("trials", trial.values[name], trial.interval, {"fmt": "o", "color": GREY, "ms": 4})
        for trial in tried
        if trial.interval
    ]
    sides: tuple[tuple[SweepSide, str, Value, str], ...] = (
        ("best", "best", results.best.values[name], "C2"),
        ("published", results.reference, results.published[name], "C3"),
    )
    for side, word, value, shade in sides:
        style: dict[str, Any] = {"fmt": "s", "color": shade, "ms": 5, "mfc": "white"}
        found.append((f"{word}, retrained", value, results.kappas[side, "val"], style))
    zero = 0.0
    if declared.log:
        zero = min(float(value) for _, value, *_ in found if value) / ZERO_GAP
        axes.set_xscale("log")
        if any(value == 0 for _, value, *_ in found):
            axes.text(zero, -0.055, "0", transform=axes.get_xaxis_transform(), ha="center", va="top", fontsize=8)
            axes.axvline(zero * ZERO_GAP**0.5, color=GREY, lw=0.7, ls=":")
    labelled: set[str] = set()
    for label, value, interval, style in found:
        place: Any = str(value) if declared.choices else value or zero
        ends = [[interval.estimate - interval.low], [interval.high - interval.estimate]]
        shown = "_" * (label in labelled) + label
        axes.errorbar([place], [interval.estimate], np.nan_to_num(ends), lw=1.1, capsize=2.5, label=shown, **style)
        labelled.add(label)
    axes.set_xlabel(name)
    bare(axes, grid="y")

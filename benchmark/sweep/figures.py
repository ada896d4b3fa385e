"""Figures of a sweep: kappa by swept value and by trial."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from benchmark.report.figure_style import GREY, WARNING, bare, draw_legend, save_figure, set_title, styled
from benchmark.settings.sweep import Value
from benchmark.sweep.results import SweepResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from benchmark.statistics.confidence import Interval
    from benchmark.sweep.retrain import SweepSide

SLICE, HISTORY_FIGURE = "slice.png", "history.png"
ZERO_GAP = 3.0
"""Factor below the smallest other value at which a logarithmic axis shows 0."""


def draw_sweep_figures(results: SweepResults, folder: Path) -> dict[str, str]:
    """Draw every figure into a folder, and return the captions by file name, in reading order."""
    plots: dict[str, Callable[[Figure], str]] = {
        SLICE: partial(_plot_slice, results=results),
        HISTORY_FIGURE: partial(_plot_history, results=results),
    }
    captions = {}
    for name, plot in plots.items():
        with styled():
            figure = Figure()
            captions[name] = plot(figure)
            title = f"Sweep {results.params.sweep.study} on {results.params.data.name}"
            set_title(figure, title, results.params.data.synthetic)
            save_figure(figure, folder / name)
    return captions


def _plot_slice(figure: Figure, results: SweepResults) -> str:
    """Draw a panel per parameter: val kappa of each trial by its value, and the retrained values."""
    space = results.params.sweep.space
    figure.set_size_inches(max(3.4 * len(space), 5.4), 3.8)
    grid = figure.subplots(1, len(space), sharey=True, squeeze=False)[0]
    figure.subplots_adjust(0.65 / figure.get_figwidth(), 0.14, 0.97, 0.7, wspace=0.08)
    for name, axes in zip(space, grid, strict=True):
        _slice(axes, name, results)
    grid[0].set_ylabel("val kappa")
    draw_legend(figure, *grid[0].get_legend_handles_labels())
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


def _plot_history(figure: Figure, results: SweepResults) -> str:
    """Draw val kappa by trial, the best so far, and the trials without one."""
    figure.set_size_inches(5.4, 3.6)
    figure.subplots_adjust(0.12, 0.14, 0.97, 0.7)
    axes = figure.add_subplot()
    complete = [trial for trial in results.trials if trial.interval]
    numbers = [trial.number for trial in complete]
    kappas = [trial.interval.estimate for trial in complete if trial.interval]
    axes.plot(numbers, kappas, "o", color=GREY, ms=4, label="trial")
    axes.step(numbers, np.maximum.accumulate(kappas), where="post", color="C2", lw=1.4, label="best so far")
    others = [trial.number for trial in results.trials if not trial.interval]
    if others:
        places = np.full(len(others), 0.02)
        marks: Any = {"color": WARNING, "clip_on": False, "transform": axes.get_xaxis_transform()}
        axes.plot(others, places, "x", ms=5, label="pruned or failed", **marks)
    axes.set(xlabel="trial", ylabel="val kappa")
    bare(axes, grid="y")
    draw_legend(figure, *axes.get_legend_handles_labels())
    return f"Val kappa by trial (n = {results.n_images['val']} images, mean over seeds)."

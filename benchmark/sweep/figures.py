"""Figures of a sweep: kappa by each swept value, and Optuna's own plots of the study."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.report.captions import HEADS, PHANTOM
from benchmark.report.figure_style import DPI, GREY, WARNING, bare, legend, save
from benchmark.sweep.evidence import Evidence, Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from optuna import Study

    from benchmark.settings.sweep import Rule

KAPPA, HISTORY, SLICE, IMPORTANCES = "kappa.png", "history.png", "slice.png", "importances.png"


def draw_all(evidence: Evidence, study: Study, folder: Path) -> dict[str, str]:
    """Draw every figure into ``folder``; caption by file name, in reading order.

    Args:
        evidence: what the sweep shows.
        study: for Optuna's plots; its importances need two complete trials.
        folder: where the files go.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot
    from matplotlib.figure import Figure
    from optuna.visualization import matplotlib as plots

    figure = Figure(dpi=DPI)
    captions = {KAPPA: _kappa(figure, evidence)}
    save(figure, folder / KAPPA)
    names = list(evidence.params.sweep.space)
    optuna_plots: dict[str, tuple[str, Callable[[], Any]]] = {
        HISTORY: ("Optuna: value by trial.", lambda: plots.plot_optimization_history(study, target_name="val kappa")),
        SLICE: ("Optuna: value by parameter.", lambda: plots.plot_slice(study, names, target_name="val kappa")),
        IMPORTANCES: (
            "Optuna: which parameter moves the value (PED-ANOVA).",
            lambda: plots.plot_param_importances(study, target_name="val kappa"),
        ),
    }
    if sum(point.state == "complete" for point in evidence.points) < 2:
        del optuna_plots[IMPORTANCES]
    # Optuna changes the style of every later figure, and warns of few trials, which the tables count.
    with mpl.rc_context(), warnings.catch_warnings(action="ignore"):
        for name, (caption, plot) in optuna_plots.items():
            axes = np.ravel(plot())[0]
            _mark(axes.figure, evidence)
            save(axes.figure, folder / name, bbox_inches="tight")
            pyplot.close(axes.figure)
            captions[name] = caption
    return captions


def _mark(figure: Figure, evidence: Evidence, place: float = 1.0, va: str = "bottom") -> None:
    """Say what the data are in the figure itself, at a height of it."""
    if evidence.params.data.synthetic:
        figure.text(0.5, place, PHANTOM, ha="center", va=va, fontsize=9, color=WARNING)


def _kappa(figure: Figure, evidence: Evidence) -> str:
    """Kappa by value, a panel per numeric parameter."""
    space = {name: rule for name, rule in evidence.params.sweep.space.items() if rule.low is not None}
    names = list(space) or list(evidence.params.sweep.space)
    figure.set_size_inches(6.0 * len(names) + 2.6, 4.4)
    figure.subplots_adjust(
        left=0.75 / figure.get_figwidth(), right=1 - 1.8 / figure.get_figwidth(), bottom=0.13, top=0.84, wspace=0.2
    )
    for index, name in enumerate(names):
        axes = figure.add_subplot(1, len(names), index + 1)
        _panel(axes, name, evidence.params.sweep.space[name], evidence)
        axes.set_xlabel(f"{name} (published: {evidence.published[name]:g})" if name in space else name)
        if index == 0:
            axes.set_ylabel("quadratic weighted kappa on val")
    legend(axes, 1)
    n, seeds = evidence.images["val"], evidence.params.sweep.seeds
    title = f"{evidence.params.sweep.arm} on {evidence.params.data.name}: val, n = {n}, {len(seeds)} seeds per trial"
    figure.text(0.5, 0.97, title, ha="center", va="top", fontsize=11)
    _mark(figure, evidence, 0.91, "top")
    return (
        "Val kappa by swept value. Filled: mean over the search's seeds; bars: 95 % interval over seeds and patients, "
        "cut off by the axes; hollow: the other output of the same runs; crosses: pruned trials; squares: the best "
        "and the published values trained anew on new seeds."
    )


def _panel(axes: Axes, name: str, rule: Rule, evidence: Evidence) -> None:
    head = evidence.params.sweep.head
    complete = sorted((p for p in evidence.points if p.state == "complete"), key=lambda p: _place(p, name))
    alone = len(evidence.params.sweep.space) == 1
    _bars(axes, [_place(p, name) for p in complete], [p.intervals[head] for p in complete], alone, HEADS[head])
    for other in {other for p in complete for other in p.intervals} - {head}:
        # At 0 the other output is not trained.
        points = [p for p in complete if not (rule.zero and p.values[name] == 0)]
        where, kappas = [_place(p, name) for p in points], [p.intervals[other].estimate for p in points]
        axes.plot(where, kappas, "o", mfc="none", color="#8a8a8a", ms=4, label=HEADS[other])
    pruned = [_place(p, name) for p in evidence.points if p.state == "pruned"]
    if pruned:
        floor = np.full(len(pruned), 0.02)
        axes.plot(pruned, floor, "x", color=WARNING, transform=axes.get_xaxis_transform(), label="pruned")
    for is_best, colour, label in ((True, "#0b7a3b", "best, new seeds"), (False, "#c46a00", "published, new seeds")):
        if is_best or evidence.differences:
            values_anew = evidence.best.values if is_best else evidence.published
            _bars(axes, [values_anew[name]], [evidence.intervals[is_best, "val"]], False, label, fmt="s", color=colour)
    if rule.low is not None and rule.high is not None:
        axes.axvline(float(evidence.published[name]), color=GREY, lw=0.7, ls=":")
        if rule.zero:
            axes.set_xscale("symlog", linthresh=rule.low, linscale=0.5)
            axes.set_xlim(-rule.low / 3, 1.5 * rule.high)
        elif rule.log:
            axes.set_xscale("log")
    lowest = min(interval.estimate for point in complete for interval in point.intervals.values())
    axes.set_ylim(max(-1.0, lowest - 0.25), 1.0)
    bare(axes, grid="both")


def _place(point: Point, name: str) -> Any:
    return point.values[name]


def _bars(axes: Axes, places: list[Any], found: list[Any], line: bool, label: str, **look: Any) -> None:
    """Values with their intervals."""
    values = np.array([interval.estimate for interval in found])
    ends = np.array([[interval.estimate - interval.low, interval.high - interval.estimate] for interval in found]).T
    style = {"fmt": "o-" if line else "o", "color": "#0b5cad", "ms": 5, "lw": 1.0, "capsize": 2.5} | look
    axes.errorbar(places, values, np.maximum(ends, 0), label=label, **style)

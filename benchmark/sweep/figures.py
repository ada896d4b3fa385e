"""Figures of a sweep: Optuna's plots of the study, with the intervals of kappa added to the plot by parameter."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.report.captions import PHANTOM
from benchmark.report.figure_style import WARNING, save_figure
from benchmark.sweep.results import SweepResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from optuna import Study

SLICE, HISTORY_FIGURE, IMPORTANCES = "slice.png", "history.png", "importances.png"
_TARGET = "val kappa"


def draw_sweep_figures(results: SweepResults, study: Study, folder: Path) -> dict[str, str]:
    """Draw every figure into a folder, and return the captions by file name, in reading order."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot
    from optuna.visualization import matplotlib as plots

    space = list(results.params.sweep.space)
    drawings: dict[str, tuple[str, Callable[[], Any]]] = {
        SLICE: (
            "Val kappa by swept value (Optuna's slice plot). Bars: 95 % interval over seeds and patients; squares: the "
            "best and the published values, retrained on new seeds. A value of 0 has no place on a logarithmic axis.",
            lambda: plots.plot_slice(study, space, target_name=_TARGET),
        ),
        HISTORY_FIGURE: (
            "Val kappa by trial (Optuna's history plot).",
            lambda: plots.plot_optimization_history(study, target_name=_TARGET),
        ),
        IMPORTANCES: (
            "Importance of each parameter for val kappa (Optuna, PED-ANOVA).",
            lambda: plots.plot_param_importances(study, target_name=_TARGET),
        ),
    }
    if sum(trial.state == "complete" for trial in results.trials) < 2:
        # Importances need two complete trials.
        del drawings[IMPORTANCES]
    # Optuna changes the style of all later figures, and warns that there are few trials.
    with mpl.rc_context(), warnings.catch_warnings(action="ignore"):
        for name, (_, plot) in drawings.items():
            panels = np.ravel(plot())
            figure = panels[0].figure
            if name == SLICE:
                for axes in panels:
                    _add_intervals(axes, results)
                panels[-1].legend(fontsize=8)
            if results.params.data.synthetic:
                figure.text(0.5, 1.0, PHANTOM, ha="center", va="bottom", fontsize=9, color=WARNING)
            save_figure(figure, folder / name, bbox_inches="tight")
            pyplot.close(figure)
    return {name: caption for name, (caption, _) in drawings.items()}


def _add_intervals(axes: Axes, results: SweepResults) -> None:
    """Add the trials' intervals and the retrained values to the panel of a parameter."""
    name = axes.get_xlabel()
    trials = [(trial.values.get(name), trial.interval, "#888888", ",", "trials") for trial in results.trials]
    retrained = [
        (results.best.values[name], results.kappas["best", "val"], "#0b7a3b", "s", "best, retrained"),
        (results.published[name], results.kappas["published", "val"], "#c46a00", "s", "published, retrained"),
    ]
    labelled: set[str] = set()
    for value, interval, colour, marker, label in [*trials, *retrained]:
        if interval is None or (value == 0 and axes.get_xscale() == "log"):
            continue
        place: Any = repr(value) if results.params.sweep.space[name].choices else value
        ends = [[interval.estimate - interval.low], [interval.high - interval.estimate]]
        style: dict[str, Any] = {"fmt": marker, "color": colour, "lw": 1.0, "ms": 5, "capsize": 2.5}
        axes.errorbar([place], [interval.estimate], ends, label="" if label in labelled else label, **style)
        labelled.add(label)

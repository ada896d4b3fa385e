"""Interface and metadata of the figures in this package; each file is one figure and describes itself in ``ABOUT``.

A figure is a module with ``plots(inputs) -> {name: plot}``: the figures for this data set, which may be none or, as for
the confusion matrices, one per arm. A plot draws onto an empty figure and returns its caption.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from math import inf
from pathlib import Path

from matplotlib.figure import Figure

from benchmark.common.plugins import discover
from benchmark.common.progress import progress_bar
from benchmark.common.resources import core_count
from benchmark.jobs.processes import outcomes
from benchmark.report.captions import default_sentence
from benchmark.report.figure_style import Plot, save_figure, styled
from benchmark.report.inputs import Inputs
from benchmark.report.own_settings import add_own_settings, own_settings


@dataclass(frozen=True, slots=True)
class FigureInfo:
    """Metadata of a figure."""

    order: float = inf
    """Place in the report: figures are sorted by this, then by name."""
    photographs: bool = False
    """True if the figure shows photographs, to which the data set's terms apply; it is saved in a separate folder."""
    training: bool = False
    """True if it describes trainings; it is left out where nothing is trained here."""


FIGURES = discover(__package__, FigureInfo)
"""Metadata by name of the file, in reading order."""


def draw_all(inputs: Inputs, folder: Path, photographs: Path) -> dict[str, str]:
    """Draw every figure in a process pool, remove old ones, and return the captions by name, in reading order.

    Figures are SVG and PNG files in ``folder``; those with photographs are PNG files in a folder of their own.
    """
    plots: dict[str, Plot] = {}
    paths: dict[str, list[Path]] = {}
    shown = {module: info for module, info in FIGURES.items() if inputs.params.trains or not info.training}
    for module, info in shown.items():
        where, endings = (photographs, (".png",)) if info.photographs else (folder, (".svg", ".png"))
        for name, plot in import_module(f"{__package__}.{module}").plots(inputs).items():
            plots[name], paths[name] = plot, [where / f"{name}{ending}" for ending in endings]
    jobs = [(name, plot, paths[name]) for name, plot in plots.items()]
    done = progress_bar(outcomes(_draw, jobs, core_count()), desc="figures", total=len(jobs), unit=" figures")
    drawn = {name: caption for (name, *_), caption in done}
    wanted = {path for listed in paths.values() for path in listed}
    for where in (folder, photographs):
        where.mkdir(parents=True, exist_ok=True)
        for old in where.iterdir():
            if old not in wanted:
                old.unlink()
    own, changed, arms = own_settings(inputs.params), default_sentence(inputs.differences), inputs.results.arms()
    return {name: f"{add_own_settings(drawn[name], own, arms)} {changed}".rstrip() for name in plots}


def _draw(job: tuple[str, Plot, Sequence[Path]]) -> str:
    """Draw a figure and return its caption."""
    _, plot, paths = job
    with styled():
        figure = Figure()
        caption = plot(figure)
        for path in paths:
            save_figure(figure, path)
    return caption

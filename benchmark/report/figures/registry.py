"""Interface and metadata of the figures in this package; each file is one figure and describes itself in ``ABOUT``.

A figure is a module with ``draw(figure, inputs) -> caption``, which draws onto an empty figure. The caption is empty if
there is nothing to show for this data set. A figure of each arm is given the arm as its third argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from importlib import import_module
from math import inf
from pathlib import Path

from benchmark.common.plugins import discover
from benchmark.common.progress import progress_bar
from benchmark.common.resources import core_count
from benchmark.common.terms import Arm
from benchmark.jobs.processes import outcomes
from benchmark.report.captions import default_sentence
from benchmark.report.inputs import Inputs
from benchmark.report.named_arms import add_own_settings, own_settings
from benchmark.settings.params import Params


@dataclass(frozen=True, slots=True)
class FigureInfo:
    """Metadata of a figure."""

    order: float = inf
    """Place in the report: figures are sorted by this, then by name."""
    section: str = ""
    """Table whose section of the page shows the figure; without one, it is in the section of figures."""
    photographs: bool = False
    """True if the figure shows photographs, to which the data set's terms apply; it is saved in a separate folder."""
    training: bool = False
    """True if it describes trainings; it is left out where nothing is trained here."""
    each_arm: bool = False
    """True if it is drawn once per arm that ran; the page shows these figures together."""


FIGURES = discover(__package__, FigureInfo)
"""Metadata by name of the file, in reading order."""

_Job = tuple[str, Path, tuple[Arm, ...]]
"""Module of a figure, its file without an ending, and its arm, if it has one."""
_inputs: Inputs
"""Inputs of the figures that this worker draws, which would take longer to send with each figure than to read once."""


def draw_all(inputs: Inputs, folder: Path, photographs: Path) -> dict[str, str]:
    """Draw every figure in a process pool, remove old ones, and return the captions by name, in reading order.

    Figures are SVG and PNG files in ``folder``; those with photographs are PNG files in a folder of their own.
    """
    jobs: list[_Job] = []
    for module, info in FIGURES.items():
        where = photographs if info.photographs else folder
        if info.each_arm:
            jobs += [(module, where / "_".join((module, *arm)), (arm,)) for arm in inputs.results.arms()]
        elif inputs.params.trains or not info.training:
            jobs.append((module, where / module, ()))
    done = outcomes(_draw, jobs, core_count(), partial(_start, inputs.params))
    drawn = dict(progress_bar(done, desc="figures", total=len(jobs), unit=" figures"))
    own, changed, arms = own_settings(inputs.params), default_sentence(inputs.differences), inputs.results.arms()
    shown = {job[1]: f"{add_own_settings(drawn[job], own, arms)} {changed}".rstrip() for job in jobs if drawn[job]}
    for where in (folder, photographs):
        where.mkdir(parents=True, exist_ok=True)
        for old in where.iterdir():
            if old.with_suffix("") not in shown:
                old.unlink()
    return {path.name: caption for path, caption in shown.items()}


def _start(params: Params) -> None:
    global _inputs
    _inputs = Inputs(params)


def _draw(job: _Job) -> str:
    """Draw a figure and return its caption."""
    from matplotlib.figure import Figure

    from benchmark.report.figure_style import save_figure, styled

    module, path, arm = job
    with styled():
        figure = Figure()
        caption: str = import_module(f"{__package__}.{module}").draw(figure, _inputs, *arm)
        for ending in (".png",) if FIGURES[module].photographs else (".svg", ".png"):
            if caption:
                save_figure(figure, path.with_name(path.name + ending))
    return caption

"""What each part of a method adds to kappa: the paper's cells and staged start, and every step of the other systems."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from benchmark.common.terms import EVALUATED, Arm
from benchmark.report.figure_style import GREY, Plot, colour, forest, interval, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results
from benchmark.statistics.estimates import Estimate
from models.systems.registry import SYSTEMS

ABOUT = FigureInfo(order=5)


if TYPE_CHECKING:
    from matplotlib.figure import Figure

ASKED = ("M2CNN against multi-task", "staged start alone", "cells alone", "cells on top of a staged start")
"""What is asked of the paper's method, at the size that it ends at and of the output that the paper ranks it by."""
_LOOKS = {
    "the paper's method": (colour(0), colour(0)),
    "what a step adds": (colour(2), colour(2)),
    "the whole, less a control": (GREY, "white"),
}
"""Colour and filling of each kind of difference."""

Line = tuple[str, str, str, dict[str, Estimate]]
"""Whose part it is, the kind of difference, what it is called, and its numbers by split."""


def plots(inputs: Inputs) -> dict[str, Plot]:
    """The figure of all systems that ran; none where none did, for the paper's own parts have a figure."""
    ran = inputs.estimates("system comparison")
    lines = [*_of_paper(inputs.estimates("comparison")), *_of_systems(ran)]
    return {"parts": partial(_plot, lines=lines, results=inputs.results)} if ran else {}


def _of_paper(rows: Sequence[Estimate]) -> list[Line]:
    found: dict[str, dict[str, Estimate]] = {}
    for row in rows:
        if row.about in ASKED and row.head == "score":
            found.setdefault(row.about, {})[row.split] = row  # The last is of the largest size.
    return [("m2cnn", "the paper's method", about, splits) for about, splits in found.items()]


def _of_systems(rows: Sequence[Estimate]) -> list[Line]:
    """Return what steps of systems add and what their controls show, without the comparisons with M2CNN."""
    lines: list[Line] = []
    for (about, a, b), group in groupby(rows, lambda row: (row.about, Arm(row.method, row.arm), _arm(row.versus))):
        if a.method not in SYSTEMS:
            continue
        system = SYSTEMS[a.method]
        splits: dict[str, Estimate] = {row.split: row for row in group}
        kind, name = "what a step adds", about
        if system.steps[b.name].control:
            kind, name = "the whole, less a control", f"{system.title}, whole less {system.steps[b.name].title}"
        lines.append((a.method, kind, name, splits))
    return lines


def _arm(side: str) -> Arm:
    """Return the arm of ``method/arm head``."""
    return Arm.parse(side.partition(" ")[0])


def _plot(figure: Figure, lines: Sequence[Line], results: Results) -> str:
    """Draw a line per part and a panel per split."""
    height = 0.25 * len(lines) + 1.45
    figure.set_size_inches(10.4, height)
    figure.subplots_adjust(0.4, 0.5 / height, 0.985, 1 - 0.95 / height, wspace=0.06)
    panels = figure.subplots(1, len(EVALUATED), sharex=True, sharey=True)
    for axes, split in zip(panels, EVALUATED, strict=True):
        for place, (_, kind, _, splits) in enumerate(lines):
            if split in splits:
                interval(axes, place, splits[split], "o", *_LOOKS[kind])
    titles = [f"{split}, n = {results.images(split)}" for split in EVALUATED]
    forest(panels, titles, [method for method, *_ in lines], [name for _, _, name, _ in lines])
    for name, (shade, face) in _LOOKS.items():
        panels[0].plot([], [], "o", color=shade, mfc=face, ms=4.5, label=name)
    figure.legend(loc="upper left", bbox_to_anchor=(0.01, 1 - 0.1 / height), fontsize=8, frameon=False)
    set_title(figure, f"What each part adds, on {results.data}", results)
    first = next(iter(lines[-1][3].values()))
    return (
        f"Paired differences of mean kappa on {results.data}, on the same images (val n = {results.images('val')}, "
        f"test n = {results.images('test')}); bars: {first.confidence_level:.0%} intervals over {first.resampled}. "
        "Above: M2CNN's scores at its largest size, against networks of one eye in one pass. Below: what each "
        "step adds to another system, and the whole of it less a control. Intervals containing 0 are inconclusive; "
        "they are not adjusted for multiple comparisons."
    )

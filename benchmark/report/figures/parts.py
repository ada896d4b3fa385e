"""Effect of each part of a method on kappa: the paper's cells and staged start, and each step of a compared system."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from matplotlib.figure import Figure

from benchmark.common.terms import Arm
from benchmark.report.figure_style import ForestLine, Look, Plot, draw_forest, plot_if_any
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results
from benchmark.statistics.estimates import Estimate
from models.systems.registry import SYSTEMS

ABOUT = FigureInfo(order=5)

QUESTIONS = ("M2CNN against multi-task", "staged start alone", "cells alone", "cells on top of a staged start")
"""Comparisons about the paper's method, shown at its largest size and for the output that the paper ranks it by."""
PART, CONTROL = "effect of a part", "whole system against a control"
_LOOKS = {PART: Look("o"), CONTROL: Look("o", filled=False)}


def plots(inputs: Inputs) -> dict[str, Plot]:
    """Return one figure of all systems that ran; none if no system ran, as the comparisons show the paper's parts."""
    parts = _of_systems(inputs.estimates("system comparison"))
    lines = [*_of_paper(inputs.estimates("comparison")), *parts] if parts else []
    return plot_if_any("parts", _plot, lines, inputs)


def _of_paper(rows: Sequence[Estimate]) -> list[ForestLine]:
    found: dict[str, dict[tuple[str, str], Estimate]] = {}
    for row in rows:
        if row.about in QUESTIONS and row.head == "score":
            found.setdefault(row.about, {})[row.split, PART] = row  # The last is of the largest size.
    return [ForestLine("m2cnn", about, splits) for about, splits in found.items()]


def _of_systems(rows: Sequence[Estimate]) -> list[ForestLine]:
    """Return the effects of steps and controls, without the comparisons with M2CNN."""
    lines: list[ForestLine] = []
    for (about, first, second), group in groupby(
        rows, lambda row: (row.about, Arm(row.method, row.arm), Arm.parse(row.versus.partition(" ")[0]))
    ):
        if first.method in SYSTEMS:
            system = SYSTEMS[first.method]
            kind, name = PART, about
            if system.steps[second.name].control:
                kind, name = CONTROL, f"{system.title}: whole, against {system.steps[second.name].title}"
            lines.append(ForestLine(first.method, name, {(row.split, kind): row for row in group}))
    return lines


def _plot(figure: Figure, items: Sequence[ForestLine], results: Results) -> str:
    draw_forest(figure, items, _LOOKS, results, f"Effect of each part, on {results.data}")
    first = next(iter(items[-1].differences.values()))
    return (
        f"Effect of each part of a method: paired differences of mean kappa on {results.data}, on the same images "
        f"(val n = {results.images('val')}, test n = {results.images('test')}). Bars: {first.confidence_level:.0%} "
        f"intervals over {first.resampled}. Above: M2CNN's scores at its largest size, against networks that grade "
        "one eye once. Below: the effect of each step of another system, and the whole system minus a control. "
        "Intervals containing 0 are inconclusive; they are not adjusted for multiple comparisons. Colour: method. No "
        "difference is drawn where no training of a side is clear of chance or a kappa is undefined (one grade for "
        "all)."
    )

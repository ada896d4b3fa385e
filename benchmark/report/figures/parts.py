"""Effect of each part of a method on kappa: the paper's cells and staged start, and each step of a compared system."""

from __future__ import annotations

from matplotlib.figure import Figure

from benchmark.common.terms import Arm
from benchmark.report.figure_style import Look, draw_forest
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.statistics.estimates import Estimate
from models.systems.registry import SYSTEMS

ABOUT = FigureInfo(order=5, section="systems")

QUESTIONS = ("M2CNN against multi-task", "staged start alone", "cells alone", "cells on top of a staged start")
"""Comparisons about the paper's method, shown at its largest size and for the output that the paper ranks it by."""
PART, CONTROL = "effect of a part", "whole system against a control"
_LOOKS = {PART: Look("o"), CONTROL: Look("o", filled=False)}


def draw(figure: Figure, inputs: Inputs) -> str:
    """Draw the parts of the paper's method and of all systems that ran; nothing if no system ran."""
    results = inputs.results
    paper = [row for row in inputs.estimates("comparison") if row.about in QUESTIONS and row.head == "score"]
    # The last is of the largest size.
    largest = {(row.about, row.split): row for row in paper}
    lines: dict[tuple[str, str], list[tuple[str, Estimate]]] = {}
    for row in largest.values():
        lines.setdefault(("m2cnn", row.about), []).append((PART, row))
    systems = [row for row in inputs.estimates("system comparison") if row.method in SYSTEMS]
    if not systems:
        return ""
    for row in systems:
        system, second = SYSTEMS[row.method], Arm.parse(row.versus.partition(" ")[0])
        look, name = PART, row.about
        if system.steps[second.name].control:
            look, name = CONTROL, f"{system.title}: whole, against {system.steps[second.name].title}"
        lines.setdefault((row.method, name), []).append((look, row))
    draw_forest(figure, lines, _LOOKS, results, f"Effect of each part, on {results.data}")
    return (
        f"Effect of each part of a method: paired differences of mean kappa on {results.data}, on the same images "
        f"(val n = {results.images('val')}, test n = {results.images('test')}). Bars: "
        f"{systems[-1].confidence_level:.0%} intervals over {systems[-1].resampled}. Above: M2CNN's scores at its "
        "largest size, against networks that grade one eye once. Below: the effect of each step of another system, "
        "and the whole system minus a control. Intervals containing 0 are inconclusive; they are not adjusted for "
        "multiple comparisons. Colour: method. No difference is drawn where no training of a side is clear of chance "
        "or a kappa is undefined (one grade for all)."
    )

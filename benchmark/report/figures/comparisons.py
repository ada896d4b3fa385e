"""Forest of the paired differences: each pair of arms by output, on val and on test."""

from __future__ import annotations

from matplotlib.figure import Figure

from benchmark.report.captions import HEAD_NAMES
from benchmark.report.figure_style import HEAD_MARKERS, Look, draw_forest
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.statistics.estimates import Estimate

ABOUT = FigureInfo(order=3, section="comparisons")

_LOOKS = {
    HEAD_NAMES["score"]: Look(HEAD_MARKERS["score"], shift=-0.14),
    HEAD_NAMES["prob"]: Look(HEAD_MARKERS["prob"], filled=False, shift=0.14),
}


def draw(figure: Figure, inputs: Inputs) -> str:
    """Draw all pairs; nothing if no pair was run."""
    rows, results = inputs.estimates("comparison"), inputs.results
    if not rows:
        return ""
    pairs: dict[tuple[str, str], list[tuple[str, Estimate]]] = {}
    for row in rows:
        pair = row.about, f"{row.method}/{row.arm} - {row.versus.partition(' ')[0]}"
        pairs.setdefault(pair, []).append((HEAD_NAMES[row.head], row))  # type: ignore[index]
    draw_forest(figure, pairs, _LOOKS, results, f"Whether two arms differ, on {results.data}")
    return (
        f"Paired differences of mean kappa on {results.data}, first arm minus second, on the same images (val n = "
        f"{results.images('val')}, test n = {results.images('test')}). Bars: {rows[0].confidence_level:.0%} intervals "
        f"over {rows[0].resampled}. Colour: method of the first arm. Intervals containing 0 are inconclusive. They "
        "describe: they are not adjusted for their number."
    )

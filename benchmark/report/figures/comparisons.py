"""Forest of the paired differences: each pair of arms by output, on val and on test."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from benchmark.report.captions import HEAD_NAMES
from benchmark.report.figure_style import HEAD_MARKERS, ForestLine, Look, Plot, draw_forest, plot_if_any
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results
from benchmark.statistics.estimates import Estimate

ABOUT = FigureInfo(order=3)

_LOOKS = {
    HEAD_NAMES["score"]: Look(HEAD_MARKERS["score"], shift=-0.14),
    HEAD_NAMES["prob"]: Look(HEAD_MARKERS["prob"], filled=False, shift=0.14),
}


def plots(inputs: Inputs) -> dict[str, Plot]:
    """Return one figure of all pairs; none if no pair was run."""
    return plot_if_any("comparisons", _plot, inputs.estimates("comparison"), inputs)


def _plot(figure: Figure, items: Sequence[Estimate], results: Results) -> str:
    pairs: dict[tuple[str, str], dict[tuple[str, str], Estimate]] = {}
    for row in items:
        pair = row.about, f"{row.method}/{row.arm} - {row.versus.partition(' ')[0]}"
        pairs.setdefault(pair, {})[row.split, HEAD_NAMES[row.head]] = row  # type: ignore[index]
    lines = [ForestLine(*pair, differences) for pair, differences in pairs.items()]
    draw_forest(figure, lines, _LOOKS, results, f"Whether two arms differ, on {results.data}")
    return (
        f"Paired differences of mean kappa on {results.data}, first arm minus second, on the same images (val n = "
        f"{results.images('val')}, test n = {results.images('test')}). Bars: {items[0].confidence_level:.0%} intervals "
        f"over {items[0].resampled}. Colour: method of the first arm. Intervals containing 0 are inconclusive. They "
        "describe: they are not adjusted for their number."
    )

"""Paired differences as a forest: each pair of arms that is compared, by output, on val and on test."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from benchmark.common.terms import EVALUATED
from benchmark.report.captions import HEADS
from benchmark.report.figure_style import Plot, colour, forest, interval, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results
from benchmark.statistics.estimates import Estimate

ABOUT = FigureInfo(order=3)


if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOOKS: dict[str, tuple[str, str, str, float]] = {
    "score": ("o", colour(0), colour(0), -0.14),
    "prob": ("s", colour(1), "white", 0.14),
}
"""Marker, colour, filling and shift of each output."""


def plots(inputs: Inputs) -> dict[str, Plot]:
    """A figure of all pairs; none where none was run."""
    rows = inputs.estimates("comparison")
    return {"comparisons": partial(_plot, rows=rows, results=inputs.results)} if rows else {}


def _plot(figure: Figure, rows: Sequence[Estimate], results: Results) -> str:
    """Draw a line per pair, a panel per split and a mark per output."""
    pairs = list(dict.fromkeys(map(_pair, rows)))
    height = 0.27 * len(pairs) + 1.35
    figure.set_size_inches(9.2, height)
    figure.subplots_adjust(0.33, 0.5 / height, 0.985, 1 - 0.85 / height, wspace=0.06)
    left, right = figure.subplots(1, len(EVALUATED), sharex=True, sharey=True)
    for axes, split in zip((left, right), EVALUATED, strict=True):
        for row in rows:
            if row.split == split:
                marker, shade, face, shift = LOOKS[row.head]
                interval(axes, pairs.index(_pair(row)) + shift, row, marker, shade, face)
    titles = [f"{split}, n = {results.images(split)}" for split in EVALUATED]
    forest((left, right), titles, [about for about, _, _ in pairs], [f"{a} - {b}" for _, a, b in pairs])
    for head, (marker, shade, face, _) in LOOKS.items():
        right.plot([], [], marker, color=shade, mfc=face, ms=4.5, label=HEADS[head])  # type: ignore[index]
    # Above the panels: inside one it would hide an interval, for pairs fill them from top to bottom.
    figure.legend(loc="upper right", bbox_to_anchor=(0.99, 1 - 0.1 / height), fontsize=8, frameon=False)
    set_title(figure, f"Whether two arms differ, on {results.data}", results)
    first = rows[0]
    return (
        f"Paired differences of mean kappa on {results.data}, first arm minus second, on the same images (val n = "
        f"{results.images('val')}, test n = {results.images('test')}); bars: {first.confidence_level:.0%} intervals "
        f"over {first.resampled}. Intervals containing 0 are inconclusive. The intervals are not adjusted for "
        "multiple comparisons; the p-values of the table are."
    )


def _pair(row: Estimate) -> tuple[str, str, str]:
    """Return the question and the two arms."""
    return row.about, f"{row.method}/{row.arm}", row.versus.partition(" ")[0]

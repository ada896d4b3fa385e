"""Saliency: which pixels sway the output of the arm that is best on val, for a few photographs of each grade."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmark.evaluation.salient import COPIES, Maps, SalientRow
from benchmark.report.captions import HEADS
from benchmark.report.figure_style import Photographs, Plot, by_grade, mapped, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results

ABOUT = FigureInfo(order=12, photographs=True)


if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plots(inputs: Inputs) -> dict[str, Plot]:
    """The figure; none where maps or photographs do not lie here."""
    return mapped("saliency", inputs, inputs.saliency, _plot)


def _plot(figure: Figure, rows: Sequence[SalientRow], images: Photographs, maps: Maps, results: Results) -> str:
    """Each photograph beside its map, a line per grade."""
    from matplotlib import colormaps

    pairs = [[image, colormaps["gray"](shown)] for image, shown in zip(images, maps, strict=True)]
    words = [f"label {row.grade}, output {row.output:.1f}" for row in rows]
    arm, most = by_grade(figure, rows, pairs, words)
    set_title(figure, f"What sways {arm} on test of {results.data}", results)
    return (
        f"Saliency of {arm} (the arm with the highest val kappa) on {len(rows)} of {results.images('test')} test "
        f"photographs of {results.data}, up to {most} per grade, chosen by hashes of their names: beside each, how "
        f"strongly a change of a pixel would change its {HEADS[rows[0].head]} (SmoothGrad over {COPIES} noisy copies, "
        "Captum; white: most). One run, no uncertainty. Caution: such a map shows what an output is sensitive to, not "
        "what was learnt about the disease nor why a grade was given, and several methods draw much the same map for "
        "a network with random weights (Adebayo et al. 2018, Sanity checks for saliency maps)."
    )

"""Saliency: which pixels sway the output of the arm that is best on val, for a few photographs of each grade."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from benchmark.evaluation.salient import COPIES, Maps, SalientRow
from benchmark.report.captions import HEADS
from benchmark.report.figures.style import Photographs, Plot, photographs, set_title
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plots(inputs: Inputs) -> dict[str, Plot]:
    """The figure; none where maps or photographs do not lie here."""
    rows, maps = inputs.saliency
    images = inputs.photographs([row.image_id for row in rows], rows[0].size if rows else "large")
    if not len(images):
        return {}
    return {"saliency": partial(_plot, rows=rows, images=images, maps=maps, results=inputs.results)}


def _plot(figure: Figure, rows: Sequence[SalientRow], images: Photographs, maps: Maps, results: Results) -> str:
    """Each photograph beside its map, a line per grade."""
    from matplotlib import colormaps

    pairs = [[image, colormaps["gray"](shown)] for image, shown in zip(images, maps, strict=True)]
    words = [f"label {row.grade}, output {row.output:.1f}" for row in rows]
    most = max(sum(row.grade == grade for row in rows) for grade in {row.grade for row in rows})
    photographs(figure, pairs, words, per_line=most)
    first = rows[0]
    arm = f"{first.stage}/{first.arm}, seed {first.seed}"
    set_title(figure, f"What sways {arm} on test of {results.data}", results)
    return (
        f"Saliency of {arm} (the arm with the highest val kappa) on {len(rows)} of {results.images('test')} test "
        f"photographs of {results.data}, up to {most} per grade, chosen by hashes of their names: beside each, how "
        f"strongly a change of a pixel would change its {HEADS[first.head]} (SmoothGrad over {COPIES} noisy copies, "
        "Captum; white: most). One run, no uncertainty. Caution: such a map shows what an output is sensitive to, not "
        "what was learnt about the disease nor why a grade was given, and several methods draw much the same map for "
        "a network with random weights (Adebayo et al. 2018, Sanity checks for saliency maps)."
    )

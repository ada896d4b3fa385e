"""Saliency maps of a few photographs of each grade by the arm that is best on val."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from benchmark.evaluation.saliency_files import N_NOISY_COPIES, Maps
from benchmark.report.captions import HEAD_NAMES
from benchmark.report.figure_style import draw_by_grade, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs

ABOUT = FigureInfo(order=12, photographs=True)


def draw(figure: Figure, inputs: Inputs) -> str:
    """Draw each photograph with its map; nothing without maps or photographs on this machine."""
    rows, maps = inputs.saliency
    images, results = inputs.photographs(rows), inputs.results
    if not len(images):
        return ""
    own, shared = subtract_mean(maps)
    pairs = [[image, colormaps["PuOr_r"](shown)] for image, shown in zip(images, own, strict=True)]
    words = [f"label {row.grade}, output {row.output:.1f}" for row in rows]
    arm, most = draw_by_grade(figure, rows, pairs, words)
    set_title(figure, f"Saliency of {arm} on test of {results.data}", results.synthetic)
    return (
        f"Saliency maps of {arm} (the arm with the highest val kappa) on {len(rows)} of {results.images('test')} test "
        f"photographs of {results.data}, up to {most} per grade, chosen by hashes of their names. Right of each: the "
        f"sensitivity of its {HEAD_NAMES[rows[0].head]} to each pixel (SmoothGrad over {N_NOISY_COPIES} noisy copies, "
        "Captum) minus the mean map of these photographs (orange: above it). Before that, the maps have a mean "
        f"pairwise correlation of {shared:.2f}: this part is the network's grid, not the eye. One run, no uncertainty. "
        "Caution: such a map does not show the reason for a grade or what was learnt about the disease, and several "
        "methods give similar maps for a network with random weights (Adebayo et al. 2018, Sanity checks for saliency "
        "maps)."
    )


def subtract_mean(maps: Maps) -> tuple[Maps, float]:
    """Return maps minus their mean, scaled to 0 to 1 with no difference at 0.5, and their mean pairwise correlation.

    Args:
        maps: shape (n, s, s).
    """
    values = maps.astype(np.float32)
    differences = values - values.mean(0)
    pairs = np.atleast_2d(np.corrcoef(values.reshape(len(values), -1)))[np.triu_indices(len(values), 1)]
    largest = np.abs(differences).max(axis=(1, 2), keepdims=True)
    return 0.5 + differences / (2 * np.maximum(largest, 1e-12)), float(pairs.mean()) if len(pairs) else float("nan")

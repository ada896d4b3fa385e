"""Attention of a network of a compared system: its windows on a few photographs of each grade, and its maps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.figure import Figure

from benchmark.evaluation.saliency_files import WindowsRow
from benchmark.report.figure_style import draw_by_grade, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from models.systems.registry import SYSTEMS

ABOUT = FigureInfo(order=13, photographs=True)

FRAME = (0, 255, 255)
"""Colour of a window's frame, which does not occur in a retina."""


def draw(figure: Figure, inputs: Inputs) -> str:
    """Draw each photograph with its windows and its map; nothing if no such network ran, or without photographs."""
    rows, maps = inputs.attention
    images, results = inputs.photographs(rows), inputs.results
    if not len(images):
        return ""
    pairs = [
        [framed(image, row), colormaps["gray"](_enlarged(shown, len(image)))]
        for image, shown, row in zip(images, maps, rows, strict=True)
    ]
    words = [f"label {row.grade}, expected grade {row.output:.1f}" for row in rows]
    arm, most = draw_by_grade(figure, rows, pairs, words)
    set_title(figure, f"Where {arm} looks on test of {results.data}", results.synthetic)
    return (
        f"Image windows that {arm} ({SYSTEMS[rows[0].method].title}, our reading) selects, on {len(rows)} of "
        f"{results.images('test')} test photographs of {results.data}, up to {most} per grade, chosen by hashes of "
        "their names. Right of each: the attention map that selects them, the spread of the gated scores between "
        "grades, from the smallest (black) to the largest (white) of each photograph. One run, no uncertainty. A "
        "window does not explain a grade; the control in the comparison tests whether these windows are better than "
        "windows anywhere."
    )


def framed(image: npt.NDArray[np.uint8], row: WindowsRow) -> npt.NDArray[np.uint8]:
    """Return a photograph, shape (s, s, 3), with a frame of one pixel around each window."""
    shown, scale = image.copy(), len(image) / row.side
    corners = np.array(row.corners.split(), np.float64).reshape(-1, 2)
    for first, last in zip(np.rint(corners * scale), np.rint((corners + row.window) * scale) - 1, strict=True):
        (top, left), (bottom, right) = first.astype(int), last.astype(int)
        shown[[top, bottom], left : right + 1] = FRAME
        shown[top : bottom + 1, [left, right]] = FRAME
    return shown


def _enlarged(shown: npt.NDArray[np.floating], side: int) -> npt.NDArray[np.floating]:
    """Return a map with one square of pixels per position."""
    places = np.arange(side) * len(shown) // side
    return shown[np.ix_(places, places)].astype(np.float32)

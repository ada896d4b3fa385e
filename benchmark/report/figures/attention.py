"""Where a network of another system looks: its windows on a few photographs of each grade, and what they follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from benchmark.evaluation.salient import Maps, WindowsRow
from benchmark.report.figure_style import Photographs, Plot, by_grade, mapped, set_title
from benchmark.report.figures.registry import FigureInfo
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results
from models.systems.registry import SYSTEMS

ABOUT = FigureInfo(order=13, photographs=True)


if TYPE_CHECKING:
    from matplotlib.figure import Figure

FRAME = (0, 255, 255)
"""Colour of a window's frame: no retina has it."""


def plots(inputs: Inputs) -> dict[str, Plot]:
    """The figure; none where no such network ran, or photographs do not lie here."""
    return mapped("attention", inputs, inputs.attention, _plot)


def _plot(figure: Figure, rows: Sequence[WindowsRow], images: Photographs, maps: Maps, results: Results) -> str:
    """Each photograph with its windows beside its map, a line per grade."""
    from matplotlib import colormaps

    pairs = [
        [framed(image, row), colormaps["gray"](_enlarged(shown, len(image)))]
        for image, shown, row in zip(images, maps, rows, strict=True)
    ]
    words = [f"label {row.grade}, expected grade {row.output:.1f}" for row in rows]
    arm, most = by_grade(figure, rows, pairs, words)
    set_title(figure, f"Where {arm} looks on test of {results.data}", results)
    return (
        f"Windows that {arm} ({SYSTEMS[rows[0].method].title}, our reading) cuts from {len(rows)} of "
        f"{results.images('test')} test photographs of {results.data}, up to {most} per grade, chosen by hashes of "
        "their names; beside each, what they follow: how far gated scores differ between grades, from the least "
        "(black) to the most (white) of each photograph. One run, no uncertainty. Where a network looks is not why it "
        "grades so; whether its windows tell more than random windows, the control in the comparison says."
    )


def framed(image: npt.NDArray[np.uint8], row: WindowsRow) -> npt.NDArray[np.uint8]:
    """A photograph, shape (s, s, 3), with a frame of one pixel around each window."""
    shown, scale = image.copy(), len(image) / row.side
    corners = np.array(row.corners.split(), np.float64).reshape(-1, 2)
    for first, last in zip(np.rint(corners * scale), np.rint((corners + row.window) * scale) - 1, strict=True):
        (top, left), (bottom, right) = first.astype(int), last.astype(int)
        shown[[top, bottom], left : right + 1] = FRAME
        shown[top : bottom + 1, [left, right]] = FRAME
    return shown


def _enlarged(shown: npt.NDArray[np.floating], side: int) -> npt.NDArray[np.floating]:
    """A map with one square of pixels per position."""
    places = np.arange(side) * len(shown) // side
    return shown[np.ix_(places, places)].astype(np.float32)

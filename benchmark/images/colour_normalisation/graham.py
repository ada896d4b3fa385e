"""Deviation from the local mean colour, after B. Graham's winning entry (Kaggle diabetic retinopathy detection, 2015).

His recipe scales every photograph to one radius, computes ``4 * (image - local) + 128`` with ``local`` a Gaussian blur
of sigma radius / 30, and masks the outer tenth of the radius with grey. The blur spreads the brightness step at the rim
into that tenth, which is three sigma wide.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from benchmark.images.colour_normalisation.registry import NormalisationInfo, Square

ABOUT = NormalisationInfo("deviation from the local mean colour", background=128)

GAIN = 4
"""Amplification of the deviation."""
SIGMA = 1 / 30
"""Standard deviation of the Gaussian, as a fraction of the radius."""
KEPT_RADIUS = 0.9
"""Fraction of the radius that is shown."""
GREY = ABOUT.background
"""Value of pixels without deviation."""


def apply(square: Square) -> Square:
    """Amplify the deviation of each pixel from its surroundings, around grey."""
    size = square.shape[0]
    result = np.full_like(square, GREY)
    filled = _filled(square)
    photograph = np.ascontiguousarray(square[filled])
    if photograph.size:
        local = cv2.GaussianBlur(photograph, (0, 0), SIGMA * size / 2)
        result[filled] = cv2.addWeighted(photograph, GAIN, local, -GAIN, GREY)
    result[_beyond(size)] = GREY
    return result


def _filled(square: Square) -> tuple[slice, slice]:
    """Return the rows and columns that the photograph fills.

    If a side of the photograph cuts the field of view, the square is padded with zeros. A blur across that side would
    show it as an edge of the retina, so the blur ends there, as at the side of the photograph in the published recipe.
    """
    rows, columns = square.reshape(len(square), -1).max(axis=1), square.max(axis=0).max(axis=1)
    return _span(rows), _span(columns)


def _span(levels: npt.NDArray[np.uint8]) -> slice:
    """Return the range of lit positions, without the ones at a cut, where photograph and padding are mixed."""
    lit = np.flatnonzero(levels)
    if not len(lit):
        return slice(0, 0)
    first, last = int(lit[0]), int(lit[-1])
    return slice(first + (first > 0), last + (last == len(levels) - 1))


@lru_cache(maxsize=4)
def _beyond(size: int) -> npt.NDArray[np.bool_]:
    """Return a mask of the pixels in or beyond the outer tenth of the radius."""
    offset = np.arange(size) + 0.5 - size / 2
    return np.asarray(np.hypot(offset[:, None], offset[None]) > KEPT_RADIUS * size / 2)

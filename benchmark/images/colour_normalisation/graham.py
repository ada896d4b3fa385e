"""Deviation from the local mean colour, after B. Graham's winning entry (Kaggle diabetic retinopathy detection, 2015).

His recipe scales every photograph to one radius, takes ``4 * (image - local) + 128`` with ``local`` a Gaussian blur of
sigma radius / 30, and greys out the outer tenth of the radius, into which the rim's own brightness step is smeared: at
sigma radius / 30 that tenth is three sigma wide.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from benchmark.images.colour_normalisation.registry import NORMALISATIONS, Square

GAIN = 4
"""Factor of the deviation."""
SIGMA = 1 / 30
"""Of the Gaussian, as a share of the radius."""
KEPT = 0.9
"""Share of the radius that is shown."""
GREY = NORMALISATIONS["graham"].background
"""Level that stands for no deviation."""


def apply(square: Square) -> Square:
    """Grey where a colour is its surroundings' own, and four times its deviation from them elsewhere."""
    size = square.shape[0]
    result = np.full_like(square, GREY)
    held = _held(square)
    photograph = np.ascontiguousarray(square[held])
    if photograph.size:
        local = cv2.GaussianBlur(photograph, (0, 0), SIGMA * size / 2)
        result[held] = cv2.addWeighted(photograph, GAIN, local, -GAIN, GREY)
    result[_beyond(size)] = GREY
    return result


def _held(square: Square) -> tuple[slice, slice]:
    """Rows and columns that the photograph fills.

    Beyond a side that cuts the disc, the square was filled with zeros. A blur across that side would show it as an
    edge of the retina, so the blur ends there, as it does at the side of the photograph in the published recipe.
    """
    rows, columns = square.reshape(len(square), -1).max(axis=1), square.max(axis=0).max(axis=1)
    return _span(rows), _span(columns)


def _span(levels: npt.NDArray[np.uint8]) -> slice:
    """From the first lit place to the last, less the one at a cut, in which photograph and filling are mixed."""
    lit = np.flatnonzero(levels)
    if not len(lit):
        return slice(0, 0)
    first, last = int(lit[0]), int(lit[-1])
    return slice(first + (first > 0), last + (last == len(levels) - 1))


@lru_cache(maxsize=4)
def _beyond(size: int) -> npt.NDArray[np.bool_]:
    """Pixels in or beyond the outer tenth of the radius."""
    offset = np.arange(size) + 0.5 - size / 2
    return np.asarray(np.hypot(offset[:, None], offset[None]) > KEPT * size / 2)

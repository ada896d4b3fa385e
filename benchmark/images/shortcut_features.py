"""Properties of a photograph that show no lesion: the shape of its frame, its mean colours, and facts about its file.

A grade that can be predicted from these is predicted by a shortcut: cameras, clinics and sizes differ between grades.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from benchmark.images.reading import read_quantisation, read_size

FRAME = (
    "lit",
    *("lit_top_left", "lit_top_right", "lit_bottom_left", "lit_bottom_right"),
    *("lit_top", "lit_bottom", "lit_left", "lit_right"),
    *("lit_rows", "lit_columns"),
)
"""Fractions that are lit: of all pixels, of each corner, of each border, and of the rows and columns."""
COLOUR = tuple(f"{channel}_{what}" for what in ("mean", "sd") for channel in ("red", "green", "blue"))
"""Mean and standard deviation of each channel over the lit pixels."""
FILE = ("bytes", "width", "height", "aspect", "quantisation")
"""Size of the file, of the picture, and the mean of a JPEG's quantisation tables, which its quality determines."""

_DARK, _PAINTED = 16, 2
"""Largest difference of a pixel that shows nothing from a black background, which has noise, or from a painted one."""
_CORNER, _BORDER = 8, 64
"""A corner is one eighth of each side, a border one part in 64 of a side."""
_SOME = 0.05
"""Fraction of its pixels from which a row or column counts as lit."""

Features = npt.NDArray[np.float32]


def picture_features(rgb: npt.NDArray[np.uint8], background: int = 0) -> Features:
    """Compute :data:`FRAME` and :data:`COLOUR` of a picture, shape (17,).

    Args:
        rgb: shape (height, width, 3).
        background: value of the pixels that show nothing.
    """
    lit = _lit(rgb, background)
    mean, sd = cv2.meanStdDev(rgb, mask=lit)
    return np.array([*_frame(lit), *mean.ravel(), *sd.ravel()], np.float32)


def file_features(data: bytes) -> Features:
    """Compute :data:`FILE` of the bytes of a photograph's file, shape (5,); missing values are NaN."""
    width, height = read_size(data)
    aspect = width / height if height else np.nan
    return np.array([len(data), width, height, aspect, read_quantisation(data)], np.float32)


def _lit(rgb: npt.NDArray[np.uint8], background: int) -> npt.NDArray[np.uint8]:
    """Return 1 for each pixel that shows something and 0 for larger areas of background."""
    apart = cv2.absdiff(rgb, np.full_like(rgb, background)).max(axis=2)
    unlit = (apart <= (_PAINTED if background else _DARK)).astype(np.uint8)
    # A tissue of the background's colour is smaller than three pixels.
    return np.asarray(1 - cv2.morphologyEx(unlit, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)


def _frame(lit: npt.NDArray[np.uint8]) -> list[float]:
    height, width = lit.shape
    y, x = max(height // _CORNER, 1), max(width // _CORNER, 1)
    rows, columns = max(height // _BORDER, 1), max(width // _BORDER, 1)
    corners = lit[:y, :x], lit[:y, -x:], lit[-y:, :x], lit[-y:, -x:]
    borders = lit[:rows], lit[-rows:], lit[:, :columns], lit[:, -columns:]
    extents = lit.mean(axis=1) > _SOME, lit.mean(axis=0) > _SOME
    return [float(part.mean()) for part in (lit, *corners, *borders, *extents)]

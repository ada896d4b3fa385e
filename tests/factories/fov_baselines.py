"""Three published methods of finding the field of view, reimplemented as baselines.

Each takes a photograph, RGB of shape (height, width, 3), and returns the circle that it crops to, or None if it fails.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from benchmark.images.fov import FieldOfView


def graham(rgb: np.ndarray) -> FieldOfView | None:
    """B. Graham, Kaggle diabetic retinopathy detection, 2015 (first place; competition report, preprocessing).

    The diameter is the number of pixels in the middle row that are brighter than a tenth of the row's mean; the centre
    is the photograph's.
    """
    height, width = rgb.shape[:2]
    row = rgb[height // 2].astype(np.int64).sum(axis=1)
    radius = (row > row.mean() / 10).sum() / 2
    return FieldOfView(width / 2, height / 2, float(radius)) if radius else None


def voets(rgb: np.ndarray) -> FieldOfView | None:
    """Voets, Møllersen and Bongo, PLOS ONE 14(6), 2019 (JAMA 2016 replication; lib/preprocess.py of their code).

    Grey levels are squared and scaled so that those up to 12 become 0 (high ones overflow, as in the original); the
    rest is the mask. The centre is the centroid of the largest outer contour, and the radius that of its smallest
    enclosing circle. A radius up to 100 px is a failure.
    """
    squared = (255 / 1.3 * (rgb / (255 / 1.5)) ** 2).astype(np.int64).astype(np.uint8)
    contours = cv2.findContours(cv2.cvtColor(squared, cv2.COLOR_RGB2GRAY), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[
        0
    ]
    if not contours:
        return None
    largest = max(contours, key=cv2.contourArea)
    _, radius = cv2.minEnclosingCircle(largest)
    moments = cv2.moments(largest)
    if radius <= 100 or not moments["m00"]:
        return None
    return FieldOfView(moments["m10"] / moments["m00"], moments["m01"] / moments["m00"], radius)


def sveitser(rgb: np.ndarray) -> FieldOfView | None:
    """The team o_O, Kaggle diabetic retinopathy detection, 2015 (second place; convert.py); YijinHuang's crop.py too.

    In a blurred wide photograph, the crop is the bounding box of all pixels that are more than 10 grey levels brighter
    than both side strips. If the box is smaller than 80 % of the height, or the photograph is not wide, the crop is
    the central square. The circle has the centre and the width of the crop.
    """
    height, width = rgb.shape[:2]
    square = FieldOfView(width / 2, height / 2, min(width, height) / 2)
    if width <= 1.2 * height:
        return square
    blurred = cv2.blur(rgb, (5, 5)).astype(np.int64)
    strip = width // 32
    background = np.maximum(blurred[:, :strip].max(axis=(0, 1)), blurred[:, -strip:].max(axis=(0, 1)))
    bright = (blurred > background + 10).any(axis=2)
    if not bright.any():
        return square
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    left, right, top, bottom = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
    if min(right - left, bottom - top) < 0.8 * height:
        return square
    return FieldOfView((left + right) / 2, (top + bottom) / 2, (right - left) / 2)


BASELINES: dict[str, Callable[[np.ndarray], FieldOfView | None]] = {
    "Graham 2015": graham,
    "Voets et al. 2019": voets,
    "o_O 2015": sveitser,
}

"""Three published ways to find the retinal disc, written anew and as short as can be: what ours is held against.

They see a photograph as we do, RGB of shape (height, width, 3), and return the circle that they crop by; None where
they give up.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from benchmark.images.fov import FieldOfView


def graham(rgb: np.ndarray) -> FieldOfView | None:
    """B. Graham, Kaggle diabetic retinopathy detection, 2015 (first place; competition report, preprocessing).

    The middle row's pixels brighter than a tenth of its mean are the diameter; the photograph's centre is the disc's.
    """
    height, width = rgb.shape[:2]
    row = rgb[height // 2].astype(np.int64).sum(axis=1)
    radius = (row > row.mean() / 10).sum() / 2
    return FieldOfView(width / 2, height / 2, float(radius)) if radius else None


def voets(rgb: np.ndarray) -> FieldOfView | None:
    """Voets, Møllersen and Bongo, PLOS ONE 14(6), 2019 (JAMA 2016 replication; lib/preprocess.py of their code).

    Levels are squared and scaled so that 12 and less become 0 (high ones overflow, as they do there); what is left is
    the mask. Of its largest outer contour, the centroid is the centre and the smallest enclosing circle's radius the
    radius. Radii up to 100 px count as nothing.
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

    In a blurred wide photograph, what outshines both side strips by more than 10 levels lies in the box to crop, unless
    that is smaller than 80 % of the height; then, and in others, the central square is cropped. The circle is the one
    inscribed in the box, as wide as it.
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


RIVALS: dict[str, Callable[[np.ndarray], FieldOfView | None]] = {
    "Graham 2015": graham,
    "Voets et al. 2019": voets,
    "o_O 2015": sveitser,
}

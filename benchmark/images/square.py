"""From a photograph's file to squares around its field of view: all code that determines the pixels of a pack."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from benchmark.images.colour_normalisation.registry import load_normalisation
from benchmark.images.fov import FieldOfView, crop_to_fov, detect_fov, resize
from benchmark.images.reading import read_rgb


def square_images(
    data: bytes, sizes: dict[str, int], colour_normalisation: str = "plain", crop: float = 1.0
) -> dict[str, npt.NDArray[np.uint8]]:
    """Compute squares around the field of view, shape (size, size, 3) each, from the bytes of a photograph's file.

    The photograph is decoded at the smallest scale that has enough pixels for the largest square. ``crop`` is the side
    of the square as a fraction of the diameter of the field of view.

    Raises:
        UnreadableImage: the bytes cannot be read as an image.
    """
    largest = max(sizes.values())
    rgb = read_rgb(data, min_side=largest)
    fov = _central(detect_fov(rgb), crop)
    if 2 * fov.radius < largest:  # The scale suits the whole photograph, but the part that is shown is small.
        rgb = read_rgb(data, min_side=math.ceil(largest * min(rgb.shape[:2]) / (2 * fov.radius)))
        fov = _central(detect_fov(rgb), crop)
    square = load_normalisation(colour_normalisation)(crop_to_fov(rgb, fov, largest))
    return {role: square if size == largest else resize(square, size) for role, size in sizes.items()}


def _central(fov: FieldOfView, crop: float) -> FieldOfView:
    """Return the central part of a field of view, whose square has ``crop`` times its side."""
    return replace(fov, radius=fov.radius * crop)

"""From a photograph's file to squares around its field of view: all code that determines the pixels of a pack."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from benchmark.images.colour_normalisation.registry import load_normalisation
from benchmark.images.fov import crop_to_lit, detect_fov, resize, square_around, whole_photograph
from benchmark.images.reading import read_rgb


def square_images(
    data: bytes, sizes: dict[str, int], colour_normalisation: str = "plain", crop: float = 1.0
) -> dict[str, npt.NDArray[np.uint8]]:
    """Compute squares around the field of view, shape (size, size, 3) each, from the bytes of a photograph's file.

    The photograph is decoded at the smallest scale that has enough pixels for the largest square. ``crop`` is the side
    of the square as a fraction of the diameter of the field of view. If it is below 1 and no field of view is detected,
    as in a squashed photograph, the square shows the same fraction of both sides of the lit part.

    Raises:
        UnreadableImage: the bytes cannot be read as an image.
    """
    largest = max(sizes.values())
    rgb = read_rgb(data, min_side=largest)
    part = _part(rgb, crop)
    if min(part.shape[:2]) < largest:  # The scale suits the whole photograph, but the part that is shown is small.
        part = _part(read_rgb(data, min_side=math.ceil(largest * min(rgb.shape[:2]) / min(part.shape[:2]))), crop)
    square = load_normalisation(colour_normalisation)(resize(part, largest))
    return {role: square if size == largest else resize(square, size) for role, size in sizes.items()}


def _part(rgb: npt.NDArray[np.uint8], crop: float) -> npt.NDArray[np.uint8]:
    """Return the part of a photograph that the squares show."""
    fov = detect_fov(rgb)
    if crop < 1 and fov == whole_photograph(rgb):
        return crop_to_lit(rgb, crop)
    return square_around(rgb, replace(fov, radius=fov.radius * crop))

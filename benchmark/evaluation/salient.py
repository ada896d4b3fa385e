"""What the step ``saliency`` writes: which photographs it looked at, and a map of each; read without torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmark.common.terms import Head, Size

SALIENCY = Path("saliency")
IMAGES, MAPS = SALIENCY / "images.csv", SALIENCY / "maps.npy"
WINDOWS, ATTENTION = SALIENCY / "windows.csv", SALIENCY / "attention.npy"
COPIES = 12
"""Noisy copies of an image that a map is averaged over."""


Maps = npt.NDArray[np.float16] | npt.NDArray[np.float32]
"""One of each image, shape (n, s, s), values 0 to 1."""


@dataclass(frozen=True, slots=True)
class SalientRow:
    """An image whose map is the same row of ``maps.npy``, shape (images, pixels, pixels), values 0 to 1."""

    stage: str
    arm: str
    seed: int
    size: Size
    head: Head
    image_id: str
    grade: int
    output: float
    """Score or, of probabilities, the expected grade."""


@dataclass(frozen=True, slots=True)
class WindowsRow:
    """An image, and where a network cuts windows from it by the same row of ``attention.npy``, shape (images, m, m)."""

    stage: str
    arm: str
    seed: int
    size: Size
    image_id: str
    grade: int
    output: float
    """The expected grade."""
    side: int
    """Of the image as the network is given it."""
    window: int
    """Side of a window."""
    corners: str
    """First row and column of each window, one after the other."""

"""What the step ``saliency`` writes: which photographs it looked at, and a map of each; read without torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmark.common.terms import Head, Size

SALIENCY = Path("saliency")
IMAGES, MAPS = SALIENCY / "images.csv", SALIENCY / "maps.npy"
COPIES = 12
"""Noisy copies of an image that a map is averaged over."""


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

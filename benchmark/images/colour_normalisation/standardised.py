"""Each channel of a photograph standardised over its lit pixels: no mean colour and no exposure of a camera remains.

The mean of the lit pixels becomes 128 and their standard deviation 48, so that a channel spans 2.6 standard deviations
to either side before it is clipped. Pixels that show no tissue take the mean.
"""

from __future__ import annotations

import cv2
import numpy as np

from benchmark.images.colour_normalisation.registry import NormalisationInfo, Square

ABOUT = NormalisationInfo("colours standardised per photograph", background=128)

SPREAD = 48
"""Standard deviation of the lit pixels in the result, in grey levels."""
UNLIT = 12
"""Brightest channel, 0-255, up to which a pixel shows no tissue."""


def apply(square: Square) -> Square:
    """Standardise each channel of the square over its lit pixels."""
    unlit = square.max(axis=2) <= UNLIT
    lit = square[~unlit]
    levels = np.arange(256)
    table = np.full((256, 3), ABOUT.background, np.uint8)
    for channel in range(3 if len(lit) else 0):
        counts = np.bincount(lit[:, channel], minlength=256)
        # Sums of whole numbers are exact on every processor.
        mean = int(counts @ levels) / len(lit)
        spread = np.sqrt(int(counts @ levels**2) / len(lit) - mean**2)
        if spread > 0:
            table[:, channel] = np.clip(np.rint(ABOUT.background + SPREAD * (levels - mean) / spread), 0, 255)
    result = np.asarray(cv2.LUT(square, table[None]), np.uint8)
    result[unlit] = ABOUT.background
    return result

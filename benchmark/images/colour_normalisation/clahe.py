"""Contrast-limited adaptive histogram equalisation (Zuiderveld 1994) of the lightness, hue and chroma kept.

On the L channel of CIE Lab with clip limit 2 and 8 x 8 tiles, as Xiao et al. (ICIAR 2019, arXiv 2007.13854; the
parameters are in the code they published with it) prepare the photographs of IDRiD. Like theirs it is OpenCV's, which
gives what is left of whole counts to the lowest levels: of no account in the tiles of a square of hundreds of pixels,
but squares of 128 px it brightens by tens of levels.
"""

from __future__ import annotations

import cv2
import numpy as np

from benchmark.images.colour_normalisation.registry import Square

CLIP = 2.0
"""Largest count of a histogram's bin, in multiples of the mean count: so steep may the lightness become, about."""
TILES = 8
"""Tiles along a side, each with a histogram of its own."""


def apply(square: Square) -> Square:
    """Even out the lightness of the retina; what is black stays black, as no tissue is there."""
    lab = cv2.cvtColor(square, cv2.COLOR_RGB2LAB)
    lightness = lab[..., 0]
    even = cv2.createCLAHE(CLIP, (TILES, TILES)).apply(lightness)
    even[lightness == 0] = 0
    lab[..., 0] = even
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.uint8)

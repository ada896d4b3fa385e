"""Contrast-limited adaptive histogram equalisation (Zuiderveld 1994) of the lightness; hue and chroma are kept.

It is applied to the L channel of CIE Lab with clip limit 2 and 8 x 8 tiles, as Xiao et al. (ICIAR 2019, arXiv
2007.13854; the parameters are in their published code) prepare the photographs of IDRiD. Like theirs, the
implementation is OpenCV's, which adds the remainder of the clipped counts to the lowest grey levels. This has no effect
in the tiles of a square of hundreds of pixels, but brightens squares of 128 px by tens of grey levels.
"""

from __future__ import annotations

import cv2
import numpy as np

from benchmark.images.colour_normalisation.registry import NormalisationInfo, Square

ABOUT = NormalisationInfo("lightness equalised locally")

CLIP = 2.0
"""Largest count of a histogram bin, in multiples of the mean count, which bounds the slope of the lightness."""
TILES = 8
"""Tiles along a side, each with its own histogram."""


def apply(square: Square) -> Square:
    """Equalise the lightness of the retina; black pixels stay black, as they show no tissue."""
    lab = cv2.cvtColor(square, cv2.COLOR_RGB2LAB)
    lightness = lab[..., 0]
    even = cv2.createCLAHE(CLIP, (TILES, TILES)).apply(lightness)
    even[lightness == 0] = 0
    lab[..., 0] = even
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.uint8)

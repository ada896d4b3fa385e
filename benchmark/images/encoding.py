"""Encoding of the images in a pack."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

Encoding = Literal["raw", "jpeg"]


JPEG_QUALITY = 95
"""JPEG quality."""


def encode(rgb: npt.NDArray[np.uint8], encoding: Encoding) -> bytes:
    """Encode an image of shape (size, size, 3) as the bytes that a pack stores."""
    if encoding == "raw":
        return rgb.tobytes()
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return stream.getvalue()

"""How a pack stores an image."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

Encoding = Literal["raw", "jpeg"]


QUALITY = 95
"""JPEG quality."""


def encode(rgb: npt.NDArray[np.uint8], encoding: Encoding) -> bytes:
    """The bytes that a pack stores for an image of shape (size, size, 3)."""
    if encoding == "raw":
        return rgb.tobytes()
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", quality=QUALITY, subsampling=0)
    return stream.getvalue()

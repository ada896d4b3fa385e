"""Decoding of photograph files to RGB; no other module decodes image files."""

from __future__ import annotations

import io
import math
import re
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

EXTENSIONS = (".jpeg", ".jpg", ".png", ".tif", ".tiff")
"""File name extensions of photographs, in order of preference, in lower case."""
LIBRARIES = ("numpy", "opencv-python-headless", "pillow")
"""Libraries whose versions determine the decoded and prepared pixels."""

MAX_PIXELS = 180_000_000
"""Maximum size of an image, which takes about a gigabyte. The largest fundus photographs have a quarter of it."""

_FORMATS = ("JPEG", "PNG", "TIFF")

Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit rejects large photographs as an attack.
# Pillow's warnings name no file, and a photograph that it decodes despite them is usable.
warnings.filterwarnings("ignore", module=rf"PIL\.|{re.escape(__name__)}")


class UnreadableImage(ValueError):  # noqa: N818 - describes the file
    """Raised for a photograph that cannot be read; the message is the reason."""


def read_rgb(source: Path | bytes, min_side: int | None = None) -> npt.NDArray[np.uint8]:
    """Decode a JPEG, PNG or TIFF file (its first page).

    The EXIF orientation is applied. Transparent pixels are blended with black, the background of a fundus photograph.
    16-bit values are reduced to their upper byte. Greyscale is copied to all three channels.

    Args:
        source: path of the file, or its bytes.
        min_side: minimum length of the shorter side in pixels. A JPEG is decoded at the smallest sufficient scale of
            1, 1/2, 1/4 and 1/8; None decodes at full size.

    Returns:
        Shape (height, width, 3), 0-255, read-only.

    Raises:
        UnreadableImage: the file is missing, empty, truncated, corrupt or of another format.
    """
    data = source if isinstance(source, bytes) else _read(source)
    if not data:
        msg = "the file is empty"
        raise UnreadableImage(msg)
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                most = f"{MAX_PIXELS // 10**6} million"
                msg = f"it has {width} x {height} pixels, but at most {most} are supported: save it at a smaller size"
                raise UnreadableImage(msg)
            if min_side is not None:
                image.draft(None, (min_side, min_side))
            ImageOps.exif_transpose(image, in_place=True)
            return _rgb(image)
    except UnreadableImage:
        raise
    except UnidentifiedImageError as error:
        msg = "the file is not a JPEG, PNG or TIFF"
        raise UnreadableImage(msg) from error
    except Exception as error:  # Decoders raise almost any error for a damaged file.
        msg = str(error) or type(error).__name__
        raise UnreadableImage(msg) from error


def read_size(source: Path | bytes) -> tuple[int, int]:
    """Read the stored width and height in pixels from the header of a file; return (0, 0) if it cannot be read."""
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=_FORMATS) as image:
            return image.size
    except Exception:  # As above; the fault is reported when the file is decoded.
        return 0, 0


def read_quantisation(data: bytes) -> float:
    """Return the mean of the quantisation tables of a JPEG, which fall with its quality; NaN for other files."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            tables: dict[int, list[int]] = getattr(image, "quantization", {})
            return float(np.mean([value for table in tables.values() for value in table])) if tables else math.nan
    except Exception:  # As above.
        return math.nan


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableImage(error.strerror or str(error)) from error


def _rgb(image: Image.Image) -> npt.NDArray[np.uint8]:
    if image.mode.startswith("I;16"):
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode in ("I", "F"):
        msg = f"the range of its pixel values is unknown (mode {image.mode}): save it with 8 or 16 bits per channel"
        raise UnreadableImage(msg)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
    return np.asarray(image.convert("RGB"))

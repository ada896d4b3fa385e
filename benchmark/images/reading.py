"""Any photograph file as RGB: the one place where image files are decoded."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

EXTENSIONS = (".jpeg", ".jpg", ".png", ".tif", ".tiff")
"""File name extensions of photographs, in order of preference; their case does not matter."""
LIBRARIES = ("numpy", "opencv-python-headless", "pillow")
"""Those whose versions decide what pixels come of a file."""

_FORMATS = ("JPEG", "PNG", "TIFF")


class UnreadableImage(ValueError):  # noqa: N818 - it is what the file is
    """A photograph that cannot be read; the message is the reason."""


def read_rgb(source: Path | bytes, min_side: int | None = None) -> npt.NDArray[np.uint8]:
    """Decode a JPEG, PNG or TIFF file (its first page).

    The EXIF orientation is applied, transparency is laid on black (the background of a fundus photograph), 16 bits
    become 8 by keeping the upper byte, grey fills all three channels.

    Args:
        source: the file, or its bytes.
        min_side: a JPEG is decoded at the smallest of its scales 1, 1/2, 1/4 and 1/8 whose shorter side has at least
            so many pixels; None decodes all.

    Returns:
        Shape (height, width, 3), 0-255, read-only.

    Raises:
        UnreadableImage: the file is missing, empty, truncated, corrupt, or of another kind.
    """
    data = source if isinstance(source, bytes) else _read(source)
    if not data:
        msg = "the file is empty"
        raise UnreadableImage(msg)
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if min_side is not None:
                image.draft(None, (min_side, min_side))
            ImageOps.exif_transpose(image, in_place=True)
            return _rgb(image)
    except UnreadableImage:
        raise
    except UnidentifiedImageError as error:
        msg = "the file is no JPEG, PNG or TIFF"
        raise UnreadableImage(msg) from error
    except Exception as error:  # A damaged file makes a decoder raise almost anything.
        msg = str(error) or type(error).__name__
        raise UnreadableImage(msg) from error


def read_size(source: Path | bytes) -> tuple[int, int]:
    """Width and height in pixels as stored, from the file's header alone; (0, 0) where it cannot be read."""
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=_FORMATS) as image:
            return image.size
    except Exception:  # As above; what is wrong with the file is said when it is decoded.
        return 0, 0


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
        msg = f"its pixels are numbers without a known range (mode {image.mode}): save it with 8 or 16 bits"
        raise UnreadableImage(msg)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
    return np.asarray(image.convert("RGB"))

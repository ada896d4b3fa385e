"""From any photograph's file to one of a single picture in sRGB, for :mod:`.reading` to decode.

Files of one page without a profile of other colours are kept byte for byte. The recipe of prepared images, which is in
each run's key, therefore does not name this code.
"""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms, ImageOps

from benchmark.images.reading import MAX_PIXELS, UnreadableImage, read_rgb

_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Colour spaces of profiles -> mode of the pixels."""
_SAME = 2
"""Largest difference of a value, 0-255, that rounding explains."""
_GAMMA, _SAME_GAMMA = 2.2, 0.05
"""Exponent of sRGB's curve, and the largest relative difference of another one that is not visible."""


def plain_photograph(data: bytes) -> bytes:
    """Return the bytes of a file with a single picture in sRGB; the same ones if it is that, or cannot be read.

    Of a TIFF with several pages the largest is taken, because scanners put a thumbnail before it. A profile of other
    colours, such as Adobe RGB, is converted to sRGB, and so is another gamma of a PNG without a profile.

    Raises:
        UnreadableImage: two pages are largest, so that they may be two photographs, or the page is too large.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "TIFF")) as image:
            page = _largest_page(image)
            transform, curve = _to_srgb(image.info.get("icc_profile", b"")), _gamma_curve(image)
            if page == 0 and (not (transform or curve) or image.width * image.height > MAX_PIXELS):
                return data
            picture = ImageOps.exif_transpose(image)
            picture = picture.convert("RGBA") if picture.has_transparency_data else picture
            picture.info.clear()
            if transform is None or transform.input_mode != "CMYK":  # Without transparency, and with 8 bits.
                picture = Image.fromarray(read_rgb(_saved(picture)))
            if transform is None:
                return _saved(picture.point(curve * 3) if curve else picture)
            picture = picture.getchannel(0) if transform.input_mode == "L" else picture
            return _saved(ImageCms.applyTransform(picture, transform) or picture)
    except UnreadableImage:
        raise
    except Exception:  # Decoders raise almost any error for a damaged file; it is reported when it is decoded.
        return data


def _largest_page(image: Image.Image) -> int:
    """Turn to the largest page of a TIFF, or the frame of a PNG, and return its number from 0; 0 for a JPEG."""
    sizes = []
    for page in range(getattr(image, "n_frames", 1) if image.format in ("TIFF", "PNG") else 1):
        image.seek(page)
        sizes.append(image.width * image.height)
    if sizes.count(max(sizes)) > 1:
        msg = f"{sizes.count(max(sizes))} of its {len(sizes)} pages are largest: save each photograph as a file"
        raise UnreadableImage(msg)
    largest = sizes.index(max(sizes))
    image.seek(largest)
    if largest and sizes[largest] > MAX_PIXELS:
        msg = f"its page {largest + 1} has {image.width} x {image.height} pixels: save it at a smaller size"
        raise UnreadableImage(msg)
    return largest


def _gamma_curve(image: Image.Image) -> list[int] | None:
    """Return the value in sRGB of each value, 0-255, of a PNG that declares another gamma and no colour space."""
    gamma = image.info.get("gamma", 0)
    if not gamma or {"icc_profile", "srgb"} & image.info.keys() or abs(_GAMMA * gamma - 1) < _SAME_GAMMA:
        return None
    return [round(255 * (value / 255) ** (1 / (_GAMMA * gamma))) for value in range(256)]


@lru_cache(maxsize=8)
def _to_srgb(profile: bytes) -> ImageCms.ImageCmsTransform | None:
    """Return the conversion of a profile's colours to sRGB; None if it has none, or changes no colour visibly."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _MODES[source.profile.xcolor_space.strip()]
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (OSError, KeyError, ImageCms.PyCMSError):  # Without a usable profile, sRGB is assumed.
        return None
    if mode == "CMYK":
        return transform
    steps = np.arange(0, 256, 15).astype(np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3)
    before = Image.fromarray(colours if mode == "RGB" else colours[..., 0])
    after = np.asarray(ImageCms.applyTransform(before, transform))
    change = np.abs(after.astype(np.int16) - np.asarray(before.convert("RGB")))
    return transform if change.max() > _SAME else None


def _saved(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "TIFF")
    return stream.getvalue()

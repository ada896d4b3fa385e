"""Files with several pages or a colour profile are read as the plain version of the same picture, or refused."""

from __future__ import annotations

import io
import random
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from benchmark.images.plain import plain_photograph
from benchmark.images.reading import UnreadableImage, read_rgb
from tests.factories.eyes import encoded, eye
from tests.factories.paths import SHARED

ROUND3 = SHARED / "faults/round3"
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def tiff(*pages: Image.Image, **options: object) -> bytes:
    stream = io.BytesIO()
    pages[0].save(stream, "TIFF", save_all=True, append_images=pages[1:], **options)
    return stream.getvalue()


def decoded(data: bytes) -> np.ndarray:
    return read_rgb(plain_photograph(data))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("profile", [b"", SRGB, b"not a profile"])
def test_a_file_of_one_page_in_srgb_is_kept_byte_for_byte(kind, profile):
    stream = io.BytesIO()
    Image.fromarray(eye(0)).save(stream, kind, **({"icc_profile": profile} if profile else {}))
    assert plain_photograph(stream.getvalue()) == stream.getvalue()


@given(st.lists(st.sampled_from([1, 2, 3, 4]), min_size=1, max_size=4), st.sampled_from(["RGB", "L", "RGBA", "P"]))
@settings(max_examples=30, deadline=None)
def test_a_tiff_is_read_as_its_largest_page_or_refused(shrinks, mode):
    picture = Image.fromarray(eye(1)).convert(mode)
    data = tiff(*(picture.resize((picture.width // shrink, picture.height // shrink)) for shrink in shrinks))
    largest = min(shrinks)
    if shrinks.count(largest) > 1:
        with pytest.raises(UnreadableImage, match="pages are largest: save each photograph as a file"):
            decoded(data)
        return
    alone = tiff(picture.resize((picture.width // largest, picture.height // largest)))
    np.testing.assert_array_equal(decoded(data), read_rgb(alone))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.skipif(not ROUND3.exists(), reason=f"a profile of other colours is not at {ROUND3}")
def test_colours_of_a_profile_become_those_of_the_plain_version(mode, orientation):
    """The two reported files show one eye, stored in ProPhoto's colours and in sRGB."""
    wide, plain = (Image.open(ROUND3 / f"icc_{name}.png") for name in ("prophoto", "srgb"))
    exif = Image.Exif()
    exif[274] = orientation
    stored = wide.quantize(256) if mode == "P" else wide.convert(mode)
    found = decoded(tiff(stored, icc_profile=wide.info["icc_profile"], exif=exif)).astype(int)
    right = np.rot90(np.asarray(plain.convert("RGB")).astype(int), -1 if orientation == 6 else 0)
    assert found.shape == right.shape
    assert np.abs(found - right).mean() < (6 if mode == "P" else 1)


def test_damaged_files_are_left_to_the_reader():
    for data in (b"", b"no photograph", encoded(eye(0))[:500]):
        assert plain_photograph(data) == data


def png(rgb: np.ndarray, gamma: float, **chunks: bytes) -> bytes:
    """Return a PNG that declares this gamma, and other chunks."""
    declared, stream = PngInfo(), io.BytesIO()
    declared.add(b"gAMA", struct.pack(">I", round(gamma * 100_000)))
    for name, content in chunks.items():
        declared.add(name.encode(), content)
    Image.fromarray(rgb).save(stream, "PNG", pnginfo=declared)
    return stream.getvalue()


def test_a_png_of_another_gamma_is_read_as_its_plain_version():
    picture = eye(2)
    linear = np.rint(255 * (picture / 255.0) ** 2.2).astype(np.uint8)
    assert np.abs(decoded(png(linear, 1.0)).astype(int) - picture)[picture > 40].max() <= 3
    for plain in (png(picture, 1 / 2.2), png(picture, 1.0, sRGB=b"\0")):
        assert plain_photograph(plain) == plain


def test_an_animation_is_refused():
    stream = io.BytesIO()
    Image.fromarray(eye(0)).save(stream, "PNG", save_all=True, append_images=[Image.fromarray(eye(1))])
    with pytest.raises(UnreadableImage, match="2 of its 2 pages are largest"):
        decoded(stream.getvalue())


UNTURNED = (None, 0, 3, 1, 5, 2, 6, 4)
"""Pillow's transposition that stores a picture for each EXIF orientation, 1 to 8."""
CODED: dict[str, tuple[str, dict[str, object]]] = {
    "PNG": ("PNG", {}),
    "JPEG": ("JPEG", {"quality": 98}),
    "progressive JPEG": ("JPEG", {"quality": 98, "progressive": True}),
    "TIFF": ("TIFF", {}),
    "compressed TIFF": ("TIFF", {"compression": "tiff_lzw"}),
    "large TIFF": ("TIFF", {"big_tiff": True}),
}
MODES = {
    "PNG": ("RGB", "L", "P", "RGBA", "LA", "I;16", "1"),
    "JPEG": ("RGB", "L", "CMYK", "YCbCr"),
    "TIFF": ("RGB", "L", "P", "RGBA", "LA", "CMYK", "YCbCr", "I;16", "1", "I", "F"),
}


@pytest.mark.parametrize("number", range(60))
def test_a_picture_in_any_form_is_read_as_its_plain_version_or_told(number):
    rng = random.Random(number)
    picture = Image.fromarray(eye(rng.randrange(5), 96, 80))
    kind, options = CODED[rng.choice(list(CODED))]
    mode, orientation = rng.choice(MODES[kind]), rng.randrange(8)
    grey = np.asarray(picture.convert("L"))
    stored = Image.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else picture.convert(mode)
    plain = Image.fromarray(grey) if mode == "I;16" else stored
    transposition, exif = UNTURNED[orientation], Image.Exif()
    exif[274] = orientation + 1
    stream = io.BytesIO()
    (stored if transposition is None else stored.transpose(transposition)).save(stream, kind, exif=exif, **options)
    if mode in ("I", "F"):
        with pytest.raises(UnreadableImage, match="save it with 8 or 16 bits per channel"):
            decoded(stream.getvalue())
        return
    found = decoded(stream.getvalue()).astype(int)
    right = np.asarray(plain.convert("RGB")).astype(int)
    assert found.shape == right.shape
    assert np.abs(found - right).mean() < 4

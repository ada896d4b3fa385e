"""Reading photographs: correct colours from every kind of file, or a reason for the refusal."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from benchmark.images.reading import UnreadableImage, read_rgb, read_size
from benchmark.jobs.processes import outcomes

shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def smooth(width: int = 96, height: int = 64) -> np.ndarray:
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return np.dstack([x, y, 255 - x]).astype(np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@settings(deadline=None)
@given(rgb=shapes.flatmap(lambda shape: hnp.arrays(np.uint8, (*shape, 3))))
def test_lossless_files_are_read_exactly(kind, rgb):
    assert np.array_equal(read_rgb(saved(Image.fromarray(rgb), kind)), rgb)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@settings(deadline=None)
@given(grey=shapes.flatmap(lambda shape: hnp.arrays(np.uint8, shape)))
def test_grey_files_have_three_equal_channels(kind, grey):
    assert np.array_equal(read_rgb(saved(Image.fromarray(grey), kind)), np.dstack([grey] * 3))


@pytest.mark.parametrize("extension", [".png", ".tiff"])
@settings(deadline=None)
@given(pixels=shapes.flatmap(lambda shape: hnp.arrays(np.uint16, (*shape, 3))))
def test_sixteen_bits_keep_the_upper_byte(extension, pixels):
    colour = cv2.imencode(extension, pixels[..., ::-1])[1].tobytes()
    assert np.array_equal(read_rgb(colour), pixels >> 8)
    grey = cv2.imencode(extension, pixels[..., 0])[1].tobytes()
    assert np.array_equal(read_rgb(grey), np.dstack([pixels[..., 0] >> 8] * 3))


def test_big_endian_sixteen_bit_grey():
    grey = np.array([[0, 255, 256, 65535]], ">u2")
    assert read_rgb(saved(Image.fromarray(grey), "TIFF"))[0, :, 0].tolist() == [0, 0, 1, 255]


@pytest.mark.parametrize(
    ("mode", "pixel", "expected"),
    [
        ("RGBA", (200, 100, 50, 255), (200, 100, 50)),
        ("RGBA", (200, 100, 50, 0), (0, 0, 0)),
        ("LA", (90, 255), (90, 90, 90)),
        ("LA", (90, 0), (0, 0, 0)),
        ("1", 255, (255, 255, 255)),
    ],
)
def test_transparent_pixels_are_blended_with_black(mode, pixel, expected):
    image = Image.new(mode, (3, 2), pixel)
    assert read_rgb(saved(image, "PNG"))[1, 2].tolist() == list(expected)


def test_a_palette_is_applied_and_its_transparent_colour_is_black():
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    assert read_rgb(saved(image, "PNG")).tolist() == [[[10, 20, 30], [200, 100, 50]]]
    assert read_rgb(saved(image, "PNG", transparency=1)).tolist() == [[[10, 20, 30], [0, 0, 0]]]


@pytest.mark.parametrize("black", [0, 80])
def test_a_cmyk_jpeg_has_the_same_colours_as_in_opencv(black):
    ink = np.dstack([smooth(), np.full((64, 96), black, np.uint8)])
    data = saved(Image.fromarray(ink, "CMYK"), "JPEG", quality=98)
    expected = (255.0 - smooth()) * (255 - black) / 255
    reference = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert np.abs(read_rgb(data) - expected).max() < 4
    assert np.abs(read_rgb(data).astype(int) - reference).max() <= 4


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.swapaxes(0, 1)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: np.rot90(a.swapaxes(0, 1), 2)),
        (8, lambda a: np.rot90(a)),
    ],
)
def test_the_exif_orientation_is_applied(kind, orientation, upright):
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb = np.kron(np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [90, 90, 90]]], np.uint8), np.ones((16, 24, 1)))
    rgb = rgb.astype(np.uint8)
    options = {"quality": 98, "subsampling": 0} if kind == "JPEG" else {}
    read = read_rgb(saved(Image.fromarray(rgb), kind, exif=exif, **options))
    assert read.shape == upright(rgb).shape
    assert np.abs(read.astype(int) - upright(rgb)).max() < 12


@pytest.mark.parametrize("min_side", [1, 20, 50, 51, 99, 100, 101, 250, 400, 1000])
def test_a_jpeg_is_decoded_at_the_smallest_scale_that_suffices(min_side):
    rgb = smooth(600, 400)
    data = saved(Image.fromarray(rgb), "JPEG", quality=98, subsampling=0)
    side = min(read_rgb(data, min_side).shape[:2])
    assert side in (400, 200, 100, 50)
    assert side == 400 or side >= min_side
    assert side == 50 or side // 2 < min_side
    reference = cv2.resize(rgb, (side * 3 // 2, side), interpolation=cv2.INTER_AREA)
    assert np.abs(read_rgb(data, min_side).astype(int) - reference).mean() < 2


def noise_file(kind: str) -> bytes:
    rgb = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    return saved(Image.fromarray(rgb), kind)


@pytest.mark.parametrize("min_side", [None, 15])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_a_truncated_file_is_refused(kind, share, min_side):
    data = noise_file(kind)
    with pytest.raises(UnreadableImage):
        read_rgb(data[: int(share * len(data))], min_side)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_other_content_than_an_image_is_refused_with_a_reason(data):
    with pytest.raises(UnreadableImage, match=r"empty|not a JPEG, PNG or TIFF"):
        read_rgb(data)


@pytest.mark.filterwarnings("ignore")
@settings(deadline=None)
@given(kind=st.sampled_from(["JPEG", "PNG", "TIFF"]), at=st.integers(2, 2000), byte=st.integers(0, 255))
def test_a_damaged_byte_causes_no_error_without_a_reason(kind, at, byte):
    data = bytearray(noise_file(kind))
    data[at] = byte
    with contextlib.suppress(UnreadableImage):
        assert read_rgb(bytes(data)).ndim == 3


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(UnreadableImage, match="No such file"):
        read_rgb(tmp_path / "none.jpg")
    with pytest.raises(UnreadableImage, match="directory"):
        read_rgb(tmp_path)


def test_floating_point_pixels_are_refused():
    data = saved(Image.fromarray(np.ones((3, 3), np.float32)), "TIFF")
    with pytest.raises(UnreadableImage, match="save it with 8 or 16 bits"):
        read_rgb(data)


def test_the_size_of_a_truncated_file_is_read_from_its_header(tmp_path):
    path = tmp_path / "cut.jpg"
    path.write_bytes(noise_file("JPEG")[:2000])
    assert read_size(path) == (160, 120)
    path.write_bytes(b"text")
    assert read_size(path) == (0, 0)
    assert read_size(tmp_path / "none.jpg") == (0, 0)


def test_a_photograph_with_too_many_pixels_is_refused_with_its_size_and_the_fix():
    header = struct.pack(">IIBBBBB", 16_000, 12_000, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", b"")]
    chunks = [struct.pack(">I", len(d)) + kind + d + struct.pack(">I", zlib.crc32(kind + d)) for kind, d in parts]
    with pytest.raises(
        UnreadableImage, match=r"16000 x 12000 pixels, but at most 180 million.*save it at a smaller size"
    ):
        read_rgb(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def test_a_worker_process_prints_no_warnings_of_pillow(tmp_path, capfd):
    image = Image.fromarray(np.full((9_500, 9_500), 90, np.uint8))
    image.save(tmp_path / "large.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff")
    ((_, shape),) = outcomes(_shape_of, [tmp_path / "large.jpg"], 1)
    assert shape[0] < 9_500
    assert capfd.readouterr().err == ""


def _shape_of(path):
    return read_rgb(path, min_side=256).shape

"""Colour normalisations: properties that all share, and agreement with naive versions of the published formulas."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from benchmark.images.colour_normalisation.registry import NORMALISATIONS, load_normalisation
from benchmark.images.fov import FieldOfView, crop_to_fov, detect_fov, resize
from benchmark.images.square import square_images
from tests.factories.hard_photographs import place

SIZES = (16, 33, 128, 720)


def square(size: int) -> np.ndarray:
    """Return a phantom's field of view that fills a square with black corners."""
    rgb = place(0, size, size, FieldOfView(size / 2, size / 2, size / 2))
    rgb[beyond(size, 1 + 2 / size)] = 0  # The notch.
    return rgb


def beyond(size: int, radii: float) -> np.ndarray:
    """Return a mask of the pixels farther than ``radii`` from the centre, in units of half the size."""
    y, x = np.mgrid[:size, :size] + 0.5
    return np.hypot(x - size / 2, y - size / 2) > radii * size / 2


@pytest.mark.parametrize("name", NORMALISATIONS)
class TestEveryNormalisation:
    @pytest.mark.parametrize("size", SIZES)
    def test_it_is_deterministic_and_keeps_shape_type_and_its_argument(self, name, size):
        given_square = square(size)
        before = given_square.copy()
        given_square.flags.writeable = False
        made = load_normalisation(name)(given_square)
        assert (made.shape, made.dtype) == ((size, size, 3), np.uint8)
        assert np.array_equal(given_square, before)
        assert np.array_equal(load_normalisation(name)(given_square), made)

    @pytest.mark.parametrize("size", SIZES)
    def test_pixels_outside_the_field_of_view_have_the_background_level(self, name, size):
        made = load_normalisation(name)(square(size))
        # Two pixels around the rim mix retina and black.
        assert (made[beyond(size, 1 + 4 / size)] == NORMALISATIONS[name].background).all()

    @pytest.mark.parametrize("size", SIZES[1:])
    def test_the_retina_keeps_its_contrast(self, name, size):
        retina = ~beyond(size, 0.85)
        assert np.ptp(load_normalisation(name)(square(size))[retina].astype(int), axis=0).min() > 20

    @pytest.mark.parametrize("level", [0, 1, 90, 255])
    @pytest.mark.parametrize("size", [16, 128])
    def test_a_uniform_image_stays_uniform_within_the_field_of_view(self, name, size, level):
        made = load_normalisation(name)(np.full((size, size, 3), level, np.uint8))[~beyond(size, 0.85)]
        assert np.ptp(made.astype(int)) <= 3

    def test_black_becomes_background(self, name):
        assert (load_normalisation(name)(np.zeros((40, 40, 3), np.uint8)) == NORMALISATIONS[name].background).all()

    def test_grey_photographs_stay_grey(self, name):
        grey = np.repeat(square(128).mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
        assert np.ptp(load_normalisation(name)(grey).astype(int), axis=2).max() <= 3

    @settings(deadline=None, max_examples=30)
    @given(data=st.data(), size=st.integers(16, 40))
    def test_any_square_is_accepted(self, name, data, size):
        made = load_normalisation(name)(data.draw(hnp.arrays(np.uint8, (size, size, 3))))
        assert (made.shape, made.dtype) == ((size, size, 3), np.uint8)

    def test_small_sizes_are_resized_from_the_normalised_largest(self, name):
        stream = io.BytesIO()
        photograph = place(1, 300, 220, FieldOfView(150, 110, 100))
        Image.fromarray(photograph).save(stream, "PNG")
        made = square_images(stream.getvalue(), {"small": 40, "large": 128}, name)
        assert np.array_equal(
            made["large"], load_normalisation(name)(crop_to_fov(photograph, detect_fov(photograph), 128))
        )
        assert np.array_equal(made["small"], resize(made["large"], 40))


def test_plain_changes_nothing():
    assert np.array_equal(load_normalisation("plain")(square(40)), square(40))


def naive_blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Return the Gaussian-weighted mean around each pixel, mirrored at the sides, by its definition."""
    reach = round(4 * sigma)
    weights = np.exp(-((np.arange(-reach, reach + 1) / sigma) ** 2) / 2)
    weights /= weights.sum()
    padded = np.pad(image, ((reach, reach), (reach, reach), (0, 0)), "reflect")
    height, width = image.shape[:2]
    down = sum(weight * padded[i : i + height] for i, weight in enumerate(weights))
    return sum(weight * down[:, i : i + width] for i, weight in enumerate(weights))


def naive_graham(image: np.ndarray) -> np.ndarray:
    size = len(image)
    made = np.clip(4 * (image - naive_blur(image.astype(float), size / 2 / 30)) + 128, 0, 255)
    made[beyond(size, 0.9)] = 128
    return made


@pytest.mark.parametrize("size", [64, 128, 300])
def test_graham_agrees_with_the_published_formula(size):
    """The factor 4 amplifies OpenCV's rounding of the blur to 2 levels, and the Gaussian is truncated at 3 sigma."""
    apart = np.abs(load_normalisation("graham")(square(size)) - naive_graham(square(size)))
    assert apart.max() <= 6
    assert apart.mean() < 1.2


def test_graham_has_no_edge_where_the_photograph_cuts_the_field_of_view():
    """The published method blurs the photograph itself, which ends at the cut, not a square padded with black."""
    whole = square(300)
    cut = whole.copy()
    cut[:50] = cut[251:] = 0
    made, known = (
        load_normalisation("graham")(cut).astype(int),
        load_normalisation("graham")(whole).astype(int),
    )
    assert (made[:51] == 128).all()
    assert (made[250:] == 128).all()
    shown = ~beyond(300, 0.9)[:, :, None].repeat(3, axis=2)
    near = np.zeros_like(shown)
    near[51:60] = near[241:250] = True
    assert np.abs(made - known)[shown & near].mean() < 12
    edge = np.abs(naive_graham(cut) - known)[shown & near].mean()
    assert edge > 30, "a blur across the cut would show an edge"


def test_graham_looks_alike_at_small_and_large_sizes():
    """The blur's width is proportional to the radius, so sizes differ only in resolution."""
    large, small = (load_normalisation("graham")(square(size)) for size in (480, 160))
    inside = ~beyond(160, 0.85)
    agreement = np.corrcoef(resize(large, 160)[inside].ravel(), small[inside].ravel())[0, 1]
    assert agreement > 0.95


def test_standardised_removes_what_a_camera_does_to_a_channel():
    """Exposure and colour balance are a gain and an offset per channel; the retina stays."""
    photograph = square(240)
    lit = photograph.max(axis=2) > 12
    other = photograph.copy()
    other[lit] = (photograph[lit] * [0.6, 0.8, 0.5] + [40, 10, 30]).astype(np.uint8)
    made, known = (load_normalisation("standardised")(image).astype(int) for image in (other, photograph))
    assert np.abs(made - known)[lit].mean() < 2
    for channel in known[lit].T:
        assert channel.mean() == pytest.approx(128, abs=1.5)
        assert 38 < channel.std() < 50, "bright pixels are clipped"


def naive_clahe(lightness: np.ndarray, clip: float, tiles: int) -> np.ndarray:
    """Equalise by clipped histograms of tiles, with the excess spread over all levels; interpolate between tiles."""
    side = len(lightness) // tiles
    limit = max(int(clip * side * side / 256), 1)
    tables = np.empty((tiles, tiles, 256))
    for row in range(tiles):
        for column in range(tiles):
            tile = lightness[row * side : (row + 1) * side, column * side : (column + 1) * side]
            counts = np.bincount(tile.ravel(), minlength=256)
            excess = np.clip(counts - limit, 0, None).sum()
            counts = np.minimum(counts, limit) + excess / 256
            tables[row, column] = np.cumsum(counts) * 255 / side**2
    positions = (np.arange(len(lightness)) + 0.5) / side - 0.5
    low = np.floor(positions).astype(int)
    share = positions - low
    near, far = np.clip(low, 0, tiles - 1), np.clip(low + 1, 0, tiles - 1)
    at = lambda rows, columns: tables[rows[:, None], columns[None], lightness]  # noqa: E731
    upper = at(near, near) * (1 - share) + at(near, far) * share
    lower = at(far, near) * (1 - share) + at(far, far) * share
    return upper * (1 - share[:, None]) + lower * share[:, None]


def test_clahe_agrees_with_its_definition_on_the_lightness():
    given_square = square(720)
    before, after = (
        cv2.cvtColor(image, cv2.COLOR_RGB2LAB)[..., 0]
        for image in (given_square, load_normalisation("clahe")(given_square))
    )
    apart = np.abs(after - naive_clahe(before, 2.0, 8))[~beyond(720, 0.95)]
    # OpenCV adds the remainder of the excess to the lowest levels, and the conversion to RGB and back rounds.
    assert np.median(apart) <= 3
    assert np.percentile(apart, 95) <= 6
    assert np.median(np.abs(after.astype(int) - before)[~beyond(720, 0.95)]) > 10


def test_clahe_evens_out_illumination_and_keeps_the_hue():
    shaded = (square(240) * np.linspace(0.3, 1, 240)[None, :, None]).astype(np.uint8)
    made = load_normalisation("clahe")(shaded)
    inside = ~beyond(240, 0.9)
    left, right = inside.copy(), inside.copy()
    left[:, 120:] = right[:, :120] = False

    def contrast(image: np.ndarray) -> float:
        return float(image[right].mean() / image[left].mean())

    assert contrast(made) - 1 < 0.8 * (contrast(shaded) - 1)
    hue = [cv2.cvtColor(image, cv2.COLOR_RGB2LAB)[..., 1:].astype(int)[inside] for image in (shaded, made)]
    assert np.abs(hue[0] - hue[1]).mean() < 2

"""Detection of the field of view: off-centre, cut, in poor photographs, and absent."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchmark.images.fov import FieldOfView, crop_to_fov, detect_fov, resize
from benchmark.images.reading import read_rgb
from tests.conftest import ROOT
from tests.factories.photographs import fundus_photograph

APTOS = ROOT / "../shared/data/aptos224/images"
IDRID = ROOT / "../shared/data/idrid/images"
RETINAMNIST = ROOT / "../shared/data/retinamnist/retinamnist.npz"


def error(found: FieldOfView, expected: tuple[float, float, float]) -> float:
    """Return the largest deviation of centre and radius, as a fraction of the radius."""
    return max(abs(np.array([found.cx, found.cy, found.radius]) - expected)) / expected[2]


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(
    width=st.integers(150, 900),
    ratio=st.floats(0.6, 1.0),
    radius=st.floats(0.3, 0.6),
    shift=st.tuples(st.floats(-0.1, 0.1), st.floats(-0.1, 0.1)),
    level=st.floats(15, 250),
    background=st.floats(0, 0.15),
)
def test_off_centre_cut_and_dark_fields_of_view_are_detected(width, ratio, radius, shift, level, background):
    height = round(ratio * width)
    fov = (width * (0.5 + shift[0]), height * (0.5 + shift[1]), radius * min(width, height * 1.2))
    corners = np.hypot(np.array([fov[0], width - fov[0]])[:, None], np.array([fov[1], height - fov[1]])[None])
    assume(corners.min() > 1.05 * fov[2])  # Every corner must have some background.
    rgb = fundus_photograph(width, height, fov, level, background * level)
    assert error(detect_fov(rgb), fov) < 0.03


def test_labels_notches_and_hot_pixels_do_not_affect_the_detection():
    fov = (300.0, 200.0, 170.0)
    rgb = fundus_photograph(600, 400, fov)
    cv2.putText(rgb, "2015-02-17 OD", (5, 30), 0, 0.7, (255, 255, 255), 2)
    cv2.rectangle(rgb, (460, 190), (480, 215), (170, 100, 50), -1)
    rgb[::37, ::41] = 255
    assert error(detect_fov(rgb), fov) < 0.02


def test_a_halo_does_not_affect_the_radius():
    fov = (300.0, 200.0, 170.0)
    wide = fundus_photograph(600, 400, (290.0, 210.0, 195.0), level=18)
    assert error(detect_fov(np.maximum(fundus_photograph(600, 400, fov), wide)), fov) < 0.02


def test_a_field_of_view_cut_within_a_black_frame_has_its_full_circle():
    cut = fundus_photograph(600, 400, (300.0, 200.0, 240.0))
    framed = cv2.copyMakeBorder(cut, 100, 60, 30, 80, cv2.BORDER_CONSTANT)
    assert error(detect_fov(framed), (330.0, 300.0, 240.0)) < 0.02


@pytest.mark.parametrize(
    "rgb",
    [
        np.zeros((300, 400, 3), np.uint8),
        np.full((300, 400, 3), 130, np.uint8),
        np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8),
        np.pad(np.full((100, 250, 3), 200, np.uint8), ((100, 100), (50, 100), (0, 0))),
        fundus_photograph(400, 300, (200, 150, 400)),
    ],
    ids=["black", "flat", "noise", "rectangle", "no border"],
)
def test_without_a_field_of_view_the_whole_photograph_is_kept(rgb):
    assert detect_fov(rgb) == FieldOfView(200.0, 150.0, 200.0)


@pytest.mark.parametrize(("centre", "radius"), [((60, 130), 40), ((250, 130), 55), ((130, 130), 45)])
def test_the_optic_disc_of_a_photograph_without_a_border_is_not_its_field_of_view(centre, radius):
    rgb = np.full((250, 250, 3), (120, 60, 40), np.uint8)
    cv2.circle(rgb, centre, radius, (240, 200, 120), -1, cv2.LINE_AA)
    assert detect_fov(rgb) == FieldOfView(125.0, 125.0, 125.0)


@pytest.mark.parametrize("name", ["2700754f71e9", "4e8585a96739"])
def test_the_optic_disc_of_a_real_retina_without_a_border_is_not_its_field_of_view(name):
    path = APTOS / f"{name}.jpg"
    if not path.exists():
        pytest.skip("APTOS 2019 is not at ../shared/data/aptos224")
    middle = read_rgb(path)[42:181, 42:181].astype(float)
    standardised = (middle - middle.mean((0, 1))) / middle.std((0, 1))
    rgb = np.clip(128 + 40 * standardised, 0, 255).astype(np.uint8)
    assert detect_fov(rgb) == FieldOfView(69.5, 69.5, 69.5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (5, 9)])
@pytest.mark.parametrize("level", [0, 255])
def test_the_smallest_photographs_are_accepted(shape, level):
    rgb = np.full((*shape, 3), level, np.uint8)
    assert crop_to_fov(rgb, detect_fov(rgb), 32).shape == (32, 32, 3)


def test_the_crop_is_the_square_around_the_field_of_view_padded_with_black():
    rgb = np.full((100, 300, 3), 90, np.uint8)
    rgb[50, 150] = 255
    square = crop_to_fov(rgb, FieldOfView(150.5, 50.5, 80.0), 160)
    assert np.argwhere(square[..., 0] == 255).tolist() == [[80, 80]]
    assert (square[:30] == 0).all()
    assert (square[131:] == 0).all()
    assert (square[31:130] >= 90).all()


@settings(deadline=None)
@given(size=st.integers(1, 12), factor=st.integers(1, 6), seed=st.integers(0, 99))
def test_shrinking_by_a_whole_factor_averages_blocks(size, factor, seed):
    square = np.random.default_rng(seed).integers(0, 256, (size * factor, size * factor, 3), dtype=np.uint8)
    blocks = square.reshape(size, factor, size, factor, 3).mean(axis=(1, 3))
    assert np.abs(resize(square, size) - blocks).max() <= 1


@pytest.mark.parametrize("size", [40, 63, 77, 90, 99])
def test_shrinking_does_not_alias(size):
    stripes = np.zeros((100, 100, 3), np.uint8)
    stripes[:, ::2] = 200
    assert np.abs(resize(stripes, size).astype(float).mean() - 100) < 2
    smooth = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8), (0, 0), 3)
    area = cv2.resize(smooth, (size, size), interpolation=cv2.INTER_AREA)
    assert np.abs(resize(smooth, size).astype(int) - area).max() < 4


def test_enlarging_keeps_the_mean_and_the_range():
    square = fundus_photograph(50, 50, (25, 25, 20))
    large = resize(square, 120)
    assert large.shape == (120, 120, 3)
    assert abs(large.mean() - square.mean()) < 1


@pytest.mark.parametrize("side", [16, 28, 63, 64, 100, 128, 300])
@pytest.mark.parametrize("background", [0, 12])
def test_a_square_already_cropped_to_its_field_of_view_is_unchanged(side, background):
    rgb = fundus_photograph(side, side, (side / 2, side / 2, side / 2), background=background)
    assert np.array_equal(crop_to_fov(rgb, detect_fov(rgb), side), rgb)


@pytest.mark.parametrize("side", [16, 28, 63])
@pytest.mark.parametrize("reach", [0.7, 1.2])
def test_a_square_photograph_too_small_for_detection_is_unchanged(side, reach):
    rgb = fundus_photograph(side, side, (side / 2, side / 2, reach * side / 2))
    assert np.array_equal(crop_to_fov(rgb, detect_fov(rgb), side), rgb)


@pytest.mark.parametrize("side", [64, 128, 300])
def test_a_field_of_view_cut_by_a_square_has_its_full_circle(side):
    fov = (side / 2, side / 2, 0.6 * side)
    assert error(detect_fov(fundus_photograph(side, side, fov)), fov) < 0.03


@pytest.mark.parametrize("shift", [(0.0, 0.0), (3.0, -2.0)])
def test_a_square_with_a_margin_around_its_field_of_view_is_cropped(shift):
    fov = (150 + shift[0], 150 + shift[1], 135.0)
    assert error(detect_fov(fundus_photograph(300, 300, fov)), fov) < 0.02


def test_photographs_of_28_pixels_are_kept_whole():
    if not RETINAMNIST.exists():
        pytest.skip("RetinaMNIST is not at ../shared/data/retinamnist")
    with np.load(RETINAMNIST) as archive:
        images = np.concatenate([archive[f"{split}_images"] for split in ("train", "val", "test")])
    assert len(images) == 1600
    assert all(np.array_equal(crop_to_fov(rgb, detect_fov(rgb), 28), rgb) for rgb in images)


def test_all_photographs_of_one_real_camera_have_one_radius():
    files = sorted(IDRID.rglob("*.jpg"))[::20]
    if not files:
        pytest.skip("IDRiD is not at ../shared/data/idrid")
    found = [detect_fov(read_rgb(file)) for file in files]
    radius = np.array([fov.radius for fov in found])
    assert np.abs(radius / np.median(radius) - 1).max() < 0.01
    assert np.ptp([fov.cx for fov in found]) < 0.03 * np.median(radius)

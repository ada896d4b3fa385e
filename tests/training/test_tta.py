"""Test-time views of a trained network: the augmentation depends on seed, image and number of the view alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.data.manifest import read_manifest
from benchmark.settings.training import Train
from benchmark.training.affine import COLOUR_AXES, COLOUR_VARIANCES, N_AFFINE_DRAWS, augment_affine
from benchmark.training.augment import Normalisation, normalise
from benchmark.training.batches import load_split
from benchmark.training.device import open_fabric
from benchmark.training.predict import outputs_from_raw, split_raw_outputs
from benchmark.training.tta import predict_tta
from models.settings import Model
from models.system_network import build_system_network
from models.system_settings import AffineAugment
from tests.factories.systems import make_eyes

CHANGES = AffineAugment(flip=True, rotate=30.0, shift=0.1)


@pytest.fixture(scope="module")
def eyes(tmp_path_factory):
    root = tmp_path_factory.mktemp("eyes")
    make_eyes(root)
    return load_split("val", "plain/small", read_manifest(root / "data/manifest.csv"), root / "data/packs")


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    made = build_system_network("min_pooling/net_1", Model(backbone="-"), 2, 0.25, {"prob": "softmax"})
    return made.to(memory_format=torch.channels_last)


@pytest.fixture(scope="module")
def fabric():
    return open_fabric(Train(epochs=1, batch_size=8, lr=0.1, device="cpu", precision="32-true"))


def same(a, b, rows=slice(None)):
    return all(np.allclose(a[name][rows], b[name], atol=1e-6) for name in b)


def test_an_images_views_do_not_depend_on_its_batch(eyes, network, fabric):
    found = predict_tta(network, eyes, fabric, 0, 3, CHANGES)
    assert {name: value.shape for name, value in found.items()} == {"prob": (32, 5), "prob_sd": (32, 5)}
    assert same(found, predict_tta(network, eyes, fabric, 0, 3, CHANGES, batch_size=5))
    few = eyes.select({eyes.rows[3].image_id, eyes.rows[20].image_id})
    assert same(found, predict_tta(network, few, fabric, 0, 3, CHANGES), [3, 20])


def test_equal_seeds_give_equal_bytes_and_other_seeds_others(eyes, network, fabric):
    first, again, other = (predict_tta(network, eyes, fabric, seed, 2, CHANGES) for seed in (0, 0, 1))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.allclose(first["prob"], other["prob"])


def test_more_views_begin_with_those_of_fewer(eyes, network, fabric):
    """The mean and the standard deviation of two views must agree with the first view."""
    one, two = (predict_tta(network, eyes, fabric, 0, count, CHANGES)["prob"] for count in (1, 2))
    spread = predict_tta(network, eyes, fabric, 0, 2, CHANGES)["prob_sd"]
    second = 2 * two - one
    assert np.allclose(np.abs(one - second) / 2**0.5, spread, atol=1e-6)
    assert spread.max() > 1e-4


def test_the_networks_noise_differs_between_views_and_images(eyes, network, fabric):
    """Only the windows of the fractional poolings change."""
    found = predict_tta(network, eyes, fabric, 0, 4, AffineAugment(flip=False))
    assert found["prob_sd"].max() > 0
    middle = predict_tta(network, eyes, fabric, 0, 0, AffineAugment(flip=False))
    assert "prob_sd" not in middle
    assert not np.allclose(found["prob"], middle["prob"])


def test_zero_views_give_the_predictions_of_the_run_itself(eyes, network, fabric):
    ordinary = outputs_from_raw(network, split_raw_outputs(network, eyes, fabric))
    assert np.array_equal(predict_tta(network, eyes, fabric, 0, 0, CHANGES)["prob"], ordinary["prob"])


def test_the_output_of_a_named_layer_is_stored_flat(eyes, network, fabric):
    found = predict_tta(network, eyes, fabric, 0, 2, CHANGES, layer="backbone.body")
    assert found["features"].shape == found["features_sd"].shape == (32, 40)
    as_it_is = predict_tta(network, eyes, fabric, 0, 0, CHANGES, layer="backbone.body")
    with torch.no_grad():
        prob = network.heads["prob"](torch.from_numpy(as_it_is["features"])).softmax(1)
    assert np.allclose(prob, as_it_is["prob"], atol=1e-6)
    assert not network.backbone.body._forward_hooks
    set_up = fabric.setup_module(network)
    assert np.array_equal(
        predict_tta(set_up, eyes, fabric, 0, 2, CHANGES, layer="backbone.body")["features"], found["features"]
    )


PLAIN = Normalisation(torch.zeros(3), torch.ones(3))


def images(n=3, side=8, seed=0):
    return torch.randint(0, 256, (n, side, side, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def test_settings_without_effect_return_the_image():
    draws = torch.full((3, N_AFFINE_DRAWS), 0.9)
    assert torch.equal(augment_affine(images(), draws, AffineAugment(), PLAIN, 0), normalise(images(), PLAIN))


def test_flips_are_exact_and_drawn_per_image():
    draws = torch.full((3, N_AFFINE_DRAWS), 0.9)
    draws[1, 0], draws[2, 1] = 0.1, 0.1
    found = augment_affine(images(), draws, AffineAugment(), PLAIN, 0)
    as_is = normalise(images(), PLAIN)
    assert torch.equal(found[0], as_is[0])
    assert torch.equal(found[1], as_is[1].flip(2))
    assert torch.equal(found[2], as_is[2].flip(1))


def test_a_half_turn_equals_both_flips():
    draws = torch.full((3, N_AFFINE_DRAWS), 0.5)
    draws[:, 2] = 1.0
    found = augment_affine(images(), draws, AffineAugment(flip=False, rotate=180.0), PLAIN, 0)
    assert torch.allclose(found, normalise(images(), PLAIN).flip(2, 3), atol=1e-4)


def test_pixels_moved_in_from_outside_are_background():
    draws = torch.full((1, N_AFFINE_DRAWS), 0.5)
    draws[:, 5] = 1.0
    found = augment_affine(images(1), draws, AffineAugment(flip=False, shift=0.5), PLAIN, 128)
    assert torch.allclose(found[..., 4:], torch.tensor(128 / 255))
    assert torch.allclose(found[..., :4], normalise(images(1), PLAIN)[..., 4:], atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(stretch=st.floats(0, 0.5), skew=st.floats(0, 0.5), seed=st.integers(0, 9))
def test_augmented_pixels_stay_within_the_range_of_image_and_background(stretch, skew, seed):
    draws = torch.rand(3, N_AFFINE_DRAWS, generator=torch.Generator().manual_seed(seed))
    found = augment_affine(
        images(), draws, AffineAugment(rotate=180.0, stretch=stretch, skew=skew, shift=0.2), PLAIN, 128
    )
    assert found.shape == (3, 3, 8, 8)
    assert found.min() >= -1e-5
    assert found.max() <= 1 + 1e-5


def test_stretching_lengthens_one_axis_and_shortens_the_other():
    """A bar that covers a quarter of the side covers three eighths after stretching by a half."""
    bar = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    bar[:, 24:40, 24:40] = 255
    draws = torch.full((1, N_AFFINE_DRAWS), 0.5)
    draws[:, 3] = 1.0
    found = augment_affine(bar, draws, AffineAugment(flip=False, stretch=0.5), PLAIN, 0)[0, 0] > 0.5
    assert found.any(0).sum() == pytest.approx(24, abs=1)
    assert found.any(1).sum() == pytest.approx(8, abs=1)


def test_each_axis_has_its_own_zoom_factor():
    """At the ends of the draws, one axis is scaled by 1.5 and the other by 1 / 1.5."""
    bar = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    bar[:, 20:44, 20:44] = 255
    draws = torch.full((1, N_AFFINE_DRAWS), 0.5)
    draws[:, 7], draws[:, 8] = 1.0, 0.0
    found = augment_affine(bar, draws, AffineAugment(flip=False, zoom=0.5), PLAIN, 0)[0, 0] > 0.5
    assert found.any(0).sum() == pytest.approx(36, abs=1)
    assert found.any(1).sum() == pytest.approx(16, abs=1)


def test_nearest_neighbour_sampling_makes_no_new_values():
    draws = torch.rand(3, N_AFFINE_DRAWS, generator=torch.Generator().manual_seed(0))
    found = augment_affine(images(), draws, AffineAugment(rotate=180.0, shift=0.2, nearest=True), PLAIN, 128)
    levels = (found * 255).round()
    assert torch.allclose(levels, found * 255, atol=1e-3)
    for pixels, image in zip(levels, images(), strict=True):
        there = {tuple(pixel) for pixel in image.reshape(-1, 3).tolist()} | {(128, 128, 128)}
        assert {tuple(pixel) for pixel in pixels.permute(1, 2, 0).reshape(-1, 3).tolist()} <= there


def test_colours_shift_by_a_normal_draw_along_each_principal_axis():
    draws = torch.rand(4000, N_AFFINE_DRAWS, generator=torch.Generator().manual_seed(0))
    pixels = torch.zeros(4000, 2, 2, 3, dtype=torch.uint8)
    found = augment_affine(pixels, draws, AffineAugment(flip=False, colour=0.5), PLAIN, 0)
    assert torch.equal(found, found[:, :, :1, :1].expand(-1, -1, 2, 2))
    along = found[:, :, 0, 0] @ torch.tensor(COLOUR_AXES).T
    assert torch.allclose(along.std(0), 0.5 * torch.tensor(COLOUR_VARIANCES), rtol=0.05)
    assert (along.mean(0).abs() < 0.05 * torch.tensor(COLOUR_VARIANCES)).all()
    assert torch.corrcoef(along.T)[0, 1:].abs().max() < 0.05
    # 68.3 % of normal draws are within one standard deviation.
    assert ((along / along.std(0)).abs() < 1).float().mean() == pytest.approx(0.683, abs=0.015)

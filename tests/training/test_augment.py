"""Augmentation compared with slow, obvious references."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import affine_grid, grid_sample

from benchmark.settings.training import Augment
from benchmark.training.augment import N_DRAWS, Normalisation, augment, normalise

NORM = Normalisation(torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.2, 0.3, 0.4]))
OFF = Augment(flip=False, rotate=0, scale=0, brightness=0, contrast=0, colour=0)


def images(n=3, side=9, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, side, side, 3), dtype=torch.uint8, generator=generator)


def draw(**at):
    """Return draws that change nothing, except the given ones (``d0`` is the first)."""
    row = torch.full((N_DRAWS,), 0.5)
    row[2:4] = 0.9
    for place, value in at.items():
        row[int(place[1:])] = value
    return row.repeat(3, 1)


def test_normalise_subtracts_the_mean_and_divides_by_the_std():
    x = images()
    want = (x.numpy() / 255 - NORM.mean.numpy()) / NORM.std.numpy()
    assert np.allclose(normalise(x, NORM).permute(0, 2, 3, 1).numpy(), want, atol=1e-5)


def test_with_every_change_off_augment_only_normalises():
    x = images()
    assert torch.allclose(augment(x, torch.rand(3, N_DRAWS), OFF, NORM), normalise(x, NORM), atol=1e-5)


def test_draws_of_one_half_change_nothing():
    x = images()
    assert torch.allclose(augment(x, draw(), Augment(), NORM), normalise(x, NORM), atol=1e-4)


@pytest.mark.parametrize(("place", "axis"), [("d2", 3), ("d3", 2)])
def test_a_flip_mirrors_exactly(place, axis):
    x = images()
    got = augment(x, draw(**{place: 0.1}), OFF.model_copy(update={"flip": True}), NORM)
    assert torch.allclose(got, normalise(x, NORM).flip(axis), atol=1e-4)


def test_a_quarter_turn_is_exact():
    x = images()
    got = augment(x, draw(d0=0.75), OFF.model_copy(update={"rotate": 180.0}), NORM)
    assert torch.allclose(got, normalise(x, NORM).rot90(1, (2, 3)), atol=1e-3)


def test_rotation_and_zoom_match_torchs_affine_grid():
    x, angle, zoom = images(), 0.3, 1.05
    settings = OFF.model_copy(update={"rotate": 180.0, "scale": 0.1})
    uniform = draw(d0=(angle / np.pi + 1) / 2, d1=0.75)
    theta = torch.tensor([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0]], dtype=torch.float32)
    grid = affine_grid((theta / zoom).repeat(3, 1, 1), [3, 3, 9, 9], align_corners=False)
    turned = grid_sample(x.permute(0, 3, 1, 2).float(), grid, align_corners=False)
    want = (turned / 255 - NORM.mean.view(3, 1, 1)) / NORM.std.view(3, 1, 1)
    assert torch.allclose(augment(x, uniform, settings, NORM), want, atol=1e-3)


def test_colour_changes_multiply_gain_and_contrast_around_the_mean():
    x = images()
    settings = OFF.model_copy(update={"brightness": 0.2, "contrast": 0.3, "colour": 0.1})
    uniform = draw(d4=1.0, d5=0.0, d6=0.0, d7=0.5, d8=1.0)
    values = x.numpy() / 255
    grey = values.mean(axis=(1, 2, 3), keepdims=True)
    gain = 1 + 0.2 + 0.1 * np.array([-1, 0, 1])
    want = (gain * ((1 - 0.3) * (values - grey) + grey) - NORM.mean.numpy()) / NORM.std.numpy()
    assert np.allclose(augment(x, uniform, settings, NORM).permute(0, 2, 3, 1).numpy(), want, atol=1e-4)


def test_pixels_rotated_in_from_outside_are_black():
    x = torch.full((3, 9, 9, 3), 255, dtype=torch.uint8)
    got = augment(x, draw(d0=0.625), OFF.model_copy(update={"rotate": 180.0}), NORM)
    black = -NORM.mean / NORM.std
    assert torch.allclose(got[:, :, 0, 0], black.expand(3, 3), atol=1e-4)


def test_pixels_rotated_in_from_outside_have_the_background_value():
    x = torch.full((3, 9, 9, 3), 128, dtype=torch.uint8)
    x[:, 3:6, 3:6] = 255
    turned = OFF.model_copy(update={"rotate": 180.0})
    got = augment(x, draw(d0=0.625), turned, NORM, background=128)
    grey = (128 / 255 - NORM.mean) / NORM.std
    assert torch.allclose(got[:, :, 0, 0], grey.expand(3, 3), atol=1e-4)
    assert torch.allclose(got[:, :, 4, 4], ((1 - NORM.mean) / NORM.std).expand(3, 3), atol=1e-4)
    quarter = [augment(x, draw(d0=0.75), turned, NORM, background=level) for level in (0, 128)]
    assert torch.allclose(*quarter, atol=1e-3)


def test_the_result_is_channels_last():
    for x in (augment(images(), draw(), Augment(), NORM), normalise(images(), NORM)):
        assert x.is_contiguous(memory_format=torch.channels_last)

"""Normalisation and augmentation of batches of images, on the device."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from benchmark.settings.training import Augment

N_DRAWS = 9
"""Uniform numbers per image."""


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Mean and standard deviation of each channel of RGB in 0-1; each of shape (3,), on the device."""

    mean: Tensor
    std: Tensor


def normalise(images: Tensor, normalisation: Normalisation) -> Tensor:
    """Return (x / 255 - mean) / std of bytes (n, s, s, 3) as float32 (n, 3, s, s), channels last."""
    factor = 1 / (255 * normalisation.std)
    offset = -normalisation.mean / normalisation.std
    return _scale_and_shift(_planar(images), _per_channel(factor), _per_channel(offset))


def augment(
    images: Tensor, draws: Tensor, settings: Augment, normalisation: Normalisation, background: int = 0
) -> Tensor:
    """Flip, rotate, zoom and recolour each image by its own draws, then normalise.

    Args:
        images: bytes, shape (n, s, s, 3).
        draws: uniform numbers in [0, 1), shape (n, N_DRAWS).
        settings: ranges of the augmentations.
        normalisation: see :func:`normalise`.
        background: pixel value 0-255 outside the image.

    Returns:
        float32, shape (n, 3, s, s), channels last.
    """
    if settings.flip:
        images = _flip(images, draws[:, 2:4] < 0.5)
    x = _planar(images)
    if settings.rotate or settings.scale:
        grid = _sampling_grid(_affine(draws[:, :2], settings), x.shape[-1])
        # grid_sample pads with zeros, so the background is zero while it runs.
        x = grid_sample(x - background, grid, mode="bilinear", padding_mode="zeros", align_corners=False) + background
        x = x.contiguous(memory_format=torch.channels_last)
    symmetric = draws * 2 - 1
    gain = 1 + settings.brightness * symmetric[:, 4:5] + settings.colour * symmetric[:, 6:9]
    contrast = 1 + settings.contrast * symmetric[:, 5:6]
    grey = x.mean(dim=(1, 2, 3))[:, None]
    # gain * (contrast * (x - grey) + grey), normalised, as one scale and one shift per image and channel.
    factor = gain * contrast / (255 * normalisation.std)
    offset = (gain * grey * (1 - contrast) / 255 - normalisation.mean) / normalisation.std
    return _scale_and_shift(x, _per_channel(factor), _per_channel(offset))


def _planar(images: Tensor) -> Tensor:
    """Convert bytes (n, s, s, 3) to float (n, 3, s, s) in channels-last memory."""
    return images.permute(0, 3, 1, 2).to(torch.float32)


def _per_channel(values: Tensor) -> Tensor:
    return values.reshape(-1, 3, 1, 1)


def _scale_and_shift(x: Tensor, factor: Tensor, offset: Tensor) -> Tensor:
    return torch.addcmul(offset, x, factor)


def _flip(images: Tensor, flips: Tensor) -> Tensor:
    """Flip bytes (n, s, s, 3) left-right and up-down where the columns of ``flips`` (n, 2) are true."""
    for axis in (0, 1):
        images = torch.where(flips[:, axis, None, None, None], images.flip(2 - axis), images)
    return images


def _affine(draws: Tensor, settings: Augment) -> Tensor:
    """Return the matrices from output to input coordinates in -1..1, shape (n, 2, 2), from draws (n, 2)."""
    angle = (draws[:, 0] * 2 - 1) * math.radians(settings.rotate)
    zoom = 1 / (1 + settings.scale * (draws[:, 1] * 2 - 1))
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    return torch.stack((torch.stack((cos, -sin), 1), torch.stack((sin, cos), 1)), 1)


def _sampling_grid(affine: Tensor, side: int) -> Tensor:
    """Return the input coordinates of every output pixel, shape (n, side, side, 2).

    Two broadcast products are four times as fast on CPUs as the matrix product of torch's ``affine_grid``.
    """
    centres = (torch.arange(side, device=affine.device, dtype=affine.dtype) * 2 + 1) / side - 1
    across = centres.view(1, 1, side, 1) * affine[:, None, None, :, 0]
    down = centres.view(1, side, 1, 1) * affine[:, None, None, :, 1]
    return across + down

"""Affine and colour augmentation of the compared systems: flip, rotation, stretch, shear, shift, zoom and colour."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from benchmark.training.augment import Normalisation, normalise
from models.system_settings import AffineAugment

N_AFFINE_DRAWS = 15
"""Uniform numbers per image."""
COLOUR_AXES = (
    (-0.56543481, -0.5989477, -0.56694071),
    (0.71983482, -0.02304967, -0.6935729),
    (0.40240142, -0.80036049, 0.44423429),
)
"""Principal axes of EyePACS' standardised red, green and blue (Antony and Brueggemann 2015)."""
COLOUR_VARIANCES = (1.65513492, 0.48450358, 0.1565086)
"""Variance along each axis."""


def augment_affine(
    images: Tensor, draws: Tensor, settings: AffineAugment, normalisation: Normalisation, background: int
) -> Tensor:
    """Augment each image by its own draws, then normalise.

    Args:
        images: bytes, shape (n, s, s, 3).
        draws: uniform numbers in [0, 1), shape (n, N_AFFINE_DRAWS).
        settings: ranges of the augmentations.
        normalisation: see :func:`benchmark.training.augment.normalise`.
        background: pixel value 0-255 outside the image.

    Returns:
        float32, shape (n, 3, s, s), channels last.
    """
    if settings.flip:
        # Flips move whole pixels, so images that are only flipped are not interpolated.
        for axis in (0, 1):
            images = torch.where((draws[:, axis] < 0.5)[:, None, None, None], images.flip(2 - axis), images)
    if settings.rotate or settings.stretch or settings.skew or settings.shift or settings.zoom:
        # grid_sample pads with zeros, so the background is zero while it runs.
        planes = images.permute(0, 3, 1, 2).float() - background
        mode = "nearest" if settings.nearest else "bilinear"
        grid = _sampling_grid(draws, settings, planes.shape[-1])
        sampled = grid_sample(planes, grid, mode=mode, align_corners=False) + background
        mean, std = (value.reshape(1, 3, 1, 1) for value in (normalisation.mean, normalisation.std))
        augmented = ((sampled / 255 - mean) / std).contiguous(memory_format=torch.channels_last)
    else:
        augmented = normalise(images, normalisation)
    return augmented + _colour_shift(draws, settings.colour)[:, :, None, None] if settings.colour else augmented


def _colour_shift(draws: Tensor, deviation: float) -> Tensor:
    """Return the shift of each image's normalised red, green and blue, shape (n, 3)."""
    # Box-Muller: two uniform numbers give one normal number; 1 - u is never 0.
    radius, cosine = (-2 * torch.log(1 - draws[:, 9:12])).sqrt(), torch.cos(2 * math.pi * draws[:, 12:15])
    along = deviation * radius * cosine * draws.new_tensor(COLOUR_VARIANCES)
    first, second, third = (along[:, axis, None] * draws.new_tensor(COLOUR_AXES[axis]) for axis in range(3))
    return first + second + third


def _sampling_grid(draws: Tensor, settings: AffineAugment, side: int) -> Tensor:
    """Return the input coordinates in -1..1 of every output pixel, shape (n, side, side, 2)."""
    symmetric = draws * 2 - 1
    angle = symmetric[:, 2] * math.radians(settings.rotate)
    stretch = symmetric[:, 3] * settings.stretch
    zoom = torch.exp(symmetric[:, 7:9] * math.log1p(settings.zoom))
    width, height = (1 + stretch) * zoom[:, 0], (1 - stretch) * zoom[:, 1]
    shear = torch.tan(symmetric[:, 4] * settings.skew)
    shift = symmetric[:, 5:7] * settings.shift * 2
    cos, sin = torch.cos(angle), torch.sin(angle)
    # Rotation, then shear, then stretch and zoom of each axis.
    across = torch.stack((cos / width, (shear * cos - sin) / height), 1)
    down = torch.stack((sin / width, (shear * sin + cos) / height), 1)
    centres = (torch.arange(side, device=draws.device, dtype=draws.dtype) * 2 + 1) / side - 1
    x = across[:, 0, None, None] * centres + across[:, 1, None, None] * centres[:, None] + shift[:, 0, None, None]
    y = down[:, 0, None, None] * centres + down[:, 1, None, None] * centres[:, None] + shift[:, 1, None, None]
    return torch.stack((x, y), 3)

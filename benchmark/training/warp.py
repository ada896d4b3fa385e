"""Random changes of a system's images: mirrored, turned, stretched, skewed and moved, on the device."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from benchmark.training.augment import Normalisation, normalise
from models.systems.settings import Warp

DRAWS = 7
"""Uniform numbers that one image's changes take."""


def warp(images: Tensor, draws: Tensor, changes: Warp, normalisation: Normalisation, background: int) -> Tensor:
    """Change each image by its own draws, then normalise.

    Args:
        images: bytes, shape (n, s, s, 3).
        draws: uniform numbers in [0, 1), shape (n, DRAWS).
        changes: ranges of each change.
        normalisation: as in :func:`benchmark.training.augment.normalise`.
        background: level 0-255 of what comes in from outside.

    Returns:
        float32, shape (n, 3, s, s), channels last.
    """
    if changes.flip:
        # Whole pixels change places, so that none is resampled where nothing else is asked for.
        for axis in (0, 1):
            images = torch.where((draws[:, axis] < 0.5)[:, None, None, None], images.flip(2 - axis), images)
    if not (changes.rotate or changes.stretch or changes.skew or changes.shift):
        return normalise(images, normalisation)
    # Padded with zeros, so the background is made zero meanwhile.
    planes = images.permute(0, 3, 1, 2).float() - background
    sampled = grid_sample(planes, _grid(draws, changes, planes.shape[-1]), align_corners=False) + background
    mean, std = (value.reshape(1, 3, 1, 1) for value in (normalisation.mean, normalisation.std))
    shown = (sampled / 255 - mean) / std
    return shown.contiguous(memory_format=torch.channels_last)


def _grid(draws: Tensor, changes: Warp, side: int) -> Tensor:
    """Where in an image, in -1..1, every output pixel is taken from: shape (n, side, side, 2)."""
    symmetric = draws * 2 - 1
    angle = symmetric[:, 2] * math.radians(changes.rotate)
    longer = 1 + symmetric[:, 3] * changes.stretch
    lean = torch.tan(symmetric[:, 4] * changes.skew)
    moved = symmetric[:, 5:7] * changes.shift * 2
    cos, sin = torch.cos(angle), torch.sin(angle)
    # Turned, then leant, then stretched along one axis as much as the other shrinks.
    across = torch.stack((cos / longer, (lean * cos - sin) / (2 - longer)), 1)
    down = torch.stack((sin / longer, (lean * sin + cos) / (2 - longer)), 1)
    centres = (torch.arange(side, device=draws.device, dtype=draws.dtype) * 2 + 1) / side - 1
    x = across[:, 0, None, None] * centres + across[:, 1, None, None] * centres[:, None] + moved[:, 0, None, None]
    y = down[:, 0, None, None] * centres + down[:, 1, None, None] * centres[:, None] + moved[:, 1, None, None]
    return torch.stack((x, y), 3)

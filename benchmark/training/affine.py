"""Random changes of a system's images: mirrored, turned, stretched, skewed, moved and recoloured, on the device."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from benchmark.training.augment import Normalisation, normalise
from models.system_settings import AffineAugment

DRAWS = 15
"""Uniform numbers that one image's changes take."""
AXES = (
    (-0.56543481, -0.5989477, -0.56694071),
    (0.71983482, -0.02304967, -0.6935729),
    (0.40240142, -0.80036049, 0.44423429),
)
"""Principal axes of EyePACS' standardised red, green and blue (Antony and Brueggemann 2015)."""
VARIANCES = (1.65513492, 0.48450358, 0.1565086)
"""Along each of them."""


def augment_affine(
    images: Tensor, draws: Tensor, changes: AffineAugment, normalisation: Normalisation, background: int
) -> Tensor:
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
    if changes.rotate or changes.stretch or changes.skew or changes.shift or changes.zoom:
        # Padded with zeros, so the background is made zero meanwhile.
        planes = images.permute(0, 3, 1, 2).float() - background
        mode = "nearest" if changes.nearest else "bilinear"
        grid = _grid(draws, changes, planes.shape[-1])
        sampled = grid_sample(planes, grid, mode=mode, align_corners=False) + background
        mean, std = (value.reshape(1, 3, 1, 1) for value in (normalisation.mean, normalisation.std))
        shown = ((sampled / 255 - mean) / std).contiguous(memory_format=torch.channels_last)
    else:
        shown = normalise(images, normalisation)
    return shown + _recoloured(draws, changes.colour)[:, :, None, None] if changes.colour else shown


def _recoloured(draws: Tensor, deviation: float) -> Tensor:
    """What is added to each image's normalised red, green and blue, shape (n, 3)."""
    # Two uniform numbers make a normal one (Box and Muller); 1 - u is never 0.
    distance, turn = (-2 * torch.log(1 - draws[:, 9:12])).sqrt(), torch.cos(2 * math.pi * draws[:, 12:15])
    along = deviation * distance * turn * draws.new_tensor(VARIANCES)
    first, second, third = (along[:, axis, None] * draws.new_tensor(AXES[axis]) for axis in range(3))
    return first + second + third


def _grid(draws: Tensor, changes: AffineAugment, side: int) -> Tensor:
    """Where in an image, in -1..1, every output pixel is taken from: shape (n, side, side, 2)."""
    symmetric = draws * 2 - 1
    angle = symmetric[:, 2] * math.radians(changes.rotate)
    longer = symmetric[:, 3] * changes.stretch
    zoom = torch.exp(symmetric[:, 7:9] * math.log1p(changes.zoom))
    width, height = (1 + longer) * zoom[:, 0], (1 - longer) * zoom[:, 1]
    lean = torch.tan(symmetric[:, 4] * changes.skew)
    moved = symmetric[:, 5:7] * changes.shift * 2
    cos, sin = torch.cos(angle), torch.sin(angle)
    # Turned, then leant, then stretched along one axis as much as the other shrinks, and each by its own zoom.
    across = torch.stack((cos / width, (lean * cos - sin) / height), 1)
    down = torch.stack((sin / width, (lean * sin + cos) / height), 1)
    centres = (torch.arange(side, device=draws.device, dtype=draws.dtype) * 2 + 1) / side - 1
    x = across[:, 0, None, None] * centres + across[:, 1, None, None] * centres[:, None] + moved[:, 0, None, None]
    y = down[:, 0, None, None] * centres + down[:, 1, None, None] * centres[:, None] + moved[:, 1, None, None]
    return torch.stack((x, y), 3)

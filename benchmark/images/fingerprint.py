"""What a photograph shows at a glance: whether there is anything to see, and its vessels in a thousand bytes.

All fundus photographs look alike: a bright disc on black that darkens towards its rim. A hash of the plain picture
mostly tells this, so strangers come out as duplicates. What tells eyes apart are vessels and the optic disc, so the
fingerprint is the disc without its slow shading and its rim. It is drawn in rings around the disc's centre: a picture
that is turned by any angle has the same rings, shifted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from benchmark.common.code import code_sha256
from benchmark.images.fov import FieldOfView, crop_to_fov, try_detect_fov
from benchmark.images.reading import LIBRARIES, UnreadableImage, read_rgb, read_size

RECIPE = code_sha256("benchmark/images/fingerprint.py", libraries=LIBRARIES)
"""Identity of what a fingerprint is; with another, all are made again."""
RINGS, ANGLES = 16, 64
"""Shape of a fingerprint's sketch: distances from the disc's centre, and directions clockwise from the right."""

_DECODED = 256
_SQUARE = 96
_SHADING = 3.5
"""Standard deviation, in pixels of the square, of the blur that is taken for shading."""
_RIM, _TAPER = 0.95, 0.8
"""Shares of the disc's radius: what lies beyond the first is not looked at, and what lies within the second fully."""
_UNLIT = 12
"""Levels of 0-255 up to which a pixel shows no retina."""
_INNER, _OUTER = 0.12, 0.9
"""Shares of the disc's radius between which the rings lie."""
_FINER = (2, 4)
"""Samples per ring and per direction of a sketch."""
_SPREAD = 64
"""Value as stored of the standard deviation, at which values are cut: an optic disc shall not outweigh all vessels."""
_FLAT = 0.5
"""Levels of 0-255: a sketch whose values spread less shows nothing but noise."""

Sketch = npt.NDArray[np.int8]
"""Vessels, shape (RINGS, ANGLES), of mean about 0; all 0 where there is nothing to see."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is known of a photograph's pixels.

    Attributes:
        width: pixels as stored, 0 where the header cannot be read.
        height: as width.
        reason: why it cannot be read; empty where it can, and the rest means nothing where it cannot.
        level: of 0-255; 99 of 100 pixels of its disc's square, or of all, are no brighter in their brightest channel.
        disc: whether a round disc stands out from a background.
        warm: share of its lit pixels that are redder than blue by a tenth and more.
        sketch: its vessels.
    """

    width: int
    height: int
    reason: str
    level: float
    disc: bool
    warm: float
    sketch: Sketch


def fingerprint(data: bytes) -> Fingerprint:
    """Describe a photograph from the bytes of its file, decoded at the smallest scale that will do."""
    width, height = read_size(data)
    try:
        rgb = read_rgb(data, min_side=_DECODED)
    except UnreadableImage as error:
        return Fingerprint(width, height, str(error), 0.0, False, 0.0, np.zeros((RINGS, ANGLES), np.int8))
    disc = try_detect_fov(rgb)
    square = crop_to_fov(rgb, disc or _whole(rgb), _SQUARE)
    # Where no disc stands out, the square is filled up with black, which is nothing that the photograph shows.
    shown = square if disc else rgb
    level = float(np.percentile(shown.max(axis=2), 99))
    return Fingerprint(width, height, "", level, disc is not None, _warm(shown), sketch(square))


def sketch(square: npt.NDArray[np.uint8]) -> Sketch:
    """Vessels of a disc's square, shape (_SQUARE, _SQUARE, 3): green without its shading, fading out at the rim."""
    green = square[..., 1].astype(np.float32)
    seen = cv2.erode((square.max(axis=2) > _UNLIT).astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0)
    inside, taper = _disc_masks()
    mask = inside * seen
    weight = cv2.GaussianBlur(mask, (0, 0), _SHADING)
    shading = cv2.GaussianBlur(green * mask, (0, 0), _SHADING) / np.maximum(weight, 1e-3)
    vessels = cv2.GaussianBlur((green - shading) * mask * taper, (0, 0), 1.0)
    across, down, weights = _rings()
    rings = cv2.remap(vessels, across, down, cv2.INTER_LINEAR) * weights
    small = cv2.resize(rings, (ANGLES, RINGS), interpolation=cv2.INTER_AREA)
    small = small - small.mean()
    spread = float(small.std())
    if spread < _FLAT:
        return np.zeros((RINGS, ANGLES), np.int8)
    cut = np.clip(small / spread, -1, 1)
    return np.asarray(np.clip(np.rint((cut - cut.mean()) * _SPREAD), -127, 127), np.int8)


@cache
def _rings() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Where the square is sampled, in pixels, and a ring's weight: it grows with the ring's length."""
    finer, denser = _FINER
    radius = np.linspace(_INNER, _OUTER, RINGS * finer)[:, None]
    # The middle of each direction's samples lies in that direction.
    angle = (np.arange(ANGLES * denser) - (denser - 1) / 2) * (2 * np.pi / (ANGLES * denser))
    across, down = ((_SQUARE / 2) * (1 + radius * turn) - 0.5 for turn in (np.cos(angle)[None], np.sin(angle)[None]))
    return across.astype(np.float32), down.astype(np.float32), np.sqrt(radius / _OUTER).astype(np.float32)


@cache
def _disc_masks() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """1 inside the rim; and 1 falling to 0 towards the rim."""
    axis = (np.arange(_SQUARE) + 0.5) / (_SQUARE / 2) - 1
    radius = np.hypot(axis[:, None], axis[None])
    taper = np.clip((_RIM - radius) / (_RIM - _TAPER), 0, 1)
    return (radius < _RIM).astype(np.float32), taper.astype(np.float32)


def _warm(square: npt.NDArray[np.uint8]) -> float:
    red, blue = square[..., 0].astype(np.float32), square[..., 2].astype(np.float32)
    lit = square.max(axis=2) > _UNLIT
    return float((blue[lit] <= 0.9 * red[lit]).mean()) if lit.any() else 0.0


def _whole(rgb: npt.NDArray[np.uint8]) -> FieldOfView:
    height, width = rgb.shape[:2]
    return FieldOfView(width / 2, height / 2, max(height, width) / 2)

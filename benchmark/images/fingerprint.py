"""Properties of a photograph: whether it is a fundus, a descriptor of its vessels, and features that show no lesion.

All fundus photographs look alike: a bright circle on black that darkens towards its rim. A hash of the whole picture
mostly encodes this, so it would report unrelated eyes as duplicates. Vessels and the optic disc distinguish eyes, so
the descriptor is computed from the field of view without its smooth shading and its rim. It is sampled on rings around
the centre, so a rotation of the picture only shifts the rings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from benchmark.images.fov import crop_to_fov, try_detect_fov, whole_photograph
from benchmark.images.fundus import Judgement, judge_fundus
from benchmark.images.plain import plain_photograph
from benchmark.images.reading import UnreadableImage, read_rgb, read_size
from benchmark.images.shortcut_features import COLOUR, FILE, FRAME, Features, file_features, picture_features

RINGS, ANGLES = 16, 64
"""Shape of a descriptor: distances from the centre, and directions clockwise from the right."""

N_FEATURES = len(FRAME) + len(COLOUR) + len(FILE)

_DECODED = 256
_SQUARE = 96
_SHADING = 3.5
"""Standard deviation of the blur that estimates shading, in pixels of the square."""
_RIM, _TAPER = 0.95, 0.8
"""Fractions of the radius: pixels beyond the first are ignored, and those within the second have full weight."""
_UNLIT = 12
"""Brightness, 0-255, up to which a pixel shows no retina."""
_INNER, _OUTER = 0.12, 0.9
"""Radii of the first and last ring, as fractions of the radius."""
_OVERSAMPLING = (2, 4)
"""Samples per ring and per angle of a descriptor."""
_SPREAD = 64
"""Stored value of one standard deviation, at which values are clipped: an optic disc must not outweigh all vessels."""
_FLAT = 0.5
"""Standard deviation, in grey levels, below which a descriptor shows only noise."""

Descriptor = npt.NDArray[np.int8]
"""Vessels, shape (RINGS, ANGLES), of mean about 0; all 0 if nothing is visible."""


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """Properties of a photograph. If it cannot be read, only the first three fields have a meaning."""

    width: int
    """Stored width in pixels; 0 if the header cannot be read."""
    height: int
    error: str
    """Reason why it cannot be read; empty if it can."""
    brightness: float
    """99th percentile of the brightest channel, 0-255, in the square around the field of view or else in all pixels."""
    fundus: Judgement
    """Whether it is a fundus photograph."""
    lacking: str
    """What it lacks to be one, as a clause; empty if it is one."""
    descriptor: Descriptor = field(compare=False)
    shortcut_features: Features = field(compare=False)
    """Features of the picture and of the file, shape (N_FEATURES,), as in :mod:`.shortcut_features`."""
    sha256: str = ""
    """Hash of the file in hex; empty if the file is missing."""
    pixels: str = ""
    """Equal for two photographs if and only if their pixels are; empty if they cannot be read."""


def fingerprint(data: bytes) -> ImageInfo:
    """Compute the fingerprint of a photograph from the bytes of its file, decoded at the smallest sufficient scale."""
    plain = data
    try:
        plain = plain_photograph(data)
        rgb = read_rgb(plain, min_side=_DECODED)
    except UnreadableImage as error:
        return unreadable(*read_size(plain), str(error))
    fov = try_detect_fov(rgb)
    square = crop_to_fov(rgb, fov or whole_photograph(rgb), _SQUARE)
    # Without a field of view the square is padded with black, which is not part of the photograph.
    shown = square if fov else rgb
    brightness = float(np.percentile(shown.max(axis=2), 99))
    return ImageInfo(
        *read_size(plain),
        "",
        brightness,
        *judge_fundus(rgb, has_fov=fov is not None),
        describe_vessels(square),
        np.concatenate([picture_features(rgb), file_features(data)]),
    )


def unreadable(width: int, height: int, error: str) -> ImageInfo:
    """Return the fingerprint of a photograph that cannot be read, with the reason."""
    nothing = np.zeros((RINGS, ANGLES), np.int8)
    return ImageInfo(width, height, error, 0.0, "no", "", nothing, np.full(N_FEATURES, np.nan, np.float32))


def describe_vessels(square: npt.NDArray[np.uint8]) -> Descriptor:
    """Compute the descriptor of a square around the field of view, shape (96, 96, 3).

    It is the green channel without its shading, faded out at the rim, and sampled on rings.
    """
    green = square[..., 1].astype(np.float32)
    seen = cv2.erode((square.max(axis=2) > _UNLIT).astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0)
    inside, taper = _masks()
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
    clipped = np.clip(small / spread, -1, 1)
    return np.asarray(np.clip(np.rint((clipped - clipped.mean()) * _SPREAD), -127, 127), np.int8)


@cache
def _rings() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the sample positions in pixels, and the weight of each ring, which grows with its length."""
    finer, denser = _OVERSAMPLING
    radius = np.linspace(_INNER, _OUTER, RINGS * finer)[:, None]
    # The samples of an angle are centred on it.
    angle = (np.arange(ANGLES * denser) - (denser - 1) / 2) * (2 * np.pi / (ANGLES * denser))
    across, down = ((_SQUARE / 2) * (1 + radius * turn) - 0.5 for turn in (np.cos(angle)[None], np.sin(angle)[None]))
    return across.astype(np.float32), down.astype(np.float32), np.sqrt(radius / _OUTER).astype(np.float32)


@cache
def _masks() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return a mask of the pixels inside the rim, and weights that fall to 0 towards the rim."""
    axis = (np.arange(_SQUARE) + 0.5) / (_SQUARE / 2) - 1
    radius = np.hypot(axis[:, None], axis[None])
    taper = np.clip((_RIM - radius) / (_RIM - _TAPER), 0, 1)
    return (radius < _RIM).astype(np.float32), taper.astype(np.float32)

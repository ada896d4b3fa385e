"""Judgement whether a picture is a fundus photograph, from its corners, colours and detail.

A retina is lit through the pupil, so the corners of its photograph are dark, except where it was cropped. It is red to
yellow, or was equalised; its detail is smooth, because vessels and lesions are finer than few pixels at this size; and
it is never plain. Photographs of which only one sign is missing are doubtful. Measured error rates are in
docs/how-to/predictions.md.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Judgement = Literal["yes", "doubtful", "no"]

_SIDE = 96
"""Pixels of the square to which a picture is squashed; its aspect is no sign."""
_CORNER = _SIDE // 12
_MIDDLE = 0.6
"""Radius around the centre, as a fraction of half a side, within which colours and detail are measured."""
_LIT = 0.15
"""Fraction of the peak brightness from which a pixel counts as lit."""
_RIM = 9
"""Width of the square by which unlit parts are widened, in pixels."""
_FINE, _COARSE = 1.2, 4.0
"""Standard deviations of the blurs between which vessels, lesions and the optic disc lie, in pixels."""

DARK_CORNERS, COLOURED, FEW_COLOURS, SMOOTH = 0.16, 0.8, 0.06, 0.06
"""Signs of an unprocessed fundus photograph: largest brightness of three corners, smallest fraction of red to yellow,
largest spread of its colours, largest detail."""
MANY_COLOURS, UNCOLOURED = 0.13, 0.02
"""Spread from which, and fraction of red to yellow below which, a picture with dark corners is doubtful."""
NOISE, PLAIN, ONE_COLOUR = 0.16, 0.0025, 0.005
"""Detail above and relief below which a picture is no fundus; spread below which one without dark corners is none."""


class Signs(NamedTuple):
    """Statistics of a picture; brightness is relative to its 99th percentile, detail and relief to the mean."""

    corners: float
    """Mean brightness of the third darkest corner, so that a label or a cut may light one."""
    coloured: float
    """Fraction of the middle that is red to yellow."""
    spread: float
    """Standard deviation of the share of a channel in a pixel, over the middle."""
    detail: float
    """Standard deviation of what is finer than vessels."""
    relief: float
    """Standard deviation of what is about as large as vessels and the optic disc."""


def judge_fundus(rgb: npt.NDArray[np.uint8], has_fov: bool) -> tuple[Judgement, str]:
    """Judge a picture of shape (height, width, 3), and describe what it lacks; has_fov as a round one was detected."""
    signs = measure(rgb)
    if signs.detail > NOISE:
        return "no", "its detail is finer than vessels, like text or noise"
    if signs.relief < PLAIN:
        return "no", "it is plain"
    usual = signs.coloured >= COLOURED and signs.spread <= FEW_COLOURS
    if signs.corners <= DARK_CORNERS:
        odd = signs.spread > MANY_COLOURS or signs.coloured < UNCOLOURED
        return ("doubtful", "it has unusual colours") if odd else ("yes", "")
    if usual and has_fov:  # On white, as in a scan.
        return "yes", ""
    if usual and signs.detail <= SMOOTH and signs.spread >= ONE_COLOUR:
        return "doubtful", "its corners are not dark, as if it had been cropped"
    return "no", "its corners are not dark, and its colours or detail are not those of a retina"


def measure(rgb: npt.NDArray[np.uint8]) -> Signs:
    """Measure the signs of a fundus in a picture of shape (height, width, 3)."""
    small = cv2.resize(rgb, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    bright = small.max(axis=2)
    peak = float(np.percentile(bright, 99)) + 1e-3
    ends = slice(None, _CORNER), slice(-_CORNER, None)
    corners = sorted(float(bright[rows, columns].mean()) for rows in ends for columns in ends)
    axis = np.linspace(-1, 1, _SIDE)
    middle = np.hypot(axis[:, None], axis[None]) < _MIDDLE
    # The rim of the field of view is neither detail nor relief.
    lit = middle & (cv2.erode((bright > _LIT * peak).astype(np.uint8), np.ones((_RIM, _RIM), np.uint8)) > 0)
    inside = lit if lit.any() else middle
    red, green, blue = small[inside].T
    grey = small.mean(axis=2)
    fine, coarse = (cv2.GaussianBlur(grey, (0, 0), sigma) for sigma in (_FINE, _COARSE))
    mean = float(grey[inside].mean()) + 1e-3
    shares = small[inside] / (small[inside].sum(axis=1, keepdims=True) + 1e-3)
    return Signs(
        corners[2] / peak,
        float(((red > green) & (green >= 0.95 * blue)).mean()),
        float(shares.std(axis=0).mean()),
        float((grey - fine)[inside].std()) / mean,
        float((fine - coarse)[inside].std()) / mean,
    )

"""Drawing with sub-pixel positions on 8-bit layers, in units of the radius of the field of view.

Positions are points ``[..., 2]`` (x, y) with y downwards, the centre of the field of view at (0, 0) and its rim at
radius 1, so anatomy and lesions are the same at any image width.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Layer = NDArray[np.uint8]
"""Strength, 0-255, of one absorbing or covering substance, [height, width]."""
Plane = NDArray[np.float32]
"""One number per pixel, [height, width]."""
Points = NDArray[np.float64]
"""Positions, [..., 2]."""

_SHIFT = 4
"""Number of fractional bits of OpenCV's fixed-point coordinates."""
_BLEED = 0.45
"""Pixels by which OpenCV's anti-aliased filling exceeds a shape, measured on discs and strips."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Position of the field of view in a photograph, in pixels."""

    width: int
    height: int
    radius: float

    @property
    def centre(self) -> Points:
        """Centre of the field of view in pixels."""
        return np.array([(self.width - 1) / 2, (self.height - 1) / 2])

    @property
    def half_height(self) -> float:
        """Half the visible height of the field of view, in units of its radius; at most 1."""
        return min(1.0, self.height / 2 / self.radius)

    def layer(self) -> Layer:
        """Return an empty layer."""
        return np.zeros((self.height, self.width), np.uint8)

    def pixels(self, points: Points) -> Points:
        """Convert positions to pixels."""
        return points * self.radius + self.centre


def ink(strength: float) -> int:
    """Convert a strength, 0-1, to a layer value, 0-255."""
    return round(255 * min(max(strength, 0.0), 1.0))


def spot(frame: Frame, layer: Layer, centre: Points, radius: float, strength: float) -> None:
    """Draw a disc by its exact coverage of each pixel; each pixel keeps the maximum of old and new.

    OpenCV's discs are half a pixel too wide, which is too much for lesions of one or two pixels.
    """
    x, y = frame.pixels(centre)
    r = radius * frame.radius
    left, top = max(int(x - r - 1), 0), max(int(y - r - 1), 0)
    patch = layer[top : int(y + r + 3), left : int(x + r + 3)]
    rows = np.arange(top, top + patch.shape[0])[:, None] - y
    columns = np.arange(left, left + patch.shape[1])[None, :] - x
    cover = np.clip(r + 0.5 - np.hypot(rows, columns), 0.0, min(1.0, 2 * r))
    np.maximum(patch, (cover * ink(strength)).astype(np.uint8), out=patch)


def shape(frame: Frame, layer: Layer, outline: Points, strength: float) -> None:
    """Fill a closed outline [n, 2]."""
    cv2.fillPoly(layer, [_fixed(frame.pixels(outline))], ink(strength), cv2.LINE_AA, _SHIFT)


def hairlines(frame: Frame, layer: Layer, paths: Points, strength: float) -> None:
    """Draw paths [k, n, 2] one pixel wide (at 320 px); thinner vessels are fainter, not narrower."""
    width = max(1, round(frame.radius / 150))
    cv2.polylines(layer, list(_fixed(frame.pixels(paths))), False, ink(strength), width, cv2.LINE_AA, _SHIFT)


def strips(frame: Frame, layer: Layer, paths: Points, widths: NDArray[np.float64], strength: float) -> None:
    """Draw paths [k, n, 2] with widths [k, n], in units of the radius of the field of view."""
    along = np.gradient(paths, axis=1)
    along /= np.linalg.norm(along, axis=-1, keepdims=True) + 1e-9
    across = np.stack([-along[..., 1], along[..., 0]], axis=-1)
    half = np.maximum(widths / 2 - _BLEED / frame.radius, 0.05 / frame.radius)[..., None]
    outlines = np.concatenate([paths + half * across, (paths - half * across)[:, ::-1]], axis=1)
    for outline in _fixed(frame.pixels(outlines)):
        cv2.fillPoly(layer, [outline], ink(strength), cv2.LINE_AA, _SHIFT)


def blob(rng: np.random.Generator, centre: Points, radius: float, stretch: float = 1.0, angle: float = 0.0) -> Points:
    """Draw the outline [20, 2] of an irregular patch, ``stretch`` times longer than wide along ``angle``."""
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    waves = np.arange(2, 6)[:, None]
    ripple = rng.normal(0, 0.2, (4, 1)) / waves * 2 * np.cos(waves * turn + rng.uniform(0, 2 * np.pi, (4, 1)))
    distance = radius * np.maximum(1 + ripple.sum(axis=0), 0.3)
    x, y = distance * np.cos(turn) * stretch**0.5, distance * np.sin(turn) / stretch**0.5
    return np.asarray(centre + turned(x, y, angle))


def soften(frame: Frame, layer: Layer, width: float) -> Layer:
    """Blur a layer by a Gaussian with standard deviation ``width``."""
    if not layer.any():
        return layer
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), width * frame.radius), np.uint8)


def unit(layer: Layer) -> Plane:
    """Convert a layer to strengths, 0-1."""
    return layer * np.float32(1 / 255)


@lru_cache(maxsize=16)
def axes(frame: Frame) -> tuple[Plane, Plane]:
    """Return the positions of the columns, [1, width], and of the rows, [height, 1]."""
    x, y = ((np.arange(n) - (n - 1) / 2) / frame.radius for n in (frame.width, frame.height))
    return x[None, :].astype(np.float32), y[:, None].astype(np.float32)


def bell(frame: Frame, centre: Points, width: float) -> Plane:
    """Compute a Gaussian of height 1 around a position."""
    x, y = axes(frame)
    across, down = (np.exp(-0.5 * ((axis - float(at)) / width) ** 2) for axis, at in zip((x, y), centre, strict=True))
    return np.asarray(down * across, np.float32)


def turned(x: NDArray[np.float64], y: NDArray[np.float64], angle: float) -> Points:
    """Rotate coordinates [n] about the origin by ``angle`` in radians; return positions [n, 2]."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)


def _fixed(points: Points) -> NDArray[np.int32]:
    return np.rint(points * (1 << _SHIFT)).astype(np.int32)

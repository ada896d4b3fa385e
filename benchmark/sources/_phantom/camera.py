"""Camera model: illumination, focus, sensor, and the black border around the field of view."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import cos, pi, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmark.sources._phantom.anatomy import PhantomEye
from benchmark.sources._phantom.pen import Frame, Layer, Plane, axes, bell, soften, spot, unit

Picture = NDArray[np.uint8]
"""RGB [height, width, 3]."""


@dataclass(frozen=True, slots=True)
class Camera:
    """Model of a fundus camera."""

    aspect: float
    """Width of the photograph divided by its height."""
    radius: float
    """Radius of the field of view as a fraction of the width. It is cut off if its diameter exceeds the height."""
    gain: tuple[float, float, float]
    """Relative response of red, green and blue."""
    notch: bool
    """True if the rim of the field of view has an orientation notch."""

    def frame(self, pixels: int) -> Frame:
        """Return the position of the field of view in a photograph of this width in pixels."""
        return Frame(pixels, round(pixels / self.aspect), pixels * self.radius)


CAMERAS = (
    Camera(1.00, 0.485, (1.00, 1.00, 1.00), notch=True),
    Camera(1.12, 0.480, (1.04, 0.94, 0.80), notch=False),
    Camera(1.33, 0.455, (0.96, 1.02, 1.15), notch=False),
    Camera(1.50, 0.400, (1.06, 0.98, 0.70), notch=True),
)


def illuminate(frame: Frame, eye: PhantomEye, planes: list[Plane], rng: np.random.Generator) -> None:
    """Add uneven light, vignetting, haze at the rim from a missed pupil, and reflexes to ``planes``, in place."""
    x, y = axes(frame)
    r2 = x * x + y * y
    slope = [float(s) for s in rng.normal(0, 0.1, 2)]
    light = (1 + slope[0] * x + slope[1] * y) * (1.08 - rng.uniform(0.2, 0.4) * r2)
    haze = np.full_like(r2, rng.uniform(0.0, 0.05))
    if rng.uniform() < 0.15:
        angle, width = rng.uniform(0, 2 * pi), rng.uniform(0.05, 0.12)
        facing = np.clip(cos(angle) * x + sin(angle) * y - 0.2, 0, 1)
        haze += rng.uniform(0.2, 0.6) * facing * np.exp((np.sqrt(r2) - 1) / width)
    for _ in range(rng.integers(0, 4)):
        haze += rng.uniform(0.03, 0.09) * bell(frame, eye.disc + rng.normal(0, 0.35, 2), rng.uniform(0.03, 0.1))
    for plane, tint in zip(planes, (1.0, 0.85, 0.75), strict=True):
        plane *= light
        plane += haze * tint


def expose(frame: Frame, planes: list[Plane], dust: Layer, gain: list[float], rng: np.random.Generator) -> Picture:
    """Apply focus, dust on the sensor, exposure and noise."""
    exposure = 255 * float(rng.lognormal(-0.02, 0.04))
    blur = rng.uniform(0.0022, 0.0052) * frame.radius
    shade = 1 - 0.5 * unit(soften(frame, dust, 0.012))
    noise = rng.standard_normal((frame.height, frame.width), dtype=np.float32) * rng.uniform(1.0, 3.5)
    channels = [
        cv2.GaussianBlur(plane, (0, 0), blur) * shade * (exposure * g) + noise
        for plane, g in zip(planes, gain, strict=True)
    ]
    return np.clip(cv2.merge(channels), 0, 255).astype(np.uint8)


def mount(frame: Frame, camera: Camera, picture: Picture) -> Picture:
    """Place the field of view, with its orientation notch, on black."""
    return np.asarray(cv2.multiply(picture, _mask(frame, camera.notch), scale=1 / 255), np.uint8)


@lru_cache(maxsize=16)
def _mask(frame: Frame, notch: bool) -> Picture:
    mask = frame.layer()
    spot(frame, mask, np.zeros(2), 1.0, 1.0)
    if notch:
        spot(frame, mask, np.array([0.715, -0.715]), 0.035, 1.0)
    return np.repeat(mask[..., None], 3, axis=2)

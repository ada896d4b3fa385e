"""Reflectance of the eye: pigment, optic disc, vessels and lesions in colour, under even light."""

from __future__ import annotations

import cv2
import numpy as np

from benchmark.sources._phantom.anatomy import Person, PhantomEye, draw_vessels
from benchmark.sources._phantom.lesions import Findings
from benchmark.sources._phantom.pen import Frame, Layer, Plane, bell, shape, soften, turned, unit

Colour = tuple[float, float, float]
"""Values of red, green and blue."""

_LIGHT: Colour = (0.88, 0.53, 0.31)
_DARK: Colour = (0.62, 0.31, 0.13)
"""Reflectance of the least and the most pigmented fundus."""
_VEIN: Colour = (0.26, 0.58, 0.48)
_ARTERY: Colour = (0.07, 0.38, 0.34)
_BLOOD: Colour = (0.62, 1.30, 0.95)
"""Optical density of each absorber at full strength."""
_RIM: Colour = (1.00, 0.70, 0.38)
_CUP: Colour = (1.05, 0.90, 0.64)
_EXUDATE: Colour = (1.00, 0.86, 0.42)
_COTTON: Colour = (0.95, 0.80, 0.60)
_DRUSEN: Colour = (0.95, 0.70, 0.35)
"""Colour of each substance that covers the retina."""
_STRENGTHS = np.arange(256, dtype=np.float32) / 255
"""Strength of each layer value."""
_CELLS = 72
"""Number of cells across the finest choroidal texture."""


def reflect(
    frame: Frame, person: Person, eye: PhantomEye, found: Findings, beading: float, rng: np.random.Generator
) -> list[Plane]:
    """Compute the red, green and blue planes, about 0-1, from the deepest layer of the eye upwards."""
    planes = _fundus(frame, person, eye, rng)
    _cover(planes, _disc(frame, eye, 1.0, 0.012), _RIM)
    _cover(planes, _disc(frame, eye, eye.cup, 0.02), _CUP)
    _cover(planes, soften(frame, found.drusen, 0.004), _DRUSEN)
    _cover(planes, found.exudate, _EXUDATE)
    _absorb(planes, draw_vessels(frame, eye.veins, beading, rng), _VEIN)
    _absorb(planes, draw_vessels(frame, eye.arteries, 0.0, rng), _ARTERY)
    _absorb(planes, found.blood, _BLOOD)
    _cover(planes, soften(frame, found.cotton, 0.014), _COTTON)
    return planes


def _fundus(frame: Frame, person: Person, eye: PhantomEye, rng: np.random.Generator) -> list[Plane]:
    """Compute the bare fundus, darker at the macula and under dense choroidal pigment."""
    pigment = _choroid(frame, person, rng) + 0.9 * bell(frame, eye.fovea, 0.19) + 0.6 * bell(frame, eye.fovea, 0.06)
    red = np.exp(-0.28 * pigment)
    melanin = (red, red * red, red * red)  # It absorbs green and blue about twice as densely as red.
    tones = (light + (dark - light) * person.pigment for light, dark in zip(_LIGHT, _DARK, strict=True))
    return [np.asarray(plane * tone, np.float32) for plane, tone in zip(melanin, tones, strict=True)]


def _choroid(frame: Frame, person: Person, rng: np.random.Generator) -> Plane:
    """Compute the pigment below the retina: blotches, and ridges between choroidal vessels."""
    blotches, patches, ridges, grain = (_clouds(cells, rng) for cells in (5, 16, 13, _CELLS))
    strength = 0.05 + 0.5 * person.tessellation
    return _stretched(
        0.14 * blotches + 0.07 * patches + 0.06 * grain + strength * np.abs(ridges), max(frame.width, frame.height)
    )[: frame.height, : frame.width]


def _clouds(cells: int, rng: np.random.Generator) -> Plane:
    """Draw smooth noise with this number of cells across."""
    return _stretched(rng.standard_normal((cells, cells), dtype=np.float32), _CELLS)


def _stretched(coarse: Plane, side: int) -> Plane:
    return np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)


def _disc(frame: Frame, eye: PhantomEye, share: float, softness: float) -> Layer:
    """Draw the optic disc, or its cup as that fraction of its width and height."""
    wide, high, tilt = eye.disc_shape
    turn = np.linspace(0, 2 * np.pi, 40)
    layer = frame.layer()
    shape(frame, layer, eye.disc + turned(share * wide * np.cos(turn), share * high * np.sin(turn), tilt), 0.9)
    return soften(frame, layer, softness)


def _cover(planes: list[Plane], layer: Layer, colour: Colour) -> None:
    """Paint over the planes, within the bounding box of the layer."""
    left, top, width, height = cv2.boundingRect(layer)
    box = np.s_[top : top + height, left : left + width]
    cover = unit(layer[box])
    for plane, tone in zip(planes, colour, strict=True):
        plane[box] += cover * (tone - plane[box])


def _absorb(planes: list[Plane], layer: Layer, density: Colour) -> None:
    """Darken the planes by the Beer-Lambert law."""
    for plane, tone in zip(planes, density, strict=True):
        plane *= np.asarray(cv2.LUT(layer, np.exp(-tone * _STRENGTHS)), np.float32)

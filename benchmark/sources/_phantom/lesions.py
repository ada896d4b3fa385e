"""Lesions of each grade of the international clinical DR scale, and harmless spots in any eye."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmark.sources._phantom.anatomy import PhantomEye, grow
from benchmark.sources._phantom.pen import Frame, Layer, Points, blob, hairlines, shape, spot, turned

MICROANEURYSM = (1.15 / 128, 1.85 / 128)
"""Smallest and largest diameter as a fraction of the diameter of the field of view: 1-2 pixels at an input size of 128,
a fraction of a pixel at 40. The input size thus matters as it does for real photographs."""

CountRange = tuple[int, int]
"""Minimum and maximum of a count, inclusive."""


@dataclass(frozen=True, slots=True)
class Burden:
    """Numbers of lesions of a grade."""

    microaneurysms: CountRange = (0, 0)
    haemorrhages: CountRange = (0, 0)
    quadrants: CountRange = (1, 1)
    """Number of quadrants with haemorrhages."""
    exudates: CountRange = (0, 0)
    """Clusters of hard exudates."""
    cotton_wool: CountRange = (0, 0)
    beading: float = 0.0
    """Relative variation of the width of the veins."""


BURDENS = (
    Burden(),
    Burden(microaneurysms=(6, 16)),
    Burden(microaneurysms=(14, 32), haemorrhages=(3, 12), quadrants=(1, 3), exudates=(0, 4)),
    Burden(
        microaneurysms=(20, 42),
        haemorrhages=(20, 42),
        quadrants=(4, 4),
        exudates=(0, 5),
        cotton_wool=(1, 5),
        beading=0.3,
    ),
)
"""Burden of grades 0-3; grade 4 is drawn on top of the burden of grade 2 or 3.

The numbers were tuned so that a network of about 60,000 weights, trained for minutes, grades larger inputs better, but
never perfectly. The counts of neighbouring grades overlap. Haemorrhages are mostly below three pixels at an input size
of 128 and below one at 40, so small inputs lose them. Blood is darker than veins, so it can be distinguished. Colours
and exposures vary less than in reality, because otherwise so few images would not suffice to learn the lesions."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Layers of the lesions and harmless spots of one eye."""

    blood: Layer
    """Layer of microaneurysms, haemorrhages and new vessels."""
    exudate: Layer
    cotton: Layer
    """Layer of cotton-wool spots and fibrous veils, before blurring."""
    drusen: Layer
    dust: Layer
    """Layer of dark specks in front of the sensor, before blurring."""


def burden_of(grade: int, rng: np.random.Generator) -> Burden:
    """Draw the burden of a grade 0-4."""
    return BURDENS[grade] if grade < 4 else BURDENS[int(rng.integers(2, 4))]


def draw_findings(frame: Frame, eye: PhantomEye, grade: int, burden: Burden, rng: np.random.Generator) -> Findings:
    """Draw the lesions of one eye.

    Harmless spots use a random stream of their own, so they do not depend on the grade.
    """
    harmless, rng = rng.spawn(2)
    found = Findings(*(frame.layer() for _ in range(5)))
    _drusen_and_dust(frame, eye, found, harmless)
    _microaneurysms(frame, eye, found.blood, _draw(burden.microaneurysms, rng), rng)
    _haemorrhages(frame, eye, found.blood, burden, rng)
    for _ in range(_draw(burden.exudates, rng)):
        _exudates(frame, eye, found.exudate, rng)
    for centre in _places(frame, eye, _draw(burden.cotton_wool, rng), rng, reach=0.75):
        _cotton_wool(frame, found.cotton, centre, rng)
    if grade == 4:
        _proliferation(frame, eye, found, rng)
    return found


def _draw(bounds: CountRange, rng: np.random.Generator) -> int:
    return int(rng.integers(bounds[0], bounds[1] + 1))


def _places(
    frame: Frame, eye: PhantomEye, count: int, rng: np.random.Generator, reach: float = 0.93, quadrants: int = 4
) -> Points:
    """Draw up to ``count`` positions in some quadrants, inside the photograph and outside the optic disc."""
    many = 6 * count
    angle = np.pi / 2 * (rng.integers(0, 4) + rng.permutation(many) % quadrants + rng.uniform(0, 1, many))
    points = reach * np.sqrt(rng.uniform(0, 1, many))[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    inside = np.abs(points[:, 1]) < frame.half_height - 0.05
    clear = np.linalg.norm(points - eye.disc, axis=1) > 1.35 * eye.disc_shape[1]
    return np.asarray(points[inside & clear][:count])


def _microaneurysms(frame: Frame, eye: PhantomEye, layer: Layer, count: int, rng: np.random.Generator) -> None:
    for centre in _places(frame, eye, count, rng):
        radius = rng.uniform(*MICROANEURYSM)  # A ratio of diameters is also the ratio of radii.
        spot(frame, layer, centre, radius, rng.uniform(0.7, 1.0))


def _haemorrhages(frame: Frame, eye: PhantomEye, layer: Layer, burden: Burden, rng: np.random.Generator) -> None:
    places = _places(frame, eye, _draw(burden.haemorrhages, rng), rng, quadrants=_draw(burden.quadrants, rng))
    for centre in places:
        radius = float(np.clip(rng.lognormal(-4.15, 0.4), 0.011, 0.05))
        fibres = float(np.arctan2(*(centre - eye.disc)[::-1]))
        flame = rng.uniform() < 0.25
        outline = blob(rng, centre, radius, rng.uniform(2.5, 5) if flame else rng.uniform(1, 1.6), fibres)
        shape(frame, layer, outline, rng.uniform(0.55, 1.0))


def _exudates(frame: Frame, eye: PhantomEye, layer: Layer, rng: np.random.Generator) -> None:
    """Draw a cluster of hard exudates, in a ring around a leak (circinate) or scattered."""
    count = int(rng.integers(6, 26))
    centre = eye.fovea + rng.normal(0, 0.28, 2)
    ring = rng.uniform() < 0.4
    size = rng.uniform(0.08, 0.16)
    angle = rng.uniform(0, 2 * np.pi) + np.sort(rng.uniform(0, rng.uniform(3, 6.3), count))
    distance = size * (rng.normal(1, 0.1, count) if ring else np.sqrt(rng.uniform(0, 1, count)))
    points = centre + distance[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    for point in points[np.linalg.norm(points - eye.disc, axis=1) > 1.3 * eye.disc_shape[1]]:
        spot(frame, layer, point, min(rng.lognormal(-4.7, 0.35), 0.02), rng.uniform(0.5, 0.9))


def _cotton_wool(frame: Frame, layer: Layer, centre: Points, rng: np.random.Generator) -> None:
    radius = rng.uniform(0.03, 0.05)
    for _ in range(4):
        puff = centre + rng.normal(0, radius * 0.5, 2)
        shape(frame, layer, blob(rng, puff, radius * rng.uniform(0.5, 0.9), 1.4, rng.uniform(0, 3)), 0.5)


def _proliferation(frame: Frame, eye: PhantomEye, found: Findings, rng: np.random.Generator) -> None:
    """Draw new vessels, a preretinal haemorrhage, or both."""
    kinds: tuple[tuple[Callable[..., None], ...], ...] = ((_new_vessels,), (_boat,), (_new_vessels, _boat))
    for kind in kinds[int(rng.choice(3, p=(0.45, 0.25, 0.3)))]:
        kind(frame, eye, found, rng)


def _new_vessels(frame: Frame, eye: PhantomEye, found: Findings, rng: np.random.Generator) -> None:
    """Draw fine tangles at the optic disc or on the arcades, sometimes with a fibrous veil."""
    trunks = eye.veins[0].paths
    centres = [trunks[rng.integers(0, 2), rng.integers(9, 22)] for _ in range(rng.integers(1, 4))]
    if rng.uniform() < 0.5:
        centres[0] = eye.disc + rng.normal(0, 0.03, 2)
    for centre in centres:
        count = int(rng.integers(14, 24))
        start = centre + rng.normal(0, 0.03, (count, 2))
        turn = rng.normal(0, 3.5, count)
        paths, _ = grow(start, rng.uniform(0, 2 * np.pi, count), turn, rng.uniform(0.12, 0.34, count), 0.8, rng)
        hairlines(frame, found.blood, paths, rng.uniform(0.55, 0.8))
        if rng.uniform() < 0.4:
            shape(frame, found.cotton, blob(rng, centre, rng.uniform(0.06, 0.13), 1.5, rng.uniform(0, 3)), 0.2)


def _boat(frame: Frame, eye: PhantomEye, found: Findings, rng: np.random.Generator) -> None:
    """Draw a boat-shaped preretinal haemorrhage, settled below a fluid level."""
    side = rng.choice([-1.0, 1.0])
    centre = eye.fovea + np.array([rng.normal(0, 0.25), side * rng.uniform(0.15, 0.4)])
    width, depth, tilt = rng.uniform(0.09, 0.22), rng.uniform(0.07, 0.16), rng.normal(0, 0.12)
    turn = np.linspace(0, np.pi, 24)
    x, y = width * np.cos(turn), depth * np.sin(turn) ** 0.7
    for height, strength in ((-0.25 * y, 0.25), (y, 1.0)):
        shape(frame, found.blood, centre + turned(x, height, tilt), strength)


def _drusen_and_dust(frame: Frame, eye: PhantomEye, found: Findings, rng: np.random.Generator) -> None:
    """Draw harmless spots that resemble lesions: drusen in some eyes, dust on some lenses."""
    if rng.uniform() < 0.25:
        for point in eye.fovea + rng.normal(0, 0.16, (int(rng.integers(4, 22)), 2)):
            spot(frame, found.drusen, point, rng.uniform(0.007, 0.018), rng.uniform(0.3, 0.7))
    if rng.uniform() < 0.5:
        for point in rng.uniform(-0.8, 0.8, (int(rng.integers(1, 5)), 2)):
            spot(frame, found.dust, point, rng.uniform(0.01, 0.035), rng.uniform(0.3, 0.8))

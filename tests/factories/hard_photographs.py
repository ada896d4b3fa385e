"""Photographs with a field of view that is hard to find, made from the phantom, with its true position.

Each has one defect known from collections such as EyePACS, Messidor and IDRiD, or from scans of prints.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import count, islice

import cv2
import numpy as np

from benchmark.images.fov import FieldOfView
from benchmark.sources._phantom.camera import CAMERAS
from benchmark.sources._phantom.render import photograph

SIDE = 400
"""Side of the square photographs that every case starts from, in pixels."""
RADIUS = CAMERAS[0].radius * SIDE
"""Radius of their centred field of view."""

Picture = np.ndarray
"""RGB, uint8, shape (height, width, 3)."""


@dataclass(frozen=True, slots=True)
class Case:
    """A photograph and its field of view."""

    rgb: Picture
    fov: FieldOfView


def hard_cases() -> dict[str, Case]:
    """Return every case by name."""
    return {make.__name__.replace("_", " "): make() for make in CASES}


@cache
def eye(number: int) -> Picture:
    """Return one of several photographs of different grades that show the whole field of view with a notch."""
    made = (photograph(7, patient, "left", patient % 5, SIDE) for patient in count(1))
    return next(islice((rgb for rgb in made if rgb.shape == (SIDE, SIDE, 3)), number, None))


def place(number: int, width: int, height: int, fov: FieldOfView) -> Picture:
    """Place an eye on a black canvas with its field of view at the given position, cropped to the canvas."""
    scale = fov.radius / RADIUS
    x, y = (centre - scale * SIDE / 2 - (1 - scale) / 2 for centre in (fov.cx, fov.cy))
    return cv2.warpAffine(eye(number), np.array([[scale, 0, x], [0, scale, y]]), (width, height))


def distance(width: int, height: int, fov: FieldOfView) -> np.ndarray:
    """Return the distance of each pixel from the centre of the field of view, in radii; shape (height, width, 1)."""
    y, x = np.mgrid[:height, :width] + 0.5
    return (np.hypot(x - fov.cx, y - fov.cy) / fov.radius)[..., None]


def noisy(levels: np.ndarray, sigma: float = 1.5) -> Picture:
    """Add sensor noise to grey levels."""
    noise = np.random.default_rng(0).normal(0, sigma, levels.shape)
    return np.clip(levels + noise, 0, 255).astype(np.uint8)


def dark() -> Case:
    fov = FieldOfView(300, 200, 180)
    return Case(noisy(place(0, 600, 400, fov) * 0.1), fov)


def half_in_shadow() -> Case:
    fov = FieldOfView(300, 200, 180)
    light = np.linspace(0.1, 1.1, 600)[None, :, None] ** 1.5
    return Case(noisy(place(1, 600, 400, fov) * light), fov)


def over_exposed() -> Case:
    fov = FieldOfView(300, 200, 180)
    bleeding = 90 * np.exp(-np.clip(distance(600, 400, fov) - 1, 0, None) / 0.08)
    return Case(noisy(np.maximum(place(2, 600, 400, fov) * 3.5, bleeding)), fov)


def bright_halo() -> Case:
    fov = FieldOfView(300, 200, 165)
    halo = np.where(distance(600, 400, FieldOfView(292, 208, 190)) < 1, (38.0, 24.0, 16.0), 0)
    return Case(noisy(np.maximum(place(3, 600, 400, fov), halo)), fov)


def cut_above_and_below() -> Case:
    fov = FieldOfView(280, 190, 245)
    return Case(place(0, 560, 380, fov), fov)


def cut_on_one_side() -> Case:
    fov = FieldOfView(120, 210, 185)
    return Case(place(1, 520, 420, fov), fov)


def cut_within_a_black_frame() -> Case:
    fov = FieldOfView(330, 260, 235)
    rgb = place(2, 660, 520, fov)
    rgb[:110] = rgb[410:] = 0
    return Case(noisy(rgb), fov)


def off_centre() -> Case:
    fov = FieldOfView(430, 250, 140)
    return Case(noisy(place(3, 600, 420, fov)), fov)


def small_in_a_wide_frame() -> Case:
    fov = FieldOfView(660, 380, 160)
    return Case(noisy(place(0, 1440, 800, fov)), fov)


def coloured_border() -> Case:
    fov = FieldOfView(300, 200, 175)
    blue = np.array([20.0, 40.0, 110.0])
    return Case(noisy(np.where(distance(600, 400, fov) <= 1, place(1, 600, 400, fov), blue)), fov)


def white_page() -> Case:
    fov = FieldOfView(290, 210, 170)
    return Case(noisy(np.where(distance(600, 420, fov) <= 1, place(2, 600, 420, fov), 250)), fov)


def white_frame() -> Case:
    fov = FieldOfView(300, 215, 180)
    return Case(
        cv2.copyMakeBorder(place(3, 576, 406, FieldOfView(288, 203, 180)), 12, 12, 12, 12, 0, value=(255,) * 3), fov
    )


def text_in_the_corner() -> Case:
    fov = FieldOfView(300, 200, 180)
    rgb = place(0, 600, 400, fov)
    for line, text in enumerate(("2015-02-17 10:42", "OD  45 deg", "ID 004711")):
        cv2.putText(rgb, text, (6, 28 + 26 * line), 0, 0.75, (255, 255, 255), 2)
    return Case(rgb, fov)


def label_beside() -> Case:
    fov = FieldOfView(240, 200, 170)
    rgb = place(1, 640, 400, fov)
    cv2.rectangle(rgb, (470, 20), (625, 380), (225, 225, 215), -1)
    cv2.putText(rgb, "LEFT", (490, 210), 0, 1.4, (20, 20, 20), 3)
    return Case(rgb, fov)


def reflex_at_the_rim() -> Case:
    fov = FieldOfView(300, 200, 180)
    far = distance(600, 400, fov)
    crescent = 260 * np.exp(-(((far - 0.97) / 0.06) ** 2)) * (np.arange(600) > 330)[None, :, None] * (far <= 1)
    return Case(noisy(place(2, 600, 400, fov) * 0.45 + crescent), fov)


def hot_pixels() -> Case:
    fov = FieldOfView(300, 200, 180)
    rgb = noisy(place(3, 600, 400, fov) * 0.4, 5.0)
    rgb[::23, ::29] = 255
    return Case(rgb, fov)


CASES: tuple[Callable[[], Case], ...] = (
    dark,
    half_in_shadow,
    over_exposed,
    bright_halo,
    cut_above_and_below,
    cut_on_one_side,
    cut_within_a_black_frame,
    off_centre,
    small_in_a_wide_frame,
    coloured_border,
    white_page,
    white_frame,
    text_in_the_corner,
    label_beside,
    reflex_at_the_rim,
    hot_pixels,
)

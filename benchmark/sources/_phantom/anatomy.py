"""Healthy eyes: optic disc, macula and vessel trees, drawn as right eyes (disc on the right, nasal side)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.sources._phantom.pen import Frame, Layer, Points, hairlines, strips

_TRUNKS = np.array(
    [  # heading at the optic disc and its total turn, in degrees (0 nasal, -90 up), length, calibre
        (-84.0, -112.0, 1.9, 1.0),
        (84.0, 112.0, 1.9, 1.0),
        (-48.0, 30.0, 0.8, 0.8),
        (48.0, -30.0, 0.8, 0.8),
        (-130.0, -50.0, 0.6, 0.4),
        (130.0, 50.0, 0.6, 0.4),
    ]
)
"""Superior and inferior temporal arcades, which arch around the macula; nasal trunks; macular vessels."""


@dataclass(frozen=True, slots=True)
class Person:
    """Anatomy that is common to both eyes of a patient."""

    pigment: float
    """Pigmentation, from 0 (light) to 1 (dark)."""
    tessellation: float
    """Visibility of the choroidal vessels, 0-1."""
    disc_radius: float
    cup: float
    """Cup-to-disc ratio."""
    disc_to_fovea: float
    tortuosity: float
    calibre: float
    """Width of the widest vein."""


@dataclass(frozen=True, slots=True)
class Vessels:
    """Paths [k, n, 2] with their widths [k, n] and headings [k, n] in radians."""

    paths: Points
    heading: NDArray[np.float64]
    widths: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PhantomEye:
    """Anatomy of one eye, in units of the radius of the field of view."""

    disc: Points
    fovea: Points
    disc_shape: tuple[float, float, float]
    """Half width, half height and tilt in radians."""
    cup: float
    veins: tuple[Vessels, ...]
    arteries: tuple[Vessels, ...]
    """Trunks, branches and twigs, as of ``veins``."""


def draw_person(rng: np.random.Generator) -> Person:
    """Draw a patient."""
    return Person(
        pigment=float(rng.beta(6, 6)),
        tessellation=float(rng.beta(1.2, 4)),
        disc_radius=float(rng.uniform(0.115, 0.145)),
        cup=float(rng.uniform(0.25, 0.6)),
        disc_to_fovea=float(rng.uniform(0.66, 0.76)),
        tortuosity=float(rng.uniform(0.1, 0.35)),
        calibre=float(rng.uniform(0.034, 0.043)),
    )


def draw_eye(person: Person, rng: np.random.Generator) -> PhantomEye:
    """Draw the anatomy and position of one eye of a patient."""
    middle = np.array([rng.normal(0.13, 0.06), rng.normal(0.0, 0.05)])
    span = np.array([person.disc_to_fovea / 2, -rng.uniform(0.02, 0.08)])
    disc, fovea = middle + span, middle - span
    radius = person.disc_radius * rng.uniform(0.95, 1.05)
    return PhantomEye(
        disc=disc,
        fovea=fovea,
        disc_shape=(radius * rng.uniform(0.86, 0.98), radius * rng.uniform(1.0, 1.08), rng.normal(0, 0.2)),
        cup=min(0.75, person.cup * rng.uniform(0.9, 1.1)),
        veins=_tree(person, disc, fovea, person.calibre, rng),
        arteries=_tree(person, disc, fovea, person.calibre * rng.uniform(0.62, 0.75), rng),
    )


def draw_vessels(frame: Frame, tree: tuple[Vessels, ...], beading: float, rng: np.random.Generator) -> Layer:
    """Draw the density of a vessel tree; ``beading`` is the relative variation of the width of the trunks."""
    layer = frame.layer()
    trunks, branches, twigs = tree
    for thin, strength in ((twigs, 0.3), (branches, 0.55)):
        hairlines(frame, layer, thin.paths, strength)
    wide = branches.widths[:, 0] > 2.0 / frame.radius
    strips(frame, layer, branches.paths[wide], branches.widths[wide], 0.8)
    count, steps = trunks.widths.shape
    beads = np.sin(np.linspace(0, 60, steps) + rng.uniform(0, 2 * np.pi, (count, 1)))
    strips(frame, layer, trunks.paths, trunks.widths * (1 + beading * beads), 1.0)
    return layer


def grow(
    start: Points,
    heading: NDArray[np.float64],
    turn: NDArray[np.float64],
    length: NDArray[np.float64],
    wobble: float,
    rng: np.random.Generator,
    steps: int = 24,
) -> tuple[Points, NDArray[np.float64]]:
    """Grow k wobbling paths that turn mostly at the start; return paths [k, steps, 2] and headings [k, steps]."""
    t = np.linspace(0, 1, steps)
    phase = rng.uniform(0, 2 * np.pi, (2, len(start), 1))
    sway = np.sin(9 * t + phase[0]) + 0.7 * np.sin(21 * t + phase[1]) - np.sin(phase[0]) - 0.7 * np.sin(phase[1])
    angle = heading[:, None] + turn[:, None] * (1 - (1 - t) ** 2.2) + wobble * sway
    stride = np.stack([np.cos(angle), np.sin(angle)], axis=-1) * (length[:, None, None] / (steps - 1))
    stride[:, 0] = 0
    return start[:, None] + np.cumsum(stride, axis=1), angle


def _tree(person: Person, disc: Points, fovea: Points, calibre: float, rng: np.random.Generator) -> tuple[Vessels, ...]:
    k = len(_TRUNKS)
    heading, turn = np.radians(_TRUNKS[:, :2] + rng.normal(0, 9, (k, 2))).T
    start = disc + rng.normal(0, 0.015, (k, 2))
    length = _TRUNKS[:, 2] * rng.uniform(0.75, 1.1, k)
    paths, headings = grow(start, heading, turn, length, 0.6 * person.tortuosity, rng, steps=40)
    width = calibre * _TRUNKS[:, 3] * rng.uniform(0.85, 1.0, k)
    trunks = Vessels(_short_of(fovea, paths), headings, width[:, None] * np.linspace(1, 0.35, 40))
    branches = _sprout(trunks, 6, 0.37, fovea, person.tortuosity, rng)
    return trunks, branches, _sprout(branches, 3, 0.7, fovea, person.tortuosity, rng)


def _sprout(
    parents: Vessels, each: int, length: float, fovea: Points, wobble: float, rng: np.random.Generator
) -> Vessels:
    """Grow ``each`` branches per parent on alternating sides, at most ``length`` times as long as the parent."""
    k, n, _ = parents.paths.shape
    share = (np.arange(each) + rng.uniform(0.1, 0.9, (k, each))) / each * 0.82 + 0.12
    row, at = np.repeat(np.arange(k), each), (share * (n - 1)).astype(int).ravel()
    side = np.where((np.tile(np.arange(each), k) + rng.integers(0, 2, k).repeat(each)) % 2, 1.0, -1.0)
    angle = parents.heading[row, at] + side * rng.uniform(0.4, 1.1, k * each)
    reach = np.linalg.norm(np.diff(parents.paths[row], axis=1), axis=-1).sum(axis=1)
    lengths = length * reach * (1 - 0.55 * share.ravel()) * rng.uniform(0.5, 1.1, k * each)
    paths, headings = grow(
        parents.paths[row, at], angle, -side * rng.uniform(-0.5, 0.6, k * each), lengths, wobble, rng
    )
    taper = np.linspace(0.7, 0.3, paths.shape[1])
    return Vessels(_short_of(fovea, paths), headings, parents.widths[row, at][:, None] * taper)


def _short_of(fovea: Points, paths: Points) -> Points:
    """Cut paths [k, n, 2] off at the avascular zone around the fovea."""
    near = np.linalg.norm(paths - fovea, axis=-1) < 0.13
    last = np.where(near.any(axis=1), near.argmax(axis=1), paths.shape[1] - 1)
    kept = np.minimum(np.arange(paths.shape[1]), last[:, None])
    return np.take_along_axis(paths, kept[..., None], axis=1)

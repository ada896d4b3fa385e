"""Find the retinal disc in a fundus photograph, and cut the square around it.

The bright region of a small thumbnail is separated from the background at several thresholds; through the outermost
points of each region (those on the photograph's own frame left out, as the disc is cut there) a circle is laid by
RANSAC and refined by least squares. The circle that agrees best with its region is the disc, unless the step in
brightness at its rim is that of a halo. Notches, labels, shadows and cut-off sides are outliers to the fit, and a
region that is no disc agrees with no circle.

Where the photograph's own frame has one colour, as around a scan or a screenshot, and no region was a disc, what
differs from that colour is searched in the same way, and then what lies inside the frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter

import cv2
import numpy as np
import numpy.typing as npt

THUMBNAIL = 256
"""Pixels along the thumbnail's longer side."""
CONTRASTS = (0.1, 0.2, 0.35)
"""Thresholds: shares of the way from the background's brightness to the retina's. A low one alone takes in the halo
that many cameras leave around the disc, a high one alone loses dark retina."""
MIN_CONTRAST = 4.0
"""Levels of 0-255 by which the retina must outshine the background."""
MIN_SUPPORT = 0.6
"""Share of the region's outline that must lie on the circle."""
MIN_AGREEMENT = 0.85
"""Intersection over union of region and circle below which the region is no disc."""
MIN_PIXELS = 64
"""Pixels of the longer side below which a circle cannot be placed to a few percent: such a photograph has been shrunk,
and thus cropped, by somebody before."""
CROPPED = 2.0
"""A square photograph whose inscribed circle is the disc to within so many of the thumbnail's pixels is cropped."""
FRAMED = 0.9
"""Share of the outermost pixels that must have one colour to be a frame."""
MIN_FRAMED = 0.2
"""Smallest radius of a disc in a frame, as a share of the longer side: smaller bright circles lie within the retina."""

MIN_STEP = 0.5
"""A circle whose rim is less than so many times as high a step as another's is a halo around the disc."""

_TRIPLES = 128
_TOLERANCE = 1.0
_SAME_COLOUR = 12
_RING = 4

Points = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FieldOfView:
    """A circle, in pixels from the photograph's upper left corner; it may reach beyond the photograph."""

    cx: float
    cy: float
    radius: float


def detect_fov(rgb: npt.NDArray[np.uint8]) -> FieldOfView:
    """Find the retinal disc.

    Args:
        rgb: shape (height, width, 3).

    Returns:
        As :func:`try_detect_fov`; the circle whose square holds the whole photograph, so that nothing is lost, where it
        finds none, and where the photograph is such a square already, or too small to tell.
    """
    height, width = rgb.shape[:2]
    whole = FieldOfView(width / 2, height / 2, max(height, width) / 2)
    disc = try_detect_fov(rgb) if max(height, width) >= MIN_PIXELS else None
    if disc is None:
        return whole
    off = max(abs(disc.cx - whole.cx), abs(disc.cy - whole.cy), abs(disc.radius - whole.radius))
    return whole if height == width and off <= CROPPED * _scale(rgb) else disc


def try_detect_fov(rgb: npt.NDArray[np.uint8]) -> FieldOfView | None:
    """Find the retinal disc where there is one.

    Args:
        rgb: shape (height, width, 3).

    Returns:
        The disc's full circle, also where the photograph cuts it; None where no disc stands out from a background (no
        border, or nothing to see).
    """
    small, scale = _thumbnail(rgb)
    found = _brightest(_brightness(small)) or _framed(small)
    return FieldOfView(found.cx * scale, found.cy * scale, found.radius * scale) if found else None


def crop_to_fov(rgb: npt.NDArray[np.uint8], disc: FieldOfView, size: int) -> npt.NDArray[np.uint8]:
    """Cut the square around the disc, black where it reaches beyond the photograph, scaled to (size, size, 3)."""
    height, width = rgb.shape[:2]
    left, top = round(disc.cx - disc.radius), round(disc.cy - disc.radius)
    side = max(1, round(2 * disc.radius))
    inside = rgb[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]
    right, bottom = max(left + side - width, 0), max(top + side - height, 0)
    square = cv2.copyMakeBorder(inside, max(-top, 0), bottom, max(-left, 0), right, cv2.BORDER_CONSTANT)
    return resize(square.astype(np.uint8, copy=False), size)


def resize(square: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Scale a square image to (size, size, 3) without aliasing.

    It is scaled linearly to the nearest whole multiple of the size, whose blocks are then averaged: as sharp and as
    near to the area average of the full photograph as averaging by fractions of pixels, in a third of the time.
    """
    ratio = square.shape[0] / size
    whole = max(round(ratio), 2) if ratio > 1 else 1
    multiple = cv2.resize(square, (whole * size, whole * size), interpolation=cv2.INTER_LINEAR)
    return cv2.resize(multiple, (size, size), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _thumbnail(rgb: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], float]:
    """The photograph on a small grid, and its pixels per pixel of it."""
    height, width = rgb.shape[:2]
    scale = _scale(rgb)
    shape = max(round(width / scale), 1), max(round(height / scale), 1)
    # Each pixel is the mean of four, which is enough to tell bright from dark and takes no time.
    return np.asarray(cv2.resize(rgb, shape, interpolation=cv2.INTER_LINEAR), np.uint8), scale


def _scale(rgb: npt.NDArray[np.uint8]) -> float:
    """Pixels of the photograph per pixel of its thumbnail."""
    longer: int = max(rgb.shape[:2])
    return max(longer / THUMBNAIL, 1.0)


def _brightness(small: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Brightest channel."""
    red, green, blue = cv2.split(small)
    return np.maximum(np.maximum(red, green), blue)


def _brightest(bright: npt.NDArray[np.uint8]) -> FieldOfView | None:
    """The circle that best agrees with the bright region at some threshold, if one agrees; halos apart."""
    found: list[tuple[float, float, FieldOfView]] = []
    for region in _regions(bright):
        circle = _fit(_outline(region))
        if circle is None:
            continue
        beyond = _beyond(bright.shape, circle)
        if (agreement := _agreement(region, beyond <= 0)) > MIN_AGREEMENT:
            found.append((agreement, _step(bright, beyond), circle))
    sharpest = max((step for _, step, _ in found), default=0.0)
    rims = [(agreement, circle) for agreement, step, circle in found if step >= MIN_STEP * sharpest]
    return max(rims, key=itemgetter(0))[1] if rims else None


def _framed(small: npt.NDArray[np.uint8]) -> FieldOfView | None:
    """The disc in a photograph whose outermost pixels have one colour, if it is large enough."""
    colour = np.median(_border(small), axis=0)
    apart = np.abs(small - colour).max(axis=2).astype(np.uint8)
    if (_border(apart) <= _SAME_COLOUR).mean() < FRAMED:
        return None
    found = _brightest(apart) or _inside(small, apart > _SAME_COLOUR)
    return found if found is not None and found.radius >= MIN_FRAMED * max(small.shape[:2]) else None


def _inside(small: npt.NDArray[np.uint8], other: Mask) -> FieldOfView | None:
    """The disc within the rectangle that a frame leaves, less the pixels in which the two mix."""
    rows, columns = np.flatnonzero(other.any(axis=1)), np.flatnonzero(other.any(axis=0))
    if min(len(rows), len(columns)) < 3:
        return None
    top, left = int(rows[0]) + 1, int(columns[0]) + 1
    found = _brightest(_brightness(small[top : rows[-1], left : columns[-1]]))
    return None if found is None else FieldOfView(found.cx + left, found.cy + top, found.radius)


def _border(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Outermost pixels."""
    return np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])


def _regions(bright: npt.NDArray[np.uint8]) -> Iterator[Mask]:
    """Largest connected bright region at each threshold; none where nothing outshines the background."""
    background, retina = np.percentile(_border(bright), 5), np.percentile(bright, 95)
    if retina - background >= MIN_CONTRAST:
        for share in CONTRASTS:
            yield _largest(bright > background + share * (retina - background))


def _largest(mask: Mask) -> Mask:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])))


def _outline(region: Mask) -> Points:
    """First and last edge of the region in each row and each column, those on the frame left out; shape (n, 2)."""
    by_row = _extents(region)
    by_column = _extents(region.T)[:, ::-1]
    return np.concatenate([by_row, by_column])


def _extents(region: Mask) -> Points:
    width = region.shape[1]
    rows = np.flatnonzero(region.any(axis=1))
    first = region[rows].argmax(axis=1)
    last = width - region[rows, ::-1].argmax(axis=1)
    left = np.column_stack([first, rows + 0.5])[first > 0]
    right = np.column_stack([last, rows + 0.5])[last < width]
    return np.concatenate([left, right]).astype(np.float64)


def _fit(points: Points) -> FieldOfView | None:
    """Circle through most of the points, or None: best of random triples, refined on the points near it."""
    if len(points) < 16:
        return None
    judges = points[:: len(points) // 128 + 1]
    circles = _through(points[np.random.default_rng(0).integers(0, len(points), (_TRIPLES, 3))])
    votes = (_distance(judges, circles) <= _TOLERANCE).sum(axis=1)
    circle = circles[votes.argmax()]
    for _ in range(2):
        near = _distance(points, circle[None])[0] <= _TOLERANCE
        if near.mean() < MIN_SUPPORT:
            return None
        circle = _least_squares(points[near])
    return FieldOfView(*circle.tolist())


def _distance(points: Points, circles: Points) -> Points:
    """Distance of each point to each circle (cx, cy, radius); shape (circles, points)."""
    offset = points[None] - circles[:, None, :2]
    return np.asarray(np.abs(np.hypot(offset[..., 0], offset[..., 1]) - circles[:, 2:]))


def _through(triples: Points) -> Points:
    """Circles through three points each; (n, 3, 2) -> (n, 3), nan where the points lie on a line."""
    a, b, c = triples[:, 0], triples[:, 1] - triples[:, 0], triples[:, 2] - triples[:, 0]
    twice = 2 * (b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0])
    twice = np.where(twice == 0, np.nan, twice)
    bb, cc = (b**2).sum(axis=1), (c**2).sum(axis=1)
    ux = (c[:, 1] * bb - b[:, 1] * cc) / twice
    uy = (b[:, 0] * cc - c[:, 0] * bb) / twice
    return np.column_stack([a[:, 0] + ux, a[:, 1] + uy, np.hypot(ux, uy)])


def _least_squares(points: Points) -> Points:
    """Circle that minimises the squared algebraic distance to the points (Kasa 1976)."""
    middle = points.mean(axis=0)
    x, y = (points - middle).T
    solution, *_ = np.linalg.lstsq(np.column_stack([2 * x, 2 * y, np.ones_like(x)]), x**2 + y**2, rcond=None)
    cx, cy, rest = solution
    return np.array([cx + middle[0], cy + middle[1], np.sqrt(max(rest + cx**2 + cy**2, 0.0))])


def _beyond(shape: tuple[int, ...], circle: FieldOfView) -> npt.NDArray[np.float32]:
    """How many pixels outside the circle each pixel's centre lies, negative within."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    across, down = (x + (0.5 - circle.cx)).astype(np.float32), (y + (0.5 - circle.cy)).astype(np.float32)
    return np.asarray(np.sqrt(across**2 + down**2) - np.float32(circle.radius))


def _agreement(region: Mask, inside: Mask) -> float:
    """Intersection over union of the region and the part of the circle that lies in the frame."""
    return float((region & inside).sum() / max((region | inside).sum(), 1))


def _step(bright: npt.NDArray[np.uint8], beyond: npt.NDArray[np.float32]) -> float:
    """Levels by which a ring just inside the circle outshines one just outside."""
    within, without = bright[(beyond > -_RING) & (beyond <= -1)], bright[(beyond > 1) & (beyond <= _RING)]
    return float(within.mean() - without.mean()) if len(within) and len(without) else 0.0

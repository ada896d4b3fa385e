"""Detection of the round field of view in a fundus photograph, and cropping to it.

The bright region of a thumbnail is separated from the background at several thresholds. A circle is fitted to the
outermost points of each region by RANSAC and refined by least squares; points on the border of the photograph are
excluded, because the field of view may be cut there. The circle with the best agreement with its region wins, unless
the brightness step at its rim is so low that it is a halo. Notches, labels, shadows and cut-off sides are outliers of
the fit. A region of another shape agrees with no circle.

If this fails and the border of the photograph has one colour, as in a scan or a screenshot, the same search is applied
to the difference from that colour, and then to the part inside the frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter

import cv2
import numpy as np
import numpy.typing as npt

THUMBNAIL = 256
"""Longer side of the thumbnail in pixels."""
CONTRASTS = (0.1, 0.2, 0.35)
"""Thresholds, as fractions between the brightness of the background and of the retina. A low one alone would include
the halo that many cameras produce, a high one alone would lose dark retina."""
MIN_CONTRAST = 4.0
"""Minimum difference in grey levels between retina and background."""
MIN_SUPPORT = 0.6
"""Minimum fraction of the outline of the region that is on the circle."""
MIN_AGREEMENT = 0.85
"""Minimum intersection over union of region and circle."""
MIN_PIXELS = 64
"""Minimum longer side in pixels to locate a circle within a few percent. A smaller photograph has been shrunk, and thus
probably cropped, before."""
CROPPED = 2.0
"""Tolerance, in pixels of the thumbnail, within which a square photograph counts as cropped to its inscribed circle."""
FRAMED = 0.9
"""Minimum fraction of the border pixels that have the colour of a frame."""
MIN_FRAMED = 0.2
"""Minimum radius inside a frame, as a fraction of the longer side; smaller bright circles are part of the retina."""
LARGE = 0.12
"""Fraction of the photograph from which a circle counts as large. The optic disc of a photograph without a border is
smaller, so a smaller circle must be on black."""
BLACK = 0.25
"""Largest brightness of black surroundings, as a fraction of the circle's."""
MIN_STEP = 0.5
"""Minimum brightness step at the rim, relative to the highest of all circles; a lower one is a halo."""
LIT = 0.05
"""Fraction of its pixels that must be lit in a row or column of the lit part; a label or a reflection lights fewer."""

_TRIPLES = 128
_TOLERANCE = 1.0
_SAME_COLOUR = 12
_RING = 4

_Points = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FieldOfView:
    """Circle in pixels from the upper left corner of the photograph; it may extend beyond the photograph."""

    cx: float
    cy: float
    radius: float


def detect_fov(rgb: npt.NDArray[np.uint8]) -> FieldOfView:
    """Detect the field of view, or else return a circle around the whole photograph.

    Args:
        rgb: shape (height, width, 3).

    Returns:
        Result of :func:`try_detect_fov`. If it detects none, or the photograph is already cropped to it or too small
        for the detection, a circle whose square contains the whole photograph.
    """
    height, width = rgb.shape[:2]
    whole = whole_photograph(rgb)
    fov = try_detect_fov(rgb) if max(height, width) >= MIN_PIXELS else None
    if fov is None:
        return whole
    off = max(abs(fov.cx - whole.cx), abs(fov.cy - whole.cy), abs(fov.radius - whole.radius))
    return whole if height == width and off <= CROPPED * _scale(rgb) else fov


def whole_photograph(rgb: npt.NDArray[np.uint8]) -> FieldOfView:
    """Return the circle whose square just contains the whole photograph."""
    height, width = rgb.shape[:2]
    return FieldOfView(width / 2, height / 2, max(height, width) / 2)


def try_detect_fov(rgb: npt.NDArray[np.uint8]) -> FieldOfView | None:
    """Detect the field of view.

    Args:
        rgb: shape (height, width, 3).

    Returns:
        The full circle, even if the photograph cuts it; None if no circle contrasts with a background, for instance in
        a photograph without a border or without visible retina.
    """
    small, scale = _thumbnail(rgb)
    found = _brightest(_brightness(small)) or _framed(small)
    return FieldOfView(found.cx * scale, found.cy * scale, found.radius * scale) if found else None


def crop_to_fov(rgb: npt.NDArray[np.uint8], fov: FieldOfView, size: int) -> npt.NDArray[np.uint8]:
    """Crop to the square around the circle, padded with black, and scale it to (size, size, 3)."""
    return resize(square_around(rgb, fov), size)


def square_around(rgb: npt.NDArray[np.uint8], fov: FieldOfView) -> npt.NDArray[np.uint8]:
    """Crop to the square around the circle, padded with black; shape (side, side, 3)."""
    height, width = rgb.shape[:2]
    left, top = round(fov.cx - fov.radius), round(fov.cy - fov.radius)
    side = max(1, round(2 * fov.radius))
    inside = rgb[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]
    right, bottom = max(left + side - width, 0), max(top + side - height, 0)
    square = cv2.copyMakeBorder(inside, max(-top, 0), bottom, max(-left, 0), right, cv2.BORDER_CONSTANT)
    return square.astype(np.uint8, copy=False)


def crop_to_lit(rgb: npt.NDArray[np.uint8], crop: float) -> npt.NDArray[np.uint8]:
    """Return the central part of the lit part of a photograph, for one without a detected field of view.

    The lit part of a photograph that was squashed or cut is an ellipse or a part of one. The result has ``crop`` times
    its sides, so that below 0.7 no dark corner remains. It is not square.
    """
    top, bottom, left, right = _lit_box(_brightness(rgb))
    height, width = max(round((bottom - top) * crop), 1), max(round((right - left) * crop), 1)
    y, x = (top + bottom - height) // 2, (left + right - width) // 2
    return rgb[y : y + height, x : x + width]


def resize(image: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Scale an image to (size, size, 3) without aliasing.

    It is scaled linearly to the nearest whole multiple of the size, whose blocks are then averaged. This is as sharp
    and as close to an exact area average as averaging fractions of pixels, in a third of the time.
    """
    ratio = max(image.shape[:2]) / size
    whole = max(round(ratio), 2) if ratio > 1 else 1
    multiple = cv2.resize(image, (whole * size, whole * size), interpolation=cv2.INTER_LINEAR)
    return cv2.resize(multiple, (size, size), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _thumbnail(rgb: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], float]:
    """Return the thumbnail, and the scale of :func:`_scale`."""
    height, width = rgb.shape[:2]
    scale = _scale(rgb)
    shape = max(round(width / scale), 1), max(round(height / scale), 1)
    # Each pixel is the mean of four, which is fast and suffices to separate bright from dark.
    return np.asarray(cv2.resize(rgb, shape, interpolation=cv2.INTER_LINEAR), np.uint8), scale


def _scale(rgb: npt.NDArray[np.uint8]) -> float:
    """Return the number of pixels of the photograph per pixel of its thumbnail, along a side."""
    longer: int = max(rgb.shape[:2])
    return max(longer / THUMBNAIL, 1.0)


def _brightness(small: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the brightest channel of each pixel."""
    red, green, blue = cv2.split(small)
    return np.maximum(np.maximum(red, green), blue)


def _brightest(bright: npt.NDArray[np.uint8]) -> FieldOfView | None:
    """Return the circle with the best agreement at any threshold, except halos; None if none agrees."""
    found: list[tuple[float, float, FieldOfView]] = []
    for region in _regions(bright):
        circle = _fit(_outline(region))
        if circle is None:
            continue
        beyond = _beyond(bright.shape, circle)
        inside = beyond <= 0
        if (agreement := _agreement(region, inside)) > MIN_AGREEMENT and _is_plausible(bright, inside):
            found.append((agreement, _step(bright, beyond), circle))
    sharpest = max((step for _, step, _ in found), default=0.0)
    rims = [(agreement, circle) for agreement, step, circle in found if step >= MIN_STEP * sharpest]
    return max(rims, key=itemgetter(0))[1] if rims else None


def _is_plausible(bright: npt.NDArray[np.uint8], inside: Mask) -> bool:
    """Return True if a circle is large or on black."""
    return inside.mean() >= LARGE or bool(np.median(bright[~inside]) <= BLACK * np.median(bright[inside]))


def _framed(small: npt.NDArray[np.uint8]) -> FieldOfView | None:
    """Return the circle in a photograph with a border of one colour, if it is large enough."""
    colour = np.median(_border(small), axis=0)
    apart = np.abs(small - colour).max(axis=2).astype(np.uint8)
    if (_border(apart) <= _SAME_COLOUR).mean() < FRAMED:
        return None
    found = _brightest(apart) or _inside(small, apart > _SAME_COLOUR)
    return found if found is not None and found.radius >= MIN_FRAMED * max(small.shape[:2]) else None


def _inside(small: npt.NDArray[np.uint8], other: Mask) -> FieldOfView | None:
    """Return the circle inside the rectangle that a frame leaves, without the mixed pixels at its edge."""
    rows, columns = np.flatnonzero(other.any(axis=1)), np.flatnonzero(other.any(axis=0))
    if min(len(rows), len(columns)) < 3:
        return None
    top, left = int(rows[0]) + 1, int(columns[0]) + 1
    found = _brightest(_brightness(small[top : rows[-1], left : columns[-1]]))
    return None if found is None else FieldOfView(found.cx + left, found.cy + top, found.radius)


def _lit_box(bright: npt.NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Return top, bottom, left and right of the lit part; of everything if it is not surrounded by black."""
    background, retina = np.percentile(_border(bright), 5), np.percentile(bright, 95)
    if background > BLACK * retina or retina - background < MIN_CONTRAST:
        return 0, bright.shape[0], 0, bright.shape[1]
    lit = _largest(bright > background + CONTRASTS[1] * (retina - background))
    rows, columns = np.flatnonzero(lit.mean(axis=1) > LIT), np.flatnonzero(lit.mean(axis=0) > LIT)
    if not (len(rows) and len(columns)):
        return 0, bright.shape[0], 0, bright.shape[1]
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _border(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the border pixels."""
    return np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])


def _regions(bright: npt.NDArray[np.uint8]) -> Iterator[Mask]:
    """Yield the largest connected bright region at each threshold; nothing if the contrast is too low."""
    background, retina = np.percentile(_border(bright), 5), np.percentile(bright, 95)
    if retina - background >= MIN_CONTRAST:
        for share in CONTRASTS:
            yield _largest(bright > background + share * (retina - background))


def _largest(mask: Mask) -> Mask:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])))


def _outline(region: Mask) -> _Points:
    """Return the first and last edge of the region in each row and column, except at the border; shape (n, 2)."""
    by_row = _extents(region)
    by_column = _extents(region.T)[:, ::-1]
    return np.concatenate([by_row, by_column])


def _extents(region: Mask) -> _Points:
    width = region.shape[1]
    rows = np.flatnonzero(region.any(axis=1))
    first = region[rows].argmax(axis=1)
    last = width - region[rows, ::-1].argmax(axis=1)
    left = np.column_stack([first, rows + 0.5])[first > 0]
    right = np.column_stack([last, rows + 0.5])[last < width]
    return np.concatenate([left, right]).astype(np.float64)


def _fit(points: _Points) -> FieldOfView | None:
    """Fit a circle to most of the points: the best of random triples, refined on the inliers; None if none fits."""
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


def _distance(points: _Points, circles: _Points) -> _Points:
    """Compute the distance of each point to each circle (cx, cy, radius); shape (circles, points)."""
    offset = points[None] - circles[:, None, :2]
    return np.asarray(np.abs(np.hypot(offset[..., 0], offset[..., 1]) - circles[:, 2:]))


def _through(triples: _Points) -> _Points:
    """Compute the circles through three points each, (n, 3, 2) to (n, 3); nan for collinear points."""
    a, b, c = triples[:, 0], triples[:, 1] - triples[:, 0], triples[:, 2] - triples[:, 0]
    twice = 2 * (b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0])
    twice = np.where(twice == 0, np.nan, twice)
    bb, cc = (b**2).sum(axis=1), (c**2).sum(axis=1)
    ux = (c[:, 1] * bb - b[:, 1] * cc) / twice
    uy = (b[:, 0] * cc - c[:, 0] * bb) / twice
    return np.column_stack([a[:, 0] + ux, a[:, 1] + uy, np.hypot(ux, uy)])


def _least_squares(points: _Points) -> _Points:
    """Fit a circle by the squared algebraic distance to the points (Kasa 1976)."""
    middle = points.mean(axis=0)
    x, y = (points - middle).T
    solution, *_ = np.linalg.lstsq(np.column_stack([2 * x, 2 * y, np.ones_like(x)]), x**2 + y**2, rcond=None)
    cx, cy, rest = solution
    return np.array([cx + middle[0], cy + middle[1], np.sqrt(max(rest + cx**2 + cy**2, 0.0))])


def _beyond(shape: tuple[int, ...], circle: FieldOfView) -> npt.NDArray[np.float32]:
    """Compute the signed distance of each pixel's centre from the circle in pixels; negative inside."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    across, down = (x + (0.5 - circle.cx)).astype(np.float32), (y + (0.5 - circle.cy)).astype(np.float32)
    return np.asarray(np.sqrt(across**2 + down**2) - np.float32(circle.radius))


def _agreement(region: Mask, inside: Mask) -> float:
    """Compute the intersection over union of the region and the visible part of the circle."""
    return float((region & inside).sum() / max((region | inside).sum(), 1))


def _step(bright: npt.NDArray[np.uint8], beyond: npt.NDArray[np.float32]) -> float:
    """Compute the difference in mean brightness between a ring just inside the circle and one just outside."""
    within, without = bright[(beyond > -_RING) & (beyond <= -1)], bright[(beyond > 1) & (beyond <= _RING)]
    return float(within.mean() - without.mean()) if len(within) and len(without) else 0.0

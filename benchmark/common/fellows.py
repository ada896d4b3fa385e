"""Fellow eyes: the image of the other eye of the same patient, and features of both eyes side by side.

No function takes labels, so the label of a fellow eye cannot leak.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from benchmark.common.arrays import Ints

MISSING = -1
"""Row of a fellow that does not exist."""


def fellows(patient: Sequence[str], eye: Sequence[str]) -> Ints:
    """Return the row of each eye's fellow, shape (n,); :data:`MISSING` if there is none or several are possible.

    The fellow is the only image of the same patient that may show the other eye: an image of the other side or, if
    sides are unknown, the only other image. An unknown patient is "".
    """
    images: dict[str, list[int]] = {}
    for row, name in enumerate(patient):
        if name:
            images.setdefault(name, []).append(row)
    found = np.full(len(patient), MISSING, np.int64)
    for rows in images.values():
        for row in rows:
            others = [other for other in rows if other != row and (eye[other] != eye[row] or eye[row] == "unknown")]
            if len(others) == 1:
                found[row] = others[0]
    # With one left and two right eyes, the left one would be the fellow of both, but has no unique fellow itself.
    mutual = (found != MISSING) & (found[found] == np.arange(len(found)))
    return np.where(mutual, found, MISSING)


def encode_sides(eye: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return 1 for each right eye, 0 for each left eye and 0.5 for an unknown side, shape (n,)."""
    known = {"right": 1.0, "left": 0.0}
    return np.array([known.get(each, 0.5) for each in eye], np.float32)


def shuffled_fellows(fellow: Ints, seed: int) -> Ints:
    """Replace every fellow by one of another patient, each used once: a control for the effect of pairs as such."""
    paired = np.flatnonzero(fellow != MISSING)
    pairs = paired[paired < fellow[paired]]
    found = fellow.copy()
    if len(pairs) > 1:
        order = np.random.default_rng(seed).permutation(pairs)
        # The pairs form a ring, in which each eye gets the fellow of the next one.
        following = np.roll(order, -1)
        found[order], found[fellow[order]] = fellow[following], following
    return found


def pair(features: npt.NDArray[np.float32], fellow: Ints) -> npt.NDArray[np.float32]:
    """Join the features of each eye, (n, d), and its fellow: (n, 2 d); an eye without fellow has its own twice."""
    rows = np.where(fellow == MISSING, np.arange(len(features)), fellow)
    return np.hstack([features, features[rows]])

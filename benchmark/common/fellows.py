"""Eyes and their fellows: which image shows the other eye of the same patient, and columns of both side by side.

Nothing here holds a label, so none of a fellow can be reached through it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from benchmark.common.arrays import Ints

MISSING = -1
"""In the place of a fellow that there is none of."""


def fellows(patient: Sequence[str], eye: Sequence[str]) -> Ints:
    """Row of each eye's fellow, shape (n,); :data:`MISSING` where there is none, or where it is not known which it is.

    A fellow is the one image of the same patient that may show the other eye: of the other side or, where sides are
    unknown, the only other image.

    Args:
        patient: of each image, "" where unknown.
        eye: ``left``, ``right`` or ``unknown``, of each image.
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
    # Of three images, one may be the only left eye and the fellow of two right ones, of which it has neither.
    mutual = (found != MISSING) & (found[found] == np.arange(len(found)))
    return np.where(mutual, found, MISSING)


def sides(eye: Sequence[str]) -> npt.NDArray[np.float32]:
    """1 for each right eye, 0 for each left one, a half where the side is not known; shape (n,)."""
    known = {"right": 1.0, "left": 0.0}
    return np.array([known.get(each, 0.5) for each in eye], np.float32)


def strangers(fellow: Ints, seed: int) -> Ints:
    """The eyes of other patients in the place of fellows, each once: what pairs do without telling of the same patient.

    Args:
        fellow: as :func:`fellows` gives it; a missing one stays missing.
        seed: equal seeds give equal strangers.
    """
    paired = np.flatnonzero(fellow != MISSING)
    pairs = paired[paired < fellow[paired]]
    found = fellow.copy()
    if len(pairs) > 1:
        order = np.random.default_rng(seed).permutation(pairs)
        # Along a ring of all pairs, everyone has the next one's fellow.
        following = np.roll(order, -1)
        found[order], found[fellow[order]] = fellow[following], following
    return found


def pair(own: npt.NDArray[np.float32], fellow: Ints) -> npt.NDArray[np.float32]:
    """Columns of an eye and of its fellow side by side, shape (n, 2 d); its own twice where the fellow is missing.

    Args:
        own: shape (n, d).
        fellow: row of each eye's fellow, shape (n,).
    """
    rows = np.where(fellow == MISSING, np.arange(len(own)), fellow)
    return np.hstack([own, own[rows]])

"""Find photographs that show the same eye in the same shot, among all pairs of a data set.

A sketch (:mod:`benchmark.images.fingerprint`) is drawn in rings, so that a turn shifts it and a mirror reverses it. The
magnitudes of each ring's Fourier transform are the same for all turns; pairs whose magnitudes are similar enough are
then compared by the highest correlation over all turns, upright and mirrored. What is found of changed copies, and what
is not, is measured by ``tests/data/test_duplicates_recall.py`` and printed in the manual (docs/how-to/real-data.md).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, rfft

from benchmark.data.checks.registry import Pair
from benchmark.images.fingerprint import ANGLES, RINGS

PREFILTER_SIMILARITY = 0.55
"""Correlation of two sketches' magnitudes from which on the sketches are compared."""
MIN_SIMILARITY = 0.88
"""Correlation of two sketches from which on they count as one eye.

Among 132,863 pairs of strangers in IDRiD and 11,517,600 in 4,800 photographs of EyePACS none reaches it; the nearest
are fellow eyes under the same reflections of a lens (0.84).
"""

_FREQUENCIES = 16
"""Per turn of a ring, from 1 on: what is slower is shading, and what is faster is noise."""
_FINER = 4
"""Turns that are tried per direction of a sketch."""
_STEP = 5
"""Degrees to which a turn is told."""
_ROWS, _COLUMNS, _PAIRS = 2048, 4096, 2048
"""Photographs that are compared at once, and pairs that are: they bound the memory."""

Sketches = npt.NDArray[np.int8]
"""Shape (n, RINGS, ANGLES)."""
Magnitudes = npt.NDArray[np.float32]
"""Shape (n, RINGS * 16), each of norm 1."""
Indices = npt.NDArray[np.int64]


def find_alike(sketches: Sketches) -> list[Pair]:
    """Find every pair of sketches whose correlation under some turn reaches MIN_SIMILARITY.

    Sketches that are all 0 are like nothing. Memory grows with the sketches and the pairs found, not with what is
    compared; all cores are used.
    """
    places = np.flatnonzero(sketches.any(axis=(1, 2)))
    shown = sketches[places]
    found = []
    for first, second in near_pairs(magnitudes(shown)):
        likeness, degrees, mirrored = compare(shown[first], shown[second])
        for k in np.flatnonzero(likeness >= MIN_SIMILARITY).tolist():
            turn = turn_in_words(float(degrees[k]), mirrored=bool(mirrored[k]))
            found.append(Pair(int(places[first[k]]), int(places[second[k]]), float(likeness[k]), turn))
    return sorted(found)


def magnitudes(sketches: Sketches) -> Magnitudes:
    """What no turn and no mirror changes: roots of the magnitudes of each ring's Fourier transform.

    What a ring has in all frequencies and a frequency in all rings is taken off, as all eyes have it.
    """
    found = np.empty((len(sketches), RINGS, _FREQUENCIES), np.float32)
    for start in range(0, len(sketches), _COLUMNS):
        spectra = rfft(sketches[start : start + _COLUMNS].astype(np.float32), axis=2)[..., 1 : _FREQUENCIES + 1]
        found[start : start + _COLUMNS] = np.sqrt(np.abs(spectra))
    found -= found.mean(axis=2, keepdims=True)
    found -= found.mean(axis=1, keepdims=True)
    flat = found.reshape(len(found), RINGS * _FREQUENCIES)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6), np.float32)


def near_pairs(known: Magnitudes) -> Iterator[tuple[Indices, Indices]]:
    """Every pair i < j of PREFILTER_SIMILARITY or more, once, some of them at a time."""
    for top in range(0, len(known), _ROWS):
        for left in range(top, len(known), _COLUMNS):
            kinship = known[top : top + _ROWS] @ known[left : left + _COLUMNS].T
            i, j = np.nonzero(kinship >= PREFILTER_SIMILARITY)
            i, j = i + top, j + left
            ordered = i < j
            i, j = i[ordered], j[ordered]
            for start in range(0, len(i), _PAIRS):
                yield i[start : start + _PAIRS], j[start : start + _PAIRS]


def compare(
    first: Sketches, second: Sketches
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """The highest correlation of each two sketches over all turns, upright and mirrored.

    Returns:
        The correlation, -1 to 1; how far the first is turned to become the second, degrees counter-clockwise, 0-360;
        whether it is mirrored (left to right) before that. Each of shape (n,).
    """
    left, right = (rfft(side.astype(np.float32), axis=2) for side in (first, second))
    norms = [np.sqrt(np.einsum("nij,nij->n", side, side, dtype=np.float32)) for side in (first, second)]
    tried = ANGLES * _FINER
    upright, mirrored = (
        irfft((left * other).sum(axis=1), n=tried, axis=1) * np.float32(_FINER) for other in (right.conj(), right)
    )
    places = upright.argmax(axis=1), mirrored.argmax(axis=1)
    highest = upright.max(axis=1), mirrored.max(axis=1)
    flipped = highest[1] > highest[0]
    turned = np.where(flipped, 0.5 - places[1] / tried, places[0] / tried) * 360 % 360
    # Between the angles of a sketch the correlation is interpolated, which may exceed 1 by a little.
    likeness = np.minimum(np.maximum(*highest) / np.maximum(norms[0] * norms[1], 1e-6), 1)
    return likeness.astype(np.float32), turned, flipped


def turn_in_words(degrees: float, *, mirrored: bool) -> str:
    """What was done to one photograph of a pair; empty where nothing was."""
    rounded = round(degrees / _STEP) * _STEP % 360
    words = ["mirrored"] * mirrored + [f"turned by {rounded} degrees"] * bool(rounded)
    return " and ".join(words)

"""Find photographs that show the same eye in the same shot, among all pairs of a data set.

Descriptors (:mod:`benchmark.images.fingerprint`) are sampled on rings, so a rotation of the photograph shifts them and
a mirror image reverses them. The magnitudes of each ring's Fourier transform do not change under either. Pairs with
similar magnitudes are then compared by the highest correlation over all rotations, upright and mirrored.
``tests/data/test_duplicates_recall.py`` measures the recall on modified copies, which docs/how-to/real-data.md prints.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, rfft

from benchmark.data.checks.registry import NearDuplicate
from benchmark.images.fingerprint import ANGLES, RINGS

PREFILTER_SIMILARITY = 0.55
"""Minimum correlation of the magnitudes of two descriptors for a full comparison."""
MIN_SIMILARITY = 0.88
"""Minimum correlation of two descriptors for a near-duplicate.

None of the 132,863 pairs of unrelated eyes in IDRiD and the 11,517,600 in 4,800 photographs of EyePACS reaches it. The
most similar ones are fellow eyes with the same lens reflections (0.84).
"""

_FREQUENCIES = 16
"""Frequencies per ring, from 1 on: lower ones are shading, higher ones are noise."""
_OVERSAMPLING = 4
"""Rotations that are tried per angle of a descriptor."""
_ROTATION_STEP = 5
"""Resolution of reported rotations in degrees."""
_ROWS, _COLUMNS, _PAIRS = 2048, 4096, 2048
"""Block size of the comparison of photographs, and of pairs, which bound the memory."""

Descriptors = npt.NDArray[np.int8]
"""Descriptors of n photographs, shape (n, RINGS, ANGLES)."""
Magnitudes = npt.NDArray[np.float32]
"""Normalised magnitudes of n descriptors, shape (n, RINGS * 16)."""
Indices = npt.NDArray[np.int64]


def find_near_duplicates(descriptors: Descriptors) -> list[NearDuplicate]:
    """Find every pair of descriptors whose correlation under some rotation reaches :data:`MIN_SIMILARITY`.

    Descriptors of zeros match nothing. Memory grows with the number of descriptors and of pairs found, not with the
    number of comparisons. All cores are used.
    """
    indices = np.flatnonzero(descriptors.any(axis=(1, 2)))
    known = descriptors[indices]
    found = []
    for first, second in candidate_pairs(magnitudes(known)):
        similarity, degrees, mirrored = correlate(known[first], known[second])
        for k in np.flatnonzero(similarity >= MIN_SIMILARITY).tolist():
            transform = describe_transform(float(degrees[k]), mirrored=bool(mirrored[k]))
            found.append(
                NearDuplicate(int(indices[first[k]]), int(indices[second[k]]), float(similarity[k]), transform)
            )
    return sorted(found)


def magnitudes(descriptors: Descriptors) -> Magnitudes:
    """Compute roots of the magnitudes of each ring's Fourier transform, which no rotation or reflection changes.

    The mean of each ring and of each frequency is subtracted, because all eyes share it.
    """
    found = np.empty((len(descriptors), RINGS, _FREQUENCIES), np.float32)
    for start in range(0, len(descriptors), _COLUMNS):
        spectra = rfft(descriptors[start : start + _COLUMNS].astype(np.float32), axis=2)[..., 1 : _FREQUENCIES + 1]
        found[start : start + _COLUMNS] = np.sqrt(np.abs(spectra))
    found -= found.mean(axis=2, keepdims=True)
    found -= found.mean(axis=1, keepdims=True)
    flat = found.reshape(len(found), RINGS * _FREQUENCIES)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6), np.float32)


def candidate_pairs(known: Magnitudes) -> Iterator[tuple[Indices, Indices]]:
    """Yield every pair i < j with :data:`PREFILTER_SIMILARITY` or more once, in blocks."""
    for top in range(0, len(known), _ROWS):
        for left in range(top, len(known), _COLUMNS):
            similarity = known[top : top + _ROWS] @ known[left : left + _COLUMNS].T
            i, j = np.nonzero(similarity >= PREFILTER_SIMILARITY)
            i, j = i + top, j + left
            ordered = i < j
            i, j = i[ordered], j[ordered]
            for start in range(0, len(i), _PAIRS):
                yield i[start : start + _PAIRS], j[start : start + _PAIRS]


def correlate(
    first: Descriptors, second: Descriptors
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Compute the highest correlation of pairs of descriptors over all rotations, upright and mirrored.

    Returns:
        The correlation, -1 to 1; the rotation from the first to the second in degrees counter-clockwise, 0-360; and
        whether the first is mirrored (left to right) before the rotation. Each has shape (n,).
    """
    left, right = (rfft(side.astype(np.float32), axis=2) for side in (first, second))
    norms = [np.sqrt(np.einsum("nij,nij->n", side, side, dtype=np.float32)) for side in (first, second)]
    tried = ANGLES * _OVERSAMPLING
    upright, mirrored = (
        irfft((left * other).sum(axis=1), n=tried, axis=1) * np.float32(_OVERSAMPLING)
        for other in (right.conj(), right)
    )
    best = upright.argmax(axis=1), mirrored.argmax(axis=1)
    highest = upright.max(axis=1), mirrored.max(axis=1)
    flipped = highest[1] > highest[0]
    degrees = np.where(flipped, 0.5 - best[1] / tried, best[0] / tried) * 360 % 360
    # Between the angles of a descriptor the correlation is interpolated, and may exceed 1 slightly.
    similarity = np.minimum(np.maximum(*highest) / np.maximum(norms[0] * norms[1], 1e-6), 1)
    return similarity.astype(np.float32), degrees, flipped


def describe_transform(degrees: float, *, mirrored: bool) -> str:
    """Describe the rotation and reflection between two photographs; return an empty string for none."""
    rounded = round(degrees / _ROTATION_STEP) * _ROTATION_STEP % 360
    words = ["mirrored"] * mirrored + [f"turned by {rounded} degrees"] * bool(rounded)
    return " and ".join(words)

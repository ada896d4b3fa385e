"""Find photographs that show the same eye in the same shot, among all pairs of a data set.

Each sketch (:mod:`benchmark.images.fingerprint`) gives a hash of 128 bits: the signs of its cosine coefficients at the
frequencies of vessels. Pairs whose hashes differ in few bits are compared by the correlation of their sketches. Both
bounds were chosen by measurement on the 516 photographs of IDRiD: copies of 120 of them that were saved at JPEG quality
30, halved, cropped, padded or made a quarter brighter differ in 11 bits at most and correlate by 0.91 at least; turned
by 2 degrees they correlate by 0.89 at least, and 3 % of them differ in more than 15 bits. Of the 132,864 pairs of
different photographs 3 are within 15 bits, and all correlate by 0.69 at most, but for one pair: an eye taken twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from scipy.fft import dctn

from benchmark.common.resources import core_count
from benchmark.data.gates.registry import Pair
from benchmark.images.fingerprint import SIDE

BITS = 128
RADIUS = 15
"""Bits in which the hashes of two photographs may differ for their sketches to be compared."""
LIKENESS = 0.85
"""Correlation of two sketches from which on they count as one eye."""

_BANDS = RADIUS + 1
_BAND_VALUES = 256
_BLOCK = 1 << 18
_LOWEST = 6
"""Sum of a coefficient's two frequencies: below it lies what all fundus photographs share."""

Sketches = npt.NDArray[np.int8]
"""Shape (n, SIDE, SIDE)."""
Hashes = npt.NDArray[np.uint64]
"""Shape (n, 2): 128 bits each."""
Indices = npt.NDArray[np.int64]

TURNS: dict[str, Callable[[Sketches], Sketches]] = {
    "": lambda sketches: sketches,
    "turned by 90 degrees": lambda sketches: np.rot90(sketches, 1, (1, 2)),
    "turned by 180 degrees": lambda sketches: np.rot90(sketches, 2, (1, 2)),
    "turned by 270 degrees": lambda sketches: np.rot90(sketches, 3, (1, 2)),
    "mirrored": lambda sketches: sketches[:, :, ::-1],
    "mirrored and turned by 90 degrees": lambda sketches: np.rot90(sketches[:, :, ::-1], 1, (1, 2)),
    "mirrored and turned by 180 degrees": lambda sketches: sketches[:, ::-1],
    "mirrored and turned by 270 degrees": lambda sketches: np.rot90(sketches[:, :, ::-1], 3, (1, 2)),
}
"""What may have been done to one photograph of a pair."""


def find_alike(sketches: Sketches) -> list[Pair]:
    """Every pair of sketches that correlate by LIKENESS or more and whose hashes differ in RADIUS bits or less.

    Sketches that are all 0 are like nothing. Memory grows with the sketches and the pairs found, not with what is
    compared; all cores are used.
    """
    places = np.flatnonzero(sketches.any(axis=(1, 2)))
    shown = sketches[places]
    best: dict[tuple[int, int], Pair] = {}
    with ThreadPoolExecutor(core_count()) as pool:
        for turn, apply in TURNS.items():
            turned = np.ascontiguousarray(apply(shown))
            for first, second, likeness in _matches(turned, shown, pool):
                pair = Pair(int(places[first]), int(places[second]), likeness, turn)
                rival = best.get((pair.first, pair.second))
                if rival is None or pair.likeness > rival.likeness:
                    best[pair.first, pair.second] = pair
    return sorted(best.values())


def hash_sketches(sketches: Sketches) -> Hashes:
    """Signs of 128 cosine coefficients, lowest frequencies first."""
    down, across = _frequencies()
    hashes = np.empty((len(sketches), 2), np.uint64)
    for start in range(0, len(sketches), 4096):
        coefficients = dctn(sketches[start : start + 4096].astype(np.float32), axes=(1, 2))
        bits = np.packbits(coefficients[:, down, across] > 0, axis=1)
        hashes[start : start + 4096] = np.ascontiguousarray(bits).view(np.uint64)
    return hashes


def near_pairs(left: Hashes, right: Hashes, band: int) -> Iterator[tuple[Indices, Indices]]:
    """Pairs i < j with left[i] within RADIUS bits of right[j] that agree in this band of 8 bits, and in none before.

    Two hashes that differ in 15 bits agree in at least one of 16 bands, so that the bands together give every such
    pair once, after comparing only what agrees in a band.
    """
    left_bytes, right_bytes = left.view(np.uint8), right.view(np.uint8)
    left_groups, right_groups = _groups(left_bytes[:, band]), _groups(right_bytes[:, band])
    for value in range(_BAND_VALUES):
        rows, columns = left_groups[value], right_groups[value]
        if not len(rows) or not len(columns):
            continue
        step = max(_BLOCK // len(columns), 1)
        for start in range(0, len(rows), step):
            block = rows[start : start + step]
            i, j = np.nonzero(_distance(left[block], right[columns]) <= RADIUS)
            i, j = block[i], columns[j]
            new = (i < j) & ~(left_bytes[i, :band] == right_bytes[j, :band]).any(axis=1)
            if new.any():
                yield i[new], j[new]


def _matches(left: Sketches, right: Sketches, pool: ThreadPoolExecutor) -> Iterator[tuple[int, int, float]]:
    """Places i < j and correlation of the alike among left[i] and right[j]."""
    left_hashes, right_hashes = hash_sketches(left), hash_sketches(right)
    norms = np.sqrt(np.einsum("nij,nij->n", right, right, dtype=np.float32))

    def band_matches(band: int) -> list[tuple[int, int, float]]:
        found: list[tuple[int, int, float]] = []
        for i, j in near_pairs(left_hashes, right_hashes, band):
            for start in range(0, len(i), 4096):
                a, b = i[start : start + 4096], j[start : start + 4096]
                dot = np.einsum("nij,nij->n", left[a].astype(np.float32), right[b].astype(np.float32))
                likeness = np.minimum(dot / (norms[a] * norms[b]), 1)
                alike = likeness >= LIKENESS
                found += zip(a[alike].tolist(), b[alike].tolist(), likeness[alike].tolist(), strict=True)
        return found

    for found in pool.map(band_matches, range(_BANDS)):
        yield from found


def _distance(left: Hashes, right: Hashes) -> npt.NDArray[np.uint8]:
    """Bits in which they differ; (n, 2), (m, 2) -> (n, m)."""
    distance = np.bitwise_count(left[:, :1] ^ right[:, 0])
    distance += np.bitwise_count(left[:, 1:] ^ right[:, 1])
    return np.asarray(distance, np.uint8)


def _groups(values: npt.NDArray[np.uint8]) -> list[Indices]:
    """Places of each of the 256 values."""
    order = np.argsort(values, kind="stable")
    return np.split(order, np.searchsorted(values[order], np.arange(1, _BAND_VALUES)))


def _frequencies() -> tuple[Indices, Indices]:
    """Rows and columns of the coefficients that are hashed, dealt to the bands so that none is like another."""
    down, across = np.mgrid[:SIDE, :SIDE]
    total = (down + across).ravel()
    order = np.argsort(total, kind="stable")
    chosen = order[total[order] >= _LOWEST][:BITS]
    dealt = chosen.reshape(-1, _BANDS).T.ravel()
    return dealt // SIDE, dealt % SIDE

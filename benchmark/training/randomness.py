"""Reproducible random numbers, independent of the state of any generator.

Each role (init, order, dropout, augmentation) has its own stream, derived from the run's seed. An image's augmentation
depends only on seed, epoch and image id, so the number of workers, the batch size and restarts do not change it.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def derive(seed: int, role: str, *counters: int) -> int:
    """Return a 63-bit seed for a role of a run and its counters, such as epoch and step."""
    text = "/".join([str(seed), role, *map(str, counters)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def hash_ids(image_ids: list[str]) -> npt.NDArray[np.uint64]:
    """Return a 64-bit number per image id, shape (n,)."""
    digests = b"".join(hashlib.sha256(image_id.encode()).digest()[:8] for image_id in image_ids)
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64)


def uniform_draws(stream: int, keys: npt.NDArray[np.uint64], count: int) -> npt.NDArray[np.float32]:
    """Return uniform numbers in [0, 1) that depend only on the stream and the key (SplitMix64).

    Args:
        stream: from :func:`derive`.
        keys: from :func:`hash_ids`, shape (n,).
        count: numbers per key.

    Returns:
        Shape (n, count).
    """
    with np.errstate(over="ignore"):
        counter = (np.arange(1, count + 1, dtype=np.uint64) * _GOLDEN)[None, :]
        bits = _mix(_mix(keys ^ np.uint64(stream))[:, None] + counter)
    return (bits >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24)


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))

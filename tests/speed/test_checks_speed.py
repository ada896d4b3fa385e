"""Speed of the near-duplicate search relative to products of all pairs, and of a fingerprint relative to decoding."""

from __future__ import annotations

import time
import tracemalloc
from statistics import median

import cv2
import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmark.data import duplicates
from benchmark.images.fingerprint import ANGLES, RINGS, fingerprint
from benchmark.images.reading import read_rgb
from benchmark.jobs.processes import tune_process
from tests.conftest import ROOT
from tests.factories.eyes import descriptors, eye

PHOTOGRAPHS = 88_702
"""Number of photographs in EyePACS."""
COPIES = 200
TRIED = 4_000
"""Number of photographs if nothing is measured."""
TIMED = 512
"""Number of photographs whose products with all others are timed; the time is scaled up."""
ROUNDS = 5


def many_sketches(photographs: int) -> np.ndarray:
    """Return descriptors with the mean and spectrum of drawn eyes; the last ones are noisy copies of the first."""
    drawn = descriptors([eye(seed) for seed in range(60)]).astype(np.float32)
    common = drawn.mean(axis=0)
    spectrum = np.abs(np.fft.rfft2(drawn - common, axes=(1, 2))).mean(axis=0)
    rng = np.random.default_rng(0)
    made = np.empty((photographs, RINGS, ANGLES), np.int8)
    for start in range(0, photographs, 4096):
        block = made[start : start + 4096]
        phase = np.exp(1j * np.angle(np.fft.rfft2(rng.standard_normal(block.shape), axes=(1, 2))))
        block[:] = np.clip(common + np.fft.irfft2(phase * spectrum, axes=(1, 2)), -127, 127)
    made[-COPIES:] = np.clip(made[:COPIES] + rng.normal(0, 6, (COPIES, RINGS, ANGLES)), -127, 127)
    return made


def all_pairs_seconds(known: np.ndarray) -> float:
    """Return the time of the matrix product of half of all pairs, scaled up from a few rows."""
    start = time.perf_counter()
    for row in range(0, TIMED, 256):
        known[row : row + 256] @ known.T
    return (time.perf_counter() - start) * len(known) / TIMED / 2


@pytest.mark.speed
def test_near_duplicate_search_against_the_matrix_products_of_all_pairs(benchmark: BenchmarkFixture, scaled) -> None:
    made = many_sketches(scaled(PHOTOGRAPHS, TRIED))
    bare = all_pairs_seconds(duplicates.magnitudes(made))
    found = benchmark.pedantic(duplicates.find_near_duplicates, args=(made,), rounds=1)
    assert [(pair.first, pair.second) for pair in found] == [(i, len(made) - COPIES + i) for i in range(COPIES)]
    if benchmark.stats:
        seconds = benchmark.stats.stats.median
        benchmark.extra_info |= {"all_pairs_s": round(bare, 1), "ratio": round(bare / seconds, 2)}
        print(f"\nsearch among {len(made)}: {seconds:.1f} s, {bare / seconds:.2f} of the bare products of all pairs")


@pytest.mark.slow
def test_memory_of_the_search_grows_with_photographs_and_not_with_pairs() -> None:
    made = many_sketches(16_000)
    tracemalloc.start()
    duplicates.find_near_duplicates(made)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6_000 * len(made) + 128 * 2**20


@pytest.mark.speed
def test_a_fingerprint_against_bare_decoding(benchmark: BenchmarkFixture, scaled) -> None:
    files = sorted((ROOT / "../shared/data/idrid_originals").glob("*.jpg"))
    if not files:
        pytest.skip("the originals are not at ../shared/data/idrid_originals")
    photographs = [file.read_bytes() for file in files[: scaled(None, 1)]]
    decoding: list[float] = []

    def decode() -> None:
        """Time the limit between the rounds, so that both have the same load."""
        start = time.perf_counter()
        for data in photographs:
            read_rgb(data, min_side=256)
        decoding.append(time.perf_counter() - start)

    threads = cv2.getNumThreads()
    tune_process()
    benchmark.pedantic(
        lambda: [fingerprint(data) for data in photographs], setup=decode, rounds=ROUNDS, warmup_rounds=1
    )
    cv2.setNumThreads(threads)
    if benchmark.stats:
        seconds = benchmark.stats.stats.data
        rate = len(photographs) / median(seconds)
        ratio = median(bare / whole for bare, whole in zip(decoding[-ROUNDS:], seconds, strict=True))
        benchmark.extra_info |= {"photographs_per_s": round(rate, 1), "ratio_to_decoding": round(ratio, 2)}
        print(f"\nfingerprint: {rate:.1f} photographs/s on one core, {ratio:.2f} of bare decoding")

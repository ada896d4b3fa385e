"""Speed of preparing real photographs on one core relative to only decoding them at the same scale."""

from __future__ import annotations

import time
from statistics import median

import cv2
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmark.images.colour_normalisation.registry import NORMALISATIONS
from benchmark.images.encoding import encode
from benchmark.images.reading import read_rgb
from benchmark.images.square import square_images
from benchmark.jobs.processes import tune_process
from tests.conftest import ROOT

SIZES = {"small": 224, "mid": 448, "large": 720}
ROUNDS = 10


@pytest.mark.speed
@pytest.mark.parametrize("colour_normalisation", NORMALISATIONS)
def test_preparing_against_bare_decoding(benchmark: BenchmarkFixture, scaled, colour_normalisation: str) -> None:
    files = sorted((ROOT / "../shared/data/idrid_originals").glob("*.jpg"))
    if not files:
        pytest.skip("the originals are not at ../shared/data/idrid_originals")
    photographs = [file.read_bytes() for file in files[: scaled(None, 1)]]
    decoding: list[float] = []

    def decode() -> None:
        """Time the limit between the rounds, so that both have the same load."""
        start = time.perf_counter()
        for data in photographs:
            read_rgb(data, min_side=SIZES["large"])
        decoding.append(time.perf_counter() - start)

    def prepare() -> None:
        for data in photographs:
            for image in square_images(data, SIZES, colour_normalisation).values():
                encode(image, "raw")

    threads = cv2.getNumThreads()
    tune_process()
    benchmark.pedantic(prepare, setup=decode, rounds=ROUNDS, warmup_rounds=1)
    cv2.setNumThreads(threads)
    if benchmark.stats:
        seconds = benchmark.stats.stats.data
        rate = len(photographs) / median(seconds)
        ratio = median(bare / whole for bare, whole in zip(decoding[-ROUNDS:], seconds, strict=True))
        benchmark.extra_info |= {"images_per_s": round(rate, 1), "ratio_to_decoding": round(ratio, 2)}
        print(f"\nprepare, {colour_normalisation}: {rate:.1f} images/s on one core, {ratio:.2f} of bare decoding")

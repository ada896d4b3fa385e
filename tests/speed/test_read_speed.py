"""Speed of reading batches from packs relative to the limit: decoding JPEGs on one core, or copying bytes."""

from __future__ import annotations

import time
from statistics import median

import numpy as np
import pytest
import torch

from benchmark.common.resources import core_count
from benchmark.data import packs
from benchmark.data.packs import PackRow, PackSpec, open_pack, write_pack
from benchmark.images.encoding import encode
from benchmark.images.reading import read_rgb
from benchmark.sources._phantom.render import photograph
from benchmark.training.batches import Reader, SplitData, split_batches

COUNT, BATCH, ROUNDS = 256, 32, 5


def bare(pack, encoding):
    """Return the time of only decoding or copying all images of a pack."""
    stored = [bytes(pack.stored(i)) for i in range(len(pack))]
    whole = np.empty((pack.size, pack.size, 3), np.uint8)
    start = time.perf_counter()
    for data in stored:
        if encoding == "jpeg":
            read_rgb(data)
        else:
            whole.reshape(-1)[:] = np.frombuffer(data, np.uint8)
    return time.perf_counter() - start


@pytest.mark.speed
@pytest.mark.parametrize("encoding", ["raw", "jpeg", "jpeg, kept"])
@pytest.mark.parametrize("size", [40, 80, 128, 224, 448, 720])
def test_reading_batches_against_the_bare_limit(benchmark, tmp_path, monkeypatch, scaled, size, encoding):
    """Cached images are decoded once before the rounds; the others are decoded in every round."""
    count = scaled(COUNT, BATCH)
    stored_as, kept = encoding.split(", ")[0], encoding.endswith("kept")
    if not kept:
        monkeypatch.setattr(packs, "free_memory", lambda: 0)
    eyes = [photograph(0, patient, "left", patient % 5, 800)[:size, 40 : 40 + size] for patient in range(1, 5)]
    made = [encode(np.resize(eye, (size, size, 3)), stored_as) for eye in eyes]
    rows = (PackRow(str(i), "", made[i % len(made)]) for i in range(count))
    write_pack(tmp_path / "pack", PackSpec(size, stored_as, "made"), rows)
    pack = open_pack(tmp_path / "pack")
    data = SplitData(pack, [], np.zeros(count, np.int64), np.zeros(count, np.uint64))
    parts = split_batches(np.random.default_rng(0).permutation(count), BATCH)
    limits: list[float] = []

    def read():
        for _ in Reader(data, torch.device("cpu")).batches(parts):
            pass

    benchmark.pedantic(read, setup=lambda: limits.append(bare(pack, stored_as)), rounds=ROUNDS, warmup_rounds=1)
    if benchmark.stats:
        seconds = benchmark.stats.stats.data
        ratio = median(limit / whole for limit, whole in zip(limits[-ROUNDS:], seconds, strict=True))
        benchmark.extra_info |= {
            "images_per_s": round(count / median(seconds)),
            "times_the_bare_limit": round(ratio, 2),
        }
        print(f"\n{encoding} at {size} px: {benchmark.extra_info} ({core_count()} cores)")

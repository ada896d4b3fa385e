"""Prefetched batches: equal for any number of threads, bounded, without copies, and with the true waiting time."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmark.common.errors import InputError
from benchmark.data import packs
from benchmark.data.manifest import ManifestRow
from benchmark.data.packs import PackRow, PackSpec, open_pack, write_pack
from benchmark.images.encoding import encode
from benchmark.settings.training import ResampleSchedule
from benchmark.training.batches import Reader, SplitData, epoch_order, grade_weights, load_split, split_batches

COUNT, SIZE = 60, 24
CPU = torch.device("cpu")


def images(count: int = COUNT) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)


def split(path: Path, encoding: str, damaged: int | None = None) -> SplitData:
    """Write a pack of noise images, one of them damaged if its index is given, and return the split."""
    stored = [encode(image, encoding) for image in images()]
    if damaged is not None:
        stored[damaged] = stored[damaged][: len(stored[damaged]) // 2]
    write_pack(path, PackSpec(SIZE, encoding, "made"), (PackRow(f"i{i}", "hash", s) for i, s in enumerate(stored)))
    pack = open_pack(path)
    return SplitData(pack, [None] * COUNT, np.zeros(COUNT, np.int64), np.arange(COUNT, dtype=np.uint64))


def order(seed: int = 0) -> list[np.ndarray]:
    return split_batches(epoch_order(np.zeros(COUNT, np.int64), seed, 0), 8)


def read(data: SplitData, readers: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Return all positions and pixels of an epoch."""
    positions, pixels = zip(*Reader(data, CPU, readers).batches(order()), strict=True)
    return np.concatenate(positions), torch.cat(pixels).numpy()


@pytest.fixture(params=["raw", "jpeg"])
def encoding(request):
    return request.param


@pytest.fixture
def threads(monkeypatch):
    """A function that sets the number of decoding threads."""

    def choose(count: int) -> None:
        packs._decoders.cache_clear()
        monkeypatch.setattr(packs, "core_count", lambda: count)

    yield choose
    packs._decoders.cache_clear()


@pytest.mark.parametrize("kept", [True, False])
def test_batches_are_the_same_for_any_number_of_threads(tmp_path, encoding, threads, monkeypatch, kept):
    if not kept:
        monkeypatch.setattr(packs, "free_memory", lambda: 0)
    whole = split(tmp_path / "whole", encoding)
    expected = whole.pack.gather(np.arange(COUNT))
    for readers, decoders in ((1, 1), (2, 3), (5, 8)):
        threads(decoders)
        for _ in range(2):
            positions, pixels = read(whole, readers)
            assert np.array_equal(positions, np.concatenate(order()))
            assert np.array_equal(pixels, expected[positions])
        whole = SplitData(open_pack(whole.pack.path), whole.rows, whole.grade, whole.keys)


@pytest.mark.parametrize(("free", "times"), [(10**9, 1), (2 * COUNT * SIZE * SIZE * 3 - 1, 3)])
def test_jpegs_are_decoded_once_if_all_fit_into_half_of_the_free_memory(tmp_path, monkeypatch, free, times):
    decoded = []
    decode = packs.read_rgb
    monkeypatch.setattr(packs, "read_rgb", lambda data: decoded.append(data) or decode(data))
    monkeypatch.setattr(packs, "free_memory", lambda: free)
    data = split(tmp_path / "pack", "jpeg")
    for _ in range(3):
        read(data, readers=1)
    assert len(decoded) == times * COUNT


def test_changing_a_batch_leaves_the_cached_pixels_as_they_are(tmp_path):
    pack = split(tmp_path / "pack", "jpeg").pack
    first = pack.gather(np.arange(4))
    before = first.copy()
    first[:] = 0
    assert np.array_equal(pack.gather(np.arange(4)), before)


def test_a_damaged_image_raises_an_error_in_the_reading_thread_of_the_caller(tmp_path):
    data = split(tmp_path / "pack", "jpeg", damaged=33)
    with pytest.raises(InputError, match=r"pack is damaged at i33 \(.*run `fundusbench prepare` again"):
        read(data)


@pytest.mark.parametrize(("power", "rare"), [(0.0, 0.1), (0.5, 0.25), (1.0, 0.5)])
def test_resampling_draws_in_proportion_to_a_negative_power_of_the_grades_count(power, rare):
    grade = np.repeat([0, 3], [9000, 1000])
    drawn = epoch_order(grade, 0, 0, power)
    assert drawn.shape == (10_000,)
    assert (grade[drawn] == 3).mean() == pytest.approx(rare, abs=0.015)
    assert (len(np.unique(drawn)) == 10_000) == (power == 0)


def test_resampling_weights_decay_from_epoch_to_epoch_to_the_final_weights():
    """Compute the expected shares by hand: half of the weight n / n_grade remains after each epoch."""
    grade = np.repeat([0, 3], [9000, 1000])
    schedule = ResampleSchedule(decay=0.5, final_weights=[1, 1, 1, 2, 1])
    for epoch, left in ((0, 1.0), (1, 0.5), (2, 0.25), (50, 0.0)):
        common, rare = left * 10 / 9 + (1 - left), left * 10 + (1 - left) * 2
        drawn = epoch_order(grade, 0, epoch, 1.0, schedule)
        share = rare * 1000 / (common * 9000 + rare * 1000)
        assert (grade[drawn] == 3).mean() == pytest.approx(share, abs=0.015)


def test_loss_weights_are_a_negative_power_of_the_grades_count_with_mean_1():
    grade = np.array([0, 3, 0, 0])
    assert grade_weights(grade, 1.0) == pytest.approx([2 / 3, 2, 2 / 3, 2 / 3])
    assert grade_weights(grade, 0.5) == pytest.approx(np.array([1, 3**0.5, 1, 1]) * 4 / (3 + 3**0.5))
    assert grade_weights(grade, 0.0).tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(("ids", "words"), [(["known", "other"], "has 'other', which the"), ([], "is empty")])
def test_a_pack_that_does_not_match_the_manifest_is_refused(tmp_path, ids, words):
    stored = [PackRow(name, "hash", encode(image, "raw")) for name, image in zip(ids, images(2), strict=False)]
    write_pack(tmp_path / "plain/small/val.arrow", PackSpec(SIZE, "raw", "made"), stored)
    manifest = [ManifestRow("known", "k.png", "", "unknown", 0, "val", "ff", 9, 9, "made")]
    with pytest.raises(InputError, match=f"val in plain/small {words}.*run `dvc repro prepare`"):
        load_split("val", "plain/small", manifest, tmp_path)


class Slow:
    """A slow pack that counts the requested batches."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.requests = 0
        self._lock = threading.Lock()

    def gather(self, indices):
        with self._lock:
            self.requests += 1
        time.sleep(self.seconds)
        return np.zeros((len(indices), 2, 2, 3), np.uint8)


def slow(seconds: float) -> SplitData:
    return SplitData(Slow(seconds), [], np.zeros(COUNT, np.int64), np.arange(COUNT, dtype=np.uint64))


def test_the_reader_prefetches_at_most_a_few_batches():
    data = slow(0.0)
    batches = Reader(data, CPU, readers=2).batches(order())
    next(batches)
    time.sleep(0.2)
    assert data.pack.requests == 3
    batches.close()


def test_waiting_time_counts_slow_reading_and_not_slow_use():
    parts = order()
    starved = Reader(slow(0.05), CPU, readers=1)
    list(starved.batches(parts))
    assert starved.waited == pytest.approx(0.05 * len(parts), rel=0.5)
    fed = Reader(slow(0.01), CPU, readers=1)
    for _ in fed.batches(parts):
        time.sleep(0.05)
    assert fed.waited < 0.05 * len(parts) / 4


MEMORY = """
import re, sys
from pathlib import Path
import numpy as np, torch
from benchmark.settings.training import ResampleSchedule
from benchmark.training.batches import Reader, SplitData, split_batches
from benchmark.data.packs import open_pack

def private():
    return int(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024

pack = open_pack(Path(sys.argv[1]))
data = SplitData(pack, [], np.zeros(len(pack), np.int64), np.zeros(len(pack), np.uint64))
parts = split_batches(np.random.default_rng(0).permutation(len(pack)), 4)
most, before = 0, private()
for _ in Reader(data, torch.device("cpu"), readers=int(sys.argv[2])).batches(parts):
    most = max(most, private() - before)
print(most)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux reports private memory")
def test_threads_share_the_mapped_file_without_copies(tmp_path):
    """Private memory grows by the prefetched batches and not by one pack per thread."""
    size, count = 256, 400
    image = np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8).tobytes()
    write_pack(tmp_path / "pack", PackSpec(size, "raw", "made"), (PackRow(str(i), "", image) for i in range(count)))
    whole = count * len(image)
    for readers in ("1", "8"):
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, str(tmp_path / "pack"), readers], capture_output=True, text=True, check=True
        )
        assert int(done.stdout) < whole / 3

"""Random draws depend on seed, role, epoch and image alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchmark.training.batches import epoch_order, split_batches
from benchmark.training.randomness import derive, hash_ids, uniform_draws

seeds = st.integers(0, 2**31)


@given(seeds, st.permutations([f"image{i}" for i in range(12)]), st.integers(1, 12))
def test_an_images_draws_do_not_depend_on_its_neighbours(seed, ids, batch):
    stream = derive(seed, "augmentation", 4)
    whole = dict(zip(ids, uniform_draws(stream, hash_ids(ids), 5), strict=True))
    for start in range(0, 12, batch):
        part = ids[start : start + batch]
        for image_id, row in zip(part, uniform_draws(stream, hash_ids(part), 5), strict=True):
            assert np.array_equal(row, whole[image_id])


def splitmix(x: int) -> int:
    """Return the mixing function of SplitMix64 (Steele, Lea and Flood 2014), computed with integers."""
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
    return x ^ (x >> 31)


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**64 - 1))
def test_draws_match_splitmix64(stream, key):
    start = splitmix(key ^ stream)
    numbers = [splitmix((start + i * 0x9E3779B97F4A7C15) % 2**64) for i in (1, 2, 3)]
    expected = [(number >> 40) / 2**24 for number in numbers]
    assert uniform_draws(stream, np.array([key], np.uint64), 3).tolist() == [expected]


def test_draws_are_uniform_and_uncorrelated():
    sample = uniform_draws(derive(0, "augmentation", 0), hash_ids([str(i) for i in range(20_000)]), 4)
    assert sample.min() >= 0
    assert sample.max() < 1
    counts = np.stack([np.histogram(column, 20, (0, 1))[0] for column in sample.T])
    chi_square = ((counts - 1000) ** 2 / 1000).sum(1)
    assert (chi_square < 45).all()  # 19 degrees of freedom: p = 0.0007
    assert np.abs(np.corrcoef(sample.T) - np.eye(4)).max() < 0.03


def test_each_role_epoch_and_seed_has_its_own_stream():
    streams = {derive(s, role, e) for s in range(5) for role in ("order", "augmentation") for e in range(5)}
    assert len(streams) == 50


@given(st.integers(2, 500), st.integers(2, 64), seeds)
def test_an_epoch_visits_every_image_once_in_batches_of_nearly_equal_size(n, batch, seed):
    parts = split_batches(epoch_order(np.zeros(n, np.int64), seed, 1), batch)
    assert sorted(np.concatenate(parts)) == list(range(n))
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= min(n, batch // 2, 2)

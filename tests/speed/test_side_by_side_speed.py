"""Speed of parallel runs: their images/s together relative to bare single-threaded steps times the number of cores."""

from __future__ import annotations

import time

import pytest

from benchmark.common.resources import core_count
from benchmark.common.terms import SPLITS
from benchmark.data.manifest import read_manifest
from benchmark.dispatch import train
from benchmark.runs.declared import resolve_arm
from benchmark.settings.loading import parse_params
from benchmark.training import device, loop
from benchmark.training.batches import load_split
from tests.factories.data import make_data
from tests.settings.test_params import composed
from tests.speed.test_train_speed import bare_step

STEPS = 30


@pytest.mark.speed
@pytest.mark.parametrize("size", ["small", "mid", "large"])
def test_parallel_runs_against_bare_steps_on_all_cores(benchmark, tmp_path, monkeypatch, size):
    raw = composed("scale=tiny")
    images = 960 if benchmark.enabled else 32
    raw["systems"] = {}
    raw["arms"] = {"basenet_mt": {size: {"loss": "ce_mse", "size": size}}}
    raw["seeds"] = list(range(2 * core_count()))
    raw["train"] |= {"epochs": 2, "device": "cpu"}
    params = parse_params(raw)
    make_data(tmp_path, {size: params.sizes.of(size)}, {"train": images, "val": 8, "test": 8})
    monkeypatch.chdir(tmp_path)
    manifest = read_manifest()
    spec = resolve_arm(params, "basenet_mt", size, manifest)[0]
    splits = {split: load_split(split, f"plain/{size}", manifest) for split in SPLITS}
    step = bare_step(loop.start(spec, splits, device.open_fabric(spec.train), tmp_path / "bare"), spec)
    step()
    began = time.perf_counter()
    for _ in range(STEPS if benchmark.enabled else 1):
        step()
    bare = (STEPS if benchmark.enabled else 1) * spec.train.batch_size / (time.perf_counter() - began)

    benchmark.pedantic(train.run, args=(params,), rounds=1)
    if benchmark.enabled:
        seen = len(params.seeds) * params.train.epochs * images
        rate = seen / benchmark.stats.stats.median
        benchmark.extra_info |= {
            "images_per_s": round(rate, 1),
            "ratio_to_bare_steps_on_all_cores": round(rate / (core_count() * bare), 3),
        }
        print(f"\n{size}, {core_count()} cores, processes started and all: {benchmark.extra_info}")

"""Training images/s of the loop against the bare forward and backward pass on a ready batch."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from benchmark import runs, train
from benchmark.data import load_split
from benchmark.manifest import read_manifest
from benchmark.params import load_params
from benchmark.sources import SPLITS
from models.losses import load_loss
from tests.conftest import ROOT
from tests.made_data import make_data

COUNT = 512


def bare_step(training, spec):
    """One forward, backward and update on a batch that lies ready on the device."""
    images = torch.randn(spec.train.batch, 3, spec.pixels, spec.pixels).to(memory_format=torch.channels_last)
    grade = torch.randint(0, 5, (spec.train.batch,))
    loss_of = load_loss(spec.objective.name)

    def step():
        training.fabric.backward(loss_of(training.model(images), grade).mean())
        training.optimizer.step()
        training.optimizer.zero_grad()

    return step


@pytest.mark.speed
@pytest.mark.parametrize(("stage", "arm"), [("basenet_mt", "small"), ("basenet_mt", "mid"), ("basenet_mt", "large")])
def test_the_loop_keeps_the_network_busy(benchmark, tmp_path, monkeypatch, stage, arm):
    params = load_params(ROOT / "params.yaml")
    sizes = {params.arm(stage, arm).size: params.sizes.of(params.arm(stage, arm).size)}
    make_data(tmp_path, sizes, {"train": COUNT, "val": 8, "test": 8})
    monkeypatch.chdir(tmp_path)
    manifest = read_manifest()
    splits = {split: load_split(split, params.arm(stage, arm).size, manifest) for split in SPLITS}
    spec = runs.describe(params, stage, arm, manifest, {split: len(data) for split, data in splits.items()})[0]
    training = train._start(spec, splits, train._fabric(spec.train), tmp_path / "scratch")
    step = bare_step(training, spec)

    def epoch():
        training.progress.step = 0
        with train._bar(training, "1/1") as bar:
            train._train_epoch(training, 0, bar)

    epoch()
    step()
    ratios = []

    def paired():
        start = time.perf_counter()
        for _ in range(COUNT // spec.train.batch):
            step()
        middle = time.perf_counter()
        epoch()
        ratios.append((middle - start) / (time.perf_counter() - middle))

    benchmark.pedantic(paired, rounds=5)
    benchmark.extra_info["images_per_second"] = round(training.images / training.clock.training, 1)
    benchmark.extra_info["ratio_to_bare_step"] = round(float(np.median(ratios)), 3)
    print(f"\n{stage}/{arm} at {spec.pixels} px: {benchmark.extra_info}")

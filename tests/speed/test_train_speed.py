"""Images/s of the training loop relative to bare steps on a loaded batch, and its time waiting for data."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from benchmark.common.terms import SPLITS
from benchmark.data.manifest import read_manifest
from benchmark.runs.declared import resolve_arm
from benchmark.settings.loading import parse_params
from benchmark.training import device, loop
from benchmark.training.batches import load_split
from models.losses.registry import load_loss
from tests.factories.data import make_data
from tests.settings.test_params import composed

COUNT = 512
ARMS = {"basenet_mt/small": "small", "basenet_mt/mid": "mid", "basenet_mt/large": "large"}
LEVELS = {"basenet_mt/small": "small", "m2cnn/mid": "mid", "m2cnn/large": "large"}
PLAIN, FAST = {"precision": "32-true", "compile": False}, {"precision": "bf16-mixed", "compile": True}
CASES = [pytest.param("scale=tiny", arm, {}, id=arm) for arm in ARMS] + [
    pytest.param(
        *("scale=paper", arm, {"device": "cuda", **settings}),
        id=f"paper {arm} {settings['precision']}",
        marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="the paper's scale needs a CUDA device"),
    )
    for arm in LEVELS
    for settings in (PLAIN, FAST)
]


def bare_step(training, spec):
    """Return a function that makes one forward, backward and update on a batch on the device."""
    device = training.fabric.device
    images = torch.randn(spec.train.batch_size, 3, spec.pixels, spec.pixels, device=device)
    images = images.to(memory_format=torch.channels_last)
    grade = torch.randint(0, 5, (spec.train.batch_size,), device=device)
    loss_of = load_loss(spec.loss.name)

    def step():
        training.fabric.backward(loss_of(training.model(images), grade).mean())
        training.update(0)

    return step


@pytest.mark.speed
@pytest.mark.parametrize("encoding", ["raw", "jpeg"])
@pytest.mark.parametrize(("scale", "path", "settings"), CASES)
def test_the_loop_keeps_the_network_busy(benchmark, tmp_path, monkeypatch, scaled, scale, path, settings, encoding):
    count = scaled(COUNT, 32)
    stage, arm = path.split("/")
    raw = composed(scale)
    raw["model"]["pretrained"] = False
    raw["train"] |= settings
    raw["arms"][stage][arm].pop("from", None)
    params = parse_params(raw)
    size = params.arm(stage, arm).size
    sizes = {size: params.sizes.of(size)}
    make_data(tmp_path, sizes, {"train": count, "val": 8, "test": 8}, encoding=encoding)
    monkeypatch.chdir(tmp_path)
    manifest = read_manifest()
    splits = {split: load_split(split, f"plain/{size}", manifest) for split in SPLITS}
    spec = resolve_arm(params, stage, arm, manifest)[0]
    training = loop.start(spec, splits, device.open_fabric(spec.train), tmp_path / "scratch")
    step = bare_step(training, spec)

    def finished():
        if training.fabric.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def epoch():
        training.progress.step = 0
        loop.train_epoch(training, 0)

    epoch()
    step()
    ratios = []

    def paired():
        start = finished()
        for _ in range(count // spec.train.batch_size):
            step()
        middle = finished()
        epoch()
        ratios.append((middle - start) / (finished() - middle))

    benchmark.pedantic(paired, rounds=5)
    benchmark.extra_info["images_per_second"] = round(training.images / training.clock.training, 1)
    benchmark.extra_info["ratio_to_bare_step"] = round(float(np.median(ratios)), 3)
    benchmark.extra_info["wait_share"] = round(training.reader.waited / training.clock.training, 4)
    if training.fabric.device.type == "cuda":
        benchmark.extra_info["peak_memory_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
    print(f"\n{stage}/{arm} {settings} at {spec.pixels} px, {encoding}: {benchmark.extra_info}")

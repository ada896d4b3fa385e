from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
import yaml

from benchmark.cli import step_timing
from benchmark.cli.plan import count_images, plan, render
from benchmark.common.errors import InputError
from benchmark.data.manifest import Row, write_manifest
from benchmark.settings.loading import parse_params
from models.cost import network_cost
from tests.conftest import ROOT, tiny_params

BOTH = {"score": "regression", "prob": "softmax"}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def default_params():
    return yaml.safe_load((ROOT / "params.yaml").read_text())


def folder_params(**data):
    """Parameters for a folder of photographs, which declares no number of images."""
    raw = tiny_params()
    raw["data"] = {"source": "csv", "name": "folder", "root": "photographs"} | data
    return raw


def manifest_of(name: str, counts: dict[str, int]) -> None:
    write_manifest(
        [
            Row(f"{split}{i}", "", "", "unknown", 0, split, "", 0, 0, name)
            for split, count in counts.items()
            for i in range(count)
        ]
    )


def test_every_declared_arm_has_a_row_with_its_counts():
    params = parse_params(default_params())
    made = plan(params, measure=False)
    rows = {f"{one.stage}/{one.arm}": one for one in made.trainings}
    assert list(rows) == [f"{stage}/{arm}" for stage, arms in params.arms.items() for arm in arms]
    ours, train = rows["m2cnn/large"], 2 * params.data.patients.train
    cost = network_cost(params.model, 3, BOTH, params.sizes.large)
    assert (ours.pixels, ours.level, ours.runs) == (params.sizes.large, 3, len(params.seeds))
    assert (ours.parameters, ours.macs_per_image) == (cost.parameters, cost.macs)
    assert ours.images == params.train.epochs * train
    # Three times a forward pass: the backward pass takes two more.
    assert ours.macs == 3 * cost.macs * ours.images * len(params.seeds)
    assert rows["controls/same_images"].images == 3 * ours.images


def test_the_papers_network_is_counted_without_being_trained():
    raw = default_params()
    raw["model"] |= {"trunk": "inception_resnet_v2", "cut": "block8", "stride": 32, "cells": {"width": 1.0}}
    raw["sizes"] = {"small": 224, "mid": 448, "large": 720}
    raw["arms"] = {stage: raw["arms"][stage] for stage in ("basenet_mt", "m2cnn")}
    made = plan(parse_params(raw), measure=False)
    rows = {f"{one.stage}/{one.arm}": one for one in made.trainings}
    assert rows["basenet_mt/small"].macs_per_image == pytest.approx(6.39e9, rel=0.01)
    added = rows["m2cnn/large"].parameters - rows["basenet_mt/large"].parameters
    # Two levels at Inception-ResNet-v2's own widths add 16.6 M parameters.
    assert added == pytest.approx(16.6e6, rel=0.01)
    assert all(one.seconds is None and one.memory is None for one in made.trainings)
    assert "time and memory: not measured" in render(made)


def test_the_table_is_aligned_and_ends_with_totals():
    made = plan(parse_params(default_params()), measure=False)
    lines = render(made).partition("\n\n")[0].splitlines()
    assert len({len(line) for line in lines}) == 1
    assert len(lines) == len(made.trainings) + 4
    assert lines[-1].split()[:3] == ["in", "all", str(sum(one.runs for one in made.trainings))]


def test_it_says_what_decides_which_stages_run():
    assert "`dvc status`" in render(plan(parse_params(tiny_params()), measure=False))


def test_without_a_manifest_the_images_of_a_folder_are_unknown():
    made = plan(parse_params(folder_params()), measure=False)
    assert all(one.images is None and one.macs is None for one in made.trainings)
    assert made.packs is None
    text = render(made)
    assert "unknown until fetch" in text
    assert "packs unknown" in text


def test_the_manifest_tells_the_images_of_a_folder():
    manifest_of("folder", {"train": 30, "val": 10, "test": 20})
    params = parse_params(folder_params())
    assert count_images(params)[0] == {"train": 30, "val": 10, "test": 20}
    assert plan(params, measure=False).trainings[0].images == 2 * 30


def test_a_manifest_of_other_data_tells_nothing():
    manifest_of("another", {"train": 30, "val": 10, "test": 20})
    assert count_images(parse_params(folder_params()))[0] is None
    # What the phantom will hold follows from its parameters, whatever was made before.
    assert count_images(parse_params(tiny_params()))[0] == {"train": 32, "val": 20, "test": 20}


def test_disk_is_that_of_packs_and_models():
    raw = tiny_params()
    made = plan(parse_params(raw), measure=False)
    images = 2 * (16 + 10 + 10)
    assert made.packs == {size: images * pixels**2 * 3 for size, pixels in raw["sizes"].items()}
    assert made.models == sum(4 * one.parameters * 2 for one in made.trainings)
    raw["prepare"] |= {"encoding": "jpeg"}
    smaller = plan(parse_params(raw), measure=False)
    assert sum(smaller.packs.values()) < sum(made.packs.values()) / 5
    assert "an estimate" in render(smaller)
    assert "an estimate" not in render(made)


def test_steps_are_measured_once_per_level_size_and_heads(here, monkeypatch):
    raw = tiny_params()
    # A rate at which noise would diverge.
    raw["train"] |= {"lr": 10.0}
    raw["arms"]["basenet"]["again"] = raw["arms"]["basenet"]["mse_small"]
    measured = []
    original = step_timing.Stopwatch.measure

    def noted(self, arm):
        measured.append(arm)
        return original(self, arm)

    monkeypatch.setattr(step_timing.Stopwatch, "measure", noted)
    made = plan(parse_params(raw), measure=True)
    assert len(measured) == 3
    assert all(one.seconds > 0 and one.memory >= 0 for one in made.trainings)
    first, again = made.trainings[0], made.trainings[1]
    assert first.seconds == again.seconds
    assert f"on {made.device}" in render(made)
    assert list(here.iterdir()) == []


def test_time_counts_validation_and_prediction_at_a_third(monkeypatch):
    monkeypatch.setattr(step_timing.Stopwatch, "measure", lambda *_: step_timing.Step(1.0, 5, 8))
    one = plan(parse_params(tiny_params()), measure=True).trainings[0]
    train, val, test, epochs, runs = 32, 20, 20, 2, 2
    assert one.seconds == pytest.approx(runs * (epochs * train + ((epochs + 1) * val + test) / 3))


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError(), RuntimeError("can't allocate memory")]
)
def test_out_of_memory_is_one_sentence_that_says_what_to_lower(monkeypatch, error):
    def full(*_):
        raise error

    monkeypatch.setattr(step_timing.loop, "train_epoch", full)
    with pytest.raises(InputError, match=r"lower `train\.batch` \(now 8\) or `sizes\.small` \(now 32\)$"):
        plan(parse_params(tiny_params()), measure=True)


def test_a_step_that_would_outgrow_the_machine_is_out_of_memory_too(monkeypatch):
    monkeypatch.setattr(step_timing, "_physical", lambda: -1)
    with pytest.raises(InputError, match="must fit into the memory"):
        plan(parse_params(tiny_params() | {"train": tiny_params()["train"] | {"device": "cpu"}}), measure=True)


def test_another_fault_is_not_called_out_of_memory(monkeypatch):
    def broken(*_):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(step_timing.loop, "train_epoch", broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        plan(parse_params(tiny_params()), measure=True)


def test_declaring_the_command_needs_no_torch():
    code = "import sys, benchmark.cli.plan; sys.exit('torch' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 0

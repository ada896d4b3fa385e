"""``fundusbench plan``: counts, times and disk space before anything runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml

from benchmark.cli import plan as commands
from benchmark.cli import step_timing
from benchmark.cli.main import main
from benchmark.cli.output import format_plain
from benchmark.cli.plan import Plan, count_images, count_trainings, plan, plan_parts, predicted_images
from benchmark.common.errors import InputError
from benchmark.common.files import write_text
from benchmark.common.terms import SPLITS
from benchmark.data.manifest import ManifestRow, write_manifest
from benchmark.dispatch import train
from benchmark.runs.environment import cpu
from benchmark.runs.labels import step_key
from benchmark.runs.results import write_spec
from benchmark.settings.loading import parse_params
from models.cost import network_cost
from tests.conftest import ROOT, tiny_params
from tests.factories.data import make_data
from tests.factories.runs import make_params, make_record, make_result, record_path

BOTH = {"score": "regression", "prob": "softmax"}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def render(made: Plan) -> str:
    return format_plain(*plan_parts(made))


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
            ManifestRow(f"{split}{i}", "", "", "unknown", 0, split, "", 0, 0, name)
            for split, count in counts.items()
            for i in range(count)
        ]
    )


def test_records_of_runs_are_found_by_the_plans_key():
    counted = count_trainings(parse_params(default_params()), None)
    assert all(one.key == step_key(spec) for one, spec in counted)


def test_every_declared_arm_has_a_row_with_its_counts():
    params = parse_params(default_params())
    made = plan(params, measure=False)
    rows = {f"{one.method}/{one.arm}": one for one in made.trainings}
    systems = [f"{name}/{arm}" for name, system in params.systems.items() for arm in (*system.nets, "blends")]
    own = [f"{stage}/{arm}" for stage, arms in params.arms.items() for arm in arms]
    assert sorted(rows) == sorted([*own, *systems])
    assert list(rows)[: len(own)] == own
    ours, train = rows["m2cnn/large"], 2 * params.data.patients.train
    cost = network_cost(params.model, 2, BOTH, params.sizes.large)
    assert (ours.pixels, ours.n_cells, ours.runs) == (params.sizes.large, 2, len(params.seeds))
    assert (ours.parameters, ours.macs_per_image) == (cost.parameters, cost.macs)
    assert ours.images == params.train.epochs * train
    # Three times a forward pass: the backward pass takes two more, and none to the photograph.
    assert ours.macs == pytest.approx(3 * cost.macs * ours.images * len(params.seeds), rel=0.02)
    assert ours.images < rows["controls/same_macs"].images < 3 * ours.images


def test_a_systems_networks_and_their_predictions_are_counted():
    raw = default_params()
    raw["systems"] = {
        "min_pooling": raw["systems"]["min_pooling"] | {"holdout_fraction": 0.25, "tta_views": 3, "seeds": 2}
    }
    params = parse_params(raw)
    made = plan(params, measure=False)
    one, two, blends = (row for row in made.trainings if row.method == "min_pooling")
    train, held = 2 * params.data.patients.train, 2 * (params.data.patients.val + params.data.patients.test)
    assert (one.runs, one.images) == (2, params.train_of("min_pooling", "net_1").epochs * train * 3 // 4)
    assert one.macs == pytest.approx(one.step_cost * one.macs_per_image * one.images * 2)
    # Forward passes: three TTA views of held-out and evaluated images, and the unchanged held-out images.
    assert blends.images == 3 * (train // 4 + held) + train // 4
    assert blends.macs == (one.macs_per_image + two.macs_per_image) * blends.images * 2
    assert blends.depends_on == ("min_pooling/net_1", "min_pooling/net_3")
    assert "forward passes" in render(made)
    raw["systems"]["min_pooling"]["seeds"] = 0
    assert not [row for row in plan(parse_params(raw), measure=False).trainings if row.method == "min_pooling"]


def test_blends_cost_predictions_of_the_networks_that_they_read_but_not_of_their_parents():
    raw = default_params()
    raw["systems"] = {"o_o": raw["systems"]["o_o"]}
    *stages, last, blends = (row for row in plan(parse_params(raw), measure=False).trainings if row.method == "o_o")
    assert [stage.arm for stage in (*stages, last)] == ["a_1", "a_2", "a_3"]
    assert last.depends_on == ("o_o/a_2",)
    assert blends.macs_per_image == last.macs_per_image
    assert blends.depends_on == ("o_o/a_3",)


def test_frozen_parts_of_a_network_take_no_backward_pass():
    raw = default_params()
    raw["systems"] = {"zoom_in_net": raw["systems"]["zoom_in_net"]}
    m, a, c = (row for row in plan(parse_params(raw), measure=False).trainings if row.arm in ("m", "a", "c"))
    assert m.step_cost == pytest.approx(3, rel=0.02)
    # A-Net has little more than M-Net, which is frozen.
    assert 1 < a.step_cost < 1.2
    assert 1.5 < c.step_cost < 2
    assert a.macs < a.images * a.runs * 1.2 * a.macs_per_image


def test_only_features_are_predicted_again_after_training():
    raw = default_params()
    patients = parse_params(raw).data.patients
    images = {split: 2 * getattr(patients, split) for split in SPLITS}
    held = images["val"] + images["test"]
    raw["systems"] = {
        name: raw["systems"][name] | {"holdout_fraction": 0.25, "tta_views": 1} for name in ("zoom_in_net", "huang")
    }
    zoom, huang = (predicted_images(parse_params(raw), name, images) for name in ("zoom_in_net", "huang"))
    kept = images["train"] // 4
    # Zoom-in-Net draws random windows in a TTA view.
    assert zoom == kept + (kept + held)
    assert huang == kept + held


@pytest.mark.slow
def test_a_systems_time_is_part_of_the_total():
    raw = tiny_params()
    raw["arms"] = {"basenet": {"mse_small": {"loss": "mse", "size": "small"}}}
    made = plan(parse_params(raw), measure=True)
    assert [row.arm for row in made.trainings] == ["mse_small", "net_1", "blends"]
    assert all(row.seconds and row.seconds[0] > 0 for row in made.trainings)
    assert made.wall[0] > max(row.seconds[0] for row in made.trainings)


@pytest.mark.slow
def test_the_papers_network_is_counted_without_being_trained():
    raw = default_params()
    raw["model"] |= {
        "backbone": "inception_resnet_v2",
        "truncate_after": "block8",
        "stride": 32,
        "cells": {"width": 1.0},
    }
    raw["sizes"] = {"small": 224, "mid": 448, "large": 720}
    raw["arms"] = {stage: raw["arms"][stage] for stage in ("basenet_mt", "m2cnn")}
    raw["systems"] = {}
    made = plan(parse_params(raw), measure=False)
    rows = {f"{one.method}/{one.arm}": one for one in made.trainings}
    assert rows["basenet_mt/small"].macs_per_image == pytest.approx(6.39e9, rel=0.01)
    added = rows["m2cnn/large"].parameters - rows["basenet_mt/large"].parameters
    # Two cells with the widths of Inception-ResNet-v2 add 16.6 M parameters.
    assert added == pytest.approx(16.6e6, rel=0.01)
    assert all(one.seconds is None and one.memory is None for one in made.trainings)
    assert "time and memory: not measured" in render(made)


def test_the_table_is_aligned_and_ends_with_totals():
    made = plan(parse_params(default_params()), measure=False)
    lines = render(made).partition("\n\n")[0].splitlines()
    assert len({len(line) for line in lines}) == 1
    assert len(lines) == len(made.trainings) + 4
    assert lines[-1].split()[:2] == ["total", str(sum(one.runs for one in made.trainings))]


def test_it_says_what_is_left_and_with_everything_finished_that_alone(monkeypatch, capsys):
    raw = tiny_params()
    write_text(Path("params.yaml"), yaml.safe_dump(raw))
    make_data(Path(), {"small": 32, "mid": 48}, {"train": 32, "val": 20, "test": 20})
    measured = []

    def measure(_, spec):
        measured.append(spec.arm)
        return step_timing.TimedStep(0.0, 0.0, 10.0, 5, 8)

    monkeypatch.setattr(step_timing.Stopwatch, "measure", measure)
    monkeypatch.setattr(commands, "is_trained", lambda spec: spec.name != "basenet/mse_small/1")
    assert main(["plan"]) == 0
    shown = capsys.readouterr().out
    assert "left: 1 of 8 runs are not finished, and take 10 s" in shown
    assert measured == ["mse_small"]
    monkeypatch.setattr(commands, "is_trained", lambda spec: True)
    assert main(["plan"]) == 0
    assert capsys.readouterr().out.startswith("all 8 runs are finished")
    assert measured == ["mse_small"]


def test_it_points_to_the_command_that_lists_stale_stages():
    assert "`dvc status`" in render(plan(parse_params(tiny_params()), measure=False))


def test_without_a_manifest_the_images_of_a_folder_are_unknown():
    made = plan(parse_params(folder_params()), measure=False)
    assert all(one.images is None and one.macs is None for one in made.trainings)
    assert made.packs is None
    text = render(made)
    assert "unknown until fetch" in text
    assert "packs unknown" in text


def test_the_images_of_a_folder_are_counted_in_the_manifest():
    manifest_of("folder", {"train": 30, "val": 10, "test": 20})
    params = parse_params(folder_params())
    assert count_images(params)[0] == {"train": 30, "val": 10, "test": 20}
    assert plan(params, measure=False).trainings[0].images == 2 * 30


def test_a_manifest_of_other_data_is_ignored():
    manifest_of("another", {"train": 30, "val": 10, "test": 20})
    assert count_images(parse_params(folder_params()))[0] is None
    # The phantom's counts follow from its parameters, whatever the manifest lists.
    assert count_images(parse_params(tiny_params()))[0] == {"train": 32, "val": 20, "test": 20}


def test_packs_of_an_earlier_experiment_do_not_matter(here):
    params = parse_params(default_params())
    expected = [(one.method, one.arm, one.macs_per_image) for one, _ in count_trainings(params, None)]
    make_data(here, {"small": 16, "mid": 24, "large": 32}, {"train": 2, "val": 2, "test": 2})
    assert [(one.method, one.arm, one.macs_per_image) for one, _ in count_trainings(params, None)] == expected


def test_disk_space_is_the_sum_of_packs_and_models():
    raw = tiny_params()
    made = plan(parse_params(raw), measure=False)
    images = 2 * (16 + 10 + 10)
    assert made.packs == {size: images * pixels**2 * 3 for size, pixels in raw["sizes"].items()}
    assert made.models == sum(4 * one.parameters * one.runs for one in made.trainings)
    raw["prepare"] |= {"encoding": "jpeg"}
    smaller = plan(parse_params(raw), measure=False)
    assert sum(smaller.packs.values()) < sum(made.packs.values()) / 5
    assert "an estimate" in render(smaller)
    assert "an estimate" not in render(made)


@pytest.mark.slow
def test_steps_are_measured_once_per_n_cells_size_and_heads(here, monkeypatch):
    raw = tiny_params()
    # A learning rate at which training on noise would diverge.
    raw["train"] |= {"lr": 10.0}
    raw["systems"] = {}
    raw["arms"]["basenet"]["again"] = raw["arms"]["basenet"]["mse_small"]
    measured = []
    original = step_timing.Stopwatch.measure

    def recorded(self, arm):
        measured.append(arm)
        return original(self, arm)

    monkeypatch.setattr(step_timing.Stopwatch, "measure", recorded)
    made = plan(parse_params(raw), measure=True)
    assert len(measured) == 3
    assert all(0 < one.seconds[0] <= one.seconds[1] and one.memory >= 0 for one in made.trainings)
    first, again = made.trainings[0], made.trainings[1]
    assert first.seconds == again.seconds
    assert f"on {made.device}" in render(made)
    assert list(here.iterdir()) == []


def test_time_counts_start_and_steps_with_val_and_test_at_a_third(monkeypatch):
    monkeypatch.setattr(step_timing.Stopwatch, "measure", lambda *_: step_timing.TimedStep(1.0, 2.0, 7.0, 5, 8))
    one = plan(parse_params(tiny_params()), measure=True).trainings[0]
    train, val, test, epochs = 32, 20, 20, 2
    steps = epochs * (train + val / 3) + test / 3
    assert one.seconds == pytest.approx((7 + steps, 7 + 2 * steps), rel=0.02)


def test_the_total_time_is_that_of_the_parallel_queue(monkeypatch):
    monkeypatch.setattr(step_timing.Stopwatch, "measure", lambda *_: step_timing.TimedStep(0.0, 0.0, 10.0, 5, 8))
    for workers, seconds in ((1, 60), (2, 30), (6, 20)):
        raw = tiny_params() | {"systems": {}}
        raw["train"] |= {"parallel_runs": workers}
        # Two seeds of a lone arm, and of a parent with its child.
        assert plan(parse_params(raw), measure=True).wall == pytest.approx((seconds, seconds))


def test_records_of_earlier_runs_on_this_processor_replace_measured_steps(monkeypatch):
    measured = []

    def measure(_, spec):
        measured.append(f"{spec.method}/{spec.arm}")
        return step_timing.TimedStep(1.0, 2.0, 7.0, 5, 8)

    monkeypatch.setattr(step_timing.Stopwatch, "measure", measure)
    params = parse_params(tiny_params())
    counted = plan(params, measure=False).trainings[0]
    for seed, seconds in ((0, 30.0), (1, 45.0)):
        made = make_result(make_params(), "basenet", "mse_small", seed)
        made = made.model_copy(
            update={
                "pixels": counted.pixels,
                "parameters": counted.parameters,
                "train": params.train,
                "heads": ["score"],
            }
        )
        made = made.model_copy(update={"data": made.data.model_copy(update={"train": 32, "val": 20, "test": 20})})
        write_spec(made, made.folder())
        record = make_record(0, seconds).model_copy(update={"cpu": cpu(), "gpu": ""})
        write_text(record_path(made), record.model_dump_json())
    found = plan(params, measure=True).trainings
    assert found[0].seconds == pytest.approx((30.0, 45.0))
    assert found[1].seconds != pytest.approx((30.0, 45.0))
    assert measured
    assert "basenet/mse_small" not in measured


@pytest.mark.slow
def test_a_plan_is_within_a_factor_of_1_5_of_the_time_of_its_runs(monkeypatch):
    """Compare the plan with the records of a tiny rebuild, both in CPU time."""
    monkeypatch.setattr(time, "perf_counter", time.process_time)
    raw = tiny_params() | {"systems": {}}
    raw["arms"] = {"basenet_mt": {"small": {"loss": "ce_mse", "size": "small"}}}
    raw["train"] |= {"epochs": 20}
    params = parse_params(raw)
    make_data(Path(), {"small": 32}, {"train": 32, "val": 20, "test": 20})
    expected = plan(params, measure=True).wall
    train.run(params)
    took = sum(json.loads(path.read_text())["seconds"] for path in Path("records").rglob("*.json"))
    low, high = expected
    assert low / 1.5 <= took <= high * 1.5


@pytest.mark.slow
@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError(), RuntimeError("can't allocate memory")]
)
def test_out_of_memory_is_one_sentence_that_names_the_parameters_to_lower(monkeypatch, error):
    def full(*_):
        raise error

    monkeypatch.setattr(step_timing.loop, "train_epoch", full)
    with pytest.raises(InputError, match=r"8 images of 32 px .* lower `train\.batch_size` or `sizes\.small`$"):
        plan(parse_params(tiny_params()), measure=True)


@pytest.mark.slow
def test_a_step_larger_than_the_memory_is_out_of_memory(monkeypatch):
    monkeypatch.setattr(step_timing.psutil, "virtual_memory", lambda: SimpleNamespace(total=-1))
    with pytest.raises(InputError, match="must fit into memory"):
        plan(parse_params(tiny_params() | {"train": tiny_params()["train"] | {"device": "cpu"}}), measure=True)


@pytest.mark.slow
def test_another_error_is_not_reported_as_out_of_memory(monkeypatch):
    def broken(*_):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(step_timing.loop, "train_epoch", broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        plan(parse_params(tiny_params()), measure=True)


@pytest.mark.slow
def test_importing_the_command_imports_no_torch():
    code = "import sys, benchmark.cli.plan; sys.exit('torch' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 0

"""MLflow has the content of the folders, completely and without duplicates."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import fmean, stdev
from types import SimpleNamespace
from typing import Any

import pytest

from benchmark.settings.params import Params
from benchmark.tracking import store
from benchmark.tracking.entries import RunEntry
from benchmark.tracking.replay import SyncReport, sync
from tests.factories.paths import ROOT
from tests.factories.tracking import (
    KAPPAS,
    Filled,
    client_of,
    fill,
    named,
    runs_of,
    spec_of,
    write_evaluation,
    write_run,
)

pytestmark = pytest.mark.slow


def test_every_run_is_logged_to_an_empty_store(filled: Filled) -> None:
    assert filled.report.warning == ""
    assert len(runs_of(filled.root, "group")) == 2
    runs = named(runs_of(filled.root))
    assert set(runs) == {"basenet_mt/small/0", "basenet_mt/small/1", "m2cnn/mid/0"}
    for identity, run_id in filled.report.runs.items():
        assert runs["/".join(map(str, identity))].info.run_id == run_id


def test_a_run_names_the_use_of_each_split(filled: Filled) -> None:
    run = named(runs_of(filled.root))["m2cnn/mid/0"]
    uses = {(each.dataset.name, each.tags[0].value) for each in run.inputs.dataset_inputs}
    assert uses == {("phantom/train", "training"), ("phantom/val", "validation"), ("phantom/test", "testing")}


def test_a_run_has_its_identity_parameters_and_origin(filled: Filled, params: Params) -> None:
    run = named(runs_of(filled.root))["m2cnn/mid/0"]
    tags, given = run.data.tags, run.data.params
    spec = spec_of(params, "m2cnn", "mid", 0)
    names = ("method", "arm", "data", "loss", "size", "pixels", "n_cells", "seed", "parent", "key")
    assert {name: tags[name] for name in names} == {
        "method": "m2cnn",
        "data": "phantom",
        "loss": "ce_mse",
        "arm": "m2cnn/mid",
        "size": "mid",
        "pixels": str(spec.pixels),
        "n_cells": "1",
        "seed": "0",
        "parent": "basenet_mt/small",
        "key": spec.key,
    }
    assert tags["mlflow.source.git.commit"] == "f" * 40
    assert (tags["git_dirty"], tags["flags"], tags["synthetic"]) == ("true", "collapsed:prob", "true")
    assert "generated" in tags["mlflow.note.content"]
    assert (given["arm"], given["size"], given["seed"]) == ("m2cnn/mid", "mid", "0")
    assert given["train.augment.rotate"] == str(params.train.augment.rotate)
    assert given["loss.parameters.weight"] == "1.0"
    experiment = client_of(filled.root).get_experiment(run.info.experiment_id)
    assert experiment.name == f"{params.tracking.experiment}/phantom"
    assert "generated" in experiment.tags["mlflow.note.content"]


def test_a_run_has_its_curve_its_kappas_its_costs_and_its_files(filled: Filled) -> None:
    held = filled.held["basenet_mt/small/1"]
    points = {name: [(step, value) for step, value, _ in values] for name, values in held["points"].items()}
    assert points["epoch/train_loss"] == [(1, 2.0), (2, 1.5), (3, 1 / 3 + 1)]
    assert [step for step, _ in points["epoch/val_kappa_score"]] == [1, 2, 3]
    assert "epoch/val_kappa_prob" not in points
    assert (points["val_kappa_score"], points["test_kappa_prob"]) == ([(0, 0.7)], [(0, 0.35)])
    assert (points["val_kappa"], points["test_kappa"]) == ([(0, 0.7)], [(0, 0.35)]), "of the main output"
    assert points["val_kappa_score_expected"] == [(0, 0.7)]
    assert points["val/accuracy_score"] == points["test/accuracy_prob"] == [(0, pytest.approx(0.8))]
    assert not any("recall" in name for name in points), "an undefined metric is left out"
    assert not any(name.startswith("val/kappa") for name in points), "a kappa is logged once"
    assert (points["resources/images_per_second"], points["resources/parameters"]) == ([(0, 50.0)], [(0, 1000.0)])
    assert held["files"] == ["predictions/test.csv", "predictions/val.csv"]


def test_a_run_lasts_as_long_as_its_training_did(project: Path, params: Params) -> None:
    write_run(project, spec_of(params, "basenet_mt", "small", 0))
    write_run(project, spec_of(params, "basenet_mt", "small", 1), resumed=1)
    sync(project, params)
    runs = named(runs_of(project))
    straight, resumed = (runs[f"basenet_mt/small/{seed}"].info for seed in (0, 1))
    assert straight.start_time == 1767323045000
    assert straight.end_time - straight.start_time == 600_000
    assert resumed.end_time - resumed.start_time == 7_200_000


def test_seeds_are_grouped_under_one_parent_with_mean_and_sd(filled: Filled) -> None:
    groups, runs = named(runs_of(filled.root, "group")), named(runs_of(filled.root))
    assert set(groups) == {"basenet_mt/small", "m2cnn/mid"}
    parent = groups["basenet_mt/small"]
    for seed in (0, 1):
        assert runs[f"basenet_mt/small/{seed}"].data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert parent.data.metrics["val_kappa_score_mean"] == pytest.approx(fmean([0.6, 0.7]))
    assert parent.data.metrics["val_kappa_score_sd"] == pytest.approx(stdev([0.6, 0.7]), abs=1e-6)
    assert parent.data.metrics["val_kappa_mean"] == parent.data.metrics["val_kappa_score_mean"]
    assert parent.data.metrics["seeds"] == 2
    assert parent.data.metrics["test/accuracy_score_mean"] == pytest.approx(fmean([0.7, 0.8]))
    assert parent.data.metrics["test/accuracy_score_sd"] == pytest.approx(stdev([0.7, 0.8]), abs=1e-6)
    alone = groups["m2cnn/mid"].data.metrics
    assert (alone["test_kappa_prob_mean"], alone["seeds"]) == (0.4, 1)
    assert not any(name.endswith("_sd") for name in alone)


def test_track_prints_nothing_and_writes_nothing_elsewhere(project: Path, params: Params) -> None:
    write_run(project, spec_of(params, "m2cnn", "mid", 0))
    shutil.copy(ROOT / "params.yaml", project)
    (project / "mlflow.db").unlink()
    command = [sys.executable, "-m", "benchmark.cli", "track"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    environment |= {"PYTHONPATH": str(ROOT), "HOME": str(project / "home")}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [run.info.status for run in runs_of(project)] == ["FINISHED"]
    assert not (project / "home").exists()


def test_only_declared_arms_and_seeds_are_tracked(project: Path, params: Params) -> None:
    fill(project, params)
    fewer = params.model_copy(update={"seeds": [1]})
    assert set(sync(project, fewer).runs) == {("basenet_mt", "small", 1)}


def test_a_project_without_runs_leaves_the_store_alone(tmp_path: Path, params: Params) -> None:
    assert sync(tmp_path, params) == SyncReport()
    assert list(tmp_path.iterdir()) == []


def test_a_changed_key_is_a_new_run_in_a_new_group(project: Path, params: Params) -> None:
    fill(project, params)
    first = sync(project, params)
    longer = params.train.model_copy(update={"epochs": 99})
    for seed in (0, 1):
        write_run(project, spec_of(params, "basenet_mt", "small", seed, train=longer))
    second = sync(project, params)
    assert (len(runs_of(project)), len(runs_of(project, "group"))) == (5, 3)
    assert second.runs["m2cnn", "mid", 0] == first.runs["m2cnn", "mid", 0]
    assert second.runs["basenet_mt", "small", 0] != first.runs["basenet_mt", "small", 0]

    fresh = client_of(project).get_run(second.runs["basenet_mt", "small", 0])
    assert "val_kappa_score" not in fresh.data.metrics, "the evaluation is that of the old run"

    fill_again = [spec_of(params, "basenet_mt", "small", seed) for seed in (0, 1)]
    for spec in fill_again:
        write_run(project, spec)
    assert sync(project, params).runs == first.runs


def test_a_changed_parent_is_a_new_group_even_if_the_arm_has_the_same_parameters(project: Path, params: Params) -> None:
    fill(project, params)
    sync(project, params)
    write_run(project, spec_of(params, "m2cnn", "mid", 0, parent_key="another"))
    sync(project, params)
    parents = [run.data.tags["mlflow.parentRunId"] for run in runs_of(project) if run.data.tags["method"] == "m2cnn"]
    assert len(parents) == len(set(parents)) == 2


def test_seeds_trained_with_other_parameters_are_not_averaged(project: Path, params: Params) -> None:
    fill(project, params)
    longer = params.train.model_copy(update={"epochs": 99})
    write_run(project, spec_of(params, "basenet_mt", "small", 1, train=longer))
    write_evaluation(project, KAPPAS)
    sync(project, params)
    groups = [run for run in runs_of(project, "group") if run.data.tags["method"] == "basenet_mt"]
    assert sorted(group.data.metrics["val_kappa_score_mean"] for group in groups) == [0.6, 0.7]


def test_a_new_seed_joins_the_group(project: Path, params: Params) -> None:
    fill(project, params)
    sync(project, params)
    write_run(project, spec_of(params, "m2cnn", "mid", 1))
    write_evaluation(project, KAPPAS | {("m2cnn", "mid", 1): 0.6})
    sync(project, params)
    assert len(runs_of(project)) == 4
    group = named(runs_of(project, "group"))["m2cnn/mid"]
    assert group.data.metrics["val_kappa_score_mean"] == pytest.approx(0.7)
    assert group.data.metrics["val_kappa_score_sd"] == pytest.approx(stdev([0.8, 0.6]), abs=1e-6)


def test_other_results_of_the_same_key_are_another_run(project: Path, params: Params) -> None:
    spec = spec_of(params, "m2cnn", "mid", 0)
    write_run(project, spec)
    first = sync(project, params)
    write_run(project, spec, loss="001")
    second = sync(project, params)
    assert second.runs != first.runs
    write_run(project, spec)
    assert sync(project, params).runs == first.runs


def test_ten_thousand_runs_without_a_change_are_found_in_seconds(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client has no method that writes, so a change would fail."""
    spec = spec_of(params, "basenet_mt", "small", 0)
    groups = [
        [RunEntry("seed", "", f"{g}/{s}", "FINISHED", spec.data, {"seed": str(s)}, 0, outcome="o") for s in range(4)]
        for g in range(2000)
    ]
    parents = [RunEntry("group", "", str(g), "FINISHED", spec.data, {}, 0) for g in range(len(groups))]

    def stored(entry: RunEntry, parent: str = "") -> Any:
        tags = {"kind": entry.kind, "key": entry.key, "outcome": "o", "mlflow.parentRunId": parent, **entry.tags}
        info = SimpleNamespace(run_id=entry.key, status=entry.status)
        return SimpleNamespace(info=info, data=SimpleNamespace(tags=tags, metrics={}), outputs=None)

    runs = [stored(parent) for parent in parents]
    runs += [stored(seed, parent.key) for parent, seeds in zip(parents, groups, strict=True) for seed in seeds]
    monkeypatch.setattr(store, "_open_experiment", lambda *_: "1")
    monkeypatch.setattr(store, "_search", lambda *_: runs)
    opened = store.TrackingStore(object(), Path(), params, spec.data)
    began = time.process_time()
    for parent, seeds in zip(parents, groups, strict=True):
        assert opened.sync_group(parent, seeds, "here:1") == [seed.key for seed in seeds]
    assert time.process_time() - began < 2

"""Provenance: every row of a table leads to its runs, and no table depends on run ids or times."""

from __future__ import annotations

import csv
import re
import subprocess

import pytest

from benchmark.common.files import read_json, sha256_json
from benchmark.report import report
from benchmark.runs import environment as machine
from benchmark.runs.environment import environment
from benchmark.runs.run import Record
from benchmark.tracking import provenance
from benchmark.tracking.replay import SyncReport, sync
from tests.factories.runs import ARMS, make_all, make_params, make_record, make_result, record_path, settle

SMALL = {"basenet": {"mse_mid": ARMS["basenet"]["mse_mid"]}, "basenet_mt": {"mid": ARMS["basenet_mt"]["mid"]}}
IDS = {("basenet", "mse_mid", seed): f"id-{seed}" for seed in range(3)}


@pytest.fixture
def params(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    params = make_params(arms=SMALL)
    make_all(params)
    return params


@pytest.mark.slow
def test_a_row_of_a_table_leads_to_each_of_its_runs(params, tmp_path):
    settle(params)
    report.run(params)
    provenance.write(tmp_path, params, SyncReport(IDS, store="sqlite:///x"))
    known = read_json(provenance.PROVENANCE)
    lines = list(csv.DictReader((report.TABLES / "ablation.csv").open(newline="")))
    line = next(line for line in lines if line["arm"] == "mse_mid")
    arm = known["arms"][f"{line['method']}/{line['arm']}"]
    assert arm["runs"] == line["runs"]
    assert " ".join(arm["seeds"]) == line["seeds"]
    for seed, run in arm["seeds"].items():
        result = make_result(params, "basenet", "mse_mid", int(seed))
        assert (run["mlflow_run_id"], run["key"], run["folder"]) == (
            f"id-{seed}",
            result.key,
            f"runs/basenet/mse_mid/{seed}",
        )
        assert (run["data_hash"], run["parameter_hash"]) == (line["data_hash"], line["parameter_hash"])
        assert run["record"] == make_record(int(seed), 3 * 80).model_dump()
    parameters = known["parameters"][line["parameter_hash"]]
    assert parameters["train"]["lr"] == 0.003
    assert sha256_json(parameters).startswith(line["parameter_hash"])
    assert known["data"][line["data_hash"]]["name"] == "phantom"
    assert known["written"].keys() >= {"time", "host", "cpu", "gpu", "driver", "packages", "git_commit", "git_dirty"}


def test_seeds_share_their_parameters_and_other_parameters_have_another_hash(params):
    results = [make_result(params, "basenet", "mse_mid", seed) for seed in (0, 1)]
    assert results[0].parameter_hash == results[1].parameter_hash
    faster = results[0].model_copy(update={"train": params.train.model_copy(update={"lr": 0.1})})
    assert faster.parameter_hash != results[0].parameter_hash
    # The hash ignores the data set, the outcome and the code.
    moved = results[0].data.model_copy(update={"manifest_sha256": "1" * 64})
    assert results[0].model_copy(update={"data": moved, "epoch_kept": 1, "code_sha256": "-"}).parameter_hash == (
        results[0].parameter_hash
    )


@pytest.mark.slow
def test_neither_run_ids_nor_times_reach_the_tables_or_the_page(params, tmp_path):
    settle(params)
    report.run(params)
    before = {path: path.read_bytes() for path in report.REPORTS.rglob("*.*")}
    provenance.write(tmp_path, params, SyncReport(IDS))
    report.run(params)
    provenance.write(tmp_path, params, SyncReport())
    after = {path: path.read_bytes() for path in report.REPORTS.rglob("*.*")}
    assert {path: after[path] for path in before} == before
    assert set(after) - set(before) == {provenance.PROVENANCE}
    assert not any(b"id-0" in content for content in before.values())


def test_an_unreachable_mlflow_store_is_reported_in_the_file(params, tmp_path, monkeypatch):
    make_all(params)
    for path in tmp_path.glob("runs/*/*/*"):
        (path / "model.safetensors").touch()
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{blocked}/mlflow.db")
    provenance.write(tmp_path, params, sync(tmp_path, params))
    known = read_json(provenance.PROVENANCE)
    assert "is not up to date" in known["mlflow"]["warning"]
    assert known["arms"]["basenet/mse_mid"]["seeds"]["0"]["mlflow_run_id"] == ""


def test_a_run_without_a_record_is_listed_without_one(params, tmp_path):
    record_path(make_result(params, "basenet", "mse_mid", 1)).unlink()
    provenance.write(tmp_path, params, SyncReport())
    seeds = read_json(provenance.PROVENANCE)["arms"]["basenet/mse_mid"]["seeds"]
    assert seeds["1"]["record"] is None
    assert seeds["0"]["record"]["host"] == "made"


def test_without_runs_nothing_is_written(tmp_path):
    provenance.write(tmp_path, make_params(), SyncReport())
    assert not list(tmp_path.iterdir())


def test_the_file_is_outdated_if_it_is_missing_or_runs_were_added(params, tmp_path):
    assert "does not exist" in provenance.outdated(tmp_path, params)
    provenance.write(tmp_path, params, SyncReport())
    assert provenance.outdated(tmp_path, params) == ""
    more = make_params(arms={**SMALL, "controls": {"cells_mid": ARMS["controls"]["cells_mid"]}})
    make_all(more)
    assert "describes other runs" in provenance.outdated(tmp_path, more)


def test_a_record_without_hardware_is_valid():
    old = make_record(0, 1.0).model_dump()
    for name in ("cpu", "gpu", "driver"):
        del old[name]
    assert Record.model_validate(old).gpu == ""


def test_the_environment_names_processor_gpus_and_driver(monkeypatch):
    monkeypatch.setattr(machine, "_output", lambda *_: "NVIDIA A, 550.1\nNVIDIA B, 550.1\nNVIDIA A, 550.1")
    found = environment()
    assert (found["gpu"], found["driver"]) == ("2 x NVIDIA A, 1 x NVIDIA B", "550.1")
    assert found["cpu"]


def test_without_a_gpu_or_its_tool_the_fields_are_empty(monkeypatch):
    def absent(*_, **__):
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, "run", absent)
    found = machine.hardware()
    assert found["cpu"]
    assert (found["gpu"], found["driver"]) == ("", "")
    assert machine.gpus("") == ("", "")
    assert not re.search(r"\n", found["cpu"])

"""Checks of ``fundusbench doctor``, each on a machine or folder with its fault."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import pytest
import yaml

from benchmark.cli import doctor
from benchmark.cli.main import main
from benchmark.data.manifest import ManifestRow, write_manifest
from benchmark.settings.loading import load_params, parse_params
from tests.conftest import ROOT, tiny_params


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tiny_params()))
    return tmp_path


def csv_params(**data):
    return parse_params(tiny_params() | {"data": {"source": "csv", "name": "mine", "root": "photographs"} | data})


def manifest(name: str, *paths: str) -> None:
    write_manifest([ManifestRow(path, path, "", "unknown", 0, "train", "", 0, 0, name) for path in paths])


@pytest.mark.slow
def test_a_healthy_folder_passes_and_the_trial_runs(capsys):
    assert main(["doctor", "--json"]) == 0
    found = {each["check"]: each for each in json.loads(capsys.readouterr().out)}
    assert found["trial"]["state"] == found["packages"]["state"] == found["programs"]["state"] == "ok"
    assert "fetch, prepare, train, score" in found["trial"]["text"]
    assert found["data"]["state"] == "note"
    assert not Path("runs").exists()


def test_bad_parameters_are_an_error_and_other_checks_still_run(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "trial", lambda: doctor.Result("trial", "ok", ""))
    Path("params.yaml").write_text("seeds: none\n")
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "error  params.yaml" in out
    assert "ok     programs" in out
    assert "How to fix it:" in out


def test_the_trial_uses_phantom_eyes_where_the_default_are_photographs_of_ones_own(monkeypatch, tmp_path):
    conf = tmp_path / "experiments/conf"
    shutil.copytree(ROOT / "experiments/conf", conf)
    text = (conf / "config.yaml").read_text()
    text = text.replace("- data: phantom", "- data: csv").replace("- scale: tiny", "- scale: quick")
    (conf / "config.yaml").write_text(text)
    monkeypatch.setattr(doctor, "PROJECT", tmp_path)
    params = parse_params(yaml.safe_load(doctor._tiny()))
    assert (params.data.source, params.sizes.large) == ("phantom", 88)


def test_a_failed_trial_reports_the_message(monkeypatch):
    monkeypatch.setattr(doctor, "_tiny", lambda: "seeds: none\n")
    found = doctor.trial()
    assert found.state == "error"
    assert found.text.startswith("`fundusbench fetch` exited with 2: fundusbench: ")


def test_packages_are_compared_with_the_lock(tmp_path, monkeypatch):
    lock = tmp_path / "some.lock"
    lock.write_text(
        "numpy==0.1 \\\n    --hash=sha256:00\nno-such-package==2.0 ; python_version >= '3' \\\n"
        "never==1.0 ; sys_platform == 'none'\npyyaml==" + doctor._installed("pyyaml") + "\n    # via numpy\n"
    )
    monkeypatch.setattr(doctor, "LOCK", lock)
    found = doctor.packages()
    assert (found.state, found.text.partition(":")[0]) == ("error", "2 of 3 have other versions than some.lock")
    assert "no-such-package missing, not 2.0" in found.text


def test_missing_and_other_data_are_reported(tmp_path):
    assert (doctor.data(csv_params()).state, "`fundusbench fetch`" in doctor.data(csv_params()).fix) == ("note", True)
    (tmp_path / "photographs").mkdir()
    assert "not fetched yet" in doctor.data(csv_params()).text
    manifest("another", "photographs/a.jpg")
    assert doctor.data(csv_params()).text == "data/manifest.csv lists another, but `data` is mine"
    manifest("mine", "photographs/a.jpg", "photographs/b.jpg")
    (tmp_path / "photographs/a.jpg").touch()
    assert doctor.data(csv_params()).text == "1 of 2 photographs are missing: photographs/b.jpg"
    (tmp_path / "photographs/b.jpg").touch()
    assert doctor.data(csv_params()) == doctor.Result("data", "ok", "mine: 2 photographs")


def test_too_little_disk_space_is_an_error(monkeypatch):
    params = parse_params(tiny_params())
    assert doctor.disk(params).state == "ok"
    usage = doctor.shutil.disk_usage(".")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage._replace(free=1))
    assert doctor.disk(params).state == "error"


def test_a_missing_program_is_an_error(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert doctor.programs().state == "error"


def test_a_store_that_does_not_answer_is_an_error(monkeypatch):
    assert doctor.mlflow(load_params()).state == "ok"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    found = doctor._result(partial(doctor.mlflow, load_params()))
    assert (found.state, bool(found.fix)) == ("error", True)


def test_a_check_that_cannot_run_is_an_error_and_the_others_still_run(capsys, monkeypatch):
    def full(**_):
        raise OSError(28, "No space left on device", "/tmp/x")

    monkeypatch.setattr(doctor, "TemporaryDirectory", full)
    assert main(["doctor", "--json"]) == 1
    found = {each["check"]: each for each in json.loads(capsys.readouterr().out)}
    assert found["trial"]["fix"] == "free space on its disk"
    assert found["packages"]["state"] == "ok"

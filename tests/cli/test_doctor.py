"""Each finding of the doctor, made to be found."""

from __future__ import annotations

import json
import socket
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
def test_a_healthy_folder_is_told_so_and_the_trial_runs(capsys):
    assert main(["doctor", "--json"]) == 0
    found = {one["about"]: one for one in json.loads(capsys.readouterr().out)}
    assert found["trial"]["state"] == found["packages"]["state"] == found["programs"]["state"] == "well"
    assert "fetch, prepare, train, score" in found["trial"]["told"]
    assert found["data"]["state"] == "note"
    assert not Path("runs").exists()


def test_bad_parameters_are_a_finding_and_the_rest_is_looked_at(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "trial", lambda: doctor.Finding("trial", "well", ""))
    Path("params.yaml").write_text("seeds: none\n")
    assert main(["doctor"]) == 1
    told = capsys.readouterr().out
    assert "wrong  params.yaml" in told
    assert "well   port" in told or "note   port" in told
    assert "What to do:" in told


def test_a_trial_that_fails_says_with_which_sentence(monkeypatch):
    monkeypatch.setattr(doctor, "_tiny", lambda: "seeds: none\n")
    found = doctor.trial()
    assert found.state == "wrong"
    assert found.told.startswith("`fundusbench fetch` ended with 2: fundusbench: ")


def test_packages_are_held_against_the_lock(tmp_path, monkeypatch):
    lock = tmp_path / "some.lock"
    lock.write_text(
        "numpy==0.1 \\\n    --hash=sha256:00\nno-such-package==2.0 ; python_version >= '3' \\\n"
        "never==1.0 ; sys_platform == 'none'\npyyaml==" + doctor._installed("pyyaml") + "\n    # via numpy\n"
    )
    monkeypatch.setattr(doctor, "LOCK", lock)
    found = doctor.packages()
    assert (found.state, found.told.partition(":")[0]) == ("wrong", "2 of 3 are not those of some.lock")
    assert "no-such-package absent, not 2.0" in found.told


def test_data_that_are_not_there_or_are_others_or_were_lost_are_told(tmp_path):
    assert (doctor.data(csv_params()).state, doctor.data(csv_params()).mend[:19]) == ("note", "`fundusbench fetch`")
    (tmp_path / "photographs").mkdir()
    assert "not fetched yet" in doctor.data(csv_params()).told
    manifest("another", "photographs/a.jpg")
    assert doctor.data(csv_params()).told == "data/manifest.csv lists another, but params.yaml says mine"
    manifest("mine", "photographs/a.jpg", "photographs/b.jpg")
    (tmp_path / "photographs/a.jpg").touch()
    assert doctor.data(csv_params()).told == "1 of 2 photographs are gone: photographs/b.jpg"
    (tmp_path / "photographs/b.jpg").touch()
    assert doctor.data(csv_params()) == doctor.Finding("data", "well", "mine: 2 photographs")


def test_a_full_disk_is_found_before_it_is_full(monkeypatch):
    params = load_params(ROOT / "params.yaml")
    assert doctor.room(params).state == "well"
    usage = doctor.shutil.disk_usage(".")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    assert doctor.room(params).state == "wrong"


def test_a_port_in_use_and_a_program_that_is_absent_are_notes(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(doctor, "PORT", taken.getsockname()[1])
        assert doctor.port().state == "note"
    assert doctor.port().state == "well"
    monkeypatch.setenv("PATH", "/nowhere")
    assert doctor.optional("chromium").mend == "`make browser`, where that is wanted"
    assert doctor.programs().state == "wrong"


def test_a_store_that_does_not_answer_is_wrong(monkeypatch):
    assert doctor.store(load_params()).state == "well"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    found = doctor.store(load_params())
    assert (found.state, bool(found.mend)) == ("wrong", True)

"""A sweep as a stage of the pipeline."""

from __future__ import annotations

import pytest
import yaml

from benchmark.settings.sweep import Sweep

pytestmark = pytest.mark.slow


def test_dvc_has_a_sweep_stage_only_if_params_ask_for_it(project):
    raw = project.params()
    small = {"arm": "basenet_mt/small", "trials": 2, "seeds": [10], "retrain_seeds": [20], "heartbeat_s": 1}
    raw["sweep"] |= small | {"epochs": 1}
    project.write_params(raw)
    assert "sweep" not in project.run("dvc", "stage", "list").stdout
    raw["sweep"]["pipeline"] = ["weight"]
    project.write_params(raw)
    assert project.repro("sweep@weight") == ["sweep@weight"]
    assert (project.root / "reports/sweep/weight/sweep.md").exists()
    assert project.repro("sweep@weight") == []
    raw["sweep"]["pipeline"] = []
    project.write_params(raw)
    assert "sweep@weight" not in project.run("dvc", "stage", "list").stdout


def test_a_study_named_like_a_path_removes_nothing(clone):
    raw = clone.params()
    raw["sweep"]["pipeline"] = ["../../victim"]
    clone.write_params(raw)
    for name in ("victim/kept", "reports/sweep/old/sweep.md", "data/manifest.csv", "data/packs/pack"):
        (clone.root / name).parent.mkdir(parents=True, exist_ok=True)
        (clone.root / name).touch()
    done = clone.run("dvc", "repro", "--single-item", "sweep@../../victim", check=False)
    assert "pipeline must be empty or hold the study's name alone" in done.stderr
    assert (clone.root / "victim/kept").exists()
    assert (clone.root / "reports/sweep/old/sweep.md").exists()


def test_dvc_does_not_record_the_address_of_the_storage(clone):
    stage = yaml.safe_load((clone.root / "dvc.yaml").read_text())["stages"]["sweep"]["do"]
    recorded = {name.removeprefix("sweep.") for name in stage["params"] if name.startswith("sweep")}
    assert recorded == set(Sweep.model_fields) - {"storage", "pipeline", "heartbeat_s"}

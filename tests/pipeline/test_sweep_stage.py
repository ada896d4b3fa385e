"""A sweep as a stage of the pipeline."""

from __future__ import annotations

import pytest

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

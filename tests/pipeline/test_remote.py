"""Results shared between machines: one pushes its runs to a DVC remote, another pulls them."""

from __future__ import annotations

import pytest

from tests.pipeline.test_pipeline import contents

pytestmark = pytest.mark.slow


def test_runs_pushed_by_one_machine_are_pulled_by_another_instead_of_retrained(project, clone, tmp_path):
    methods = ("basenet", "basenet_mt")
    for place in (project, clone):
        place.run("dvc", "remote", "add", "--default", "shared", str(tmp_path / "remote"))
    project.run("dvc", "push", "--run-cache", *(f"train@{method}" for method in methods), "prepare")
    clone.run("dvc", "pull", "--run-cache", "--allow-missing")
    # The photographs are fetched again: no stage pushes them, because the terms of a data set may forbid it.
    assert clone.repro("--pull", *(f"train@{method}" for method in methods)) == ["validate", "fetch"]
    for method in methods:
        assert contents(clone.root / "runs" / method) == contents(project.root / "runs" / method)

"""The whole pipeline through `dvc repro`, on a phantom of a few dozen images."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import tiny_params
from tests.made.photographs import write_folder, write_photograph

pytestmark = pytest.mark.slow

TRAININGS = ["basenet@mse_small", "basenet_mt@small", "m2cnn@mid"]
TABLES = ["ablation.csv", "comparison.csv", "decoding.csv", "metrics.csv"]


@pytest.fixture(scope="module")
def project(make_project):
    made = make_project()
    made.repro()
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_every_stage_leaves_what_the_next_one_reads(project):
    assert (project.root / "data/manifest.csv").exists()
    for run in ("basenet/mse_small/0", "basenet_mt/small/1", "m2cnn/mid/0"):
        names = {path.name for path in (project.root / "runs" / run).iterdir()}
        assert names == {"run.json", "history.csv", "val.csv", "test.csv", "model.safetensors"}
        assert (project.root / "records" / f"{run}.json").exists()
    for table in TABLES:
        text = (project.root / "reports/tables" / table).with_suffix(".md").read_text()
        assert "phantom results: no claim about real eyes" in text
    assert not list((project.root / "scratch").rglob("*.safetensors"))


def test_with_nothing_changed_no_stage_runs(project):
    assert project.repro() == []


def test_runs_behind_the_tables_are_found_and_the_tables_verified_without_a_stage_to_rerun(project):
    path = project.root / "reports/provenance.json"

    def ids() -> list[str]:
        arms = json.loads(path.read_text())["arms"].values()
        return [seed["mlflow_run_id"] for arm in arms for seed in arm["seeds"].values()]

    first = ids()
    assert len(set(first)) == 6
    assert all(first)
    path.unlink()
    assert project.repro() == []
    project.run("fundusbench", "track")
    assert ids() == first
    assert "byte for byte" in project.run("fundusbench", "verify").stdout
    assert project.repro() == []


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("objectives", "ce_mse", "weight"), 0.5, {"basenet_mt@small", "m2cnn@mid"}),
        (("model", "cells", "normal"), 2, {"m2cnn@mid"}),
    ],
)
def test_changing_one_method_reruns_it_and_what_depends_on_it(project, path, value, expected):
    before = project.params()
    raw = project.params()
    section = raw
    for key in path[:-1]:
        section = section[key]
    section[path[-1]] = value
    project.write_params(raw)
    try:
        ran = project.repro()
        assert {stage for stage in ran if stage in TRAININGS} == expected
        assert not {"fetch", "prepare"} & set(ran)
    finally:
        project.write_params(before)
        # What ran before is restored from the cache: no stage runs again.
        assert project.repro() == []


def test_another_set_is_evaluated_without_training(project):
    before, raw = project.params(), project.params()
    raw["transfer"] = {"again": raw["data"] | {"seed": 1, "name": "again"}}
    project.write_params(raw)
    table = project.root / "reports/tables/transfer.md"
    try:
        assert set(project.repro()) == {"transfer", "statistics", "report"}
        assert "test: 20 images of 10 patients" in table.read_text()
        assert project.repro() == []
    finally:
        project.write_params(before)
        assert project.repro() == []
        assert not table.exists()
        assert [path.name for path in (project.root / "transfer").iterdir()] == ["sets.csv"]


def test_another_variant_is_prepared_and_the_first_comes_back_from_the_cache(project):
    before, packs = project.params(), contents(project.root / "data/packs")
    raw = project.params()
    raw["prepare"]["variant"] = "graham"
    project.write_params(raw)
    try:
        assert project.repro("prepare") == ["prepare"]
        other = contents(project.root / "data/packs")
        assert all(other[name] != packs[name] for name in packs if name.endswith(".arrow"))
    finally:
        project.write_params(before)
        assert project.repro() == []
    assert contents(project.root / "data/packs") == packs


def test_only_the_changed_photograph_is_prepared_again(make_project):
    project = make_project()
    write_folder(project.root / "data/own", patients=6)
    raw = project.params()
    raw["data"] = {"source": "csv", "name": "own", "root": "data/own"}
    project.write_params(raw)
    assert "12 images, 12 of them prepared now" in project.run("dvc", "repro", "prepare").stdout
    write_photograph(project.root / "data/own/2_left.jpeg", seed=99)
    assert "12 images, 1 of them prepared now" in project.run("dvc", "repro", "prepare").stdout


def test_metrics_and_plots_are_shown(project):
    metrics = project.run("dvc", "metrics", "show", "--json").stdout
    assert "m2cnn" in metrics
    project.run("dvc", "plots", "show", "-o", "dvc_plots")
    page = (project.root / "dvc_plots/index.html").read_text()
    assert "curves.csv" in page


def test_an_identical_retraining_changes_no_run_and_no_kappa(project):
    """Only what shows the times of a training may be made again."""
    before = contents(project.root / "runs")
    assert project.repro("--force", "--single-item", "basenet@mse_small") == ["basenet@mse_small"]
    assert contents(project.root / "runs") == before
    assert set(project.repro()) <= {"report"}


def test_a_second_clone_gives_byte_identical_tables(project, make_project):
    other = make_project()
    other.repro()
    for table in TABLES:
        first, second = (root / "reports/tables" / table for root in (project.root, other.root))
        assert first.read_bytes() == second.read_bytes()


def test_an_arm_that_is_not_declared_is_not_run_in_the_table(project):
    raw = project.params()
    del raw["arms"]["m2cnn"]["mid"]
    before = project.params()
    project.write_params(raw)
    try:
        project.repro()
        assert "not run" in (project.root / "reports/tables/ablation.md").read_text()
    finally:
        project.write_params(before)
        project.repro()


def test_profiles_compose_with_exp_run_and_lose_no_edit_made_by_hand(make_project):
    project = make_project()
    small = ("-S", "data.patients={train:4,val:4,test:4}", "-S", "data.pixels=160")

    def compose(*flags):
        return project.run("dvc", "exp", "run", *small, *flags, "fetch", check=False)

    (project.root / "params.yaml").unlink()  # The tests' own is an edit by hand, too.
    assert compose("-S", "scale=tiny", "-S", "train.epochs=1", "-S", "seeds=[4]").returncode == 0
    composed = project.params()
    assert (composed["seeds"], composed["train"]["epochs"], composed["data"]["name"]) == ([4], 1, "phantom")

    edited = composed | {"train": composed["train"] | {"epochs": 7}}
    project.write_params(edited)
    stopped = compose("-S", "seeds=[5]")
    assert stopped.returncode
    assert "ERROR: params.yaml was edited by hand" in stopped.stderr
    assert "-S train.epochs=7" in stopped.stderr
    assert project.params() == edited

    assert compose("-S", "seeds=[5]", "-S", "train.epochs=7").returncode == 0
    assert project.params() == edited | {"seeds": [5]}


def kill_at(project, condition, command):
    """Start a command in a process group of its own and SIGKILL the group when the condition holds."""
    process = subprocess.Popen(
        command,
        cwd=project.root,
        env=project.environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 300
    while not condition():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_killed_again_and_again_it_ends_bit_identical(project, make_project):
    raw = tiny_params()
    raw["train"]["epochs"] = 6
    raw["train"]["checkpoint_minutes"] = 0.0
    raw["arms"]["basenet_mt"] = {"small": {"objective": "ce_mse", "size": "small"}}
    raw["arms"]["m2cnn"] = {}
    raw["arms"]["basenet"] = {}

    whole = make_project()
    whole.write_params(raw)
    whole.repro("basenet_mt@small")

    killed = make_project()
    killed.write_params(raw)
    killed.repro("prepare")
    scratch = killed.root / "scratch/basenet_mt/small"

    for kill in range(3):
        saves, started = set(), time.time()

        def progressed(saves=saves, started=started, enough=1 + 6 * kill):
            """As many updates as asked for were made and saved since this start."""
            times = {path.stat().st_mtime for path in scratch.glob("*/checkpoint.safetensors")}
            saves |= {moment for moment in times if moment > started}
            return len(saves) >= enough

        kill_at(killed, progressed, ["dvc", "repro", "basenet_mt@small"])
    killed.repro("basenet_mt@small")
    resumed = [json.loads(p.read_text())["resumed"] for p in killed.root.glob("records/basenet_mt/small/*.json")]
    assert sum(resumed) >= 1
    assert contents(killed.root / "runs") == contents(whole.root / "runs")

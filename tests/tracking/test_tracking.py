"""MLflow holds what the folders hold: once, completely, and without ever stopping the pipeline."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import types
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pytest

from benchmark.cli.main import main
from benchmark.common.errors import InputError
from benchmark.common.files import read_json, sha256_json, write_json, write_text
from benchmark.runs.declared import write_spec
from benchmark.runs.predictions import PROBS
from benchmark.runs.spec import DataSummary, Objective, Record, RunResult, RunSpec
from benchmark.settings.loading import load_params
from benchmark.settings.params import Params
from benchmark.tracking import connection
from benchmark.tracking.connection import tracking_uri
from benchmark.tracking.replay import SyncReport, follow, sync
from benchmark.tracking.server import ui
from tests.made.paths import ROOT

connection.quieten()

from mlflow import MlflowClient, pyfunc  # noqa: E402
from mlflow.entities import Run, ViewType  # noqa: E402
from sqlalchemy import Engine, event  # noqa: E402


@event.listens_for(Engine, "connect")
def _without_waiting_for_the_disk(connection: Any, _: Any) -> None:
    """A test's store need not survive a power cut."""
    connection.execute("PRAGMA synchronous = OFF")


START = "2026-01-02T03:04:05+00:00"
END = "2026-01-02T03:14:05+00:00"
HEADER = "epoch,images,lr,train_loss,val_loss,val_kappa_score,val_kappa_prob\n"


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow needs seconds to lay out its tables: once is enough."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def project(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project with an empty store."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    return tmp_path


@pytest.fixture(scope="session")
def params() -> Params:
    """Two arms with two seeds each."""
    given = load_params(ROOT / "params.yaml")
    arms = {
        "basenet_mt": {"small": given.arms["basenet_mt"]["small"]},
        "m2cnn": {"mid": given.arms["m2cnn"]["mid"]},
    }
    return given.model_copy(update={"arms": arms, "seeds": [0, 1]})


@dataclass(frozen=True)
class Filled:
    """A project that was synchronised once, undisturbed; tests only read it."""

    root: Path
    report: SyncReport
    held: dict[str, Any]
    rows: dict[str, int]


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, empty_database: Path, params: Params) -> Filled:
    root = tmp_path_factory.mktemp("filled")
    shutil.copy(empty_database, root / "mlflow.db")
    fill(root, params)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        report = sync(root, params)
        return Filled(root, report, content(root), rows_of(root))


def spec_of(params: Params, stage: str, arm: str, seed: int, **changes: Any) -> RunSpec:
    declared = params.arms[stage][arm]
    spec = RunSpec(
        stage=stage,
        arm=arm,
        seed=seed,
        objective=Objective(name=declared.objective, parameters={"weight": 1.0}),
        heads=["score", "prob"],
        size=declared.size,
        pixels=params.sizes.of(declared.size),
        level=declared.level,
        parent=declared.parent,
        parent_key=f"key-of-{declared.parent}-{seed}" if declared.parent else "",
        data=DataSummary(
            name="phantom", source="phantom", synthetic=True, manifest_sha256="ab" * 32, train=600, val=300, test=600
        ),
        model=params.model,
        train=params.train,
        code_sha256="c0de",
    ).model_copy(update=changes)
    return spec.model_copy(update={"key": sha256_json(spec.model_dump(mode="json"))})


def result_of(spec: RunSpec, epochs: int) -> RunResult:
    facts = {"epoch_kept": epochs, "parameters": 1000, "macs_per_image": 2000, "flags": ["collapsed:prob"]}
    return RunResult.model_validate(spec.model_dump() | facts)


def history(epochs: int, seed: int = 0) -> str:
    return HEADER + "".join(f"{e},{600 * e},0.003,{1 / e + seed},{2 / e},{0.1 * e},\n" for e in range(1, epochs + 1))


def write_run(root: Path, spec: RunSpec, *, epochs: int = 3, loss: str = "", resumed: int = 0) -> None:
    """A finished run as training leaves it."""
    folder = spec.folder(root / "runs")
    write_spec(result_of(spec, epochs), folder)
    write_text(folder / "history.csv", history(epochs, spec.seed))
    for split in ("val", "test"):
        write_text(folder / f"{split}.csv", f"image_id,patient,eye,grade,score\na,p,left,1,{spec.seed}{loss}\n")
    (folder / "model.safetensors").write_bytes(b"weights")
    record = Record(
        started=START,
        ended=END,
        seconds=7200.0 if resumed else 600.0,
        images_per_second=50.0,
        wait_share=0.01,
        peak_memory_bytes=10**9,
        host="somewhere",
        device="cpu",
        precision="32-true",
        threads=2,
        packages={"torch": "2.1.0+cpu"},
        git_commit="f" * 40,
        git_dirty=True,
        resumed=resumed,
    )
    write_json(spec.folder(root / "records").with_suffix(".json"), record.model_dump(mode="json"))


def write_evaluation(root: Path, kappas: dict[tuple[str, str, int], float]) -> None:
    rows = "".join(
        f"{stage},{arm},{seed},{split},{head},{decoder},300,{kappa if split == 'val' else kappa / 2}\n"
        for (stage, arm, seed), kappa in kappas.items()
        for split in ("val", "test")
        for head, decoder in (("score", "nearest"), ("score", "expected"), ("prob", "argmax"))
    )
    write_text(root / "evaluation/kappas.csv", "stage,arm,seed,split,head,decoder,n,kappa\n" + rows)
    metrics = "".join(
        f"{stage},{arm},{seed},{split},{head},{decoder},{metric},{value},300\n"
        for (stage, arm, seed), kappa in kappas.items()
        for split in ("val", "test")
        for head, decoder in (("score", "nearest"), ("prob", "argmax"))
        for metric, value in (("kappa", kappa), ("accuracy", kappa + 0.1), ("recall_3", ""))
    )
    header = "stage,arm,seed,split,head,decoder,metric,value,n\n"
    write_text(root / "evaluation/metrics.csv", header + metrics)
    keys = [(*run, read_json(root / "runs" / "/".join(map(str, run)) / "run.json")["key"]) for run in kappas]
    write_text(
        root / "evaluation/runs.csv", "stage,arm,seed,key\n" + "".join(f"{s},{a},{n},{k}\n" for s, a, n, k in keys)
    )


KAPPAS = {("basenet_mt", "small", 0): 0.6, ("basenet_mt", "small", 1): 0.7, ("m2cnn", "mid", 0): 0.8}


def fill(root: Path, params: Params) -> None:
    """Three finished runs (m2cnn lacks its second seed), evaluated and reported."""
    for stage, arm, seed in KAPPAS:
        write_run(root, spec_of(params, stage, arm, seed))
    write_evaluation(root, KAPPAS)
    figure = root / "reports/figures/confusion_basenet_mt_small.png"
    figure.parent.mkdir(parents=True)
    figure.write_bytes(b"png")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def client_of(root: Path) -> MlflowClient:
    return MlflowClient(tracking_uri(root))


def runs_of(root: Path, kind: str = "seed") -> list[Run]:
    client = client_of(root)
    experiments = [e.experiment_id for e in client.search_experiments(view_type=ViewType.ALL)]
    return [run for run in client.search_runs(experiments) if run.data.tags.get("kind") == kind]


def named(runs: list[Run]) -> dict[str, Run]:
    assert len({run.info.run_name for run in runs}) == len(runs)
    return {run.info.run_name: run for run in runs}


def content(root: Path) -> dict[str, Any]:
    """All that the store holds, by run name, without what differs between two stores."""
    client = client_of(root)
    told = {}
    for kind in ("seed", "group"):
        for name, run in named(runs_of(root, kind)).items():
            parent = run.data.tags.pop("mlflow.parentRunId", "")
            run.data.tags.pop("owner")
            told[name] = {
                "parent": client.get_run(parent).info.run_name if parent else "",
                "tags": run.data.tags,
                "params": run.data.params,
                "points": {
                    key: [(m.step, m.value, m.timestamp if key.startswith("epoch") else 0) for m in points]
                    for key in run.data.metrics
                    if (points := client.get_metric_history(run.info.run_id, key))
                },
                "span": (run.info.status, run.info.start_time, run.info.end_time),
                "data": [(d.dataset.name, d.dataset.digest, d.dataset.profile) for d in run.inputs.dataset_inputs],
                "files": sorted(files_of(client, run)),
                "models": len(run.outputs.model_outputs) if run.outputs else 0,
            }
    return told


def files_of(client: MlflowClient, run: Run, folder: str | None = None) -> Iterator[str]:
    for file in client.list_artifacts(run.info.run_id, folder):
        if file.is_dir:
            yield from files_of(client, run, file.path)
        else:
            yield file.path


def rows_of(root: Path) -> dict[str, int]:
    """Rows of every table of the store."""
    import sqlite3

    with sqlite3.connect(root / "mlflow.db") as db:
        tables = [row[0] for row in db.execute("select name from sqlite_master where type = 'table'")]
        return {table: db.execute(f"select count(*) from {table}").fetchone()[0] for table in tables}


# What a synchronised store holds


def test_an_empty_store_is_filled_with_every_run(filled: Filled) -> None:
    assert filled.report.warning == ""
    assert (filled.report.created, filled.report.changed) == (5, 0)
    runs = named(runs_of(filled.root))
    assert set(runs) == {"basenet_mt/small/0", "basenet_mt/small/1", "m2cnn/mid/0"}
    for identity, run_id in filled.report.runs.items():
        assert runs["/".join(map(str, identity))].info.run_id == run_id


def test_a_run_says_what_it_is_and_where_it_came_from(filled: Filled, params: Params) -> None:
    run = named(runs_of(filled.root))["m2cnn/mid/0"]
    tags, given = run.data.tags, run.data.params
    spec = spec_of(params, "m2cnn", "mid", 0)
    assert {name: tags[name] for name in ("stage", "arm", "size", "pixels", "level", "seed", "parent", "key")} == {
        "stage": "m2cnn",
        "arm": "m2cnn/mid",
        "size": "mid",
        "pixels": str(spec.pixels),
        "level": "2",
        "seed": "0",
        "parent": "basenet_mt/small",
        "key": spec.key,
    }
    assert tags["mlflow.source.git.commit"] == "f" * 40
    assert (tags["git_dirty"], tags["flags"], tags["synthetic"]) == ("true", "collapsed:prob", "true")
    assert "generated" in tags["mlflow.note.content"]
    assert (given["arm"], given["size"], given["seed"]) == ("m2cnn/mid", "mid", "0")
    assert given["train.augment.rotate"] == str(params.train.augment.rotate)
    assert given["objective.parameters.weight"] == "1.0"
    assert filled.held["m2cnn/mid/0"]["data"] == [("phantom", "ab" * 8, '{"train": 600, "val": 300, "test": 600}')]
    experiment = client_of(filled.root).get_experiment(run.info.experiment_id)
    assert experiment.name == f"{params.tracking.experiment}/phantom"
    assert "generated" in experiment.tags["mlflow.note.content"]


def test_a_run_has_its_curve_its_kappas_its_costs_and_its_files(filled: Filled) -> None:
    held = filled.held["basenet_mt/small/1"]
    points = {name: [(step, value) for step, value, _ in values] for name, values in held["points"].items()}
    assert points["epoch/train_loss"] == [(1, 2.0), (2, 1.5), (3, 1 / 3 + 1)]
    assert [step for step, _ in points["epoch/val_kappa_score"]] == [1, 2, 3]
    assert "epoch/val_kappa_prob" not in points
    assert (points["val_kappa_score"], points["test_kappa_prob"]) == ([(3, 0.7)], [(3, 0.35)])
    assert points["val_kappa_score_expected"] == [(3, 0.7)]
    assert points["val/accuracy_score"] == points["test/accuracy_prob"] == [(3, pytest.approx(0.8))]
    assert not any("recall" in name for name in points), "an undefined metric is left out"
    assert not any(name.startswith("val/kappa") for name in points), "a kappa is logged once"
    assert (points["cost/images_per_second"], points["cost/parameters"]) == ([(3, 50.0)], [(3, 1000.0)])
    assert held["files"] == [
        "figures/confusion_basenet_mt_small.png",
        "predictions/test.csv",
        "predictions/val.csv",
        "record.json",
    ]


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
    assert parent.data.metrics["val_kappa_score_sd"] == pytest.approx(stdev([0.6, 0.7]))
    assert parent.data.metrics["val_kappa_score_n"] == 2
    assert parent.data.metrics["test/accuracy_score_mean"] == pytest.approx(fmean([0.7, 0.8]))
    assert parent.data.metrics["test/accuracy_score_sd"] == pytest.approx(stdev([0.7, 0.8]))
    alone = groups["m2cnn/mid"].data.metrics
    assert (alone["test_kappa_prob_mean"], alone["test_kappa_prob_n"]) == (0.4, 1)
    assert not any(name.endswith("_sd") for name in alone)


@pytest.mark.slow
def test_mlflow_keeps_quiet(project: Path, params: Params) -> None:
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


# Repeating and completing


def test_a_second_sync_writes_nothing(project: Path, params: Params) -> None:
    fill(project, params)
    first = sync(project, params)
    held, rows = content(project), rows_of(project)
    again = sync(project, params)
    assert (again.runs, again.created, again.changed) == (first.runs, 0, 0)
    assert (content(project), rows_of(project)) == (held, rows)


@pytest.mark.parametrize(
    ("broken", "call"),
    [
        ("log_batch", 2),
        ("log_batch", 3),
        ("log_inputs", 2),
        ("log_artifacts", 2),
        ("create_logged_model", 2),
        ("log_model_artifacts", 2),
        ("finalize_logged_model", 2),
        ("log_outputs", 2),
        ("log_artifact", 2),
        ("set_terminated", 2),
    ],
)
def test_a_sync_that_crashes_is_completed_by_the_next(
    project: Path, params: Params, filled: Filled, monkeypatch: pytest.MonkeyPatch, broken: str, call: int
) -> None:
    fill(project, params)
    with monkeypatch.context() as patch:
        crash_at(patch, broken, call)
        with pytest.raises(_Crash):
            sync(project, params)
    assert sync(project, params).warning == ""
    assert (content(project), rows_of(project)) == (filled.held, filled.rows)


class _Crash(BaseException):
    """The end of the process."""


def crash_at(patch: pytest.MonkeyPatch, method: str, call: int) -> None:
    """Let a method of the client work until some call, then crash instead."""
    honest, calls = getattr(MlflowClient, method), []

    def crashing(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == call:
            raise _Crash
        return honest(*arguments, **named)

    patch.setattr(MlflowClient, method, crashing)


def test_an_evaluation_and_a_figure_that_come_later_are_added(project: Path, params: Params) -> None:
    write_run(project, spec_of(params, "m2cnn", "mid", 0))
    before = sync(project, params)
    assert "val_kappa_score" not in runs_of(project)[0].data.metrics

    write_evaluation(project, {("m2cnn", "mid", 0): 0.8})
    figure = project / "reports/figures/confusion_m2cnn_mid.png"
    figure.parent.mkdir(parents=True)
    figure.write_bytes(b"png")
    after = sync(project, params)
    assert (after.runs, after.created, after.changed) == (before.runs, 0, 2)
    assert runs_of(project)[0].data.metrics["val_kappa_score"] == 0.8
    assert "figures/confusion_m2cnn_mid.png" in content(project)["m2cnn/mid/0"]["files"]

    write_evaluation(project, {("m2cnn", "mid", 0): 0.75})
    sync(project, params)
    assert runs_of(project)[0].data.metrics["val_kappa_score"] == 0.75
    assert runs_of(project, "group")[0].data.metrics["val_kappa_score_mean"] == 0.75
    assert runs_of(project)[0].data.metrics["test/accuracy_prob"] == 0.85


def test_a_description_edited_in_the_ui_stays(project: Path, params: Params) -> None:
    fill(project, params)
    sync(project, params)
    for run in runs_of(project) + runs_of(project, "group"):
        client_of(project).set_tag(run.info.run_id, "mlflow.note.content", "mine")
    sync(project, params)
    assert {run.data.tags["mlflow.note.content"] for run in runs_of(project) + runs_of(project, "group")} == {"mine"}


def test_what_was_deleted_in_the_ui_comes_back(project: Path, params: Params) -> None:
    fill(project, params)
    first = sync(project, params)
    client = client_of(project)
    gone = first.runs["basenet_mt", "small", 0]
    client.delete_run(gone)
    assert sync(project, params).runs["basenet_mt", "small", 0] != gone
    client.delete_experiment(runs_of(project)[0].info.experiment_id)
    again = sync(project, params)
    assert (again.warning, again.created) == ("", 0)


# A change is a new run


def test_a_changed_key_is_a_new_run_in_a_new_group(project: Path, params: Params) -> None:
    fill(project, params)
    first = sync(project, params)
    longer = params.train.model_copy(update={"epochs": 99})
    for seed in (0, 1):
        write_run(project, spec_of(params, "basenet_mt", "small", seed, train=longer))
    second = sync(project, params)
    assert second.created == 3
    assert second.runs["m2cnn", "mid", 0] == first.runs["m2cnn", "mid", 0]
    assert second.runs["basenet_mt", "small", 0] != first.runs["basenet_mt", "small", 0]

    fresh = client_of(project).get_run(second.runs["basenet_mt", "small", 0])
    assert "val_kappa_score" not in fresh.data.metrics, "those on file are the old run's"

    fill_again = [spec_of(params, "basenet_mt", "small", seed) for seed in (0, 1)]
    for spec in fill_again:
        write_run(project, spec)
    assert sync(project, params).runs == first.runs


def test_a_changed_parent_is_a_new_group_even_where_the_arm_kept_its_parameters(project: Path, params: Params) -> None:
    fill(project, params)
    sync(project, params)
    write_run(project, spec_of(params, "m2cnn", "mid", 0, parent_key="another"))
    sync(project, params)
    parents = [run.data.tags["mlflow.parentRunId"] for run in runs_of(project) if run.data.tags["stage"] == "m2cnn"]
    assert len(parents) == len(set(parents)) == 2


def test_seeds_trained_with_other_parameters_are_not_averaged(project: Path, params: Params) -> None:
    fill(project, params)
    longer = params.train.model_copy(update={"epochs": 99})
    write_run(project, spec_of(params, "basenet_mt", "small", 1, train=longer))
    write_evaluation(project, KAPPAS)
    sync(project, params)
    groups = [run for run in runs_of(project, "group") if run.data.tags["stage"] == "basenet_mt"]
    assert sorted(group.data.metrics["val_kappa_score_mean"] for group in groups) == [0.6, 0.7]


def test_a_new_seed_joins_the_group(project: Path, params: Params) -> None:
    fill(project, params)
    sync(project, params)
    write_run(project, spec_of(params, "m2cnn", "mid", 1))
    write_evaluation(project, KAPPAS | {("m2cnn", "mid", 1): 0.6})
    report = sync(project, params)
    assert report.created == 1
    group = named(runs_of(project, "group"))["m2cnn/mid"]
    assert group.data.metrics["val_kappa_score_mean"] == pytest.approx(0.7)
    assert group.data.metrics["val_kappa_score_sd"] == pytest.approx(stdev([0.8, 0.6]))


def test_other_results_of_the_same_key_are_another_run(project: Path, params: Params) -> None:
    spec = spec_of(params, "m2cnn", "mid", 0)
    write_run(project, spec)
    first = sync(project, params)
    write_run(project, spec, loss="001")
    second = sync(project, params)
    assert second.runs != first.runs
    write_run(project, spec)
    assert sync(project, params).runs == first.runs


# Trouble with the store


def test_an_unreachable_server_costs_one_warning_and_seconds(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fill(project, params)
    uri = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    began = time.monotonic()
    report = sync(project, params)
    assert time.monotonic() - began < 10
    assert (report.runs, report.created) == ({}, 0)
    assert uri in report.warning
    assert "fundusbench track" in report.warning
    assert [record.getMessage() for record in caplog.records] == [f"warning: {report.warning}"]


@pytest.mark.parametrize(
    "uri",
    [
        "nonsense://x",
        "http://127.0.0.1:nan",
        "http://",
        "sqlite:////proc/none/mlflow.db",
        "postgresql://me:secret@127.0.0.1:1/x",
        "sqlite:///{project}/run.txt",
    ],
)
def test_a_bad_address_costs_one_warning_without_its_password(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    fill(project, params)
    (project / "run.txt").write_text("no database, but long enough to be looked at " * 9)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri.format(project=project))
    began = time.monotonic()
    report = sync(project, params)
    assert time.monotonic() - began < 10
    assert report.warning
    assert "secret" not in report.warning
    assert "\n" not in report.warning


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>",
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
        None,
    ],
    ids=["fails", "is no MLflow", "wants a password", "hangs"],
)
def test_a_server_that_fails_or_hangs_costs_one_warning(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch, answer: bytes | None
) -> None:
    fill(project, params)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with broken_server(answer) as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        began = time.monotonic()
        assert uri in sync(project, params).warning
        assert time.monotonic() - began < 10


@pytest.mark.parametrize("uri", ["localhost:5000", "me:secret@host:80", "htp://localhost:5000"])
def test_an_address_without_its_beginning_gets_its_own_sentence(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    fill(project, params)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert "write http:// before a server's address" in sync(project, params).warning
    with pytest.raises(InputError, match="write http:// before"):
        ui()


def test_track_ends_with_2_where_nothing_was_logged(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    fill(project, params)
    shutil.copy(ROOT / "params.yaml", project)
    monkeypatch.chdir(project)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    assert main(["track"]) == 2
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert main(["track"]) == 0


def test_a_project_that_was_moved_keeps_its_artifacts_beside_it(
    filled: Filled, params: Params, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    moved = tmp_path / "moved here"
    shutil.copytree(filled.root, moved)
    before = contents_of(filled.root)
    write_run(moved, spec_of(params, "m2cnn", "mid", 1, code_sha256="new"))
    report = sync(moved, params)
    assert (report.warning, report.created > 0) == ("", True)
    assert [record.getMessage() for record in caplog.records] == [
        f"warning: MLflow had this project's artifacts in {filled.root}/mlartifacts, and has them in "
        f"{moved}/mlartifacts now"
    ]
    assert contents_of(filled.root) == before
    client = client_of(moved)
    assert all("predictions/val.csv" in files_of(client, run) for run in runs_of(moved))
    assert all(run.info.artifact_uri.startswith((moved / "mlartifacts").as_uri()) for run in runs_of(moved))
    caplog.clear()
    assert sync(moved, params).created == 0
    assert not caplog.records


def test_a_store_that_was_copied_without_its_artifacts_says_where_they_are(
    filled: Filled, params: Params, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copytree(filled.root, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("mlartifacts"))
    sync(tmp_path, params)
    assert f"copy them from {filled.root}/mlartifacts" in caplog.text


@pytest.mark.parametrize("name", ["history.csv", "run.json"])
@pytest.mark.parametrize("content", [b"\x00\xff" * 40, b"epoch,images\n1,x\n", b"{}"])
def test_a_damaged_run_is_named(project: Path, params: Params, name: str, content: bytes) -> None:
    fill(project, params)
    (project / "runs/m2cnn/mid/0" / name).write_bytes(content)
    if content != b"{}" or name == "run.json":
        with pytest.raises(InputError, match=r"runs/m2cnn/mid/0.* (again|version)"):
            sync(project, params)


def contents_of(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@contextmanager
def broken_server(answer: bytes | None) -> Iterator[str]:
    """A server that gives one answer to everything; None: it takes connections and says nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        kept = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                kept.append(connection)
                if answer:
                    connection.recv(65536)
                    connection.sendall(answer)
                    connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def test_the_users_own_settings_hold(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking.example")
    assert tracking_uri(tmp_path) == "http://tracking.example"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert tracking_uri(tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"


# Following a training


def live(root: Path, spec: RunSpec, epochs: int) -> Path:
    folder = spec.folder(root / "scratch")
    write_spec(spec, folder)
    write_text(folder / "history.csv", history(epochs))
    return folder


def play(monkeypatch: pytest.MonkeyPatch, *scenes: Callable[[], None]) -> None:
    """Let time pass for a follower: each pause is one scene, and after the last its trainer is gone."""
    left = list(scenes)
    trainer = os.getpid()
    monkeypatch.setattr(os, "getppid", lambda: trainer if left else 1)
    monkeypatch.setattr(time, "sleep", lambda _: left.pop(0)())


def test_a_training_is_shown_while_it_runs_and_completed_when_it_has_ended(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(params, "basenet_mt", "small", 0)
    folder = live(project, spec, 1)
    seen: list[tuple[str, list[int]]] = []

    def look(then: Callable[[], object]) -> Callable[[], None]:
        def scene() -> None:
            run = runs_of(project)[0]
            points = client_of(project).get_metric_history(run.info.run_id, "epoch/train_loss")
            seen.append((run.info.status, [point.step for point in points]))
            then()

        return scene

    def finish() -> None:
        write_spec(result_of(spec, 3), folder)

    play(monkeypatch, look(lambda: live(project, spec, 2)), look(lambda: None), look(finish))
    follow(folder, params, 0.1)
    assert seen == [("RUNNING", [1]), ("RUNNING", [1, 2]), ("RUNNING", [1, 2])]

    write_run(project, spec)
    report = sync(project, params)
    assert report.created == 0
    run = runs_of(project)[0]
    points = client_of(project).get_metric_history(run.info.run_id, "epoch/train_loss")
    assert (run.info.status, sorted(point.step for point in points)) == ("FINISHED", [1, 2, 3])
    assert runs_of(project, "group")[0].info.status == "FINISHED"
    assert content(project)["basenet_mt/small/0"]["models"] == 1


def test_a_killed_training_is_marked_and_runs_again_when_it_goes_on(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = live(project, spec_of(params, "basenet_mt", "small", 0), 1)
    for _ in range(2):
        statuses = []
        play(monkeypatch, lambda: statuses.append([run.info.status for run in runs_of(project)]))  # noqa: B023
        follow(folder, params, 0.1)
        assert statuses == [["RUNNING"]]
        assert [run.info.status for run in runs_of(project)] == ["KILLED"]


def test_a_follower_that_died_with_its_trainer_leaves_a_run_that_sync_marks(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(project, spec_of(params, "m2cnn", "mid", 0))
    folder = live(project, spec_of(params, "basenet_mt", "small", 0), 1)
    trainer = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    monkeypatch.setattr(os, "getppid", lambda: trainer.pid)
    monkeypatch.setattr(time, "sleep", lambda _: (folder / "run.json").unlink())
    follow(folder, params, 0.1)

    sync(project, params)
    assert named(runs_of(project))["basenet_mt/small/0"].info.status == "RUNNING"
    trainer.communicate(b"\n")
    report = sync(project, params)
    assert report.changed == 2
    assert named(runs_of(project))["basenet_mt/small/0"].info.status == "KILLED"
    assert named(runs_of(project, "group"))["basenet_mt/small"].info.status == "KILLED"
    assert named(runs_of(project))["m2cnn/mid/0"].info.status == "FINISHED"
    assert sync(project, params).changed == 0


def test_a_run_that_nobody_followed_to_its_end_is_finished_by_sync(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(params, "basenet_mt", "small", 0)
    folder = live(project, spec, 1)
    trainer = subprocess.Popen([sys.executable, "-c", ""])
    trainer.wait()
    monkeypatch.setattr(os, "getppid", lambda: trainer.pid)
    monkeypatch.setattr(time, "sleep", lambda _: (folder / "run.json").unlink())
    follow(folder, params, 0.1)
    write_run(project, spec)
    for _ in range(2):
        sync(project, params)
        assert [run.info.status for run in runs_of(project) + runs_of(project, "group")] == ["FINISHED"] * 2


def test_training_again_what_is_tracked_shows_no_second_run(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(params, "basenet_mt", "small", 0)
    write_run(project, spec)
    sync(project, params)
    held = rows_of(project)
    play(monkeypatch, lambda: None)
    follow(live(project, spec, 1), params, 0.1)
    assert rows_of(project)["runs"] == held["runs"]
    assert runs_of(project)[0].info.status == "FINISHED"


def test_a_follower_warns_once_and_goes_on(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    play(monkeypatch, lambda: None, lambda: None)
    follow(live(project, spec_of(params, "basenet_mt", "small", 0), 1), params, 0.1)
    assert len(caplog.records) == 1


@pytest.mark.slow
def test_a_follower_outlives_a_killed_trainer_only_to_mark_its_run(project: Path, params: Params) -> None:
    folder = live(project, spec_of(params, "basenet_mt", "small", 0), 1)
    shutil.copy(ROOT / "params.yaml", project)
    follower = [sys.executable, "-m", "benchmark.cli", "track", "--follow", str(folder.relative_to(project))]
    code = f"import subprocess; p = subprocess.Popen({follower}); print(p.pid, flush=True); input()"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    trainer = subprocess.Popen(
        [sys.executable, "-c", code], cwd=project, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert trainer.stdout is not None
    pid = int(trainer.stdout.readline())
    wait_for(lambda: [run.info.status for run in runs_of(project)] == ["RUNNING"])
    trainer.kill()
    trainer.communicate()
    wait_for(lambda: [run.info.status for run in runs_of(project)] == ["KILLED"])
    wait_for(lambda: not Path(f"/proc/{pid}/cmdline").exists())


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


# The model


def test_the_model_has_a_signature_and_predicts(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write_run(project, spec_of(params, "m2cnn", "mid", 0))
    sync(project, params)
    (output,) = runs_of(project)[0].outputs.model_outputs
    network = types.ModuleType("benchmark.training.predict")
    vars(network).update(
        load_model=lambda folder: (folder / "model.safetensors").read_bytes(), predict_images=brightness
    )
    monkeypatch.setitem(sys.modules, "benchmark.training.predict", network)

    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_uri(project))
    logged = client_of(project).get_logged_model(output.model_id)
    model = pyfunc.load_model(f"models:/{output.model_id}")
    side = params.sizes.mid
    assert json.loads(model.metadata.signature.to_dict()["inputs"]) == [
        {"type": "tensor", "tensor-spec": {"dtype": "uint8", "shape": [-1, side, side, 3]}}
    ]
    images = np.arange(130, dtype=np.uint8)[:, None, None, None] * np.ones((1, side, side, 3), np.uint8)
    table = model.predict(images)
    assert list(table.columns) == ["score", "prob_0", "prob_1", "prob_2", "prob_3", "prob_4"]
    assert table["score"].tolist() == list(range(130))
    assert table["prob_4"].tolist() == [0.2] * 130
    with pytest.raises(Exception, match="shape"):
        model.predict(images[:, :10])
    assert (logged.status, logged.source_run_id) == ("READY", runs_of(project)[0].info.run_id)
    requirements = (Path(logged.artifact_location.removeprefix("file://")) / "requirements.txt").read_text()
    assert "torch==2.1.0\n" in requirements
    assert capfd.readouterr() == ("", "")


def brightness(network: bytes, images: np.ndarray) -> dict[str, np.ndarray]:
    assert network == b"weights"
    return {"score": images.mean((1, 2, 3)), "prob": np.full((len(images), 5), 0.2)}


@pytest.mark.slow
def test_the_model_predicts_as_the_network_does(project: Path, params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    from safetensors.torch import save_file

    from benchmark.training.predict import load_model, predict_images
    from models.losses.registry import LOSSES
    from models.network import build_network

    spec = spec_of(params, "m2cnn", "mid", 0)
    write_run(project, spec)
    folder = spec.folder(project / "runs")
    network = build_network(spec.model, spec.level, LOSSES[spec.objective.name].heads, spec.pixels)
    save_file(network.state_dict(), folder / "model.safetensors")
    sync(project, params)

    images = np.random.default_rng(0).integers(0, 256, (3, spec.pixels, spec.pixels, 3), np.uint8)
    expected = predict_images(load_model(folder), images)
    (output,) = runs_of(project)[0].outputs.model_outputs
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_uri(project))
    table = pyfunc.load_model(f"models:/{output.model_id}").predict(images)
    np.testing.assert_allclose(table["score"], expected["score"], rtol=1e-5)
    np.testing.assert_allclose(table[list(PROBS)], expected["prob"], rtol=1e-5)


# The server and the UI


def test_a_taken_port_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match=r"must be free.*--port"):
            ui(taken.getsockname()[1])


def test_a_servers_own_ui_is_pointed_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking.example")
    with pytest.raises(InputError, match="in a browser"):
        ui()


@pytest.mark.slow
def test_a_server_holds_the_same_as_the_database(
    project: Path, params: Params, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(project, params)
    with served(project) as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        report = sync(project, params)
        assert (report.warning, report.created) == ("", 5)
        assert content(project) == filled.held
        again = sync(project, params)
        assert (again.runs, again.created, again.changed) == (report.runs, 0, 0)


@contextmanager
def served(root: Path) -> Iterator[str]:
    """The UI over the store of a folder, as a server on loopback."""
    port = free_port()
    command = [sys.executable, "-c", f"from benchmark.tracking.server import ui; ui({port})"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    log = (root / "server.log").open("w")
    server = subprocess.Popen(command, cwd=root, env=environment, stdout=log, stderr=log, start_new_session=True)
    uri = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while not answers(f"{uri}/health"):
            assert time.monotonic() < deadline, (root / "server.log").read_text()
            time.sleep(0.3)
        yield uri
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)
        log.close()


def answers(uri: str) -> bool:
    try:
        with urllib.request.urlopen(uri, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False

"""Runs and evaluations as the pipeline writes them, and queries of the MLflow store after their replay."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.common.files import read_json, sha256_json, write_json, write_text
from benchmark.data.packs import PackSpec
from benchmark.runs.results import write_spec
from benchmark.runs.run import DataSummary, PluginChoice, Record
from benchmark.runs.spec import ArmResult, ArmRun
from benchmark.settings.params import Params
from benchmark.tracking import connection
from benchmark.tracking.connection import tracking_uri
from benchmark.tracking.replay import SyncReport

connection.quieten()

from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import Run, ViewType  # noqa: E402
from sqlalchemy import Engine, event  # noqa: E402


@event.listens_for(Engine, "connect")
def _without_waiting_for_the_disk(connection: Any, _: Any) -> None:
    """Switch off synchronous writes: a test's store need not survive a power cut."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


START = "2026-01-02T03:04:05+00:00"
END = "2026-01-02T03:14:05+00:00"
HEADER = "epoch,images,lr,train_loss,val_loss,val_kappa_score,val_kappa_prob\n"


def spec_of(params: Params, method: str, arm: str, seed: int, **changes: Any) -> ArmRun:
    declared = params.arms[method][arm]
    spec = ArmRun(
        method=method,
        arm=arm,
        seed=seed,
        loss=PluginChoice(name=declared.loss, parameters={"weight": 1.0}),
        heads=["score", "prob"],
        size=declared.size,
        pixels=params.sizes.of(declared.size),
        n_cells=declared.n_cells,
        parent=declared.parent,
        parent_key=f"key-of-{declared.parent}-{seed}" if declared.parent else "",
        data=DataSummary(
            name="phantom", source="phantom", synthetic=True, manifest_sha256="ab" * 32, train=600, val=300, test=600
        ),
        prepared=PackSpec(params.sizes.of(declared.size), "raw", "made"),
        model=params.model,
        train=params.train,
        code_sha256="c0de",
    ).model_copy(update=changes)
    return spec.model_copy(update={"key": sha256_json(spec.model_dump(mode="json"))})


def result_of(spec: ArmRun, epochs: int) -> ArmResult:
    facts = {"epoch_kept": epochs, "parameters": 1000, "macs_per_image": 2000, "flags": ["collapsed:prob"]}
    return ArmResult.model_validate(spec.model_dump() | facts)


def history(epochs: int, seed: int = 0) -> str:
    return HEADER + "".join(f"{e},{600 * e},0.003,{1 / e + seed},{2 / e},{0.1 * e},\n" for e in range(1, epochs + 1))


def write_run(root: Path, spec: ArmRun, *, epochs: int = 3, loss: str = "", resumed: int = 0) -> None:
    """Write a finished run as training does."""
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
    metrics = "".join(
        f"{method},{arm},{seed},{split},{head},{rule},{metric},{value},300\n"
        for (method, arm, seed), kappa in kappas.items()
        for split in ("val", "test")
        for head, rule in (("score", "nearest"), ("score", "expected"), ("prob", "argmax"))
        for metric, value in (
            ("kappa", kappa if split == "val" else kappa / 2),
            *((("accuracy", kappa + 0.1), ("recall_3", "")) if rule != "expected" else ()),
        )
    )
    header = "method,arm,seed,split,head,rule,metric,value,n\n"
    write_text(root / "evaluation/metrics.csv", header + metrics)
    keys = [(*run, read_json(root / "runs" / "/".join(map(str, run)) / "run.json")["key"]) for run in kappas]
    write_text(
        root / "evaluation/runs.csv", "method,arm,seed,key\n" + "".join(f"{s},{a},{n},{k}\n" for s, a, n, k in keys)
    )


KAPPAS = {("basenet_mt", "small", 0): 0.6, ("basenet_mt", "small", 1): 0.7, ("m2cnn", "mid", 0): 0.8}


def fill(root: Path, params: Params) -> None:
    """Write three finished runs (m2cnn lacks its second seed) and their evaluation."""
    for method, arm, seed in KAPPAS:
        write_run(root, spec_of(params, method, arm, seed))
    write_evaluation(root, KAPPAS)


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
    """Return the store's content by run name, without values that differ between equal stores."""
    client = client_of(root)
    runs = {}
    for kind in ("seed", "group"):
        for name, run in named(runs_of(root, kind)).items():
            parent = run.data.tags.pop("mlflow.parentRunId", "")
            run.data.tags.pop("owner")
            runs[name] = {
                "parent": client.get_run(parent).info.run_name if parent else "",
                "tags": run.data.tags,
                "params": run.data.params,
                "points": {
                    key: [(m.step, m.value, m.timestamp if key.startswith("epoch") else 0) for m in points]
                    for key in run.data.metrics
                    if (points := client.get_metric_history(run.info.run_id, key))
                },
                "span": (run.info.status, run.info.start_time, run.info.end_time),
                "data": [
                    (each.dataset.name, each.dataset.digest, each.tags[0].value) for each in run.inputs.dataset_inputs
                ],
                "files": sorted(files_of(client, run)),
                "models": len(run.outputs.model_outputs) if run.outputs else 0,
            }
    return runs


def files_of(client: MlflowClient, run: Run, folder: str | None = None) -> Iterator[str]:
    for file in client.list_artifacts(run.info.run_id, folder):
        if file.is_dir:
            yield from files_of(client, run, file.path)
        else:
            yield file.path


def rows_of(root: Path) -> dict[str, int]:
    """Return the number of rows of every table of the store."""
    import sqlite3

    with sqlite3.connect(root / "mlflow.db") as db:
        tables = [row[0] for row in db.execute("select name from sqlite_master where type = 'table'")]
        return {table: db.execute(f"select count(*) from {table}").fetchone()[0] for table in tables}


@dataclass(frozen=True)
class Filled:
    """A project that was synchronised once; tests must not change it."""

    root: Path
    report: SyncReport
    held: dict[str, Any]
    rows: dict[str, int]

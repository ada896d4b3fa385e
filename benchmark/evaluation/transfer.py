"""The step ``transfer``: predict the test split of each data set in ``params.transfer`` with every finished run.

``transfer/<set>/<method>/<arm>/<seed>.csv`` holds a run's predictions in the format of its test predictions; the
``.json`` file next to it records their inputs. Predictions are written to ``scratch/transfer`` and copied when all are
complete. Files whose inputs did not change are reused, so a killed step resumes and only changed runs predict again.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np

from benchmark.common.csv_rows import write_rows
from benchmark.common.errors import InputError
from benchmark.common.files import read_json, sha256_file, write_json
from benchmark.common.terms import Split
from benchmark.data import fetch, prepare
from benchmark.data.manifest import DATA, MANIFEST, ManifestRow, read_manifest
from benchmark.data.packs import PACKS, pack_name
from benchmark.dispatch.train import count_workers
from benchmark.jobs.display import ProgressDisplay
from benchmark.jobs.engines import Name, choose_engine
from benchmark.jobs.queue import Job, Report, refusal, run_jobs
from benchmark.runs.declared import data_sha256, find_runs
from benchmark.runs.predictions import patients_in_words, write_predictions
from benchmark.runs.results import executed
from benchmark.runs.run import RUNS, WEIGHTS
from benchmark.runs.spec import ArmResult, BlendResult, ExecutedResult, NetworkResult
from benchmark.runs.transfers import SETS, TRANSFER, WORK, OtherSet, inputs_path, predictions_path
from benchmark.settings.devices import resolved
from benchmark.settings.params import Params
from benchmark.settings.training import Train
from benchmark.training.batches import SplitData, load_split

TRANSFER_DATA = DATA / "transfer"
"""Folder of the other data sets; each has the layout of ``data/``."""
TRANSFER_SPLITS: tuple[Split, ...] = ("test",)
"""Splits that are fetched of the other data sets."""


def run(params: Params, engine: Name = "local") -> None:
    """Write the predictions of every finished run on every other set, and ``transfer/sets.csv``.

    Raises InputError if no run is finished, a set cannot be fetched or prepared, or a set has no test photographs.
    """
    results = list(executed(find_runs(params))) if params.transfer else []
    if params.transfer and not results:
        msg = f"a transfer needs a finished run, but {RUNS}/ holds none of the declared arms: run `dvc repro` first"
        raise InputError(msg)
    _remove_stale(params, results)
    seen = {row.sha256 for row in read_manifest() if row.split != "test"} if params.transfer else set()
    sets = []
    for name in params.transfer:
        rows = _fetch(params, name)
        sets.append(_describe(params, name, rows, seen))
        _predict(params, name, rows, results, engine)
    shutil.rmtree(TRANSFER, ignore_errors=True)
    for name in params.transfer:
        shutil.copytree(WORK / name, TRANSFER / name)
    write_rows(SETS, OtherSet, sets)


def _remove_stale(params: Params, results: list[ExecutedResult]) -> None:
    """Remove files of undeclared sets and of runs that no longer exist."""
    for folder in (*WORK.glob("*/"), *TRANSFER_DATA.glob("*/")):
        if folder.name not in params.transfer:
            shutil.rmtree(folder)
    known = {predictions_path(name, result, WORK) for name in params.transfer for result in results}
    for path in WORK.rglob("*.csv"):
        if path not in known:
            inputs_path(path).unlink(missing_ok=True)
            path.unlink()


def _fetch(params: Params, name: str) -> list[ManifestRow]:
    """Fetch and prepare the test split of a set like the training data; return the rows of the prepared images."""
    other, folder = params.model_copy(update={"data": params.transfer[name]}), TRANSFER_DATA / name
    fetch.run(other, folder, TRANSFER_SPLITS)
    prepare.run(other, folder)
    rows = read_manifest(folder / MANIFEST.name)
    if not rows:
        msg = (
            f"a set of `transfer` must have test photographs, but {name} has none: give it a test split, or remove it "
            "from `transfer` in params.yaml"
        )
        raise InputError(msg)
    return _load(name, pack_name("small", params.prepare.colour_normalisation), rows).rows


def _load(name: str, packs: str, rows: list[ManifestRow]) -> SplitData:
    return load_split("test", packs, rows, TRANSFER_DATA / name / PACKS.name)


def _describe(params: Params, name: str, rows: list[ManifestRow], seen: set[str]) -> OtherSet:
    shared, data = sum(row.sha256 in seen for row in rows), params.transfer[name]
    if shared:
        print(
            f"warning: {shared} of {len(rows)} test photographs of {data.name} are also train or val photographs of "
            f"{params.data.name}, so its kappas do not measure performance on unseen images",
            file=sys.stderr,
        )
    patients = patients_in_words(np.array([row.patient for row in rows]))
    return OtherSet(
        name=name, data=data.name, synthetic=data.synthetic, images=len(rows), patients=patients, shared=shared
    )


def _predict(params: Params, name: str, rows: list[ManifestRow], results: list[ExecutedResult], engine: Name) -> None:
    """Predict with each run whose predictions are missing or stale; the runs of an arm share a job."""
    load = cache(lambda packs: _load(name, packs, rows))
    groups: dict[str, list[ExecutedResult]] = {}
    for result in results:
        mark = inputs_path(predictions_path(name, result, WORK))
        if not (mark.exists() and read_json(mark) == _origin(result, load(result.packs))):
            mark.unlink(missing_ok=True)
            groups.setdefault(f"{result.group} on {name}", []).append(result)
    if not groups:
        return
    jobs = [_job(title, name, rows, members, params.train) for title, members in groups.items()]
    workers = min(count_workers(params), len(jobs)) if engine == "local" else 0
    with ProgressDisplay(jobs, "images") as display:
        failures = run_jobs(jobs, choose_engine(engine, workers, ("benchmark.training.predict",)), display)
    if failures:
        msg = f"every run must predict {name}, but {len(failures)} of {len(jobs)} arms did not: {refusal(failures)}"
        raise InputError(msg)


def _job(title: str, name: str, rows: list[ManifestRow], results: list[ExecutedResult], settings: Train) -> Job:
    return Job(
        name=title,
        work=_work,
        arguments=(name, rows, results, settings),
        cost=len(rows) * sum(result.macs_per_image for result in results),
        units=len(rows) * len(results),
        gpus=int(resolved(settings).device == "cuda"),
    )


def _work(
    name: str, rows: list[ManifestRow], results: list[ExecutedResult], settings: Train, slot: int, report: Report
) -> str:
    """Predict a set with the runs of an arm."""
    from benchmark.training.blend import predict_blend
    from benchmark.training.predict import predict_split

    load = cache(lambda packs: _load(name, packs, rows))
    report(0)
    for n_done, result in enumerate(results, 1):
        data, path = load(result.packs), predictions_path(name, result, WORK)
        match result:
            case BlendResult():
                predictions = predict_blend(result, rows, settings, TRANSFER_DATA / name / PACKS.name)
            case ArmResult() | NetworkResult():
                predictions = predict_split(result.folder(), data, settings, slot)
        write_predictions(predictions, path)
        write_json(inputs_path(path), _origin(result, data))
        report(n_done * len(rows))
    return f"{len(results)} run(s) predicted"


def _origin(result: ExecutedResult, data: SplitData) -> dict[str, Any]:
    """Return the inputs that determine the predictions of a run on a split."""
    return {
        "run": result.key,
        "weights": sha256_file(result.folder() / WEIGHTS),
        "images": data_sha256(data.rows),
        "prepared": asdict(data.pack.spec),
    }

"""Replays Optuna's studies: one run per study, with nested runs for its trials and for the retrained runs.

The input is the study's storage and the folders of the retrained runs, so :func:`sync_sweeps` may be called at any
time, during a sweep or later. A complete trial is FINISHED in MLflow, a pruned one KILLED, a failed one FAILED; a trial
in Optuna's queue has no run yet.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
from optuna import Study
from optuna.trial import FrozenTrial
from sqlalchemy import make_url

from benchmark.common.files import sha256_json
from benchmark.common.terms import EVALUATED
from benchmark.runs.predictions import read_predictions
from benchmark.runs.run import DataSummary
from benchmark.scoring.decision_rules.registry import DEFAULT, default_kappa
from benchmark.settings.params import Params
from benchmark.sweep.optuna_keys import ABOUT, KAPPAS, PRUNER, ROLE, WINNERS, WORKER, remark_of, trial_state
from benchmark.sweep.space import read_values
from benchmark.sweep.study import SWEEP, open_storage
from benchmark.tracking.connection import attempt, has_died, owner_of
from benchmark.tracking.entries import (
    NOTE,
    MetricPoint,
    MLflowStatus,
    RunEntry,
    base_tags,
    drop_empty,
    finished_entry,
    note,
)
from benchmark.tracking.replay import SyncReport, report
from benchmark.tracking.trainings import is_tracked_run_finished, read_finished

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from benchmark.tracking.store import TrackingStore

_STATES: dict[str, MLflowStatus] = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED", "RUNNING": "RUNNING"}


def sync_sweeps(root: Path, params: Params) -> SyncReport:
    """Update the MLflow store from every study in ``sweep.storage``.

    A second call writes nothing. An unreachable store causes a warning on standard error and no exception.

    Args:
        root: the project's folder.
        params: parameters with the storage and the experiment's name.

    Raises:
        InputError: Optuna's storage cannot be reached.
    """
    studies = _read_studies(root, params)
    stores: list[TrackingStore] = []

    def work(client: MlflowClient) -> None:
        from benchmark.tracking.store import TrackingStore

        for study in studies:
            trials = [_trial_entry(study, trial) for trial in _started(study)]
            parent = _study_entry(study, trials)
            stores.append(TrackingStore(client, root, params, parent.data))
            stores[-1].sync_group(parent, [*trials, *_retrained(root, study)], owner_of(os.getpid()))

    return report(attempt(root, work) if studies else "", stores, {}, "")


def _read_studies(root: Path, params: Params) -> list[Study]:
    """Return the started studies of this benchmark; an absent SQLite file holds none."""
    url = make_url(params.sweep.storage)
    if url.drivername.startswith("sqlite"):
        file = root / (url.database or "")
        if not file.is_file():
            return []
        url = url.set(database=str(file.absolute()))
    storage = open_storage(url.render_as_string(hide_password=False))
    studies = [optuna.load_study(study_name=name, storage=storage) for name in optuna.get_all_study_names(storage)]
    return [study for study in studies if ABOUT in study.user_attrs and _started(study)]


def _started(study: Study) -> list[FrozenTrial]:
    return [trial for trial in study.get_trials(deepcopy=False) if trial.datetime_start]


def _study_entry(study: Study, trials: Sequence[RunEntry]) -> RunEntry:
    """Return the entry of a study: finished once its winner is recorded, killed if it has no running trial."""
    about = study.user_attrs[ABOUT]
    running = any(trial.status == "RUNNING" for trial in trials)
    status: MLflowStatus = "RUNNING" if running else "FINISHED" if WINNERS in study.user_attrs else "KILLED"
    values = {trial.name: trial.finals["value"] for trial in trials if trial.status == "FINISHED"}
    # The goal may be raised later, and MLflow's parameters cannot change.
    params = {key: str(value) for key, value in about.items() if key not in ("data", "space", "published", "goal")}
    for section in ("space", "published"):
        params |= {f"{section}.{key}": str(value) for key, value in about[section].items()}
    best = max(values, key=values.__getitem__, default="")
    tags = {"goal": str(about["goal"]), "best": best, "winners": str(study.user_attrs.get(WINNERS, ""))}
    return RunEntry(
        kind="sweep",
        name=f"sweep {study.study_name}",
        key=study.study_name,
        status=status,
        data=_data(study),
        tags=_tags(study, "sweep", study.study_name) | drop_empty(tags),
        started=min(trial.started for trial in trials),
        ended=None if running else max((trial.ended for trial in trials if trial.ended), default=None),
        params=params,
        finals={"best_value": values[best], "trials_complete": float(len(values))} if values else {},
    )


def _trial_entry(study: Study, trial: FrozenTrial) -> RunEntry:
    """Return the entry of one trial."""
    attributes, key = trial.user_attrs, f"{study.study_name}/{trial.number}"
    status = _STATES[trial.state.name]
    if status == "RUNNING" and has_died(attributes.get(WORKER, "")):
        status = "KILLED"
    tags = {name: attributes.get(name, "") for name in (ROLE, PRUNER, WORKER)}
    tags |= {"state": trial_state(trial), "remark": remark_of(trial)}
    finals = {"value": trial.value} if status == "FINISHED" else {}
    finals |= {f"val_kappa_seed_{index}": kappa for index, kappa in enumerate(attributes.get(KAPPAS, ()), 1)}
    started, ended = _ms(trial.datetime_start), trial.datetime_complete
    points = []
    for step, value in sorted(trial.intermediate_values.items()):
        # Optuna's steps count epochs from 0, over all seeds.
        points.append(MetricPoint("val_kappa", value, step + 1, started + step))
        points.append(MetricPoint("epoch", step + 1, step + 1, started + step))
    return RunEntry(
        kind="trial",
        name=f"trial {trial.number}",
        key=key,
        status=status,
        data=_data(study),
        tags=_tags(study, "trial", key) | drop_empty(tags),
        started=started,
        ended=_ms(ended) if ended else None,
        outcome=sha256_json([key, trial.state.name, trial.value, trial.params]) if ended else "",
        params={
            name: str(value) for name, value in read_values(trial.params, study.user_attrs[ABOUT]["space"]).items()
        },
        points=points,
        finals=finals,
        step=len(trial.intermediate_values),
    )


def _retrained(root: Path, study: Study) -> list[RunEntry]:
    """Return the entries of the retrained runs, with their predictions and models."""
    entries = []
    for folder in sorted((root / SWEEP / study.study_name / "retrained").glob("*/")):
        if is_tracked_run_finished(folder) and (folder / "record.json").exists():
            entry = finished_entry(read_finished(folder, folder / "record.json", _kappas(folder)))
            key = f"{study.study_name}/{entry.key}"
            tags = {**entry.tags, "kind": "retrained", "key": key, "study": study.study_name}
            entries.append(replace(entry, kind="retrained", name=f"{entry.name} retrained", key=key, tags=tags))
    return entries


def _kappas(folder: Path) -> dict[str, float]:
    """Return a finished run's kappas by metric name."""
    kappas = {}
    for split in EVALUATED:
        predictions = read_predictions(folder / f"{split}.csv")
        for head in DEFAULT:
            if getattr(predictions, head) is not None:
                kappas[f"{split}_kappa_{head}"] = default_kappa(head, predictions)
    return kappas


def _tags(study: Study, kind: str, key: str) -> dict[str, str]:
    about, data = study.user_attrs[ABOUT], _data(study)
    own = {"study": study.study_name, "arm": about["arm"], "head": about["head"], NOTE: note(data, "")}
    return base_tags(kind, key, data) | drop_empty(own)


def _data(study: Study) -> DataSummary:
    return DataSummary.model_validate(study.user_attrs[ABOUT]["data"])


def _ms(time: datetime | None) -> int:
    return int(time.timestamp() * 1000) if time else 0

"""Replays Optuna's studies: one run per study, with nested runs for its trials.

The input is the study's storage, so :func:`sync_sweeps` may be called at any time, during a sweep or later. A complete
trial is FINISHED in MLflow, a pruned one KILLED, a failed one FAILED; a trial in Optuna's queue has no run yet.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import optuna
from optuna import Study
from optuna.trial import FrozenTrial
from sqlalchemy import make_url

from benchmark.common.files import sha256_json
from benchmark.runs.run import DataSummary
from benchmark.settings.params import Params
from benchmark.sweep.space import read_values
from benchmark.sweep.study import ABOUT, KAPPAS, PRUNER, ROLE, WINNERS, WORKER, open_storage, remark_of, trial_state
from benchmark.tracking.connection import attempt, has_died, owner_of
from benchmark.tracking.entries import NOTE, MetricPoint, MLflowStatus, RunEntry, base_tags, drop_empty, note

if TYPE_CHECKING:
    from mlflow import MlflowClient


_log = logging.getLogger(__name__)
_STATES: dict[str, MLflowStatus] = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED", "RUNNING": "RUNNING"}


def sync_sweeps(root: Path, params: Params) -> str:
    """Update the MLflow store from every study in ``sweep.storage``; a second call writes nothing.

    An unreachable store causes a warning on standard error, which is returned. Raises InputError if Optuna's storage
    cannot be reached.
    """
    studies = _read_studies(root, params)

    def work(client: MlflowClient) -> None:
        from benchmark.tracking.store import TrackingStore

        for study in studies:
            trials = [_trial_entry(study, trial) for trial in _started(study)]
            parent = _study_entry(study, trials)
            TrackingStore(client, root, params, parent.data).sync_group(parent, trials, owner_of(os.getpid()))

    warning = attempt(root, work) if studies else ""
    if warning:
        _log.warning("warning: %s", warning)
    return warning


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
    values = {trial.name: trial.finals["value"] for trial in trials if trial.status == "FINISHED"}
    # The goal may be raised later, and MLflow's parameters cannot change.
    params = {key: str(value) for key, value in about.items() if key not in ("data", "space", "published", "goal")}
    for section in ("space", "published"):
        params |= {f"{section}.{key}": str(value) for key, value in about[section].items()}
    best = max(values, key=values.__getitem__, default="")
    tags = {"goal": str(about["goal"]), "best": best, "winners": str(study.user_attrs.get(WINNERS, ""))}
    return _entry(
        study,
        "sweep",
        f"sweep {study.study_name}",
        study.study_name,
        "RUNNING" if running else "FINISHED" if WINNERS in study.user_attrs else "KILLED",
        tags,
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
    started, ended, points = _ms(trial.datetime_start), trial.datetime_complete, list[MetricPoint]()
    for step, value in sorted(trial.intermediate_values.items()):
        # Optuna's steps count epochs from 0, over all seeds.
        shown = {"val_kappa": value, "epoch": float(step + 1)}
        points += [MetricPoint(name, x, step + 1, started + step) for name, x in shown.items()]
    values = read_values(trial.params, study.user_attrs[ABOUT]["space"])
    return _entry(
        study,
        "trial",
        f"trial {trial.number}",
        key,
        status,
        tags,
        started=started,
        ended=_ms(ended) if ended else None,
        outcome=sha256_json([key, trial.state.name, trial.value, trial.params]) if ended else "",
        params={name: str(value) for name, value in values.items()},
        points=points,
        finals=finals,
    )


def _entry(
    study: Study,
    kind: Literal["sweep", "trial"],
    name: str,
    key: str,
    status: MLflowStatus,
    tags: Mapping[str, str],
    **content: Any,
) -> RunEntry:
    about = study.user_attrs[ABOUT]
    data = DataSummary.model_validate(about["data"])
    own = {"study": study.study_name, "arm": about["arm"], "head": about["head"], NOTE: note(data, ""), **tags}
    return RunEntry(kind, name, key, status, data, base_tags(kind, key, data) | drop_empty(own), **content)


def _ms(time: datetime | None) -> int:
    return int(time.timestamp() * 1000) if time else 0

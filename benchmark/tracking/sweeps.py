"""Replaying Optuna's studies: a run per study, nested in it one per trial and one per retraining of its winner.

All is read from the study's storage and the folders of its retrained runs, so this may be repeated at will, during a
sweep or after one that was killed. MLflow's states are Optuna's: a complete trial FINISHED, a pruned one KILLED, one
that died FAILED; a trial in the queue is no run yet.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.common.files import sha256_json
from benchmark.runs.predictions import read_predictions
from benchmark.runs.spec import DataSummary
from benchmark.scoring.decoders.registry import DEFAULT, default_kappa
from benchmark.settings.params import Params
from benchmark.tracking.connection import artifact_root, attempt
from benchmark.tracking.entries import NOTE, Entry, Point, Status, finished_entry, synthetic_note
from benchmark.tracking.replay import SyncReport
from benchmark.tracking.trainings import OUTCOME, read_beside

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from optuna import Study
    from optuna.trial import FrozenTrial

    from benchmark.tracking.store import Store

log = logging.getLogger(__name__)

_STATES: dict[str, Status] = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED", "RUNNING": "RUNNING"}


def sync_sweeps(root: Path, params: Params) -> SyncReport:
    """Bring the MLflow store to the state of every study of ``sweep.storage``.

    Repeating it writes nothing. A store that cannot be reached costs a warning on standard error, never an exception.

    Args:
        root: the project's folder.
        params: name the storage and the experiment.

    Raises:
        InputError: Optuna's storage cannot be reached.
    """
    studies = _read_studies(root, params)
    stores: list[Store] = []

    def work(client: MlflowClient) -> None:
        from benchmark.tracking.store import Store, owner_of

        for study in studies:
            trials = [_trial_entry(study, trial) for trial in _begun(study)]
            parent, retrained = _study_entry(study, trials), _retrained(root, study)
            name = f"{params.tracking.experiment}/{parent.data.name}"
            stores.append(Store(client, name, parent.data, artifact_root(root)))
            stores[-1].bring_nested(parent, [*trials, *retrained], owner_of(os.getpid()))

    warning = attempt(root, work) if studies else ""
    if warning:
        log.warning("warning: %s", warning)
    created = sum(len(store.created) for store in stores)
    return SyncReport({}, created, sum(len(store.written - store.created) for store in stores), warning)


def _read_studies(root: Path, params: Params) -> list[Study]:
    """Studies that a sweep of ours made and begun; none where there is no storage yet."""
    from sqlalchemy import make_url

    url = make_url(params.sweep.storage)
    if url.drivername.startswith("sqlite"):
        file = root / (url.database or "")
        if not file.is_file():
            return []
        url = url.set(database=str(file.absolute()))
    import optuna

    from benchmark.sweep.optuna_keys import ABOUT
    from benchmark.sweep.study import open_storage

    storage = open_storage(url.render_as_string(hide_password=False))
    studies = [optuna.load_study(study_name=name, storage=storage) for name in optuna.get_all_study_names(storage)]
    return [study for study in studies if ABOUT in study.user_attrs and _begun(study)]


def _begun(study: Study) -> list[FrozenTrial]:
    from benchmark.sweep.optuna_keys import SURPLUS

    trials = study.get_trials(deepcopy=False)
    return [trial for trial in trials if trial.datetime_start and SURPLUS not in trial.user_attrs]


def _study_entry(study: Study, trials: Sequence[Entry]) -> Entry:
    """Entry of a study: finished once its winner has been written down, killed where nobody works on it."""
    from benchmark.sweep.optuna_keys import ABOUT, WINNERS

    about = study.user_attrs[ABOUT]
    running = any(trial.status == "RUNNING" for trial in trials)
    status: Status = "RUNNING" if running else "FINISHED" if WINNERS in study.user_attrs else "KILLED"
    values = {trial.name: trial.finals["value"] for trial in trials if trial.status == "FINISHED"}
    params = {key: str(value) for key, value in about.items() if key not in ("data", "space", "published")}
    params |= {f"space.{key}": str(rule) for key, rule in about["space"].items()}
    params |= {f"published.{key}": str(value) for key, value in about["published"].items()}
    # The goal may be raised, which a parameter of MLflow cannot be.
    goal = params.pop("goal")
    ends = [trial.ended for trial in trials if trial.ended]
    best = max(values, key=lambda name: values[name]) if values else ""
    tags = {"goal": goal, "best": best, "winners": str(study.user_attrs.get(WINNERS, ""))}
    return Entry(
        kind="sweep",
        name=f"sweep {study.study_name}",
        key=study.study_name,
        status=status,
        data=_data(study),
        tags=_tags(study, "sweep", study.study_name) | {name: text for name, text in tags.items() if text},
        started=min(trial.started for trial in trials),
        ended=None if running else max(ends, default=None),
        params=params,
        finals={"best_value": values[best], "trials_complete": float(len(values))} if values else {},
    )


def _trial_entry(study: Study, trial: FrozenTrial) -> Entry:
    """Entry of one trial."""
    from benchmark.sweep.optuna_keys import ABOUT, KAPPAS, PRUNER, ROLE, WORKER, remark_of, state_of
    from benchmark.sweep.space import read_values
    from benchmark.tracking.store import has_died

    space = study.user_attrs[ABOUT]["space"]
    attributes, key = trial.user_attrs, f"{study.study_name}/{trial.number}"
    status = _STATES[trial.state.name]
    if status == "RUNNING" and has_died(attributes.get(WORKER, "")):
        status = "KILLED"
    told = {
        "state": state_of(trial),
        "remark": remark_of(trial),
        "role": attributes.get(ROLE, ""),
        "pruner": attributes.get(PRUNER, ""),
        "worker": attributes.get(WORKER, ""),
    }
    finals = {"value": trial.value} if status == "FINISHED" else {}
    finals |= {f"val_kappa_seed_{index}": kappa for index, kappa in enumerate(attributes.get(KAPPAS, ()), 1)}
    ended = trial.datetime_complete
    return Entry(
        kind="trial",
        name=f"trial {trial.number}",
        key=key,
        status=status,
        data=_data(study),
        tags=_tags(study, "trial", key) | {name: text for name, text in told.items() if text},
        started=_ms(trial.datetime_start),
        ended=_ms(ended) if ended else None,
        outcome=sha256_json([key, trial.state.name, trial.value, trial.params]) if ended else "",
        params={name: str(value) for name, value in read_values(trial.params, space).items()},
        points=_points(trial),
        finals=finals,
        step=len(trial.intermediate_values),
    )


def _points(trial: FrozenTrial) -> list[Point]:
    """The learning curve over the trial's seeds; its steps count epochs from 1."""
    start = _ms(trial.datetime_start)
    points = []
    for step, value in sorted(trial.intermediate_values.items()):
        points += [Point("val_kappa", value, step + 1, start + step), Point("epoch", step + 1, step + 1, start + step)]
    return points


def _retrained(root: Path, study: Study) -> list[Entry]:
    """Entries of the retrained runs, with their predictions and models."""
    from benchmark.sweep.study import SWEEP

    entries = []
    for folder in sorted((root / SWEEP / study.study_name / "retrained").glob("*/")):
        training = read_beside(folder, _kappas(folder))
        if training:
            entry, key = finished_entry(training), f"{study.study_name}/{training.spec.key}"
            tags = {**entry.tags, "kind": "retrained", "key": key, "study": study.study_name}
            entries.append(replace(entry, kind="retrained", name=f"{entry.name} retrained", key=key, tags=tags))
    return entries


def _kappas(folder: Path) -> dict[str, float]:
    """Final kappas by metric name; none while the run is not finished."""
    kappas = {}
    for name in OUTCOME[1:]:
        if not (folder / name).exists():
            return {}
        predictions = read_predictions(folder / name)
        for head in DEFAULT:
            if getattr(predictions, head) is not None:
                kappas[f"{Path(name).stem}_kappa_{head}"] = default_kappa(head, predictions)
    return kappas


def _tags(study: Study, kind: str, key: str) -> dict[str, str]:
    from benchmark.sweep.optuna_keys import ABOUT

    about: Mapping[str, Any] = study.user_attrs[ABOUT]
    data = _data(study)
    tags = {
        "kind": kind,
        "key": key,
        "study": study.study_name,
        "arm": about["arm"],
        "head": about["head"],
        "synthetic": str(data.synthetic).lower(),
        "mlflow.source.name": "fundusbench",
        "mlflow.source.type": "LOCAL",
    }
    return tags | ({NOTE: synthetic_note(data)} if data.synthetic else {})


def _data(study: Study) -> DataSummary:
    from benchmark.sweep.optuna_keys import ABOUT

    return DataSummary.model_validate(study.user_attrs[ABOUT]["data"])


def _ms(time: datetime | None) -> int:
    return int(time.timestamp() * 1000) if time else 0

"""Synchronisation of the store with the folders: once (:func:`sync`), or while a training runs (:func:`follow`)."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.common.addresses import shown_address
from benchmark.common.terms import Arm
from benchmark.settings.differences import from_default
from benchmark.settings.params import Params
from benchmark.tracking.connection import attempt, owner_of, tracking_uri
from benchmark.tracking.entries import MLflowStatus, RunEntry, finished_entry, group_entry, group_key, live_entry
from benchmark.tracking.trainings import Identity, TrackedRun, read_arms, read_live

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from benchmark.tracking.store import TrackingStore

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SyncReport:
    """Result of a synchronisation.

    Attributes:
        runs: MLflow run ids of the finished trainings, as far as they were synchronised.
        created: number of new MLflow runs, including groups.
        changed: number of existing MLflow runs that were completed or updated.
        warning: reason why the store is not up to date, or empty.
        store: address of the store without user, password and query.
    """

    runs: dict[Identity, str] = field(default_factory=dict)
    created: int = 0
    changed: int = 0
    warning: str = ""
    store: str = ""


def sync(root: Path, params: Params) -> SyncReport:
    """Update the MLflow store from ``runs/``, ``records/``, ``evaluation/`` and ``reports/figures/``.

    A second call writes nothing; a call after an interruption completes it. An unreachable store causes a warning on
    standard error and no exception.

    Args:
        root: the project's folder.
        params: parameters with the arms, the seeds and the experiment's name.
    """
    seeds = dict(params.declared())

    def group_of(training: TrackedRun) -> str:
        return group_key(training.spec, _declared(seeds, training))

    trainings = [training for arm in read_arms(root, params) for training in sorted(arm, key=group_of)]
    if not trainings:
        return SyncReport()
    differs = _from_default(root)
    ids: dict[Identity, str] = {}
    stores: dict[str, TrackingStore] = {}

    def work(client: MlflowClient) -> None:
        from benchmark.tracking.store import TrackingStore

        for _, members in groupby(trainings, group_of):
            group = list(members)
            data = group[0].spec.data
            if data.name not in stores:
                stores[data.name] = TrackingStore(client, root, params, data)
            entries = [finished_entry(training) for training in group]
            entry = group_entry(entries, group[0].spec, _declared(seeds, group[0]), differs)
            found = stores[data.name].sync_group(entry, entries, owner_of(os.getpid()))
            ids.update(zip((training.identity for training in group), found, strict=True))
        for store in stores.values():
            store.mark_killed()

    return report(attempt(root, work), list(stores.values()), ids, shown_address(tracking_uri(root)))


def report(warning: str, stores: Sequence[TrackingStore], ids: dict[Identity, str], address: str) -> SyncReport:
    """Log the warning of a synchronisation, and return its result."""
    if warning:
        _log.warning("warning: %s", warning)
    created = sum(len(store.created) for store in stores)
    return SyncReport(ids, created, sum(len(store.written - store.created) for store in stores), warning, address)


def follow(folder: Path, params: Params, poll_s: float = 5.0) -> None:
    """Show one training in MLflow while it runs; called in a child process of the trainer.

    Return when the training has finished (:func:`sync` then completes its MLflow run) or the trainer has died. In the
    second case the run is marked as killed, and as running again when the training is resumed. An unreachable store
    causes one warning, and each poll tries again.

    Args:
        folder: the run's folder, ``scratch/<method>/<arm>/<seed>``.
        params: parameters with the experiment's name.
        poll_s: seconds between two reads of the folder.
    """
    trainer, root, warned = os.getppid(), folder.absolute().parents[3], False
    differs = _from_default(root)
    while True:
        trainer_died = os.getppid() != trainer
        training = read_live(folder)
        if training is None:
            return
        status: MLflowStatus = "KILLED" if trainer_died else "RUNNING"
        warning = _show(root, params, training, live_entry(training, status), trainer, differs)
        if warning and not warned:
            _log.warning("warning: %s", warning)
            warned = True
        if trainer_died:
            return
        time.sleep(poll_s)


def _show(root: Path, params: Params, training: TrackedRun, entry: RunEntry, trainer: int, differs: str) -> str:
    """Update the MLflow run of a training in progress; return one sentence on failure, else an empty string."""

    def work(client: MlflowClient) -> None:
        from benchmark.tracking.store import TrackingStore

        group = group_entry([entry], training.spec, _declared(dict(params.declared()), training), differs)
        TrackingStore(client, root, params, entry.data).sync_group(group, [entry], owner_of(trainer))

    return attempt(root, work)


def _declared(seeds: Mapping[Arm, list[int]], training: TrackedRun) -> list[int]:
    """Return the declared seeds of a run's arm; its own seed for one that is not declared, such as a sweep's."""
    return seeds.get(Arm(training.spec.method, training.spec.arm), [training.spec.seed])


def _from_default(root: Path) -> str:
    """Describe what params.yaml differs in from the default; empty if that is unknown."""
    found = from_default(root)
    return "" if found is None else "; ".join(found) or "nothing"

"""Replaying the folders into the store, once (:func:`sync`) or while a training runs (:func:`follow`)."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.settings.params import Params
from benchmark.tracking.connection import artifact_root, attempt, masked, tracking_uri
from benchmark.tracking.entries import Entry, finished_entry, group_entry, group_key, live_entry
from benchmark.tracking.trainings import Identity, Training, read_arms, read_live

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from benchmark.tracking.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a synchronisation found and did.

    Attributes:
        runs: MLflow run id of each finished training; those not reached are absent.
        created: MLflow runs made, groups included.
        changed: MLflow runs that were there and lacked something.
        warning: why the store could not be brought up to date; empty when it was.
        store: its address, without a password.
    """

    runs: dict[Identity, str] = field(default_factory=dict)
    created: int = 0
    changed: int = 0
    warning: str = ""
    store: str = ""


def sync(root: Path, params: Params) -> SyncReport:
    """Bring the MLflow store to the state of ``runs/``, ``records/``, ``evaluation/`` and ``reports/figures/``.

    Repeating it writes nothing; one that was cut off is completed by the next. A store that cannot be reached costs
    a warning on standard error, never an exception.

    Args:
        root: the project's folder.
        params: declares arms, seeds and the experiment's name.
    """
    groups = [group for arm in read_arms(root, params) for group in _groups(arm)]
    if not groups:
        return SyncReport()
    ids: dict[Identity, str] = {}
    stores: dict[str, Store] = {}

    def work(client: MlflowClient) -> None:
        for group in groups:
            store = _open(stores, client, root, params, group[0])
            entries = [finished_entry(training) for training in group]
            found = _bring(store, group[0], entries, os.getpid())
            ids.update(zip((training.identity for training in group), found, strict=True))
        for store in stores.values():
            store.mark_killed()

    warning = attempt(root, work)
    if warning:
        log.warning("warning: %s", warning)
    created = sum(len(store.created) for store in stores.values())
    changed = sum(len(store.written - store.created) for store in stores.values())
    return SyncReport(ids, created, changed, warning, masked(tracking_uri(root)))


def follow(folder: Path, params: Params, poll_s: float = 5.0) -> None:
    """Show one training in MLflow while it runs; call it in a child process of the trainer.

    Returns when the training has finished (:func:`sync` then completes its MLflow run) or the trainer is gone (the
    run is then marked as killed, and as running again when the training goes on). A store that cannot be reached
    costs one warning, and is tried again at each poll.

    Args:
        folder: the run's folder, ``scratch/<stage>/<arm>/<seed>``.
        params: declare the experiment's name.
        poll_s: seconds between two looks at the folder.
    """
    trainer = os.getppid()
    root = folder.absolute().parents[3]
    warned = False
    while True:
        gone = os.getppid() != trainer
        training = read_live(folder)
        if training is None:
            return
        warning = _show(root, params, training, trainer, gone)
        if warning and not warned:
            log.warning("warning: %s", warning)
            warned = True
        if gone:
            return
        time.sleep(poll_s)


def _show(root: Path, params: Params, training: Training, trainer: int, gone: bool) -> str:
    """Bring a training in progress up to date; a sentence where that failed."""

    def work(client: MlflowClient) -> None:
        store = _open({}, client, root, params, training)
        _bring(store, training, [live_entry(training, "KILLED" if gone else "RUNNING")], trainer)

    return attempt(root, work)


def _open(stores: dict[str, Store], client: MlflowClient, root: Path, params: Params, training: Training) -> Store:
    """The experiment that a training belongs to, opened once."""
    from benchmark.tracking.store import Store

    data = training.spec.data
    name = f"{params.tracking.experiment}/{data.name}"
    if name not in stores:
        stores[name] = Store(client, name, data, artifact_root(root))
    return stores[name]


def _bring(store: Store, training: Training, entries: Sequence[Entry], owner: int) -> list[str]:
    """Bring the entries of a group up to date, of which ``training`` is one."""
    from benchmark.tracking.store import owner_of

    return store.bring_group(group_entry(entries, training.spec), entries, owner_of(owner))


def _groups(arm: list[Training]) -> list[list[Training]]:
    """An arm's trainings by what they have in common beside the seed."""

    def key(training: Training) -> str:
        return group_key(training.spec)

    return [list(group) for _, group in groupby(sorted(arm, key=key), key)]

"""Synchronisation of the store with the folders: once (:func:`sync`), or while a training runs (:func:`follow`)."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.common.addresses import shown_address
from benchmark.common.terms import Arm
from benchmark.runs.spec import RunSpec
from benchmark.settings.differences import from_default
from benchmark.settings.params import Params
from benchmark.tracking.connection import attempt, owner_of, tracking_uri
from benchmark.tracking.entries import RunEntry, group_entry, group_key
from benchmark.tracking.trainings import Identity, read_arms, read_live

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from benchmark.tracking.store import TrackingStore

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SyncReport:
    """Result of a synchronisation.

    Attributes:
        runs: MLflow run ids of the finished trainings, as far as they were synchronised.
        warning: reason why the store is not up to date, or empty.
        store: address of the store without user, password and query.
    """

    runs: dict[Identity, str] = field(default_factory=dict)
    warning: str = ""
    store: str = ""


def sync(root: Path, params: Params) -> SyncReport:
    """Update the MLflow store from ``runs/``, ``records/``, ``evaluation/`` and ``statistics/``.

    A second call writes nothing; a call after an interruption completes it. An unreachable store causes a warning on
    standard error and no exception.
    """
    seeds = dict(params.declared())

    def group_of(entry: RunEntry) -> str:
        assert entry.spec
        return group_key(entry.spec, _declared(seeds, entry.spec))

    entries = [entry for arm in read_arms(root, params) for entry in sorted(arm, key=group_of)]
    if not entries:
        return SyncReport()
    differs = _from_default(root)
    ids: dict[Identity, str] = {}

    def work(client: MlflowClient) -> None:
        from benchmark.tracking.store import TrackingStore

        stores: dict[str, TrackingStore] = {}
        for _, members in groupby(entries, group_of):
            group = list(members)
            specs = [entry.spec for entry in group if entry.spec]
            data = specs[0].data
            if data.name not in stores:
                stores[data.name] = TrackingStore(client, root, params, data)
            entry = group_entry(group, _declared(seeds, specs[0]), differs)
            found = stores[data.name].sync_group(entry, group, owner_of(os.getpid()))
            ids.update(zip(((spec.method, spec.arm, spec.seed) for spec in specs), found, strict=True))
        for store in stores.values():
            store.mark_killed()

    warning = attempt(root, work)
    if warning:
        _log.warning("warning: %s", warning)
    return SyncReport(ids, warning, shown_address(tracking_uri(root)))


def follow(folder: Path, params: Params, poll_s: float = 5.0) -> None:
    """Show the training in a folder of ``scratch/`` while it runs; called in a child process of the trainer.

    Return when the training has finished (:func:`sync` then completes its MLflow run) or the trainer has died. In the
    second case the run is marked as killed, and as running again when the training is resumed. An unreachable store
    causes one warning, and each poll tries again.
    """
    trainer, root, warned = os.getppid(), folder.absolute().parents[3], False
    seeds, differs = dict(params.declared()), _from_default(root)
    while True:
        trainer_died = os.getppid() != trainer
        entry = read_live(folder, "KILLED" if trainer_died else "RUNNING")
        if entry is None or entry.spec is None:
            return
        group = group_entry([entry], _declared(seeds, entry.spec), differs)
        warning = _show(root, params, group, entry, owner_of(trainer))
        if warning and not warned:
            _log.warning("warning: %s", warning)
            warned = True
        if trainer_died:
            return
        time.sleep(poll_s)


def _show(root: Path, params: Params, group: RunEntry, entry: RunEntry, owner: str) -> str:
    """Update the MLflow run of a training in progress; return one sentence on failure, else an empty string."""

    def work(client: MlflowClient) -> None:
        from benchmark.tracking.store import TrackingStore

        TrackingStore(client, root, params, entry.data).sync_group(group, [entry], owner)

    return attempt(root, work)


def _declared(seeds: Mapping[Arm, list[int]], spec: RunSpec) -> list[int]:
    """Return the declared seeds of a run's arm; its own seed for one that is not declared, such as a sweep's."""
    return seeds.get(Arm(spec.method, spec.arm), [spec.seed])


def _from_default(root: Path) -> str:
    """Describe what params.yaml differs in from the default; empty if that is unknown."""
    found = from_default(root)
    return "" if found is None else "; ".join(found) or "nothing"

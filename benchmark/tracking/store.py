"""Writing to one MLflow experiment; only missing content is written, so a second call writes nothing.

A run is found by its ``key``. Its ``outcome`` is tagged last: a run without that tag was interrupted, or is still
training, and is completed. In a run with the tag, only the final metrics can change.
"""

from __future__ import annotations

import json
import math
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID as PARENT

from benchmark.common.errors import InputError
from benchmark.common.terms import EVALUATED
from benchmark.data.manifest import MANIFEST
from benchmark.runs.run import DataSummary
from benchmark.settings.params import Params
from benchmark.tracking.connection import artifact_root, has_died
from benchmark.tracking.entries import NOTE, MetricPoint, RunEntry, experiment_note
from benchmark.tracking.logged_model import log_model
from benchmark.tracking.views import missing_views

_KIND, _TRAININGS = "mlflow.experimentKind", "custom_model_development"
"""Tag that makes MLflow's UI open an experiment with its runs; without it, the UI may open a page of traces."""


_CONTEXTS = {"train": "training", "val": "validation", "test": "testing"}
"""MLflow's name for the use of each split."""


class TrackingStore:
    """The MLflow runs of one experiment."""

    def __init__(self, client: MlflowClient, root: Path, params: Params, data: DataSummary) -> None:
        """Open the experiment of a data set, and create it if it does not exist.

        Raises:
            InputError: the experiment's artifacts are elsewhere, because the project was moved.
        """
        self._client = client
        self._experiment = _open_experiment(client, f"{params.tracking.experiment}/{data.name}", data, root)
        self._runs = _search(client, self._experiment)
        # Looking through all runs for each entry would take minutes with ten thousand.
        self._by_key: dict[tuple[str, str], list[Run]] = defaultdict(list)
        self._nested: dict[str, list[Run]] = defaultdict(list)
        for run in self._runs:
            self._add(run)
        self._synced: set[str] = set()

    def sync_group(self, group: RunEntry, members: Sequence[RunEntry], owner: str) -> list[str]:
        """Update the run of a group of trainings, or of a study, and the runs nested in it; return the ids of these.

        The owner, from :func:`.connection.owner_of`, completes unfinished runs; a tag ``worker`` names another one.
        """
        found, groups = [self._find(member) for member in members], self._by_key[group.kind, group.key]
        if group.kind == "group":
            # A group with another run of a seed, e.g. one that started from another parent, stays as it is.
            ours = {member.tags["seed"]: run for member, run in zip(members, found, strict=True)}
            groups = [
                each
                for each in groups
                if all(ours.get(run.data.tags["seed"], run) is run for run in self._nested[each.info.run_id])
            ]
        parent = self._sync(group, next(iter(groups), None), owner)
        return [
            self._sync(member, run, member.tags.get("worker", owner), parent)
            for member, run in zip(members, found, strict=True)
        ]

    def _add(self, run: Run) -> None:
        tags = run.data.tags
        self._by_key[tags.get("kind", ""), tags.get("key", "")].append(run)
        self._nested[tags.get(PARENT, "")].append(run)

    def mark_killed(self) -> None:
        """Mark those of the other runs in progress as killed whose process ran on this machine and has died."""
        for run in self._runs:
            in_progress = run.info.status == "RUNNING" and run.info.run_id not in self._synced
            if in_progress and has_died(run.data.tags.get("owner", "")):
                self._client.update_run(run.info.run_id, status="KILLED")

    def _find(self, entry: RunEntry) -> Run | None:
        """Return the run with the entry's key and results, else an unfinished run with its key, else None."""
        same = self._by_key[entry.kind, entry.key]
        exact = [run for run in same if run.data.tags.get("outcome", "") == entry.outcome]
        unfinished = [run for run in same if "outcome" not in run.data.tags]
        # A training in progress may repeat a finished one; only its results can tell.
        return next(iter(exact + unfinished + ([] if entry.outcome else same)), None)

    def _sync(self, entry: RunEntry, run: Run | None, owner: str, parent: str = "") -> str:
        """Update the run of an entry, or create it, and return its id."""
        # A run that two experiments share stays nested in the group of the first.
        run = run or self._create(entry, owner, parent)
        self._synced.add(run.info.run_id)
        if "outcome" in run.data.tags:
            self._log(run, {}, entry.finals)
        else:
            # The user may have edited the description in the UI.
            tags = {name: text for name, text in entry.tags.items() if name != NOTE}
            self._log(
                run,
                tags | ({"owner": owner} if entry.status == "RUNNING" else {}),
                entry.finals,
                entry.points,
                entry.params,
            )
            if not (run.inputs and run.inputs.dataset_inputs):
                self._client.log_inputs(run.info.run_id, _datasets(entry.data))
            if entry.folder and entry.spec:
                for split in EVALUATED:
                    path = str((entry.folder / f"{split}.csv").absolute())
                    self._client.log_artifact(run.info.run_id, path, "predictions")
                if entry.spec.builds_network:
                    log_model(self._client, run, entry, entry.spec, entry.folder)
            self._set_status(run, entry)
            self._log(run, {"outcome": entry.outcome})
        return str(run.info.run_id)

    def _create(self, entry: RunEntry, owner: str, parent: str) -> Run:
        tags = {**entry.tags, "owner": owner} | ({PARENT: parent} if parent else {})
        run = self._client.create_run(self._experiment, start_time=entry.started, tags=tags, run_name=entry.name)
        self._add(run)
        return run

    def _log(
        self,
        run: Run,
        tags: Mapping[str, str],
        finals: Mapping[str, float] | None = None,
        points: Sequence[MetricPoint] = (),
        params: Mapping[str, str] | None = None,
    ) -> None:
        """Log the parameters, the epochs and the non-empty tags and final metrics that the run lacks.

        All final metrics have step 0, so that the UI draws bars instead of points over epochs.
        """
        now, stored = int(time.time() * 1000), run.data
        last = stored.metrics.get("epoch", -math.inf)
        metrics = [Metric(point.name, point.value, point.ms, point.step) for point in points if point.step > last]
        metrics += [Metric(key, x, now, 0) for key, x in (finals or {}).items() if stored.metrics.get(key) != x]
        new_tags = [RunTag(name, text) for name, text in tags.items() if text and stored.tags.get(name) != text]
        missing = [Param(name, text) for name, text in (params or {}).items() if name not in stored.params]
        if new_tags or metrics or missing:
            self._client.log_batch(run.info.run_id, metrics=metrics, params=missing, tags=new_tags)

    def _set_status(self, run: Run, entry: RunEntry) -> None:
        if entry.ended is not None and (run.info.status, run.info.end_time) != (entry.status, entry.ended):
            self._client.set_terminated(run.info.run_id, entry.status, entry.ended)
        elif entry.ended is None and run.info.status != entry.status:
            # Without an end time, a killed training that is resumed shows its full duration.
            self._client.update_run(run.info.run_id, status=entry.status)


def _open_experiment(client: MlflowClient, name: str, data: DataSummary, root: Path) -> str:
    """Return the id of the experiment, and create or restore it where needed."""
    found, artifacts = client.get_experiment_by_name(name), artifact_root(root)
    if found is None:
        tags = {NOTE: experiment_note(data), _KIND: _TRAININGS, **missing_views({})}
        return str(client.create_experiment(name, artifact_location=artifacts, tags=tags))
    if artifacts not in (None, found.artifact_location):
        msg = (
            f"the artifacts must be in {artifacts}, but are in {found.artifact_location}, because the project was "
            "moved or copied: remove mlflow.db and mlartifacts"
        )
        raise InputError(msg)
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    for tag, text in missing_views(found.tags).items():
        client.set_experiment_tag(found.experiment_id, tag, text)
    return str(found.experiment_id)


def _search(client: MlflowClient, experiment: str) -> list[Run]:
    """Return all runs of an experiment, the oldest first."""
    runs: list[Run] = []
    token: str | None = ""
    while token is not None:
        page = client.search_runs(
            [experiment], max_results=1000, order_by=["attributes.start_time ASC"], page_token=token or None
        )
        runs += page
        token = page.token or None
    return runs


def _datasets(data: DataSummary) -> list[DatasetInput]:
    """Return the splits; each is a data set of its own, because MLflow gives a data set one context per run."""
    return [
        DatasetInput(
            Dataset(
                name=f"{data.name}/{split}",
                digest=data.hash,
                source_type="local",
                source=json.dumps({"uri": str(MANIFEST), "source": data.source}),
                profile=json.dumps({"images": getattr(data, split)}),
            ),
            [InputTag("mlflow.data.context", context)],
        )
        for split, context in _CONTEXTS.items()
    ]

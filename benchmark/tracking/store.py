"""Writing to one MLflow experiment; only missing content is written, so a second call writes nothing.

A run is found by its ``key``. Its ``outcome`` is tagged last: a run without that tag was interrupted, or is still
training, and is completed. In a run with the tag, only the final metrics, the figure and the group can change.
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID as PARENT

from benchmark.common.errors import InputError
from benchmark.common.files import sha256_file
from benchmark.common.terms import EVALUATED
from benchmark.data.manifest import MANIFEST
from benchmark.runs.run import DataSummary
from benchmark.settings.params import Params
from benchmark.tracking.connection import artifact_root, has_died
from benchmark.tracking.entries import NOTE, RunEntry, experiment_note
from benchmark.tracking.logged_model import log_model, model_of
from benchmark.tracking.trainings import TrackedRun
from benchmark.tracking.views import missing_views

if TYPE_CHECKING:
    from mlflow import MlflowClient

_KIND, _TRAININGS = "mlflow.experimentKind", "custom_model_development"
"""Tag that makes MLflow's UI open an experiment with its runs; without it, the UI may open a page of traces."""


_CONTEXTS = {"train": "training", "val": "validation", "test": "testing"}
"""MLflow's name for the use of each split."""


class TrackingStore:
    """The MLflow runs of one experiment.

    Attributes:
        created: ids of new runs.
        written: ids of new and changed runs.
    """

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
        self._children: dict[str, list[Run]] = defaultdict(list)
        for run in self._runs:
            self._add(run)
        self._synced: set[str] = set()
        self.created: set[str] = set()
        self.written: set[str] = set()

    def sync_group(self, group: RunEntry, members: Sequence[RunEntry], owner: str) -> list[str]:
        """Update the run of a group of trainings, or of a study, and the runs nested in it.

        Args:
            group: entry of the group.
            members: entries of the nested runs; a tag ``worker`` names another owner.
            owner: the process that completes unfinished runs, from :func:`.connection.owner_of`.

        Returns:
            The ids of the nested MLflow runs.
        """
        found = [self._find(member) for member in members]
        candidates = self._find_group(group, members, found) if group.kind == "group" else self._find(group)
        parent = self._sync(group, candidates, owner)
        return [
            self._sync(member, runs, member.tags.get("worker", owner), parent)
            for member, runs in zip(members, found, strict=True)
        ]

    def _add(self, run: Run) -> None:
        tags = run.data.tags
        self._by_key[tags.get("kind", ""), tags.get("key", "")].append(run)
        self._children[tags.get(PARENT, "")].append(run)

    def mark_killed(self) -> None:
        """Mark those of the other runs in progress as killed whose process ran on this machine and has died."""
        for run in self._runs:
            in_progress = run.info.status == "RUNNING" and run.info.run_id not in self._synced
            if in_progress and has_died(run.data.tags.get("owner", "")):
                self._client.update_run(run.info.run_id, status="KILLED")
                self.written.add(run.info.run_id)

    def _find(self, entry: RunEntry) -> list[Run]:
        """Return the candidates for an entry: first runs with its results, then unfinished runs with its key."""
        same = self._by_key[entry.kind, entry.key]
        exact = [run for run in same if run.data.tags.get("outcome", "") == entry.outcome]
        unfinished = [run for run in same if "outcome" not in run.data.tags]
        # A training in progress may repeat a finished one; only its results can tell.
        return exact + unfinished + ([] if entry.outcome else same)

    def _find_group(self, group: RunEntry, members: Sequence[RunEntry], found: Sequence[list[Run]]) -> list[Run]:
        """Return the candidates for a group: none with another nested run for the seed of a member."""
        ours = {m.tags["seed"]: [run.info.run_id for run in runs] for m, runs in zip(members, found, strict=True)}

        def is_free(group: Run) -> bool:
            children = self._children[group.info.run_id]
            return all(run.info.run_id in ours.get(run.data.tags["seed"], [run.info.run_id]) for run in children)

        return [run for run in self._by_key[group.kind, group.key] if is_free(run)]

    def _sync(self, entry: RunEntry, found: Sequence[Run], owner: str, parent: str = "") -> str:
        """Update the first candidate, or a new run, and return its id."""
        # A run that two experiments share stays nested in the group of the first.
        run = found[0] if found else self._create(entry, {PARENT: parent, "owner": owner})
        links = {PARENT: run.data.tags.get(PARENT, parent)}
        self._synced.add(run.info.run_id)
        model = model_of(run)
        if "outcome" not in run.data.tags:
            self._describe(run, entry, owner)
            model = self._attach(run, entry)
            self._set_status(run, entry)
            links["outcome"] = entry.outcome
        if entry.figure:
            links["figure"] = sha256_file(entry.figure)
            if run.data.tags.get("figure") != links["figure"]:
                self._client.log_artifact(run.info.run_id, str(entry.figure), "figures")
        self._log(run, links, _changed(run, entry.finals, model, entry.data))
        return str(run.info.run_id)

    def _create(self, entry: RunEntry, links: Mapping[str, str]) -> Run:
        tags = {**entry.tags, **{name: text for name, text in links.items() if text}}
        run = self._client.create_run(self._experiment, start_time=entry.started, tags=tags, run_name=entry.name)
        self._add(run)
        self.created.add(run.info.run_id)
        return run

    def _describe(self, run: Run, entry: RunEntry, owner: str) -> None:
        """Log the tags, parameters, epochs and costs that the run lacks."""
        # The user may have edited the description in the UI.
        tags = {name: text for name, text in entry.tags.items() if name != NOTE}
        tags |= {"owner": owner} if entry.status == "RUNNING" else {}
        last = run.data.metrics.get("epoch", -math.inf)
        metrics = [Metric(point.name, point.value, point.ms, point.step) for point in entry.points if point.step > last]
        params = {name: text for name, text in entry.params.items() if name not in run.data.params}
        self._log(run, tags, metrics + _changed(run, entry.costs), params)

    def _log(
        self, run: Run, tags: Mapping[str, str], metrics: Sequence[Metric], params: Mapping[str, str] | None = None
    ) -> None:
        """Log metrics, parameters and the non-empty tags that differ, in one request."""
        differing = [RunTag(name, text) for name, text in tags.items() if text and run.data.tags.get(name) != text]
        missing = [Param(name, text) for name, text in (params or {}).items()]
        if differing or metrics or missing:
            self._client.log_batch(run.info.run_id, metrics=metrics, params=missing, tags=differing)
            self.written.add(run.info.run_id)

    def _attach(self, run: Run, entry: RunEntry) -> str | None:
        """Log the data set and, if the training is finished, results and model; return the model's id."""
        if not (run.inputs and run.inputs.dataset_inputs):
            self._client.log_inputs(run.info.run_id, _datasets(entry.data))
            self.written.add(run.info.run_id)
        if entry.training is None:
            return None
        with tempfile.TemporaryDirectory() as folder:
            _link_results(entry.training, Path(folder))
            self._client.log_artifacts(run.info.run_id, folder)
        if not entry.training.spec.builds_network:
            return None
        return log_model(self._client, run, entry, entry.training)

    def _set_status(self, run: Run, entry: RunEntry) -> None:
        if entry.ended is not None and (run.info.status, run.info.end_time) != (entry.status, entry.ended):
            self._client.set_terminated(run.info.run_id, entry.status, entry.ended)
        elif entry.ended is None and run.info.status != entry.status:
            # Without an end time, a killed training that is resumed shows its full duration.
            self._client.update_run(run.info.run_id, status=entry.status)
        else:
            return
        self.written.add(run.info.run_id)


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


def _changed(
    run: Run, values: Mapping[str, float], model: str | None = None, data: DataSummary | None = None
) -> list[Metric]:
    """Return the metrics whose value in the store differs or is missing.

    All have step 0, so that the UI draws bars instead of points over epochs.
    """
    now = int(time.time() * 1000)
    stored = run.data.metrics

    def of(key: str) -> dict[str, str]:
        """Return the data set that a metric of a model was measured on."""
        split = next((split for split in EVALUATED if key.startswith((f"{split}_", f"{split}/"))), None)
        return {"dataset_name": f"{data.name}/{split}", "dataset_digest": data.hash} if data and model and split else {}

    return [
        Metric(key, value, now, 0, model_id=model, **of(key))
        for key, value in values.items()
        if key not in stored or not math.isclose(stored[key], value, rel_tol=1e-12)
    ]


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


def _link_results(training: TrackedRun, folder: Path) -> None:
    """Link the files to upload into a folder under their names in the store."""
    files = {f"predictions/{split}.csv": training.folder / f"{split}.csv" for split in EVALUATED}
    if training.record is not None:
        files["record.json"] = training.record[0]
    (folder / "predictions").mkdir()
    for name, path in files.items():
        (folder / name).symlink_to(path.absolute())

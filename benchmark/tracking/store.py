"""One MLflow experiment: writes what an entry has and the store lacks, so that repeating it writes nothing.

A run is found by its ``key``. Its ``outcome`` is tagged last of all: a run without that tag was cut off (or is still
training) and is completed; a run with it changes only in what the evaluation and the report may change.
"""

from __future__ import annotations

import json
import math
import os
import platform
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID as PARENT

from benchmark.common.files import sha256_file
from benchmark.common.terms import EVALUATED
from benchmark.data.manifest import MANIFEST
from benchmark.runs.spec import DataSummary
from benchmark.tracking import views
from benchmark.tracking.entries import NOTE, Entry, experiment_note
from benchmark.tracking.logged_model import log_model, model_of
from benchmark.tracking.trainings import Training

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PAGE = 1000
_KIND, _TRAININGS = "mlflow.experimentKind", "custom_model_development"
"""Without this tag, MLflow's UI takes an experiment for one of language models and opens it on a page of traces."""


class Store:
    """The runs of one experiment, read once, and what was done to them."""

    def __init__(self, client: MlflowClient, name: str, data: DataSummary, artifacts: str | None) -> None:
        """Open an experiment, and make it where there is none.

        Args:
            client: a store that answers.
            name: the experiment.
            data: its data set.
            artifacts: where a new experiment keeps its artifacts; None leaves that to the store.
        """
        self._client = client
        self._experiment = _experiment(client, name, data, artifacts)
        self._runs = _search(client, self._experiment)
        self._brought: set[str] = set()
        self.created: set[str] = set()
        """Ids of the runs that were made."""
        self.written: set[str] = set()
        """Ids of the runs that were made or changed."""

    def bring_group(self, group: Entry, members: Sequence[Entry], owner: str) -> list[str]:
        """Bring trainings and their group to what the entries say.

        Args:
            group: what an arm's trainings have in common.
            members: the trainings.
            owner: who a run is marked with while it is not complete, from :func:`owner_of`.

        Returns:
            The ids of the trainings' MLflow runs.
        """
        found = [self._find(member) for member in members]
        parent = self._bring(group, self._find_group(group, members, found), owner)
        return [self._bring(member, runs, owner, parent) for member, runs in zip(members, found, strict=True)]

    def bring_nested(self, parent: Entry, members: Sequence[Entry], owner: str) -> None:
        """Bring a run and the runs nested in it to what the entries say.

        Args:
            parent: found by its key alone.
            members: nested in it; a tag ``worker`` says who runs one.
            owner: who any other run is marked with while it is not complete.
        """
        above = self._bring(parent, self._find(parent), owner)
        for member in members:
            self._bring(member, self._find(member), member.tags.get("worker", owner), above)

    def mark_killed(self) -> None:
        """Mark what nobody trains any more: other runs that still run, owned by a process of this machine that died."""
        for run in self._runs:
            left = run.info.status == "RUNNING" and run.info.run_id not in self._brought
            if left and has_died(run.data.tags.get("owner", "")):
                self._client.update_run(run.info.run_id, status="KILLED")
                self.written.add(run.info.run_id)

    def _find(self, entry: Entry) -> list[Run]:
        """The runs that an entry may mean: those with its results, then the unfinished ones of its key."""
        same = [run for run in self._runs if _is(run, entry)]
        exact = [run for run in same if run.data.tags.get("outcome", "") == entry.outcome]
        unfinished = [run for run in same if "outcome" not in run.data.tags]
        # A training that repeats a finished one is that run; whether it ends otherwise is seen when it has ended.
        return exact + unfinished + ([] if entry.outcome else same)

    def _find_group(self, group: Entry, members: Sequence[Entry], found: Sequence[list[Run]]) -> list[Run]:
        """The groups that the members may join: none of their children is another run of one of the members' seeds."""
        ours = {m.tags["seed"]: [run.info.run_id for run in runs] for m, runs in zip(members, found, strict=True)}

        def is_free(group: Run) -> bool:
            children = [run for run in self._runs if run.data.tags.get(PARENT) == group.info.run_id]
            return all(run.info.run_id in ours.get(run.data.tags["seed"], [run.info.run_id]) for run in children)

        return [run for run in self._runs if _is(run, group) and is_free(run)]

    def _bring(self, entry: Entry, found: Sequence[Run], owner: str, parent: str = "") -> str:
        links = {PARENT: parent}
        run = found[0] if found else self._create(entry, {PARENT: parent, "owner": owner})
        self._brought.add(run.info.run_id)
        model = model_of(run)
        if "outcome" not in run.data.tags:
            self._describe(run, entry, owner)
            model = self._attach(run, entry)
            self._set_status(run, entry)
            links["outcome"] = entry.outcome
        links["figure"] = self._show(run, entry.figure)
        self._log(run, links, _changed(run, entry.finals, model, entry.data))
        return str(run.info.run_id)

    def _create(self, entry: Entry, links: Mapping[str, str]) -> Run:
        tags = {**entry.tags, **{name: text for name, text in links.items() if text}}
        run = self._client.create_run(self._experiment, start_time=entry.started, tags=tags, run_name=entry.name)
        self._runs.append(run)
        self.created.add(run.info.run_id)
        return run

    def _describe(self, run: Run, entry: Entry, owner: str) -> None:
        """Log the tags, parameters, epochs and costs that the run lacks."""
        # The description is given once, for it may be edited in the UI.
        tags = {name: text for name, text in entry.tags.items() if name != NOTE}
        tags |= {"owner": owner} if entry.status == "RUNNING" else {}
        done = run.data.metrics.get("epoch", -math.inf)
        metrics = [Metric(point.name, point.value, point.ms, point.step) for point in entry.points if point.step > done]
        params = {name: text for name, text in entry.params.items() if name not in run.data.params}
        self._log(run, tags, metrics + _changed(run, entry.costs), params)

    def _log(
        self, run: Run, tags: Mapping[str, str], metrics: Sequence[Metric], params: Mapping[str, str] | None = None
    ) -> None:
        """Log metrics, parameters and the tags that differ, all at once; an empty tag is none."""
        differing = [RunTag(name, text) for name, text in tags.items() if text and run.data.tags.get(name) != text]
        missing = [Param(name, text) for name, text in (params or {}).items()]
        if differing or metrics or missing:
            self._client.log_batch(run.info.run_id, metrics=metrics, params=missing, tags=differing)
            self.written.add(run.info.run_id)

    def _attach(self, run: Run, entry: Entry) -> str | None:
        """Name the data set; of a finished training, upload the results and log the model, whose id is returned."""
        if not (run.inputs and run.inputs.dataset_inputs):
            self._client.log_inputs(run.info.run_id, [_dataset(entry.data)])
            self.written.add(run.info.run_id)
        if entry.training is None:
            return None
        with tempfile.TemporaryDirectory() as folder:
            _stage(entry.training, Path(folder))
            self._client.log_artifacts(run.info.run_id, folder)
        # A blend answers no image alone: it takes its networks' passes over both eyes of a patient.
        return None if entry.training.spec.blend else log_model(self._client, run, entry, entry.training.folder)

    def _set_status(self, run: Run, entry: Entry) -> None:
        if entry.ended is not None and (run.info.status, run.info.end_time) != (entry.status, entry.ended):
            self._client.set_terminated(run.info.run_id, entry.status, entry.ended)
        elif entry.ended is None and run.info.status != entry.status:
            # Without an end, so that a killed training that goes on shows its true duration.
            self._client.update_run(run.info.run_id, status=entry.status)
        else:
            return
        self.written.add(run.info.run_id)

    def _show(self, run: Run, figure: Path | None) -> str:
        """Upload a figure that the run has not got, and return its hash for the run to be tagged with."""
        digest = sha256_file(figure) if figure else ""
        if figure and run.data.tags.get("figure") != digest:
            self._client.log_artifact(run.info.run_id, str(figure), "figures")
        return digest


def owner_of(pid: int) -> str:
    """Mark of the process that trains a run."""
    return f"{platform.node()}:{pid}"


def has_died(owner: str) -> bool:
    """Whether a run's owner is known to have ended; a process of another machine is not."""
    host, _, pid = owner.rpartition(":")
    if host != platform.node():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        # It lives, and is another user's.
        return False
    return False


def _experiment(client: MlflowClient, name: str, data: DataSummary, artifacts: str | None) -> str:
    """Id of the experiment, made or taken out of the bin where needed."""
    found = client.get_experiment_by_name(name)
    if found is None:
        tags = {NOTE: experiment_note(data), _KIND: _TRAININGS, **views.missing({})}
        return str(client.create_experiment(name, artifact_location=artifacts, tags=tags))
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    if _KIND not in found.tags:
        client.set_experiment_tag(found.experiment_id, _KIND, _TRAININGS)
    for tag, text in views.missing(found.tags).items():
        client.set_experiment_tag(found.experiment_id, tag, text)
    return str(found.experiment_id)


def _search(client: MlflowClient, experiment: str) -> list[Run]:
    """All runs of an experiment, oldest first."""
    runs: list[Run] = []
    order, token = ["attributes.start_time ASC"], None
    while True:
        page = client.search_runs([experiment], max_results=_PAGE, order_by=order, page_token=token)
        runs += page
        token = page.token
        if not token:
            return runs


def _is(run: Run, entry: Entry) -> bool:
    tags = run.data.tags
    return (tags.get("kind"), tags.get("key")) == (entry.kind, entry.key)


def _changed(
    run: Run,
    values: Mapping[str, float],
    model: str | None = None,
    data: DataSummary | None = None,
) -> list[Metric]:
    """Metrics whose stored value is another, or absent.

    They belong to the whole run: at step 0, for the UI then draws bars, and not points over epochs.
    """
    now = int(time.time() * 1000)
    name, digest = (data.name, data.hash) if data and model else (None, None)
    stored = run.data.metrics
    return [
        Metric(key, value, now, 0, model_id=model, dataset_name=name, dataset_digest=digest)
        for key, value in values.items()
        if key not in stored or not math.isclose(stored[key], value, rel_tol=1e-12)
    ]


def _dataset(data: DataSummary) -> DatasetInput:
    images = {"train": data.train, "val": data.val, "test": data.test}
    dataset = Dataset(
        name=data.name,
        digest=data.hash,
        source_type="local",
        source=json.dumps({"uri": str(MANIFEST), "source": data.source}),
        profile=json.dumps(images),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def _stage(training: Training, folder: Path) -> None:
    """Link the files to upload into a folder, under the names that they get."""
    files = {f"predictions/{split}.csv": training.folder / f"{split}.csv" for split in EVALUATED}
    if training.record is not None:
        files["record.json"] = training.record[0]
    (folder / "predictions").mkdir()
    for name, path in files.items():
        (folder / name).symlink_to(path.absolute())

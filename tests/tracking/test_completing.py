"""A partly filled store is completed; a complete one stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from benchmark.settings.params import Params
from benchmark.tracking.replay import sync
from tests.factories.tracking import (
    Filled,
    client_of,
    content,
    fill,
    rows_of,
    runs_of,
    spec_of,
    write_evaluation,
    write_run,
)

pytestmark = pytest.mark.slow


def test_a_second_sync_writes_nothing(project: Path, params: Params) -> None:
    fill(project, params)
    first = sync(project, params)
    held, rows = content(project), rows_of(project)
    again = sync(project, params)
    assert again.runs == first.runs
    assert (content(project), rows_of(project)) == (held, rows)


@pytest.mark.parametrize(
    ("broken", "call"),
    [
        ("log_batch", 2),
        ("log_batch", 3),
        ("create_logged_model", 2),
        ("log_model_artifacts", 2),
        ("finalize_logged_model", 2),
        ("log_outputs", 2),
        ("log_artifact", 2),
        ("set_terminated", 2),
    ],
)
def test_a_sync_that_crashes_is_completed_by_the_next(
    project: Path, params: Params, filled: Filled, monkeypatch: pytest.MonkeyPatch, broken: str, call: int
) -> None:
    fill(project, params)
    with monkeypatch.context() as patch:
        crash_at(patch, broken, call)
        with pytest.raises(_Crash):
            sync(project, params)
    assert sync(project, params).warning == ""
    assert (content(project), rows_of(project)) == (filled.held, filled.rows)


class _Crash(BaseException):
    """Stands for the end of the process."""


def crash_at(patch: pytest.MonkeyPatch, method: str, call: int) -> None:
    """Let a method of the client crash at a given call."""
    honest, calls = getattr(MlflowClient, method), []

    def crashing(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == call:
            raise _Crash
        return honest(*arguments, **named)

    patch.setattr(MlflowClient, method, crashing)


def test_a_later_evaluation_is_added(project: Path, params: Params) -> None:
    write_run(project, spec_of(params, "m2cnn", "mid", 0))
    before = sync(project, params)
    assert "val_kappa_score" not in runs_of(project)[0].data.metrics

    write_evaluation(project, {("m2cnn", "mid", 0): 0.8})
    after = sync(project, params)
    assert after.runs == before.runs
    assert runs_of(project)[0].data.metrics["val_kappa_score"] == 0.8

    write_evaluation(project, {("m2cnn", "mid", 0): 0.75})
    sync(project, params)
    assert runs_of(project)[0].data.metrics["val_kappa_score"] == 0.75
    assert runs_of(project, "group")[0].data.metrics["val_kappa_score_mean"] == 0.75
    assert runs_of(project)[0].data.metrics["test/accuracy_prob"] == 0.85


def test_a_description_edited_in_the_ui_stays(project: Path, params: Params) -> None:
    fill(project, params)
    sync(project, params)
    for run in runs_of(project) + runs_of(project, "group"):
        client_of(project).set_tag(run.info.run_id, "mlflow.note.content", "mine")
    sync(project, params)
    assert {run.data.tags["mlflow.note.content"] for run in runs_of(project) + runs_of(project, "group")} == {"mine"}


def test_runs_deleted_in_the_ui_are_logged_again(project: Path, params: Params) -> None:
    fill(project, params)
    first = sync(project, params)
    client = client_of(project)
    gone = first.runs["basenet_mt", "small", 0]
    client.delete_run(gone)
    assert sync(project, params).runs["basenet_mt", "small", 0] != gone
    before = {run.info.run_id for run in runs_of(project)}
    client.delete_experiment(runs_of(project)[0].info.experiment_id)
    assert sync(project, params).warning == ""
    assert {run.info.run_id for run in runs_of(project)} <= before | {gone}, "no run is created"

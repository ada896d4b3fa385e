"""Sweeps with real training: two processes on one study, one of them killed, interruption, and MLflow."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import optuna
import pytest
import yaml
from optuna.trial import TrialState

from benchmark.cli.main import main
from benchmark.settings.loading import load_params
from benchmark.sweep import sweep
from benchmark.sweep.space import read_values
from benchmark.sweep.study import RUNS_OF, STOPPED, WORKER, retry_failed
from tests.conftest import tiny_params
from tests.factories.data import make_data
from tests.factories.forked import forked
from tests.factories.sweep import SIZES, WEIGHT, Trainer, make_project, nan_loss, sweep_params
from tests.factories.tracking import rows_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning", "ignore:Some regimes"),
]

SWEEP = {"arm": "basenet_mt/small", "epochs": 0, "seeds": [10, 11], "retrain_seeds": [20, 21], "heartbeat_s": 1}


def write_params(root: Path, **changes):
    raw = tiny_params()
    raw["sizes"] = SIZES
    raw["train"] |= {"epochs": 4, "batch_size": 16}
    raw["sweep"] |= SWEEP | {"startup": 3, "warmup_epochs": 1} | changes
    (root / "params.yaml").write_text(yaml.safe_dump(raw))


@pytest.fixture
def project(tmp_path, monkeypatch):
    make_data(tmp_path, SIZES, {"train": 64, "val": 32, "test": 32})
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def search() -> int:
    """Run the command in a process that has its own handler of interrupts, as in a shell's foreground."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return main(["sweep"])


def trials_of(root: Path):
    """Return the trials of the study; none before the first has started."""
    names = [folder.parent.name for folder in root.glob("sweep/*/runs")]
    return optuna.load_study(study_name=names[0], storage=f"sqlite:///{root}/sweep.db").trials if names else []


def wait_for(condition, seconds=240):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never became true"
        time.sleep(0.05)


def test_two_processes_share_a_study_and_the_trial_of_a_killed_one_is_retried(project):
    write_params(project, trials=4, seeds=[10], retrain_seeds=[20], prune_below=0, epochs=12)
    logs = [project / f"worker{number}.log" for number in range(2)]
    workers = [forked(search, folder=project, log=log) for log in logs]

    def signed(worker, *states):
        mine = [t for t in trials_of(project) if t.user_attrs.get(WORKER, "").endswith(f":{worker.pid}")]
        return [trial for trial in mine if trial.state in states]

    both = (TrialState.RUNNING, TrialState.COMPLETE)
    wait_for(lambda: all(signed(worker, *both) for worker in workers))
    # In the middle of a trial, after at least one epoch.
    wait_for(lambda: any(t.intermediate_values for t in signed(workers[0], TrialState.RUNNING)))
    workers[0].kill()
    workers[0].join()
    lost = [trial.number for trial in signed(workers[0], TrialState.RUNNING)]
    workers[1].join(timeout=600)
    assert workers[1].exitcode == 0, logs[1].read_text()

    trials = trials_of(project)
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    weights = [read_values(trial.params, [WEIGHT])[WEIGHT] for trial in complete]
    assert len(complete) == len(set(weights)) == 4
    assert {0.0, 1.0} < set(weights)
    assert [trial.number for trial in trials if trial.state == TrialState.FAIL] == lost
    for number in lost:
        (retry,) = (trial for trial in trials if retry_failed.retry_history(trial) == [number])
        assert retry.state == TrialState.COMPLETE
        assert retry.user_attrs[WORKER].endswith(f":{workers[1].pid}")
        # The retry continued in the folders of the killed process.
        assert retry.user_attrs[RUNS_OF] == trials[number].user_attrs[RUNS_OF]
    assert (project / "reports/sweep/weight/sweep.md").exists()


def test_an_interrupted_command_ends_at_once_and_is_resumed_later(project):
    write_params(project, trials=2, seeds=[10], retrain_seeds=[20], prune_below=0, epochs=16)
    for stopped, stop in enumerate((signal.SIGINT, signal.SIGTERM), 1):
        process = forked(search, folder=project, log=project / "log")
        wait_for(lambda: any(t.intermediate_values for t in trials_of(project) if t.state == TrialState.RUNNING))
        os.kill(process.pid, stop)
        process.join(timeout=240)
        assert process.exitcode == 130
        assert "resumes from here" in (project / "log").read_text()
        failed = [trial for trial in trials_of(project) if trial.state == TrialState.FAIL]
        assert [STOPPED in trial.user_attrs for trial in failed] == [True] * stopped
    sweep.run(load_params())
    states = [trial.state.name for trial in trials_of(project)]
    assert (states.count("COMPLETE"), states.count("FAIL")) == (2, 2)


def tracked(root: Path):
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{root}/mlflow.db")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return [run for found in experiments for run in client.search_runs([found])]


def test_the_command_searches_retrains_reports_and_logs_every_trial(project):
    write_params(project, trials=3)
    assert main(["sweep"]) == 0
    runs = {run.info.run_name: run for run in tracked(project)}
    parent = next(run for name, run in runs.items() if name.startswith("sweep weight-"))
    nested = {n: r for n, r in runs.items() if r.data.tags.get("mlflow.parentRunId") == parent.info.run_id}
    assert {name for name in nested if name.startswith("trial")} == {"trial 0", "trial 1", "trial 2"}
    assert parent.info.status == "FINISHED"
    for trial in trials_of(project):
        run = nested[f"trial {trial.number}"]
        assert run.info.status == "FINISHED"
        assert run.data.metrics["value"] == pytest.approx(trial.value)
        assert float(run.data.params[WEIGHT]) == read_values(trial.params, [WEIGHT])[WEIGHT]
    assert not list((project / "sweep").glob("*/runs/*/*.safetensors"))
    assert len(list((project / "sweep").glob("*/retrained/*/test.csv"))) in (2, 4)


def test_mlflow_shows_the_state_of_each_trial_and_a_second_sync_writes_nothing(tmp_path, monkeypatch):
    from benchmark.sweep.context import SweepContext, open_context, study_of
    from benchmark.sweep.trials import search
    from benchmark.tracking.sweeps import sync_sweeps

    make_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    params = sweep_params(trials=9, prune_below=50)
    assert sync_sweeps(tmp_path, params) == ""
    assert not (tmp_path / "mlflow.db").exists()
    trainer, deaths = Trainer(), []
    trainer.fail = lambda weight, *_: (deaths.append(weight), nan_loss()) if weight == 0.0 and not deaths else None
    monkeypatch.setattr(SweepContext, "complete", lambda self, *arguments: trainer(self, *arguments))
    context = open_context(params)
    study = study_of(context)
    search(study, context)
    assert sync_sweeps(tmp_path, params) == ""
    assert len(tracked(tmp_path)) == len(study.trials) + 1
    runs = {run.info.run_name: run for run in tracked(tmp_path)}
    expected = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED"}
    assert {trial.state.name for trial in study.trials} == set(expected)
    for trial in study.trials:
        run = runs[f"trial {trial.number}"]
        assert run.info.status == expected[trial.state.name]
        assert ("value" in run.data.metrics) == (trial.state == TrialState.COMPLETE)
        assert run.data.metrics["epoch"] == len(trial.intermediate_values) if trial.intermediate_values else True
    assert (
        "below percentile"
        in next(r for r in runs.values() if r.info.status == "KILLED" and "pruner" in r.data.tags).data.tags["pruner"]
    )
    assert runs[f"sweep {study.study_name}"].info.status == "KILLED", "searched, and not yet retrained"
    rows = rows_of(tmp_path)
    sync_sweeps(tmp_path, params)
    assert rows_of(tmp_path) == rows
    # A trial in progress and its end are one MLflow run.
    trial = study.ask()
    sync_sweeps(tmp_path, params)
    study.tell(trial, state=TrialState.FAIL)
    sync_sweeps(tmp_path, params)
    last = [run for run in tracked(tmp_path) if run.info.run_name == f"trial {trial.number}"]
    assert [run.info.status for run in last] == ["FAILED"]

"""A sweep on a PostgreSQL server: two worker processes, one of them killed, and MLflow on the same server."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter

import optuna
import pytest
from optuna.trial import TrialState

from benchmark.common.errors import InputError
from benchmark.settings.loading import load_params
from benchmark.sweep import sweep
from benchmark.sweep.space import read_values
from benchmark.sweep.study import RUNS_OF, WORKER, open_storage, retry_failed
from tests.factories.data import make_data
from tests.factories.postgres import find_server, postgres
from tests.factories.sweep import SIZES, WEIGHT
from tests.factories.warm import warm_commands
from tests.sweep.test_workers import wait_for, write_params

pytestmark = [pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")]

psycopg = pytest.importorskip("psycopg", reason="no driver is installed: it is the extra `postgresql`")
needs_server = pytest.mark.skipif(
    find_server() is None, reason="no PostgreSQL is installed: apt-get install postgresql"
)


@needs_server
@pytest.mark.slow
def test_two_workers_share_a_study_and_the_trial_of_a_killed_one_is_retried(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_data(tmp_path, SIZES, {"train": 64, "val": 32, "test": 32})
    with postgres("optuna", "mlflow") as server:
        few = {"trials": 3, "seeds": [10], "retrain_seeds": [20], "prune_below": 0, "epochs": 20}
        write_params(tmp_path, storage=f"{server}/optuna", **few)
        storage = optuna.storages.RDBStorage(f"{server}/optuna")

        def trials():
            names = optuna.get_all_study_names(storage)
            return optuna.load_study(study_name=names[0], storage=storage).trials if names else []

        def running():
            """Trials in progress that have finished an epoch."""
            return [trial for trial in trials() if trial.state == TrialState.RUNNING and trial.intermediate_values]

        with (tmp_path / "log").open("w") as log:
            command = subprocess.Popen(
                [warm_commands() / "fundusbench", "sweep", "--workers", "2"],
                env=os.environ | {"MLFLOW_TRACKING_URI": f"{server}/mlflow"},
                stderr=log,
            )
            wait_for(running)
            lost = running()[0]
            os.kill(int(lost.user_attrs[WORKER].rpartition(":")[2]), signal.SIGKILL)
            ended = command.wait(timeout=240)
        output = (tmp_path / "log").read_text()
        assert ended == 0, output
        assert "signal SIGKILL" in output

        all_trials = trials()
        complete = [trial for trial in all_trials if trial.state == TrialState.COMPLETE]
        weights = [read_values(trial.params, [WEIGHT])[WEIGHT] for trial in complete]
        assert len(complete) == len(set(weights)) == 3
        assert Counter(trial.state for trial in all_trials) == {TrialState.COMPLETE: 3, TrialState.FAIL: 1}
        assert len({trial.user_attrs[WORKER] for trial in all_trials}) == 2
        (again,) = (trial for trial in complete if retry_failed.retry_history(trial) == [lost.number])
        assert again.user_attrs[WORKER] != lost.user_attrs[WORKER]
        assert again.user_attrs[RUNS_OF] == lost.user_attrs[RUNS_OF]

        with psycopg.connect(f"{server}/mlflow") as store:
            named = Counter(name for (name,) in store.execute("SELECT name FROM runs WHERE lifecycle_stage = 'active'"))
        assert {name: count for name, count in named.items() if name.startswith("trial")} == {
            f"trial {trial.number}": 1 for trial in all_trials
        }
    assert (tmp_path / "reports/sweep/weight/sweep.md").exists()


def test_a_cluster_needs_a_database_server(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_params(tmp_path)
    with pytest.raises(InputError, match=r"must be a database server if a cluster searches, but is 'sqlite:///sweep"):
        sweep.run(load_params(), workers=2, engine="ray")


def test_an_unreachable_server_and_a_missing_driver_are_refused_in_one_sentence():
    with pytest.raises(
        InputError, match=r"a reachable database, but 'postgresql://127.0.0.1:1/optuna' is not .*refused"
    ):
        open_storage("postgresql://me:secret@127.0.0.1:1/optuna")
    with pytest.raises(InputError, match=r"driver that is not installed .*`\.\[postgresql\]`"):
        open_storage("mysql://me:secret@127.0.0.1:1/optuna")

"""The search: it survives failures and interruptions, never opens test, and trains no run twice."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from statistics import fmean

import optuna
import pytest
from optuna.trial import TrialState

from benchmark.common.errors import InputError
from benchmark.runs.predictions import read_predictions
from benchmark.sweep import context as contexts
from benchmark.sweep import sweep, trials
from benchmark.sweep.context import SweepContext, open_context, study_of
from benchmark.sweep.space import read_values
from benchmark.sweep.study import ERROR, KAPPAS, PRUNER, ROLE, RUNS_OF, STOPPED, WORKER, open_storage, refresh
from tests.factories.sweep import WEIGHT, Trainer, make_project, nan_loss, quality, sweep_params

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning"),
    pytest.mark.filterwarnings("ignore:Heartbeat of storage"),
]


@pytest.fixture
def trainer(tmp_path, monkeypatch):
    """A project in which training is replaced by :class:`Trainer`."""
    make_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trials, "_POLL_S", 0.1)
    made = Trainer()
    monkeypatch.setattr(SweepContext, "complete", lambda self, *arguments: made(self, *arguments))
    return made


def searched(**changes):
    """Search, and return the study."""
    context = open_context(sweep_params(**changes))
    study = study_of(context)
    trials.search(study, context)
    return study


def weights(study):
    return [weight_of(trial) for trial in study.trials]


def weight_of(trial):
    return read_values(trial.params, [WEIGHT])[WEIGHT]


def states(study):
    return [trial.state.name for trial in study.trials]


def test_the_published_weight_comes_first_then_zero_once_then_the_range(trainer):
    study = searched(trials=10, prune_below=0)
    found = weights(study)
    assert found[:2] == [1.0, 0.0]
    assert all(0.01 <= weight <= 100 for weight in found[2:])
    assert len(set(found)) == len(found) == 10


def test_a_value_is_the_mean_val_kappa_of_its_seeds_from_their_predictions(trainer):
    from sklearn.metrics import cohen_kappa_score

    study = searched(prune_below=0)
    for trial in study.trials:
        kappas = []
        for name in trial.user_attrs[RUNS_OF].values():
            predictions = read_predictions(Path("sweep") / study.study_name / "runs" / name / "val.csv")
            kappas.append(cohen_kappa_score(predictions.grade, predictions.prob.argmax(1), weights="quadratic"))
        assert trial.value == pytest.approx(fmean(kappas))
        assert trial.user_attrs[KAPPAS] == pytest.approx(kappas)


def test_a_search_does_not_need_the_test_split(trainer):
    Path("data/packs/plain/small/test.arrow").unlink()
    study = searched()
    assert states(study).count("COMPLETE") >= 3
    assert not list(Path("sweep").rglob("test.csv"))
    with pytest.raises(InputError, match=r"test\.arrow"):
        sweep.run(sweep_params())


def test_a_single_worker_draws_the_same_values_in_every_repetition(trainer):
    first = weights(searched(trials=5))
    Path("sweep.db").unlink()
    assert weights(searched(trials=5)) == first
    assert weights(searched(trials=3, sampler_seed=1))[2] != first[2]


def test_a_finished_search_runs_no_trial_until_more_are_wanted(trainer):
    before = weights(searched(trials=4))
    trained = list(trainer.trained)
    assert weights(searched(trials=4)) == before
    assert trainer.trained == trained
    assert weights(searched(trials=6))[:4] == before


def test_other_settings_are_another_study(trainer):
    def name(**changes):
        return study_of(open_context(sweep_params(**changes))).study_name

    assert len({name(), name(seeds=[1, 2]), name(head="score"), name(train={"lr": 0.02})}) == 4
    assert len({name(), name(trials=9), name(retrain_seeds=[7]), name(heartbeat_s=9)}) == 1


def test_pruning_stops_a_poor_trial_and_records_the_reason(trainer):
    study = searched(trials=9, prune_below=50)
    pruned = [trial for trial in study.trials if trial.state == TrialState.PRUNED]
    complete = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    assert pruned
    assert complete
    assert all("below percentile 50 of" in trial.user_attrs[PRUNER] for trial in pruned)
    assert all(trial.user_attrs[PRUNER] == "not pruned in 6 epochs" for trial in complete)
    assert not list(Path("sweep").rglob("*.safetensors"))
    assert "PRUNED" not in states(searched(prune_below=0, trials=9))


def test_steps_compare_the_same_epoch_of_the_same_seeds(trainer):
    trial = searched(prune_below=0, trials=2).trials[0]
    first, second = ([quality(1.0) * epoch / 3 + seed / 1000 for epoch in (1, 2, 3)] for seed in (10, 11))
    means = [*first, *map(fmean, zip(first, second, strict=True))]
    assert list(trial.intermediate_values) == [0, 1, 2, 3, 4, 5]
    assert list(trial.intermediate_values.values()) == pytest.approx(means)


def test_a_failed_trial_is_retried_without_training_its_finished_seeds_again(trainer):
    deaths = []

    def die_once(weight, seed, epoch):
        if weight == 0.0 and seed == 11 and not deaths:
            deaths.append(epoch)
            raise MemoryError

    trainer.fail = die_once
    study = searched(prune_below=0)
    first, again = (trial for trial in study.trials if weight_of(trial) == 0.0)
    assert (first.state, again.state) == (TrialState.FAIL, TrialState.COMPLETE)
    assert first.user_attrs[ERROR] == "MemoryError"
    assert optuna.storages.RetryHeartbeatStaleTrialCallback.retry_history(again) == [first.number]
    assert trainer.trained.count((0.0, 10, 1)) == 1
    assert states(study).count("COMPLETE") == 6
    # Epochs that were not trained again are reported, too.
    assert len(again.intermediate_values) == 6


def test_values_that_fail_twice_are_given_up_and_the_study_continues(trainer):
    trainer.fail = lambda weight, seed, epoch: nan_loss() if weight == 1.0 else None
    study = searched(prune_below=0)
    tried = [trial for trial in study.trials if trial.user_attrs.get(ROLE) == "paper"]
    assert [trial.state for trial in tried] == [TrialState.FAIL] * 2
    assert all("must stay finite" in trial.user_attrs[ERROR] for trial in tried)
    assert states(study).count("COMPLETE") == 6


def test_if_every_trial_fails_the_search_ends_with_one_sentence(trainer):
    trainer.fail = lambda *_: nan_loss()
    with pytest.raises(InputError, match="3 trials failed twice; the last: the loss must stay finite"):
        searched(trials=3)


@pytest.mark.parametrize("stop_at", [2, 11])
def test_a_search_stopped_at_any_epoch_is_resumed_without_loss(trainer, stop_at):
    def stop(*_):
        if len(trainer.trained) == stop_at:
            raise KeyboardInterrupt

    trainer.fail = stop
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            searched(prune_below=0, trials=4)
    trainer.fail = lambda *_: None
    study = searched(prune_below=0, trials=4)
    complete = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    stopped = [trial for trial in study.trials if trial.state == TrialState.FAIL]
    assert [STOPPED in trial.user_attrs for trial in stopped] == [True] * 3
    assert len(complete) == 4
    assert {0.0, 1.0} <= {weight_of(trial) for trial in complete}


def states_of(study) -> list[TrialState]:
    return [trial.state for trial in refresh(study, 1)]


def test_the_trial_of_a_worker_without_heartbeat_is_retried(trainer, monkeypatch):
    context = open_context(sweep_params())
    study = study_of(context)
    trial = study.ask()
    trial.set_user_attr(WORKER, "gone:1")
    study._storage.record_heartbeat(trial._trial_id)
    assert states_of(study).count(TrialState.RUNNING) == 1
    monkeypatch.setattr(study._storage._backend, "_get_stale_trial_ids", lambda _: [trial._trial_id])
    states = states_of(study)
    assert (states.count(TrialState.RUNNING), states.count(TrialState.WAITING)) == (0, 2)
    assert [t.user_attrs[ROLE] for t in study.trials] == ["paper", "zero", "paper"]


def test_the_trial_of_a_worker_that_died_before_its_first_heartbeat_is_retried(trainer, monkeypatch):
    study = study_of(open_context(sweep_params()))
    study.ask()
    assert states_of(study).count(TrialState.RUNNING) == 1

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(minutes=5)

    monkeypatch.setattr("benchmark.sweep.study.datetime", Later)
    states = states_of(study)
    assert (states.count(TrialState.RUNNING), states.count(TrialState.WAITING)) == (0, 2)


def test_a_trial_that_another_worker_took_over_ends_quietly(trainer):
    """Simulate a machine that slept: the trial is marked as failed and retried while its first worker still runs."""
    context = open_context(sweep_params(prune_below=0))
    study, taken = study_of(context), []

    def take(weight, seed, epoch):
        if not taken:
            taken.append(study.trials[0].number)
            study.tell(0, state=TrialState.FAIL)

    trainer.fail = take
    trials.search(study, context)
    assert states(study).count("COMPLETE") == 6
    assert study.trials[0].state == TrialState.FAIL


def test_a_first_trial_that_failed_without_a_retry_is_queued_at_the_next_start(trainer):
    """Simulate a worker that was killed between the failure and the retry."""
    context = open_context(sweep_params())
    study = study_of(context)
    study.tell(study.ask(), state=TrialState.FAIL)
    study = study_of(context)
    assert [(t.user_attrs[ROLE], t.state.name) for t in study.trials] == [
        ("paper", "FAIL"),
        ("zero", "WAITING"),
        ("paper", "WAITING"),
    ]
    assert len(study_of(context).trials) == 3


@pytest.mark.parametrize(
    "url", ["sqlite:////nowhere/at/all.db", "nonsense://x", "postgresql://me:secret@localhost:1/x"]
)
def test_an_unreachable_storage_is_refused_in_one_sentence_without_its_password(trainer, url):
    with pytest.raises(InputError, match=r"sweep\.storage must be a reachable database") as caught:
        searched(storage=url)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_arm_whose_parent_is_not_trained_is_refused_before_the_search(trainer):
    with pytest.raises(InputError, match="must contain a finished run"):
        searched(arm="m2cnn/mid")
    assert not Path("sweep.db").exists()


def test_the_packs_are_opened_once_for_all_trials(trainer, monkeypatch):
    opened, load = [], contexts.load_split
    monkeypatch.setattr(contexts, "load_split", lambda *arguments: opened.append(arguments[0]) or load(*arguments))
    searched()
    assert opened == ["train", "val"]


@pytest.mark.parametrize("damage", ["text", "cut", "version"])
def test_a_damaged_storage_is_refused_until_it_is_moved_away(damage, tmp_path):
    file = tmp_path / "sweep.db"
    optuna.create_study(storage=f"sqlite:///{file}")
    if damage == "text":
        file.write_text("no database, but long enough to be looked at " * 90)
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:6000])
    else:
        with sqlite3.connect(file) as database:
            database.execute("UPDATE alembic_version SET version_num = 'v9.0.0.a'")
    with pytest.raises(InputError, match="move the database away, and run again, which starts a new search"):
        open_storage(f"sqlite:///{file}")
    file.rename(tmp_path / "away.db")
    assert open_storage(f"sqlite:///{file}").get_all_studies() == []

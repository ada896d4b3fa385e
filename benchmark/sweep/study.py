"""The study in Optuna's storage, which all workers share, and the retries of failed trials.

All state is in the storage: a worker may be killed at any time, and another one, or the next start of the command,
continues.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
from optuna import Study
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, NopPruner, PercentilePruner
from optuna.samplers import PartialFixedSampler, TPESampler
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState

from benchmark.common.addresses import shown_address, unquoted_secret, without_secrets
from benchmark.common.errors import InputError
from benchmark.runs.run_store import lock_of
from benchmark.settings.sweep import Sweep
from benchmark.training.randomness import derive

SWEEP = Path("sweep")

ABOUT = "about"
"""Settings and data of a study."""
WINNERS = "winners"
"""Numbers of the trials that were retrained, in order; each retraining used test once."""

ROLE = "role"
"""``paper`` (the published values) or ``zero``; absent from a trial that the sampler drew."""
WORKER = "worker"
"""``host:pid`` of the process that ran the trial."""
RUNS_OF = "runs"
"""Folder name of each run by seed."""
KAPPAS = "kappas"
"""Val kappa of each seed; their mean is the trial's value."""
PRUNER = "pruner"
"""The pruner's decision."""
ERROR = "error"
"""Reason of a failure; empty if the process was killed."""
STOPPED = "stopped"
"""True if the user stopped the trial."""

TRIAL_RETRIES = 1
"""Number of retries of a failed trial."""
_LOCK_S = 60
"""Seconds to wait while another process writes to a SQLite study."""
_DAMAGED = ("malformed", "not a database", "version")
"""Words of errors about a file that is no study's database, or one of another version of Optuna."""
_NEW_STORAGE = "move the database away, and run again, which starts a new search; or name another with sweep.storage"

warnings.simplefilter("ignore", ExperimentalWarning)
optuna.logging.set_verbosity(optuna.logging.ERROR)
retry_failed = RetryHeartbeatStaleTrialCallback(max_retry=TRIAL_RETRIES)
"""Queue the values of a failed trial again, unless all retries are used."""
retry_stopped = RetryHeartbeatStaleTrialCallback()
"""Queue the values of a trial again that the user stopped."""


def open_study(sweep: Sweep, name: str, roles: Mapping[str, dict[str, Any]], fixed: Mapping[str, Any]) -> Study:
    """Open the study, and create it with its first trials, given as Optuna's parameters by role, if it does not exist.

    The sampler does not draw the ``fixed`` parameters. Raises InputError if the storage cannot be reached.
    """
    with lock_of(SWEEP / "storage"):
        study = optuna.create_study(
            storage=open_storage(sweep.storage, sweep.heartbeat_s),
            study_name=name,
            direction="maximize",
            sampler=PartialFixedSampler(dict(fixed), _SeededTPE(sweep)),
            pruner=_pruner(sweep),
            load_if_exists=True,
        )
        trials = study.get_trials(deepcopy=False)
        for role, values in roles.items():
            states = [trial.state for trial in trials if trial.user_attrs.get(ROLE) == role]
            # A worker may have been killed between the failure of its trial and the retry.
            if len(states) <= TRIAL_RETRIES and all(state == TrialState.FAIL for state in states):
                study.enqueue_trial(values, user_attrs={ROLE: role})
    return study


def open_storage(url: str, heartbeat_s: int | None = None) -> RDBStorage:
    """Connect to a storage; raises InputError if that fails, with a message that hides the password."""
    from sqlalchemy.exc import IntegrityError, SQLAlchemyError

    if fault := unquoted_secret(url):
        msg = f"sweep.storage is {shown_address(url)!r}, but {fault}"
        raise InputError(msg)
    # A server may close a connection that is idle during hours of training.
    options = {"connect_args": {"timeout": _LOCK_S}} if url.startswith("sqlite") else {"pool_pre_ping": True}

    def connect() -> RDBStorage:
        return RDBStorage(
            url,
            engine_kwargs=options,
            heartbeat_interval=heartbeat_s,
            grace_period=3 * heartbeat_s if heartbeat_s else None,
            heartbeat_stale_trial_callback=retry_failed,
        )

    try:
        try:
            return connect()
        except IntegrityError:
            # Another machine, or a dashboard, created the tables at the same moment.
            return connect()
    except ImportError as error:
        msg = (
            f"sweep.storage needs a database driver that is not installed ({error}): install it, for postgresql:// "
            "with the extra `.[postgresql]`"
        )
        raise InputError(msg) from error
    except (SQLAlchemyError, RuntimeError, ValueError, optuna.exceptions.StorageInternalError) as error:
        reason = without_secrets(" ".join(str(error).split())[:200], url)
        fix = _NEW_STORAGE if any(sign in reason for sign in _DAMAGED) else "correct the address, or start the server"
        msg = f"sweep.storage must be a reachable database, but {shown_address(url)!r} is not ({reason}): {fix}"
        raise InputError(msg) from error


def _pruner(sweep: Sweep) -> BasePruner:
    if sweep.prune_below == 0:
        return NopPruner()
    # Optuna's percentile is that of the trials that continue.
    return PercentilePruner(100 - sweep.prune_below, n_startup_trials=sweep.startup, n_warmup_steps=sweep.warmup_epochs)


class _SeededTPE(TPESampler):  # type: ignore[misc]
    """TPE with a new random state for each trial, derived from the seed and the trial's number.

    A resumed study therefore does not repeat its first draws, two workers draw different values, and a single worker
    draws the same values in every repetition.
    """

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._reset(0)

    def _reset(self, number: int) -> None:
        # Parameters are drawn independently, because one that may be 0 is missing from some trials.
        seed = derive(self._sweep.sampler_seed, "sampler", number) % 2**32
        super().__init__(seed=seed, n_startup_trials=self._sweep.startup, multivariate=False)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._reset(trial.number)


def refresh(study: Study, heartbeat_s: int) -> list[FrozenTrial]:
    """Mark the trials whose worker died as failed, queue their values again, and return all trials."""
    fail_stale_trials(study)
    _fail_unstarted(study, timedelta(seconds=3 * heartbeat_s))
    return list(study.get_trials(deepcopy=False))


def _fail_unstarted(study: Study, grace: timedelta) -> None:
    """Mark the trials as failed whose worker died before its first heartbeat; Optuna would wait for them forever."""
    for trial in study.get_trials(deepcopy=True, states=(TrialState.RUNNING,)):
        started = trial.datetime_start
        if WORKER not in trial.user_attrs and started is not None and datetime.now() - started > grace:
            study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
            retry_failed(study, trial)


def trial_state(trial: FrozenTrial) -> str:
    """Return a trial's state in one word."""
    return "failed" if trial.state == TrialState.FAIL else str(trial.state.name).lower()


def remark_of(trial: FrozenTrial) -> str:
    """Return the pruner's decision or the reason of a failure, and the number of the trial that this one retries."""
    remark = trial.user_attrs.get(PRUNER, "")
    if trial.state == TrialState.FAIL:
        remark = "stopped" if STOPPED in trial.user_attrs else f"failed: {trial.user_attrs.get(ERROR) or 'killed'}"
    retried = trial.system_attrs.get("retry_history")
    return "; ".join(part for part in (f"retry of trial {retried[-1]}" if retried else "", remark) if part)

"""The study in Optuna's storage, which all workers share, and the retries of failed trials.

Everything is decided from the storage alone. A worker may be killed at any time, and another one, or the next start of
the command, continues.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from filelock import FileLock
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, NopPruner, PercentilePruner
from optuna.samplers import BaseSampler, PartialFixedSampler, TPESampler
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState

from benchmark.common.errors import InputError
from benchmark.sweep.optuna_keys import ROLE, WORKER
from benchmark.training.randomness import derive

if TYPE_CHECKING:
    from optuna import Study

    from benchmark.settings.sweep import Sweep

SWEEP = Path("sweep")
RETRIES = 1
"""Retries of a trial that failed."""
_LOCK_S = 60
"""Seconds to wait for another process that writes to a SQLite study."""

warnings.simplefilter("ignore", ExperimentalWarning)
optuna.logging.set_verbosity(optuna.logging.ERROR)
retry_failed = RetryHeartbeatStaleTrialCallback(max_retry=RETRIES)
"""Queue a failed trial's values again, unless they have used up their retries."""
retry_stopped = RetryHeartbeatStaleTrialCallback()
"""Queue the values of a trial that its user stopped again."""


def open_study(sweep: Sweep, name: str, roles: Mapping[str, dict[str, Any]], fixed: Mapping[str, Any]) -> Study:
    """Open the study, and create it with its first trials if it does not exist.

    Args:
        sweep: the settings.
        name: the study's name.
        roles: the first trials' values, as Optuna's parameters, by role.
        fixed: parameters that the sampler does not draw.

    Raises:
        InputError: the storage cannot be reached.
    """
    with locked(SWEEP / "storage"):
        study = optuna.create_study(
            storage=open_storage(sweep.storage, sweep.heartbeat_s),
            study_name=name,
            direction="maximize",
            sampler=_SeededTPE(sweep, fixed),
            pruner=_pruner(sweep),
            load_if_exists=True,
        )
        trials = study.get_trials(deepcopy=False)
        for role, values in roles.items():
            tried = [trial.state for trial in trials if trial.user_attrs.get(ROLE) == role]
            # A worker may have been killed between the failure of its trial and the retry.
            if len(tried) <= RETRIES and all(state == TrialState.FAIL for state in tried):
                study.enqueue_trial(values, user_attrs={ROLE: role})
    return study


def open_storage(url: str, heartbeat_s: int | None = None) -> RDBStorage:
    """Connect to a storage.

    Raises:
        InputError: the connection fails; the sentence hides the password.
    """
    from sqlalchemy.exc import IntegrityError, SQLAlchemyError

    # A server may close a connection that is idle for the hours of a run.
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
            f"sweep.storage needs a database driver that is not installed ({error}): install it, for postgresql:// by "
            "the extra `.[postgresql]`"
        )
        raise InputError(msg) from error
    except (SQLAlchemyError, RuntimeError, optuna.exceptions.StorageInternalError) as error:
        shown = re.sub(r"//[^/@\s]*@", "//***@", f"{url!r}: {' '.join(str(error).split())[:200]}")
        msg = f"sweep.storage must be a database that can be reached, but it is {shown}; correct it or start its server"
        raise InputError(msg) from error


def locked(path: Path) -> FileLock:
    """Return a lock that excludes other processes of this machine; it is released when its process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path.with_name(f".{path.name}.lock"))


def _pruner(sweep: Sweep) -> BasePruner:
    if sweep.prune_below == 0:
        return NopPruner()
    # Optuna's percentile is the share of trials that continue.
    return PercentilePruner(100 - sweep.prune_below, n_startup_trials=sweep.startup, n_warmup_steps=sweep.warmup_epochs)


class _SeededTPE(BaseSampler):  # type: ignore[misc]
    """TPE with a new random state for each trial, derived from the seed and the trial's number.

    A continued study does not repeat its first draws, two workers draw different values, and one worker draws the same
    values in every repetition.
    """

    def __init__(self, sweep: Sweep, fixed: Mapping[str, Any]) -> None:
        self._sweep, self._fixed = sweep, dict(fixed)
        self._sampler = self._seeded(0)

    def _seeded(self, number: int) -> BaseSampler:
        # Parameters are drawn independently, because one that may be 0 is missing from some trials.
        seed = derive(self._sweep.sampler_seed, "sampler", number) % 2**32
        tpe = TPESampler(seed=seed, n_startup_trials=self._sweep.startup, multivariate=False)
        return PartialFixedSampler(self._fixed, tpe)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._sampler = self._seeded(trial.number)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        return self._sampler.infer_relative_search_space(study, trial)  # type: ignore[no-any-return]

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, Any]) -> dict[str, Any]:
        return self._sampler.sample_relative(study, trial, search_space)  # type: ignore[no-any-return]

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: Any) -> Any:
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)


@dataclass(frozen=True, slots=True)
class Counts:
    """The trials of a study by state; a failed trial with a retry is not counted.

    Attributes:
        finished: complete or pruned trials.
        running, waiting: trials in progress and in the queue.
        given_up: failed trials without a retry.
    """

    finished: int
    running: int
    waiting: int
    given_up: tuple[FrozenTrial, ...]


def update_states(study: Study, heartbeat_s: int) -> Counts:
    """Fail the trials whose worker died, queue their values again, and count."""
    fail_stale_trials(study)
    _fail_unstarted(study, timedelta(seconds=3 * heartbeat_s))
    trials = study.get_trials(deepcopy=False)
    states = [trial.state for trial in trials]
    retried = {number for trial in trials for number in retry_failed.retry_history(trial)}
    return Counts(
        finished=states.count(TrialState.COMPLETE) + states.count(TrialState.PRUNED),
        running=states.count(TrialState.RUNNING),
        waiting=states.count(TrialState.WAITING),
        given_up=tuple(t for t in trials if t.state == TrialState.FAIL and t.number not in retried),
    )


def _fail_unstarted(study: Study, grace: timedelta) -> None:
    """Fail trials whose worker died before its first heartbeat; Optuna would wait for them forever."""
    for trial in study.get_trials(deepcopy=True, states=(TrialState.RUNNING,)):
        started = trial.datetime_start
        if WORKER not in trial.user_attrs and started is not None and datetime.now() - started > grace:
            study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
            retry_failed(study, trial)

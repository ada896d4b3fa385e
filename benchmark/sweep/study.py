"""The study in Optuna's storage, shared by every worker, and what is done about trials that died.

A point of the search lives in a *lineage*: the trial that first asked it and those that asked it again after that one
died. Everything is decided from the storage alone, so a worker may be killed between any two lines and the next one,
or another that still runs, goes on from there.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from filelock import FileLock
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, NopPruner, PercentilePruner
from optuna.samplers import BaseSampler, PartialFixedSampler, TPESampler
from optuna.storages import RDBStorage, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState, create_trial

from benchmark.common.errors import InputError
from benchmark.sweep.optuna_keys import LINEAGE, ROLE, STOPPED, SURPLUS, WORKER
from benchmark.training.randomness import derive

if TYPE_CHECKING:
    from optuna import Study

    from benchmark.settings.sweep import Sweep

SWEEP = Path("sweep")
RETRIES = 1
"""How often a point is asked again after its trial died by itself; a trial that its user stopped does not count."""
_LOCK_S = 60
"""Patience with another process that writes to a SQLite study."""

warnings.simplefilter("ignore", ExperimentalWarning)
optuna.logging.set_verbosity(optuna.logging.ERROR)


def open_study(sweep: Sweep, name: str, roles: Mapping[str, dict[str, Any]], fixed: Mapping[str, Any]) -> Study:
    """Open the study, and make it with its first trials where there is none.

    Args:
        sweep: the settings.
        name: of the study.
        roles: the trials to ask first, as Optuna's parameters, by role.
        fixed: parameters that the sampler must not draw.

    Raises:
        InputError: the storage cannot be reached.
    """
    with locked(SWEEP / "storage"):
        storage = open_storage(sweep.storage, sweep.heartbeat_s)
        study = optuna.create_study(
            storage=storage,
            study_name=name,
            direction="maximize",
            sampler=_Steady(sweep, fixed),
            pruner=_pruner(sweep),
            load_if_exists=True,
        )
        asked = {trial.user_attrs.get(ROLE) for trial in study.get_trials(deepcopy=False)}
        for role, drawn in roles.items():
            if role not in asked:
                study.enqueue_trial(drawn, user_attrs={LINEAGE: role, ROLE: role})
    return study


def open_storage(url: str, heartbeat_s: int | None = None) -> RDBStorage:
    """Connect to a storage.

    Raises:
        InputError: that fails; the sentence leaves out a password.
    """
    from sqlalchemy.exc import IntegrityError, SQLAlchemyError

    # A server may have closed a connection that lay idle for the hours of a run.
    options = {"connect_args": {"timeout": _LOCK_S}} if url.startswith("sqlite") else {"pool_pre_ping": True}
    grace = 3 * heartbeat_s if heartbeat_s else None

    def connect() -> RDBStorage:
        return RDBStorage(url, engine_kwargs=options, heartbeat_interval=heartbeat_s, grace_period=grace)

    try:
        try:
            return connect()
        except IntegrityError:
            # Another machine, or a dashboard, laid out the tables at the same moment.
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
    """Return the lock that keeps other processes of this machine out; a process that is killed releases it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path.with_name(f".{path.name}.lock"))


def _pruner(sweep: Sweep) -> BasePruner:
    if sweep.prune_below == 0:
        return NopPruner()
    # Optuna names the share that is kept.
    return PercentilePruner(100 - sweep.prune_below, n_startup_trials=sweep.startup, n_warmup_steps=sweep.warmup_epochs)


class _Steady(BaseSampler):  # type: ignore[misc]
    """TPE that starts anew with each trial from (seed, trial number).

    A study that is stopped and continued does not draw its first points again, two workers do not draw the same, and
    one worker draws the same points in every repetition.
    """

    def __init__(self, sweep: Sweep, fixed: Mapping[str, Any]) -> None:
        self._sweep, self._fixed = sweep, dict(fixed)
        self._sampler = self._of(0)

    def _of(self, number: int) -> BaseSampler:
        # Parameters are drawn one by one, for one that may be 0 is absent from some trials.
        seed = derive(self._sweep.sampler_seed, "sampler", number) % 2**32
        tpe = TPESampler(seed=seed, n_startup_trials=self._sweep.startup, multivariate=False)
        return PartialFixedSampler(self._fixed, tpe)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._sampler = self._of(trial.number)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        return self._sampler.infer_relative_search_space(study, trial)  # type: ignore[no-any-return]

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, Any]) -> dict[str, Any]:
        return self._sampler.sample_relative(study, trial, search_space)  # type: ignore[no-any-return]

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: Any) -> Any:
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)


@dataclass(frozen=True, slots=True)
class Tally:
    """Where a study stands, in lineages.

    Attributes:
        finished: have a trial that is complete or was pruned.
        running, waiting: have a trial under way, or in the queue.
        given_up: died more often than they are asked again.
    """

    finished: int
    running: int
    waiting: int
    given_up: tuple[FrozenTrial, ...]


def settle(study: Study, heartbeat_s: int) -> Tally:
    """Mark trials whose worker died, ask their points again, and count.

    Two workers may do so at once: the trial that is then one too many steps aside, see :func:`is_surplus`.
    """
    fail_stale_trials(study)
    _fail_unborn(study, timedelta(seconds=3 * heartbeat_s))
    given_up = []
    for lineage in lineages(study.get_trials(deepcopy=False)).values():
        if any(trial.state != TrialState.FAIL for trial in lineage):
            continue
        if sum(STOPPED not in trial.user_attrs for trial in lineage) > RETRIES:
            given_up.append(lineage[-1])
        else:
            study.add_trial(_again(lineage))
    live = [_live(lineage).state for lineage in lineages(study.get_trials(deepcopy=False)).values()]
    return Tally(
        finished=sum(state in (TrialState.COMPLETE, TrialState.PRUNED) for state in live),
        running=live.count(TrialState.RUNNING),
        waiting=live.count(TrialState.WAITING),
        given_up=tuple(given_up),
    )


def lineages(trials: Sequence[FrozenTrial]) -> dict[str, list[FrozenTrial]]:
    """Trials by the point that they ask, in order, less those that stepped aside."""
    found: dict[str, list[FrozenTrial]] = {}
    for trial in trials:
        if SURPLUS not in trial.user_attrs:
            found.setdefault(lineage_of(trial), []).append(trial)
    return found


def lineage_of(trial: FrozenTrial) -> str:
    """Name of a trial's lineage: its role, or the number of the first trial."""
    return str(trial.user_attrs.get(LINEAGE, trial.number))


def is_surplus(trial: FrozenTrial, trials: Sequence[FrozenTrial], goal: int) -> bool:
    """Whether a trial that has just begun is one too many, because another worker began the same at the same moment.

    Trials are numbered by the storage, so that of two workers exactly one steps aside: a trial does if an earlier one
    of its lineage lives, or, where it is not owed (no first trial, none asked again), if as many as are wanted live.
    """
    alive = [t for t in trials if t.number < trial.number and t.state != TrialState.FAIL]
    owed = LINEAGE in trial.user_attrs
    return any(lineage_of(t) == lineage_of(trial) for t in alive) or (not owed and len(alive) >= goal)


def _live(lineage: Sequence[FrozenTrial]) -> FrozenTrial:
    """The trial that says how its lineage stands."""
    alive = [trial for trial in lineage if trial.state != TrialState.FAIL]
    return alive[0] if alive else lineage[-1]


def _fail_unborn(study: Study, grace: timedelta) -> None:
    """Mark trials whose worker died before its first heartbeat, which Optuna would wait for forever."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        started = trial.datetime_start
        if WORKER not in trial.user_attrs and started is not None and datetime.now() - started > grace:
            study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)


def _again(lineage: Sequence[FrozenTrial]) -> FrozenTrial:
    """A trial in the queue that asks the point of a lineage whose trials all died."""
    last = lineage[-1]
    kept = {key: value for key, value in last.user_attrs.items() if key == ROLE}
    history = [trial.number for trial in lineage]
    return create_trial(
        state=TrialState.WAITING,
        params=last.params,
        distributions=last.distributions,
        user_attrs=kept | {LINEAGE: lineage_of(lineage[0])},
        # Optuna's own names for a trial that is asked again.
        system_attrs={**last.system_attrs, "failed_trial": history[0], "retry_history": history},
    )

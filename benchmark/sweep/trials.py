"""The trials of a search: one run per seed, and the learning curve that the pruner reads.

The step of (seed i, epoch e), both from 0, is i x epochs + e. The value reported at a step is the mean over seeds 0 to
i of val kappa after that epoch, so two trials are compared at the same epoch of the same seeds. Optuna compares the
best value of a trial so far with the complete trials' values at the step, so it prunes mostly during the first seed.
"""

from __future__ import annotations

import os
import platform
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
from optuna import Study, Trial, TrialPruned
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from benchmark.common.errors import InputError
from benchmark.runs.history import numbers, read_history
from benchmark.runs.predictions import read_predictions
from benchmark.runs.run_store import lock_of
from benchmark.runs.spec import TrainedRun
from benchmark.scoring.decision_rules.registry import default_kappa
from benchmark.settings.sweep import Sweep
from benchmark.sweep.context import SweepContext, run_folder, run_name
from benchmark.sweep.space import suggest, values_text
from benchmark.sweep.study import ERROR, KAPPAS, PRUNER, RUNS_OF, STOPPED, WORKER, refresh, retry_failed, retry_stopped

_POLL_S = 2
"""Seconds between two checks of the trials of other workers."""


def search(study: Study, context: SweepContext) -> None:
    """Run trials until the study has ``sweep.trials``, and wait for the trials of other workers.

    Workers that start a trial at the same moment may together run a few more. Raises InputError if ``sweep.trials``
    trials have failed twice.
    """
    sweep, objective, waiting = context.params.sweep, make_objective(context), False
    while True:
        trials = refresh(study, sweep.heartbeat_s)
        states = Counter(trial.state for trial in trials)
        retried = {number for trial in trials for number in retry_failed.retry_history(trial)}
        given_up = [one for one in trials if one.state == TrialState.FAIL and one.number not in retried]
        running = states[TrialState.RUNNING]
        if len(given_up) >= sweep.trials:
            reason = given_up[-1].user_attrs.get(ERROR) or "killed"
            msg = f"a sweep needs values that train, but {len(given_up)} trials failed twice; the last: {reason}"
            raise InputError(msg)
        finished = states[TrialState.COMPLETE] + states[TrialState.PRUNED]
        if states[TrialState.WAITING] or finished + running < sweep.trials:
            _optimize(study, objective)
        elif running:
            if not waiting:
                context.log(f"waiting for {running} trial(s) of other workers")
            waiting = True
            time.sleep(_POLL_S)
        else:
            return


def _optimize(study: Study, objective: Callable[[Trial], float]) -> None:
    """Run one trial, and queue its values again if it fails."""

    def retry(study: Study, trial: FrozenTrial) -> None:
        if trial.state == TrialState.FAIL:
            retry_failed(study, trial)

    try:
        study.optimize(objective, n_trials=1, catch=(Exception,), callbacks=[retry])
    except ValueError as error:
        # After too long without a heartbeat (the machine slept), another worker has taken over the trial.
        if not str(error).startswith("Cannot tell"):
            raise


def make_objective(context: SweepContext) -> Callable[[Trial], float]:
    """Return the function that Optuna maximises: mean val kappa over the sweep's seeds."""

    def objective(trial: Trial) -> float:
        try:
            trial.set_user_attr(WORKER, f"{platform.node()}:{os.getpid()}")
            trial.set_user_attr(ERROR, "")
            return _run(trial, context)
        except (TrialPruned, UpdateFinishedTrialError) as end:
            context.log(f"trial {trial.number} {end}")
            raise
        except KeyboardInterrupt:
            retry_stopped(trial.study, trial.study.get_trials()[trial.number])
            trial.set_user_attr(STOPPED, True)
            raise
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            context.log(f"trial {trial.number} failed: {reason}")
            trial.set_user_attr(ERROR, reason)
            raise

    return objective


def _run(trial: Trial, context: SweepContext) -> float:
    sweep = context.params.sweep
    values = suggest(trial, context.params)
    specs = context.specs(values, sweep.seeds)
    folders = [run_folder(trial.study.study_name, run_name(spec)) for spec in specs]
    trial.set_user_attr(RUNS_OF, {str(spec.seed): run_name(spec) for spec in specs})
    curve = _Curve(trial, specs, sweep)
    for number, (spec, folder) in enumerate(zip(specs, folders, strict=True), 1):
        with lock_of(folder):
            _train_seed(context, spec, folder, f"trial {trial.number}, {number}/{len(specs)}", curve)
    kappas = [default_kappa(sweep.head, read_predictions(folder / "val.csv")) for folder in folders]
    trial.set_user_attr(KAPPAS, kappas)
    trial.set_user_attr(PRUNER, curve.decision)
    context.log(f"trial {trial.number} is complete: val kappa {fmean(kappas):.3f} at {values_text(values)}")
    return fmean(kappas)


def _train_seed(context: SweepContext, spec: TrainedRun, folder: Path, label: str, curve: _Curve) -> None:
    """Train one run of a trial, and remove its weights once it is finished or pruned."""
    pruned = None
    try:
        context.complete(spec, folder, label, curve.follow)
        # Report the epochs that another process, or the retried trial, has trained.
        curve.follow([numbers(epoch) for epoch in read_history(folder)])
        curve.next_seed()
    except TrialPruned as end:
        pruned = end
    for path in folder.glob("*.safetensors"):
        path.unlink()
    if pruned:
        raise pruned


class _Curve:
    """Reports a trial's learning curve over its seeds to the pruner."""

    def __init__(self, trial: Trial, specs: Sequence[TrainedRun], sweep: Sweep) -> None:
        self._trial, self._column, self._percentile = trial, f"val_kappa_{sweep.head}", sweep.prune_below
        self._seeds, self._epochs = [spec.seed for spec in specs], specs[0].train.epochs
        self._before: list[list[float]] = []
        self._now: list[float] = []
        self._best = -1.0

    def follow(self, history: Sequence[Mapping[str, float | None]]) -> None:
        """Report the new epochs of the current seed; raises TrialPruned if the pruner stops the trial."""
        for epoch, row in list(enumerate(history))[len(self._now) :]:
            self._now.append(row.get(self._column) or 0.0)
            value = fmean([*(seed[epoch] for seed in self._before), self._now[epoch]])
            step = len(self._before) * self._epochs + epoch
            self._best = max(self._best, value)
            self._trial.report(value, step)
            if self._trial.should_prune():
                decision = self._reason(step, epoch)
                self._trial.set_user_attr(PRUNER, decision)
                raise TrialPruned(decision)

    def next_seed(self) -> None:
        """Start the curve of the next seed."""
        self._before.append(self._now)
        self._now = []

    @property
    def decision(self) -> str:
        """The pruner's decision on a complete trial."""
        return f"not pruned in {len(self._before) * self._epochs} epochs"

    def _reason(self, step: int, epoch: int) -> str:
        complete = self._trial.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        others = [trial.intermediate_values[step] for trial in complete if step in trial.intermediate_values]
        limit = np.percentile(others, self._percentile)
        return (
            f"pruned after epoch {epoch + 1} of seed {self._seeds[len(self._before)]}: its best kappa so far, "
            f"{self._best:.3f}, is below percentile {self._percentile:g} of {len(others)} complete trials, {limit:.3f}"
        )

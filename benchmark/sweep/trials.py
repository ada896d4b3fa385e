"""One trial: its runs, one seed after another, and its learning curve as the pruner sees it.

The step of (seed i, epoch e), both from 0, is i x epochs + e, and the value reported there is the mean over seeds 0 to
i of val kappa after that epoch. Two trials are so compared at the same epoch of the same seeds. Optuna's rule takes a
trial's best value so far against the complete trials' values at the step, so it mostly speaks during the first seed,
where most is saved.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
from optuna import TrialPruned
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from benchmark.common.errors import InputError
from benchmark.common.terms import Head
from benchmark.runs.history import numbers, read_history
from benchmark.runs.predictions import read_predictions
from benchmark.runs.spec import RunSpec
from benchmark.scoring.decoders.registry import default_kappa
from benchmark.settings.sweep import Sweep, Value
from benchmark.sweep.context import Bench, run_folder, run_name
from benchmark.sweep.optuna_keys import ERROR, KAPPAS, PRUNER, RUNS_OF, STOPPED, SURPLUS, WORKER
from benchmark.sweep.space import suggest
from benchmark.sweep.study import is_surplus, locked, settle

if TYPE_CHECKING:
    from optuna import Study, Trial

_POLL_S = 2
"""Between two looks at trials of other workers."""


def search(study: Study, bench: Bench) -> None:
    """Ask trials until as many as wanted have ended; trials of other workers are waited for.

    Raises:
        InputError: as many points as trials are wanted died for good.
    """
    sweep, ask, waits = bench.params.sweep, objective(bench), False
    while True:
        tally = settle(study, sweep.heartbeat_s)
        if len(tally.given_up) >= sweep.trials:
            last = tally.given_up[-1]
            msg = (
                f"a sweep must find values that train, but {len(tally.given_up)} points died twice, the last with: "
                f"{last.user_attrs.get(ERROR, 'killed')}"
            )
            raise InputError(msg)
        if tally.waiting or tally.finished + tally.running < sweep.trials:
            _optimize(study, ask)
        elif tally.running:
            if not waits:
                bench.say(f"waiting for {tally.running} trial(s) of other workers")
            waits = True
            time.sleep(_POLL_S)
        else:
            return


def _optimize(study: Study, ask: Callable[[Trial], float]) -> None:
    """Ask one trial; whatever it dies of, the study goes on."""
    try:
        study.optimize(ask, n_trials=1, catch=(Exception,))
    except ValueError as error:
        # This worker was silent for so long (a machine asleep) that another one has taken its trial.
        if not str(error).startswith("Cannot tell"):
            raise


def objective(bench: Bench) -> Callable[[Trial], float]:
    """The function that Optuna maximises: mean val kappa over the sweep's seeds."""

    def ask(trial: Trial) -> float:
        try:
            _begin(trial, bench.params.sweep.trials)
            return _run(trial, bench)
        except (TrialPruned, UpdateFinishedTrialError, _Surplus) as end:
            bench.say(f"trial {trial.number} {end}")
            raise
        except KeyboardInterrupt:
            trial.set_user_attr(STOPPED, True)
            raise
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            bench.say(f"trial {trial.number} died: {reason}")
            trial.set_user_attr(ERROR, reason)
            raise

    return ask


class _Surplus(Exception):  # noqa: N818 (no error)
    """A trial that is one too many."""


def _begin(trial: Trial, goal: int) -> None:
    """Sign the trial, and leave it to the worker that was quicker where two began the same."""
    trial.set_user_attr(WORKER, f"{platform.node()}:{os.getpid()}")
    trials = trial.study.get_trials(deepcopy=False)
    if is_surplus(trials[trial.number], trials, goal):
        trial.set_user_attr(SURPLUS, True)
        msg = "steps aside, for another worker was quicker"
        raise _Surplus(msg)


def _run(trial: Trial, bench: Bench) -> float:
    sweep = bench.params.sweep
    values = suggest(trial, bench.params)
    specs = bench.specs(values, sweep.seeds)
    folders = [run_folder(trial.study.study_name, run_name(spec)) for spec in specs]
    trial.set_user_attr(RUNS_OF, {str(spec.seed): run_name(spec) for spec in specs})
    curve = _Curve(trial, specs, sweep)
    for number, (spec, folder) in enumerate(zip(specs, folders, strict=True), 1):
        with locked(folder):
            _seed(bench, spec, folder, f"trial {trial.number}, {number}/{len(specs)}", curve)
    kappas = [kappa_of(folder, sweep.head) for folder in folders]
    trial.set_user_attr(KAPPAS, kappas)
    trial.set_user_attr(PRUNER, curve.decision)
    shown = ", ".join(f"{key} {in_words(value)}" for key, value in values.items())
    bench.say(f"trial {trial.number} is complete: val kappa {fmean(kappas):.3f} at {shown}")
    return fmean(kappas)


def _seed(bench: Bench, spec: RunSpec, folder: Path, label: str, curve: _Curve) -> None:
    """One run of a trial. Its weights are not kept: predictions judge it, and the winner is trained anew."""
    try:
        bench.complete(spec, folder, label, curve.follow)
        # What another process, or an earlier trial of this point, trained was not followed above.
        curve.follow([numbers(epoch) for epoch in read_history(folder)])
        curve.next_seed()
    except TrialPruned:
        _remove_weights(folder)
        raise
    _remove_weights(folder)


def _remove_weights(folder: Path) -> None:
    for path in folder.glob("*.safetensors"):
        path.unlink()


class _Curve:
    """A trial's learning curve over its seeds, as it is reported to the pruner."""

    def __init__(self, trial: Trial, specs: Sequence[RunSpec], sweep: Sweep) -> None:
        self._trial, self._column, self._percentile = trial, f"val_kappa_{sweep.head}", sweep.prune_below
        self._seeds, self._epochs = [spec.seed for spec in specs], specs[0].train.epochs
        self._before: list[list[float]] = []
        self._now: list[float] = []
        self._best = -1.0

    def follow(self, history: Sequence[Mapping[str, float | None]]) -> None:
        """Report what is new in the current seed's history, epoch by epoch.

        Raises:
            TrialPruned: the pruner stops the trial.
        """
        for epoch, row in list(enumerate(history))[len(self._now) :]:
            self._now.append(row.get(self._column) or 0.0)
            value = fmean([*(seed[epoch] for seed in self._before), self._now[epoch]])
            step = len(self._before) * self._epochs + epoch
            self._best = max(self._best, value)
            self._trial.report(value, step)
            if self._trial.should_prune():
                decision = self._verdict(step, epoch)
                self._trial.set_user_attr(PRUNER, decision)
                raise TrialPruned(decision)

    def next_seed(self) -> None:
        """Close the current seed's curve."""
        self._before.append(self._now)
        self._now = []

    @property
    def decision(self) -> str:
        """The pruner's decision on a trial that it let through."""
        return f"kept after each of {len(self._before) * self._epochs} epochs"

    def _verdict(self, step: int, epoch: int) -> str:
        complete = self._trial.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        others = [trial.intermediate_values[step] for trial in complete if step in trial.intermediate_values]
        bar = np.percentile(others, self._percentile)
        return (
            f"pruned after epoch {epoch + 1} of seed {self._seeds[len(self._before)]}: its best kappa so far, "
            f"{self._best:.3f}, is below percentile {self._percentile:g} of {len(others)} complete trials, {bar:.3f}"
        )


def kappa_of(folder: Path, head: Head) -> float:
    """Val kappa of a finished run by the head's default decoder; 0 where it is undefined."""
    return default_kappa(head, read_predictions(folder / "val.csv"))


def in_words(value: Value) -> str:
    """A swept value as shown."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)

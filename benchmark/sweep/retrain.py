"""Retraining of the best trial's values and of the published ones on new seeds.

A search picks the highest of many noisy values, so the best trial's value is biased upwards. New seeds remove the part
of the bias that is due to seeds, but the patients of val also took part in the search. The comparison on test therefore
decides. Test is opened here for the first time, after the winner is recorded.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from optuna import Study
from optuna.trial import FrozenTrial, TrialState

from benchmark.common.errors import InputError
from benchmark.common.terms import SPLITS
from benchmark.jobs.display import ProgressDisplay
from benchmark.jobs.queue import Engine, Job, Report, refusal, run_jobs, throttled
from benchmark.runs.spec import TrainedRun
from benchmark.settings.params import Params
from benchmark.settings.sweep import Value
from benchmark.sweep.context import SweepContext, open_context, run_name
from benchmark.sweep.space import published, read_values, reference
from benchmark.sweep.study import SWEEP, WINNERS

SweepSide = Literal["best", "published"]


@dataclass(frozen=True, slots=True)
class Retrained:
    """Values that were retrained, and the folders of their runs in the order of ``sweep.retrain_seeds``."""

    values: Mapping[str, Value]
    folders: Sequence[Path]


def retrain(study: Study, context: SweepContext, engine: Engine) -> dict[SweepSide, Retrained]:
    """Train the best trial's values and the published ones on the new seeds, with predictions on test.

    Raises InputError if a run failed; the others are kept.
    """
    winner = best_trial(study.get_trials(deepcopy=False))
    winners = study.user_attrs.get(WINNERS, [])
    if winner.number not in winners:
        study.set_user_attr(WINNERS, [*winners, winner.number])
    sides: dict[SweepSide, dict[str, Value]] = {
        "best": read_values(winner.params, context.params.sweep.space),
        "published": published(context.params),
    }
    jobs: dict[Path, Job] = {}
    retrained: dict[SweepSide, Retrained] = {}
    for side, values in sides.items():
        specs = context.specs(values, context.params.sweep.retrain_seeds)
        folders = [SWEEP / study.study_name / "retrained" / run_name(spec) for spec in specs]
        for spec, folder in zip(specs, folders, strict=True):
            # The best values may be the published ones.
            jobs.setdefault(folder, _job(side, spec, folder, context))
        retrained[side] = Retrained(values, folders)
    with ProgressDisplay(list(jobs.values()), "images") as display:
        failures = run_jobs(list(jobs.values()), engine, display)
    if failures:
        msg = f"every run must finish, but {len(failures)} of {len(jobs)} failed: {refusal(failures)}"
        raise InputError(msg)
    print(f"retrained trial {winner.number} and the {reference(context.params.sweep.space)} values", file=sys.stderr)
    return retrained


def _job(side: SweepSide, spec: TrainedRun, folder: Path, context: SweepContext) -> Job:
    units = spec.train.epochs * spec.data.train
    return Job(
        name=f"{'best' if side == 'best' else reference(context.params.sweep.space)} values, seed {spec.seed}",
        work=_train_run,
        arguments=(context.params, spec, folder),
        cost=units,
        units=units,
        gpus=int(spec.train.device == "cuda"),
    )


def _train_run(params: Params, spec: TrainedRun, folder: Path, slot: int, report: Report) -> str:
    context = replace(open_context(params, SPLITS, slot), report=throttled(report))
    context.complete(spec, folder, "retrained")
    return "trained"


def best_trial(trials: Sequence[FrozenTrial]) -> FrozenTrial:
    """Return the complete trial with the highest value, the first of equal ones."""
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    return max(complete, key=lambda trial: (trial.value, -trial.number))

"""After the search: the best trial's values and the published ones, trained on new seeds.

A search picks the highest of many noisy values, so the best trial's own value flatters it. Its retraining on seeds that
took no part does not, as far as seeds go; the patients of val took part all the same. The comparison that decides is
therefore the one on test, which is opened here for the first time, once the winner is written down.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial, TrialState

from benchmark.common.errors import InputError
from benchmark.common.terms import SPLITS
from benchmark.jobs.board import Board
from benchmark.jobs.queue import Engine, Job, Report, refusal, run_jobs, seldom
from benchmark.runs.spec import RunSpec
from benchmark.settings.sweep import Value
from benchmark.sweep.context import Bench, needed, open_bench, run_name
from benchmark.sweep.optuna_keys import WINNERS
from benchmark.sweep.space import published, read_values
from benchmark.sweep.study import SWEEP, locked

if TYPE_CHECKING:
    from optuna import Study

    from benchmark.settings.params import Params


@dataclass(frozen=True, slots=True)
class Retrained:
    """Values trained on the new seeds.

    Attributes:
        values: by dotted name.
        folders: of the runs, in the order of ``sweep.retrain_seeds``.
    """

    values: Mapping[str, Value]
    folders: Sequence[Path]


def retrain(study: Study, bench: Bench, engine: Engine) -> tuple[Retrained, Retrained]:
    """Train the best trial's values and the published ones on the new seeds, with predictions on test.

    Args:
        study: searched to its end.
        bench: of the trials; test is opened beside its splits.
        engine: where the runs are trained.

    Raises:
        InputError: a run failed; the others are kept.
    """
    winner = best(study.get_trials(deepcopy=False))
    winners = study.user_attrs.get(WINNERS, [])
    if winner.number not in winners:
        study.set_user_attr(WINNERS, [*winners, winner.number])
    chosen = {"best": read_values(winner.params, bench.params.sweep.space), "published": published(bench.params)}
    jobs: dict[Path, Job] = {}
    found = []
    for title, values in chosen.items():
        specs = bench.specs(values, bench.params.sweep.retrain_seeds)
        folders = [SWEEP / study.study_name / "retrained" / run_name(spec) for spec in specs]
        for spec, folder in zip(specs, folders, strict=True):
            # The best values may be the published ones.
            jobs.setdefault(folder, _job(title, spec, folder, bench))
        found.append(Retrained(values, folders))
    with Board(list(jobs.values()), "images") as board:
        failures = run_jobs(list(jobs.values()), engine, board)
    if failures:
        msg = f"every run must end well, but {len(failures)} of {len(jobs)} did not: {refusal(failures)}"
        raise InputError(msg)
    print(f"retrained trial {winner.number} and the published values", file=sys.stderr)
    return found[0], found[1]


def _job(title: str, spec: RunSpec, folder: Path, bench: Bench) -> Job:
    units = spec.train.epochs * spec.data.train
    return Job(
        name=f"{title} values, seed {spec.seed}",
        work=_work,
        arguments=(bench.params, spec, folder),
        cost=units,
        units=units,
        cards=int(spec.train.device == "cuda"),
        reads=needed(bench, [spec], SPLITS),
        writes=(folder,),
    )


def _work(params: Params, spec: RunSpec, folder: Path, slot: int, report: Report) -> str:
    """Train one run."""
    bench = replace(open_bench(params, SPLITS, slot), report=seldom(report))
    with locked(folder):
        bench.complete(spec, folder, "retrained")
    return "trained"


def best(trials: Sequence[FrozenTrial]) -> FrozenTrial:
    """The complete trial with the highest value, the earlier of equals."""
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    return max(complete, key=lambda trial: (trial.value, -trial.number))

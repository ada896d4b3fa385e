"""The command ``fundusbench sweep``: a search by Optuna over the loss weighting, and the winner's value on new seeds.

Importing this module, and checking the parameters, does not import Optuna.
"""

from __future__ import annotations

import signal
import sys
from multiprocessing import parent_process
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna import Study

    from benchmark.jobs.engines import Name
    from benchmark.jobs.queue import Engine, Job, Report
    from benchmark.settings.params import Params
    from benchmark.sweep.context import SweepContext


def run(params: Params, workers: int = 1, engine: Name = "local") -> None:
    """Search, or continue a search; then retrain the winner and write ``reports/sweep/``.

    Several processes that run this at once on one storage share the trials.

    Args:
        params: all parameters.
        workers: processes that search at once, and later retrain at once.
        engine: engine that runs them.

    Raises:
        InputError: the sweep's settings, storage, arm or packs are missing or wrong, or no trial trains.
    """
    from optuna.exceptions import StorageInternalError

    from benchmark.common.errors import InputError
    from benchmark.jobs.engines import choose_engine
    from benchmark.sweep.space import check_space

    check_space(params)
    _check_shared(params, engine)
    from benchmark.sweep import report, retrain, trials
    from benchmark.sweep.context import open_context, study_of

    context = open_context(params)
    made = choose_engine(engine, workers, (trials.__name__,))
    try:
        study = study_of(context)
        if workers > 1 or engine != "local":
            _search_together(study, context, workers, made)
        # Run all trials without workers, or those that workers left when they died.
        trials.search(study, context)
        best, published = retrain.retrain(study, context, made)
    except StorageInternalError as error:
        msg = f"the study's storage must answer, but did not ({' '.join(str(error).split())[:200]}): run again to go on"
        raise InputError(msg) from error
    report.write(study, params, best, published)


def _check_shared(params: Params, engine: Name) -> None:
    from benchmark.common.errors import InputError

    if engine != "local" and params.sweep.storage.startswith("sqlite"):
        msg = (
            f"sweep.storage must be a database server where a cluster searches, but is {params.sweep.storage!r}, which "
            "serves one machine: name a server, as postgresql://user@host/name, or take `--engine local`"
        )
        raise InputError(msg)


def _search_together(study: Study, context: SweepContext, workers: int, engine: Engine) -> None:
    """Let several workers run the study's trials."""
    from benchmark.jobs.queue import Job, run_jobs
    from benchmark.sweep.context import SEARCHED, needed
    from benchmark.sweep.space import published
    from benchmark.sweep.study import SWEEP

    specs = context.specs(published(context.params), context.params.sweep.seeds)
    jobs = [
        Job(
            name=f"worker {number}",
            work=_work,
            arguments=(context.params,),
            gpus=int(specs[0].train.device == "cuda"),
            reads=needed(context, specs, SEARCHED),
            writes=(SWEEP / study.study_name / "runs",),
        )
        for number in range(1, workers + 1)
    ]
    run_jobs(jobs, engine, _Lines())


def _work(params: Params, slot: int, report: Report) -> str:
    """Run trials in a worker process."""
    from dataclasses import replace

    from benchmark.sweep import trials
    from benchmark.sweep.context import SEARCHED, open_context, study_of

    if parent_process() is not None:
        # When the command ends, the worker's trial counts as stopped, not as failed.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    context = replace(open_context(params, SEARCHED, slot), show=lambda line: report(0, line), report=lambda *_: None)
    trials.search(study_of(context), context)
    return "has no more to ask"


class _Lines:
    """Prints the messages of workers."""

    def started(self, job: Job, place: str) -> None:
        print(f"{job.name} works on {place}", file=sys.stderr, flush=True)

    def advanced(self, job: Job, done: int, note: str) -> None:
        print(f"{job.name}: {note}", file=sys.stderr, flush=True)

    def ended(self, job: Job, seconds: float, note: str) -> None:
        print(f"{job.name} {note}", file=sys.stderr, flush=True)

    def failed(self, job: Job, why: str) -> None:
        print(f"{job.name} FAILED: {why}; the others go on", file=sys.stderr, flush=True)

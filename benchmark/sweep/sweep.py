"""``fundusbench sweep``: a search by Optuna over the loss weighting, and what its best is worth on new seeds.

It is a step like the others, so it is a package here and not a script in ``experiments/``, which holds profiles and
published numbers alone. Only the modules that a sweep runs import Optuna; parameters are checked without it.
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
    from benchmark.sweep.context import Bench


def run(params: Params, workers: int = 1, engine: Name = "local") -> None:
    """Search, or go on with a search that was stopped; then retrain the winner and write ``reports/sweep/``.

    Several processes may run this at once on one storage: they share the trials.

    Args:
        params: all parameters.
        workers: that search at once, and train at once what is trained anew.
        engine: where they work.

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
    from benchmark.sweep.context import open_bench, study_of

    bench = open_bench(params)
    made = choose_engine(engine, workers, (trials.__name__,))
    try:
        study = study_of(bench)
        if workers > 1 or engine != "local":
            _search_together(study, bench, workers, made)
        # Alone, or for what workers that died have left.
        trials.search(study, bench)
        best, published = retrain.retrain(study, bench, made)
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


def _search_together(study: Study, bench: Bench, workers: int, engine: Engine) -> None:
    """Let workers ask the study's trials until as many as wanted have ended."""
    from benchmark.jobs.queue import Job, run_jobs
    from benchmark.sweep.context import SEARCHED, needed
    from benchmark.sweep.space import published
    from benchmark.sweep.study import SWEEP

    specs = bench.specs(published(bench.params), bench.params.sweep.seeds)
    jobs = [
        Job(
            name=f"worker {number}",
            work=_work,
            arguments=(bench.params,),
            cards=int(specs[0].train.device == "cuda"),
            reads=needed(bench, specs, SEARCHED),
            writes=(SWEEP / study.study_name / "runs",),
        )
        for number in range(1, workers + 1)
    ]
    run_jobs(jobs, engine, _Lines())


def _work(params: Params, slot: int, report: Report) -> str:
    """A worker: ask trials until as many as wanted have ended."""
    from dataclasses import replace

    from benchmark.sweep import trials
    from benchmark.sweep.context import SEARCHED, open_bench, study_of

    if parent_process() is not None:
        # Ended by the command's own end, its trial is marked as stopped and does not count as having died.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    bench = replace(open_bench(params, SEARCHED, slot), say=lambda line: report(0, line), report=lambda *_: None)
    trials.search(study_of(bench), bench)
    return "has no more to ask"


class _Lines:
    """Shows what workers say, line by line."""

    def started(self, job: Job, place: str) -> None:
        print(f"{job.name} works on {place}", file=sys.stderr, flush=True)

    def advanced(self, job: Job, done: int, note: str) -> None:
        print(f"{job.name}: {note}", file=sys.stderr, flush=True)

    def ended(self, job: Job, seconds: float, note: str) -> None:
        print(f"{job.name} {note}", file=sys.stderr, flush=True)

    def failed(self, job: Job, why: str) -> None:
        print(f"{job.name} FAILED: {why}; the others go on", file=sys.stderr, flush=True)

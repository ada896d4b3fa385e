"""The command ``fundusbench sweep``: a search with Optuna, and the comparison of its winner on new seeds."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from multiprocessing import parent_process

from optuna.exceptions import StorageInternalError

from benchmark.common.addresses import shown_address, without_secrets
from benchmark.common.errors import InputError
from benchmark.jobs.engines import Name, choose_engine
from benchmark.jobs.queue import Event, Job, Report, run_jobs
from benchmark.settings.params import Params
from benchmark.sweep import report as reporting
from benchmark.sweep import retrain, trials
from benchmark.sweep.context import SEARCHED, open_context, study_of
from benchmark.sweep.space import check_space


def run(params: Params, workers: int = 1, engine: Name = "local") -> None:
    """Search, or resume a search, in some processes; then retrain the winner and write ``reports/sweep/``.

    Several processes that run this at the same time on one storage share the trials. Raises InputError if the sweep's
    settings, storage, arm or packs are missing or wrong, or no trial trains.
    """
    check_space(params)
    if engine != "local" and params.sweep.storage.startswith("sqlite"):
        msg = (
            f"sweep.storage must be a database server if a cluster searches, but is "
            f"{shown_address(params.sweep.storage)!r}, which "
            "serves one machine: name a server, e.g. postgresql://user@host/name, or use `--engine local`"
        )
        raise InputError(msg)
    context = open_context(params)
    chosen = choose_engine(engine, workers, (trials.__name__,))
    try:
        study = study_of(context)
        if workers > 1 or engine != "local":
            gpus = int(context.fabric.device.type == "cuda")
            jobs = [Job(f"worker {number}", _run_worker, (params,), gpus=gpus) for number in range(1, workers + 1)]
            run_jobs(jobs, chosen, _print_line)
        # Without workers, run all trials; otherwise those of workers that died.
        trials.search(study, context)
        retrained = retrain.retrain(study, context, chosen)
    except StorageInternalError as error:
        reason = without_secrets(" ".join(str(error).split())[:200], params.sweep.storage)
        msg = f"the study's storage must answer, but failed ({reason}): run again to resume"
        raise InputError(msg) from error
    reporting.write_report(study, params, retrained)


def _run_worker(params: Params, slot: int, report: Report) -> str:
    """Run trials in a worker process."""
    if parent_process() is not None:
        # When the command ends, the worker's trial counts as stopped, not as failed.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    context = replace(open_context(params, SEARCHED, slot), log=lambda line: report(0, line), report=lambda *_: None)
    trials.search(study_of(context), context)
    return "has finished"


def _print_line(job: Job, event: Event) -> None:
    kind, content = event
    words = {"started": f"runs on {content}", "ended": content, "failed": f"FAILED: {content}; the others continue"}
    print(f"{job.name} {words[kind]}" if kind in words else f"{job.name}: {content[1]}", file=sys.stderr, flush=True)

"""The stage ``train``: train the runs of some methods in parallel, as many at a time as the machine can hold.

Each run is a job, which depends at most on the run that it starts from. Finished runs with an unchanged key are in the
run store (:mod:`benchmark.runs.run_store`) and are not trained again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.common.errors import InputError
from benchmark.common.resources import core_count, free_memory
from benchmark.common.terms import Arm
from benchmark.data.manifest import read_manifest
from benchmark.dispatch.launch import clear, follow_launcher, is_first_to_fail, launch, report_lost_peer
from benchmark.jobs.display import ProgressDisplay
from benchmark.jobs.engines import Name, choose_engine
from benchmark.jobs.local_engine import LocalEngine
from benchmark.jobs.processes import start_server
from benchmark.jobs.queue import Event, Job, OnEvent, Report, refusal, run_jobs, throttled
from benchmark.runs.declared import resolve_predictions, resolve_runs
from benchmark.runs.results import read_result
from benchmark.runs.run import RUNS
from benchmark.runs.run_store import (
    RUN_STORE,
    find_run,
    is_finished,
    is_trained,
    locked,
    publish,
    remove_stale_views,
    run_dir,
)
from benchmark.runs.spec import ArmRun, BlendRun, NetworkRun, RunSpec, TrainedRun, views_read
from benchmark.settings.params import Params
from benchmark.training.distributed import broadcast, rank, world_size
from benchmark.training.given import store_given

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from benchmark.training.batches import SplitData
    from benchmark.training.loop import Callbacks, Curve

PRELOAD = ("benchmark.common.loaded", "benchmark.training.loop", "pandas", "sklearn.ensemble")
"""Modules that every training process imports, first the one that notes the state of the code."""
FORWARD_COST = 1 / 3
"""Cost of a forward pass relative to a training step; the backward pass costs about twice as much."""
WORKER_BYTES = 1_000_000_000
"""Memory of a training process, without what processes share, at the default scale."""


def run(params: Params, methods: Sequence[str] = (), engine: Name = "local") -> float | None:
    """Train every declared run of some methods, and publish the runs to ``runs/`` and their records to ``records/``.

    Unfinished runs of other methods that these start from are trained, too, but only their own method publishes them.
    Methods can therefore be trained in any order. All runs are in one queue, so cores idle only at its end.

    Args:
        params: all parameters.
        methods: keys of ``arms`` or ``systems``; empty for all.
        engine: engine that runs the jobs.

    Returns:
        The processor time of the runs divided by the time of all cores; 0 if all runs were finished before, None if
        more than this process on this machine trained them.
    """
    began, chosen = time.perf_counter(), _check_methods(params, methods)
    trained = [method for method in chosen if method not in params.predicted and params.trains]
    in_processes = engine == "local" and params.train.processes == 1 and core_count() > 1
    if in_processes and params.train.parallel_runs != 1 and _is_any_new(params, trained):
        start_server(PRELOAD)
    # With labels alone, the methods of `arms` have nothing to do, and a long manifest takes seconds to read.
    manifest = read_manifest() if trained or params.predicted.keys() & chosen else []
    declared = resolve_runs(params, manifest, trained) if trained else []
    specs = [spec for spec in declared if spec.method in chosen]
    todo = _with_parents([spec for spec in specs if not is_trained(spec)], declared)
    # Before anything is trained, the files of every row that was measured elsewhere are checked.
    names = [name for name in params.predicted if todo or name in chosen]
    given = {name: list(resolve_predictions(params, name, manifest)) for name in names}
    if any(spec.builds_network for spec in todo):
        check_optimizers(params)
    if params.train.processes > 1 and todo:
        _check_together(params, todo, engine)
        if world_size() == 1:
            launch(params.train.processes, ["train", *methods])
            return None
        follow_launcher()
        if not rank():
            clear()
    failures, seconds = _train(todo, declared, params, engine) if todo else ({}, 0.0)
    if rank():
        return None
    remove_stale_views()
    read = [pair for name in chosen for pair in given.get(name, ())]
    stored = sum(store_given(*pair) for pair in read)
    specs += [spec for spec, _ in read]
    for method in chosen:
        publish(method, (spec for spec in specs if spec.method == method))
    print(
        f"runs/: {len(specs) - len(failures)} of {len(specs)} runs, {len(todo) - len(failures)} of them trained now"
        + f", {stored} read from files now" * bool(read)
    )
    if failures:
        msg = f"every run must succeed, but {len(failures)} of {len(specs)} did not: {refusal(failures)}"
        raise InputError(msg)
    return None if seconds is None else seconds / (time.perf_counter() - began) / core_count()


def _is_any_new(params: Params, methods: Sequence[str]) -> bool:
    """Return whether a run of some methods has no folder; resolving the runs would take seconds."""
    names = (f"{arm}/{seed}" for arm, seeds in params.declared() if arm.method in methods for seed in seeds)
    return any(not (RUN_STORE / name).exists() and not (RUNS / name).exists() for name in names)


def _check_methods(params: Params, methods: Sequence[str]) -> Sequence[str]:
    """Return some methods, by default all; raises InputError if one is not declared."""
    known = params.methods
    if unknown := set(methods) - set(known):
        msg = (
            f"a method must be a key of `arms` or `systems` in params.yaml, one of {', '.join(known)}, but got "
            f"{', '.join(sorted(unknown))}: correct it or, if it is declared in experiments/conf, compose params.yaml "
            "from there with `dvc exp run`"
        )
        raise InputError(msg)
    return methods or known


def _with_parents(todo: Sequence[RunSpec], declared: Sequence[RunSpec]) -> list[RunSpec]:
    """Add the unfinished runs of any method that these runs start from."""
    by_name, needed = {spec.name: spec for spec in declared}, list(todo)
    names = {spec.name for spec in needed}
    for spec in needed:
        for name, key in spec.needs.items():
            if name not in names and not find_run(name, key):
                names.add(name)
                needed.append(by_name[name])
    return needed


def check_optimizers(params: Params) -> None:
    """Check that timm knows the optimizers of all methods; raise InputError if it does not."""
    # Importing timm takes seconds, and only networks need it.
    from benchmark.training.optimizer import optimizer_class

    systems = (params.train_of(name, net).opt for name, system in params.systems.items() for net in system.nets)
    arms = (params.of(Arm(method, name)).train.opt for method, arms in params.arms.items() for name in arms)
    for name in sorted({params.train.opt, *arms, *systems}):
        optimizer_class(name)


def _check_together(params: Params, todo: Sequence[RunSpec], engine: Name) -> None:
    """Refuse parameters that several processes per run do not support."""
    if systems := sorted({spec.system for spec in todo if spec.system}):
        msg = (
            f"runs of `systems` require one process, but train.processes is {params.train.processes}: set it to 1 "
            f"for {', '.join(systems)}"
        )
        raise InputError(msg)
    if engine != "local":
        msg = (
            f"runs on a Ray cluster require one process, but train.processes is {params.train.processes}: set it to "
            "1, or use `--engine local` or torchrun"
        )
        raise InputError(msg)
    if world_size() not in (1, params.train.processes):
        msg = (
            f"torchrun must start train.processes processes, but started {world_size()} and train.processes is "
            f"{params.train.processes}: correct one"
        )
        raise InputError(msg)


def complete(
    spec: TrainedRun,
    splits: Mapping[str, SplitData],
    fabric: Fabric,
    scratch: Path,
    callbacks: Callbacks | None = None,
) -> None:
    """Train a run by :func:`benchmark.training.loop.train`, unless its folder holds the finished run.

    Raises InputError if a loss is not finite, a batch does not fit into memory, or the number of processes is wrong.
    """
    from benchmark.training.loop import Callbacks, train

    if spec.train.processes != world_size():
        msg = (
            f"{spec.title} must be trained by train.processes = {spec.train.processes} processes, but {world_size()} "
            "are running: set it to 1, because only `fundusbench train` and torchrun start several"
        )
        raise InputError(msg)
    with nullcontext() if rank() else locked(scratch), report_lost_peer(), explain_out_of_memory(spec):
        if not broadcast(fabric, is_finished(scratch, spec.key)):
            train(spec, splits, fabric, scratch, callbacks or Callbacks())


@contextmanager
def explain_out_of_memory(spec: TrainedRun) -> Iterator[None]:
    """Explain a lack of memory in one sentence that names the parameters to change."""
    import torch

    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise
        msg = (
            f"a batch must fit into memory, but {spec.train.batch_size} images of {spec.pixels} px in "
            f"{spec.train.grad_accum_steps} micro-batch(es) of {spec.title} do not: raise `train.grad_accum_steps` to "
            f"{2 * spec.train.grad_accum_steps}, or lower `train.batch_size` or `sizes.{spec.size}`"
        )
        raise InputError(msg) from error


def _train(
    specs: Sequence[RunSpec], declared: Sequence[RunSpec], params: Params, engine: Name
) -> tuple[dict[str, str], float | None]:
    """Train some of the declared runs in parallel; return the reason of each failure by the job's name.

    The second value is the processor time of all jobs, if this process started them on this machine.
    """
    # MLflow's store is on this machine, so runs of a cluster appear in it only when they have ended.
    live_after_s = params.tracking.live_after_s if engine == "local" else math.inf
    jobs = _jobs(specs, declared, live_after_s)
    if rank():
        return run_jobs(jobs, LocalEngine(1), _all_or_none(lambda *_: None)), None
    if world_size() > 1:
        with ProgressDisplay(jobs, "images") as display:
            return run_jobs(jobs, LocalEngine(1), _all_or_none(display)), None
    workers = min(count_workers(params), len(jobs)) if engine == "local" else 0
    chosen = choose_engine(engine, workers, PRELOAD)
    with ProgressDisplay(jobs, "images") as display:
        failures = run_jobs(jobs, chosen, display)
    return failures, chosen.processor_seconds if isinstance(chosen, LocalEngine) else None


def _jobs(specs: Sequence[RunSpec], declared: Sequence[RunSpec], live_after_s: float) -> list[Job]:
    """Return the jobs of some declared runs: one per arm, network, network's TTA views and group of blends."""
    jobs: list[Job] = []
    blends: dict[tuple[str, int], list[BlendRun]] = {}
    for spec in specs:
        match spec:
            case ArmRun() | NetworkRun():
                jobs.append(_run_job(spec, live_after_s))
            case BlendRun():
                blends.setdefault((spec.method, spec.seed), []).append(spec)
    networks = {spec.name: spec for spec in declared if isinstance(spec, NetworkRun)}
    for rows in blends.values():
        names = dict.fromkeys(name for spec in rows for name in spec.needs)
        views = [_views_job(networks[name], rows) for name in names]
        jobs += [*views, _blends_job(rows, views)]
    return jobs


def _all_or_none(show: OnEvent) -> OnEvent:
    """Let a failure end all processes that do the jobs together, as the others would wait for it."""

    def on_event(job: Job, event: Event) -> None:
        if event[0] == "failed":
            if not is_first_to_fail():
                raise SystemExit(2)
            msg = f"every run must succeed, but one did not: {job.name}: {event[1]}"
            raise InputError(msg)
        show(job, event)

    return on_event


def _run_job(spec: TrainedRun, live_after_s: float) -> Job:
    """Return the job that trains a run in the run store; MLflow shows it from ``live_after_s`` on."""
    from benchmark.training.networks import run_cost

    images = spec.train.epochs * spec.train_images
    return Job(
        name=spec.name,
        work=_train_run,
        arguments=(spec, live_after_s),
        depends_on=tuple(spec.needs),
        cost=run_cost(spec).macs * images,
        units=images,
        gpus=int(spec.train.device == "cuda"),
    )


def _views_job(network: NetworkRun, rows: Sequence[BlendRun]) -> Job:
    """Return the job that predicts a network's outputs for the blends of its system; several blends share them."""
    from benchmark.training.networks import run_cost

    readers = [spec for spec in rows if network.name in spec.needs]
    units = sum(count for _, count in views_read(readers))
    return Job(
        name=f"{network.name}/views",
        work=_predict_views,
        arguments=(network, readers),
        depends_on=(network.name,),
        cost=run_cost(network).macs * units * FORWARD_COST,
        units=units,
        gpus=int(network.train.device == "cuda"),
    )


def _predict_views(network: NetworkRun, rows: Sequence[BlendRun], slot: int, report: Report) -> str:
    """Predict a network's outputs in this process."""
    from benchmark.training.blend import predict_views
    from benchmark.training.device import open_fabric

    predict_views(network, rows, read_manifest(), open_fabric(network.train, slot), throttled(report))
    return f"{sum(count for _, count in views_read(rows)):,} images"


def _blends_job(rows: Sequence[BlendRun], views: Sequence[Job]) -> Job:
    """Return the job that fits all blends of a system and seed, which share intermediate results."""
    first = rows[0]
    return Job(
        name=f"{first.group}/{first.seed}",
        work=_fit_blends,
        arguments=(rows,),
        depends_on=tuple(job.name for job in views),
        units=len(rows),
        gpus=int(first.train.device == "cuda"),
    )


def _fit_blends(rows: Sequence[BlendRun], slot: int, report: Report) -> str:
    """Fit the blends of a system and seed in this process."""
    from benchmark.training.blend import complete_blends
    from benchmark.training.device import open_fabric

    with locked(run_dir(rows[0])):
        todo = [row for row in rows if not is_finished(run_dir(row), row.key)]
        return complete_blends(todo, read_manifest(), open_fabric(rows[0].train, slot), report)


def _train_run(spec: TrainedRun, live_after_s: float, slot: int, report: Report) -> str:
    """Train one run in this process."""
    from benchmark.training.device import open_fabric
    from benchmark.training.loop import Callbacks
    from benchmark.training.system_view import load_splits

    throttled_report, latest = throttled(report), ""
    splits = load_splits(spec, read_manifest())

    def images(done: int) -> None:
        throttled_report(done, latest)

    def epoch(curve: Curve) -> None:
        nonlocal latest
        latest = _kappas(curve)

    complete(spec, splits, open_fabric(spec.train, slot), run_dir(spec), Callbacks(images, epoch, live_after_s))
    return ", ".join([latest, *read_result(run_dir(spec)).flags])


def _kappas(curve: Curve) -> str:
    """Format the last epoch's kappas on val."""
    heads = {"score": "scores", "prob": "prob."}
    kappas = ((name, curve[-1][f"val_kappa_{head}"]) for head, name in heads.items())
    return "val kappa " + ", ".join(f"{name} {kappa:.3f}" for name, kappa in kappas if kappa is not None)


def count_workers(params: Params) -> int:
    """Return the number of runs that train in parallel."""
    if params.train.parallel_runs:
        return params.train.parallel_runs
    if params.train.device in ("auto", "cuda"):
        import torch

        if torch.cuda.is_available():
            return torch.cuda.device_count()
    return max(1, min(core_count(), free_memory() // WORKER_BYTES))

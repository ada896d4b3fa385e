"""Jobs side by side: one process each, forked from a server that holds the imports, so many at once as there are slots.

A job may need others to have ended well. Of those that may start, the one with the most work behind it starts first.
What a job dies of is its own: all that do not need it go on.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from benchmark.common.errors import InputError
from benchmark.common.processes import follow_parent, tune_process

Report = Callable[..., None]
"""Called by a job with (units done, what to show beside them)."""


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work for a process of its own.

    Attributes:
        name: what people call it; unique.
        work: a function of a module, called with ``arguments``, the slot's number from 0, and a :data:`Report`; what it
            returns is shown.
        arguments: what can be sent to a process.
        after: names of jobs that must have ended well; those that are not among the jobs count as done.
        cost: how much work it is, in any unit.
        units: what it counts up to while it runs.
    """

    name: str
    work: Callable[..., str]
    arguments: tuple[Any, ...]
    after: tuple[str, ...] = ()
    cost: float = 1.0
    units: int = 0


class Display(Protocol):
    """Shows how jobs go."""

    def started(self, job: Job, slot: int) -> None: ...

    def advanced(self, job: Job, done: int, note: str) -> None: ...

    def ended(self, job: Job, seconds: float, note: str) -> None: ...

    def failed(self, job: Job, why: str) -> None: ...


@dataclass(slots=True)
class _Running:
    job: Job
    slot: int
    process: BaseProcess
    began: float = field(default_factory=time.perf_counter)


def run_jobs(jobs: Sequence[Job], slots: int, preload: Sequence[str], display: Display) -> dict[str, str]:
    """Do all jobs; returns what those that did not end well failed of, by their names.

    Args:
        jobs: what is to be done.
        slots: processes at a time, at least 1.
        preload: modules that are imported once, before any process starts.
        display: is told how it goes.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", *preload])
    waiting, failures = in_order(jobs), dict[str, str]()
    running: dict[Connection, _Running] = {}
    free = list(range(slots))
    unfinished = {job.name for job in jobs}
    try:
        while waiting or running:
            for orphan in [job for job in waiting if failures.keys() & set(job.after)]:
                waiting.remove(orphan)
                parent = next(name for name in orphan.after if name in failures)
                failures[orphan.name] = f"not begun, for it needs {parent}"
                display.failed(orphan, failures[orphan.name])
            while free and (job := next((job for job in waiting if not unfinished & set(job.after)), None)):
                waiting.remove(job)
                ours, theirs = context.Pipe(duplex=False)
                slot = free.pop(0)
                process = context.Process(target=_work, args=(job, slot, theirs))
                process.start()
                theirs.close()
                running[ours] = _Running(job, slot, process)
                display.started(job, slot)
            for connection in wait(list(running)):
                assert isinstance(connection, Connection)
                one = running[connection]
                kind, *told = _receive(connection, one.process)
                if kind == "advanced":
                    display.advanced(one.job, *told)
                    continue
                del running[connection]
                one.process.join()
                free = sorted([*free, one.slot])
                if kind == "ended":
                    unfinished.discard(one.job.name)
                    display.ended(one.job, time.perf_counter() - one.began, *told)
                else:
                    failures[one.job.name] = told[0]
                    display.failed(one.job, told[0])
    finally:
        for left in running.values():
            left.process.terminate()
        for left in running.values():
            left.process.join()
    return failures


def in_order(jobs: Iterable[Job]) -> list[Job]:
    """Jobs by the work of the longest chain that each begins, the most first: so no long chain is begun too late."""
    by_name = {job.name: job for job in jobs}
    needed_by: dict[str, list[Job]] = {name: [] for name in by_name}
    for job in by_name.values():
        for name in job.after:
            needed_by.get(name, []).append(job)
    chains: dict[str, float] = {}

    def chain(job: Job) -> float:
        if job.name not in chains:
            chains[job.name] = job.cost + max(map(chain, needed_by[job.name]), default=0.0)
        return chains[job.name]

    return sorted(by_name.values(), key=chain, reverse=True)


def _receive(connection: Connection, process: BaseProcess) -> tuple[Any, ...]:
    try:
        return connection.recv()  # type: ignore[no-any-return]
    except EOFError:
        process.join()
        return ("failed", killed(process.exitcode))


def killed(exitcode: int | None) -> str:
    """The sentence on a process that ended without a word."""
    how = f"by signal {signal.Signals(-exitcode).name}" if exitcode and exitcode < 0 else f"with code {exitcode}"
    return f"its process was ended {how}, mostly for want of memory: run again with fewer at once"


def _work(job: Job, slot: int, connection: Connection) -> None:
    """A process: leaves interrupts to its parent, does its job, and tells how it went."""
    tune_process()
    follow_parent()
    try:
        note = job.work(*job.arguments, slot, lambda done, note="": connection.send(("advanced", done, note)))
    except InputError as error:
        connection.send(("failed", str(error)))
    except Exception as error:  # A fault of ours: told with its trace, and the other jobs go on.
        traceback.print_exc()
        connection.send(("failed", f"{type(error).__name__}: {error}"))
    else:
        connection.send(("ended", note))
    connection.close()
    sys.stderr.flush()


def refusal(failures: Mapping[str, str]) -> str:
    """All failures in one sentence."""
    return "; ".join(f"{name}: {why}" for name, why in failures.items())

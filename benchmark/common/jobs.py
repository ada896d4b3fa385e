"""Jobs side by side: one process each, forked from a server that holds the imports, so many at once as there are slots.

A job may need others to have ended well. Of those that may start, the one with the most work behind it starts first.
What a job dies of is its own: all that do not need it go on.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from itertools import count
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from benchmark.common.errors import InputError
from benchmark.common.processes import follow_parent, tune_process

Report = Callable[..., None]
"""Called by a job with (units done, what to show beside them)."""
Told = tuple[str, str]
"""How a job ended, ``ended`` or ``failed``, and what there is to say of it."""


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
        slots: processes at a time, at least 1; a single one is this process itself.
        preload: modules that are imported once, before any process starts.
        display: is told how it goes.
    """
    queue = _Queue(in_order(jobs), display)
    if slots == 1:
        while job := queue.take():
            display.started(job, 0)
            began = time.perf_counter()
            told = _outcome(job, 0, partial(display.advanced, job))
            queue.end(job, told, time.perf_counter() - began)
    else:
        _side_by_side(queue, slots, preload)
    return queue.failures


class _Queue:
    """Jobs that are still to be begun, and what came of the others."""

    def __init__(self, jobs: list[Job], display: Display) -> None:
        self.display, self.failures = display, dict[str, str]()
        self._waiting, self._open = jobs, {job.name for job in jobs}

    def take(self) -> Job | None:
        """The next job that may begin; none where all that wait need one that is under way, or none waits."""
        job = next((job for job in self._waiting if not self._open & set(job.after)), None)
        if job is not None:
            self._waiting.remove(job)
        return job

    def end(self, job: Job, told: Told, seconds: float) -> None:
        """Take note of how a job ended; those that need one that failed have failed, too."""
        kind, words = told
        self._open.discard(job.name)
        if kind == "ended":
            self.display.ended(job, seconds, words)
            return
        self.failures[job.name] = words
        self.display.failed(job, words)
        for orphan in [other for other in self._waiting if job.name in other.after]:
            self._waiting.remove(orphan)
            self.end(orphan, ("failed", f"not begun, for it needs {job.name}"), 0.0)


def _side_by_side(queue: _Queue, slots: int, preload: Sequence[str]) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    running: dict[Connection, _Running] = {}
    free = list(range(slots))
    try:
        while True:
            while free and (job := queue.take()):
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(job, free[0], theirs))
                process.start()
                theirs.close()
                running[ours] = _Running(job, free.pop(0), process)
                queue.display.started(job, running[ours].slot)
            if not running:
                return
            for connection in wait(list(running)):
                assert isinstance(connection, Connection)
                one = running[connection]
                told = _receive(connection, one.process)
                if told[0] == "advanced":
                    queue.display.advanced(one.job, *told[1])
                    continue
                del running[connection]
                one.process.join()
                free = sorted([*free, one.slot])
                queue.end(one.job, told, time.perf_counter() - one.began)
    finally:
        for left in running.values():
            left.process.terminate()
        for left in running.values():
            left.process.join()


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


def makespan(jobs: Sequence[Job], slots: int) -> float:
    """How long jobs take, in the unit of their costs, if each takes its cost and a free slot takes the next job."""
    queue, clock = _Queue(in_order(jobs), _Unseen()), 0.0
    running: list[tuple[float, int, Job]] = []
    ticket = count()
    while True:
        while len(running) < slots and (job := queue.take()):
            heappush(running, (clock + job.cost, next(ticket), job))
        if not running:
            return clock
        clock, _, job = heappop(running)
        queue.end(job, ("ended", ""), 0.0)


class _Unseen:
    """A display of nothing."""

    def started(self, job: Job, slot: int) -> None: ...

    def advanced(self, job: Job, done: int, note: str) -> None: ...

    def ended(self, job: Job, seconds: float, note: str) -> None: ...

    def failed(self, job: Job, why: str) -> None: ...


def _receive(connection: Connection, process: BaseProcess) -> tuple[str, Any]:
    try:
        return connection.recv()  # type: ignore[no-any-return]
    except EOFError:
        process.join()
        return "failed", killed(process.exitcode)


def killed(exitcode: int | None) -> str:
    """The sentence on a process that ended without a word."""
    how = f"by signal {signal.Signals(-exitcode).name}" if exitcode and exitcode < 0 else f"with code {exitcode}"
    return f"its process was ended {how}, mostly for want of memory: run again with fewer at once"


def _work(job: Job, slot: int, connection: Connection) -> None:
    """A process: does its job and tells how it goes."""
    tune_process()
    follow_parent()
    connection.send(_outcome(job, slot, lambda done, note="": connection.send(("advanced", (done, note)))))
    connection.close()


def _outcome(job: Job, slot: int, report: Report) -> Told:
    """Do a job; what came of it."""
    try:
        return "ended", job.work(*job.arguments, slot, report)
    except InputError as error:
        return "failed", str(error)
    except Exception as error:  # A fault of ours: told with its trace, and the other jobs go on.
        traceback.print_exc()
        return "failed", f"{type(error).__name__}: {error}"


def refusal(failures: Mapping[str, str]) -> str:
    """All failures in one sentence."""
    return "; ".join(f"{name}: {why}" for name, why in failures.items())

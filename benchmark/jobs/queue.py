"""A queue of jobs that depend on one another, for any engine.

A job starts once the jobs that it depends on have finished. Among the jobs that can start, the one with the longest
remaining chain of work starts first. A failed job only stops the jobs that depend on it. The engines are this machine
(:mod:`benchmark.jobs.local_engine`) and a Ray cluster (:mod:`benchmark.jobs.ray_engine`).
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Any, Protocol

from benchmark.common.errors import InputError

Report = Callable[..., None]
"""Called by a job with (units done, text to show with them)."""
Event = tuple[str, Any]
"""Kind and content: ``started`` (place), ``advanced`` (units done, text), ``ended`` (text) or ``failed`` (reason)."""
OnEvent = Callable[["Job", Event], None]
"""Receives each event of a job, e.g. to show it."""
_REPORT_S = 0.5
"""Seconds between two reports of a job that are shown."""


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work for a separate process.

    Attributes:
        name: unique name, which is shown.
        work: a function of a module, called with ``arguments``, the slot's number from 0, and a :data:`Report`; its
            result is shown.
        depends_on: names of jobs that must finish first; names of no job in the queue count as finished.
        cost: amount of work in any unit.
        units: number of units that it reports in all.
        gpus: number of graphics cards that it uses.
    """

    name: str
    work: Callable[..., str]
    arguments: tuple[Any, ...]
    depends_on: tuple[str, ...] = ()
    cost: float = 1.0
    units: int = 0
    gpus: int = 0


class Engine(AbstractContextManager[Any], Protocol):
    """Runs jobs; a context manager that may be entered again."""

    def has_capacity(self) -> bool:
        """Return whether the engine accepts another job now."""
        ...

    def submit(self, job: Job) -> None:
        """Accept a job."""
        ...

    def poll(self, on_event: OnEvent) -> None:
        """Wait for events of the submitted jobs, and pass them on."""
        ...


def run_jobs(jobs: Sequence[Job], engine: Engine, show: OnEvent = lambda *_: None) -> dict[str, str]:
    """Run all jobs, show their events, and return the reason of each failure by the job's name."""
    queue = _Queue(jobs, show)
    with engine:
        while True:
            while engine.has_capacity() and (job := queue.pop_ready()):
                engine.submit(job)
            if not queue.running:
                return queue.failures
            engine.poll(queue.on_event)


class _Queue:
    """The waiting and running jobs, and the failures."""

    def __init__(self, jobs: Iterable[Job], show: OnEvent) -> None:
        self.failures, self.running, self._show = dict[str, str](), set[str](), show
        self._waiting = in_order(jobs)
        self._open = {job.name for job in self._waiting}

    def pop_ready(self) -> Job | None:
        """Remove and return the next job that can start; None if no job can."""
        job = next((job for job in self._waiting if not self._open & set(job.depends_on)), None)
        if job is not None:
            self._waiting.remove(job)
            self.running.add(job.name)
        return job

    def on_event(self, job: Job, event: Event) -> None:
        """Show an event of a job, and record its end; the jobs that depend on a failed one fail, too."""
        kind, content = event
        self._show(job, event)
        if kind in ("ended", "failed"):
            self._open.discard(job.name)
            self.running.discard(job.name)
        if kind == "failed":
            self.failures[job.name] = content
            while dependent := next((other for other in self._waiting if job.name in other.depends_on), None):
                self._waiting.remove(dependent)
                self.on_event(dependent, ("failed", f"not started because {job.name} failed"))


def in_order(jobs: Iterable[Job]) -> list[Job]:
    """Sort jobs by the longest chain of work that starts with each, the longest first."""
    by_name = {job.name: job for job in jobs}
    dependents: dict[str, list[Job]] = {name: [] for name in by_name}
    for job in by_name.values():
        for name in job.depends_on:
            dependents.get(name, []).append(job)
    chains: dict[str, float] = {}

    def chain(job: Job) -> float:
        if job.name not in chains:
            chains[job.name] = job.cost + max(map(chain, dependents[job.name]), default=0.0)
        return chains[job.name]

    return sorted(by_name.values(), key=chain, reverse=True)


def makespan(jobs: Sequence[Job], slots: int) -> float:
    """Return the time that all jobs take, in the unit of their costs, if each takes its cost."""
    queue, clock = _Queue(jobs, lambda *_: None), 0.0
    running: list[tuple[float, int, Job]] = []
    ticket = count()
    while True:
        while len(running) < slots and (job := queue.pop_ready()):
            heappush(running, (clock + job.cost, next(ticket), job))
        if not running:
            return clock
        clock, _, job = heappop(running)
        queue.on_event(job, ("ended", ""))


def throttled(report: Report) -> Report:
    """Return a report function that drops calls that follow another one too soon."""
    last = 0.0

    def pass_on(*content: Any) -> None:
        nonlocal last
        if time.perf_counter() - last >= _REPORT_S:
            last = time.perf_counter()
            report(*content)

    return pass_on


def outcome(job: Job, slot: int, report: Report) -> Event:
    """Run a job in this process and return its last event."""
    try:
        return "ended", job.work(*job.arguments, slot, report)
    except InputError as error:
        return "failed", str(error)
    except Exception as error:  # A bug: print its trace, and let the other jobs continue.
        traceback.print_exc()
        return "failed", f"{type(error).__name__}: {error}"


def refusal(failures: Mapping[str, str]) -> str:
    """Return all failures in one sentence."""
    return "; ".join(f"{name}: {why}" for name, why in failures.items())

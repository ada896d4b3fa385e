"""Jobs that need one another, in an order that ends early, wherever an engine does them.

A job may need others to have ended well. Of those that may start, the one with the most work behind it starts first.
What a job dies of is its own: all that do not need it go on. Engines are this machine
(:mod:`benchmark.jobs.local_engine`) and a cluster of Ray (:mod:`benchmark.jobs.ray_engine`).
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from benchmark.common.errors import InputError

Report = Callable[..., None]
"""Called by a job with (units done, what to show beside them)."""
Told = tuple[str, Any]
"""News of a job: ``started`` (where), ``advanced`` (units done, what to show), ``ended`` or ``failed`` (in words)."""
Tell = Callable[["Job", Told], None]
_REPORT_S = 0.5
"""Between two reports of a job that are worth reading."""


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work for a process of its own.

    Attributes:
        name: what people call it; unique.
        work: a function of a module, called with ``arguments``, the slot's number from 0, and a :data:`Report`; what it
            returns is shown.
        arguments: what can be sent to another process.
        after: names of jobs that must have ended well; those that are not among the jobs count as done.
        cost: how much work it is, in any unit.
        units: what it counts up to while it runs.
        cards: graphics cards that it takes.
        reads: files and folders of the project's folder that it needs; those that are absent it does without.
        writes: files and folders there that hold what came of it.
    """

    name: str
    work: Callable[..., str]
    arguments: tuple[Any, ...]
    after: tuple[str, ...] = ()
    cost: float = 1.0
    units: int = 0
    cards: int = 0
    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()


class Display(Protocol):
    """Shows how jobs go."""

    def started(self, job: Job, place: str) -> None: ...

    def advanced(self, job: Job, done: int, note: str) -> None: ...

    def ended(self, job: Job, seconds: float, note: str) -> None: ...

    def failed(self, job: Job, why: str) -> None: ...


class Engine(AbstractContextManager[Any], Protocol):
    """Where jobs are done; open it before use. It may be used again."""

    def has_room(self) -> bool:
        """Whether another job may begin now."""
        ...

    def begin(self, job: Job) -> None:
        """Take a job."""
        ...

    def listen(self, tell: Tell) -> None:
        """Wait for news of the jobs that were begun, and tell them."""
        ...


def run_jobs(jobs: Sequence[Job], engine: Engine, display: Display) -> dict[str, str]:
    """Do all jobs; returns what those that did not end well failed of, by their names.

    Args:
        jobs: what is to be done.
        engine: where.
        display: is told how it goes.
    """
    queue = _Queue(in_order(jobs), display)
    with engine:
        while True:
            while engine.has_room() and (job := queue.take()):
                engine.begin(job)
            if not queue.under_way:
                return queue.failures
            engine.listen(queue.note)


class _Queue:
    """Jobs that are still to be begun, and what came of the others."""

    def __init__(self, jobs: list[Job], display: Display) -> None:
        self.display, self.failures = display, dict[str, str]()
        self.under_way: dict[str, float] = {}
        """Jobs that were taken, by name, and when they began."""
        self._waiting, self._open = jobs, {job.name for job in jobs}

    def take(self) -> Job | None:
        """The next job that may begin; none where all that wait need one that is under way, or none waits."""
        job = next((job for job in self._waiting if not self._open & set(job.after)), None)
        if job is not None:
            self._waiting.remove(job)
            self.under_way[job.name] = time.perf_counter()
        return job

    def note(self, job: Job, told: Told) -> None:
        """Take note of news."""
        kind, what = told
        if kind == "started":
            self.under_way[job.name] = time.perf_counter()
            self.display.started(job, what)
        elif kind == "advanced":
            self.display.advanced(job, *what)
        else:
            self.end(job, told, time.perf_counter() - self.under_way[job.name])

    def end(self, job: Job, told: Told, seconds: float) -> None:
        """Take note of how a job ended; those that need one that failed have failed, too."""
        kind, words = told
        self._open.discard(job.name)
        self.under_way.pop(job.name, None)
        if kind == "ended":
            self.display.ended(job, seconds, words)
            return
        self.failures[job.name] = words
        self.display.failed(job, words)
        for orphan in [other for other in self._waiting if job.name in other.after]:
            self._waiting.remove(orphan)
            self.end(orphan, ("failed", f"not begun, for it needs {job.name}"), 0.0)


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
    queue, clock = _Queue(in_order(jobs), Unseen()), 0.0
    running: list[tuple[float, int, Job]] = []
    ticket = count()
    while True:
        while len(running) < slots and (job := queue.take()):
            heappush(running, (clock + job.cost, next(ticket), job))
        if not running:
            return clock
        clock, _, job = heappop(running)
        queue.end(job, ("ended", ""), 0.0)


class Unseen:
    """A display of nothing."""

    def started(self, job: Job, place: str) -> None: ...

    def advanced(self, job: Job, done: int, note: str) -> None: ...

    def ended(self, job: Job, seconds: float, note: str) -> None: ...

    def failed(self, job: Job, why: str) -> None: ...


def seldom(report: Report) -> Report:
    """The same, for jobs that have more to report than anybody can read: what follows too soon is left out."""
    said = 0.0

    def pass_on(*what: Any) -> None:
        nonlocal said
        if time.perf_counter() - said >= _REPORT_S:
            said = time.perf_counter()
            report(*what)

    return pass_on


def outcome(job: Job, slot: int, report: Report) -> Told:
    """Do a job in this process; what came of it."""
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

"""Progress display of jobs: redrawn lines on a terminal, plain lines with the time of day in a log."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from benchmark.common.units import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.progress import Progress, TaskID

    from benchmark.jobs.queue import Job

_EVERY_S = 30.0
"""Seconds between two lines of a log about the running jobs."""


@dataclass(slots=True)
class ProgressState:
    """The progress of jobs, in units and in work.

    Attributes:
        jobs: all jobs.
        done: units done of each started job by name.
        first: units that an earlier process had done, by name.
        ended: names of the finished and failed jobs.
    """

    jobs: Sequence[Job]
    done: dict[str, int] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    began: float = field(default_factory=time.perf_counter)

    def advance(self, name: str, done: int) -> None:
        """Record a job's units; the first call gives those that an earlier process had done."""
        self.first.setdefault(name, done)
        self.done[name] = done

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.began

    @property
    def rate(self) -> float:
        """Units per second over all jobs."""
        return sum(self.done[name] - self.first[name] for name in self.done) / max(self.seconds, 1e-9)

    def left(self) -> float | None:
        """Estimate the seconds left from the speed so far; None before any work is done."""
        begun = [job for job in self.jobs if job.name in self.done]
        spent = sum(self._work(job, self.done[job.name] - self.first[job.name]) for job in begun)
        ahead = sum(
            self._work(job, job.units - self.done.get(job.name, 0)) for job in self.jobs if job.name not in self.ended
        )
        return self.seconds * ahead / spent if spent else None

    @staticmethod
    def _work(job: Job, units: int) -> float:
        return job.cost * units / max(job.units, 1)

    def summary(self, unit: str) -> str:
        """Summarise all jobs in one line."""
        left = self.left()
        ahead = f", about {duration(left)} left" if left is not None and len(self.ended) < len(self.jobs) else ""
        rate = f"{self.rate:,.{1 if self.rate < 10 else 0}f}"
        return f"{len(self.ended)} of {len(self.jobs)} runs done, {rate} {unit}/s over all{ahead}"


class ProgressDisplay:
    """Shows jobs on standard error."""

    def __init__(self, jobs: Sequence[Job], unit: str) -> None:
        self._state, self._unit = ProgressState(jobs), unit
        self._last = time.perf_counter()
        self._started: set[str] = set()
        self._live: Progress | None = None
        self._lines: dict[str, TaskID] = {}
        if sys.stderr.isatty():
            self._live, self._whole = _open_live(self._state.summary(unit), sum(job.cost for job in jobs))

    def __enter__(self) -> ProgressDisplay:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def started(self, job: Job, place: str) -> None:
        """Show that a job has started, or started again after its process died."""
        if job.name in self._started:
            self._print(f"{job.name}: started again on {place}")
        self._started.add(job.name)
        if self._live and job.name not in self._lines:
            self._lines[job.name] = self._live.add_task(job.name, total=job.units, note="")

    def advanced(self, job: Job, done: int, note: str) -> None:
        """Show the units that a job has done."""
        self._state.advance(job.name, done)
        if self._live:
            self._live.update(self._lines[job.name], completed=done, note=note)
            self._redraw()
        elif time.perf_counter() - self._last >= _EVERY_S:
            running = (
                f"{one.name} {self._state.done[one.name] / max(one.units, 1):.0%}"
                for one in self._state.jobs
                if one.name in self._state.done and one.name not in self._state.ended
            )
            self._print(f"{self._state.summary(self._unit)}; running: {', '.join(running)}")

    def ended(self, job: Job, seconds: float, note: str) -> None:
        """Show that a job has finished."""
        self._state.advance(job.name, job.units)
        self._end(job, f"{job.name}: {note}, {duration(seconds)}")

    def failed(self, job: Job, why: str) -> None:
        """Show that a job has failed."""
        self._end(job, f"{job.name} FAILED: {why}")

    def _end(self, job: Job, line: str) -> None:
        self._state.ended.add(job.name)
        self._print(f"{line}; {self._state.summary(self._unit)}")
        if self._live:
            if job.name in self._lines:
                self._live.remove_task(self._lines.pop(job.name))
            self._redraw()

    def _redraw(self) -> None:
        assert self._live
        share = 1 - (self._state.left() or 0) / max((self._state.left() or 0) + self._state.seconds, 1e-9)
        self._live.update(self._whole, completed=share, total=1, description=self._state.summary(self._unit))

    def _print(self, line: str) -> None:
        self._last = time.perf_counter()
        text = f"{datetime.now():%H:%M:%S} {line}"
        if self._live:
            self._live.console.print(text, highlight=False, markup=False)
        else:
            print(text, file=sys.stderr, flush=True)


def _open_live(title: str, total: float) -> tuple[Progress, TaskID]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[note]}"))
    live = Progress(*columns, console=Console(stderr=True))
    return live, live.add_task(title, total=total, note="")

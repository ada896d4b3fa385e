"""Progress display of jobs: redrawn lines on a terminal, plain lines with the time of day in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

from benchmark.common.units import duration
from benchmark.jobs.queue import Event, Job

_EVERY_S = 30.0
"""Seconds between two lines of a log about the running jobs."""


class ProgressDisplay:
    """Shows jobs on standard error; a context manager whose value receives their events."""

    def __init__(self, jobs: Sequence[Job], unit: str) -> None:
        self._jobs, self._unit = jobs, unit
        self._began = self._last = time.perf_counter()
        self._started: dict[str, float] = {}
        # Units done of each job, and those of them that an earlier process had done.
        self._done: dict[str, int] = {}
        self._first: dict[str, int] = {}
        self._ended: set[str] = set()
        columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[note]}")
        self._live = Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())
        self._whole = self._live.add_task("", total=1, note="")
        self._lines: dict[str, TaskID] = {}

    def __enter__(self) -> ProgressDisplay:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __call__(self, job: Job, event: Event) -> None:
        """Show an event of a job."""
        kind, content = event
        if kind == "started":
            if job.name in self._started:
                self._print(f"{job.name}: started again on {content}")
            else:
                self._lines[job.name] = self._live.add_task(job.name, total=job.units, note="")
            self._started[job.name] = time.perf_counter()
        elif kind == "advanced":
            done, note = content
            self._first.setdefault(job.name, done)
            self._done[job.name] = done
            self._live.update(self._lines[job.name], completed=done, note=note)
            if self._live.disable and time.perf_counter() - self._last >= _EVERY_S:
                shares = ((one, self._done[one.name] / max(one.units, 1)) for one in self._jobs if self._runs(one))
                running = ", ".join(f"{one.name} {share:.0%}" for one, share in shares)
                self._print(f"{self.summary()}; running: {running}")
        else:
            self._ended.add(job.name)
            if kind == "ended":
                self._first.setdefault(job.name, job.units)
                self._done[job.name] = job.units
                took = duration(time.perf_counter() - self._started[job.name])
                self._print(f"{job.name}: {content}, {took}; {self.summary()}")
            else:
                self._print(f"{job.name} FAILED: {content}; {self.summary()}")
            if job.name in self._lines:
                self._live.remove_task(self._lines.pop(job.name))
        left = self.left() or 0
        share = 1 - left / max(left + self.seconds, 1e-9)
        self._live.update(self._whole, completed=share, description=self.summary())

    def _runs(self, job: Job) -> bool:
        return job.name in self._done and job.name not in self._ended

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._began

    @property
    def rate(self) -> float:
        """Units per second over all jobs."""
        return sum(self._done[name] - self._first[name] for name in self._done) / max(self.seconds, 1e-9)

    def left(self) -> float | None:
        """Estimate the seconds left from the speed so far; None before any work is done."""
        spent = ahead = 0.0
        for job in self._jobs:
            cost, done = job.cost / max(job.units, 1), self._done.get(job.name, 0)
            spent += cost * (done - self._first.get(job.name, 0))
            ahead += cost * (job.units - done) if job.name not in self._ended else 0
        return self.seconds * ahead / spent if spent else None

    def summary(self) -> str:
        """Summarise all jobs in one line."""
        left = self.left()
        ahead = f", about {duration(left)} left" if left is not None and len(self._ended) < len(self._jobs) else ""
        rate = f"{self.rate:,.{1 if self.rate < 10 else 0}f}"
        return f"{len(self._ended)} of {len(self._jobs)} runs done, {rate} {self._unit}/s over all{ahead}"

    def _print(self, line: str) -> None:
        self._last = time.perf_counter()
        text = f"{datetime.now():%H:%M:%S} {line}"
        if self._live.disable:
            print(text, file=sys.stderr, flush=True)
        else:
            self._live.console.print(text, highlight=False, markup=False)

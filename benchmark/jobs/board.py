"""How jobs go, for people: redrawn lines on a terminal, plain lines with the time of day in a log."""

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
"""Between two lines of a log on what is under way."""


@dataclass(slots=True)
class Tally:
    """How far some jobs are, in their own units and in work.

    Attributes:
        jobs: all that are to be done.
        done: units of each job that has begun, by its name.
        first: units that it had when this process saw it first: what an earlier process did.
        ended: names of the jobs that are over, well or not.
    """

    jobs: Sequence[Job]
    done: dict[str, int] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    began: float = field(default_factory=time.perf_counter)

    def advance(self, name: str, done: int) -> None:
        """Take note of a job's units."""
        self.first.setdefault(name, done)
        self.done[name] = done

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.perf_counter() - self.began

    @property
    def rate(self) -> float:
        """Units per second, over all jobs."""
        return sum(self.done[name] - self.first[name] for name in self.done) / max(self.seconds, 1e-9)

    def left(self) -> float | None:
        """Seconds left, if work goes on as fast as it went; None before anything is done."""
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
        """One line for the whole."""
        left = self.left()
        ahead = f", about {duration(left)} left" if left is not None and len(self.ended) < len(self.jobs) else ""
        return f"{len(self.ended)} of {len(self.jobs)} runs done, {self.rate:,.0f} {unit}/s over all{ahead}"


class Board:
    """Shows jobs on standard error."""

    def __init__(self, jobs: Sequence[Job], unit: str) -> None:
        self._tally, self._unit = Tally(jobs), unit
        self._said = time.perf_counter()
        self._begun: set[str] = set()
        self._live: Progress | None = None
        self._lines: dict[str, TaskID] = {}
        if sys.stderr.isatty():
            self._live, self._whole = _open_live(self._tally.summary(unit), sum(job.cost for job in jobs))

    def __enter__(self) -> Board:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def started(self, job: Job, place: str) -> None:
        """A job has begun, or begins again where what did it died."""
        if job.name in self._begun:
            self._say(f"{job.name}: begun again on {place}")
        self._begun.add(job.name)
        if self._live and job.name not in self._lines:
            self._lines[job.name] = self._live.add_task(job.name, total=job.units, note="")

    def advanced(self, job: Job, done: int, note: str) -> None:
        """A job has come to ``done`` of its units."""
        self._tally.advance(job.name, done)
        if self._live:
            self._live.update(self._lines[job.name], completed=done, note=note)
            self._redraw()
        elif time.perf_counter() - self._said >= _EVERY_S:
            running = (
                f"{one.name} {self._tally.done[one.name] / max(one.units, 1):.0%}"
                for one in self._tally.jobs
                if one.name in self._tally.done and one.name not in self._tally.ended
            )
            self._say(f"{self._tally.summary(self._unit)}; under way: {', '.join(running)}")

    def ended(self, job: Job, seconds: float, note: str) -> None:
        """A job has ended well."""
        self._tally.advance(job.name, job.units)
        self._end(job, f"{job.name}: {note}, {duration(seconds)}")

    def failed(self, job: Job, why: str) -> None:
        """A job has not ended well."""
        self._end(job, f"{job.name} FAILED: {why}")

    def _end(self, job: Job, line: str) -> None:
        self._tally.ended.add(job.name)
        self._say(f"{line}; {self._tally.summary(self._unit)}")
        if self._live:
            if job.name in self._lines:
                self._live.remove_task(self._lines.pop(job.name))
            self._redraw()

    def _redraw(self) -> None:
        assert self._live
        share = 1 - (self._tally.left() or 0) / max((self._tally.left() or 0) + self._tally.seconds, 1e-9)
        self._live.update(self._whole, completed=share, total=1, description=self._tally.summary(self._unit))

    def _say(self, line: str) -> None:
        self._said = time.perf_counter()
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

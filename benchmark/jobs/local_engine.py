"""Runs jobs on this machine, each in a process that is forked from a server with the imports.

A slot is a core or a graphics card; each runs one job at a time.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from benchmark.jobs.processes import follow_parent, start_server, tune_process
from benchmark.jobs.queue import Event, Job, OnEvent, outcome


@dataclass(frozen=True, slots=True)
class _Running:
    job: Job
    slot: int
    process: BaseProcess


class LocalEngine:
    """Runs jobs in a number of processes; with one slot, in this process.

    Attributes:
        processor_seconds: processor time of all jobs that have ended, without the modules imported in advance.
    """

    def __init__(self, slots: int, preload: Sequence[str] = ()) -> None:
        """Create an engine with a number of processes, forked from one that has imported the modules ``preload``."""
        self.processor_seconds = 0.0
        self._slots, self._preload = slots, list(preload)
        self._free = list(range(slots))
        self._submitted: list[Job] = []
        self._running: dict[Connection, _Running] = {}

    def __enter__(self) -> LocalEngine:
        return self

    def __exit__(self, *_: object) -> None:
        for left in self._running.values():
            left.process.terminate()
        for left in self._running.values():
            left.process.join()
        self._submitted, self._running, self._free = [], {}, list(range(self._slots))

    def has_capacity(self) -> bool:
        """Return whether a slot is free."""
        return len(self._submitted) < len(self._free)

    def submit(self, job: Job) -> None:
        """Accept a job; it starts with the next :meth:`poll`."""
        self._submitted.append(job)

    def poll(self, on_event: OnEvent) -> None:
        """Start the submitted jobs, wait for events, and pass them on."""
        if self._slots == 1:
            job = self._submitted[0]
            on_event(job, ("started", _place(0)))
            before = time.process_time()
            event = outcome(job, 0, lambda done, note="": on_event(job, ("advanced", (done, note))))
            self.processor_seconds += time.process_time() - before
            del self._submitted[0]
            on_event(job, event)
            return
        while self._submitted:
            self._start(self._submitted.pop(0), on_event)
        for connection in wait(list(self._running)):
            assert isinstance(connection, Connection)
            one = self._running[connection]
            event, seconds = _receive(connection, one.process)
            if event[0] != "advanced":
                self.processor_seconds += seconds
                del self._running[connection]
                one.process.join()
                self._free = sorted([*self._free, one.slot])
            on_event(one.job, event)

    def _start(self, job: Job, on_event: OnEvent) -> None:
        context = multiprocessing.get_context("forkserver")
        start_server(self._preload)
        ours, theirs = context.Pipe(duplex=False)
        slot = self._free.pop(0)
        process = context.Process(target=_work, args=(job, slot, theirs))
        process.start()
        theirs.close()
        self._running[ours] = _Running(job, slot, process)
        on_event(job, ("started", _place(slot)))


def _place(slot: int) -> str:
    return f"slot {slot}"


def _receive(connection: Connection, process: BaseProcess) -> tuple[Event, float]:
    """Return the next event of a job and the processor time of its process so far; 0 if it was killed."""
    try:
        return connection.recv()  # type: ignore[no-any-return]
    except EOFError:
        process.join()
        return ("failed", killed(process.exitcode)), 0.0


def killed(exitcode: int | None) -> str:
    """Explain the end of a process that reported none."""
    if exitcode and exitcode < 0:
        name = signal.Signals(-exitcode).name
        return f"its process was killed by signal {name}, probably out of memory: run fewer at once"
    return f"its process ended with code {exitcode} and no message: run it again"


def _work(job: Job, slot: int, connection: Connection) -> None:
    """Run a job in a worker process."""
    tune_process()
    follow_parent()

    def emit(event: Event) -> None:
        connection.send((event, time.process_time()))

    emit(outcome(job, slot, lambda done, note="": emit(("advanced", (done, note)))))
    connection.close()

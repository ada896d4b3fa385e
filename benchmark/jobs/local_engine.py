"""Jobs on this machine: one process each, forked from a server that holds the imports, so many at once as slots.

A slot is a core, or a graphics card.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from benchmark.jobs.processes import follow_parent, tune_process
from benchmark.jobs.queue import Job, Tell, Told, outcome


def warm(modules: Sequence[str]) -> None:
    """Begin to import what jobs will need while this process still finds out which jobs there are.

    The server that jobs are forked from imports it, and does so once: later modules are each job's to import.
    """
    multiprocessing.get_context("forkserver").set_forkserver_preload(list(modules))
    forkserver.ensure_running()


@dataclass(frozen=True, slots=True)
class _Running:
    job: Job
    slot: int
    process: BaseProcess


class LocalEngine:
    """So many processes at a time; a single one is this process itself."""

    def __init__(self, slots: int, preload: Sequence[str] = ()) -> None:
        """Nothing starts before a job does.

        Args:
            slots: processes at a time, at least 1.
            preload: modules that are imported once, before any process starts.
        """
        self._slots, self._preload = slots, list(preload)
        self._free = list(range(slots))
        self._begun: list[Job] = []
        self._running: dict[Connection, _Running] = {}

    def __enter__(self) -> LocalEngine:
        return self

    def __exit__(self, *_: object) -> None:
        for left in self._running.values():
            left.process.terminate()
        for left in self._running.values():
            left.process.join()
        self._begun, self._running, self._free = [], {}, list(range(self._slots))

    def has_room(self) -> bool:
        """Whether a slot is free."""
        return len(self._begun) < len(self._free)

    def begin(self, job: Job) -> None:
        """Take a job; it starts as soon as somebody listens."""
        self._begun.append(job)

    def listen(self, tell: Tell) -> None:
        """Start what was begun, wait for news, and tell them."""
        if self._slots == 1:
            job = self._begun[0]
            tell(job, ("started", _place(0)))
            told = outcome(job, 0, lambda done, note="": tell(job, ("advanced", (done, note))))
            del self._begun[0]
            tell(job, told)
            return
        while self._begun:
            self._start(self._begun.pop(0), tell)
        for connection in wait(list(self._running)):
            assert isinstance(connection, Connection)
            one = self._running[connection]
            told = _receive(connection, one.process)
            if told[0] != "advanced":
                del self._running[connection]
                one.process.join()
                self._free = sorted([*self._free, one.slot])
            tell(one.job, told)

    def _start(self, job: Job, tell: Tell) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(self._preload)
        ours, theirs = context.Pipe(duplex=False)
        slot = self._free.pop(0)
        process = context.Process(target=_work, args=(job, slot, theirs))
        process.start()
        theirs.close()
        self._running[ours] = _Running(job, slot, process)
        tell(job, ("started", _place(slot)))


def _place(slot: int) -> str:
    return f"slot {slot}"


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
    told: Told = outcome(job, slot, lambda done, note="": connection.send(("advanced", (done, note))))
    connection.send(told)
    connection.close()

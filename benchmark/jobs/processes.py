"""The process pool for independent pieces of work, and the setup of worker processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import forkserver
from typing import TypeVar

import cv2

from benchmark.common.errors import InputError
from benchmark.common.resources import keep_freed_memory

J = TypeVar("J")
R = TypeVar("R")


def outcomes(
    work: Callable[[J], R],
    jobs: Iterable[J],
    workers: int,
    setup: Callable[[], None] | None = None,
) -> Iterator[tuple[J, R]]:
    """Yield each job with the result of ``work``, in the order of completion, with few jobs in progress at any time.

    Args:
        work: a function of a module, which workers import by name.
        jobs: consumed as workers become free.
        workers: number of processes, at least 1.
        setup: called once in each worker, before any work.
    """
    # A worker forked from this process could wait forever for a lock that one of its threads held.
    context = multiprocessing.get_context("forkserver")
    start_server(["benchmark.common.loaded", work.__module__])
    with (
        _deaths_named(),
        ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(setup,)) as pool,
    ):
        waiting: dict[Future[R], J] = {}
        for job in jobs:
            waiting[pool.submit(work, job)] = job
            if len(waiting) >= 4 * workers:
                yield from _ended(waiting)
        while waiting:
            yield from _ended(waiting)


@contextmanager
def _deaths_named() -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool as error:
        msg = "a worker was killed, probably out of memory: lower prepare.workers, or free memory"
        raise InputError(msg) from error


def _ended(waiting: dict[Future[R], J]) -> Iterator[tuple[J, R]]:
    ended, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in ended:
        yield waiting.pop(future), future.result()


def start_server(modules: Sequence[str]) -> None:
    """Start the server that processes are forked from, which imports some modules, unless it runs already.

    It and the processes ignore Ctrl-C from their first moment.
    """
    multiprocessing.get_context("forkserver").set_forkserver_preload(list(modules))
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, before)


def tune_process() -> None:
    """Use one thread, and keep freed memory for the next photograph."""
    cv2.setNumThreads(1)
    keep_freed_memory()


def follow_parent() -> None:
    """Ignore interrupts, which the parent handles, and end this process when its parent is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _start_worker(setup: Callable[[], None] | None) -> None:
    tune_process()
    follow_parent()
    if setup is not None:
        setup()

"""Work on many files in parallel processes, a bounded number of them under way at any time."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

import cv2

from benchmark.common.errors import InputError
from benchmark.common.resources import keep_freed_memory

J = TypeVar("J")
R = TypeVar("R")


def outcomes(
    work: Callable[[J], R], jobs: Iterable[J], workers: int, setup: Callable[[], None] | None = None
) -> Iterator[tuple[J, R]]:
    """Each job with what ``work`` makes of it, as they end. Only a few are under way at any time.

    Args:
        work: a function of a module, which workers import by name.
        jobs: consumed as workers get free.
        workers: processes, at least 1.
        setup: called once in each worker, before any work.

    Raises:
        InputError: a worker was killed.
    """
    # Workers are forked from a server that has the imports and no thread: as quick as a fork, as safe as a spawn.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([work.__module__])
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
        msg = "every worker must live, but one was killed, mostly for want of memory: lower prepare.workers"
        raise InputError(msg) from error


def _ended(waiting: dict[Future[R], J]) -> Iterator[tuple[J, R]]:
    ended, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in ended:
        yield waiting.pop(future), future.result()


def tune_process() -> None:
    """One thread, and freed memory is kept for the next photograph."""
    cv2.setNumThreads(1)
    keep_freed_memory()


def follow_parent() -> None:
    """Let a worker leave interrupts to its parent, and not outlive a parent that was killed."""
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

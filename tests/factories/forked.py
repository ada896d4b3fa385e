"""Processes that are forked from a server with the libraries of the commands, whose import takes seconds."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from functools import cache
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

PRELOAD = (
    "benchmark.cli.main",
    "benchmark.cli.stages",
    "benchmark.evaluation.saliency",
    "benchmark.report.report",
    "benchmark.settings.loading",
    "benchmark.statistics.graded_runs",
    "benchmark.sweep.trials",
    "benchmark.training.blend",
    "benchmark.training.loop",
    "captum.attr",
    "matplotlib.backends.backend_agg",
    "sklearn.ensemble",
    "tests.factories.frozen",
)


@cache
def start_server() -> None:
    """Start the server, from which the jobs that this process trains, prepares or draws fork as well."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(list(PRELOAD))
    forkserver.ensure_running()


def forked(work: Callable[..., Any], *arguments: Any, folder: Path, log: Path | None = None) -> BaseProcess:
    """Start a function of a module in a process that works in ``folder`` and may write its output to ``log``."""
    start_server()
    process = multiprocessing.get_context("forkserver").Process(target=_run, args=(work, arguments, folder, log))
    process.start()
    return process


def _run(work: Callable[..., Any], arguments: tuple[Any, ...], folder: Path, log: Path | None) -> None:
    os.chdir(folder)
    if log:
        with log.open("wb") as stream:
            os.dup2(stream.fileno(), 1)
            os.dup2(stream.fileno(), 2)
    raise SystemExit(work(*arguments))

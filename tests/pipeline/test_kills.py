"""A second clone, whose `dvc repro` is killed again and again, against the first one, which nothing disturbed."""

from __future__ import annotations

import json
import os
import queue
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.pipeline.test_pipeline import TABLES, contents

pytestmark = pytest.mark.slow

KILLS = 22
LONGEST = 1.2
"""Seconds after a stage's start within which it is killed at random, be it amid its imports."""
PATIENCE = 5.0
"""Seconds to wait for a write to kill it in; what is small is written faster than one can look."""
WRITTEN = ("data/packs", "scratch/runs", "runs", "records", "evaluation", "statistics", "reports")


@contextmanager
def started(project) -> Iterator[tuple[subprocess.Popen, queue.Queue]]:
    """``dvc repro`` in a process group of its own, and the names of its stages as they begin; "" when it has ended."""
    process = subprocess.Popen(
        ["dvc", "repro"],
        cwd=project.root,
        env=project.environment | {"PYTHONUNBUFFERED": "1"},
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    begun: queue.Queue[str] = queue.Queue()

    def listen() -> None:
        for line in process.stdout:
            if line.startswith("Running stage"):
                begun.put(line.split("'")[1])
        begun.put("")

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        yield process, begun
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        listener.join()


def half_written(root: Path) -> set[str]:
    """Files that are being written, or that a killed process left so."""
    found = set()
    for top in WRITTEN:
        for folder, _, names in os.walk(root / top):
            found |= {f"{folder}/{name}" for name in names if name.endswith(".partial")}
    return found


def training_processes(process: subprocess.Popen) -> int:
    """How many runs are trained at this moment, each in a process that the server of imports forked."""
    found = 0
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            found += "forkserver" in " ".join(child.cmdline())
        except psutil.Error:
            continue
    return max(found - 1, 0)


def wait_for_a_write(root: Path, before: set[str]) -> None:
    """Until some file is half written that was not before."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and half_written(root) <= before:
        time.sleep(0.0005)


def test_a_pipeline_killed_twenty_times_ends_with_the_same_bits(finished, clone):
    rng, stages, in_writes, trained = random.Random(0), [], 0, []
    raw = clone.params()
    raw["train"]["workers"] = 2
    clone.write_params(raw)
    for number in range(KILLS):
        with started(clone) as (process, begun):
            # Three times in the stage that it begins with, then in the one after it.
            for _ in range(1 + (number % 4 == 3)):
                stages.append(begun.get(timeout=300))
            assert stages[-1], f"it ended before it could be killed: {stages}"
            before = half_written(clone.root)
            if number % 2:
                wait_for_a_write(clone.root, before)
            else:
                time.sleep(rng.uniform(0, LONGEST))
            trained.append(training_processes(process))
        in_writes += bool(half_written(clone.root) - before)
    assert len(set(stages)) >= 5, stages
    assert in_writes >= 3
    assert max(trained) == 2
    clone.repro()
    assert sum(json.loads(path.read_text())["resumed"] for path in (clone.root / "records").rglob("*.json")) >= 2
    assert contents(clone.root / "runs") == contents(finished.root / "runs")
    for table in TABLES:
        first, second = (root / f"reports/tables/{table}.csv" for root in (finished.root, clone.root))
        assert first.read_bytes() == second.read_bytes()

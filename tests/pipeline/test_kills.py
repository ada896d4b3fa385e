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

import psutil
import pytest

from tests.pipeline.test_pipeline import TABLES, contents

pytestmark = pytest.mark.slow

KILLS = 22
IN_A_ROW = 3
"""Kills in one stage, the first at a random instant and the others in a write, after which it may end."""
LONGEST = 1.2
"""Seconds after a stage's start within which it is killed at random, be it amid its imports."""
LATEST_WRITE = 4
"""Writes of a process of which one, at random, is the one that it is killed in."""
STOPS_IN_A_WRITE = """
import os
import time

replace, left = os.replace, [int(os.environ.get("STOP_IN_WRITE", 0))]

def stopping(source, target, **more):
    if str(source).endswith(".partial"):
        left[0] -= 1
        if left[0] == 0:
            open("in_a_write", "w").close()
            time.sleep(600)
    replace(source, target, **more)

os.replace = stopping
"""
"""Run by every Python that starts: it stops where a file is written and does not yet bear its name."""


@contextmanager
def started(project, **environment: str) -> Iterator[tuple[subprocess.Popen, queue.Queue]]:
    """``dvc repro`` in a process group of its own, and the names of its stages as they begin; "" when it has ended."""
    process = subprocess.Popen(
        ["dvc", "repro"],
        cwd=project.root,
        env=project.environment | environment | {"PYTHONUNBUFFERED": "1"},
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


def training_processes(process: subprocess.Popen) -> int:
    """How many runs are trained at this moment, each in a process that the server of imports forked."""
    found = 0
    for child in psutil.Process(process.pid).children(recursive=True):
        with suppress(psutil.Error):
            found += "forkserver" in " ".join(child.cmdline())
    return max(found - 1, 0)


def test_a_pipeline_killed_twenty_times_ends_with_the_same_bits(finished, clone):
    rng, stages, in_writes, trained = random.Random(0), [], 0, [0]
    raw = clone.params()
    raw["train"]["workers"] = 2
    clone.write_params(raw)
    (clone.root / "sitecustomize.py").write_text(STOPS_IN_A_WRITE)
    mark = clone.root / "in_a_write"
    for number in range(KILLS):
        write, seconds = rng.randint(1, LATEST_WRITE), rng.uniform(0, LONGEST)
        in_write = number % IN_A_ROW > 0
        with started(clone, **{"STOP_IN_WRITE": str(write)} if in_write else {}) as (process, begun):
            stage = begun.get(timeout=300)
            if stage and not in_write and stages[-1:] == [stage]:
                stage = begun.get(timeout=300)
            if not stage:
                break
            if in_write:
                # Where it makes fewer writes, it is killed as the next stage begins.
                while not mark.exists() and begun.empty():
                    time.sleep(0.01)
            else:
                time.sleep(seconds)
            if begun.empty():
                trained.append(training_processes(process))
        stages.append(stage)
        in_writes += mark.exists()
        mark.unlink(missing_ok=True)
    assert len(stages) >= 20, stages
    assert len(set(stages)) >= 6, stages
    assert in_writes >= 8
    assert max(trained) == 2
    clone.repro()
    assert sum(json.loads(path.read_text())["resumed"] for path in (clone.root / "records").rglob("*.json")) >= 2
    assert contents(clone.root / "runs") == contents(finished.root / "runs")
    for table in TABLES:
        first, second = (root / f"reports/tables/{table}.csv" for root in (finished.root, clone.root))
        assert first.read_bytes() == second.read_bytes()

"""A second clone, whose training is killed again and again, against the first one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import pytest

from tests.pipeline.test_pipeline import TABLES, contents

pytestmark = pytest.mark.slow


def kill_at(project, condition, command):
    """Start a command in a process group of its own and SIGKILL the group when the condition holds."""
    process = subprocess.Popen(
        command,
        cwd=project.root,
        env=project.environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 300
    while not condition():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_second_clone_killed_again_and_again_ends_with_the_same_bits(finished, clone):
    for saves in (1, 2, 3):
        seen, started = set(), time.time()

        def progressed(seen=seen, started=started, saves=saves):
            """As many updates as asked for were made and saved since this start."""
            found = (clone.root / "scratch/runs").rglob("checkpoint.safetensors")
            seen |= {(path, moment) for path in found if (moment := modified(path)) > started}
            return len(seen) >= saves

        kill_at(clone, progressed, ["dvc", "repro", "train@m2cnn"])
    clone.repro()
    assert sum(json.loads(path.read_text())["resumed"] for path in (clone.root / "records").rglob("*.json")) >= 1
    assert contents(clone.root / "runs") == contents(finished.root / "runs")
    for table in TABLES:
        first, second = (root / f"reports/tables/{table}.csv" for root in (finished.root, clone.root))
        assert first.read_bytes() == second.read_bytes()


def modified(path) -> float:
    """When a file was written last; 0 where it has just gone."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0

"""Commands killed during a write, and `dvc repro` killed during two runs, end with the same bytes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from benchmark.cli.main import main
from tests.factories.forked import forked
from tests.factories.project import BIN
from tests.pipeline.test_pipeline import contents

pytestmark = pytest.mark.slow

STAGES = {
    "fetch": ("fetch",),
    "prepare": ("prepare",),
    "train_system@min_pooling": ("train", "min_pooling"),
    "evaluate": ("evaluate",),
    "statistics": ("statistics",),
    "saliency": ("saliency",),
    "report": ("report",),
}
"""Command of each stage. `architecture` and `transfer` write one file here, as `fetch` does, so they are left out."""
WRITES = (1, 3)
"""Number of the write during which each attempt is killed; the attempt after the last one may finish."""
STOPS_IN_A_WRITE = """
import os
import time

replace, left = os.replace, [int(os.environ.get("STOP_IN_WRITE", 0))]

def stopping(source, target, **more):
    if str(source).endswith(".partial"):
        left[0] -= 1
        if left[0] == 0:
            open(f"in_a_write.{os.getpid()}", "w").close()
            time.sleep(600)
    replace(source, target, **more)

os.replace = stopping
"""
"""Run at the start of every Python: it pauses after a file is written and before it is renamed."""


def run_killed(arguments: tuple[str, ...], write: int) -> int:
    """Run a command in a new process group, and kill the group during the given write; 0 kills nothing."""
    os.setsid()
    replace, left = os.replace, [write]

    def killing(source, target, **more):
        if str(source).endswith(".partial"):
            left[0] -= 1
            if left[0] == 0:
                os.killpg(0, signal.SIGKILL)
        replace(source, target, **more)

    os.replace = killing
    return main(arguments)


def outs_of(root: Path, stage: str) -> list[Path]:
    """Return the files and folders that a stage of dvc.yaml writes."""
    name, _, key = stage.partition("@")
    declared = yaml.safe_load((root / "dvc.yaml").read_text())["stages"][name]
    outs = declared.get("do", declared)["outs"]
    paths = [next(iter(out)) if isinstance(out, dict) else out for out in outs]
    return [root / path.replace("${key}", key) for path in paths]


def remove(paths: Iterable[Path]) -> None:
    """Remove a stage's outputs, as DVC does before it runs the stage."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def bytes_of(path: Path) -> dict[str, bytes]:
    return contents(path) if path.is_dir() else {"": path.read_bytes()}


@pytest.mark.parametrize("stage", STAGES)
def test_a_command_killed_during_a_write_ends_with_the_same_bytes_when_run_again(project, finished, stage):
    outs, ended = outs_of(project.root, stage), []
    remove([project.root / "scratch"])
    for write in (*WRITES, 0):
        remove(outs)
        process = forked(run_killed, STAGES[stage], write, folder=project.root)
        process.join(timeout=300)
        ended.append(process.exitcode)
    assert ended[0] == -signal.SIGKILL
    assert ended[-1] == 0
    for path in outs:
        # A record holds times.
        if "records" not in path.parts:
            assert bytes_of(path) == bytes_of(finished.root / path.relative_to(project.root))


def test_dvc_repro_resumes_two_runs_that_were_killed_at_once(project, finished):
    for folder in ("scratch", "runs/basenet_mt"):
        shutil.rmtree(project.root / folder)
    raw = project.params()
    raw["train"]["parallel_runs"] = 2
    project.write_params(raw)
    (project.root / "sitecustomize.py").write_text(STOPS_IN_A_WRITE)
    command = ("dvc", "repro", "--force", "--single-item", "--no-run-cache", "train@basenet_mt")
    # A signal to a group of processes does not reach a command that is forked from the tests' server.
    path = os.pathsep.join((str(BIN), os.environ["PATH"]))
    environment = project.environment | {"PATH": path, "STOP_IN_WRITE": "4"}
    process = subprocess.Popen(command, cwd=project.root, env=environment, start_new_session=True)
    while len(list(project.root.glob("in_a_write.*"))) < 2:
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    project.run(*command)
    records = [json.loads(path.read_text()) for path in (project.root / "records/basenet_mt").rglob("*.json")]
    assert [record["resumed"] for record in records] == [1, 1]
    assert contents(project.root / "runs") == contents(finished.root / "runs")
